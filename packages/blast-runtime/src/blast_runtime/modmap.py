"""Read a module map (DPM): where each import of a set of distributions lies. Found by hash, never parsed.

The layout is told by docs/spec/dpm.md. A file is read whole and believed only when its checksum is right, which takes a
tenth of a millisecond for 240 distributions; a lookup then touches a slot, a row, and the strings that it returns.

Nothing is imported but what every interpreter has loaded at its start: `struct`, `mmap` and `zlib` are libraries to
load, and each takes longer than all that is done here.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "CHECK_PRIME",
    "MAGIC",
    "MAX_SIZE",
    "MODULE",
    "PACKAGE",
    "PORTION",
    "VERSION",
    "Distribution",
    "MapError",
    "ModuleMap",
    "Place",
    "fnv1a64",
    "normalized",
]

MAGIC = b"DPM1"
VERSION = 1

# Ten times what a hundred thousand distributions take.
MAX_SIZE = 1 << 30

# The checksum is a file's bytes as one integer modulo this, a prime: Python divides integers of any size in C, and
# quickest by one that is a single digit to it, as this is.
CHECK_PRIME = (1 << 30) - 35

# What a place is: a file that is a module, a directory with an `__init__`, a directory without one.
MODULE, PACKAGE, PORTION = 0, 1, 2

_HEADER = 16
# Words in a row of each section, in the order of the sections and of their counts in the header.
_WIDTHS = (2, 12, 6, 1, 6, 5, 4, 2)
_COUNTS = slice(3, 11)
_POOL_SIZE = 11
_MODULUS = 1 << 64


class MapError(ValueError):
    """A module map is damaged, or of another version.

    Args:
        reason: what is wrong.
        file: path of the map.
        field: which field shows it.
        value: what that field says.
    """

    def __init__(self, reason: str, file: str, field: str = "", value: object = "") -> None:
        self.reason = reason
        self.file = file
        self.field = field
        self.value = value
        where = f" ({field} is {value})" if field else ""
        super().__init__(f"the module map {file} can't be read: {reason}{where}")


class Distribution:
    """A distribution of a map.

    Attributes:
        key: its normalised name.
        name: as its metadata spells it.
        version: as in its metadata.
        directory: absolute path of the directory that holds its modules and its .dist-info.
        dist_info: name of its .dist-info directory.
        number: of its row in the map.
    """

    __slots__ = ("_map", "_texts", "directory", "dist_info", "key", "name", "number", "version")

    def __init__(self, map: "ModuleMap", number: int, fields: "Sequence[str]", texts: "tuple[int, int]") -> None:  # noqa: A002
        self._map = map
        self._texts = texts
        self.number = number
        self.key, self.name, self.version, self.directory, self.dist_info = fields

    def texts(self) -> "dict[str, bytes]":
        """Return files of .dist-info that belong to this set of distributions alone, by name."""
        return self._map.read_texts(*self._texts)


class Place:
    """Where one distribution has something under an import name.

    Attributes:
        kind: ``MODULE``, ``PACKAGE`` or ``PORTION``.
        directory: absolute path: of the directory that holds the file, or of the directory itself.
        suffix: of the module's file, or of the package's `__init__`, from its first dot on; "" for a portion.
        distribution: number of the distribution.
    """

    __slots__ = ("directory", "distribution", "kind", "suffix")

    def __init__(self, kind: int, directory: str, suffix: str, distribution: int) -> None:
        self.kind = kind
        self.directory = directory
        self.suffix = suffix
        self.distribution = distribution


class ModuleMap:
    """A module map, open for lookups; safe to use from any number of threads.

    Args:
        path: of the file.
        data: its content; None reads it.

    Raises:
        MapError: it is damaged, or a newer Blast wrote it.
        OSError: it can't be read.
    """

    __slots__ = ("_counts", "_pool", "_starts", "_words", "path")

    def __init__(self, path: str, data: "bytes | None" = None) -> None:
        self.path = path
        if data is None:
            with open(path, "rb", 0) as file:
                data = file.readall()
        self._check_header(data)
        head = _words(data[: 4 * _HEADER])
        counts = tuple(head[_COUNTS])
        starts = [_HEADER]
        for count, width in zip(counts, _WIDTHS):
            starts.append(starts[-1] + count * width)
        pool = 4 * starts[-1]
        size = pool + head[_POOL_SIZE] + 4
        if size != len(data):
            raise MapError("its sections don't fill it", path, "size", len(data))
        slots, names = counts[3], counts[2]
        if slots & (slots - 1) or slots < 2 * names or not slots:
            raise MapError("its table has a wrong size", path, "slots", slots)
        view = memoryview(data)
        if int.from_bytes(view[:-4], "little") % CHECK_PRIME != int.from_bytes(view[-4:], "little"):
            raise MapError("its checksum is wrong", path, "checksum", view[-4:].hex())
        self._counts = counts
        self._starts = starts
        self._words = _words(view[:pool])
        self._pool = view[pool:-4]

    def _check_header(self, data: bytes) -> None:
        if data[:4] != MAGIC:
            raise MapError("it is no module map", self.path, "magic", data[:4].hex())
        version = int.from_bytes(data[4:6], "little")
        if version > VERSION:
            raise MapError("a newer Blast wrote it", self.path, "version", version)
        stated = int.from_bytes(data[8:12], "little")
        if version != VERSION or data[6:8] != b"\0\0":
            raise MapError("its version is unknown", self.path, "version", data[4:8].hex())
        if stated != len(data) or not 4 * _HEADER + 8 <= stated <= MAX_SIZE:
            raise MapError("it is cut off", self.path, "size", stated)

    def find(self, name: str) -> "tuple[Place, ...]":
        """Return the places of a top-level import name, or of a dotted one that several distributions share.

        Returns:
            In the order of the distributions' normalised names; () for a name that the map doesn't answer for.
        """
        row = self._find_row(name)
        if row is None:
            return ()
        words = self._words
        first, count = words[row + 4], words[row + 5]
        return tuple([self._place(number) for number in range(first, first + count)])

    def _find_row(self, name: str) -> "int | None":
        key = name.encode("utf-8", "surrogateescape")
        value = fnv1a64(key)
        low, high = value & 0xFFFFFFFF, value >> 32
        words, starts = self._words, self._starts
        slots = self._counts[3]
        slot = low & (slots - 1)
        for _ in range(slots):
            number = words[starts[3] + slot]
            if not number:
                return None
            if number > self._counts[2]:
                raise MapError("a slot leads nowhere", self.path, "slot", number)
            row = starts[2] + (number - 1) * 6
            if words[row] == low and words[row + 1] == high and self._bytes(row + 2) == key:
                return row
            slot = (slot + 1) & (slots - 1)
        return None

    def _place(self, number: int) -> Place:
        if number >= self._counts[4]:
            raise MapError("a name leads nowhere", self.path, "place", number)
        row = self._starts[4] + number * 6
        words = self._words
        kind, distribution = words[row], words[row + 1]
        if kind > PORTION:
            raise MapError("a place has an unknown kind", self.path, "kind", kind)
        below = self._text(row + 2)
        directory = self._text(self._distribution_row(distribution) + 6)
        return Place(kind, _join(directory, below), self._text(row + 4), distribution)

    def names(self) -> "Iterator[str]":
        """Yield every name that `find` answers for, sorted by its UTF-8 bytes."""
        start = self._starts[2]
        for number in range(self._counts[2]):
            yield self._text(start + number * 6 + 2)

    def merged(self) -> "tuple[str, ...]":
        """Return the packages, dotted, of which some child is to be looked up here too."""
        start = self._starts[7]
        return tuple([self._text(start + number * 2) for number in range(self._counts[7])])

    def roots(self) -> "tuple[str, ...]":
        """Return the beginnings of paths below which nothing is ever written, each with a separator at its end."""
        start = self._starts[0]
        return tuple([self._text(start + number * 2) for number in range(self._counts[0])])

    def distributions(self) -> "tuple[Distribution, ...]":
        """Return all distributions, sorted by normalised name."""
        return tuple([self.distribution(number) for number in range(self._counts[1])])

    def distribution(self, number: int) -> Distribution:
        """Return the distribution that a place names."""
        row = self._distribution_row(number)
        fields = [self._text(row + 2 * field) for field in range(5)]
        return Distribution(self, number, fields, (self._words[row + 10], self._words[row + 11]))

    def _distribution_row(self, number: int) -> int:
        if number >= self._counts[1]:
            raise MapError("a place has no distribution", self.path, "distribution", number)
        return self._starts[1] + number * 12

    def find_distribution(self, name: str) -> "Distribution | None":
        """Return the distribution of a name in any spelling, or None. Cost: some eight comparisons."""
        wanted = normalized(name)
        low, high = 0, self._counts[1]
        while low < high:
            middle = (low + high) // 2
            found = self._text(self._distribution_row(middle))
            if found == wanted:
                return self.distribution(middle)
            if found < wanted:
                low = middle + 1
            else:
                high = middle
        return None

    def path_files(self) -> "tuple[tuple[str, str], ...]":
        """Return (directory, name) of each ``.pth`` file, in the order in which `site` would take them."""
        found = []
        words = self._words
        for number in range(self._counts[5]):
            row = self._starts[5] + number * 5
            directory = self._text(self._distribution_row(words[row]) + 6)
            found.append((_join(directory, self._text(row + 1)), self._text(row + 3)))
        return tuple(found)

    def read_texts(self, first: int, count: int) -> "dict[str, bytes]":
        """Return the rows of the texts section from ``first`` on."""
        if first + count > self._counts[6]:
            raise MapError("a distribution's texts lie outside", self.path, "texts", first + count)
        start = self._starts[6]
        rows = [start + number * 4 for number in range(first, first + count)]
        return {self._text(row): bytes(self._bytes(row + 2)) for row in rows}

    def _text(self, word: int) -> str:
        return str(self._bytes(word), "utf-8", "surrogateescape")

    def _bytes(self, word: int) -> memoryview:
        start, size = self._words[word], self._words[word + 1]
        if start + size > len(self._pool):
            raise MapError("a string lies outside", self.path, "string", f"{start}+{size}")
        return self._pool[start : start + size]


def _words(data: "bytes | memoryview") -> "Sequence[int]":
    if sys.byteorder == "little":
        return memoryview(data).cast("I")
    from struct import unpack

    return unpack(f"<{len(data) // 4}I", data)


def _join(directory: str, below: str) -> str:
    if not below:
        return directory
    return directory + _SEPARATOR + (below if _SEPARATOR == "/" else below.replace("/", _SEPARATOR))


_SEPARATOR = "\\" if sys.platform == "win32" else "/"


def fnv1a64(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash of ``data``."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % _MODULUS
    return value


def normalized(name: str) -> str:
    """Return a project's name as PEP 503 writes it: lower case, each run of ``-``, ``_`` and ``.`` one ``-``."""
    words = name.lower().replace("_", "-").replace(".", "-").split("-")
    middle = [word for word in words[1:-1] if word]
    return "-".join([words[0], *middle, *words[1:][-1:]])
