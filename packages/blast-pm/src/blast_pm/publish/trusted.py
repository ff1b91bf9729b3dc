"""Trusted publishing: a job of a build service proves who it is, and gets a token of the index for some minutes.

The proof comes from the service through the library ``id``; the index says for whom it has to be made out, and gives a
token for it.

Spec: the endpoints ``/_/oidc/audience`` and ``/_/oidc/mint-token`` that indexes share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.errors import IndexAccessError, IndexDenied
from blast_pm.index.credentials import Credentials, origin_of
from blast_pm.index.transport.httpx_adapter import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_pm.index.transport.httpx_adapter import HttpxTransport

__all__ = ["MODES", "has_identity", "mint_token"]

#: What ``--trusted-publishing`` may say.
MODES = ("automatic", "always", "never")
_USER = "__token__"
# One of them is set in every job of a service that `id` knows.
_SIGNS = ("ACTIONS_ID_TOKEN_REQUEST_URL", "GITLAB_CI", "BUILDKITE", "CIRCLECI")


def has_identity(environ: Mapping[str, str]) -> bool:
    """Tell whether this process may be a job that can prove who it is."""
    return any(environ.get(name) for name in _SIGNS)


def mint_token(transport: HttpxTransport, url: str) -> Credentials | None:
    """Return credentials for the index at ``url``; None where this process can't prove who it is.

    Raises:
        IndexDenied: the index does not trust this job.
        IndexAccessError: the index knows no trusted publishing, or can't be reached.
    """
    from id import AmbientCredentialError, detect_credential

    audience = _audience(transport, url)
    try:
        proof = detect_credential(audience)
    except AmbientCredentialError as error:
        raise IndexDenied(
            "this job could not prove who it is",
            reason=str(error).splitlines()[0],
            hint="the job needs the right to ask for an identity, such as 'id-token: write'",
        ) from error
    if proof is None:
        return None
    return Credentials(_USER, _mint(transport, url, proof))


def _audience(transport: HttpxTransport, url: str) -> str:
    asked = f"{origin_of(url)}/_/oidc/audience"
    with translated(asked):
        response = transport.client_for(asked).get(asked)
    try:
        found = response.json()["audience"] if response.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        raise IndexAccessError(
            f"{origin_of(url)} knows no trusted publishing",
            reason=f"{asked} answered {response.status_code} and names nobody",
            hint="use a token, or '--trusted-publishing never'",
        )
    return found


def _mint(transport: HttpxTransport, url: str, proof: str) -> str:
    asked = f"{origin_of(url)}/_/oidc/mint-token"
    with translated(asked):
        response = transport.client_for(asked).post(asked, json={"token": proof})
    try:
        answer = response.json()
        token = answer.get("token") if response.is_success else None
    except (ValueError, AttributeError):
        answer, token = {}, None
    if isinstance(token, str) and token:
        return token
    errors = answer.get("errors", []) if isinstance(answer, dict) else []
    reasons = [str(row.get("description", "")) for row in errors if isinstance(row, dict)]
    raise IndexDenied(
        f"{origin_of(url)} does not trust this job",
        reason="; ".join(filter(None, reasons)) or f"it answered {response.status_code}",
        hint="register the repository, the workflow and its environment as a publisher at the index",
    )
