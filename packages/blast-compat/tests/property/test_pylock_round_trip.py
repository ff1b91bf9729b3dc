"""The text of a lock holds all that the lock holds, and is what PEP 751 asks for."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3
from hypothesis import given, settings
from packaging.pylock import Pylock

from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.testing import locks

if TYPE_CHECKING:
    from blast_core.formats.dpl.model import Lock, LockedFile

pytestmark = pytest.mark.property


def file_url(file: LockedFile) -> str:
    return f"https://{file.index}.invalid/files/{file.path}" if file.index else file.path


def constant_url(file: LockedFile) -> str:
    return f"https://index.invalid/redirect?file={file.sha256}"


@settings(max_examples=150, deadline=None)
@given(locks())
def test_reading_undoes_writing(lock: Lock) -> None:
    text = write_pylock(lock, file_url)
    assert read_pylock(text) == lock._replace(text_hash=blake3(text.encode()).digest())


@settings(max_examples=60, deadline=None)
@given(locks())
def test_urls_that_show_no_file_base_lose_nothing(lock: Lock) -> None:
    text = write_pylock(lock, constant_url)
    assert read_pylock(text)._replace(text_hash=lock.text_hash) == lock


@settings(max_examples=100, deadline=None)
@given(locks())
def test_the_text_is_a_pylock_to_packaging(lock: Lock) -> None:
    pylock = Pylock.from_dict(tomllib.loads(write_pylock(lock, file_url)))
    pylock.validate()
    assert [package.name for package in pylock.packages] == [package.name for package in lock.packages]


@settings(max_examples=60, deadline=None)
@given(locks())
def test_the_binary_is_rebuilt_from_the_text(lock: Lock) -> None:
    text = write_pylock(lock, file_url)
    content = build_lock(lock._replace(text_hash=blake3(text.encode()).digest()))
    assert build_lock(read_pylock(text)) == content
    assert write_pylock(DplLockFile.from_bytes(content).to_lock(), file_url) == text
