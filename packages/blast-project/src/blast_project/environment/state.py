"""What the hot path reads: one small struct that says what the manifest and the lock looked like when all was right.

    offset  type  meaning
    0       4s    magic ``BST1``
    4       u16   format version, 4
    6       u16   length of the paths that follow the struct
    8       8s    digest of the options (``blast_project.hot_key``)
    16      u32   number of the generation
    20      u32   number of distributions
    24      i64   when it was written, nanoseconds since 1970
    32      5 x   stamp: u64 inode, i64 size (-1: there is no such file), i64 mtime, i64 ctime, both in nanoseconds
    192     ...   path of site-packages below the environment, NUL, path of the environment, NUL, which start of the
                  machine the generation was made under unless all of it is on the disk, and after a NUL each paths of
                  directories of stores; UTF-8. In a memo: CRC-32 of each of the first three files' content, as eight
                  hexadecimal digits, and two NULs; in that of a view (``blast_project.no_env``) these, and behind
                  them what stands there for an environment

The stamps are of pyproject.toml, blast.lock, pylock.toml and, in an environment, its site-packages directory, whose
times change when a foreign installer adds or removes something, and for each store that links lead into one directory
there, which is gone when the store is: the sum of their stamps.

The path of the environment is the one under which the store knows it for a root. One that was moved since has to be
registered again.

What was made under another start of the machine and never flushed, a power loss may have spoiled: then the state is not
believed, and the next command looks closer.

A stamp proves nothing about a file that changed within one tick of the file system's clock before it was taken. Of a
file that was younger than 20 ms when the state was written, the content is compared with what the generation keeps of
it (``.meta/``), and the state is written anew when that is long enough ago; so git treats what it calls racily clean.
A state that was written at 0 has all files compared. A memo knows the files' contents by their checksums: an accident
is to be noticed, of a file that changed within the same tick and kept its size and its inode.

The module imports ``os`` and ``hot_key`` alone; ``struct`` loads a library, which is 0.35 ms of 10.
"""

import os

from blast_project.hot_key import covers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Look",
    "State",
    "find_view",
    "is_current",
    "is_memo_current",
    "look",
    "read_state",
    "write_memo",
    "write_state",
    "write_view_memo",
]

_MAGIC = b"BST1"
_VERSION = 4
_HEAD = 32
_STAMP = 32
_STAMPS = 5
_SIZE = _HEAD + _STAMPS * _STAMP
_TICK_NS = 20_000_000
_ABSENT = (0, -1, 0, 0)
_FILES = ("pyproject.toml", "blast.lock", "pylock.toml")


class State:
    """What a state file says of the environment.

    Attributes:
        generation: number of the generation; 0 in a memo.
        packages: how many distributions it holds.
        site_packages: below the environment, with ``/``.
        trees: a directory of each store that the environment links into.
        environment: where it was when it was registered with the store; empty for where it is.
        boot: the start of the machine that it was made under; empty if it is known to be on the disk.
    """

    # typing.NamedTuple and collections.namedtuple cost the hot path more than all the rest of this module.
    __slots__ = ("boot", "environment", "generation", "packages", "site_packages", "trees")

    def __init__(
        self,
        generation: int,
        packages: int,
        site_packages: str,
        trees: "tuple[str, ...]" = (),
        environment: str = "",
        boot: str = "",
    ) -> None:
        self.generation = generation
        self.packages = packages
        self.site_packages = site_packages
        self.trees = trees
        self.environment = environment
        self.boot = boot


def is_current(root: str, environment: str, options: bytes, *, wider: bool = False) -> State | None:
    """Return the state when manifest, lock, environment and options are as they were when it was written; else None.

    Args:
        root: directory of the project.
        environment: directory of the environment.
        options: 8 bytes of ``options_digest``.
        wider: more groups and extras than those of ``options`` will do.

    Cost: one read, five stats; once after an undo, a comparison of three files and a write.
    """
    content = _read(f"{environment}/.blast/state")
    if wider and content is not None and covers(content[8:16], options):
        options = content[8:16]
    state = _matching(content, root, options, f"{environment}/.blast/state", environment)
    if state is None or content is None:
        return None
    directory = f"{environment}/{state.site_packages}"
    if _stamp(directory) != _read_stamp(content, 3):
        return None
    if state.trees and _stamp_all(state.trees) != _read_stamp(content, 4):
        return None
    if state.environment != environment and not _is_same(state.environment, environment):
        return None
    if state.boot and not _is_settled(content, environment, state):
        return None
    # The interpreter may have gone away: the link then leads nowhere.
    return state if os.access(f"{environment}/bin/python", os.X_OK) else None


