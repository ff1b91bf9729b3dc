"""Which member paths may enter: relative, forward, printable, bounded, and the same to every reader."""

from __future__ import annotations

from blast_core.limits import PATH_BYTES, PATH_COMPONENT_BYTES, PATH_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["are_plain", "path_fault", "show_path", "tree_fault"]

# Besides C0, DEL and C1: what str.splitlines takes for the end of a line, because RECORD and logs are read by lines.
_LINE_SEPARATORS = "\u2028\u2029"
_SHOWN = 80
# What no plain path has, where each of many stands in a line of its own.
_NOT_PLAIN = ("\\", ":", "//", "/.", "\n/", "\n.")
# No path of this length has a component that is too long.
_PLAIN_SIZE = min(PATH_COMPONENT_BYTES, PATH_BYTES)


def path_fault(path: str) -> str:
    """Return why a member path is refused, or "" for a good one.

    Args:
        path: as in the archive; one slash at the end (a directory) is allowed.
    """
    if _is_plain(path):
        return ""
    fault = _character_fault(path)
    if fault:
        return fault
    encoded_size = len(path) if path.isascii() else len(path.encode())
    if encoded_size > PATH_BYTES:
        return f"its path has {encoded_size} bytes; at most {PATH_BYTES} are allowed"
    parts = path.removesuffix("/").split("/")
    if len(parts) > PATH_DEPTH:
        return f"its path is {len(parts)} levels deep; at most {PATH_DEPTH} are allowed"
    for part in parts:
        fault = _component_fault(part)
        if fault:
            return fault
    return ""


def are_plain(paths: Sequence[str]) -> bool:
    """Tell of nearly all lists of good paths that each of them is one, at once; of others `path_fault` tells more."""
    text = "\n".join(paths)
    return (
        text.isascii()
        and text.count("\n") == len(paths) - 1
        and text.replace("\n", "").isprintable()
        and text[:1] not in "/."
        and not any(map(text.__contains__, _NOT_PLAIN))
        and len(min(paths, key=len)) > 1
        and len(max(paths, key=len)) <= _PLAIN_SIZE
        and max(path.count("/") for path in paths) < PATH_DEPTH
    )


def _is_plain(path: str) -> bool:
    """Tell of nearly all good paths that they are, without looking at their parts."""
    return (
        path.isascii()
        and path.isprintable()
        and 1 < len(path) <= _PLAIN_SIZE
        and path[0] not in "/."
        and path[1] != ":"
        and "/." not in path
        and "//" not in path
        and "\\" not in path
        and path.count("/") < PATH_DEPTH
    )


def _character_fault(path: str) -> str:
    if not path:
        return "its path is empty"
    if path[0] == "/":
        return "its path is absolute"
    if path[1:2] == ":" and path[0].isalpha():
        return "its path begins with a drive letter"
    if "\\" in path:
        return "its path has a backslash"
    if not path.isprintable():
        if any(map(_is_control, path)):
            return "its path has a control character"
        from unicodedata import category

        if any(category(character) == "Cf" for character in path):
            return "its path has a character that shows nothing, or turns what is shown"
    return ""


def _is_control(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or character in _LINE_SEPARATORS


def _component_fault(part: str) -> str:
    if part in {"", ".", ".."}:
        return f"its path has the component {part!r}"
    if len(part) > PATH_COMPONENT_BYTES // 4 and len(part.encode()) > PATH_COMPONENT_BYTES:
        return f"a component of its path has more than {PATH_COMPONENT_BYTES} bytes"
    return ""


def tree_fault(files: Iterable[str], directories: Iterable[str] = ()) -> str:
    """Return why these paths can't lie in one tree, or "".

    Args:
        files: paths of files; one named twice is a fault.
        directories: paths of directories without the slash at the end; they may be repeated by what lies below them.
    """
    names = list(files)
    seen = set(names)
    if len(seen) < len(names):
        return f"two members are called {show_path(_first_repeated(names))}"
    folders = {path.rpartition("/")[0] for path in names}
    folders.update(directories)
    for path in tuple(folders):
        _add_parents(path, folders)
    folders.discard("")
    both = seen & folders
    return f"{show_path(min(both))} is both a file and a directory" if both else ""


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _add_parents(path: str, folders: set[str]) -> None:
    parent = path.rpartition("/")[0]
    while parent and parent not in folders:
        folders.add(parent)
        parent = parent.rpartition("/")[0]


def show_path(path: str) -> str:
    """Return a path for a one-line message: quoted, escaped and shortened."""
    shown = ascii(path) if len(path) <= _SHOWN else ascii(path[:_SHOWN]) + "…"
    return shown.replace("'", '"') if '"' not in shown else shown
