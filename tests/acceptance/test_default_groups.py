"""Which groups are installed unasked: ``default-groups``, and the options that go before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance

_GROUPS = '[dependency-groups]\ndev = ["fordev"]\ndocs = ["fordocs"]\nLint_It = ["forlint"]\n'


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    for name in ("base", "fordev", "fordocs", "forlint", "sql", "web", "more"):
        make_wheel(directory, name, "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def work(tmp_path: Path, offered: StaticIndex) -> Blast:
    (tmp_path / "work").mkdir()
    blast = Blast(tmp_path / "work", tmp_path / "home", {"BLAST_INDEX_URL": offered.url})
    write(blast, 'default-groups = ["docs", "lint-it"]')
    return blast


def write(blast: Blast, setting: str, table: str = "tool.blast") -> None:
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "top"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["base"]\n'
        f'[project.optional-dependencies]\nsql = ["sql"]\nweb = ["web"]\n{_GROUPS}[{table}]\n{setting}\n'
    )


def installed(blast: Blast) -> set[str]:
    program = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    return set(blast.python(program).split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"base", "fordocs", "forlint"}),
        (["--no-default-groups"], {"base"}),
        (["--no-default-groups", "--group", "docs"], {"base", "fordocs"}),
        (["--group", "dev"], {"base", "fordev", "fordocs", "forlint"}),
        (["--dev"], {"base", "fordev", "fordocs", "forlint"}),
        (["--dev", "--no-default-groups"], {"base", "fordev"}),
        (["--no-dev"], {"base", "fordocs", "forlint"}),
        (["--no-group", "docs"], {"base", "forlint"}),
        (["--only-group", "dev"], {"fordev"}),
        (["--only-dev"], {"fordev"}),
        (["--only-dev", "--only-group", "docs"], {"fordev", "fordocs"}),
        (["--all-groups"], {"base", "fordev", "fordocs", "forlint"}),
        (["--all-groups", "--no-dev"], {"base", "fordocs", "forlint"}),
        (["--all-groups", "--no-group", "Lint-it"], {"base", "fordev", "fordocs"}),
        (["--no-default-groups", "--all-extras", "--no-extra", "sql"], {"base", "web"}),
        (["--no-default-groups", "--extra", "sql"], {"base", "sql"}),
    ],
)
def test_sync_takes_the_groups_that_are_said(work: Blast, words: list[str], expected: set[str]) -> None:
    work("sync", *words)
    assert installed(work) == expected
    assert "up to date" in work("sync", *words).stderr


def test_all_of_them(work: Blast) -> None:
    write(work, 'default-groups = "all"')
    work("sync")
    assert installed(work) == {"base", "fordev", "fordocs", "forlint"}
    work("sync", "--no-group", "docs")
    assert installed(work) == {"base", "fordev", "forlint"}


def test_none_of_them(work: Blast) -> None:
    write(work, "default-groups = []")
    work("sync")
    assert installed(work) == {"base"}


def test_those_of_uv_count_where_blast_has_none(work: Blast) -> None:
    write(work, 'default-groups = ["docs"]', table="tool.uv")
    work("sync")
    assert installed(work) == {"base", "fordocs"}


def test_run_keeps_what_sync_brought(work: Blast) -> None:
    work("sync")
    manifest = work.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('["base"]', '["base", "more"]'))
    assert work("run", "python", "-c", "import more, fordocs, forlint; print('all')").stdout == "all\n"
    assert installed(work) == {"base", "more", "fordocs", "forlint"}
    assert "up to date" in work("sync").stderr


def test_a_setting_that_changes_changes_the_environment(work: Blast) -> None:
    work("sync")
    lock = (work.directory / "blast.lock").read_bytes()
    write(work, 'default-groups = ["dev"]')
    work("sync")
    assert installed(work) == {"base", "fordev"}
    assert (work.directory / "blast.lock").read_bytes() == lock, "a lock holds all groups, whichever are installed"


def test_the_variable_goes_before_the_setting(work: Blast) -> None:
    work("sync")
    work("sync", BLAST_NO_DEFAULT_GROUPS="1")
    assert installed(work) == {"base"}


def test_other_commands_know_them(work: Blast) -> None:
    work("lock")
    assert "fordev" not in work("tree", "--frozen").stdout
    assert "fordocs" in work("tree", "--locked").stdout
    exported = work("export", "--no-hashes", "--no-header", "--no-annotate").stdout
    assert "fordocs==1.0" in exported
    assert "fordev" not in exported
    exported = work("export", "--no-hashes", "--no-default-groups", "--all-extras", "--no-extra", "web").stdout
    assert "sql==1.0" in exported
    assert "fordocs==" not in exported
    assert "web==" not in exported
    done = work("run", "--with", "more", "python", "-c", "import more, fordocs; print('all')")
    assert done.stdout == "all\n"


def test_what_was_just_added_is_there_though_nothing_takes_it_unasked(work: Blast) -> None:
    write(work, "default-groups = []")
    work("add", "--dev", "more", "--bounds", "none")
    assert installed(work) == {"base", "fordev", "more"}


def test_a_member_takes_what_the_root_says_unless_it_says_otherwise(work: Blast) -> None:
    (work.directory / "pyproject.toml").write_text(
        '[tool.blast]\ndefault-groups = ["docs"]\n[tool.blast.workspace]\nmembers = ["one", "two"]\n'
    )
    for name, setting in (("one", ""), ("two", '[tool.blast]\ndefault-groups = ["dev"]\n')):
        (work.directory / name).mkdir()
        (work.directory / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.11"\n{_GROUPS}{setting}'
        )
    work("sync", "--package", "one")
    assert installed(work) == {"fordocs"}
    work("sync", "--package", "two")
    assert installed(work) == {"fordev"}
    work("sync")
    assert installed(work) == {"fordev", "fordocs"}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('default-groups = ["nothere"]', "pyproject.toml:14: tool.blast.default-groups names the group 'nothere'"),
        ('default-groups = "some"', 'pyproject.toml:14: tool.blast.default-groups must be an array of texts, or "all"'),
        ("default-groups = [1]", 'pyproject.toml:14: tool.blast.default-groups must be an array of texts, or "all"'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(work: Blast, setting: str, words: str) -> None:
    write(work, setting)
    done = work.run("sync")
    assert done.returncode == 1
    assert words in done.stderr


def test_named_environments_may_refuse_them(work: Blast) -> None:
    write(work, 'default-groups = ["docs"]\n[tool.blast.envs.bare]\nno-default-groups = true\n')
    work("sync", "--env", "bare")
    assert not list(work.directory.glob(".blast/envs/bare/lib/*/site-packages/fordocs*"))
    assert list(work.directory.glob(".blast/envs/bare/lib/*/site-packages/base*"))


def test_a_tree_of_a_lock_that_is_behind_is_refused_where_asked(work: Blast) -> None:
    work("lock")
    manifest = work.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('["base"]', '["base", "more"]'))
    assert "more" not in work("tree").stdout
    done = work.run("tree", "--locked")
    assert done.returncode == 1
    assert "blast lock" in done.stderr
