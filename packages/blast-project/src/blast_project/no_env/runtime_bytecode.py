"""Bytecode of the runtime, made with the first view of each interpreter.

Python would write it when the first program starts, but not where PYTHONDONTWRITEBYTECODE is set, as it is in many
images, nor where the store is somebody else's; and each start of a program would then compile the runtime anew, which
takes several times as long as the start itself.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import StoreError
from blast_pm.store.bytecode_pool import COMPILED, CompilerPool, Request
from blast_project.no_env.runtime_files import PACKAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter

__all__ = ["compile_runtime"]

_CACHE = "__pycache__"
# PEP 552: based on a hash that Python doesn't check. The directory is called by its content, and never changed; so each
# start is spared the reading of all sources.
_UNCHECKED = (1).to_bytes(4, "little")
# What is loaded first: where its bytecode is, the rest's is.
_FIRST = "bootstrap"


def compile_runtime(runtime: str, interpreter: Interpreter, staging: str) -> int:
    """Compile the modules that a view imports, unless they are, and return how many were.

    Programs run without it, too, so that nothing is raised where the store can't be written.

    Args:
        runtime: the directory that has the package ``blast_runtime`` in it.
        interpreter: for which, and by which.
        staging: a directory on the store's file system that is gone afterwards.
    """
    package = os.path.join(runtime, PACKAGE)
    suffix = f".{interpreter.cache_tag}.pyc"
    cache = os.path.join(package, _CACHE)
    if os.path.isfile(os.path.join(cache, _FIRST + suffix)):
        return 0
    made: list[tuple[str, str]] = []

    def keep(request: Request, kind: bytes, content: bytes) -> None:
        if kind == COMPILED:
            staged = os.path.join(staging, f"runtime-{len(made)}")
            fs.write_file(staged, content[:4] + _UNCHECKED + content[8:], 0o444)
            made.append((staged, request.pyc))

    try:
        names = sorted(name[:-3] for name in os.listdir(package) if name.endswith(".py"))
        requests = [
            Request(0, f"{PACKAGE}/{name}.py", f"{package}/{name}.py", f"{cache}/{name}{suffix}") for name in names
        ]
        with CompilerPool(interpreter.executable, 1) as pool:
            pool.run(iter(requests), keep)
        # An interpreter that meets a pyc which was cut off raises, instead of compiling.
        fs.sync_paths([staged for staged, _ in made])
        fs.make_directories(cache)
        for staged, pyc in sorted(made, key=lambda row: row[1].startswith(f"{cache}/{_FIRST}.")):
            fs.rename(staged, pyc)
    except (OSError, StoreError):
        return 0
    return len(made)
