"""What the real index answered, kept in a folder: pages, metadata and files, each asked for once.

The index that pip's configuration leads to is asked when something is wanted for the first time, and never again; so
a benchmark's second run needs no network, and both tools see the same pages.
"""

from __future__ import annotations

import html
import json
import os
import re
import ssl
import threading
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RecordedFile", "Recording", "find_upstream", "parse_page", "release_of"]

_LINK = re.compile(r"<a\s([^>]*)>([^<]*)</a>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_LONGEST_S = 180


class RecordedFile(NamedTuple):
    """One file of a project's page.

    Attributes:
        filename: its last part.
        url: where the real index has it.
        sha256: hexadecimal, "" where the page does not say.
        entry: further keys of PEP 691: ``requires-python``, ``yanked``, ``size``, ``upload-time``.
    """

    filename: str
    url: str
    sha256: str
    entry: dict[str, object]


def find_upstream() -> str:
    """Return the address of the index that pip would use."""
    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.default import pip_default_url

    return (read_pip_configuration(os.environ).index_url or pip_default_url()).rstrip("/") + "/"


def release_of(filename: str) -> tuple[str, str]:
    """Return the normalised name and the version that a file's name states; both "" where it states none."""
    if filename.endswith(".whl"):
        name, version = filename.split("-")[:2]
    else:
        stem = re.sub(r"\.(tar\.gz|tar\.bz2|zip|tgz|egg|exe|msi|rpm|deb|dmg|tar\.xz|tar\.Z)$", "", filename)
        name, _, version = stem.rpartition("-")
    return re.sub(r"[-_.]+", "-", name).lower(), version


class Recording:
    """A folder of answers.

    Args:
        folder: holds ``pages/``, ``metadata/`` and ``wheels/``; made where it is missing.
        upstream: address of the index to ask for what is not there; "" asks nobody.
    """

    def __init__(self, folder: Path, upstream: str = "") -> None:
        self._upstream = upstream
        self._pages, self._metadata, self._wheels = (folder / name for name in ("pages", "metadata", "wheels"))
        for each in (self._pages, self._metadata, self._wheels):
            each.mkdir(parents=True, exist_ok=True)
        self._urls: dict[str, str] = {}
        self._lock = threading.Lock()
        self._context = ssl.create_default_context()
        self.asked = 0

    def projects(self) -> list[str]:
        """Return the names of the projects whose pages are there, sorted."""
        return sorted(path.stem for path in self._pages.glob("*.html"))

    def page(self, name: str) -> tuple[RecordedFile, ...] | None:
        """Return a project's files in the page's order, None where the index has no such project."""
        path = self._pages / f"{name}.html"
        if not path.exists():
            self._store(path, self._ask(f"{self._upstream}{name}/") if self._upstream else None)
        text = path.read_text(encoding="utf-8")
        if not text:
            return None
        files = tuple(parse_page(text, f"{self._upstream}{name}/"))
        self._urls.update((file.filename, file.url) for file in files)
        return files

    def metadata(self, filename: str) -> bytes | None:
        """Return a wheel's core metadata, None where it can't be had."""
        path = self._metadata / f"{filename}.metadata"
        if not path.exists():
            wheel = self._wheels / filename
            if wheel.exists():
                self._store(path, _read_metadata(wheel))
            else:
                url = self._url(filename)
                answer = self._ask(f"{url}.metadata") if url else None
                if answer is None:
                    wheel_path = self.file(filename)
                    answer = _read_metadata(wheel_path) if wheel_path else None
                self._store(path, answer)
        return path.read_bytes() or None

    def file(self, filename: str) -> Path | None:
        """Return where a wheel or an sdist lies, None where it can't be had."""
        path = self._wheels / filename
        if not path.exists():
            url = self._url(filename)
            answer = self._ask(url) if url else None
            if answer is None:
                return None
            self._store(path, answer)
        return path

    def _url(self, filename: str) -> str:
        if filename not in self._urls and self._upstream:
            self.page(release_of(filename)[0])
        return self._urls.get(filename, "") if self._upstream else ""

    def _ask(self, url: str) -> bytes | None:
        with self._lock:
            self.asked += 1
        request = urllib.request.Request(url, headers={"Accept": _ACCEPT, "User-Agent": "blast-benchmarks"})  # noqa: S310 - an index's own address
        try:
            with urllib.request.urlopen(request, timeout=_LONGEST_S, context=self._context) as answer:  # noqa: S310 - as above
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code in (403, 404, 410):
                return None
            raise

    def _store(self, path: Path, content: bytes | None) -> None:
        """Write a file whole; nothing is kept as an empty one."""
        draft = path.with_name(f".{path.name}.{threading.get_ident()}")
        draft.write_bytes(content or b"")
        draft.replace(path)


def parse_page(text: str, address: str) -> Iterator[RecordedFile]:
    """Yield the files of a page, HTML or JSON, in its order.

    Args:
        text: the page.
        address: the page's own, for files that it names relatively.
    """
    from urllib.parse import unquote, urljoin

    if text.lstrip().startswith("{"):
        for entry in json.loads(text)["files"]:
            more = {key: entry[key] for key in ("requires-python", "yanked", "size", "upload-time") if key in entry}
            hashes = entry.get("hashes", {})
            yield RecordedFile(entry["filename"], urljoin(address, entry["url"]), hashes.get("sha256", ""), more)
        return
    for written, _ in _LINK.findall(text):
        attributes = {name.lower(): html.unescape(a or b) for name, a, b in _ATTRIBUTE.findall(written)}
        url, _, fragment = attributes.get("href", "").partition("#")
        more = {}
        for attribute, key in (("data-requires-python", "requires-python"), ("data-upload-time", "upload-time")):
            if attributes.get(attribute):
                more[key] = attributes[attribute]
        if "data-yanked" in attributes or re.search(r"\bdata-yanked\b", written):
            more["yanked"] = attributes.get("data-yanked") or True
        sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        yield RecordedFile(unquote(url.rpartition("/")[2]), urljoin(address, url), sha256, more)


def _read_metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [
            name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
        ]
        return archive.read(member)
