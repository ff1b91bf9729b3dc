"""The real index, to which pip's configuration leads: whatever it speaks, the answers are pip's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags
from packaging.version import Version

from blast_core.interpreter import Target
from blast_core.names import normalize_name
from blast_core.pip_configuration import PipConfiguration
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import default_locations
from blast_pm.index.transport.options import network_options
from blast_pm.metadata.source import RegistryMetadata
from blast_pm.metadata.store import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network

PROJECTS = ["flask", "zope.interface", "PyYAML", "numpy", "boto3"]


def _pip_configuration() -> PipConfiguration:
    """Ask pip itself, since blast_pm may not read its files."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    values = {key.rpartition(".")[2]: value.strip("'") for key, _, value in (line.partition("=") for line in lines)}
    return PipConfiguration(
        index_url=values.get("index-url", ""),
        cert=values.get("cert", ""),
        proxy=values.get("proxy", ""),
        timeout_s=60,
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PyPiClient]:
    pip = _pip_configuration()
    database = Database(str(tmp_path / "home" / "store" / "meta.lmdb"))
    made = PyPiClient(
        default_locations(os.environ, pip=pip, home=str(tmp_path / "home")),
        database=database,
        network=network_options(os.environ, pip),
    )
    yield made
    made.close()
    database.close()


@pytest.fixture
def source(client: PyPiClient, tmp_path: Path) -> RegistryMetadata:
    version = ".".join(map(str, sys.version_info[:3]))
    environment = {key: str(value) for key, value in default_environment().items()}
    target = Target("here", version, environment, tuple(map(str, sys_tags())))
    return RegistryMetadata(client, Database(str(tmp_path / "home" / "store" / "meta.lmdb")), (target,))


@pytest.mark.parametrize("name", PROJECTS)
def test_versions_are_those_that_pip_sees(source: RegistryMetadata, name: str) -> None:
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--pre", "--only-binary", ":all:"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in shown.splitlines() if line.startswith("Available versions:"))
    expected = {Version(text) for text in line.partition(":")[2].split(",")}
    record = source.project(normalize_name(name))
    usable = record.usable & ~record.yanked
    found = {Version(text) for bit, text in enumerate(record.table.texts) if usable >> bit & 1}
    # pip also lists what its extra indexes and find-links on this machine have.
    assert found <= expected
    assert max(found) == max(version for version in expected if not version.local)


@pytest.mark.parametrize("name", ["flask", "pyyaml", "numpy"])
def test_metadata_is_that_of_the_downloaded_wheel(
    client: PyPiClient, source: RegistryMetadata, tmp_path: Path, name: str
) -> None:
    record = source.project(name)
    best = record.usable & ~record.yanked & ~record.prerelease
    version = record.table.texts[best.bit_length() - 1]
    digest = source.metadata_digest(name, version)
    from blast_pm.metadata.records import best_wheel

    file = best_wheel(record.files[best.bit_length() - 1], source._targets[0])
    assert file is not None
    destination = str(tmp_path / file.filename)
    assert client.download(file, destination) == file.sha256
    with zipfile.ZipFile(destination) as archive:
        inside = next(archive.read(member) for member in archive.namelist() if member.endswith(".dist-info/METADATA"))
    assert hashlib.sha256(inside).digest() == digest
    base = client.file_base(file.index)
    assert base
    assert client.url_of(file.index, file.url[len(base) :]) == file.url


def test_unknown_project_is_told(source: RegistryMetadata) -> None:
    from blast_core.errors import ProjectNotFound

    with pytest.raises(ProjectNotFound):
        source.project("blast-has-no-such-project-" + "0" * 20)
