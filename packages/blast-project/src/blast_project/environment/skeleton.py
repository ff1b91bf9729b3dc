"""What makes a directory a virtual environment: pyvenv.cfg, the interpreter's links, the links to what is current.

Spec: PEP 405.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core import fs
from blast_project.environment.layout import META

if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter

__all__ = ["link_entries", "unlink_stale_entries", "write_environment_files", "write_generation_files"]

_POINTER = ".blast/current/"


def write_generation_files(staging: str, environment: str, interpreter: Interpreter, prompt: str) -> None:
    """Write into a generation: pyvenv.cfg, the interpreter's links and the activation scripts.

    A program started through the resolved path of a generation finds a complete environment there too.
    """
    from blast_project.environment.activate import write_activation

    scripts = os.path.join(staging, interpreter.scripts)
    if not os.path.isdir(scripts):
        fs.make_directory(scripts)
    minor = ".".join(interpreter.version.split(".")[:2])
    fs.symlink(interpreter.executable, os.path.join(scripts, "python"))
    fs.symlink("python", os.path.join(scripts, "python3"))
    fs.symlink("python", os.path.join(scripts, f"python{minor}"))
    fs.write_file(os.path.join(staging, "pyvenv.cfg"), _configuration(environment, interpreter, prompt))
    write_activation(scripts, environment, prompt or _default_prompt(environment))


def write_environment_files(environment: str, interpreter: Interpreter, prompt: str) -> None:
    """Write what the environment has outside its generations, where it is missing or other than it should be."""
    _ensure(os.path.join(environment, "pyvenv.cfg"), _configuration(environment, interpreter, prompt))
    _ensure(os.path.join(environment, ".gitignore"), b"*\n")
    _ensure(os.path.join(environment, "CACHEDIR.TAG"), b"Signature: 8a477f597d28d172789f06886806bc55\n")


def link_entries(environment: str, generation: str) -> None:
    """Link every entry of a generation from the environment: before the switch, so that none is missing after it."""
    for name in os.listdir(generation):
        if name not in {META, "pyvenv.cfg"}:
            _ensure_link(os.path.join(environment, name), _POINTER + name)
    if os.name != "nt":
        _ensure_link(os.path.join(environment, "lib64"), "lib")


def unlink_stale_entries(environment: str, generation: str) -> None:
    """Remove links of the environment whose entry the current generation does not have."""
    for name in os.listdir(environment):
        path = os.path.join(environment, name)
        if (
            os.path.islink(path)
            and os.readlink(path) == _POINTER + name
            and not os.path.lexists(os.path.join(generation, name))
        ):
            fs.unlink(path)


def _configuration(environment: str, interpreter: Interpreter, prompt: str) -> bytes:
    lines = [
        f"home = {os.path.dirname(interpreter.executable)}",
        "implementation = "
        + {"cpython": "CPython", "pypy": "PyPy"}.get(interpreter.implementation, interpreter.implementation),
        f"version_info = {interpreter.version}",
        "include-system-site-packages = false",
        f"prompt = {prompt or _default_prompt(environment)}",
        f"executable = {interpreter.executable}",
        "blast = 1",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _default_prompt(environment: str) -> str:
    name = os.path.basename(environment)
    return os.path.basename(os.path.dirname(environment)) if name in {".venv", "venv"} else name


def _ensure(path: str, content: bytes) -> None:
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return
    except OSError:
        pass
    fs.replace_file(path, content, durable=False)


def _ensure_link(path: str, target: str) -> None:
    try:
        if os.readlink(path) == target:
            return
    except OSError:
        pass
    fs.replace_symlink(path, target)
