"""What is asked of an interpreter, in the words of a user, a ``.python-version`` file or uv.

    3.12  312  3.12.1           a version, as far as it goes
    3.13t  3.13+freethreaded    a build without the global lock; 3.13d and 3.13+debug for one with assertions
    >=3.11,<3.13                a specifier
    cpython  pypy@3.10  cp312   an implementation, with or without a version or a specifier
    cpython-3.12-linux-x86_64-gnu   the name of a build, as far as it goes; `any` for a part that does not matter
    mypython                    anything else is the name of an executable

A path is not for this module.
"""

from __future__ import annotations

from blast_core.errors import InterpreterNotFound, InvalidRequirement
from blast_core.tuples import NamedTuple
from blast_core.version.specifiers import check_specifier

__all__ = ["ANY_VARIANT", "InterpreterRequest", "parse_request"]

#: The request says nothing of the build: whatever is found under a name will do.
ANY_VARIANT = "*"

_IMPLEMENTATIONS = (
    ("cpython", "cpython"),
    ("pypy", "pypy"),
    ("graalpy", "graalpy"),
    ("python", ""),  # of any implementation
    ("cp", "cpython"),
    ("pp", "pypy"),
    ("gp", "graalpy"),
)
_ANYTHING = frozenset(("any", "default"))
_VARIANTS = {"freethreaded": "t", "debug": "d", "freethreaded+debug": "td"}
_SYSTEMS = {"linux": "linux", "macos": "macos", "darwin": "macos", "windows": "windows", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i686": "x86", "i386": "x86"}
_LIBRARIES = frozenset(("gnu", "musl", "none"))
_SHORT_NAME = 2


class InterpreterRequest(NamedTuple):
    """What is asked for; each part is empty where anything will do.

    Attributes:
        implementation: ``sys.implementation.name``.
        specifier: of the version (PEP 440).
        name: of an executable on PATH.
        variant: of the build: ``""`` for an ordinary one, ``t`` without the global lock, ``d`` with assertions, ``td``;
            `ANY_VARIANT` where it was not spoken of.
        system: ``linux``, ``macos`` or ``windows``.
        machine: such as ``x86_64`` or ``aarch64``.
        library: of C: ``gnu``, ``musl`` or ``none``.
    """

    implementation: str = ""
    specifier: str = ""
    name: str = ""
    variant: str = ""
    system: str = ""
    machine: str = ""
    library: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it names one patch level, as ``3.12.1`` does."""
        return self.specifier.startswith("==") and self.specifier.count(".") > 1 and not self.specifier.endswith("*")


def parse_request(request: str) -> InterpreterRequest:
    """Return what ``request`` asks for.

    Raises:
        InterpreterNotFound: it begins like a version, a specifier or the name of a build and is none.
    """
    text = request.strip().lower()
    if not text or text in _ANYTHING:
        return InterpreterRequest()
    if text[0] in "<>=!~":
        return InterpreterRequest(specifier=_checked(text, request))
    found = _split(text)
    if found is None:
        return InterpreterRequest(name=request.strip(), variant=ANY_VARIANT)
    implementation, rest = found
    if rest[:1] in {"<", ">", "=", "!", "~"}:
        return InterpreterRequest(implementation, _checked(rest, request))
    version, *platform = rest.split("-")
    version, variant = _split_variant(version)
    asked = InterpreterRequest(implementation, _checked(_specifier(version), request), variant=variant)
    return _with_platform(asked, platform, request) if platform else asked


def _split(text: str) -> tuple[str, str] | None:
    """Split an implementation from the front; None where ``text`` begins neither with one nor like a version."""
    if text[0].isdigit():
        return "", text
    for word, implementation in _IMPLEMENTATIONS:
        if not text.startswith(word):
            continue
        rest = text[len(word) :]
        joined = rest.lstrip("@-")
        if joined == rest and rest and not (rest[0].isdigit() or (rest[0] in "<>=!~" and len(word) > _SHORT_NAME)):
            continue
        if not rest:
            return (implementation, "") if len(word) > _SHORT_NAME else None
        if joined[:1].isdigit() or joined[:1] in {"<", ">", "=", "!", "~"} or joined.startswith("any"):
            return implementation, joined.removeprefix("any")
    return None


def _split_variant(version: str) -> tuple[str, str]:
    version, _, long = version.partition("+")
    if long:
        return version, _VARIANTS.get(long, long)
    digits = version.rstrip("td")
    variant = version[len(digits) :]
    return (digits, variant) if variant in {"t", "d", "td"} else (version, "")


def _with_platform(asked: InterpreterRequest, parts: list[str], request: str) -> InterpreterRequest:
    for part in parts:
        if part == "any":
            continue
        if part in _SYSTEMS and not asked.system:
            asked = asked._replace(system=_SYSTEMS[part])
        elif part in _LIBRARIES and not asked.library:
            asked = asked._replace(library=part)
        elif asked.system and not asked.machine and not asked.library:
            asked = asked._replace(machine=_MACHINES.get(part, part))
        else:
            raise _nonsense(request, f"'{part}' is no system, machine or C library there")
    return asked


def _specifier(version: str) -> str:
    if version.isdecimal() and len(version) > 1:
        version = f"{version[0]}.{version[1:]}"
    if not version or version.count(".") >= 2:
        return version and f"=={version}"
    return f"=={version}.*"


def _checked(specifier: str, request: str) -> str:
    try:
        check_specifier(specifier)
    except InvalidRequirement as error:
        raise _nonsense(request, "it is neither a version such as 3.12 nor a specifier such as >=3.11") from error
    return specifier


def _nonsense(request: str, reason: str) -> InterpreterNotFound:
    return InterpreterNotFound(
        f"no Python interpreter answers to '{request}'",
        reason=reason,
        hint="name another one with --python",
        request=request,
    )
