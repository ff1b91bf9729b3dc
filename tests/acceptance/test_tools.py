"""``blast tool install|upgrade|list|uninstall|dir|run``: programs by name, each from an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance


def make_tool(directory: Path, name: str, version: str, requires: list[str], *programs: str) -> None:
    body = f"def main():\n    import lib\n    print('{name} {version} with lib', lib.VERSION)\n"
    make_wheel(
        directory,
        name,
        version,
        requires,
        files={f"{name}.py": body.encode()},
        entry_points="[console_scripts]\n" + "".join(f"{program} = {name}:main\n" for program in programs),
    )


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    make_tool(directory, "shout", "1.0", ["lib"], "shout", "shouter")
    make_tool(directory, "shout", "2.0", ["lib"], "shout", "whisper")
    make_tool(directory, "other", "1.0", ["lib"], "shout")
    make_tool(directory, "helper", "1.0", ["lib"], "help-me")
    for version in ("1.0", "2.0"):
        make_wheel(directory, "lib", version)
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def blast(tmp_path: Path, offered: StaticIndex) -> Blast:
    directory = tmp_path / "somewhere"
    directory.mkdir()
    environ = {"BLAST_INDEX_URL": offered.url, "HOME": str(tmp_path), "BLAST_TOOL_BIN_DIR": str(tmp_path / "bin")}
    return Blast(directory, tmp_path / "home", environ)


def programs(blast: Blast) -> list[str]:
    directory = blast.home.parent / "bin"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def run(blast: Blast, program: str) -> str:
    path = blast.home.parent / "bin" / program
    return subprocess.run([path], capture_output=True, text=True, check=True).stdout.strip()


def test_installs_and_runs_by_name(blast: Blast) -> None:
    done = blast("tool", "install", "shout==1.0")
    assert done.stderr.splitlines()[:3] == ["Installed shout 1.0: shout, shouter", " + lib 2.0", " + shout 1.0"]
    assert "is not on PATH" in done.stderr
    assert programs(blast) == ["shout", "shouter"]
    assert run(blast, "shouter") == "shout 1.0 with lib 2.0"
    again = blast("tool", "install", "shout==1.0", PATH=f"{blast.home.parent / 'bin'}:{os.environ['PATH']}")
    assert again.stderr.splitlines() == ["shout 1.0 is installed: shout, shouter"]


def test_upgrades_as_far_as_was_asked_for(blast: Blast) -> None:
    blast("tool", "install", "shout@1.0")
    assert blast.json("tool", "upgrade", "shout")["tools"][0]["version"] == "1.0"
    blast("tool", "install", "shout", "-c", str(write(blast, "limits.txt", "lib<2\n")))
    assert run(blast, "shout") == "shout 1.0 with lib 1.0"
    assert blast.json("tool", "list", "--outdated")["tools"][0]["latest"] == "2.0"
    done = blast("tool", "upgrade", "--all")
    assert done.stderr.splitlines()[0] == "Upgraded shout 1.0 -> 2.0: shout, whisper"
    assert programs(blast) == ["shout", "whisper"]
    assert run(blast, "whisper") == "shout 2.0 with lib 1.0"
    assert blast.json("tool", "list", "--outdated")["tools"] == []


def write(blast: Blast, name: str, text: str) -> Path:
    path = blast.directory / name
    path.write_text(text)
    return path


def test_lists(blast: Blast) -> None:
    assert blast("tool", "list").stderr == "No tool is installed\n"
    blast("tool", "install", "shout<2", "--with", "helper")
    blast("tool", "install", "helper")
    assert blast("tool", "list").stdout.splitlines() == [
        "helper 1.0", "- help-me", "shout 1.0", "- shout", "- shouter",
    ]  # fmt: skip
    shown = blast("tool", "list", "--show-version-specifiers", "--show-with", "--show-paths", "--show-python").stdout
    version = ".".join(map(str, sys.version_info[:3]))
    where = blast.home / "tools" / "shout"
    assert f"shout 1.0 [shout<2] [with: helper] [Python {version}] ({where})\n" in shown
    assert f"- {blast.home.parent / 'bin' / 'shouter'}\n" in shown
    rows = blast.json("tool", "list")["tools"]
    assert [(row["name"], row["version"], row["with"]) for row in rows] == [
        ("helper", "1.0", []),
        ("shout", "1.0", ["helper"]),
    ]


def test_uninstalling_goes_on_after_one_that_fails(blast: Blast) -> None:
    blast("tool", "install", "shout")
    done = blast.run("tool", "uninstall", "nothere", "shout")
    assert done.returncode == 2
    assert done.stderr.startswith("Uninstalled shout 2.0: shout, whisper\nnothere is as it was: ")
    assert blast.json("tool", "list")["tools"] == []
    blast("tool", "install", "shout")
    found = json.loads(blast.run("tool", "uninstall", "nothere", "shout", "--json").stdout)
    assert [row["name"] for row in found["tools"]] == ["shout"]
    assert found["failed"][0]["name"] == "nothere"


def test_uninstalls(blast: Blast) -> None:
    blast("tool", "install", "shout")
    blast("tool", "install", "helper")
    assert blast("tool", "uninstall", "Shout").stderr == "Uninstalled shout 2.0: shout, whisper\n"
    assert programs(blast) == ["help-me"]
    assert not (blast.home / "tools" / "shout").exists()
    done = blast.run("tool", "uninstall", "shout")
    assert done.returncode == 2
    assert "installed are helper" in done.stderr
    blast("tool", "uninstall", "--all")
    assert programs(blast) == []
    assert blast.run("tool", "uninstall").returncode == 2
    assert blast("tool", "uninstall", "--all").stderr == "No tool is installed\n"


def test_programs_of_others_stay(blast: Blast) -> None:
    blast("tool", "install", "shout")
    done = blast.run("tool", "install", "other")
    assert done.returncode == 1
    assert "programs of that name already: shout" in done.stderr
    assert run(blast, "shout").startswith("shout 2.0")
    assert not (blast.home / "tools" / "other").exists()
    blast("tool", "install", "other", "--force")
    assert run(blast, "shout") == "other 1.0 with lib 2.0"
    blast("tool", "uninstall", "shout")
    assert programs(blast) == ["shout"]
    assert run(blast, "shout").startswith("other 1.0")


def test_a_failure_leaves_the_tool_as_it_was(blast: Blast) -> None:
    blast("tool", "install", "shout==1.0")
    done = blast.run("tool", "install", "shout", "--with", "nowhere-to-be-found")
    assert done.returncode == 1
    assert run(blast, "shout") == "shout 1.0 with lib 2.0"
    assert blast.json("tool", "list")["tools"][0]["requirement"] == "shout==1.0"
    taken = blast.home.parent / "bin" / "whisper"
    taken.write_text("somebody's")
    assert blast.run("tool", "install", "shout==2.0").returncode == 1
    assert run(blast, "shout") == "shout 1.0 with lib 2.0"
    assert taken.read_text() == "somebody's"
    assert blast.run("tool", "install", "nowhere-to-be-found").returncode == 1
    assert sorted(path.name for path in (blast.home / "tools").iterdir()) == ["shout"]


def test_a_library_is_no_tool(blast: Blast) -> None:
    done = blast.run("tool", "install", "lib")
    assert done.returncode == 2
    assert "lib brings no program" in done.stderr
    assert "'blast add lib'" in done.stderr
    assert not (blast.home / "tools" / "lib").exists()


def test_programs_of_what_comes_with_it(blast: Blast) -> None:
    blast("tool", "install", "shout==1.0", "--with-executables-from", "helper")
    assert programs(blast) == ["help-me", "shout", "shouter"]
    blast("tool", "install", "shout==1.0")
    assert programs(blast) == ["shout", "shouter"]


def test_a_directory_as_editable(blast: Blast, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for path, content in source_tree(tmp_path / "log", "mine", requires=()).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(content)
    done = blast.run("tool", "install", "-e", str(tree))
    assert "mine brings no program" in done.stderr
    blast("tool", "install", "shout", "--with-editable", str(tree))
    rows = blast.json("pip", "list", "-p", str(blast.home / "tools" / "shout"))
    assert "mine" in str(rows)


def test_another_python(blast: Blast) -> None:
    other = next((path for path in _pythons() if path != sys.executable), None)
    if other is None:
        pytest.skip("NOT TRIED: there is one interpreter alone")
    blast("tool", "install", "shout")
    document = blast.json("tool", "install", "shout", "-p", other)
    assert document["version"] == "2.0"
    pyvenv = (blast.home / "tools" / "shout" / "pyvenv.cfg").read_text()
    assert os.path.dirname(os.path.realpath(other)) in pyvenv or other in pyvenv
    assert run(blast, "shout") == "shout 2.0 with lib 2.0"


def _pythons() -> list[str]:
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    versions = os.path.join(root, "versions")
    names = sorted(os.listdir(versions)) if os.path.isdir(versions) else []
    paths = [os.path.join(versions, name, "bin", "python3") for name in names if name.startswith("3.12")]
    return [path for path in paths if os.path.exists(path)]


def test_an_unfinished_tool_is_told_and_done_again(blast: Blast) -> None:
    blast("tool", "install", "shout")
    (blast.home / "tools" / "shout" / "blast-tool.json").write_text("{}")
    assert "shout was not finished" in blast("tool", "list").stderr
    assert blast.run("tool", "upgrade", "shout").returncode == 2
    blast("tool", "install", "shout")
    assert "shout 2.0" in blast("tool", "list").stdout


def test_killed_at_any_moment(blast: Blast) -> None:
    blast("tool", "install", "shout==1.0")
    blast("tool", "install", "helper")
    for number in range(1, 400, 17):
        done = blast.run("tool", "install", "shout", "--upgrade", BLAST_FAULT=f"kill:{number}")
        assert run(blast, "shout").endswith("with lib 2.0")
        blast("tool", "install", "shout", "--upgrade")
        assert run(blast, "shout") == "shout 2.0 with lib 2.0"
        blast("tool", "install", "shout==1.0")
        if done.returncode == 0:
            break
    assert programs(blast) == ["help-me", "shout", "shouter"]


def test_directories(blast: Blast, tmp_path: Path) -> None:
    assert blast("tool", "dir").stdout == f"{blast.home / 'tools'}\n"
    assert blast("tool", "dir", "--bin").stdout == f"{tmp_path / 'bin'}\n"
    chosen = {"BLAST_TOOL_DIR": str(tmp_path / "t"), "BLAST_TOOL_BIN_DIR": str(tmp_path / "b")}
    assert blast("tool", "dir", **chosen).stdout == f"{tmp_path / 't'}\n"
    blast("tool", "install", "shout", **chosen)
    assert (tmp_path / "b" / "shout").exists()
    assert (tmp_path / "t" / "shout" / "pyvenv.cfg").exists()


def test_run_takes_the_installed_tool(blast: Blast) -> None:
    blast("tool", "install", "shout==1.0")
    assert blast("tool", "run", "shout").stdout == "shout 1.0 with lib 2.0\n"
    assert blast("tool", "run", "--offline", "shout").stdout == "shout 1.0 with lib 2.0\n"
    assert blast("tool", "run", "--isolated", "shout").stdout == "shout 2.0 with lib 2.0\n"
    assert blast("tool", "run", "shout@latest").stdout == "shout 2.0 with lib 2.0\n"
    limits = write(blast, "limits.txt", "lib<2\n")
    assert blast("tool", "run", "--isolated", "-c", limits.name, "shout").stdout == "shout 2.0 with lib 1.0\n"
    assert blast("tool", "run", "--with-requirements", limits.name, "shout").stdout == "shout 2.0 with lib 1.0\n"


def test_cache_clear_leaves_tools(blast: Blast) -> None:
    blast("tool", "install", "shout")
    blast("cache", "gc", "--max-size", "0")
    assert run(blast, "shout") == "shout 2.0 with lib 2.0"


def test_what_is_no_tool_is_left_alone(blast: Blast, tmp_path: Path) -> None:
    for name in ("mine", "shout"):
        (tmp_path / "shared" / name).mkdir(parents=True)
        (tmp_path / "shared" / name / "precious").touch()
    shared = blast.at(blast.directory, BLAST_TOOL_DIR=str(tmp_path / "shared"))
    assert "No tool is installed" in shared("tool", "list").stderr
    done = shared.run("tool", "install", "shout")
    assert done.returncode == 1
    assert "may hold something of value" in done.stderr
    shared("tool", "uninstall", "--all")
    assert sorted(path.parent.name for path in (tmp_path / "shared").glob("*/precious")) == ["mine", "shout"]


def test_tools_on_another_file_system(blast: Blast) -> None:
    with other_file_system(blast.home) as place:
        far = blast.at(blast.directory, BLAST_TOOL_DIR=str(place))
        far("tool", "install", "shout")
        assert run(blast, "shout") == "shout 2.0 with lib 2.0"
        far("tool", "uninstall", "shout")
        assert list(place.iterdir()) == []
        assert programs(blast) == []


@contextmanager
def other_file_system(home: Path) -> Iterator[Path]:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == home.parent.stat().st_dev:
        pytest.skip("NOT TRIED: there is no other file system to write to")
    with TemporaryDirectory(dir=shared) as place:
        yield Path(place)


def test_an_upgrade_asks_the_index_that_was_asked(blast: Blast, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    make_tool(own, "shout", "0.1", ["lib"], "shout")
    with StaticIndex(own) as private:
        secret = private.url.replace("://", "://me:hunter2@")
        blast("tool", "install", "shout", "--index", f"own={secret}")
        receipt = (blast.home / "tools" / "shout" / "blast-tool.json").read_text()
        assert f"indexes=own={private.url}" in receipt
        assert "hunter2" not in receipt
        make_tool(own, "shout", "0.2", ["lib"], "shout")
        private.reload()
        assert blast.json("tool", "list", "--outdated", "--refresh")["tools"][0]["latest"] == "0.2"
        assert blast.json("tool", "upgrade", "shout", "--refresh")["tools"][0]["version"] == "0.2"
    # Whoever asks anew asks for what is said then.
    assert blast.json("tool", "install", "shout", "--upgrade")["version"] == "2.0"
    assert "indexes" not in (blast.home / "tools" / "shout" / "blast-tool.json").read_text()


def test_an_upgrade_of_all_goes_on_after_a_failure(blast: Blast) -> None:
    blast("tool", "install", "helper")
    blast("tool", "install", "shout", "-c", str(write(blast, "limits.txt", "lib<2\n")))
    receipt = blast.home / "tools" / "helper" / "blast-tool.json"
    receipt.write_text(receipt.read_text().replace('"requirement": "helper"', '"requirement": "helper>9"'))
    done = blast.run("tool", "upgrade", "--all", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [row["name"] for row in document["tools"]] == ["shout"]
    assert [row["name"] for row in document["failed"]] == ["helper"]
    assert "nothing is known of helper" in blast("tool", "list", "--outdated").stderr
    assert "helper is as it was: " in blast.run("tool", "upgrade", "--all").stderr
    assert blast.run("tool", "upgrade", "helper").returncode == 1


def test_links_that_are_refused_leave_the_tool_as_it_was(blast: Blast, tmp_path: Path) -> None:
    (tmp_path / "bin").touch()
    assert blast.run("tool", "install", "shout").returncode == 1
    assert not (blast.home / "tools" / "shout").exists()
    (tmp_path / "bin").unlink()
    blast("tool", "install", "shout==1.0")


def test_installing_and_uninstalling_killed_at_any_moment(blast: Blast) -> None:
    blast("tool", "install", "shout")
    blast("tool", "uninstall", "shout")
    for word in ("install", "uninstall"):
        for number in range(1, 400, 5 if word == "uninstall" else 41):
            if word == "uninstall":
                blast("tool", "install", "shout")
            done = blast.run("tool", word, "shout", BLAST_FAULT=f"kill:{number}")
            assert {run(blast, program) for program in programs(blast)} <= {"shout 2.0 with lib 2.0"}
            again = blast.run("tool", "uninstall", "shout")
            assert again.returncode == 0 or "is not installed" in again.stderr
            assert programs(blast) == []
            if done.returncode == 0:
                break


def test_one_that_runs_stays_with_its_programs(blast: Blast) -> None:
    blast("tool", "install", "shout")
    environment = blast.home / "tools" / "shout"
    script = "import sys; sys.path[:0] = sys.argv[2:]; from blast_project.environment.leases import hold_generation\n"
    script += "hold_generation(sys.argv[1], 1); print('held', flush=True); input()"
    sources = blast.variables()["PYTHONPATH"].split(os.pathsep)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(environment), *sources],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=blast.variables(),
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = blast.run("tool", "uninstall", "shout")
        assert done.returncode == 1
        assert "shout is in use" in done.stderr
        assert run(blast, "whisper") == "shout 2.0 with lib 2.0"
        holder.communicate("\n", timeout=60)
    blast("tool", "uninstall", "shout")
    assert programs(blast) == []
