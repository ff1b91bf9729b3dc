"""The shorter way through a large JSON page: its text is checked, and only what tells versions is made of it.

msgspec reads JSON into what it is asked for, and checks the rest without making anything of it; so of a page with
15,000 files, which parsed is 30 MB of dictionaries, names, addresses, Requires-Python and yanks come out, and each
entry's text where it stands. To import it takes 20 ms, so that it is asked only where there is much to read.

Whatever is odd goes the long way, which decides: what is no JSON to msgspec, what is of other types, what is not ASCII
(what is skipped is not decoded), and what is longer than entries are.
"""

from __future__ import annotations

import sys

from blast_core.tuples import NamedTuple
from blast_pm.index.large_blocks import return_large_blocks
from blast_pm.index.links import check_interface
from blast_pm.index.plain_pages import PlainPage, are_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TextPage", "is_worthwhile", "open_text"]

# From here on it takes less than `json` does, its import included; a resolution that meets one such page meets more.
_MUCH_BYTES = 128 << 10
# Where it is imported already. What is kept of a small page is read back quicker as it is kept now.
_SOME_BYTES = 16 << 10
# A number in an entry can't be so long that Python refuses to read it.
_MAX_ENTRY_BYTES = 4096


class TextPage(NamedTuple):
    """What a page says.

    Attributes:
        page: its files.
        same: what it says of other pages of the same project, JSON that was parsed; see PEP 708.
    """

    page: PlainPage
    same: tuple[object, object]


def is_worthwhile(body: bytes) -> bool:
    """Tell whether a page is large, or what reads large ones is there already."""
    return len(body) >= (_SOME_BYTES if "msgspec" in sys.modules else _MUCH_BYTES)


def open_text(body: bytes, url: str, index: str) -> TextPage | None:
    """Return a page if all of its entries are ordinary, else None.

    Args:
        body: JSON, or whatever came instead.
        url: where the page came from.
        index: name of the index.

    Raises:
        IndexAccessError: of an interface version that is too new.

    Cost: about 1 us an entry.
    """
    return_large_blocks()
    decoders = _decoders()
    if decoders is None or not body.isascii():
        return None
    read_values, read_texts = decoders
    try:
        values = read_values(body)
        entries = read_texts(body).files
        files = values.files
        names = [file.filename for file in files]
        if not are_ordinary(names, [file.url for file in files], url, index):
            return None
    except (ValueError, TypeError, RecursionError):  # what msgspec raises is a ValueError
        return None
    if max(map(len, entries), default=0) > _MAX_ENTRY_BYTES:
        return None
    meta = values.meta
    check_interface(meta.get("api-version") if isinstance(meta, dict) else None, url)
    pythons = [file.requires_python or "" for file in files]
    page = PlainPage(names, pythons, [file.yanked for file in files], entries, url, index)
    return TextPage(page, (meta.get("tracks"), values.alternate_locations))


_made: list[tuple[Callable[[bytes], Any], Callable[[bytes], Any]]] = []


def _decoders() -> tuple[Callable[[bytes], Any], Callable[[bytes], Any]] | None:
    """Return what reads values and what finds the text of entries; None where msgspec is not installed."""
    if not _made:
        try:
            import msgspec
        except ImportError:
            return None
        text, nothing = str | None, None
        entry = msgspec.defstruct(
            "_Entry",
            [
                ("filename", str),
                ("url", str),
                ("requires_python", text, msgspec.field(name="requires-python", default=nothing)),
                ("yanked", bool | str | None, nothing),
            ],
            gc=False,
        )
        values = msgspec.defstruct(
            "_Values",
            [
                ("files", list[entry]),  # type: ignore[valid-type]  # made above
                ("meta", object, nothing),
                ("alternate_locations", object, msgspec.field(name="alternate-locations", default=nothing)),
            ],
        )
        texts = msgspec.defstruct("_Texts", [("files", list[msgspec.Raw])])
        _made.append((msgspec.json.Decoder(values).decode, msgspec.json.Decoder(texts).decode))
    return _made[0]
