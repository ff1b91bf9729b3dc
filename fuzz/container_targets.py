"""What must hold of any bytes that are called a container, a lock or a compiled manifest.

Whatever is asked of them, the answer is right or a FormatError. What `verify` accepts, the writer writes again.
"""

from __future__ import annotations

import os
from itertools import islice

from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_core.errors import BlastError, FormatError
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.text import inspect_json, inspect_text
from blast_core.formats.dpp.to_wheel import dpp_to_wheel
from blast_core.formats.dpx import DpxFile, decode, encode
from blast_core.formats.dpx.testing import same
from blast_core.limits import MIB
from fuzz.claims import check_refusal, work_directory
from fuzz.mutators import seal_dpl, seal_dpp, seal_dpx

__all__ = ["check_dpl", "check_dpp", "check_dpx"]

# A file may say that it inflates to more than the fuzzer's memory; what is asked of it is then left out.
_MOST_CONTENT = 64 * MIB


def check_dpp(data: bytes) -> bool:
    """Ask a container everything, as it is and with a right digest; return whether one of the two verified."""
    accepted = False
    for candidate in {data, seal_dpp(data)}:
        _ask_dpp(candidate)
        accepted |= _verify_dpp(candidate)
    return accepted


def _ask_dpp(data: bytes) -> None:
    try:
        package = DppPackage.from_bytes(data, "x.dpp")
    except FormatError as error:
        check_refusal(error)
        return
    questions = (
        lambda: inspect_json(package),
        lambda: inspect_text(package),
        lambda: [package.find(path) for path in ("a", "s/__init__.py", "")],
        lambda: [package.specifier_bounds(index) for index in range(len(package.requirements))],
        lambda: list(islice(package.iter_bytecode(), 100)),
        lambda: (package.metadata_bytes, package.wheel_bytes, package.record_bytes),
        lambda: [package.read(file) for file in package.files if file.raw_size < _MOST_CONTENT],
    )
    for question in questions:
        try:
            question()
        except FormatError as error:
            check_refusal(error)


def _verify_dpp(data: bytes) -> bool:
    package = DppPackage.from_bytes(data, "x.dpp") if _is_verified_dpp(data) else None
    if package is None:
        return False
    with work_directory() as top:
        _rewrite_dpp(package, top)
    return True


def _is_verified_dpp(data: bytes) -> bool:
    try:
        DppPackage.from_bytes(data, "x.dpp").verify()
    except FormatError:
        return False
    return True


def _rewrite_dpp(package: DppPackage, top: str) -> None:
    """Pack it anew, and make a wheel of it: both say what it said."""
    contents = {file.path: package.read(file) for file in package.files}
    smaller = os.path.join(top, "smaller.dpp")
    optimize(package, smaller, level=3)
    with DppPackage.open(smaller) as other:
        other.verify()
        assert {file.path: other.read(file) for file in other.files} == contents
        assert (other.name, other.requirements, other.entry_points) == (
            package.name,
            package.requirements,
            package.entry_points,
        )
    wheel = os.path.join(top, "sample-1.0-py3-none-any.whl")
    dpp_to_wheel(package, wheel)
    try:
        convert_wheel(wheel, os.path.join(top, "again.dpp"), filename=package.wheel_filename)
    except BlastError:
        return  # what a container says of its wheel need not make a wheel that passes the front door
    with DppPackage.open(os.path.join(top, "again.dpp")) as other:
        assert {file.path: other.read(file) for file in other.files} == contents


def check_dpl(data: bytes) -> bool:
    """Ask a lock everything, as it is and with right seals; return whether one of the two verified."""
    accepted = False
    for candidate in {data, seal_dpl(data)}:
        _ask_dpl(candidate)
        accepted |= _rewrite_dpl(candidate)
    return accepted


def _ask_dpl(data: bytes) -> None:
    try:
        lock = DplLockFile.from_bytes(data)
    except FormatError as error:
        check_refusal(error)
        return
    questions = (
        lambda: (lock.requires_python, lock.groups, lock.indexes, lock.targets),
        lambda: [entry.to_package() for name in ("a", "flask", "package-0") for entry in lock.find(name)],
        lambda: [entry.name for entry in lock.entries()],
        lambda: [entry.files for entry in lock.entries()],
        lambda: [(entry.source, entry.dependencies, entry.extras) for entry in lock.entries()],
        lambda: [(entry.filenames, entry.version, repr(entry)) for entry in lock.select(0, 1)],
        lock.to_lock,
    )
    for question in questions:
        try:
            question()
        except FormatError as error:
            check_refusal(error)


def _verify_dpl(data: bytes) -> bool:
    try:
        opened = DplLockFile.from_bytes(data)
        opened.verify()
    except FormatError:
        return False
    lock = opened.to_lock()
    assert build_lock(lock) == data
    for package in lock.packages:
        assert package in [entry.to_package() for entry in opened.find(package.name)]
    return True


def _rewrite_dpl(data: bytes) -> bool:
    """A verified lock goes through pylock.toml, or is refused: that text can't say what no project's lock says."""
    if not _verify_dpl(data):
        return False
    lock = DplLockFile.from_bytes(data).to_lock()
    try:
        read_pylock(write_pylock(lock, lambda file: f"https://files.invalid/{file.path}"))
    except FormatError as error:
        check_refusal(error)
    return True


def check_dpx(data: bytes) -> bool:
    """Decode a compiled manifest, as it is and with right hashes; what decodes is written again to the same value."""
    accepted = False
    for candidate in {data, seal_dpx(data)}:
        try:
            opened = DpxFile.from_bytes(candidate)
            assert opened.pool_size >= 0
            document = decode(candidate)
        except FormatError as error:
            check_refusal(error)
            continue
        assert same(decode(encode(document, b"", 0)), document)
        accepted = True
    return accepted
