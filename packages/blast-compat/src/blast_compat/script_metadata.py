"""The metadata of a script, in comments of its own: read and written so that the rest of the file stays as it is.

    # /// script
    # requires-python = ">=3.11"
    # dependencies = ["rich"]
    # ///

Spec: PEP 723, whose regular expression is greedy: the block ends at the last closing line of the run of comments.
"""

from __future__ import annotations

from blast_core.errors import InvalidManifest
from blast_core.tuples import NamedTuple

__all__ = ["ScriptBlock", "read_block", "write_block"]

_BEGIN, _END = "# /// script", "# ///"


class ScriptBlock(NamedTuple):
    """The metadata of a script.

    Attributes:
        first: number of the opening line, from 0.
        last: number of the closing line.
        toml: what stands between, as a TOML document.
    """

    first: int
    last: int
    toml: str


def read_block(text: str, path: str) -> ScriptBlock | None:
    """Return the metadata of a script; None if it has none.

    Raises:
        InvalidManifest: it has two.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    found: list[ScriptBlock] = []
    at = 0
    while at < len(lines):
        end = _end(lines, at) if lines[at] == _BEGIN else -1
        if end < 0:
            at += 1
            continue
        found.append(ScriptBlock(at, end, "".join(f"{line[2:]}\n" for line in lines[at + 1 : end])))
        at = end + 1
    if len(found) > 1:
        line = found[1].first + 1
        raise InvalidManifest(
            f"{path}:{line}: a second block '{_BEGIN}'", reason="PEP 723 allows one", file=path, line=line
        )
    return found[0] if found else None


def write_block(text: str, toml: str) -> str:
    """Return a script with another metadata; what has none gets it at its top, behind ``#!`` and the encoding."""
    newline = "\r\n" if "\r\n" in text else "\n"
    block = read_block(text, "")
    comments = [f"# {line}".rstrip() for line in toml.rstrip("\n").split("\n")]
    written = [_BEGIN, *comments, _END]
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if block is not None:
        return newline.join([*lines[: block.first], *written, *lines[block.last + 1 :]])
    at = 1 if lines[0].startswith("#!") else 0
    if at < len(lines) and lines[at].startswith("#") and "coding" in lines[at]:
        at += 1
    rest = lines[at:]
    return newline.join([*lines[:at], *written, *([""] if rest and rest[0] else []), *rest])


def _end(lines: list[str], begin: int) -> int:
    """Return the number of the line that closes a block; -1 where none does."""
    last = -1
    for number in range(begin + 1, len(lines)):
        line = lines[number]
        if line != "#" and not line.startswith("# "):
            break
        if line == _END:
            last = number
    return last
