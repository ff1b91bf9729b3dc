"""Which indexes to ask, from everything that may name one.

The public index's address is written nowhere in Blast. The order: the command line or ``BLAST_INDEX_URL``, the project,
the user's configuration, pip's configuration, and last the default that pip itself ships, which is remembered in
``BLAST_HOME`` so that pip isn't imported by every command.
"""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_pm.index.credentials import split_credentials
from blast_pm.index.file_urls import url_of_path
from blast_pm.index.model import IndexLocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.pip_configuration import PipConfiguration

__all__ = ["default_locations", "make_location", "pip_default_url"]

_REMEMBERED = "index-default"
_DEFAULT_NAME = "default"


def make_location(
    name: str, url: str, *, default: bool = False, flat: bool = False, explicit: bool = False
) -> IndexLocation:
    """Return the location for an address as users write it: with credentials, without a slash, or a path.

    Raises:
        UsageError: neither http, https, file nor a path.
    """
    text, credentials = split_credentials(url.strip())
    scheme, separator, _ = text.partition("://")
    if not separator or text.startswith("file:"):
        text = _file_url(text)
    elif scheme.lower() not in ("http", "https"):
        raise UsageError(
            f"the index {name} has an address that is not fetched: {text}",
            reason=f"its scheme is {scheme}",
            hint="give an https:// or file:// address or a directory",
        )
    if not flat and not text.endswith("/"):
        text += "/"
    return IndexLocation(name, text, default, flat, explicit, credentials)


def _file_url(text: str) -> str:
    return text if text.startswith("file:") else url_of_path(os.path.expanduser(text))


def default_locations(
    environ: Mapping[str, str],
    cli_index_url: str | None = None,
    project_indexes: Sequence[IndexLocation] = (),
    user_config: Sequence[IndexLocation] | None = None,
    *,
    pip: PipConfiguration | None = None,
    home: str = "",
    links: Sequence[IndexLocation] = (),
    no_index: bool = False,
) -> tuple[IndexLocation, ...]:
    """Return the indexes to ask, in the order of asking.

    One of them is the default index, asked after those that a user added on purpose, so that a name of theirs can't be
    taken on the public index; only local directories of pip's configuration come after it, because pip knows no order
    and they complete an index rather than override it.

    Args:
        environ: ``BLAST_INDEX_URL`` and, separated by white space, ``BLAST_EXTRA_INDEX_URL`` count.
        cli_index_url: stands for the default index.
        project_indexes: of ``[[tool.blast.index]]``; one of them may be the default.
        user_config: of the user's configuration; one of them may be the default.
        pip: pip's configuration; ``no_index`` leaves only its ``find_links``.
        home: ``BLAST_HOME``, where pip's own default is remembered; "" asks pip each time.
        links: what options name beside indexes, asked last.
        no_index: only ``links`` count, and pip's ``find_links`` where options name none.

    Raises:
        UsageError: an address that can't be one, or no default index anywhere.
    """
    if no_index:
        return _unique(links or (tuple(_pip_locations(pip._replace(no_index=True))[1]) if pip is not None else ()))
    added = [*project_indexes, *(user_config or ())]
    chosen = cli_index_url or environ.get("BLAST_INDEX_URL") or ""
    default = next((location for location in added if location.default), None)
    before = [location for location in added if not location.default]
    for number, url in enumerate(environ.get("BLAST_EXTRA_INDEX_URL", "").split(), 1):
        before.append(make_location(f"extra-{number}", url))
    after: list[IndexLocation] = []
    # Whoever names an index on the command line or in the project doesn't mean pip's as well.
    if pip is not None and not chosen and default is None:
        remote, local = _pip_locations(pip)
        before += remote
        after += local
        if pip.no_index:
            return _unique((*before, *after, *links))
        chosen = pip.index_url
    if chosen:
        default = make_location(_DEFAULT_NAME, chosen, default=True)
    if default is None:
        default = make_location(_DEFAULT_NAME, pip_default_url(home), default=True)
    return _unique((*before, default, *after, *links))


def _pip_locations(pip: PipConfiguration) -> tuple[list[IndexLocation], list[IndexLocation]]:
    """Return pip's extra indexes on the network, and its local ones with the ``find-links``."""
    remote: list[IndexLocation] = []
    local: list[IndexLocation] = []
    for number, url in enumerate(() if pip.no_index else pip.extra_index_urls, 1):
        location = make_location(f"pip-extra-{number}", url)
        (local if location.url.startswith("file:") else remote).append(location)
    for number, url in enumerate(pip.find_links, 1):
        local.append(make_location(f"pip-links-{number}", url, flat=True))
    return remote, local


def _unique(locations: Sequence[IndexLocation]) -> tuple[IndexLocation, ...]:
    """Leave out locations whose address came before, and make sure that names differ."""
    kept: dict[tuple[str, bool], IndexLocation] = {}
    names: set[str] = set()
    for location in locations:
        key = (location.url, location.flat)
        if key in kept:
            continue
        if location.name in names:
            raise UsageError(f"two indexes are named {location.name}", hint="give each index a name of its own")
        names.add(location.name)
        kept[key] = location
    return tuple(kept.values())


def pip_default_url(home: str = "") -> str:
    """Return the address of the index that pip uses when nothing configures one.

    Args:
        home: where the answer is remembered, in the file ``index-default``; "" remembers nothing.

    Raises:
        UsageError: pip is not installed beside Blast, or doesn't tell.
    """
    path = os.path.join(home, _REMEMBERED) if home else ""
    if path:
        try:
            with open(path, encoding="utf-8") as stream:
                remembered = stream.read(4096).strip()
        except (OSError, UnicodeDecodeError):
            remembered = ""
        if remembered.startswith(("https://", "http://")) and remembered.isprintable():
            return remembered
    url = _ask_pip()
    if path:
        _remember(path, url)
    return url


def _remember(path: str, url: str) -> None:
    from blast_core.fs import make_directories, replace_file

    try:
        make_directories(os.path.dirname(path))
        replace_file(path, f"{url}\n".encode())
    except OSError:  # a read-only home costs asking pip again
        return


def _ask_pip() -> str:
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        return _read_pip_help()
    url = getattr(PyPI, "simple_url", "")
    return url if isinstance(url, str) and url.startswith("https://") else _read_pip_help()


def _read_pip_help() -> str:
    """Read the default out of pip's help text, which is no promise either but older than its modules' layout."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "pip", "--isolated", "install", "--help"]
    environ = {**os.environ, "COLUMNS": "200"}
    shown = subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stdout
    url = " ".join(shown.split()).partition("(default ")[2].partition(")")[0].replace(" ", "")
    if not url.startswith("https://"):
        raise UsageError(
            "no package index is known",
            reason="nothing names one, and pip, which knows the public one, is not installed",
            hint="give --index-url, or set BLAST_INDEX_URL",
        )
    return url
