"""Versions and specifiers of PEP 440, as keys of bytes that sort right.

``keys`` has the versions and tables of them, ``specifiers`` the sets; ``vector`` does both for thousands at once and is
the only one that imports NumPy, so it is not imported here.
"""

from blast_core.version.keys import (
    PackedVersion,
    VersionTable,
    is_prerelease,
    make_version_table,
    prerelease_mask,
    version_key,
)
from blast_core.version.parts import VersionFields, normalize_version, parse_version
from blast_core.version.specifiers import (
    SpecifierSet,
    check_specifier,
    mentions_prerelease,
    specifier_mask,
)

__all__ = [
    "PackedVersion",
    "SpecifierSet",
    "VersionFields",
    "VersionTable",
    "check_specifier",
    "is_prerelease",
    "make_version_table",
    "mentions_prerelease",
    "normalize_version",
    "parse_version",
    "prerelease_mask",
    "specifier_mask",
    "version_key",
]
