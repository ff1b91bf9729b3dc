"""A pylock.toml with some of its packages written anew; what stays is copied.

The text is one that `write_pylock` wrote: a package begins where a line is ``[[packages]]`` and the next one names it,
because a string of TOML that `write_pylock` writes has no line ends.
"""

from __future__ import annotations

from blast_compat.locks.pylock_writer import input_hash_line, show_index, write_packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from blast_core.formats.dpl.model import Lock, LockedFile

__all__ = ["splice_pylock"]

_PACKAGE = b'\n[[packages]]\nname = "'
_OF_NAMES = b"abcdefghijklmnopqrstuvwxyz0123456789-"


def splice_pylock(
    text: bytes,
    lock: Lock,
    names: Collection[str],
    file_url: Callable[[LockedFile], str],
    bases: Mapping[str, str],
    before: bytes,
    without: Collection[str] = (),
) -> bytes | None:
    """Return the text of a lock of which some packages are written anew.

    Args:
        text: as ``write_pylock`` wrote it, for a lock of the same targets, groups and indexes.
        lock: canonical and lawful; it has the packages that are written, and what they lead to.
        names: of the packages that are written, all that the new lock has of these names.
        file_url: the full URL of a file.
        bases: the file base of each index of the lock.
        before: input hash of the old lock.
        without: names that the new lock has not, though the old one has.

    Returns:
        None where what stays would be written otherwise, too: with other bases, or because it names a package that is
        new.
    """
    parts: dict[str, tuple[int, int]] = {}
    begin = text.find(_PACKAGE)
    end = text.rfind(input_hash_line(before).encode())
    if begin < 0 or end < begin:
        return None
    tail = text[end:]
    if not all(b"    %b,\n" % show_index(*pair).encode() in tail for pair in bases.items()):
        return None
    while begin >= 0:
        at = begin + len(_PACKAGE)
        name = text[at : text.index(b'"', at)].decode()
        begin = text.find(_PACKAGE, at)
        first = parts[name][0] if name in parts else at - len(_PACKAGE)
        parts[name] = first, begin if begin >= 0 else end
    written = write_packages(lock, names, file_url, bases)
    pieces = []
    done = 0
    follow = [*parts, ""]
    place = 0
    for name in sorted({*written, *without}):
        while follow[place] and follow[place] < name:
            place += 1
        if name in parts:
            first, last = parts[name]
        elif _mentions(text, name):
            return None
        else:
            first = last = parts[follow[place]][0] if follow[place] else end
        pieces += [text[done:first], written.get(name, "").encode()]
        done = last
    head = input_hash_line(before).encode()
    return b"".join([*pieces, text[done:end], input_hash_line(lock.input_hash).encode(), tail[len(head) :]])


def _mentions(text: bytes, name: str) -> bool:
    """Tell whether a string of a text begins with a name, as that of a requirement does."""
    quoted = b'"' + name.encode()
    at = text.find(quoted)
    while at >= 0:
        at += len(quoted)
        if text[at] not in _OF_NAMES:
            return True
        at = text.find(quoted, at)
    return False
