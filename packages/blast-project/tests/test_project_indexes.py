"""From a manifest, variables and pip's configuration to the client of one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_compat.pyproject import parse_manifest
from blast_core.errors import UsageError
from blast_pm.metadata.store import Database
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.indexes import ProjectIndexes, open_client, project_indexes
from blast_project.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = '[project]\nname = "x"\nversion = "1"\n'


class _Reporter:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def step(self, text: str) -> None: ...
    def start(self, key: str, label: str, total: int) -> None: ...
    def advance(self, key: str, amount: int) -> None: ...
    def finish(self, key: str) -> None: ...
    def note(self, text: str) -> None:
        self.notes.append(text)


def _indexes(text: str, tmp_path: Path) -> ProjectIndexes:
    return project_indexes(parse_manifest(_HEAD + text, str(tmp_path / "pyproject.toml")))


def _settings(tmp_path: Path, environ: dict[str, str] | None = None, *, verbose: int = 0) -> Settings:
    variables = {"PIP_CONFIG_FILE": "/dev/null", **(environ or {})}
    return Settings(str(tmp_path), str(tmp_path / "home"), variables, verbose=verbose)


def test_tables_become_locations_and_relative_paths_start_from_the_manifest(tmp_path: Path) -> None:
    found = _indexes(
        '[[tool.blast.index]]\nname = "a"\nurl = "wheels"\nformat = "flat"\n'
        '[[tool.uv.index]]\nname = "b"\nurl = "https://me:secret@index.invalid/b"\nexplicit = true\n'
        "ignore-error-codes = [403]\n"
        '[tool.blast]\nindex-strategy = "unsafe-best-match"\nkeyring-provider = "disabled"\n'
        '[tool.uv.sources]\nthing = { index = "b" }\n',
        tmp_path,
    )
    first, second = found.locations
    assert first.url == (tmp_path / "wheels").as_uri()
    assert first.flat
    assert (second.url, second.explicit, second.absent) == ("https://index.invalid/b/", True, (403,))
    assert "secret" not in repr(found)
    assert found.pins == (("thing", "b"),)
    assert (found.strategy, found.keyring_provider) == ("unsafe-best-match", "disabled")


def test_unknown_keyring_provider_is_told_when_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    make_wheel(tmp_path / "wheels", "thing", "1.0")
    with StaticIndex(tmp_path / "wheels") as index:
        settings = _settings(tmp_path, {"BLAST_INDEX_URL": index.url, "PIP_KEYRING_PROVIDER": "1password"})
        database = Database(str(tmp_path / "meta.lmdb"))
        client = open_client(settings, ProjectIndexes(), database)
        with pytest.raises(UsageError, match="1password"):
            client.page("thing")
        client.close()
        database.close()


@pytest.mark.parametrize("verbose", [0, 1])
def test_transport_that_stands_in_is_told_to_who_looks_for_it(tmp_path: Path, verbose: int) -> None:
    (tmp_path / "wheels").mkdir()
    make_wheel(tmp_path / "wheels", "thing", "1.0")
    reporter = _Reporter()
    with StaticIndex(tmp_path / "wheels") as index:
        settings = _settings(tmp_path, {"BLAST_INDEX_URL": index.url, "BLAST_TRANSPORT": "httpx"}, verbose=verbose)
        database = Database(str(tmp_path / "meta.lmdb"))
        client = open_client(settings, ProjectIndexes(), database, reporter)
        assert client.page("thing").files
        client.close()
        database.close()
    assert len(reporter.notes) == verbose