def is_memo_current(root: str, path: str, options: bytes) -> bool:
    """Tell whether the memo at ``path`` says that the lock of the project at ``root`` is current."""
    return _matching(_read(path), root, options, path, "") is not None


def find_view(root: str, path: str, options: bytes) -> str:
    """Return the view that the memo at ``path`` names for the project at ``root``; "" where it no longer answers.

    Cost: one read, six stats.
    """
    content = _read(path)
    state = _matching(content, root, options, path, "")
    if state is None or content is None or not state.environment:
        return ""
    view = state.environment
    # The digits of three checksums, and what is installed in the view.
    if _stamp(f"{view}/{state.site_packages[24:]}") != _read_stamp(content, 3):
        return ""
    if state.trees and _stamp_all(state.trees) != _read_stamp(content, 4):
        return ""
    if state.boot and _stamp(f"{view}/.blast/generations/1/.meta/settled") == _ABSENT:
        from blast_core.boot import boot_id

        if boot_id() != state.boot:
            return ""
    return view if os.access(f"{view}/bin/python", os.X_OK) else ""


def read_state(environment: str) -> State | None:
    """Return what the state file of an environment says, whether or not it is current; None if there is none."""
    content = _read(f"{environment}/.blast/state")
    return _decode(content) if content is not None else None


class Look:
    """The stamps of a project's files at some time, which may save reading the files again."""

    __slots__ = ("at", "stamps")

    def __init__(self, at: int, stamps: list[tuple[int, int, int, int]]) -> None:
        self.at = at
        self.stamps = stamps

    def is_proof(self, stamps: list[tuple[int, int, int, int]]) -> bool:
        """Tell whether files that have these stamps now held then what they hold now."""
        return stamps == self.stamps and _newest(stamps) <= self.at - _TICK_NS


def look(root: str) -> Look:
    """Take the stamps of a project's files, before they are read."""
    import time

    return Look(time.time_ns(), [_stamp(f"{root}/{name}") for name in _FILES])


def write_state(
    root: str,
    environment: str,
    options: bytes,
    state: State,
    contents: "Mapping[str, bytes] | None",
    seen: Look | None = None,
    stores: int = -1,
) -> bool:
    """Record that the environment is what manifest, lock and options ask for.

    Args:
        root: directory of the project.
        environment: directory of the environment.
        options: 8 bytes of ``options_digest``.
        state: what to record.
        contents: what pyproject.toml and the locks held when they were looked at, by name; None where that is what the
            generation keeps of them: then nothing is read, and the next command compares.
        seen: a look at the files from before they were read.
        stores: how many stores its distributions lie in; -1 where nobody has counted.

    Returns:
        False, and nothing is written, when a file holds something else by now: the next command looks again.
    """
    directory = f"{environment}/{state.site_packages}"
    known = state.environment or environment
    from blast_project.environment.settled import unsettled_boot

    boot = unsettled_boot(environment, state.generation)
    linked = State(state.generation, state.packages, state.site_packages, _find_trees(directory, stores), known, boot)
    stamps = [_stamp(f"{root}/{name}") for name in _FILES]
    written = 0 if contents is None else _settle(root, stamps, contents, seen)
    return written is not None and _write(f"{environment}/.blast/state", options, linked, stamps, directory, written)


def write_memo(root: str, path: str, options: bytes, contents: "Mapping[str, bytes]", seen: Look | None = None) -> bool:
    """Record at ``path`` that the lock of the project at ``root`` is current, as ``write_state`` does, without a wait.

    What is too young to be known by its stamps is compared by the next command, by its checksum.
    """
    return _write_memo(root, path, options, State(0, 0, ""), contents, seen)


def write_view_memo(
    root: str, path: str, options: bytes, view: str, state: State, contents: "Mapping[str, bytes]"
) -> bool:
    """Record at ``path`` which view manifest and lock of the project at ``root`` come to.

    Args:
        root: directory of the project.
        path: of the memo.
        options: 8 bytes of ``options_digest``.
        view: absolute path.
        state: its generation, site-packages, and a directory of each store that it leads into.
        contents: what the files held when they were looked at, by name.
    """
    from blast_project.environment.settled import unsettled_boot

    state.environment, state.boot = view, unsettled_boot(view, state.generation)
    return _write_memo(root, path, options, state, contents, None, f"{view}/{state.site_packages}")


