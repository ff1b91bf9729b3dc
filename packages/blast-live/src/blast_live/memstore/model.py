"""What the memory store holds: blobs by their digest, and records that say what stands under a key.

A *blob* is bytes in a sealed memfd, addressed by its BLAKE3. A *record* maps a key to parts, each a name and the digest
of a blob: a distribution is one record, whose parts are its container and the shared objects that have to be files of
their own. A record is seen whole or not at all, whatever is evicted.
"""

from __future__ import annotations

from blast_core.errors import InvalidField
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

__all__ = [
    "DIGEST_BYTES",
    "KEYS_PER_REQUEST",
    "KEY_BYTES",
    "LOCAL",
    "LOCAL_KEYS",
    "NAME_BYTES",
    "PARTS",
    "Part",
    "Record",
    "check_key",
    "check_text",
    "decode_digest",
    "decode_record",
    "encode_record",
]

DIGEST_BYTES: Final = 32
#: A key is a project's name, version and tag with a digest or two: far below.
KEY_BYTES: Final = 512
#: A path in a distribution.
NAME_BYTES: Final = 1024
#: The shared objects of one distribution; scipy has 112, and larger ones come in few large files.
PARTS: Final = 512
#: A lock's distributions, asked for at once.
KEYS_PER_REQUEST: Final = 256
#: What stands under keys that begin so never leaves this machine, and is looked for on no other.
LOCAL_KEYS: Final = "local/"
#: The origin of what was made on this machine by whoever may write to the store.
LOCAL: Final = ""


class Part(NamedTuple):
    """A blob's name within a record, its digest and its size in bytes."""

    name: str
    digest: bytes
    size: int


class Record(NamedTuple):
    """What stands under a key; ``origin`` is "" for what was made here."""

    key: str
    parts: tuple[Part, ...]
    origin: str = LOCAL


def check_text(value: object, field: str, longest: int) -> str:
    """Return ``value`` as a text that may stand in a listing: printable, not empty, of bounded length.

    Raises:
        InvalidField: it is not one.
    """
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidField("not a printable text", field=field, value=ascii(value)[:80])
    if len(value.encode("utf-8", "surrogatepass")) > longest:
        raise InvalidField(f"longer than {longest} bytes", field=field, value=value[:80])
    return value


def check_key(value: object) -> str:
    """Return ``value`` as a key.

    Raises:
        InvalidField: it is not one.
    """
    return check_text(value, "key", KEY_BYTES)


def decode_digest(value: object) -> bytes:
    """Return the digest that 64 lower-case hexadecimal digits stand for.

    Raises:
        InvalidField: they are something else.
    """
    if not isinstance(value, str) or len(value) != 2 * DIGEST_BYTES or value.strip("0123456789abcdef"):
        raise InvalidField("not a digest", field="digest", value=ascii(value)[:80])
    return bytes.fromhex(value)


def encode_record(record: Record) -> dict[str, Any]:
    """Return the record as a JSON object, the same on the socket, in a dump and in Redis."""
    parts = [[part.name, part.digest.hex(), part.size] for part in record.parts]
    return {"key": record.key, "parts": parts, "origin": record.origin}


def decode_record(document: object) -> Record:
    """Return the record that `encode_record` made.

    Raises:
        InvalidField: the document is none.
    """
    if not isinstance(document, dict):
        raise InvalidField("not a record", field="record", value=ascii(document)[:80])
    rows = document.get("parts")
    if not isinstance(rows, list) or not 0 < len(rows) <= PARTS:
        raise InvalidField(f"not 1 to {PARTS} parts", field="parts")
    parts = tuple(_decode_part(row) for row in rows)
    if len({part.name for part in parts}) != len(parts):
        raise InvalidField("two parts of one name", field="parts")
    origin = document.get("origin", LOCAL)
    return Record(check_key(document.get("key")), parts, origin and check_text(origin, "origin", NAME_BYTES))


def _decode_part(row: object) -> Part:
    if not isinstance(row, list) or len(row) != 3:
        raise InvalidField("not a part", field="parts", value=ascii(row)[:80])
    name, digest, size = row
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 48:
        raise InvalidField("not a size", field="size", value=ascii(size)[:80])
    return Part(check_text(name, "name", NAME_BYTES), decode_digest(digest), size)
