"""Every option of ``pip install``, ``pip sync`` and ``pip uninstall`` does what its name says, wherever it works."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0", "3.0a1"):
        make_wheel(directory, "alpha", version, ["beta"])
    for version in ("1.0", "1.5", "2.0"):
        make_wheel(directory, "beta", version, ["gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "gamma", "1.0")
    make_wheel(directory, "only-windows", "1.0", tag="py3-none-win_amd64")
    make_wheel(directory, "needs-old", "1.0", ["beta<1.5"])
    return directory


@pytest.fixture(scope="module")
def index(wheels: Path) -> Iterator[StaticIndex]:
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(params=["ours", "foreign"])
def blast(request: pytest.FixtureRequest, tmp_path: Path, index: StaticIndex, home: Path) -> Blast:
    """A directory with `.venv`, which Blast or `python -m venv` made."""
    directory = tmp_path / "project"
    directory.mkdir()
    blast = Blast(directory, home, {"BLAST_INDEX_URL": index.url})
    if request.param == "ours":
        blast("venv")
    else:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / ".venv"], check=True)
    return blast


def held(blast: Blast) -> dict[str, str]:
    return {row["name"]: row["version"] for row in blast.json("pip", "list")["packages"]}


def write(blast: Blast, name: str, text: str) -> str:
    path = blast.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def sha256(wheels: Path, name: str) -> str:
    return hashlib.sha256((wheels / f"{name}-py3-none-any.whl").read_bytes()).hexdigest()


def test_what_fits_is_left_alone_without_an_index(blast: Blast, index: StaticIndex) -> None:
    blast("pip", "install", "alpha<2", "beta==1.0")
    index.forget_requests()
    assert not blast.json("pip", "install", "alpha", "beta[]>=1")["changed"]
    assert not blast.json("pip", "install", "alpha", "--offline")["changed"]
    assert index.paths() == []
    assert held(blast) == {"alpha": "1.0", "beta": "1.0"}


def test_upgrades(blast: Blast) -> None:
    blast("pip", "install", "alpha<2", "beta==1.0")
    blast("pip", "install", "--upgrade", "--upgrade-strategy", "only-if-needed", "alpha")
    assert held(blast) == {"alpha": "2.0", "beta": "1.0"}
    blast("pip", "install", "-P", "beta<2", "alpha")
    assert held(blast) == {"alpha": "2.0", "beta": "1.5"}
    blast("pip", "install", "-U", "alpha")
    assert held(blast) == {"alpha": "2.0", "beta": "2.0"}
    blast("pip", "install", "-U", "--pre", "alpha")
    assert held(blast) == {"alpha": "3.0a1", "beta": "2.0"}


def test_a_conflict_with_what_is_there_moves_it(blast: Blast) -> None:
    blast("pip", "install", "alpha")
    result = blast.json("pip", "install", "needs-old")
    assert {(row["name"], row["after"]) for row in result["changes"]} == {("beta", "1.0"), ("needs-old", "1.0")}


def test_reinstalling_mends(blast: Blast) -> None:
    blast("pip", "install", "alpha", "gamma")
    site = next((blast.directory / ".venv/lib").glob("python*/site-packages"))
    record = (site / "gamma-1.0.dist-info/RECORD").read_bytes()
    for option in (["--reinstall"], ["--force-reinstall"], ["--reinstall-package", "gamma"]):
        (site / "gamma-1.0.dist-info/RECORD").unlink()
        (site / "gamma-1.0.dist-info/RECORD").write_text("gamma-1.0.dist-info/RECORD,,\n")
        blast("pip", "install", *option, "gamma")
        assert (site / "gamma-1.0.dist-info/RECORD").read_bytes() == record
    assert held(blast) == {"alpha": "2.0", "beta": "2.0", "gamma": "1.0"}


def test_dependencies_may_be_left_out(blast: Blast) -> None:
    blast("pip", "install", "--no-deps", "alpha")
    assert held(blast) == {"alpha": "2.0"}
    assert "alpha 2.0 requires beta, which is not installed." in blast.run("pip", "check").stdout
    strict = blast("pip", "install", "--no-deps", "--strict", "alpha")
    assert "requires beta" in strict.stderr


def test_constraints_and_overrides(blast: Blast) -> None:
    write(blast, "c.txt", "beta<2\nabsent==1\n")
    write(blast, "o.txt", "beta==1.0\n")
    blast("pip", "install", "alpha", "-c", "c.txt")
    assert held(blast)["beta"] == "1.5"
    blast("pip", "install", "alpha", "--override", "o.txt")
    assert held(blast)["beta"] == "1.0"


def test_hashes(blast: Blast, wheels: Path) -> None:
    good, bad = sha256(wheels, "gamma-1.0"), "0" * 64
    write(blast, "bad.txt", f"gamma==1.0 --hash=sha256:{bad}\n")
    assert blast.run("pip", "install", "-r", "bad.txt").returncode == 4
    assert held(blast) == {}
    blast("pip", "install", "--no-verify-hashes", "-r", "bad.txt")
    assert held(blast) == {"gamma": "1.0"}
    blast("pip", "uninstall", "gamma")
    assert blast.run("pip", "install", "--require-hashes", "gamma").returncode == 2
    write(blast, "some.txt", "--require-hashes\ngamma==1.0\n")
    assert blast.run("pip", "install", "-r", "some.txt").returncode == 2
    write(blast, "good.txt", f"gamma==1.0 --hash=sha256:{good}\n")
    blast("pip", "install", "--require-hashes", "-r", "good.txt")
    assert held(blast) == {"gamma": "1.0"}


@pytest.fixture
def links(tmp_path: Path) -> Path:
    directory = tmp_path / "links"
    directory.mkdir()
    make_wheel(directory, "gamma", "7.0")
    make_wheel(directory, "linked", "1.0", ["gamma"])
    return directory


def test_links_count_beside_the_index(blast: Blast, links: Path) -> None:
    blast("pip", "install", "--find-links", str(links), "linked", "beta")
    assert held(blast) == {"beta": "2.0", "gamma": "7.0", "linked": "1.0"}
    assert blast.run("pip", "install", "linked>1").returncode == 1


def test_no_index_leaves_links_alone(blast: Blast, links: Path, index: StaticIndex) -> None:
    index.forget_requests()
    blast("pip", "install", "--no-index", "-f", f"../{links.name}", "linked")
    assert blast.run("pip", "install", "--no-index", "-f", str(links), "beta").returncode == 1
    assert index.paths() == []
    assert held(blast) == {"gamma": "7.0", "linked": "1.0"}
    assert blast.run("pip", "install", "-f", "nowhere", "beta").returncode == 2


def test_a_page_of_links(blast: Blast, links: Path) -> None:
    rows = "".join(f'<a href="{path.name}">{path.name}</a>\n' for path in sorted(links.iterdir()))
    (links / "page.html").write_text(f"<html><body>{rows}</body></html>")
    blast("pip", "install", "--no-index", "-f", str(links / "page.html"), "linked")
    assert held(blast) == {"gamma": "7.0", "linked": "1.0"}
    blast("pip", "uninstall", "linked", "gamma")
    blast("pip", "install", "--no-index", "-f", (links / "page.html").as_uri(), "linked")
    assert held(blast) == {"gamma": "7.0", "linked": "1.0"}


def test_files_name_links_and_indexes(blast: Blast, links: Path, index: StaticIndex) -> None:
    (blast.directory / "sub").mkdir()
    links.rename(blast.directory / "sub/links")
    write(blast, "sub/r.txt", "--no-index\n--find-links ./links\nlinked\n")
    blast("pip", "install", "-r", "sub/r.txt")
    assert held(blast) == {"gamma": "7.0", "linked": "1.0"}
    write(blast, "i.txt", f"--index-url {index.url}\nbeta\n")
    blast("pip", "install", "-r", "i.txt", BLAST_INDEX_URL="")
    assert held(blast)["beta"] == "2.0"
    write(blast, "e.txt", f"--extra-index-url {index.url}\nalpha\n")
    blast("pip", "install", "-r", "e.txt", BLAST_INDEX_URL="https://index.invalid/simple/")
    assert held(blast)["alpha"] == "2.0"


def test_further_indexes(blast: Blast, tmp_path: Path, index: StaticIndex) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_wheel(other, "elsewhere", "1.0", ["gamma"])
    with StaticIndex(other) as server:
        blast("pip", "install", "-i", index.url, "--extra-index-url", server.url, "elsewhere")
    assert held(blast) == {"elsewhere": "1.0", "gamma": "1.0"}


def test_kinds_of_files(blast: Blast) -> None:
    done = blast.run("pip", "install", "--no-binary", ":all:", "gamma")
    assert done.returncode == 1
    assert "no-binary" in done.stderr
    blast("pip", "install", "--only-binary", ":all:", "gamma")
    assert held(blast) == {"gamma": "1.0"}


def test_a_dry_run_changes_nothing_and_reports(blast: Blast, wheels: Path) -> None:
    done = blast("pip", "install", "--dry-run", "--report", "-", "alpha", "-q")
    report = json.loads(done.stdout)
    rows = {row["metadata"]["name"]: row for row in report["install"]}
    assert report["version"] == "1"
    assert report["environment"]["sys_platform"] == sys.platform
    assert set(rows) == {"alpha", "beta"}
    assert (rows["alpha"]["requested"], rows["beta"]["requested"]) == (True, False)
    assert rows["alpha"]["download_info"]["archive_info"]["hashes"] == {"sha256": sha256(wheels, "alpha-2.0")}
    assert rows["alpha"]["download_info"]["url"].endswith("/alpha-2.0-py3-none-any.whl")
    assert rows["alpha"]["metadata"]["requires_dist"] == ["beta"]
    assert held(blast) == {}
    blast("pip", "install", "--report", "report.json", "alpha")
    assert json.loads((blast.directory / "report.json").read_text())["install"] == report["install"]
    document = blast.json("pip", "uninstall", "--dry-run", "alpha")
    assert document["changes"] == [{"name": "alpha", "before": "2.0", "after": ""}]
    assert held(blast) == {"alpha": "2.0", "beta": "2.0"}


def test_exact_and_sync_remove_the_rest(blast: Blast) -> None:
    blast("pip", "install", "gamma", "beta")
    blast("pip", "install", "--exact", "alpha")
    assert held(blast) == {"alpha": "2.0", "beta": "2.0"}
    write(blast, "r.txt", "gamma==1.0\nbeta==1.5\n")
    result = blast.json("pip", "sync", "r.txt")
    assert {row["name"]: row["after"] for row in result["changes"]} == {"alpha": "", "beta": "1.5", "gamma": "1.0"}
    assert not blast.json("pip", "sync", "r.txt")["changed"]
    write(blast, "empty.txt", "# nothing\n")
    assert blast.run("pip", "sync", "empty.txt").returncode == 2
    blast("pip", "sync", "empty.txt", "--allow-empty-requirements")
    assert held(blast) == {}


def test_parts_of_a_manifest(blast: Blast) -> None:
    write(
        blast,
        "sub/pyproject.toml",
        "[project]\nname = 'demo'\nversion = '1'\ndependencies = ['beta<2']\n"
        "[project.optional-dependencies]\nDeep = ['gamma']\nold = ['needs-old']\n"
        "[dependency-groups]\ndev = ['alpha']\n",
    )
    blast("pip", "install", "-r", "sub/pyproject.toml")
    assert held(blast) == {"beta": "1.5"}
    blast("pip", "install", "-r", "sub/pyproject.toml", "--extra", "deep")
    assert held(blast) == {"beta": "1.5", "gamma": "1.0"}
    blast("pip", "install", "--group", "sub/pyproject.toml:dev")
    assert held(blast) == {"alpha": "2.0", "beta": "1.5", "gamma": "1.0"}
    blast("pip", "install", "-r", "sub/pyproject.toml", "--all-extras")
    assert held(blast)["needs-old"] == "1.0"
    assert blast.run("pip", "install", "-r", "sub/pyproject.toml", "--extra", "none").returncode == 2
    assert blast.run("pip", "install", "beta", "--extra", "deep").returncode == 2


def test_requirements_from_standard_input(blast: Blast) -> None:
    line = [sys.executable, "-m", "blast_cli", "pip", "install", "-r", "-"]
    subprocess.run(
        line, input="gamma # this\nbeta<2\n", cwd=blast.directory, env=blast.variables(), text=True, check=True
    )
    assert held(blast) == {"beta": "1.5", "gamma": "1.0"}


def test_builds_without_isolation_see_the_environment(blast: Blast) -> None:
    files = source_tree(blast.directory / "log", requires=())
    files["backend.py"] = "import gamma\n" + files["backend.py"]
    for name, content in files.items():
        write(blast, f"lib/{name}", content)
    done = blast.run("pip", "install", "./lib")
    assert done.returncode == 1
    blast("pip", "install", "gamma")
    blast("pip", "install", "--no-build-isolation", "./lib")
    assert held(blast) == {"gamma": "1.0", "lib": "1.0"}


def test_another_platform_is_for_a_directory(blast: Blast) -> None:
    assert blast.run("pip", "install", "only-windows").returncode == 1
    blast("pip", "install", "--target", "dir", "--python-platform", "windows", "--only-binary", ":all:", "only-windows")
    assert (blast.directory / "dir/only_windows/__init__.py").exists()
    assert held(blast) == {}


def test_uninstalling(blast: Blast) -> None:
    blast("pip", "install", "alpha", "gamma")
    done = blast("pip", "uninstall", "-y", "gamma", "absent")
    assert "absent is not installed" in done.stderr
    write(blast, "r.txt", "alpha==9\nbeta\n")
    blast("pip", "uninstall", "-r", "r.txt")
    assert held(blast) == {}
    assert blast.run("pip", "uninstall").returncode == 2
    if (blast.directory / ".venv/.blast").exists():
        blast("undo")
        assert held(blast) == {"alpha": "2.0", "beta": "2.0"}


def test_what_pip_put_into_an_environment_of_blasts(
    tmp_path: Path, wheels: Path, index: StaticIndex, home: Path
) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    blast = Blast(directory, home, {"BLAST_INDEX_URL": index.url})
    blast("venv")
    blast("pip", "install", "beta")
    line = [sys.executable, "-m", "pip", "--python", ".venv/bin/python", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*line, str(wheels / "gamma-1.0-py3-none-any.whl")], cwd=directory, check=True)
    assert held(blast) == {"beta": "2.0", "gamma": "1.0"}
    blast("pip", "uninstall", "gamma")
    assert held(blast) == {"beta": "2.0"}
    subprocess.run([*line, str(wheels / "gamma-1.0-py3-none-any.whl")], cwd=directory, check=True)
    done = blast("pip", "install", "alpha")
    assert "gamma came by another tool" in done.stderr
    blast("undo")
    assert held(blast) == {"beta": "2.0", "gamma": "1.0"}


def test_words_of_pips_that_mean_nothing_here(blast: Blast) -> None:
    blast("pip", "install", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore", "-q", "gamma",
          "--no-cache-dir", "--progress-bar", "off", "--prefer-binary", "--no-warn-script-location")  # fmt: skip
    assert held(blast) == {"gamma": "1.0"}


def test_locks_take_links_too(tmp_path: Path, index: StaticIndex, links: Path, home: Path) -> None:
    directory = tmp_path / "locked"
    directory.mkdir()
    blast = Blast(directory, home, {"BLAST_INDEX_URL": index.url})
    blast("init", "--name", "demo")
    blast("add", "linked", "--find-links", str(links))
    assert {row["name"] for row in blast.json("pip", "list")["packages"]} >= {"linked", "gamma"}
    blast("lock", "--find-links", str(links), "--check")
    blast("sync", "--frozen", "--find-links", str(links))