def _write_memo(
    root: str,
    path: str,
    options: bytes,
    state: State,
    contents: "Mapping[str, bytes]",
    seen: Look | None,
    directory: str = "",
) -> bool:
    import time

    from blast_core import fs

    fs.make_directories(os.path.dirname(path))
    stamps = [_stamp(f"{root}/{name}") for name in _FILES]
    now = time.time_ns()
    if not (seen and seen.is_proof(stamps)):
        for name, stamp in zip(_FILES, stamps, strict=True):
            is_young = max(stamp[2], stamp[3]) > now - _TICK_NS
            if not is_young and name in contents and _read(f"{root}/{name}") != contents[name]:
                return False
    state.site_packages = "".join(_checksum(contents.get(name)) for name in _FILES) + state.site_packages
    return _write(path, options, state, stamps, directory, now)


def _checksum(content: bytes | None) -> str:
    from zlib import crc32

    return f"{crc32(content or b''):08x}"


def _settle(
    root: str, stamps: list[tuple[int, int, int, int]], contents: "Mapping[str, bytes]", seen: Look | None
) -> int | None:
    """Wait until the stamps can be trusted and return the time; None where the files hold something else by now."""
    import time

    # Reading and comparing files of 1.7 MB takes 1.7 ms.
    if not (seen and seen.is_proof(stamps)) and any(_read(f"{root}/{name}") != contents[name] for name in contents):
        return None
    now = time.time_ns()
    age = now - _newest(stamps)
    if 0 <= age < _TICK_NS:
        time.sleep((_TICK_NS - age) / 1e9)
        now = time.time_ns()
    return now


def _newest(stamps: list[tuple[int, int, int, int]]) -> int:
    return max(max(stamp[2], stamp[3]) for stamp in stamps)


def _write(
    path: str, options: bytes, state: State, stamps: list[tuple[int, int, int, int]], directory: str, written: int
) -> bool:
    from blast_core import fs

    tree = _stamp_all(state.trees)
    if state.trees and tree == _ABSENT:
        return False
    all_stamps = (*stamps, _stamp(directory) if directory else _ABSENT, tree)
    paths = _pack_paths(state)
    head = _pack_head(len(paths), options, state.generation, state.packages, written)
    fs.replace_file(path, b"".join([head, *map(_pack_stamp, all_stamps), paths]), durable=False)
    return True


def _pack_paths(state: State) -> bytes:
    parts = (state.site_packages, state.environment, state.boot, *state.trees)
    return "\0".join(parts).encode("utf-8", "surrogateescape")


def _is_settled(content: bytes, environment: str, state: State) -> bool:
    """Tell whether a generation that was not on the disk when the state was written can be used without a closer look.

    Cost: a stat; three system calls more until it is on the disk, then a write, once.
    """
    try:
        os.stat(f"{environment}/.blast/generations/{state.generation}/.meta/settled")
    except OSError:
        from blast_core.boot import boot_id

        return boot_id() == state.boot
    from blast_core import fs

    state.boot = ""
    paths = _pack_paths(state)
    settled = b"".join([content[:6], len(paths).to_bytes(2, "little"), content[8:_SIZE], paths])
    try:
        fs.replace_file(f"{environment}/.blast/state", settled, durable=False)
    except OSError:
        # Such as a full disk: the next command looks again.
        return True
    return True


def _find_trees(directory: str, stores: int) -> "tuple[str, ...]":
    """Return for each store that links in site-packages lead into a directory there; () if there is no link."""
    found: dict[str, str] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if len(found) != stores and entry.is_symlink() and os.path.isabs(target := os.readlink(entry.path)):
                    tree = os.path.dirname(target)
                    found.setdefault(os.path.dirname(tree), tree)
    except OSError:  # what is wrong with it, the next command that looks closer says
        return ()
    return tuple(found.values())


def _stamp_all(paths: "tuple[str, ...]") -> tuple[int, int, int, int]:
    """Return the sum of the stamps; that of a missing file if one is missing, or if there are no paths."""
    stamps = [_stamp(path) for path in paths]
    if len(stamps) == 1:
        return stamps[0]
    if not stamps or _ABSENT in stamps:
        return _ABSENT
    inode, size, mtime, ctime = map(sum, zip(*stamps, strict=True))
    most = (1 << 63) - 1
    return inode & most, size & most, mtime & most, ctime & most


