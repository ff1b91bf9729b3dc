"""One link of an index page: from what the page writes to a checked `IndexFile`, or to nothing.

A page is hostile input (SECURITY.md, N6 to N8): a link that is not plainly a file of the same kind of place is left
out, and no name from a page reaches a path before it was decoded once and checked.
"""

from __future__ import annotations

from blast_core.errors import IndexAccessError
from blast_pm.index.credentials import split_credentials, without_credentials
from blast_pm.index.model import IndexFile

__all__ = [
    "ENDINGS",
    "MAX_FILENAME",
    "MAX_URL",
    "WEB",
    "LinkReader",
    "Metadata",
    "check_interface",
    "check_sha256",
    "find_sha256",
    "refused",
]

#: The endings of distributions that installers know; whatever else a page links to is left out.
ENDINGS = (".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")

#: What a page says of ``<url>.metadata``: (exists, None where it doesn't say; its sha256 or "").
Metadata = tuple[bool | None, str]

_HEX = "0123456789abcdef"
#: How an address begins that leads to the network.
WEB = ("https://", "http://")
#: NAME_MAX of every common file system: a longer name could not be stored, and tags expand multiplicatively.
MAX_FILENAME = 255
#: Of an address, in characters.
MAX_URL = 8192


class LinkReader:
    """Turns links into files, for one page.

    Args:
        base: absolute address that relative links start from.
        index: name of the index, for the files.
    """

    def __init__(self, base: str, index: str) -> None:
        self._base = base
        self._index = index
        self._local = base.startswith("file:")
        # By the directory part of relative links, of which a page has few: what they lead to, "" for nothing.
        self._directories: dict[str, str] = {}

    def read(
        self,
        href: str,
        *,
        sha256: str = "",
        size: int = 0,
        requires_python: str = "",
        yanked: str | None = None,
        upload_time: str = "",
        metadata: Metadata = (None, ""),
    ) -> IndexFile | None:
        """Return the file that ``href`` leads to, None when it is not one that Blast would fetch.

        Cost: about 1 us for an absolute address of today's form.
        """
        url, _, fragment = href.partition("#")
        filename = url.rpartition("/")[2]
        if "%" in filename or "?" in url:
            filename = _decode_filename(url)
        if not filename.endswith(ENDINGS) or not _is_plain(filename):
            return None
        absolute = self.resolve(url)
        if absolute is None:
            return None
        if fragment and not sha256:
            sha256 = find_sha256(fragment)
        exists, digest = metadata
        # A third of what the class's own constructor costs; a page has up to 15,000 files.
        return tuple.__new__(
            IndexFile,
            (filename, absolute, sha256, size, requires_python, yanked, upload_time, exists, self._index, digest),
        )

    def resolve(self, url: str) -> str | None:
        """Return the absolute address of a link without its fragment, None where nothing would be fetched from."""
        if not url.startswith(WEB):
            return self._resolve_relative(url)
        if self._local or not _is_clean(url) or ("[" in url and not _is_address(url)):
            return None
        # A password in a link would come from the page, not from the user.
        return split_credentials(url)[0] if "@" in url else url

    def _resolve_relative(self, url: str) -> str | None:
        """Return the absolute address; the join, 8 us, is made once for a directory."""
        path, slash, filename = url.rpartition("/")
        if "?" in url or "//" in url or not slash or not filename:
            return self._join(url)
        directory = self._directories.get(path)
        if directory is None:
            directory = self._directories[path] = self._join(f"{path}/") or ""
        return directory + filename if directory and _is_clean(filename) and len(url) <= MAX_URL else None

    def _join(self, url: str) -> str | None:
        joined = _join_plain(self._base, url)
        if not joined:
            # Importing it takes 10 ms, which every thread that reads a page would wait for.
            from urllib.parse import urljoin

            try:
                joined = urljoin(self._base, url)
            except ValueError:
                return None
        if self._local:
            return joined if joined.startswith("file:///") and _is_clean(joined) else None
        if not joined.startswith(WEB) or not _is_clean(joined) or ("[" in joined and not _is_address(joined)):
            return None
        return split_credentials(joined)[0] if "@" in joined else joined


def check_interface(version: object, url: str) -> None:
    """Raise `IndexAccessError` unless the page's interface version is 1.x (PEP 629)."""
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise refused(
            url,
            f"the index speaks interface version {version!r}, known is 1.x",
            "a newer Blast may know it",
        )


def refused(url: str, reason: str, hint: str = "") -> IndexAccessError:
    """Return the error for an answer that is not an index page."""
    return IndexAccessError(f"{without_credentials(url)} is not an index page", reason=reason, hint=hint)


def find_sha256(fragment: str) -> str:
    """Return the digest of the first ``sha256=<64 digits>`` among pairs joined by ``&``, lower case; "" without one."""
    if len(fragment) == 71 and fragment.startswith("sha256="):
        return check_sha256(fragment[7:])
    for pair in fragment.split("&"):
        name, _, value = pair.partition("=")
        if name == "sha256":
            return check_sha256(value)
    return ""


def check_sha256(value: str) -> str:
    """Return the digest in lower case, "" if it isn't 64 hexadecimal digits."""
    value = value.lower()
    return value if len(value) == 64 and not value.strip(_HEX) else ""


def _join_plain(base: str, url: str) -> str:
    """Return what a plain relative path leads to, "" for anything that asks for the whole of RFC 3986."""
    segments = url.split("/")
    ups = 0
    while ups < len(segments) and segments[ups] == "..":
        ups += 1
    rest = "/".join(segments[ups:])
    plain = rest.replace("/", "").replace("-", "").replace("_", "").replace(".", "")
    odd = rest[:1] == "/" or "//" in url or "/." in f"/{rest}" or "?" in base or "#" in base
    if odd or not plain.isalnum() or not plain.isascii():
        return ""
    authority, directories = _split_base(base)
    return authority + "".join(directories[: len(directories) - ups]) + rest if len(directories) > ups else ""


def _split_base(base: str) -> tuple[str, list[str]]:
    """Return ``scheme://host`` and the directories of the path, the first being ``/``."""
    start = base.find("/", base.find("://") + 3)
    if start < 0 or "://" not in base or "//" in base[start:] or "/." in base[start:]:
        return "", []
    return base[:start], [f"{segment}/" for segment in base[start:].split("/")[:-1]]


def _decode_filename(url: str) -> str:
    from urllib.parse import unquote

    return unquote(url.partition("?")[0].rpartition("/")[2])


def _is_plain(filename: str) -> bool:
    """Tell whether the decoded name holds only letters, digits and ``-_.+!``: one path segment to any system."""
    bare = filename.replace("-", "").replace(".", "").replace("_", "")
    if not bare.isalnum():
        bare = bare.replace("+", "").replace("!", "")
    return bare.isalnum() and bare.isascii() and len(filename) <= MAX_FILENAME and filename[0] != "."


def _is_clean(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url and "\\" not in url and len(url) <= MAX_URL


def _is_address(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
