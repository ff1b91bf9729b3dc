"""Writing the bundle of `blast_cli.bundle`: what a command had to import from single files is put into it."""

from __future__ import annotations

import marshal
import os
import sys

from blast_cli.bundle import HEADER, top_directory
from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_cli.bundle import Bundle, Entry

__all__ = ["extend"]

# What commands need that have nothing to do: a test holds that nothing else is looked up for them.
_FIRST = frozenset(
    (
        "blast_cli.hot",
        "blast_cli.hot_move",
        "blast_cli.hot_tool",
        "blast_cli.hot_venv",
        "blast_core",
        "blast_core.boot",
        "blast_core.fnv",
        "blast_core.fs",
        "blast_core.home",
        "blast_project",
        "blast_project.environment",
        "blast_project.environment.leases",
        "blast_project.environment.quick",
        "blast_project.environment.state",
        "blast_project.hot_key",
        "blast_project.script_key",
        "blast_project.tool_answers",
    )
)

# The header of a .pyc: magic number, flags, time of the source in seconds, its size.
_PYC_HEADER = 16


def extend(bundle: Bundle) -> None:
    """Put the modules that a bundle missed into it; where it can't be written, nothing happens."""
    top = top_directory()
    new = {name: found for name in bundle.missed if (found := _code_of(name, top)) is not None}
    bundle.missed.clear()
    if not new:
        return
    codes = {name: (bundle.code_bytes(name), entry[2:]) for name, entry in bundle.entries.items() if name not in new}
    codes.update(new)
    indexes: tuple[dict[str, Entry], dict[str, Entry]] = ({}, {})
    offset = 0
    for name, (code, stamp) in codes.items():
        indexes[name not in _FIRST][name] = (offset, len(code), *stamp)
        offset += len(code)
    first, rest = map(marshal.dumps, indexes)
    lengths = len(first).to_bytes(4, "little") + len(rest).to_bytes(4, "little")
    parts = [HEADER, lengths, first, rest, *(code for code, _ in codes.values())]
    try:
        # Durable: nobody checks it again but for its first bytes.
        fs.replace_file(bundle.path, b"".join(parts))
    except OSError:
        return


def _code_of(name: str, top: str) -> tuple[bytes, tuple[int, int, bool]] | None:
    """Return the code that Python keeps of a module, and the stamp of its source; None if it keeps none of it."""
    module = sys.modules.get(name)
    origin, cached = getattr(module, "__file__", None), getattr(module, "__cached__", None)
    if not origin or not cached or not origin.startswith(top + os.sep):
        return None
    try:
        status = os.stat(origin)
        with open(cached, "rb") as file:
            content = file.read()
    except OSError:
        return None
    # Of the source as it is now: without flags the time and the size stand in the file.
    stamp = bytes(4) + (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    stamp += (status.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    if content[4:_PYC_HEADER] != stamp or content[:4] != HEADER[4:]:
        return None
    is_package = os.path.basename(origin) == "__init__.py"
    return content[_PYC_HEADER:], (status.st_mtime_ns, status.st_size, is_package)
