"""Addresses of direct references, checked once: an ``Address`` holds nothing that a program takes for an option.

    git+https://host/repository.git@v1.0#subdirectory=library
    https://host/name-1.0.tar.gz#sha256=…
    file:///directory/name-1.0-py3-none-any.whl
    file:../library                                   relative to the directory of the lock

Spec: PEP 508 (``name @ address``), PEP 440 (direct references), pip's "VCS support" for ``git+``.
"""

from __future__ import annotations

from blast_core.errors import InvalidRequirement
from blast_core.tuples import NamedTuple

__all__ = ["ARCHIVE_ENDINGS", "Address", "format_git_address", "is_archive", "parse_address"]

#: Endings of files that can be installed or built.
ARCHIVE_ENDINGS = (".whl", ".tar.gz", ".zip")

_GIT_SCHEMES = ("https", "http", "ssh", "file", "git")
_REFUSED_IN_REFERENCES = frozenset(" ~^:?*[\\\"'`$;|&<>(){}")
_HEX = frozenset("0123456789abcdef")
_HINT = "such as git+https://host/repository@v1.0 or https://host/name-1.0.tar.gz"


class Address(NamedTuple):
    """What an address says.

    Attributes:
        kind: ``git``, ``url`` (an archive reached by http) or ``path`` (a file or directory of this machine).
        location: without ``git+``, revision and fragment. For ``path`` a path, relative to the lock if not absolute.
        revision: of a repository, as asked for: a branch, a tag, a commit or a whole ref; "" for its HEAD.
        subdirectory: of the project below the root, with ``/``; "" for the root.
        sha256: that an archive must have; "" for any.
        lfs: whether large files (git LFS) are fetched too.
    """

    kind: str
    location: str
    revision: str = ""
    subdirectory: str = ""
    sha256: str = ""
    lfs: bool = False


def is_archive(path: str) -> bool:
    """Tell whether a path or the path of an address names a file that can be installed or built."""
    return path.lower().endswith(ARCHIVE_ENDINGS)


def parse_address(url: str) -> Address:
    """Read the address of a direct reference.

    Raises:
        InvalidRequirement: it is of an unknown kind, or holds what a program could take for an option.
    """
    if not url.isprintable():
        raise _refuse(url, "it holds characters that no address has")
    address, _, fragment = url.partition("#")
    fields = _read_fragment(url, fragment)
    below = _check_subdirectory(url, fields.get("subdirectory", ""))
    if address.startswith("git+"):
        return _read_git(url, address[4:], below, lfs=fields.get("lfs") == "true")
    scheme, _, rest = address.partition(":")
    sha256 = fields.get("sha256", "").lower()
    if sha256 and (len(sha256) != 64 or not _HEX.issuperset(sha256)):
        raise _refuse(url, "its sha256 is none")
    if scheme in ("http", "https") and rest.startswith("//"):
        _check_authority(url, rest[2:].partition("/")[0])
        return Address("url", address, "", below, sha256)
    if scheme == "file":
        return Address("path", _read_path(address), "", below, sha256)
    raise _refuse(url, f"{scheme or 'that'} is no kind of address that can be read")


def format_git_address(
    location: str, revision: str = "", subdirectory: str = "", *, branch: str = "", tag: str = "", lfs: bool = False
) -> str:
    """Return the address of a repository; ``branch`` and ``tag`` are written as whole refs, so that they stay apart.

    Args:
        location: a URL, or ``user@host:path`` as ssh has it; a leading ``git+`` is left as it is.
        revision: a commit, or anything that git may resolve.
        subdirectory: of the project.
        branch: name of a branch.
        tag: name of a tag.
        lfs: whether large files are wanted.
    """
    plain = location.removeprefix("git+")
    if "://" not in plain and ":" in plain and not plain.startswith(("/", ".")):
        host, _, path = plain.partition(":")
        plain = f"ssh://{host}/{path.lstrip('/')}"
    reference = f"refs/heads/{branch}" if branch else f"refs/tags/{tag}" if tag else revision
    fields = [f"subdirectory={subdirectory}"] if subdirectory else []
    fields += ["lfs=true"] if lfs else []
    fragment = f"#{'&'.join(fields)}" if fields else ""
    return f"git+{plain}{f'@{reference}' if reference else ''}{fragment}"


def _read_git(url: str, address: str, below: str, *, lfs: bool) -> Address:
    scheme, separator, rest = address.partition("://")
    if scheme not in _GIT_SCHEMES or not separator:
        raise _refuse(url, f"git is asked over {', '.join(_GIT_SCHEMES)} only")
    authority, slash, path = rest.partition("/")
    _check_authority(url, authority)
    if scheme != "file" and (not authority or not path):
        raise _refuse(url, "it names no repository of a host")
    path, _, revision = path.rpartition("@") if "@" in path else (path, "", "")
    if "%" in revision:
        from urllib.parse import unquote

        revision = unquote(revision)
    _check_reference(url, revision)
    return Address("git", f"{scheme}://{authority}{slash}{path}", revision, below, "", lfs)


def _check_authority(url: str, authority: str) -> None:
    host = authority.rpartition("@")[2]
    if host.startswith("-") or authority.startswith("-"):
        raise _refuse(url, "its host begins with '-', which a program would take for an option")
    port = host.rpartition("]")[2].partition(":")[2]
    if port and not port.isdigit():
        raise _refuse(url, f"'{port}' is no port", "write a '/' between host and path")


def _check_reference(url: str, revision: str) -> None:
    """Refuse what ``git check-ref-format`` refuses, and what a shell or git would take for something else."""
    parts = revision.split("/")
    if (
        revision.startswith("-")
        or revision.endswith((".", "/", ".lock"))
        or ".." in revision
        or "@{" in revision
        or _REFUSED_IN_REFERENCES.intersection(revision)
        or (revision and not all(part and not part.startswith(".") for part in parts))
    ):
        raise _refuse(url, f"'{revision}' is no branch, tag or commit")


def _check_subdirectory(url: str, below: str) -> str:
    if not below:
        return ""
    parts = below.replace("\\", "/").strip("/").split("/")
    if below.startswith(("/", "\\", "-")) or ".." in parts or ":" in parts[0]:
        raise _refuse(url, f"the subdirectory '{below}' leaves the source")
    return "/".join(part for part in parts if part not in ("", "."))


def _read_fragment(url: str, fragment: str) -> dict[str, str]:
    from urllib.parse import unquote

    fields: dict[str, str] = {}
    for field in filter(None, fragment.split("&")):
        key, _, value = field.partition("=")
        if key in fields:
            raise _refuse(url, f"it says twice what its {key} is")
        fields[key] = unquote(value)
    return fields


def _read_path(address: str) -> str:
    """Return the path of a ``file:`` address, relative where it has no ``/`` behind the colon."""
    from blast_pm.index.file_urls import path_of_url

    if not address.startswith("file:/"):
        return path_of_url(address)
    authority = address[7:].partition("/")[0] if address.startswith("file://") else ""
    if authority not in ("", "localhost"):
        raise _refuse(address, "a file: address names a path of this machine", "write file:///path")
    return path_of_url(address)


def _refuse(url: str, reason: str, hint: str = _HINT) -> InvalidRequirement:
    from blast_pm.index.credentials import without_credentials

    return InvalidRequirement(f"'{without_credentials(url)}' can't be used", reason=reason, hint=hint)
