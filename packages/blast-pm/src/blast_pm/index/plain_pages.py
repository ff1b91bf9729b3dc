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
    from collections.abc import Iterable, Sequence
    from typing import Any

    from blast_core.archive.source import Buffer
    from blast_pm.index.model import IndexFile

    Entry = dict[str, Any]

__all__ = ["PlainPage", "are_ordinary", "join_text", "plain_page", "read_entries", "read_text"]

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# One pass over all names of a page, and a line's end between each two.
_NAME = _LETTERS + b"-_.+!\n"
# Nothing that is decoded, cut off, or leads elsewhere.
_ADDRESS = _LETTERS + b"-_.+!~/:,;=&$'()*"


class PlainPage(NamedTuple):
    """The files of a page as the page writes them, in its order.

    Attributes:
        names: of the files; those of other kinds than distributions are among them.
        pythons: their Requires-Python, "" for none.
        yanked: of each something that is true if the file is yanked.
        entries: of the same files, all parsed JSON or all its text; the last segment of each ``url`` is the name, and
            ``filename`` may go.
        url: where the page came from.
        index: name of the index.
    """

    names: Sequence[str]
    pythons: Sequence[str]
    yanked: Sequence[object]
    entries: Sequence[Any]
    url: str
    index: str  # type: ignore[assignment]  # shadows tuple.index

    @property
    def is_text(self) -> bool:
        """Whether its entries are text."""
        return bool(self.entries) and not isinstance(self.entries[0], dict)

    def read(self, places: Iterable[int]) -> tuple[IndexFile, ...]:
        """Return the files of some of its entries."""
        entries = [self.entries[place] for place in places]
        if self.is_text:
            return read_text(self.url, join_text(entries), self.index)
        return read_entries(self.url, entries, self.index)

    def drop_names(self) -> None:
        """Take the names out of parsed entries: they are the ends of addresses, and a seventh of what would be kept."""
        for entry in self.entries:
            del entry["filename"]

    def first(self) -> tuple[IndexFile, ...]:
        """Return the first file that is a distribution, alone; nothing where there is none."""
        for place, name in enumerate(self.names):
            if name.endswith(ENDINGS):
                return self.read((place,))
        return ()


def join_text(entries: Iterable[Buffer]) -> bytes:
    """Return the text of entries as a list in JSON."""
    return b"[%s]" % b",".join(entries)


def read_text(url: str, text: bytes, index: str) -> tuple[IndexFile, ...]:
    """Return the files of a list of entries in JSON; see `read_entries`."""
    import json

    return read_entries(url, json.loads(text), index)


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
        if not are_ordinary(names, urls, url, index):
            return None
    except (TypeError, KeyError, UnicodeEncodeError):
        return None
    pythons = [text if type(text := entry.get("requires-python")) is str else "" for entry in entries]
    return PlainPage(names, pythons, [entry.get("yanked") for entry in entries], entries, url, index)


def are_ordinary(names: Sequence[str], urls: Sequence[str], url: str, index: str) -> bool:
    """Tell whether each address of a page ends in the name, and nothing in either needs a closer look.

    Raises:
        TypeError: some are no text.
        UnicodeEncodeError: some are not ASCII.
    """
    if url.startswith("file:") or not _are_plain(names):
        return False
    if any("+" in name for name in names) and max(map(len, urls)) <= MAX_URL:
        # The one sign of a name that addresses may have encoded; whoever reads the link decodes it.
        urls = [address.replace("%2B", "+") for address in urls]
    if not _are_clean(urls):
        return False
    if _is_one_directory(names, urls):
        names_of, urls_of = names[:1], urls[:1]
    elif all(map(str.endswith, urls, [f"/{name}" for name in names])):
        names_of, urls_of = names, urls
    else:
        return False
    # What is relative leads somewhere if its directory does, of which there are few.
    relative = {
        address[: -len(name)]: address for address, name in zip(urls_of, names_of, strict=True) if address[:4] != "http"
    }
    reader = LinkReader(url, index)
    return not any("//" in path or reader.resolve(address) is None for path, address in relative.items())


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
