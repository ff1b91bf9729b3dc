"""Which library makes the connections: decided here, and nowhere else.

pyreqwest by default: it is imported in 5 ms where httpx takes 100, and fetches small files at three times the speed.
httpx where pyreqwest is missing, or can't do what the user's configuration asks for; see
``docs/decisions/0014-transport.md``.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_pm.index.transport import Transport
    from blast_pm.index.transport.options import NetworkOptions

__all__ = ["TRANSPORTS", "find_obstacle", "open_transport"]

#: What ``BLAST_TRANSPORT`` may say.
TRANSPORTS = ("auto", "pyreqwest", "httpx")

# Where systems keep their own bundle: naming one of them asks for what is trusted anyway.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
)


def open_transport(
    options: NetworkOptions,
    *,
    connections: int,
    secure: bool = True,
    note: Callable[[str], None] | None = None,
) -> Transport:
    """Return what makes the exchanges of one client.

    Args:
        options: of every connection; ``transport`` forces a library.
        connections: kept per server.
        secure: whether the indexes are reached by https, so that unusable certificates show now.
        note: told when httpx stands in, and why.

    Raises:
        UsageError: the library that was forced is missing or can't do what is asked for, or a certificate or a proxy
            can't be used at all.
    """
    _check(options)
    obstacle = find_obstacle(options) if options.transport != "httpx" else "it is asked for"
    if not obstacle:
        try:
            from blast_pm.index.transport.pyreqwest_adapter import PyreqwestTransport

            return PyreqwestTransport(options, connections=connections, secure=secure)
        except ImportError:
            obstacle = "pyreqwest is not installed"
        except UsageError as error:
            obstacle = error.reason or error.message
    if options.transport == "pyreqwest":
        raise UsageError(
            "pyreqwest can't make the connections", reason=obstacle, hint="unset BLAST_TRANSPORT, or set it to httpx"
        )
    if note is not None:
        note(f"connections are made by httpx: {obstacle}")
    from blast_pm.index.transport.httpx_adapter import HttpxTransport

    return HttpxTransport(options, connections=connections)


def find_obstacle(options: NetworkOptions, platform: str = sys.platform) -> str:
    """Return what pyreqwest can't do of what the options ask for, "" when there is nothing."""
    if options.cert and not _is_trusted_anyway(options, platform):
        return "a bundle of certificate authorities is to replace the system's"
    if platform in ("win32", "darwin") and any(options.openssl_certs):
        return "SSL_CERT_FILE or SSL_CERT_DIR is set, which pyreqwest doesn't read on this system"
    return ""


def _is_trusted_anyway(options: NetworkOptions, platform: str) -> bool:
    """Tell whether the bundle is what pyreqwest trusts without being told."""
    if platform in ("win32", "darwin"):
        return False
    known = {os.path.realpath(path) for path in _SYSTEM_BUNDLES}
    return all(os.path.realpath(path) in known for path in (options.cert, *options.openssl_certs) if path)


def _check(options: NetworkOptions) -> None:
    if options.transport not in ("", *TRANSPORTS):
        raise UsageError(
            f"no transport is named {options.transport}",
            reason=f"there are {', '.join(TRANSPORTS)}",
            hint="see BLAST_TRANSPORT",
        )
    for path, option in ((options.cert, "BLAST_CERT"), (options.client_cert, "BLAST_CLIENT_CERT")):
        if path and not os.path.exists(path):
            raise UsageError(
                "a certificate file can't be used",
                reason=f"{path}: there is no such file",
                hint=f"see pip's option 'cert' or 'client-cert', or set {option}",
            )
