"""Resolving for a Python or a platform that is not there: ``--python-version`` and ``--python-platform``."""

from __future__ import annotations

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter
    from blast_core.platforms import Platform

__all__ = ["for_other_target"]

_OLDEST_MINOR = 6
_ALONE = {"linux": "linux-x86_64", "macos": "macos-arm64", "windows": "windows-x86_64"}


def for_other_target(interpreter: Interpreter, python_version: str, platform: str) -> Interpreter:
    """Return the interpreter, which goes on to do what has to be built, with another target to resolve for.

    Args:
        interpreter: the one at hand; its platform or Python counts where the other argument is "".
        python_version: such as ``3.9``, which stands for 3.9.0, or ``3.9.21``.
        platform: such as ``linux-aarch64``, ``windows``, ``x86_64-manylinux2014`` or ``aarch64-apple-darwin``.

    Raises:
        UsageError: no version of Python 3, or no platform that is known.
    """
    if not python_version and not platform:
        return interpreter
    from blast_core.platforms import make_target

    minor, patch = _read_version(python_version or interpreter.version)
    return interpreter._replace(
        target=make_target(_find_platform(interpreter, platform), minor, patches=(patch, patch))
    )


def _read_version(text: str) -> tuple[int, int]:
    """Return the minor and the patch release."""
    major, *rest = text.split(".")
    if major != "3" or not 1 <= len(rest) <= 2 or not all(part.isdecimal() for part in rest):
        raise UsageError(
            f"--python-version {text}: that is no version of Python 3", hint="give one such as 3.12 or 3.12.4"
        )
    minor, patch = (*map(int, rest), 0)[:2]
    if minor < _OLDEST_MINOR:
        raise UsageError(f"--python-version {text}: nothing is built for it any more")
    return minor, patch


def _find_platform(interpreter: Interpreter, name: str) -> Platform:
    from blast_core.platform_names import platform_of
    from blast_core.platforms import KNOWN_PLATFORMS, platform_named

    if not name:
        environment = interpreter.target.marker_environment
        name = platform_of(environment["platform_system"], environment["platform_machine"])
    found = platform_named(_ALONE.get(name, name)) or platform_named(_from_triple(name))
    if found is None:
        known = ", ".join(KNOWN_PLATFORMS)
        raise UsageError(f"--python-platform {name}: no such platform", hint=f"one of {known}, or a triple of uv's")
    return found


def _from_triple(name: str) -> str:
    """Return our name of what uv calls such as ``x86_64-manylinux_2_28`` or ``aarch64-unknown-linux-gnu``."""
    machine, _, rest = name.partition("-")
    for word, system in (("linux", "linux"), ("apple", "macos"), ("windows", "windows")):
        if word in rest:
            return f"{system}-{machine}"
    return name
