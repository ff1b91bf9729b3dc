"""What the user says about the network: certificates, proxies, time limits, hosts trusted without a certificate."""

from __future__ import annotations

from typing import NamedTuple

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from blast_core.pip_configuration import PipConfiguration

__all__ = ["NetworkOptions", "make_ssl_context", "network_options"]

_DEFAULT_TIMEOUT_S = 30.0


class NetworkOptions(NamedTuple):
    """Options of every connection.

    Attributes:
        cert: path of a bundle (or directory) of certificate authorities, "" for the system's.
        client_cert: path of a client certificate with its key, "" for none.
        proxies: address of a proxy by scheme, ``http`` and ``https``.
        no_proxy: hosts and domains that are reached directly; ``*`` for all.
        timeout_s: seconds without progress after which an exchange is given up.
        trusted_hosts: ``host`` or ``host:port`` whose certificate isn't checked.
    """

    cert: str = ""
    client_cert: str = ""
    proxies: tuple[tuple[str, str], ...] = ()
    no_proxy: tuple[str, ...] = ()
    timeout_s: float = _DEFAULT_TIMEOUT_S
    trusted_hosts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Leave the proxies' addresses out: they may hold a password."""
        return f"NetworkOptions(cert={self.cert!r}, timeout_s={self.timeout_s}, proxies={len(self.proxies)})"

    def proxy_for(self, scheme: str, host: str) -> str:
        """Return the proxy for ``host`` (lower case, no port), "" for a direct connection."""
        for entry in self.no_proxy:
            domain = entry.removeprefix("*").lstrip(".")
            if entry == "*" or host == domain or host.endswith(f".{domain}"):
                return ""
        return next((proxy for name, proxy in self.proxies if name == scheme), "")

    def is_trusted(self, host: str, port: int) -> bool:
        """Tell whether the certificate of ``host`` goes unchecked."""
        return host in self.trusted_hosts or f"{host}:{port}" in self.trusted_hosts


def network_options(environ: Mapping[str, str], pip: PipConfiguration | None = None) -> NetworkOptions:
    """Merge variables and pip's configuration; the variables that Blast itself names come first.

    ``BLAST_CERT``, ``BLAST_CLIENT_CERT``, ``BLAST_PROXY``, ``BLAST_HTTP_TIMEOUT``, then pip's options, then
    ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` and ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY`` in
    either case. ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` act through OpenSSL.

    Raises:
        UsageError: a time limit that is no number.
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
        proxies=tuple((name, _with_scheme(proxy)) for name, proxy in proxies.items() if proxy),
        no_proxy=() if one else tuple(host for host in hosts if host),
        timeout_s=timeout_s or _DEFAULT_TIMEOUT_S,
        trusted_hosts=pip.trusted_hosts if pip else (),
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
            context.load_cert_chain(options.client_cert)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            "a certificate file can't be used",
            reason=f"{options.cert or options.client_cert}: {error}",
            hint="see pip's option 'cert', or set BLAST_CERT",
        ) from error
    return context


def _trust_certifi(context: ssl.SSLContext) -> None:
    # Pythons that come without a store of authorities, as those from python.org for macOS.
    import certifi

    context.load_verify_locations(cafile=certifi.where())


def _either_case(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower()) or environ.get(name) or ""


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _timeout(text: str) -> float:
    if not text.strip():
        return 0.0
    try:
        return max(float(text), 0.0)
    except ValueError:
        raise UsageError(f"BLAST_HTTP_TIMEOUT is not a number of seconds: {text.strip()!r}") from None
