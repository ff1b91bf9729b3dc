"""The end of the container: a ZIP archive with what the interpreter imports at its start.

ZIP readers look for the directory at the end of a file and allow anything before the archive, so the container is both.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING

from blast_runtime.memory.container import descriptor_path

if TYPE_CHECKING:
    import subprocess

    from blast_core.interpreter import Interpreter

__all__ = ["RuntimeCompiler", "write_archive"]

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


# Runs in the interpreter that will be started: marshalled (file name, source) by name there, code by name back.
_COMPILER = """
import marshal, sys
files = marshal.load(sys.stdin.buffer)
codes = {name: marshal.dumps(compile(source, path, "exec", 0, True, 0)) for name, (path, source) in files.items()}
from _frozen_importlib_external import MAGIC_NUMBER
sys.stdout.buffer.write(marshal.dumps((MAGIC_NUMBER, codes), 2))
"""


class RuntimeCompiler:
    """Compiles the runtime for an interpreter, in a process of it, while something else is done.

    Args:
        interpreter: that will be started; nothing is started for this process's own.
        descriptor: of the container, in which the modules will lie.
    """

    def __init__(self, interpreter: Interpreter, descriptor: int) -> None:
        self.files = _runtime()
        self._sources = {
            name: (f"{descriptor_path(descriptor)}/{name}", content) for name, content in self.files.items()
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._is_own = _is_own(interpreter)
        if not self._is_own:
            self._process = _start(interpreter.executable, self._sources)

    def result(self) -> dict[str, bytes]:
        """Return compiled files by the names of the sources; {} where that failed: then they are compiled when run."""
        if self._is_own:
            import importlib.util

            codes = {
                name: marshal.dumps(compile(content, path, "exec", dont_inherit=True, optimize=0))
                for name, (path, content) in self._sources.items()
            }
            magic = importlib.util.MAGIC_NUMBER
        else:
            said = self._process.communicate()[0] if self._process is not None else b""
            try:
                magic, codes = marshal.loads(said)  # noqa: S302 - of the interpreter that is about to run it all
            except (ValueError, EOFError, TypeError, MemoryError):
                return {}
        # Flags: known by a hash of the source, which is not to be checked.
        return {name: magic + b"\1\0\0\0" + bytes(8) + code for name, code in codes.items()}


def write_archive(descriptor: int, offset: int, size: int, interpreter: Interpreter, runtime: RuntimeCompiler) -> bytes:
    """Return the archive.

    Args:
        descriptor: of the container.
        offset: of its index.
        size: of its index.
        interpreter: that will be started.
        runtime: has compiled the runtime.
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
    files = {"blast_in_memory.py": starting.encode(), "sitecustomize.py": _SITE.encode(), **runtime.files}
    files.update({f"{name}c": content for name, content in runtime.result().items()})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
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


def _is_own(interpreter: Interpreter) -> bool:
    """Tell whether the bytecode of this process is that of the interpreter that will be started."""
    own = sys.implementation.cache_tag
    return interpreter.cache_tag == own and interpreter.version == ".".join(map(str, sys.version_info[:3]))


def _start(executable: str, sources: dict[str, tuple[str, bytes]]) -> subprocess.Popen[bytes] | None:
    import subprocess

    try:
        process = subprocess.Popen(
            [executable, "-I", "-S", "-B", "-c", _COMPILER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        # All of it is read before anything is written there, so neither waits for the other.
        with process.stdin as pipe:
            pipe.write(marshal.dumps(sources, 2))
    except OSError:
        return None
    process.stdin = None
    return process
