"""What a person may ask for on the command line: a requirement, a path, an address, each also as editable.

flask>=3      name @ https://host/name-1.0.whl      git+https://host/repository@v1.0      ./directory[extra]      -e .
"""

from __future__ import annotations

import os

from blast_core.errors import InvalidRequirement, UsageError
from blast_core.requirements import Requirement, parse_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session
    from blast_project.sources import SourceLoader

__all__ = ["Asked", "editables_of", "name_requirements", "open_loader", "parse_asked", "parse_name"]

_FLAGS = ("-e ", "--editable ", "--editable=")


class Asked(NamedTuple):
    """One thing asked for.

    Attributes:
        requirement: with an absolute address if it has one; its name is "" where only the address tells it.
        editable: whether it is to be installed as editable.
        text: as it was written.
    """

    requirement: Requirement
    editable: bool
    text: str

    @property
    def is_named(self) -> bool:
        """Whether it says which project it is."""
        return bool(self.requirement.name)


def parse_asked(line: str, directory: str = "", *, editable: bool = False) -> Asked:
    """Read what was asked for.

    Args:
        line: as it was typed, or stands in a requirements file.
        directory: what relative paths are relative to.
        editable: it is to be editable, whatever it says.

    Raises:
        InvalidRequirement: it is neither a requirement nor an address.
        UsageError: what is on an index can't be editable.
    """
    text = line.strip()
    for flag in _FLAGS:
        if text.startswith(flag):
            text, editable = text[len(flag) :].strip(), True
    requirement = _read(text, directory)
    if editable and not requirement.url:
        raise UsageError(
            f"'{text}' can't be editable",
            reason="only a source tree on this machine, or a repository, can",
            hint=f"name its directory, such as ./{requirement.name}",
        )
    return Asked(requirement, editable, line.strip())


def parse_name(line: str) -> Requirement:
    """Return a requirement of a project on an index.

    Raises:
        UsageError: it is a path or an address.
        InvalidRequirement: it is no requirement.
    """
    requirement = parse_asked(line, os.sep).requirement
    if requirement.url:
        raise UsageError(f"'{line.strip()}' is an address", reason="a name is needed here", hint="such as 'flask>=3'")
    return requirement


def name_requirements(loader: SourceLoader | None, asked: Iterable[Asked]) -> tuple[Requirement, ...]:
    """Return the requirements of what was asked for; what only an address names is read for its name.

    Args:
        loader: from ``open_loader``.
        asked: in any order.

    Raises:
        IndexAccessError, IntegrityError, InstallError, ProjectError: an address can't be read.
    """
    named = []
    for row in asked:
        requirement = row.requirement
        if not requirement.name and loader is not None:
            requirement = requirement._replace(name=loader.load_address(requirement.url).name)
        named.append(requirement)
    return tuple(named)


def open_loader(session: Session, interpreter: Interpreter, asked: Sequence[Asked]) -> SourceLoader | None:
    """Return what reads the addresses of a command line; None where there is none among them."""
    if not any(row.requirement.url for row in asked):
        return None
    from blast_project.sources import SourceLoader

    return SourceLoader(session, session.settings.directory, interpreter, editables=editables_of(asked))


def editables_of(asked: Iterable[Asked]) -> frozenset[str]:
    """Return the absolute paths of directories that are asked for as editable."""
    from blast_pm.sources.address import parse_address

    addresses = [parse_address(row.requirement.url) for row in asked if row.editable]
    return frozenset(
        os.path.normpath(os.path.join(address.location, address.subdirectory))
        for address in addresses
        if address.kind == "path"
    )


def _read(text: str, directory: str) -> Requirement:
    head, separator, marker = _split_marker(text)
    before = head.partition("@")[0].partition(" ")[0]
    if head.startswith(("git+", "file:")) or "://" in before:
        return _with_marker(_unnamed(head), marker, separator)
    if _is_path(head, directory):
        path, extras = _split_extras(head, directory)
        requirement = Requirement("", extras, url=_path_address(path, directory))
        return _with_marker(requirement, marker, separator)
    requirement = parse_requirement(text)
    if requirement.url.startswith((".", "/", "~")):
        requirement = requirement._replace(url=_path_address(requirement.url, directory))
    elif requirement.url.startswith("file:") and not requirement.url.startswith("file:/"):
        path, sign, fragment = requirement.url[5:].partition("#")
        requirement = requirement._replace(url=_path_address(path, directory) + sign + fragment)
    if requirement.url:
        from blast_pm.sources.address import parse_address

        parse_address(requirement.url)
    return requirement


def _split_marker(text: str) -> tuple[str, str, str]:
    # An address may hold a semicolon: there a blank must come before it.
    for sign in (" ;", "; "):
        head, separator, marker = text.partition(sign)
        if separator and "://" not in marker:
            return head.strip(), separator, marker.strip()
    return text, "", ""


def _with_marker(requirement: Requirement, marker: str, separator: str) -> Requirement:
    if not separator:
        return requirement
    return requirement._replace(marker=parse_requirement(f"x; {marker}").marker)


def _unnamed(url: str) -> Requirement:
    """Return a requirement by address alone; ``#egg=NAME`` names it, as pip has it."""
    from blast_pm.sources.address import parse_address

    address, _, fragment = url.partition("#")
    fields = [field for field in fragment.split("&") if field]
    eggs = [field[4:] for field in fields if field.startswith("egg=")]
    kept = "&".join(field for field in fields if not field.startswith("egg="))
    plain = f"{address}#{kept}" if kept else address
    parse_address(plain)
    named = parse_requirement(eggs[0]) if eggs else Requirement("")
    return Requirement(named.name, named.extras, url=plain)


def _is_path(text: str, directory: str) -> bool:
    from blast_pm.sources.address import is_archive

    if text.startswith((".", "/", "~", "\\")) or (os.name == "nt" and text[1:2] == ":"):
        return True
    if "@" in text or " " in text:
        return False
    return is_archive(text) or ("/" in text and os.path.exists(os.path.join(directory, text)))


def _split_extras(text: str, directory: str) -> tuple[str, tuple[str, ...]]:
    if not text.endswith("]") or os.path.exists(os.path.join(directory, text)):
        return text, ()
    path, _, inside = text[:-1].rpartition("[")
    return path, parse_requirement(f"x[{inside}]").extras


def _path_address(path: str, directory: str) -> str:
    from blast_pm.index.file_urls import url_of_path

    absolute = os.path.normpath(os.path.join(directory, os.path.expanduser(path)))
    if not os.path.exists(absolute):
        raise InvalidRequirement(
            f"there is no {absolute}",
            reason="it is neither a directory nor a wheel or source distribution",
            hint="check the path; a project on an index is named without slashes",
        )
    return url_of_path(absolute)
