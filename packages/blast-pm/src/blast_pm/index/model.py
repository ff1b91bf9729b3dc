"""What an index is and what it offers, as plain values."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.index.credentials import Credentials

__all__ = ["IndexFile", "IndexLocation", "ProjectPage"]


class IndexLocation(NamedTuple):
    """One index to ask.

    Attributes:
        name: what lock files, pins and error texts call it.
        url: address of the simple repository, with a closing ``/`` (of a flat one: as given); no user, no password.
        default: asked after all others.
        flat: one page or directory that lists files of any project (pip's ``--find-links``).
        explicit: asked only for the projects that are pinned to it.
        credentials: user and password that stood in the address, if any.
        absent: statuses, besides 404 and 410, by which the index says that it doesn't have a project.
        joined: a flat one whose files count beside those of whichever index has the project.
    """

    name: str
    url: str
    default: bool = False
    flat: bool = False
    explicit: bool = False
    credentials: Credentials | None = None
    absent: tuple[int, ...] = ()
    joined: bool = False

    def __repr__(self) -> str:
        """Show no secret, whoever made the value."""
        from blast_pm.index.credentials import without_credentials

        kind = "flat" if self.flat else "default" if self.default else "explicit" if self.explicit else "index"
        return f"IndexLocation({self.name!r}, {without_credentials(self.url)!r}, {kind})"


class IndexFile(NamedTuple):
    """One file that an index offers for a project.

    Attributes:
        filename: the last segment of the address, decoded once and checked: it holds no separator.
        url: where to fetch it, absolute, no fragment.
        sha256: 64 lower-case hexadecimal digits; "" where the index gives none.
        size: bytes, 0 where unknown.
        requires_python: as written, "" where not given.
        yanked: None if not yanked, else the reason, which may be "".
        upload_time: ISO 8601 as the index writes it, or "".
        has_metadata: whether ``<url>.metadata`` exists; None where the index does not say.
        index: name of the index.
        metadata_sha256: digest that the index gives for ``<url>.metadata``, or "".
    """

    filename: str
    url: str
    sha256: str
    size: int
    requires_python: str
    yanked: str | None
    upload_time: str
    has_metadata: bool | None
    index: str  # type: ignore[assignment]  # shadows tuple.index, which nobody wants of a record
    metadata_sha256: str = ""


class ProjectPage(NamedTuple):
    """All files that one index offers for a project.

    Attributes:
        name: normalised name of the project.
        files: in the page's order.
        base: address that most files' addresses start with, ending in ``/``; see ``PyPiClient.file_base``.
        index: name of the index that answered.
    """

    name: str
    files: tuple[IndexFile, ...]
    base: str
    index: str = ""  # type: ignore[assignment]  # as above
