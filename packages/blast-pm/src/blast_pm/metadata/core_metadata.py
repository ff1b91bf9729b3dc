"""Core metadata of one distribution: what the resolver needs of it, parsed once and kept as a record.

Spec: core metadata 2.1 to 2.4 (PEP 566, 643, 685, 639); the header is read by
`blast_core.archive.headers`, as it is when the wheel is installed: both must say the same.
"""

from __future__ import annotations

import marshal

from blast_core.errors import BlastError, IntegrityError, InvalidRequirement
from blast_core.limits import METADATA, REQUIREMENTS
from blast_core.names import normalize_name
from blast_core.requirements import Requirement
from blast_core.tuples import NamedTuple

__all__ = [
    "MetadataRecord",
    "check_belongs",
    "decode_metadata",
    "encode_metadata",
    "parse_metadata",
]

_FORMAT = 1
_SINGLE = frozenset(("metadata-version", "name", "version", "requires-python"))
_REPEATED = frozenset(("requires-dist", "provides-extra", "dynamic"))


class MetadataRecord(NamedTuple):
    """What the metadata of one distribution says.

    Attributes:
        metadata_version: such as ``2.1``.
        name: normalised.
        version: as written.
        requires_python: as written, "" for none.
        provides_extras: normalised, in the order written, each once.
        requirements: markers unevaluated, in the order written.
        dynamic: lower-case names of the fields that a build may change (only a source distribution has any).
        sha256: of the metadata's bytes.
        invalid: what is wrong with a requirement, "" when nothing is; such a version can't be resolved.
    """

    metadata_version: str
    name: str
    version: str
    requires_python: str
    provides_extras: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    dynamic: tuple[str, ...]
    sha256: bytes
    invalid: str = ""


def parse_metadata(content: bytes, where: str) -> MetadataRecord:
    """Parse a METADATA or PKG-INFO file.

    Args:
        content: the file's bytes; the description may hold anything.
        where: what to call it in errors.

    Returns:
        The record; a requirement that can't be read is told in ``invalid``, because it concerns that version only.

    Raises:
        IntegrityError: too large, or without Metadata-Version, Name or Version.
    """
    if len(content) > METADATA:
        reason = f"{len(content)} bytes, at most {METADATA}"
        raise IntegrityError(f"the metadata of {where} is too large", reason=reason)
    single, repeated = _read_header(content)
    for field in ("metadata-version", "name", "version"):
        if not single.get(field):
            raise IntegrityError(f"the metadata of {where} holds no {field.title()}", reason="PEP 566 demands it")
        if field in repeated:
            raise IntegrityError(f"the metadata of {where} holds two {field.title()}s", reason="PEP 566 allows one")
    requirements, invalid = _read_requirements(repeated["requires-dist"])
    import hashlib

    return MetadataRecord(
        single["metadata-version"],
        normalize_name(single["name"]),
        single["version"],
        single.get("requires-python", ""),
        tuple(dict.fromkeys(normalize_name(extra) for extra in repeated["provides-extra"])),
        requirements,
        tuple(value.lower() for value in repeated["dynamic"]),
        hashlib.sha256(content).digest(),
        invalid,
    )


def _read_header(content: bytes) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Read the header as the front door for wheels does; continued lines are joined. Of single fields the first counts.

    A second name or version with another value stands in ``repeated``.
    """
    from blast_core.archive.headers import parse_headers

    single: dict[str, str] = {}
    repeated: dict[str, list[str]] = {name: [] for name in _REPEATED}
    for name, value in parse_headers(content).fields:
        if name in _SINGLE:
            text = value.replace("\n", " ")
            if single.setdefault(name, text) != text:
                repeated.setdefault(name, []).append(text)
        elif name in _REPEATED:
            repeated[name].append(value.replace("\n", " "))
    return single, repeated


def _read_requirements(lines: list[str]) -> tuple[tuple[Requirement, ...], str]:
    if len(lines) > REQUIREMENTS:
        return (), f"{len(lines)} requirements, at most {REQUIREMENTS}"
    from blast_core.released_requirements import parse_released_requirement

    found: list[Requirement] = []
    for line in lines:
        try:
            found.append(parse_released_requirement(line))
        except InvalidRequirement:
            return (), f"Requires-Dist: {line[:200]}"
    return tuple(found), ""


def encode_metadata(record: MetadataRecord) -> bytes:
    """Return the record as a row of the database."""
    # A NamedTuple isn't marshalled as one; plain tuples are.
    requirements = tuple([(row.name, row.extras, row.specifier, row.marker, row.url) for row in record.requirements])
    return marshal.dumps((_FORMAT, *record[:5], requirements, *record[6:]))


def decode_metadata(value: memoryview | bytes) -> MetadataRecord | None:
    """Return the record of a row, None for another format.

    Cost: some 3 us and 0.3 us a requirement.
    """
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    if not isinstance(fields, tuple) or len(fields) != 10 or fields[0] != _FORMAT:
        return None
    make = Requirement._make
    return MetadataRecord._make((*fields[1:6], tuple([make(row) for row in fields[6]]), *fields[7:]))


def check_belongs(record: MetadataRecord, name: str, version: str, where: str) -> None:
    """Check that metadata is of the release that its file's name says.

    Raises:
        IntegrityError: another name or version.
    """
    from blast_core.version import version_key

    if record.name != name:
        raise IntegrityError(f"the metadata of {where} is of another project", reason=f"its Name is {record.name}")
    try:
        same = version_key(record.version) == version_key(version)
    except BlastError:
        same = record.version == version
    if not same:
        raise IntegrityError(f"the metadata of {where} is of another version", reason=f"it says {record.version}")
