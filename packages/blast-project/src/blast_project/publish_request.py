"""Where ``blast publish`` uploads to, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from blast_compat.pypirc import PypircEntry

__all__ = ["Destination", "PublishRequest"]


class Destination(NamedTuple):
    """Where to upload.

    Attributes:
        url: the upload address, without credentials.
        check_url: the index whose pages tell what is there; "" if unknown.
        name: its name in the project or in .pypirc; "" for an address alone.
        entry: what .pypirc says of it.
    """

    url: str
    check_url: str = ""
    name: str = ""
    entry: PypircEntry | None = None


class PublishRequest(NamedTuple):
    """How files are uploaded.

    Attributes:
        destination: where to, see `blast_project.publish_address`.
        username: "" for none given.
        password: "" for none given.
        trusted: one of `blast_pm.publish.trusted.MODES`.
        dry_run: do all but the upload.
        attestations: send those that lie beside the files.
        skip_existing: a file of the name that the index refuses as known counts as done, whatever it holds.
    """

    destination: Destination
    username: str = ""
    password: str = ""
    trusted: str = "automatic"
    dry_run: bool = False
    attestations: bool = True
    skip_existing: bool = False

    def __repr__(self) -> str:
        return "PublishRequest(hidden)"