def _is_same(path: str, other: str) -> bool:
    """Tell whether two paths lead to one directory, such as by a symbolic link above it."""
    try:
        return os.path.samestat(os.stat(path), os.stat(other))
    except OSError:
        return False


def _matching(content: bytes | None, root: str, options: bytes, path: str, environment: str) -> State | None:
    """Return what is at ``path`` if it holds for ``options``; ``environment`` is "" for a memo."""
    if content is None:
        return None
    state = _decode(content)
    if state is None or content[8:16] != options:
        return None
    written = _signed(content, 24)
    young = []
    for at, name in enumerate(_FILES):
        stamp = _read_stamp(content, at)
        if _stamp(f"{root}/{name}") != stamp:
            return None
        if max(stamp[2], stamp[3]) > written - _TICK_NS:
            young.append(name)
    if not young:
        return state
    import time

    now = time.time_ns()
    if not (_is_kept(root, environment, state, young) if environment else _is_known(root, state, young)):
        return None
    _believe(content, path, now)
    return state


def _is_kept(root: str, environment: str, state: State, names: list[str]) -> bool:
    """Tell whether these files, too young to be known by their stamps, are what the generation keeps of them."""
    kept = f"{environment}/.blast/generations/{state.generation}/.meta"
    return all(_read(f"{root}/{name}") == _read(f"{kept}/{name}") for name in names)


def _is_known(root: str, state: State, names: list[str]) -> bool:
    """Tell whether these files, too young to be known by their stamps, have the checksums that a memo knows."""
    known = state.site_packages
    return all(
        _checksum(_read(f"{root}/{name}")) == known[8 * at :][:8] for at, name in enumerate(_FILES) if name in names
    )


def _believe(content: bytes, path: str, now: int) -> None:
    """Write the state at ``path`` anew if its stamps have become enough: they were taken before contents were read."""
    stamps = [_read_stamp(content, at) for at in range(len(_FILES))]
    # Whatever is written from now on gets another time.
    if _newest(stamps) <= now - _TICK_NS:
        from blast_core import fs

        try:
            fs.replace_file(path, _at(content, now), durable=False)
        except OSError:
            # Such as a full disk: the next command compares again.
            return


def _at(content: bytes, written: int) -> bytes:
    """Return a state that says it was written at another time."""
    return content[:24] + written.to_bytes(8, "little", signed=True) + content[_HEAD:]


def _decode(content: bytes) -> State | None:
    if len(content) < _SIZE:
        return None
    if (
        content[:4] != _MAGIC
        or _unsigned(content, 4, 2) != _VERSION
        or len(content) != _SIZE + _unsigned(content, 6, 2)
    ):
        return None
    paths = content[_SIZE:].decode("utf-8", "surrogateescape").split("\0")
    if len(paths) < 3:
        return None
    site_packages, environment, boot, *trees = paths
    return State(_unsigned(content, 16, 4), _unsigned(content, 20, 4), site_packages, tuple(trees), environment, boot)


def _pack_head(length: int, options: bytes, generation: int, packages: int, written: int) -> bytes:
    head = _MAGIC + _VERSION.to_bytes(2, "little") + length.to_bytes(2, "little") + options
    head += generation.to_bytes(4, "little") + packages.to_bytes(4, "little")
    return head + written.to_bytes(8, "little", signed=True)


def _pack_stamp(stamp: tuple[int, int, int, int]) -> bytes:
    inode, *others = stamp
    return inode.to_bytes(8, "little") + b"".join([value.to_bytes(8, "little", signed=True) for value in others])


def _read_stamp(content: bytes, number: int) -> tuple[int, int, int, int]:
    at = _HEAD + number * _STAMP
    return _unsigned(content, at, 8), _signed(content, at + 8), _signed(content, at + 16), _signed(content, at + 24)


def _unsigned(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


def _signed(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 8], "little", signed=True)


def _stamp(path: str) -> tuple[int, int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        parts = [os.read(fd, 65536)]
        while parts[-1]:
            parts.append(os.read(fd, 1 << 20))
        return b"".join(parts)
    finally:
        os.close(fd)
