"""Property 8, pyproject round trip, the text half: TOML -> DPX -> TOML says the same document in the same order."""

from __future__ import annotations

import math
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings

from blast_compat.dpx_text import to_toml
from blast_core.formats.dpx import decode, encode
from blast_core.formats.dpx.testing import documents, same

pytestmark = pytest.mark.property

ROOT = Path(__file__).resolve().parents[4]
MANIFESTS = sorted([ROOT / "pyproject.toml", *ROOT.glob("packages/*/pyproject.toml")])


@settings(max_examples=150, deadline=None)
@given(documents())
def test_the_text_of_a_document_reads_back(document: dict[str, Any]) -> None:
    assert same(tomllib.loads(to_toml(document)), document)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_manifests_of_this_repository_round_trip(path: Path) -> None:
    check_round_trip(path.read_bytes())


def check_round_trip(source: bytes) -> None:
    document = tomllib.loads(source.decode())
    compiled = encode(document, source, 1)
    assert same(decode(compiled), document)
    assert same(tomllib.loads(to_toml(decode(compiled))), document)
    assert encode(tomlkit.parse(source.decode()), source, 1) == compiled


@pytest.mark.network
@pytest.mark.slow
def test_manifests_of_real_projects_round_trip(tmp_path: Path) -> None:
    names = ["click", "rich", "attrs", "packaging"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path)]
    subprocess.run([*command, "--no-binary", ",".join(names), *names], check=True)
    archives = sorted(tmp_path.glob("*.tar.gz"))
    assert len(archives) == len(names)
    for archive in archives:
        with tarfile.open(archive) as opened:
            member = next(
                name for name in opened.getnames() if name.count("/") == 1 and name.endswith("/pyproject.toml")
            )
            content = opened.extractfile(member)
            assert content is not None
            check_round_trip(content.read())


def test_a_table_before_a_plain_value_keeps_its_place() -> None:
    document = tomllib.loads("a.b = 1\nc = 2\n[[d]]\n[d.e]\nf.g = nan\nh = []\n")
    text = to_toml(document)
    assert text.startswith("a = {b = 1}\nc = 2\n")
    assert math.isnan(tomllib.loads(text)["d"][0]["e"]["f"]["g"])
