"""What a pyc in a container must be: hash-based, unchecked, and made from the very source beside it (PEP 552)."""

from __future__ import annotations

__all__ = ["pyc_fault"]

_HEADER = 16
_HASH_BASED_UNCHECKED = 1


def pyc_fault(pyc: bytes | memoryview, source: bytes | memoryview) -> str:
    """Return why a pyc may not stand for a source, or "".

    The hash is a keyed one and its key is the pyc's own magic number, so it can be checked for interpreters other than
    the running one. Code is never unmarshalled here.
    """
    from _imp import source_hash

    head = bytes(pyc[:_HEADER])
    if len(pyc) <= _HEADER or head[2:4] != b"\r\n":
        return "it is no pyc"
    if int.from_bytes(head[4:8], "little") != _HASH_BASED_UNCHECKED:
        return "it is no hash-based, unchecked pyc"
    if head[8:16] != source_hash(int.from_bytes(head[:4], "little"), bytes(source)):
        return "it was made from another source"
    return ""
