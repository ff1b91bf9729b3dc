"""HTML index pages to files.

HTML as servers write it is read with one regular expression: some 2.5 us a file, 30 ms for the largest page of the
public index. A page with anything unusual in it goes to ``html.parser``, which knows the language and is seven times
slower.

Spec: PEP 503, 592 (yanked), 629 (interface version), 658 and 714 (metadata).
"""

from __future__ import annotations

import re

from blast_core.limits import INDEX_PAGE_ODD
from blast_pm.index.credentials import origin_of
from blast_pm.index.links import ENDINGS, LinkReader, check_interface, find_sha256, refused
from blast_pm.index.model import IndexFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_pm.index.links import Metadata

__all__ = ["parse_html"]

_REPOSITORY_VERSION = "pypi:repository-version"
# Either an absolute address of plain characters with a sha256, which needs no further check, or any other; then the
# rest of the attributes, written as name="value" with one space between.
_ANCHOR = re.compile(
    r'<a href="(?:(https?://[A-Za-z0-9:/._+~=,-]+/)([A-Za-z0-9_][A-Za-z0-9_.+!-]{0,254})#sha256=([0-9a-f]{64})|([^"]*))"'
    r'((?: [a-z-]+="[^"]*")*)>'
)
# Everything that begins like markup, but is neither a usual anchor nor what stands between anchors.
_OTHER_MARKUP = re.compile(r'<(?!a href="|/a>|br ?/?>)([^\s>]*)([^>]{0,20})')
_USUAL_MARKUP = frozenset(
    ("!doctype", "html", "/html", "head", "/head", "title", "/title", "meta", "body", "/body", "h1", "/h1", "p", "/p")
)

_Said = tuple[str, str | None, str, "Metadata"]
_SAID_NOTHING: _Said = ("", None, "", (None, ""))


def parse_html(text: str, url: str, index: str) -> list[IndexFile]:
    """Parse a page.

    Args:
        text: the decoded page.
        url: where it came from after redirects.
        index: name of the index.

    Returns:
        The files in the page's order, those of other projects included.

    Raises:
        IndexAccessError: an interface version that is too new, or a login page in place of an index.
    """
    position = text.find(_REPOSITORY_VERSION)
    if position >= 0:
        check_interface(_repository_version(text[position : position + 200]), url)
    if _is_usual(text):
        found = _ANCHOR.findall(text)
        if len(found) == text.count("<a "):
            return _read_usual(found, LinkReader(url, index), index, web=url.startswith("http"))
    files = _read_odd(text, url, index)
    if not files:
        lowered = text.lower()
        if "<form" in lowered or "<script" in lowered:
            raise refused(
                url,
                "it holds a form or a script and no files, as the login page of a network does",
                "open the address in a browser, or give another --index-url",
            )
    return files


def _repository_version(tag: str) -> str:
    value = tag.partition(">")[0].partition("content=")[2].lstrip("\"' ")
    return value[: len(value) - len(value.lstrip("0123456789."))]


def _is_usual(text: str) -> bool:
    """Tell whether nothing in the page asks for a real parser."""
    for name, rest in _OTHER_MARKUP.findall(text):
        lowered = name.lower()
        # A comment without markup in it, such as the serial number that some indexes write.
        if lowered not in _USUAL_MARKUP and not (lowered == "!--serial" and rest.endswith("--")):
            return False
    return "\0" not in text


def _read_usual(found: list[tuple[str, ...]], reader: LinkReader, index: str, *, web: bool) -> list[IndexFile]:
    files: list[IndexFile] = []
    remembered: dict[str, _Said] = {"": _SAID_NOTHING}
    for directory, filename, sha256, other, written in found:
        said = remembered.get(written)
        if said is None:
            # Halves of the text between quotes: name=, value, name=, value.
            parts = written.split('"')
            names = (name.strip(" =") for name in parts[::2])
            said = remembered[written] = _read_attributes(dict(zip(names, parts[1::2], strict=False)))
        if filename and web:
            if filename.endswith(ENDINGS):
                url = directory + filename
                row = (filename, url, sha256, 0, *said[:3], said[3][0], index, said[3][1])
                # A third of what the class's own constructor costs.
                files.append(tuple.__new__(IndexFile, row))
        else:
            href = other or f"{directory}{filename}#sha256={sha256}"
            file = _read_link(_unescape(href.strip()), said, reader)
            if file is not None:
                files.append(file)
    return files


def _read_odd(text: str, url: str, index: str) -> list[IndexFile]:
    if len(text) > INDEX_PAGE_ODD:
        raise refused(url, "the page is too large for its unusual HTML")
    anchors, base = _parse_anchors(text, url)
    reader = LinkReader(base, index)
    read = (_read_link(found["href"].strip(), _read_attributes(found), reader) for found in anchors if "href" in found)
    return [file for file in read if file is not None]


def _parse_anchors(text: str, url: str) -> tuple[list[dict[str, str]], str]:
    """Parse with html.parser; return the anchors and the address that relative links start from."""
    from html.parser import HTMLParser
    from urllib.parse import urljoin

    anchors: list[dict[str, str]] = []
    bases: list[str] = []

    class Anchors(HTMLParser):
        """Collects anchors and bases."""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            """Take what the element says; the first of equal attributes counts."""
            if tag == "a":
                # Undo the unescaping, which `_read_attributes` does for all.
                pairs = [(name, value or "") for name, value in reversed(attrs)]
                anchors.append({name: _escape(value) if name != "href" else value for name, value in pairs})
            elif tag == "base":
                bases.extend(value for name, value in attrs if name == "href" and value)

    parser = Anchors()
    parser.feed(text)
    parser.close()
    if not bases:
        return anchors, url
    try:
        base = urljoin(url, bases[0])
    except ValueError:
        return anchors, url
    # A base on another host would let one injected element redirect every download.
    return anchors, base if origin_of(base) == origin_of(url) and base[:5] == url[:5] else url


def _read_link(href: str, said: _Said, reader: LinkReader) -> IndexFile | None:
    requires_python, yanked, upload_time, metadata = said
    return reader.read(href, requires_python=requires_python, yanked=yanked, upload_time=upload_time, metadata=metadata)


def _read_attributes(attributes: Mapping[str, str]) -> _Said:
    yanked = attributes.get("data-yanked")
    metadata = attributes.get("data-core-metadata")
    if metadata is None:
        metadata = attributes.get("data-dist-info-metadata")
    return (
        _unescape(attributes.get("data-requires-python", "")),
        None if yanked is None else _unescape(yanked),
        attributes.get("data-upload-time", ""),
        _read_metadata(metadata),
    )


def _read_metadata(value: str | None) -> Metadata:
    if value is None:
        return None, ""
    return (False, "") if value == "false" else (True, find_sha256(value))


def _escape(value: str) -> str:
    return value.replace("&", "&amp;")


def _unescape(value: str) -> str:
    if "&" not in value:
        return value
    from html import unescape

    return unescape(value)
