"""The short way through a JSON page: its files are checked all together, and made one by one only when asked for.

A page has up to 15,000 files, and a resolution wants those of one version. So where all entries are ordinary, in that
`blast_pm.index.pages` would take each of them by its own name, they stay as they came. A page with a single entry that
isn't goes the long way, which decides.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.index.links import ENDINGS, MAX_FILENAME, MAX_URL, WEB, LinkReader, is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from blast_pm.index.model import IndexFile

    Entry = dict[str, Any]

__all__ = ["PlainPage", "plain_page", "read_entries"]


class PlainPage(NamedTuple):
    """The files of a page as the page writes them, in its order.

    Attributes:
        names: of the files; those of other kinds than distributions are among them.
        entries: of the same files, parsed JSON; the last segment of each ``url`` is the name, and ``filename`` may go.
        url: where the page came from.
        index: name of the index.
    """

    names: Sequence[str]
    entries: Sequence[Entry]
    url: str
    index: str  # type: ignore[assignment]  # shadows tuple.index

    def read(self, entries: Sequence[Entry]) -> tuple[IndexFile, ...]:
        """Return the files of some of its entries."""
        return read_entries(self.url, entries, self.index)

    def first(self) -> tuple[IndexFile, ...]:
        """Return the first file that is a distribution, alone; nothing where there is none."""
        for name, entry in zip(self.names, self.entries, strict=True):
            if name.endswith(ENDINGS):
                return self.read((entry,))
        return ()


def read_entries(url: str, entries: Sequence[Entry], index: str) -> tuple[IndexFile, ...]:
    """Return the files of entries of a page.

    Args:
        url: where the page came from.
        entries: parsed JSON.
        index: name of the index.
    """
    from blast_pm.index.pages import read_entry

    reader = LinkReader(url, index)
    return tuple([file for entry in entries if (file := read_entry(entry, reader)) is not None])


def plain_page(entries: Sequence[Any], url: str, index: str) -> PlainPage | None:
    """Return a page if all of its entries are ordinary, else None.

    Args:
        entries: parsed JSON, whatever it is.
        url: where the page came from.
        index: name of the index.

    Cost: about 0.4 us an entry.
    """
    try:
        names = [entry["filename"] for entry in entries]
        urls = [entry["url"] for entry in entries]
        is_ordinary = not url.startswith("file:") and _are_plain(names) and _are_clean(urls)
        if not is_ordinary or not all(map(str.endswith, urls, [f"/{name}" for name in names])):
            return None
    except (TypeError, KeyError):
        return None
    # What is relative leads somewhere if its directory does, of which there are few.
    relative = {
        address[: -len(name)]: address for address, name in zip(urls, names, strict=True) if address[:4] != "http"
    }
    reader = LinkReader(url, index)
    if any("//" in path or reader.resolve(address) is None for path, address in relative.items()):
        return None
    return PlainPage(names, entries, url, index)


def _are_plain(names: Sequence[str]) -> bool:
    """Tell whether each name is one path segment to any system; see `is_plain`."""
    lines = "\n".join(names)
    return (
        all(names)
        and lines.count("\n") == max(len(names) - 1, 0)
        and (not names or is_plain(lines.replace("\n", ""), len(lines)))
        and "\n." not in f"\n{lines}"
        and max(map(len, names), default=0) <= MAX_FILENAME
    )


def _are_clean(urls: Sequence[str]) -> bool:
    """Tell whether nothing in these addresses needs a closer look; relative ones need one at their directory."""
    text = "".join(urls)
    return (
        text.isascii()
        and text.isprintable()
        and not any(odd in text for odd in " \\%?#@[")
        and all(address.startswith(WEB) for address in urls if address[:4] == "http")
        and max(map(len, urls), default=0) <= MAX_URL
    )
