"""One packet of the memory store's socket: a JSON object, and with it descriptors.

The socket is of the kind SOCK_SEQPACKET: the kernel keeps packets whole, so there are no lengths to lie about, no
halves to wait for, and a descriptor belongs to the packet that it came with. docs/spec/memstore.md describes them all.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import TYPE_CHECKING, Any

from blast_core.errors import DaemonUnreachable, FormatError, InvalidField, TruncatedInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DESCRIPTORS", "MESSAGE_BYTES", "PROTOCOL", "encode", "receive", "send"]

#: Number of the protocol; the store and its clients must agree on it.
PROTOCOL = 1
#: A packet is no longer than this: 256 keys of ordinary length, or a record of 512 parts.
MESSAGE_BYTES = 128 << 10
#: Descriptors in one packet; the kernel takes 253.
DESCRIPTORS = 200

_INT_BYTES = array.array("i").itemsize


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a packet's bytes.

    Raises:
        InvalidField: they would be more than a packet may have, or hold lone surrogates.
    """
    try:
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise InvalidField("text that is no Unicode", field="packet") from error
    if len(data) > MESSAGE_BYTES:
        raise InvalidField("a packet is too long", field="packet", value=f"{len(data)} bytes")
    return data


def send(connection: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send one packet; the descriptors stay the caller's.

    Raises:
        BlockingIOError: the receiver has not yet read what was sent before.
        OSError: it is gone.
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())] if fds else []
    connection.sendmsg([data], rights, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket, max_fds: int) -> tuple[dict[str, Any], list[int]]:
    """Return the next packet and its descriptors, which are the caller's.

    Raises:
        DaemonUnreachable: the other side has closed.
        FormatError: it is no packet, or came with more descriptors than ``max_fds``; none is left open.
        BlockingIOError: there is none yet.
        OSError: the connection broke.
    """
    data, ancillary, flags, _ = connection.recvmsg(
        MESSAGE_BYTES + 1, socket.CMSG_SPACE(max_fds * _INT_BYTES), socket.MSG_CMSG_CLOEXEC
    )
    fds = _collect(ancillary)
    try:
        return _decode(data, flags), fds
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise


def _collect(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    numbers = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % _INT_BYTES])
    return list(numbers)


def _decode(data: bytes, flags: int) -> dict[str, Any]:
    if not data and not flags & socket.MSG_CTRUNC:
        raise DaemonUnreachable("the other side has closed the connection")
    if len(data) > MESSAGE_BYTES or flags & socket.MSG_TRUNC:
        raise InvalidField("a packet is too long", field="packet")
    if flags & socket.MSG_CTRUNC:
        raise TruncatedInput("descriptors were lost", reason="too many came, or this process has too many files open")
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise FormatError("a packet is not JSON", reason=str(error)[:200]) from None
    if not isinstance(document, dict):
        raise FormatError("a packet is not a JSON object")
    return document
