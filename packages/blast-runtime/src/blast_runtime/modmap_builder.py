"""Write a module map (DPM). Equal sets of distributions give equal bytes. The layout is told by docs/spec/dpm.md."""

from blast_runtime.modmap import CHECK_PRIME, MAGIC, MAX_SIZE, MODULE, PORTION, VERSION, MapError, fnv1a64, normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    # Import name, kind, directory below the distribution's own with "/", suffix; see `blast_runtime.modmap.Place`.
    Row = tuple[str, int, str, str]

__all__ = ["MappedDistribution", "write_map"]

_HEADER_BYTES = 64


class MappedDistribution:
    """What a map says of one distribution.

    Args:
        name: as its metadata spells it.
        version: as in its metadata.
        directory: absolute path of the directory that holds its modules and its .dist-info.
        dist_info: name of its .dist-info directory.
        modules: (import name, kind, directory, suffix) of each place; the directory is below ``directory``, with ``/``.
        path_files: (directory below ``directory``, name) of each ``.pth`` file.
        texts: files of .dist-info to be seen instead of, or beside, those that lie there.
    """

    __slots__ = ("directory", "dist_info", "key", "modules", "name", "path_files", "texts", "version")

    def __init__(
        self,
        name: str,
        version: str,
        directory: str,
        dist_info: str,
        modules: "Sequence[Row]",
        path_files: "Sequence[tuple[str, str]]" = (),
        texts: "Mapping[str, bytes] | None" = None,
    ) -> None:
        self.key = normalized(name)
        self.name = name
        self.version = version
        self.directory = directory
        self.dist_info = dist_info
        self.modules = modules
        self.path_files = path_files
        self.texts = texts or {}


class _Pool:
    """The strings of a map, each once."""

    def __init__(self) -> None:
        self._places: dict[bytes, tuple[int, int]] = {b"": (0, 0)}
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, value: "str | bytes") -> "tuple[int, int]":
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        place = self._places.get(data)
        if place is None:
            place = self._places[data] = (self.size, len(data))
            self._parts.append(data)
            self.size += len(data)
        return place

    def content(self) -> bytes:
        return b"".join(self._parts)


def write_map(distributions: "Iterable[MappedDistribution]", roots: "Iterable[str]" = ()) -> bytes:
    """Return the map of a set of distributions.

    Args:
        distributions: in any order, no name twice.
        roots: beginnings of paths below which nothing may be written, each with a separator at its end.

    Raises:
        MapError: a name stands twice, a row is not what a map can say, or the map would be too large.
    """
    members = sorted(distributions, key=lambda member: member.key)
    for one, other in zip(members, members[1:]):
        if one.key == other.key:
            raise MapError("a distribution stands twice", "", "name", one.key)
    pool = _Pool()
    prefixes = [pool.add(root) for root in sorted(set(roots))]
    owners, texts = _distributions(members, pool)
    names, table, places, merged = _modules(members, pool)
    files = _path_files(members, pool)
    sections = (prefixes, owners, names, table, places, files, texts, merged)
    words = [word for section in sections for row in section for word in row]
    body = b"".join([word.to_bytes(4, "little") for word in words])
    size = _HEADER_BYTES + len(body) + pool.size + 4
    if size > MAX_SIZE:
        raise MapError("it would be too large", "", "size", size)
    counts = [len(section) for section in sections]
    head = [VERSION, size, *counts, pool.size, 0, 0, 0, 0]
    data = MAGIC + b"".join([word.to_bytes(4, "little") for word in head]) + body + pool.content()
    return data + (int.from_bytes(data, "little") % CHECK_PRIME).to_bytes(4, "little")


def _distributions(
    members: "Sequence[MappedDistribution]", pool: _Pool
) -> "tuple[list[tuple[int, ...]], list[tuple[int, ...]]]":
    rows: list[tuple[int, ...]] = []
    texts: list[tuple[int, ...]] = []
    for member in members:
        fields = (member.key, member.name, member.version, member.directory, member.dist_info)
        strings = [word for field in fields for word in pool.add(field)]
        rows.append((*strings, len(texts), len(member.texts)))
        texts.extend([(*pool.add(name), *pool.add(member.texts[name])) for name in sorted(member.texts)])
    return rows, texts


def _modules(
    members: "Sequence[MappedDistribution]", pool: _Pool
) -> "tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[int, ...]]]":
    found: dict[bytes, list[tuple[int, int, str, str]]] = {}
    for owner, member in enumerate(members):
        for name, kind, directory, suffix in member.modules:
            if not MODULE <= kind <= PORTION or (kind == PORTION) != (not suffix):
                raise MapError("a place is neither module nor package", "", "name", name)
            found.setdefault(name.encode("utf-8", "surrogateescape"), []).append((owner, kind, directory, suffix))
    rows: list[tuple[int, ...]] = []
    places: list[tuple[int, ...]] = []
    hashes = []
    for key in sorted(found):
        hashed = fnv1a64(key)
        hashes.append(hashed)
        here = sorted(set(found[key]))
        rows.append((hashed & 0xFFFFFFFF, hashed >> 32, *pool.add(key), len(places), len(here)))
        places.extend([(kind, owner, *pool.add(below), *pool.add(suffix)) for owner, kind, below, suffix in here])
    parents = sorted({key.rpartition(b".")[0] for key in found} - {b""})
    return rows, _table(hashes), places, [pool.add(parent) for parent in parents]


def _table(hashes: "Sequence[int]") -> "list[tuple[int, ...]]":
    slots = 1 << (2 * len(hashes) - 1).bit_length() if hashes else 1
    table = [0] * slots
    for number, hashed in enumerate(hashes, 1):
        slot = hashed & (slots - 1)
        while table[slot]:
            slot = (slot + 1) & (slots - 1)
        table[slot] = number
    return [(number,) for number in table]


def _path_files(members: "Sequence[MappedDistribution]", pool: _Pool) -> "list[tuple[int, ...]]":
    # In one directory there could be one file of a name: the first distribution's.
    found: dict[str, tuple[int, str]] = {}
    for owner, member in enumerate(members):
        for directory, name in member.path_files:
            found.setdefault(name, (owner, directory))
    return [(found[name][0], *pool.add(found[name][1]), *pool.add(name)) for name in sorted(found)]
