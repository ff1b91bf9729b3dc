"""Settings: where they may stand, which counts, what a mistake says, and that the hot path knows of their files."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


def _user(blast: Blast, text: str) -> Path:
    path = Path(f"{blast.home}-config") / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def _mode(blast: Blast, **environ: str) -> str:
    return str(blast.json("sync", **environ)["link_mode"])


@pytest.fixture
def synced(project: Blast) -> Blast:
    project("add", "alpha", "--bounds", "none")
    return project


def test_weights(synced: Blast) -> None:
    manifest = synced.directory / "pyproject.toml"
    assert _mode(synced) == "fold"
    manifest.write_text(manifest.read_text() + '\n[tool.blast]\nlink-mode = "hardlink"\n')
    assert _mode(synced) == "hardlink"
    (synced.directory / "blast.toml").write_text('link-mode = "copy"\n')
    assert _mode(synced) == "copy"
    _user(synced, 'link-mode = "fold"\n')
    assert _mode(synced) == "fold"
    assert _mode(synced, BLAST_LINK_MODE="hardlink") == "hardlink"
    assert synced.json("sync", "--link-mode", "copy", BLAST_LINK_MODE="hardlink")["link_mode"] == "copy"


def test_the_machines_file_counts_less_than_the_users(synced: Blast, tmp_path: Path) -> None:
    machine = tmp_path / "etc" / "blast" / "config.toml"
    machine.parent.mkdir(parents=True)
    machine.write_text('link-mode = "copy"\ncolor = "never"\n')
    where = {"XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    assert _mode(synced, **where) == "copy"
    own = _user(synced, 'link-mode = "hardlink"\n')
    assert _mode(synced, **where) == "hardlink"
    rows = {row["name"]: row["origin"] for row in synced.json("config", "list", **where)["settings"]}
    assert rows["link-mode"] == f"{own}:1"
    assert rows["color"] == f"{machine}:2"


def test_the_users_file_is_found_where_the_platform_has_it(synced: Blast, tmp_path: Path) -> None:
    path = tmp_path / "xdg" / "blast" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text('link-mode = "copy"\n')
    assert _mode(synced, BLAST_CONFIG_DIR="", XDG_CONFIG_HOME=str(tmp_path / "xdg")) == "copy"
    (tmp_path / ".config").mkdir()
    path.parent.rename(tmp_path / ".config" / "blast")
    assert _mode(synced, BLAST_CONFIG_DIR="", XDG_CONFIG_HOME="", HOME=str(tmp_path)) == "copy"


def test_leaving_files_out_and_naming_one(synced: Blast, tmp_path: Path) -> None:
    _user(synced, 'link-mode = "copy"\n')
    assert synced.json("sync", "--no-config")["link_mode"] == "fold"
    assert _mode(synced) == "copy"
    assert _mode(synced, BLAST_NO_CONFIG="1") == "copy", "who made an environment of copies keeps them"
    other = tmp_path / "other.toml"
    other.write_text('link-mode = "hardlink"\n')
    assert synced.json("sync", "--config-file", str(other))["link_mode"] == "hardlink"
    assert _mode(synced, BLAST_CONFIG_FILE=str(other)) == "hardlink"
    missing = synced.run("sync", "--config-file", "none.toml")
    assert missing.returncode == 2
    assert "none.toml is not there" in missing.stderr
    # A wrong file that is left out is not read.
    _user(synced, "nonsense\n")
    assert synced.run("sync").returncode == 1
    synced("sync", "--no-config")


def test_files_stand_for_options_of_every_kind(synced: Blast) -> None:
    _user(synced, "quiet = true\noffline = true\nverbose = 0\n")
    assert synced("sync").stderr == ""
    assert "allow the network" in synced.run("add", "zeta").stderr
    _user(synced, 'index-url = "http://127.0.0.1:1/simple/"\n')
    assert synced.run("pip", "compile", "-r", "pyproject.toml", BLAST_INDEX_URL="").returncode in {2, 3}


def test_the_users_home(synced: Blast, tmp_path: Path) -> None:
    _user(synced, f'home = "{tmp_path}/elsewhere"\n')
    assert synced("cache", "dir", BLAST_HOME="").stdout.strip().startswith(str(tmp_path / "elsewhere"))


def test_programs_see_nothing_of_files(synced: Blast) -> None:
    _user(synced, 'link-mode = "copy"\nhttp-timeout = 7\n')
    program = "import os; print([name for name in ('BLAST_LINK_MODE', 'BLAST_HTTP_TIMEOUT') if name in os.environ])"
    assert synced("run", "--no-sync", "python", "-c", program).stdout == "[]\n"


@pytest.mark.parametrize(
    ("place", "text", "words"),
    [
        pytest.param("user", 'colour = "never"\n', ["config.toml:1", "did you mean 'color'"], id="misspelled"),
        pytest.param("user", "quiet = 1\n", ["config.toml:1", "true or false"], id="kind"),
        pytest.param("user", '\nlink-mode = "x"\n', ["config.toml:2", "fold"], id="choice"),
        pytest.param("user", 'resolution = "lowest"\n', ["config.toml:1", "[tool.blast]"], id="of projects"),
        pytest.param("user", "a = \n", ["config.toml:1", "not TOML"], id="no TOML"),
        pytest.param("project", 'resolutoin = "lowest"\n', ["blast.toml:1", "did you mean 'resolution'"], id="beside"),
        pytest.param("project", 'color = "never"\n', ["blast.toml:1", "config.toml"], id="of users"),
        pytest.param("project", "\n\nlink-mode = 3\n", ["blast.toml:3"], id="beside, kind"),
        pytest.param("manifest", 'link_mode = "copy"\n', ["pyproject.toml:", "did you mean 'link-mode'"], id="own"),
        pytest.param("manifest", 'lock = "all"\n', ["pyproject.toml:", "both, dpl"], id="own, choice"),
        pytest.param("manifest", "[tool.blast.env]\nA = []\n", ["pyproject.toml:", "must be a text"], id="variable"),
    ],
)
def test_mistakes_have_a_place_and_a_way_out(project: Blast, place: str, text: str, words: list[str]) -> None:
    if place == "user":
        _user(project, text)
    elif place == "project":
        (project.directory / "blast.toml").write_text(text)
    else:
        manifest = project.directory / "pyproject.toml"
        manifest.write_text(f"{manifest.read_text()}\n[tool.blast]\n{text}")
    done = project.run("lock")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr, done.stderr


def test_hot_commands_stay_hot_and_notice(synced: Blast) -> None:
    own = _user(synced, "http-timeout = 9\n")
    beside = synced.directory / "blast.toml"
    beside.write_text('lock = "both"\n')
    for verb in ("sync", "lock"):
        synced(verb)
        synced(verb)
        assert "blast_cli.application" not in synced.imported(verb)
    own.write_text("http-timeout = 8\n")
    assert "blast_cli.application" in synced.imported("sync")
    assert "blast_cli.application" not in synced.imported("sync")
    beside.write_text('link-mode = "copy"\n')
    assert _mode(synced) == "copy"
    own.write_text("quiet = true\n")
    assert synced("sync").stderr == ""
    assert synced("sync").stderr == ""


def test_of_a_setting_beside_the_manifest_the_lock_knows(synced: Blast) -> None:
    (synced.directory / "blast.toml").write_text('constraint-dependencies = ["alpha<2"]\n')
    assert synced.run("lock", "--check").returncode == 1
    synced("sync")
    assert synced.python("import alpha; print(alpha.VERSION)") == "1.1"
    (synced.directory / "blast.toml").unlink()
    assert synced.run("lock", "--check").returncode == 1


def test_set_writes_where_a_setting_belongs(project: Blast) -> None:
    own = Path(f"{project.home}-config") / "config.toml"
    assert project.json("config", "set", "color", "never")["path"] == str(own)
    project("config", "set", "link-mode", "copy")
    own.write_text("# mine\n" + own.read_text())
    project("config", "set", "extra-index-url", "https://index.invalid/a/", "https://index.invalid/b/")
    project("config", "set", "http-timeout", "2.5")
    said = tomllib.loads(own.read_text())
    urls = ["https://index.invalid/a/", "https://index.invalid/b/"]
    assert said == {"color": "never", "link-mode": "copy", "extra-index-url": urls, "http-timeout": 2.5}
    assert own.read_text().startswith("# mine\n")
    project("config", "set", "--unset", "color")
    assert "color" not in own.read_text()

    manifest = project.directory / "pyproject.toml"
    project("config", "set", "resolution", "lowest")
    project("config", "set", "--in-project", "link-mode", "hardlink")
    project("config", "set", "no-build", "true")
    table = tomllib.loads(manifest.read_text())["tool"]["blast"]
    assert table == {"resolution": "lowest", "link-mode": "hardlink", "no-build": True}
    (project.directory / "blast.toml").write_text("")
    project("config", "set", "targets", "linux-x86_64")
    assert (project.directory / "blast.toml").read_text() == 'targets = ["linux-x86_64"]\n'


@pytest.mark.parametrize(
    "words",
    [
        ("resolutoin", "lowest"),
        ("resolution", "newest"),
        ("no-build", "perhaps"),
        ("http-timeout", "soon"),
        ("tasks", "x"),
        ("color",),
        ("--unset", "color", "never"),
        ("--in-project", "color", "never"),
        ("--user", "resolution", "lowest"),
        ("constraint-dependencies", "a b"),
    ],
    ids=" ".join,
)
def test_set_refuses_what_no_file_may_say(project: Blast, words: tuple[str, ...]) -> None:
    before = (project.directory / "pyproject.toml").read_text()
    assert project.run("config", "set", *words).returncode in {1, 2}
    assert (project.directory / "pyproject.toml").read_text() == before
    assert not Path(f"{project.home}-config").exists()


def test_get_and_list_say_where_from(project: Blast) -> None:
    assert project.run("config", "get", "resolution").returncode == 1
    manifest = project.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text() + '\n[tool.blast]\nresolution = "lowest"\n')
    line = manifest.read_text().splitlines().index('resolution = "lowest"') + 1
    assert project("config", "get", "resolution").stdout == "lowest\n"
    assert project.json("config", "get", "resolution")["origin"] == f"{manifest}:{line}"
    row = project.json("config", "get", "resolution", BLAST_RESOLUTION="highest")
    assert (row["value"], row["origin"]) == ("highest", "BLAST_RESOLUTION")
    assert f'resolution = "lowest"  # {manifest}:{line}\n' in project("config", "list").stdout
    assert "# color  (default: auto)" in project("config", "list", "--all").stdout
    assert project.run("config", "get", "colour").returncode == 2


def test_path(project: Blast) -> None:
    own = _user(project, "")
    rows = project.json("config", "path")["files"]
    assert [os.path.basename(row["path"]) for row in rows] == [
        "config.toml",
        "config.toml",
        "blast.toml",
        "pyproject.toml",
    ]
    assert rows[0] == {"path": str(own), "exists": True}
    assert f"{own}\n" in project("config", "path").stdout
    assert project.json("config", "path", "--no-config")["files"][0]["path"].endswith("blast.toml")


def test_schema_is_the_one_in_the_docs(project: Blast) -> None:
    docs = Path(__file__).parents[2] / "docs" / "schema"
    assert json.loads((docs / "blast.json").read_text()) == project.json("config", "schema")
    assert json.loads((docs / "config.json").read_text()) == project.json("config", "schema", "--user")
