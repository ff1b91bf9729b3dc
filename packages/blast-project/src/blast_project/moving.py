"""``undo``, ``redo`` and ``rollback`` where nothing is in the way: files restored, one link switched, and no more.

What the long way (`blast_project.undoing`) mends on its way, such as what killed commands left, what others put into
the environment, or a generation that a power loss spoiled, is looked for before anything is changed, and sends the
command there; so does what it refuses. The changes and their order are the same.
"""

import marshal
import os

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    # What a generation says of itself, `blast_project.environment.generations.Generation`, as it is kept.
    _Row = tuple[Any, ...]
    # Numbers of the generations before and after, names of files, what differs, and what came in between.
    _Moved = tuple[int, int, tuple[str, ...], list[tuple[str, str, str]], OSError | None]

__all__ = ["Restoration", "differences", "jump_path", "kept_files", "move_at_once", "plan_restoration"]

_LOCKS = ("pylock.toml", "blast.lock")
_FORMAT = 1
_MARKERS = (".gitignore", "CACHEDIR.TAG")
_POINTER = ".blast/current/"
# Where the fields lie.
_PARENT, _SITE_PACKAGES, _INSTALLED, _SNAPSHOTS, _OPTIONS = 1, 6, 8, 9, 10


class Restoration:
    """What going to another generation does to the project's files.

    Attributes:
        edited: names of those that hold what neither generation has: they would be lost.
        restored: names of those that get another content, in order.
        removed: names of locks that there were none of then.
    """

    __slots__ = ("edited", "removed", "restored")

    def __init__(self, edited: list[str], restored: list[str], removed: list[str]) -> None:
        self.edited = edited
        self.restored = restored
        self.removed = removed


def kept_files(root: str, kept: "Iterable[str]") -> list[str]:
    """Return the files of which generations keep any, in the order in which they are restored.

    Text first and manifest last, as when a lock is published: killed between, the next command sees a lock that does
    not answer to the manifest. The manifests of members stand before that of the workspace; of one whose directory
    went, nothing is to be restored.
    """
    members = sorted(name for name in kept if "/" in name and os.path.isdir(os.path.join(root, os.path.dirname(name))))
    return [*_LOCKS, *members, "pyproject.toml"]


def plan_restoration(
    found: "Mapping[str, bytes | None]", before: "Mapping[str, bytes]", after: "Mapping[str, bytes]"
) -> Restoration:
    """Return what is to be done with the files of a project.

    Args:
        found: what they hold, in the order in which they are restored; None for one that is not there.
        before: what the current generation keeps of them.
        after: what the other one does.

    What pip commands made keeps no files to compare with.
    """
    edited = [name for name in found if name in after and found[name] not in (None, before.get(name), after[name])]
    restored = [name for name in found if name in after and found[name] != after[name]]
    # One that stays would only be made anew by the next command.
    removed = [
        name for name in _LOCKS if found[name] is not None and found[name] == before.get(name) and name not in after
    ]
    return Restoration(edited, restored, removed)


def differences(before: "Sequence[_Row]", after: "Sequence[_Row]") -> list[tuple[str, str, str]]:
    """Return name and both versions of what differs, by name; a version is empty where the package is absent.

    A rebuilt distribution of one version counts as changed.

    Args:
        before: of each distribution at least name, version and digest.
        after: likewise.
    """
    old = {row[0]: row for row in before}
    new = {row[0]: row for row in after}
    return [
        (name, old[name][1] if name in old else "", new[name][1] if name in new else "")
        for name in sorted({*old, *new})
        if (name in old) != (name in new) or old[name][1:3] != new[name][1:3]
    ]


def jump_path(environment: str) -> str:
    """Return where it stands to which generation the last rollback went, and from which."""
    return os.path.join(environment, ".blast", "jump")


def move_at_once(home: str, root: str, environment: str, verb: str, wanted: int) -> "_Moved | None":
    """Go to another generation of a project's environment.

    Args:
        home: BLAST_HOME.
        root: of the project.
        environment: absolute path.
        verb: ``undo``, ``redo`` or ``rollback``.
        wanted: the generation to roll back to.

    Returns:
        Numbers of the generations before and after, names of files that were restored or removed, `differences`, and
        why the disk refused what comes after the switch; None, and nothing was switched, where the long way has to see.

    Raises:
        OSError: the disk refuses; nothing was switched, and the long way goes on from there.
    """
    if not os.path.lexists(f"{environment}/.blast/current"):
        return None
    from blast_project.exclusive import exclusive_below

    try:
        # Who would have to wait takes the long way, which says for what.
        with exclusive_below(home, root, environment, timeout_s=0):
            return _move(root, environment, verb, wanted)
    except OSError:
        raise
    except Exception as error:
        # Loaded where there is one alone: it is half a millisecond.
        from blast_core.errors import BlastError

        if isinstance(error, BlastError):
            return None
        raise


