"""What the writer and the reader of pylock.toml must agree on: one function per fact that both derive."""

from __future__ import annotations

from blast_core.errors import BlastError, InvalidField
from blast_core.formats.dpl.model import LockedDependency, LockedSource
from blast_core.names import normalize_name
from blast_core.version import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from blast_core.formats.dpl.model import LockedPackage

__all__ = [
    "FORMAT",
    "OLDEST_FORMAT",
    "format_requirement",
    "format_time",
    "is_standard_file",
    "locate",
    "name_in",
    "parse_requirement",
    "parse_time",
    "standard_source",
    "url_names",
]

FORMAT = 2
"""Version of the ``[tool.blast]`` tables."""

OLDEST_FORMAT = 1
"""The oldest version that is read."""


def locate(url: str, bases: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the index name and the path of a file at ``url``; ("", url) when no base fits.

    Args:
        url: full address.
        bases: (index name, file base) pairs, longest base first.
    """
    for name, base in bases:
        if url.startswith(base):
            return name, url[len(base) :]
    return "", url


def name_in(url: str) -> str:
    """Return the file name that a URL shows in its last part."""
    return url.rpartition("/")[2]


def url_names(url: str, filename: str) -> bool:
    """Tell whether every reader takes ``filename`` from the URL, so that it need not be stated."""
    if not url.endswith(filename) or url[-len(filename) - 1 : -len(filename)] != "/":
        return False
    return "%" not in filename and "?" not in url and "#" not in url and ";" not in filename


def format_time(text: str) -> str:
    """Return ``text`` as a TOML date-time in UTC; "" when it is none."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if text[4:5] + text[7:8] + text[10:11] + text[19:20] + text[26:] == "--T.Z" and text[20:26] != "000000":
        return text  # what indexes give, and what the slow way below would make of it
    if moment.tzinfo is None or moment.utcoffset():
        return ""
    return parse_time(moment)


def parse_time(moment: datetime) -> str:
    """Return the text of an upload time as the standard table has it."""
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def format_requirement(dependency: LockedDependency) -> str:
    """Return a dependency as a PEP 508 line."""
    extras = f"[{','.join(dependency.extras)}]" if dependency.extras else ""
    head = f"{dependency.name}{extras}{dependency.specifier}"
    if ";" in head:
        raise InvalidField("a specifier can't hold a semicolon", field="dependency", value=head)
    return f"{head}; {dependency.marker}" if dependency.marker else head


def parse_requirement(line: str) -> LockedDependency:
    """Return the dependency of a line that ``format_requirement`` wrote; it is not checked further."""
    head, _, marker = line.partition(";")
    end = 0
    while end < len(head) and (head[end].isalnum() or head[end] in "-_."):
        end += 1
    name, rest = head[:end], head[end:].strip()
    extras: tuple[str, ...] = ()
    if rest.startswith("["):
        inside, _, rest = rest[1:].partition("]")
        extras = tuple(part.strip() for part in inside.split(",") if part.strip())
    return LockedDependency(name, rest.strip(), extras, marker.strip())


def is_standard_file(package: LockedPackage, filename: str) -> bool:
    """Tell whether PEP 751 lets ``filename`` stand among the wheels, or as the sdist, of ``package``.

    Its name and version must be the package's; installers refuse the whole lock otherwise.
    """
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        if len(parts) == 6 and not parts[2][:1].isdigit():
            return False
        return len(parts) in (5, 6) and all(parts) and _is_release(package, parts[0], parts[1])
    for ending in (".tar.gz", ".zip"):
        if filename.endswith(ending):
            name, _, version = filename.removesuffix(ending).rpartition("-")
            return _is_release(package, name, version)
    return False


def _is_release(package: LockedPackage, name: str, version: str) -> bool:
    if normalize_name(name) != package.name or "__" in name:
        return False
    if version == package.version or not package.version:
        return bool(version)
    try:
        return version_key(version) == version_key(package.version)
    except BlastError:
        return False


def standard_source(
    directory: str | None,
    archive: tuple[str, str, str] | None,
    vcs: tuple[str, str] | None,
    below: str,
    *,
    editable: bool,
) -> LockedSource:
    """Return the source that the standard tables of a package tell.

    Args:
        directory: path of the ``directory`` table, None without one.
        archive: URL, path and sha256 of the ``archive`` table, None without one.
        vcs: URL and commit of the ``vcs`` table, None without one.
        below: subdirectory of whichever it is.
        editable: as in the ``directory`` table.
    """
    if vcs is not None:
        return LockedSource("git", vcs[0], vcs[1], below, "")
    if archive is not None:
        url, path, digest = archive
        return LockedSource("url", url, "", below, digest) if url else LockedSource("path", path, "", below, digest)
    if directory is not None:
        return LockedSource("editable" if editable else "path", directory, "", below, "")
    return LockedSource("registry", "", "", "", "")
