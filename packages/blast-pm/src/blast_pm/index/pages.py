"""Index pages: HTML and JSON to files.

Spec: PEP 503 (HTML), 592 (yanked), 629 (versions of the interface), 658 and 714 (metadata), 691 (JSON), 700 (size and
time of upload), 708 (the same project on other indexes).
"""

from __future__ import annotations

from blast_pm.index.links import LinkReader, check_interface, check_sha256, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_pm.index.links import Metadata
    from blast_pm.index.model import IndexFile
    from blast_pm.index.plain_pages import PlainPage

__all__ = ["ACCEPT", "ACCEPT_HTML", "open_page", "parse_json", "parse_page", "read_entry", "same_projects"]

#: What a client asks for: JSON where there is any.
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
ACCEPT_HTML = "application/vnd.pypi.simple.v1+html, text/html;q=0.5"


# More indexes than anybody has for one project.
_MOST_ADDRESSES = 100


def open_page(
    body: bytes, content_type: str, url: str, index: str
) -> tuple[PlainPage | list[IndexFile], tuple[str, ...]]:
    """Parse a page, and leave its files as they are if all are ordinary; else as `parse_page`.

    Returns:
        The files, and the addresses of pages that this page says to be of the same project; see `same_projects`.
    """
    if not _is_json(content_type):
        return parse_page(body, content_type, url, index), same_projects(body, content_type)
    from blast_pm.index.plain_pages import plain_page
    from blast_pm.index.text_pages import is_worthwhile, open_text

    text = open_text(body, url, index) if is_worthwhile(body) else None
    if text is not None:
        return text.page, _addresses(*text.same)
    entries = _load_entries(body, url)
    page = plain_page(entries, url, index)
    return page if page is not None else _read_entries(entries, url, index), same_projects(body, content_type)


def _is_json(content_type: str) -> bool:
    kind = content_type.lower().partition(";")[0].strip()
    return kind.endswith("+json") or kind == "application/json"


def parse_page(body: bytes, content_type: str, url: str, index: str) -> list[IndexFile]:
    """Parse a page by its content type.

    Args:
        body: the page, decompressed.
        content_type: value of the header, with or without parameters.
        url: where the page came from after redirects; relative links start there.
        index: name of the index.

    Returns:
        The files in the page's order, those of other projects included.

    Raises:
        IndexAccessError: not an index page, malformed, or of an interface version that is too new.
    """
    if _is_json(content_type):
        return parse_json(body, url, index)
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind.endswith("html") or kind == "application/xhtml+xml":
        charset = parameters.partition("charset=")[2].strip(" \"';") or "utf-8"
        from blast_pm.index.html_pages import parse_html

        return parse_html(_decode(body, charset), url, index)
    raise refused(url, f"it answered {kind or 'something without a content type'}, which is no index page")


def _decode(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def parse_json(body: bytes, url: str, index: str) -> list[IndexFile]:
    """Parse a PEP 691 page; see ``parse_page``.

    Raises:
        IndexAccessError: not JSON, not of interface version 1, or without a list of files.
    """
    return _read_entries(_load_entries(body, url), url, index)


def _load_entries(body: bytes, url: str) -> list[object]:
    import json

    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refused(url, f"malformed JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise refused(url, "the JSON holds no list of files")
    meta = document.get("meta")
    check_interface(meta.get("api-version") if isinstance(meta, dict) else None, url)
    entries: list[object] = document["files"]
    return entries


def _read_entries(entries: list[object], url: str, index: str) -> list[IndexFile]:
    reader = LinkReader(url, index)
    return [file for entry in entries if (file := read_entry(entry, reader)) is not None]


def same_projects(body: bytes, content_type: str) -> tuple[str, ...]:
    """Return the addresses of pages that this page says to be of the same project, without its own (PEP 708).

    Costs a search in the body where the page says nothing.
    """
    if b"tracks" not in body and b"alternate-locations" not in body:
        return ()
    if _is_json(content_type):
        import json

        document = json.loads(body)
        meta = document.get("meta")
        return _addresses(meta.get("tracks") if isinstance(meta, dict) else None, document.get("alternate-locations"))
    import re

    pattern = r'<meta\s+name="pypi:(?:tracks|alternate-locations)"\s+content="([^"]*)"'
    return _addresses(re.findall(pattern, body.decode("utf-8", "replace"), re.IGNORECASE))


def _addresses(*lists: object) -> tuple[str, ...]:
    found = [address for each in lists if isinstance(each, list) for address in each]
    return tuple([address for address in found[:_MOST_ADDRESSES] if isinstance(address, str)])


def read_entry(entry: object, reader: LinkReader) -> IndexFile | None:
    """Return the file of an entry of a page's list, None where it is none that Blast would fetch."""
    if not isinstance(entry, dict):
        return None
    href = entry.get("url")
    if not isinstance(href, str):
        return None
    hashes, size, yanked = entry.get("hashes"), entry.get("size"), entry.get("yanked", False)
    digest = hashes.get("sha256") if isinstance(hashes, dict) else None
    return reader.read(
        href,
        sha256=check_sha256(digest) if isinstance(digest, str) else "",
        size=size if isinstance(size, int) and 0 <= size < 1 << 62 else 0,
        requires_python=_text(entry.get("requires-python")),
        yanked=(yanked if isinstance(yanked, str) else "") if yanked else None,
        upload_time=_text(entry.get("upload-time")),
        metadata=_json_metadata(entry),
    )


def _json_metadata(entry: Mapping[str, object]) -> Metadata:
    value = entry.get("core-metadata")
    if value is None:
        value = entry.get("dist-info-metadata", entry.get("data-dist-info-metadata"))
    if isinstance(value, dict):
        digest = value.get("sha256")
        return True, check_sha256(digest) if isinstance(digest, str) else ""
    return (value if isinstance(value, bool) else None), ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
