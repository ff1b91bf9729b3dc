"""Compiles modules for the Python that runs it: a program of its own, of which Blast starts one per processor.

    request:  u32 length, then name NUL source NUL pyc: what the code shall say it comes from, and two paths
    answer:   u32 length, a byte for the kind, then what belongs to it

The first answer comes unasked: kind ``T``, magic number and cache tag. Then one for each request, in order: ``C`` and
the content of a pyc, ``K`` when the pyc that stands there is right, ``F`` and why there can be none.

A pyc is based on the hash of its source, which is checked when it is imported (PEP 552, flags 3).

Any Python from 3.7 on runs this, so it uses nothing newer and imports nothing of Blast.
"""

from __future__ import annotations

import marshal
import os
import struct
import sys
from importlib.util import MAGIC_NUMBER, source_hash

__all__ = ["compile_file", "main"]

_LENGTH = struct.Struct("<I")
_HASH_BASED_CHECKED = 3
_HEADER = 16


def compile_file(name: str, source: str, pyc: str) -> bytes:
    """Return the answer for one file.

    Args:
        name: what the code says it comes from; whoever imports it puts the real path in its place.
        source: path of the module.
        pyc: path of its bytecode, there or not.
    """
    try:
        with open(source, "rb") as file:
            content = file.read()
        head = MAGIC_NUMBER + struct.pack("<I", _HASH_BASED_CHECKED) + source_hash(content)
        if _head_of(pyc) == head:
            return b"K"
        # As importlib does: the flags of this module are none of that one's, and there is no level of optimisation.
        code = compile(content, name, "exec", dont_inherit=True, optimize=0)
        return b"C" + head + marshal.dumps(code)
    except Exception as error:  # noqa: BLE001 - templates, modules for Python 2, files that shall not compile
        return b"F" + "{}: {}".format(type(error).__name__, error).encode("utf-8", "replace")[:300]  # noqa: UP032


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)
    _answer(answers, b"T" + MAGIC_NUMBER + (sys.implementation.cache_tag or "").encode())
    while True:
        head = _read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            break
        name, source, pyc = _read(_LENGTH.unpack(head)[0]).split(b"\0")
        _answer(answers, compile_file(os.fsdecode(name), os.fsdecode(source), os.fsdecode(pyc)))
    os._exit(0)


def _head_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEADER)
    except OSError:
        return b""


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            break
        data += more
    return data


def _answer(fd: int, answer: bytes) -> None:
    data = memoryview(_LENGTH.pack(len(answer)) + answer)
    try:
        while data:
            data = data[os.write(fd, data) :]
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
