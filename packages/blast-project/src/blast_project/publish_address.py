"""Where distributions are uploaded to, and with whose credentials.

No address of an upload is written in Blast, as none of an index is: it comes from the command line, the project's
indexes (``publish-url`` of an ``[[tool.blast.index]]``), the user's .pypirc, or last from twine if it is there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from blast_core.errors import UsageError
from blast_project.publish_request import Destination

if TYPE_CHECKING:
    from blast_compat.pypirc import PypircEntry
    from blast_compat.pyproject import Manifest
    from blast_core.reporter import Reporter
    from blast_pm.index.credentials import Credentials
    from blast_pm.index.transport.httpx_adapter import HttpxTransport
    from blast_project.publish_request import PublishRequest
    from blast_project.settings import Settings

__all__ = ["find_credentials", "find_destination", "goes_in_the_clear"]

_PUBLIC = "pypi"
_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_TOKEN_USER = "__token__"  # noqa: S105 - the name that every token is sent under


def find_destination(
    settings: Settings, manifest: Manifest | None, *, url: str = "", index: str = "", check_url: str = ""
) -> Destination:
    """Return where to upload.

    Args:
        settings: what the user set.
        manifest: of the project, if there is one.
        url: the upload address asked for; "" for none.
        index: the name of an index of the project or of a section of .pypirc; "" for none.
        check_url: the index whose pages tell what is there; "" for the project's index of that name.

    Raises:
        UsageError: the index is unknown or has no upload address, or there is none at all.
    """
    from blast_compat.pypirc import find_pypirc, read_pypirc
    from blast_pm.index.credentials import without_credentials

    if url and index:
        raise UsageError(
            f"both an upload address and the index {index} are given",
            reason=f"{without_credentials(url)} may be another place than that of the index",
            hint="leave one out; BLAST_PUBLISH_URL counts as '--publish-url'",
        )
    if url:
        return Destination(url, check_url)
    tables = {str(table.get("name")): table for table in (manifest.tool.get("index", []) if manifest else [])}
    entries = {entry.name: entry for entry in read_pypirc(find_pypirc(settings.environ))}
    if index:
        return _named(index, tables, entries, check_url)
    own = [table for table in tables.values() if table.get("publish-url")]
    if len(own) == 1:
        return Destination(str(own[0]["publish-url"]), check_url or str(own[0]["url"]), str(own[0].get("name", "")))
    if len(own) > 1:
        names = ", ".join(str(table.get("name")) for table in own)
        raise UsageError(f"the project names several upload addresses: {names}", hint="choose one with '--index NAME'")
    public = entries.get(_PUBLIC)
    address = public.repository if public is not None and public.repository else _twine_default()
    if not address:
        raise UsageError(
            "no upload address is known",
            reason="neither the command, the project nor .pypirc names one, and twine is not installed",
            hint="give '--publish-url', or publish-url of an [[tool.blast.index]]",
        )
    return Destination(address, check_url, _PUBLIC, public)


def find_credentials(
    settings: Settings, reporter: Reporter, transport: HttpxTransport, request: PublishRequest
) -> Credentials | None:
    """Return who uploads: as asked, in the address, by trusted publishing, .pypirc, netrc, keyring, or by asking.

    None is for an index that lets anybody in, which only an address of this machine may do.

    Raises:
        UsageError: nobody is known, and nobody can be asked.
        IndexDenied: the index does not trust this job.
    """
    from blast_pm.index.credentials import Credentials, split_credentials

    destination = request.destination
    written = split_credentials(destination.url)[1]
    if request.password:
        return Credentials(request.username or _TOKEN_USER, request.password)
    if written is not None:
        return written
    trusted = _trusted(settings, reporter, transport, request)
    if trusted is not None:
        return trusted
    entry = destination.entry
    if entry is not None and entry.password and request.username in ("", entry.username):
        return Credentials(entry.username or _TOKEN_USER, entry.password)
    return _known(settings, request) or _asked(settings, request)


def goes_in_the_clear(url: str) -> bool:
    """Tell whether what is sent to an address leaves this machine unencrypted."""
    from blast_pm.index.credentials import origin_of

    scheme, _, place = origin_of(url).partition("://")
    return scheme == "http" and place.rpartition(":")[0] not in _THIS_MACHINE


def _named(
    index: str, tables: dict[str, dict[str, object]], entries: dict[str, PypircEntry], check_url: str
) -> Destination:
    table, entry = tables.get(index), entries.get(index)
    address = str(table.get("publish-url", "")) if table is not None else ""
    address = address or (entry.repository if entry is not None else "")
    if not address and index == _PUBLIC:
        address = _twine_default()
    if not address:
        known = sorted(name for name in {*tables, *entries} if name not in ("", "None"))
        raise UsageError(
            f"the index {index} has no upload address",
            reason=f"indexes that are known: {', '.join(known) or 'none'}",
            hint=f'write publish-url = "https://…" into the [[tool.blast.index]] named {index}',
        )
    own = str(table["url"]) if table is not None else ""
    return Destination(address, check_url or own, index, entry)


def _twine_default() -> str:
    try:
        from twine.utils import DEFAULT_REPOSITORY
    except ImportError:
        return ""
    return str(DEFAULT_REPOSITORY)


def _trusted(
    settings: Settings, reporter: Reporter, transport: HttpxTransport, request: PublishRequest
) -> Credentials | None:
    from blast_core.errors import IndexAccessError
    from blast_pm.publish.trusted import has_identity, mint_token

    if request.trusted == "never" or request.username:
        return None
    if request.trusted == "automatic" and not has_identity(settings.environ):
        return None
    try:
        found = mint_token(transport, request.destination.url)
    except IndexAccessError as error:
        if request.trusted == "always":
            raise
        reporter.note(
            f"trusted publishing did not work: {error.message}" + (f" ({error.reason})" if error.reason else "")
        )
        return None
    if found is None and request.trusted == "always":
        raise UsageError(
            "this process can't prove who it is",
            reason="trusted publishing works in jobs of a build service",
            hint="use a token, or leave out '--trusted-publishing always'",
        )
    return found


def _known(settings: Settings, request: PublishRequest) -> Credentials | None:
    """Return what netrc or the keyring knows of the address."""
    from blast_compat.netrc import find_netrc, read_netrc
    from blast_pm.index.credentials import Credentials, origin_of
    from blast_pm.index.keyring import Keyring

    url = request.destination.url
    host = origin_of(url).partition("://")[2].rpartition(":")[0]
    netrc = find_netrc(settings.environ)
    for entry in read_netrc(netrc) if os.path.isfile(netrc) else ():
        if entry.machine == host and entry.password and request.username in ("", entry.login):
            return Credentials(entry.login, entry.password)
    keyring = Keyring(settings.keyring_provider or "auto", settings.environ)
    return keyring.find([url, host], request.username or _TOKEN_USER)


def _asked(settings: Settings, request: PublishRequest) -> Credentials | None:
    from blast_pm.index.credentials import Credentials, origin_of

    host = origin_of(request.destination.url).partition("://")[2].rpartition(":")[0]
    if sys.stdin.isatty() and sys.stderr.isatty() and not settings.environ.get("CI"):
        import getpass

        who = request.username or _TOKEN_USER
        what = "token" if who == _TOKEN_USER else "password"
        return Credentials(who, getpass.getpass(f"The {what} of {who} for {host}: ", sys.stderr))
    if host in _THIS_MACHINE and not request.username:
        return None
    raise UsageError(
        f"nobody is known who may upload to {host}",
        reason="neither options, variables, .pypirc, netrc nor the keyring hold a token or a password",
        hint="set BLAST_PUBLISH_TOKEN, or give '--token'",
    )
