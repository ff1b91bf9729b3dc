"""The file name of a wheel. Spec: binary distribution format, file name convention (PEP 427, 425)."""

from __future__ import annotations

from blast_core.errors import ArchiveRejected, InvalidVersion
from blast_core.limits import PATH_COMPONENT_BYTES, WHEEL_TAGS
from blast_core.names import is_valid_name, normalize_name
from blast_core.tuples import NamedTuple

__all__ = ["WheelName", "parse_wheel_name"]

_TAG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")


class WheelName(NamedTuple):
    """What a wheel's file name says.

    Attributes:
        name: normalised project name.
        version: normalised version.
        build: build tag, "" without one.
        tags: compatibility tags, compressed sets written out, in their order.
    """

    name: str
    version: str
    build: str
    tags: tuple[str, ...]


def parse_wheel_name(filename: str) -> WheelName:
    """Take a wheel's file name apart.

    Raises:
        ArchiveRejected: it is no wheel's file name.
    """
    try:
        return _parse(filename)
    except ValueError as error:
        raise ArchiveRejected(
            f"{filename[:PATH_COMPONENT_BYTES]} was refused", reason=f"its file name is not a wheel's: {error}"
        ) from None


def _parse(filename: str) -> WheelName:
    from blast_core.version import normalize_version

    if not filename.endswith(".whl"):
        raise ValueError("it does not end in .whl")
    parts = filename[:-4].split("-")
    if len(parts) not in {5, 6}:
        raise ValueError(f"it has {len(parts)} parts instead of name-version[-build]-python-abi-platform")
    if not is_valid_name(parts[0]):
        raise ValueError(f"{parts[0]!r} is no project name")
    build = parts[2] if len(parts) == 6 else ""
    if build and not build[0].isdecimal():
        raise ValueError(f"the build tag {build!r} does not begin with a digit")
    try:
        version = normalize_version(parts[1].replace("_", "-"))
    except InvalidVersion:
        raise ValueError(f"{parts[1]!r} is no version") from None
    return WheelName(normalize_name(parts[0]), version, build, _expand(*parts[-3:]))


def _expand(python: str, abi: str, platform: str) -> tuple[str, ...]:
    sets = [text.split(".") for text in (python, abi, platform)]
    if any(not tag or not _TAG_CHARACTERS.issuperset(tag) for tags in sets for tag in tags):
        raise ValueError("its tags are empty or have odd characters")
    if len(sets[0]) * len(sets[1]) * len(sets[2]) > WHEEL_TAGS:
        raise ValueError(f"its tags are more than {WHEEL_TAGS}")
    return tuple(f"{first}-{second}-{third}" for first in sets[0] for second in sets[1] for third in sets[2])
