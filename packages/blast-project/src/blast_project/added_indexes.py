"""Indexes that ``blast add --index`` names: they are written into the manifest, or nobody else could use its lock."""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_project.settings import Settings

__all__ = ["AddedIndex", "added_indexes", "with_added_indexes", "with_indexes_of_manifest"]


class AddedIndex(NamedTuple):
    """An index for the manifest.

    Attributes:
        name: of the index.
        url: as it is written, without a password; "" where the manifest has it already.
        is_pinned: what is added is asked of this index alone: its name was said.
        option: what this command asks besides the manifest: the index with its password, ``NAME=ADDRESS``; or "".
    """

    name: str
    url: str
    is_pinned: bool
    option: str


def added_indexes(
    options: Sequence[str], tables: Iterable[Mapping[str, object]], root: str, directory: str
) -> tuple[AddedIndex, ...]:
    """Return what ``--index`` says in the manifest's terms.

    Args:
        options: addresses and paths, some as ``NAME=ADDRESS``.
        tables: the indexes that the manifest has.
        root: the manifest's directory, from which it writes paths.
        directory: where relative paths of options start.
    """
    from blast_pm.index.credentials import without_credentials
    from blast_project.indexes import split_name

    standing = [(str(table.get("name", "")), str(table.get("url", ""))) for table in tables]
    found: list[AddedIndex] = []
    for option in options:
        said, url = split_name(option)
        if "://" not in url and not url.startswith(("file:", "~")):
            url = os.path.relpath(os.path.join(directory, url), root).replace(os.sep, "/")
        public = without_credentials(url)
        known = [name for name, address in standing if name and _is_same(address, public)]
        name = said or (known[0] if known else _free_name({name for name, _ in standing}))
        is_new = name not in known
        if is_new:
            standing.append((name, public))
        secret = f"{name}={url}" if public != url else ""
        found.append(AddedIndex(name, public if is_new else "", bool(said), secret))
    return tuple(found)


def with_added_indexes(text: str, indexes: Sequence[AddedIndex], names: Iterable[str] = ()) -> str:
    """Return a manifest with indexes, the first of them first, and with ``names`` pinned to the one that is named.

    Raises:
        InvalidManifest: it can't be edited without damage.
    """
    from blast_compat.manifest_edit import add_index, set_source

    for index in reversed(indexes):
        if index.url:
            text = add_index(text, index.name, index.url)
    pinned = [index.name for index in indexes if index.is_pinned]
    for name in names if pinned else ():
        text = set_source(text, name, {"index": pinned[0]})
    return text


def with_indexes_of_manifest(settings: Settings, indexes: Sequence[AddedIndex], others: Sequence[str]) -> Settings:
    """Return the settings where the manifest will have the indexes: only passwords stay options, and others."""
    options = (*(index.option for index in indexes if index.option), *others)
    return settings._replace(policy=settings.policy._replace(indexes=options))


def _is_same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def _free_name(taken: set[str]) -> str:
    number = 1
    while f"index-{number}" in taken:
        number += 1
    return f"index-{number}"
