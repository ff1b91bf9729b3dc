"""The short way through a JSON page: its files are checked all together, and made one by one only when asked for.

A page has up to 15,000 files, and a resolution wants those of one version. So where all entries are ordinary, in that
`blast_pm.index.pages` would take each of them by its own name, they stay as they came. A page with a single entry that
isn't goes the long way, which decides.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.index.links import ENDINGS, MAX_FILENAME, MAX_URL, WEB, LinkReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from blast_pm.index.model import IndexFile

    Entry = dict[str, Any]

__all__ = ["PlainPage", "plain_page", "read_entries"]


_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# One pass over all names of a page, and a line's end between each two.
_NAME = _LETTERS + b"-_.+!\n"
# Nothing that is decoded, cut off, or leads elsewhere.
_ADDRESS = _LETTERS + b"-_.+!~/:,;=&$'()*"


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
        if url.startswith("file:") or not _are_plain(names) or not _are_clean(urls):
            return None
    except (TypeError, KeyError, UnicodeEncodeError):
        return None
    if _is_one_directory(names, urls):
        names_of, urls_of = names[:1], urls[:1]
    elif all(map(str.endswith, urls, [f"/{name}" for name in names])):
        names_of, urls_of = names, urls
    else:
        return None
    # What is relative leads somewhere if its directory does, of which there are few.
    relative = {
        address[: -len(name)]: address for address, name in zip(urls_of, names_of, strict=True) if address[:4] != "http"
    }
    reader = LinkReader(url, index)
    if any("//" in path or reader.resolve(address) is None for path, address in relative.items()):
        return None
    return PlainPage(names, entries, url, index)


def _is_one_directory(names: Sequence[str], urls: Sequence[str]) -> bool:
    """Tell whether all addresses are the same directory and the name."""
    if not names or not urls[0].endswith(f"/{names[0]}"):
        return False
    directory = urls[0][: -len(names[0])]
    return urls[-1].startswith(directory) and urls == [directory + name for name in names]


def _are_plain(names: Sequence[str]) -> bool:
    """Tell whether each name is one path segment to any system, of letters, digits and ``-_.+!``."""
    lines = "\n".join(names)
    return (
        not lines.encode("ascii").translate(None, _NAME)
        and lines.count("\n") == max(len(names) - 1, 0)
        and "\n." not in f"\n{lines}"
        and all(names)
        and max(map(len, names), default=0) <= MAX_FILENAME
    )


def _are_clean(urls: Sequence[str]) -> bool:
    """Tell whether nothing in these addresses needs a closer look; relative ones need one at their directory."""
    return (
        not "".join(urls).encode("ascii").translate(None, _ADDRESS)
        and all(address.startswith(WEB) for address in urls if address[:4] == "http")
        and max(map(len, urls), default=0) <= MAX_URL
    )
