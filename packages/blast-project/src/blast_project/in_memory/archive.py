"""The end of the container: a ZIP archive with what the interpreter imports at its start.

ZIP readers look for the directory at the end of a file and allow anything before the archive, so the container is both.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from blast_runtime.memory.container import descriptor_path

if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter

__all__ = ["write_archive"]

_STARTING = """from blast_runtime.memory.starting import activate
activate({path!r}, {descriptor}, {offset}, {size}, {python!r})
"""
# Another sitecustomize, which ours hides, has its turn afterwards.
_SITE = """import sys
import blast_in_memory
_own = sys.modules.pop("sitecustomize")
try:
    import sitecustomize
except ImportError as _error:
    if _error.name != "sitecustomize":
        raise
finally:
    sys.modules.setdefault("sitecustomize", _own)
"""
_DATE = (1980, 1, 1, 0, 0, 0)


def write_archive(descriptor: int, offset: int, size: int, interpreter: Interpreter) -> bytes:
    """Return the archive.

    Args:
        descriptor: of the container.
        offset: of its index.
        size: of its index.
        interpreter: that will be started.
    """
    import io
    import zipfile

    starting = _STARTING.format(
        path=descriptor_path(descriptor),
        descriptor=descriptor,
        offset=offset,
        size=size,
        python=os.path.realpath(interpreter.executable),
    )
    files = {"blast_in_memory.py": starting.encode(), "sitecustomize.py": _SITE.encode(), **_runtime()}
    compiled = _compiler(interpreter)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
            if compiled:
                archive.writestr(zipfile.ZipInfo(name + "c", _DATE), _compile(name, content, descriptor))
    return buffer.getvalue()


def _runtime() -> dict[str, bytes]:
    """Return the modules of the runtime, by their paths."""
    import blast_runtime

    root = os.path.dirname(os.path.abspath(str(blast_runtime.__file__)))
    files = {}
    for directory in ("", "memory/"):
        for name in sorted(os.listdir(f"{root}/{directory}")):
            if name.endswith(".py") and (directory or name == "__init__.py"):
                with open(f"{root}/{directory}{name}", "rb") as file:
                    files[f"blast_runtime/{directory}{name}"] = file.read()
    return files


def _compiler(interpreter: Interpreter) -> bool:
    """Tell whether the bytecode of this interpreter is that of the one that will be started."""
    own = sys.implementation.cache_tag
    return interpreter.cache_tag == own and interpreter.version == ".".join(map(str, sys.version_info[:3]))


def _compile(name: str, content: bytes, descriptor: int) -> bytes:
    import importlib.util
    import marshal

    code = compile(content, f"{descriptor_path(descriptor)}/{name}", "exec", dont_inherit=True, optimize=0)
    # Flags: known by a hash of the source, which is not to be checked.
    return importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8) + marshal.dumps(code)
