"""The file name of a wheel. Spec: binary distribution format, file name convention (PEP 427, 425)."""

from __future__ import annotations

from blast_core.errors import ArchiveRejected, InvalidVersion
from blast_core.limits import PATH_COMPONENT_BYTES, WHEEL_FILE, WHEEL_TAGS
from blast_core.names import is_valid_name, normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.zip import ZipArchive

__all__ = ["WheelName", "infer_wheel_name", "parse_wheel_name"]

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


def infer_wheel_name(archive: ZipArchive) -> str:
    """Return the file name that a wheel should have by what is in it, for one that lies under another.

    Raises:
        ArchiveRejected: it is no wheel.
    """
    from blast_core.archive.headers import parse_headers

    try:
        (top,) = {name for name in (member.name.partition("/")[0] for member in archive.members) if _is_info(name)}
        member = archive.find(f"{top}/WHEEL")
        if member is None or member.raw_size > WHEEL_FILE:
            raise ValueError("WHEEL is missing or too large")  # noqa: TRY301 - as all that is wrong with it
        headers = parse_headers(bytes(archive.read(member)))
    except ValueError as error:
        raise ArchiveRejected(f"{archive.source.name} was refused", reason=f"it is no wheel: {error}") from None
    tags = [tag.split("-") for tag in headers.get_all("tag")]
    sets = zip(*(tag for tag in tags if len(tag) == 3), strict=True)
    compressed = [".".join(sorted(set(part))) for part in sets] or ["py3", "none", "any"]
    build = headers.get("build")
    return "-".join([top.removesuffix(".dist-info"), *([build] if build else []), *compressed]) + ".whl"


def _is_info(name: str) -> bool:
    return name.endswith(".dist-info")


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
