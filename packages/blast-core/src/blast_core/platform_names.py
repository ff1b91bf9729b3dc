"""What platforms are called: one name for each, whichever tool's or system's words it was said in."""

from __future__ import annotations

__all__ = ["platform_of"]

_SYSTEMS = {"darwin": "macos", "osx": "macos", "win": "windows", "manylinux": "linux", "musllinux": "linux"}
_MACHINES = {
    "linux": {"arm64": "aarch64", "amd64": "x86_64", "i386": "i686"},
    "macos": {"aarch64": "arm64", "amd64": "x86_64"},
    "windows": {"aarch64": "arm64", "amd64": "x86_64", "i686": "x86", "i386": "x86"},
}


def platform_of(system: str, machine: str) -> str:
    """Return the name of the platform of ``platform.system()`` and ``platform.machine()``, known or not."""
    system, machine = system.lower(), machine.lower().replace("x86-64", "x86_64")
    system = _SYSTEMS.get(system, system)
    return f"{system}-{_MACHINES.get(system, {}).get(machine, machine)}"
