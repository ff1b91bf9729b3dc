"""What is asked of an interpreter, in the words of a user, a ``.python-version`` file or uv.

``3.12``, ``312`` and ``3.12.1`` are versions, ``>=3.11`` is a specifier, ``cpython``, ``pypy@3.10`` and ``python3.12``
name an implementation, with or without a version; anything else is the name of an executable.
"""

from __future__ import annotations

from blast_core.errors import InterpreterNotFound, InvalidRequirement
from blast_core.tuples import NamedTuple
from blast_core.version.specifiers import check_specifier

__all__ = ["InterpreterRequest", "parse_request"]

_IMPLEMENTATIONS = ("cpython", "pypy", "python")


class InterpreterRequest(NamedTuple):
    """What is asked for; each part is empty where anything will do.

    Attributes:
        implementation: ``sys.implementation.name``.
        specifier: of the version (PEP 440).
        name: of an executable on PATH.
    """

    implementation: str = ""
    specifier: str = ""
    name: str = ""


def parse_request(request: str) -> InterpreterRequest:
    """Return what ``request`` asks for; a path is not for this function.

    Raises:
        InterpreterNotFound: it begins like a version or a specifier and is none.
    """
    text = request.strip().lower()
    if not text:
        return InterpreterRequest()
    if text[0] in "<>=!~":
        return InterpreterRequest(specifier=_checked(text, request))
    implementation, version = _split(text)
    if not implementation and not text[0].isdigit():
        return InterpreterRequest(name=request.strip())
    # `python` stands for any implementation.
    wanted = "" if implementation == "python" else implementation
    return InterpreterRequest(wanted, _checked(_specifier(version), request))


def _split(text: str) -> tuple[str, str]:
    for name in _IMPLEMENTATIONS:
        if text.startswith(name):
            rest = text[len(name) :].lstrip("@-")
            if not rest or rest[0].isdigit():
                return name, rest
    return "", text


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
        raise InterpreterNotFound(
            f"no Python interpreter answers to '{request}'",
            reason="it is neither a version such as 3.12 nor a specifier such as >=3.11",
            hint="name another one with --python",
            request=request,
        ) from error
    return specifier
