"""The platform of an interpreter and of this machine, in the words that builds of interpreters are named with."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter

__all__ = ["Platform", "platform_of", "this_platform"]

Platform = tuple[str, str, str]
"""System, machine and C library: ``("linux", "x86_64", "gnu")``; the library is ``none`` outside of Linux."""

_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "x86", "i686": "x86", "armv7l": "armv7"}


def platform_of(interpreter: Interpreter) -> Platform:
    """Return the platform that an interpreter was built for."""
    system, machine = interpreter.target.name.split("-")[:2]
    return (
        system,
        _MACHINES.get(machine, machine),
        _library(system, any("musl" in tag for tag in interpreter.target.tags)),
    )


def this_platform() -> Platform:
    """Return the platform of the interpreter that runs Blast."""
    import platform

    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return system, _MACHINES.get(machine, machine), _library(system, not _has_gnu())


def _library(system: str, is_musl: bool) -> str:  # noqa: FBT001 - one fact of a platform
    if system != "linux":
        return "none"
    return "musl" if is_musl else "gnu"


def _has_gnu() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False
