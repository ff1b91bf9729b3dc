"""What pip's configuration says about indexes, as one plain value.

The value crosses two packages: ``blast_compat`` reads the files and the environment, ``blast_pm`` decides what to do
with it. It lives here because neither may import the other.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

__all__ = ["NetrcEntry", "PipConfiguration"]


class PipConfiguration(NamedTuple):
    """pip's options about indexes and the network, merged in pip's own order.

    Attributes:
        index_url: the index, "" when pip would use its built-in default.
        extra_index_urls: further indexes, in the order written.
        find_links: directories, files or pages that list distributions, in the order written.
        no_index: only ``find_links`` may be used.
        cert: path of a bundle of certificate authorities, "" for the system's.
        client_cert: path of a client certificate with its key, "" for none.
        proxy: address of a proxy, "" for none.
        timeout_s: seconds without progress, 0 when pip's default counts.
        trusted_hosts: ``host`` or ``host:port`` whose certificate isn't checked.
        keyring_provider: ``auto``, ``import``, ``subprocess`` or ``disabled``; "" when nothing says.
    """

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    cert: str = ""
    client_cert: str = ""
    proxy: str = ""
    timeout_s: float = 0.0
    trusted_hosts: tuple[str, ...] = ()
    keyring_provider: str = ""

    def __repr__(self) -> str:
        """Leave the addresses out, because they may hold a password."""
        extra, links = len(self.extra_index_urls), len(self.find_links)
        return f"PipConfiguration(index={'given' if self.index_url else 'default'}, extra={extra}, find_links={links})"


class NetrcEntry(NamedTuple):
    """One ``machine`` of a ``.netrc``; the password never shows in a repr."""

    machine: str
    login: str
    password: str

    def __repr__(self) -> str:
        """Name the machine only."""
        return f"NetrcEntry({self.machine!r})"
