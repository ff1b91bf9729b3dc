"""What fetches builds of interpreters: the same client as for indexes, its certificates, proxies and credentials."""

from __future__ import annotations

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.index.fetch import Fetcher
    from blast_pm.index.transport import Transport
    from blast_project.session import Session

__all__ = ["open_fetcher"]


@contextmanager
def open_fetcher(session: Session, url: str) -> Iterator[Fetcher]:
    """Return what fetches from ``url`` and what is below it; a context manager, which closes connections.

    A user and a password in the address count for all of its host, as do those in netrc.
    """
    from blast_compat.netrc import find_netrc, read_netrc
    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.credentials import CredentialStore
    from blast_pm.index.fetch import Fetcher
    from blast_pm.index.model import IndexLocation
    from blast_pm.index.transport.choosing import open_transport
    from blast_pm.index.transport.options import network_options

    settings = session.settings
    network = network_options(settings.environ, read_pip_configuration(settings.environ))
    opened: list[Transport] = []

    def transport() -> Transport:
        if not opened:
            opened.append(open_transport(network, connections=1, secure=url.startswith("https:")))
        return opened[0]

    netrc = find_netrc(settings.environ)
    entries = read_netrc(netrc) if os.path.isfile(netrc) else ()
    location = IndexLocation("python-mirror", url)
    credentials = CredentialStore((location,), settings.environ, entries)
    try:
        yield Fetcher(transport, credentials, offline=settings.offline, timeout_s=network.timeout_s)
    finally:
        for one in opened:
            one.close()
