"""Dumps: what was written comes back, and damage is an error that changes nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import FormatError, IntegrityError
from blast_live.memstore.dump import dump, read_index, restore
from blast_live.memstore.sealed import sealed_from
from blast_live.memstore.testing import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.property,
    pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux"),
]
_CONTENTS = {"a": [b"one", b""], "b/1.0": [b"two" * 1000], "c ü": [b"one", os.urandom(3000), b"x"]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(str(tmp_path_factory.mktemp("store") / "socket")) as running:
        yield running


@pytest.fixture(scope="module")
def written(store: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dump") / "all.bmd"
    with store.client() as client:
        client.ensure(list(_CONTENTS), lambda key: [(f"p{n}", sealed_from([c])) for n, c in enumerate(_CONTENTS[key])])
        assert dump(client, str(path)) == (3, path.stat().st_size)
    with store.client() as client:
        client.shrink(0)
    return path


def test_what_was_written_comes_back(store: Running, written: Path) -> None:
    with store.client() as client:
        assert restore(client, str(written)) == (3, 0)
        assert restore(client, str(written)) == (0, 3)
        holdings = client.lend(list(_CONTENTS))
        assert {key: [os.pread(p.fd, 9999, 0) for p in holding.parts] for key, holding in holdings.items()} == _CONTENTS
    with store.client() as client:
        client.shrink(0)


@given(st.data())
def test_a_damaged_dump_is_an_error_and_changes_nothing(store: Running, written: Path, data: st.DataObject) -> None:
    content = bytearray(written.read_bytes())
    end = data.draw(st.integers(0, len(content)))
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "swap"]))
    if kind == "flip":
        place = min(end, len(content) - 1)
        content[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del content[min(end, len(content) - 1) :]
    elif kind == "longer":
        content += b"\0"
    else:
        content = content[end:] + content[:end]
    damaged = written.with_name("damaged.bmd")
    damaged.write_bytes(content)
    with store.client() as client:
        try:
            restore(client, str(damaged))
        except (FormatError, IntegrityError):
            assert client.listing() == []
        else:  # the padding between blobs holds nothing
            assert len(client.listing()) == 3
    with store.client() as client:
        client.shrink(0)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_a_dump_or_an_error(content: bytes) -> None:
    for start in (b"", b"BMD1\x01\x00\x00\x00"):
        fd = sealed_from([start + content])
        try:
            with pytest.raises(FormatError):
                read_index(fd, "any")
        finally:
            os.close(fd)