def _move(root: str, environment: str, verb: str, wanted: int) -> "_Moved | None":
    number = _current(environment)
    current = _read_row(environment, number) if number else None
    if current is None:
        return None
    other = wanted if verb == "rollback" else _find_other(environment, number, current, verb)
    target = _read_row(environment, other) if other and other != number else None
    if target is None or not target[_SNAPSHOTS]:
        return None
    from blast_project.environment.settled import is_doubtful

    if is_doubtful(environment, other) or not _is_tidy(root, environment, other):
        return None
    before, after = _snapshots(environment, number, current), _snapshots(environment, other, target)
    found = {name: _read(f"{root}/{name}") for name in kept_files(root, {**before, **after})}
    plan = plan_restoration(found, before, after)
    if plan.edited:
        return None
    fs.replace_files([(f"{root}/{name}", after[name]) for name in plan.restored])
    for name in plan.removed:
        fs.unlink(f"{root}/{name}")
    fs.replace_symlink(f"{environment}/.blast/current", f"generations/{other}")
    refused = None
    try:
        fs.sync_directory(f"{environment}/.blast")
        if plan.restored or plan.removed:
            fs.sync_directory(root)
        if target[_OPTIONS]:
            _write_state(root, environment, other, target)
        if verb == "rollback":
            fs.replace_file(jump_path(environment), f"{other} {number}\n".encode(), durable=False)
    except OSError as error:
        # The long way would go from here to the next generation.
        refused = error
    restored = tuple(sorted([*plan.restored, *plan.removed]))
    return number, other, restored, differences(current[_INSTALLED], target[_INSTALLED]), refused


def _current(environment: str) -> int:
    folder, _, name = os.readlink(f"{environment}/.blast/current").rpartition("/")
    return int(name) if folder == "generations" and name.isdecimal() else 0


def _read_row(environment: str, number: int) -> "_Row | None":
    """Return what a generation says of itself; None where that can't be read, or was written by another version."""
    content = _read(f"{environment}/.blast/generations/{number}/.meta/generation")
    try:
        version, row, *_ = marshal.loads(content or b"")  # noqa: S302 - written by this user's Blast on this machine
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    return row if version == _FORMAT and len(row) == _OPTIONS + 1 else None


def _find_other(environment: str, number: int, current: "_Row", verb: str) -> int:
    """Return where ``undo`` or ``redo`` leads from a generation; 0 for nowhere that is known here."""
    if verb == "undo":
        words = (_read(jump_path(environment)) or b"").split()
        jumped = len(words) == 2 and words[0] == b"%d" % number and words[1].isdigit()
        # Where a jump leads nowhere, and whether then the parent counts, is not for here.
        return int(words[1]) if jumped else int(current[_PARENT])
    names = os.listdir(f"{environment}/.blast/generations")
    for other in sorted((int(name) for name in names if name.isdecimal()), reverse=True):
        if other <= number:
            break
        row = _read_row(environment, other)
        if row is None:
            return 0
        if row[_PARENT] == number:
            return other
    return 0


def _is_tidy(root: str, environment: str, number: int) -> bool:
    """Tell whether a switch is all that is to be done in an environment: each entry is a link to what is current."""
    own = os.listdir(environment)
    entries = set(os.listdir(f"{environment}/.blast/generations/{number}"))
    entries.discard(".meta")
    kept = os.listdir(f"{environment}/.blast")
    # Where hooks have run, the next command has to see whether they shall run for this generation.
    if "hooks" in kept or any(map(fs.is_temporary, (*own, *kept, *os.listdir(root)))):
        return False
    if not entries.union(_MARKERS).issubset(own):
        return False
    for name in own:
        try:
            target = os.readlink(f"{environment}/{name}")
        except OSError:
            target = ""
        # A link that leads to nothing in the other generation goes, and what is no link gives way to one.
        if (target == _POINTER + name) != (name in entries):
            return False
    return os.readlink(f"{environment}/lib64") == "lib" if "lib64" in own else False


def _snapshots(environment: str, number: int, row: "_Row") -> dict[str, bytes]:
    """Return the project's files that are kept with a generation.

    Raises:
        FileNotFoundError: one is not there.
    """
    from blast_project.environment.layout import snapshot_file

    kept = {}
    for name in row[_SNAPSHOTS]:
        content = _read(f"{environment}/.blast/generations/{number}/.meta/{snapshot_file(name)}")
        if content is None:
            raise FileNotFoundError(name)
        kept[name] = content
    return kept


def _write_state(root: str, environment: str, number: int, row: "_Row") -> None:
    from blast_project.environment.state import State, read_state, write_state

    # Of one that was moved since, the store is told by the next command that looks closer.
    before = read_state(environment)
    known = before.environment if before is not None else os.sep
    state = State(number, len(row[_INSTALLED]), row[_SITE_PACKAGES], environment=known)
    write_state(root, environment, row[_OPTIONS], state, None, stores=_count_stores(environment, number))


def _count_stores(environment: str, number: int) -> int:
    """Return in how many stores lies what a generation links to; -1 where it doesn't say."""
    try:
        found = marshal.loads(_read(f"{environment}/.blast/generations/{number}/.meta/objects") or b"")  # noqa: S302 - as above
    except (ValueError, EOFError, TypeError, MemoryError):
        return -1
    return len(found) if isinstance(found, dict) else -1


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(fd).st_size
        content = os.read(fd, size + 1)
        # It may grow, and signals cut calls short.
        while len(content) != size and (more := os.read(fd, 1 << 16)):
            content += more
        return content
    finally:
        os.close(fd)
