"""What the user says about the network: certificates, proxies, time limits, hosts trusted without a certificate."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from blast_core.pip_configuration import PipConfiguration

__all__ = ["NetworkOptions", "make_ssl_context", "network_options"]

_DEFAULT_TIMEOUT_S = 30.0
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


class NetworkOptions(NamedTuple):
    """Options of every connection.

    Attributes:
        cert: path of a bundle (or directory) of certificate authorities, "" for the system's.
        client_cert: path of a client certificate with its key, "" for none.
        proxies: address of a proxy by scheme, ``http`` and ``https``.
        no_proxy: hosts and domains that are reached directly; ``*`` for all.
        timeout_s: seconds without progress after which an exchange is given up.
        trusted_hosts: ``host`` or ``host:port`` whose certificate isn't checked.
        transport: the library that makes the connections, one of `choosing.TRANSPORTS`; "" for the best one.
        openssl_certs: what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` say, which act by themselves.
    """

    cert: str = ""
    client_cert: str = ""
    proxies: tuple[tuple[str, str], ...] = ()
    no_proxy: tuple[str, ...] = ()
    timeout_s: float = _DEFAULT_TIMEOUT_S
    trusted_hosts: tuple[str, ...] = ()
    transport: str = ""
    openssl_certs: tuple[str, str] = ("", "")

    def __repr__(self) -> str:
        """Leave the proxies' addresses out: they may hold a password."""
        return f"NetworkOptions(cert={self.cert!r}, timeout_s={self.timeout_s}, proxies={len(self.proxies)})"

    def proxy_for(self, scheme: str, host: str, port: int = 0) -> str:
        """Return the proxy for ``host`` (lower case), "" for a direct connection.

        An entry of ``no_proxy`` is a host, a domain with or without a dot before it, an address, or a network such as
        ``10.0.0.0/8``; each but the network may have a port.
        """
        host = host.strip("[]")
        for entry in self.no_proxy:
            if entry == "*" or _is_meant(entry, host, port):
                return ""
        return next((proxy for name, proxy in self.proxies if name == scheme), "")

    def is_trusted(self, host: str, port: int) -> bool:
        """Tell whether the certificate of ``host`` (lower case) goes unchecked."""
        return host in self.trusted_hosts or f"{host}:{port}" in self.trusted_hosts


def network_options(environ: Mapping[str, str], pip: PipConfiguration | None = None) -> NetworkOptions:
    """Merge variables and pip's configuration; the variables that Blast itself names come first.

    ``BLAST_CERT``, ``BLAST_CLIENT_CERT``, ``BLAST_PROXY``, ``BLAST_HTTP_TIMEOUT``, then pip's options, then
    ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` and ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY`` in
    either case. ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` act by themselves. ``BLAST_TRANSPORT`` names the library that
    makes the connections.

    Raises:
        UsageError: a time limit that is no number, or a proxy that is none.
    """
    cert = environ.get("BLAST_CERT") or (pip.cert if pip else "")
    cert = cert or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
    one = environ.get("BLAST_PROXY") or (pip.proxy if pip else "")
    fallback = _either_case(environ, "ALL_PROXY")
    proxies = {name: one or _either_case(environ, f"{name.upper()}_PROXY") or fallback for name in ("http", "https")}
    if "REQUEST_METHOD" in environ and not one:
        proxies["http"] = ""  # in a CGI program a client sets HTTP_PROXY by a header (CVE-2016-5385)
    hosts = _either_case(environ, "NO_PROXY").replace(" ", "").lower().split(",")
    timeout_s = _timeout(environ.get("BLAST_HTTP_TIMEOUT", "")) or (pip.timeout_s if pip else 0.0)
    return NetworkOptions(
        cert=cert,
        client_cert=environ.get("BLAST_CLIENT_CERT") or (pip.client_cert if pip else ""),
        proxies=tuple((name, _proxy_address(proxy)) for name, proxy in proxies.items() if proxy),
        no_proxy=() if one else tuple(host for host in hosts if host),
        timeout_s=timeout_s or _DEFAULT_TIMEOUT_S,
        trusted_hosts=tuple(host.lower() for host in pip.trusted_hosts) if pip else (),
        transport=environ.get("BLAST_TRANSPORT", "").strip().lower(),
        openssl_certs=(environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")),
    )


def make_ssl_context(options: NetworkOptions, *, verify: bool) -> ssl.SSLContext:
    """Return a context that trusts what the options say.

    Raises:
        UsageError: a certificate file is missing or malformed.
    """
    import os
    import ssl

    try:
        if not verify:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif options.cert:
            folder = os.path.isdir(options.cert)
            context = ssl.create_default_context(
                cafile=None if folder else options.cert, capath=options.cert if folder else None
            )
        else:
            context = ssl.create_default_context()
            if not context.cert_store_stats()["x509_ca"] and "SSL_CERT_DIR" not in os.environ:
                _trust_certifi(context)
        if options.client_cert:
            # Without a function of ours OpenSSL would ask for a passphrase on the terminal.
            context.load_cert_chain(options.client_cert, password=_no_passphrase)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            "a certificate file can't be used",
            reason=f"{options.cert or options.client_cert}: {error}",
            hint="see pip's option 'cert', or set BLAST_CERT",
        ) from error
    return context


def _no_passphrase() -> str:
    raise UsageError(
        "the client certificate's key is encrypted",
        reason="Blast asks for no passphrase",
        hint="name a file whose key is not encrypted",
    )


def _trust_certifi(context: ssl.SSLContext) -> None:
    # Pythons that come without a store of authorities, as those from python.org for macOS.
    import certifi

    context.load_verify_locations(cafile=certifi.where())


def _either_case(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower()) or environ.get(name) or ""


def _proxy_address(proxy: str) -> str:
    """Return a proxy's address with its scheme.

    Raises:
        UsageError: the scheme is not one of proxies; the text holds no password.
    """
    address = proxy if "://" in proxy else f"http://{proxy}"
    scheme = address.partition("://")[0].lower()
    if scheme not in _PROXY_SCHEMES or not address.isascii() or not address.isprintable() or " " in address:
        raise UsageError(
            "the proxy's address can't be used",
            reason=f"its scheme is {scheme}" if scheme not in _PROXY_SCHEMES else "it has signs that no address has",
            hint=f"a proxy is one of {', '.join(_PROXY_SCHEMES)}; see BLAST_PROXY, HTTPS_PROXY, or pip's 'proxy'",
        )
    return address


def _is_meant(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of ``no_proxy`` means ``host`` at ``port``."""
    if "/" in entry:
        return _is_in_network(host, entry)
    name, _, number = entry.rpartition(":")
    if name and number.isdigit() and (":" not in name or name.endswith("]")):  # not the end of a bare IPv6 address
        if int(number) != port:
            return False
        entry = name
    domain = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _is_in_network(host: str, network: str) -> bool:
    if not host.replace(".", "").isdigit() and ":" not in host:
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _timeout(text: str) -> float:
    if not text.strip():
        return 0.0
    try:
        return max(float(text), 0.0)
    except ValueError:
        raise UsageError(f"BLAST_HTTP_TIMEOUT is not a number of seconds: {text.strip()!r}") from None
