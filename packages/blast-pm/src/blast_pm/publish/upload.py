"""Sending one file to an index's upload address.

An upload is sent again after faults that pass, a few times; a redirect is never followed, because it would take the
password and the file to somebody else.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple, cast

from blast_core.errors import IndexAccessError, IndexDenied, IndexTimeout, UsageError
from blast_pm.index.credentials import without_credentials
from blast_pm.index.transport import ConnectionFault
from blast_pm.index.transport.httpx_adapter import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    import httpx

    from blast_pm.index.credentials import Credentials
    from blast_pm.index.transport.httpx_adapter import HttpxTransport

__all__ = ["Answer", "upload_file"]

_TRIES = 4
_PASSING = (429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 30.0
# Of an index's own words, which may be a whole page.
_LONGEST_TEXT = 500


class Answer(NamedTuple):
    """What the index said: the status, and what it gave as the reason in one line."""

    status: int
    text: str

    @property
    def exists_already(self) -> bool:
        """Whether the file was refused because one of its name is there; indexes say it in several ways."""
        words = self.text.lower()
        is_told = "already exist" in words or "already been taken" in words or "already uploaded" in words
        return self.status == 409 or (self.status in (400, 403) and is_told)


def upload_file(
    transport: HttpxTransport,
    url: str,
    fields: Sequence[tuple[str, str]],
    path: str,
    credentials: Credentials | None,
    advance: Callable[[int], None],
    wait: Callable[[float], None] = time.sleep,
) -> Answer:
    """Send a file and return what the index said; a refusal because it is there already is an answer, too.

    Args:
        transport: makes connections.
        url: the upload address.
        fields: of the form.
        path: the file.
        credentials: who sends it.
        advance: is told how many bytes more were sent; a negative number when it begins again.
        wait: between two tries, in seconds.

    Raises:
        IndexDenied: the index refused the credentials.
        IndexAccessError: it refused the file, or could not be reached.
    """
    delay_s = 1.0
    for number in range(1, _TRIES + 1):
        answer, retry_after_s = _try(transport, url, fields, path, credentials, advance, is_last=number == _TRIES)
        if answer is not None and (answer.status not in _PASSING or number == _TRIES):
            return _judged(answer, url, os.path.basename(path))
        wait(min(max(delay_s, retry_after_s), _LONGEST_WAIT_S))
        delay_s *= 2
    raise AssertionError("the last try answers or raises")


def _try(
    transport: HttpxTransport,
    url: str,
    fields: Sequence[tuple[str, str]],
    path: str,
    credentials: Credentials | None,
    advance: Callable[[int], None],
    *,
    is_last: bool,
) -> tuple[Answer | None, float]:
    headers = {"Authorization": credentials.header()} if credentials is not None else {}
    repeated: dict[str, list[str]] = {}
    for name, value in fields:
        repeated.setdefault(name, []).append(value)
    with open(path, "rb") as file:
        counted = _Counted(file, advance)
        try:
            with translated(without_credentials(url)):
                response = transport.client_for(url).post(
                    url,
                    data=repeated,
                    files={"content": (os.path.basename(path), cast("IO[bytes]", counted), "application/octet-stream")},
                    headers=headers,
                )
        except (ConnectionFault, IndexTimeout):
            if is_last:
                raise
            counted.take_back()
            return None, 0.0
    answer = Answer(response.status_code, _words_of(response))
    if answer.status in _PASSING:
        counted.take_back()
    after = response.headers.get("retry-after", "")
    return answer, float(after) if after.isascii() and after.isdecimal() else 0.0


class _Counted:
    """A file that tells how much of it was read; what httpx sends it reads piece by piece."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance
        self._told = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._told += len(content)
        self._advance(len(content))
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def take_back(self) -> None:
        self._advance(-self._told)
        self._told = 0


def _words_of(response: httpx.Response) -> str:
    """Return what an index says in one line: its reason phrase, or the text of a short answer that is no page."""
    reason = response.reason_phrase.strip()
    kind = response.headers.get("content-type", "")
    text = "" if "html" in kind else " ".join(response.text.split())
    return (f"{reason}: {text}" if text and text not in reason else reason)[:_LONGEST_TEXT]


def _judged(answer: Answer, url: str, filename: str) -> Answer:
    shown = without_credentials(url)
    if 200 <= answer.status < 300 or answer.exists_already:
        return answer
    if 300 <= answer.status < 400:
        raise UsageError(
            f"{shown} sends uploads elsewhere",
            reason=f"it answered {answer.status}, and a password is not taken to another address",
            hint="give the address that it leads to, often the same with or without a slash at the end",
        )
    if answer.status in (401, 403):
        raise IndexDenied(
            f"{shown} did not let {filename} in",
            reason=f"{answer.status} {answer.text}",
            hint="check the token or the password, and whether it may upload this project",
        )
    raise IndexAccessError(
        f"{shown} refused {filename}",
        reason=f"{answer.status} {answer.text}",
        hint="'-v' shows what was sent" if answer.status < 500 else "try again later",
    )
