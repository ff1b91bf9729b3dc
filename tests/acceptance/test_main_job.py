"""The main job as a user does it: make, add, lock, sync, run, change, take back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


def files_of(directory: Path) -> dict[str, bytes]:
    """Return the project's own files with their content."""
    names = ("pyproject.toml", "blast.lock", "pylock.toml")
    return {name: (directory / name).read_bytes() for name in names if (directory / name).exists()}


def test_version_is_printed(blast: Blast) -> None:
    done = blast("--version")
    assert done.stdout.startswith("blast 0.")


def test_help_lists_every_command(blast: Blast) -> None:
    text = blast("-h").stdout
    for command in ("init", "add", "remove", "lock", "sync", "run", "undo", "history", "lock show"):
        assert f"\n  {command} " in text
    for group, command in (("pip", "install"), ("dpp", "inspect")):
        assert f"  {group} " in text
        assert f"{command} " in blast(group, "-h").stdout


def test_unknown_command_suggests_a_near_one(blast: Blast) -> None:
    done = blast.run("snyc")
    assert done.returncode == 2
    assert "did you mean 'blast sync'?" in done.stderr


def test_init_makes_a_project_that_runs(blast: Blast) -> None:
    blast("init", "x")
    inside = blast.at(blast.directory / "x")
    assert inside("run", "main.py").stdout == "Hello from x!\n"
    assert inside.run("init").returncode == 2


def test_add_locks_syncs_and_writes_a_bound(project: Blast) -> None:
    document = project.json("add", "alpha")
    assert document["added"] == ["alpha>=2.0"]
    assert '"alpha>=2.0"' in (project.directory / "pyproject.toml").read_text()
    assert (project.directory / "blast.lock").read_bytes()[:4] == b"DPL1"
    assert "alpha" in (project.directory / "pylock.toml").read_text()
    assert project.python("import alpha, beta; print(alpha.VERSION, beta.VERSION)") == "2.0 1.5"
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_add_keeps_comments_and_other_content(project: Blast) -> None:
    path = project.directory / "pyproject.toml"
    text = path.read_text().replace("dependencies = []", "dependencies = [\n  # why beta\n  'beta',\n]\n# the end")
    path.write_text(text)
    project("add", "gamma")
    after = path.read_text()
    assert "# why beta" in after
    assert "# the end" in after
    assert "'beta'" in after


@pytest.mark.parametrize(
    ("bounds", "written"),
    [
        pytest.param("lower", "alpha>=2.0", id="lower"),
        pytest.param("major", "alpha>=2.0,<3", id="major"),
        pytest.param("minor", "alpha>=2.0,<2.1", id="minor"),
        pytest.param("exact", "alpha==2.0", id="exact"),
        pytest.param("none", "alpha", id="none"),
    ],
)
def test_bounds_are_written_as_asked(project: Blast, bounds: str, written: str) -> None:
    assert project.json("add", "alpha", "--bounds", bounds)["added"] == [written]


def test_groups_and_extras_are_installed_as_asked(project: Blast) -> None:
    project("add", "beta", "--bounds", "none")
    project("add", "--dev", "gamma")
    project("add", "--optional", "more", "delta")
    names = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"
    assert "'gamma'" in project.python(names)
    assert "'delta'" in project.python(names)
    project("sync")
    assert "'delta'" not in project.python(names)
    project("sync", "--no-dev")
    assert "'gamma'" not in project.python(names)
    project("sync", "--extra", "more", "--no-dev")
    assert "'delta'" in project.python(names)
    assert project.run("sync", "--extra", "nonsense").returncode == 2


def test_remove_takes_out_what_nothing_needs(project: Blast) -> None:
    project("add", "alpha")
    document = project.json("remove", "alpha")
    assert {change["name"] for change in document["sync"]["changes"]} == {"alpha", "beta"}
    assert "alpha" not in (project.directory / "pyproject.toml").read_text()
    assert project.run("remove", "alpha").returncode == 2


def test_conflict_is_explained_and_changes_nothing(project: Blast) -> None:
    project("add", "alpha")
    before = files_of(project.directory)
    done = project.run("add", "epsilon")
    assert done.returncode == 1
    assert "beta" in done.stderr
    assert "delta" in done.stderr
    assert "Traceback" not in done.stderr
    assert files_of(project.directory) == before
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_unknown_project_is_named(project: Blast) -> None:
    before = files_of(project.directory)
    done = project.run("add", "no-such-project")
    assert done.returncode == 1
    assert "no-such-project" in done.stderr
    assert files_of(project.directory) == before


def test_second_sync_and_lock_do_nothing(project: Blast) -> None:
    project("add", "alpha")
    state = (project.directory / ".venv/.blast/current").readlink()
    assert project.json("sync")["changed"] is False
    assert project.json("lock")["changed"] is False
    assert (project.directory / ".venv/.blast/current").readlink() == state


def test_offline_sync_from_a_warm_store_makes_an_equal_environment(project: Blast, tmp_path: Path) -> None:
    project("add", "alpha")
    again = project.at(tmp_path / "again")
    again.directory.mkdir()
    for name, content in files_of(project.directory).items():
        (again.directory / name).write_bytes(content)
    again("sync", "--offline", "--locked")
    assert again("run", "alpha").stdout == "alpha 2.0\n"


def test_locked_refuses_a_stale_lock_and_frozen_uses_it(project: Blast) -> None:
    project("add", "alpha<2")
    path = project.directory / "pyproject.toml"
    path.write_text(path.read_text().replace("alpha<2", "alpha<1.1"))
    done = project.run("sync", "--locked")
    assert done.returncode == 1
    assert "blast lock" in done.stderr
    assert project.run("lock", "--check").returncode == 1
    project("sync", "--frozen")
    assert project.python("import alpha; print(alpha.VERSION)") == "1.1"
    project("sync")
    assert project.python("import alpha; print(alpha.VERSION)") == "1.0"


def test_lock_prefers_old_pins_until_an_upgrade(project: Blast) -> None:
    project("add", "alpha==1.0")
    path = project.directory / "pyproject.toml"
    path.write_text(path.read_text().replace("alpha==1.0", "alpha>=1.0"))
    project("sync")
    assert project.python("import alpha; print(alpha.VERSION)") == "1.0"
    project("lock", "-P", "alpha")
    project("sync")
    assert project.python("import alpha; print(alpha.VERSION)") == "2.0"


def test_undo_and_redo_move_environment_manifest_and_lock(project: Blast) -> None:
    project("add", "beta")
    before = files_of(project.directory)
    project("add", "alpha")
    after = files_of(project.directory)
    document = project.json("undo")
    assert {change["name"] for change in document["changes"]} == {"alpha"}
    assert files_of(project.directory) == before
    assert project.run("run", "alpha").returncode == 2
    project("redo")
    assert files_of(project.directory) == after
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_undo_refuses_to_lose_an_edit(project: Blast) -> None:
    project("add", "beta")
    project("add", "alpha")
    path = project.directory / "pyproject.toml"
    path.write_text(path.read_text() + "# mine\n")
    done = project.run("undo")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert path.read_text().endswith("# mine\n")
    project("undo", "--force")
    assert "alpha" not in path.read_text()


def test_history_and_rollback(project: Blast) -> None:
    project("add", "beta")
    project("add", "alpha")
    project("remove", "alpha")
    rows = project.json("history")["generations"]
    assert [row["command"] for row in rows] == ["init", "add beta", "add alpha", "remove alpha"]
    assert [row["current"] for row in rows] == [False, False, False, True]
    project("rollback", str(rows[2]["number"]))
    assert project("run", "alpha").stdout == "alpha 2.0\n"
    assert project.run("rollback", "99").returncode == 2


def test_namespace_packages_of_two_distributions_merge(project: Blast) -> None:
    project("add", "space-one", "space-two")
    assert project.python("import space.one, space.two; print(space.one.NAME, space.two.NAME)") == "one two"


def test_run_passes_status_arguments_and_standard_input(project: Blast) -> None:
    project("add", "beta")
    assert project.run("run", "python", "-c", "raise SystemExit(7)").returncode == 7
    done = project("run", "python", "-c", "import sys; print(sys.argv[1:], sys.prefix)", "-q", "--json")
    assert done.stdout.strip() == f"['-q', '--json'] {project.directory / '.venv'}"


def test_run_syncs_first_when_the_manifest_changed(project: Blast) -> None:
    path = project.directory / "pyproject.toml"
    path.write_text(path.read_text().replace("dependencies = []", 'dependencies = ["alpha"]'))
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_script_runs_after_the_project_moved(project: Blast) -> None:
    project("add", "alpha")
    moved = project.at(project.directory.parent / "moved here")
    os.rename(project.directory, moved.directory)
    assert moved("run", "alpha").stdout == "alpha 2.0\n"


def test_pip_sees_the_environment(project: Blast) -> None:
    project("add", "alpha")
    rows = project.json("pip", "list")["packages"]
    assert {(row["name"], row["version"]) for row in rows} == {("alpha", "2.0"), ("beta", "1.5")}


def test_pip_install_keeps_what_is_there_and_can_be_undone(blast: Blast) -> None:
    blast("venv")
    blast("pip", "install", "alpha<2")
    blast("pip", "install", "gamma")
    assert {row["name"] for row in blast.json("pip", "list")["packages"]} == {"alpha", "beta", "gamma"}
    blast("undo")
    assert {row["name"] for row in blast.json("pip", "list")["packages"]} == {"alpha", "beta"}


def test_pip_compile_writes_pins_with_their_askers(blast: Blast) -> None:
    (blast.directory / "requirements.in").write_text("alpha<2\n")
    text = blast("pip", "compile", "requirements.in", "--no-header").stdout
    assert text == "alpha==1.1\n    # via -r requirements.in\nbeta==1.5\n    # via alpha\n"


def test_dpp_and_dx_commands_go_both_ways(blast: Blast, wheels: Path) -> None:
    wheel = next(wheels.glob("alpha-2.0-*.whl"))
    path = blast.json("dpp", "pack", str(wheel))["path"]
    assert blast.json("dpp", "inspect", path)["name"] == "alpha"
    assert "alpha" in blast("dpp", "inspect", path).stdout
    blast("dpp", "verify", path)
    blast("dpp", "optimize", path, "small.dpp")
    blast("dpp", "verify", "small.dpp")
    blast("dpp", "unpack", "small.dpp", "out")
    assert (blast.directory / "out/alpha/__init__.py").read_text().startswith("VERSION = '2.0'")
    assert Path(blast.json("dpp", "to-wheel", path)["path"]).name == wheel.name
    damaged = bytearray(Path(path).read_bytes())
    damaged[-1] ^= 1
    (blast.directory / "bad.dpp").write_bytes(damaged)
    assert blast.run("dpp", "verify", "bad.dpp").returncode == 4
    (blast.directory / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    blast("dx", "encode")
    assert blast.json("dx", "decode") == {"project": {"name": "x", "version": "1"}}


def test_lock_show_and_cache(project: Blast) -> None:
    project("add", "alpha")
    assert "alpha" in project("lock", "show").stdout
    assert "beta" in str(project.json("lock", "show", "alpha"))
    assert project("cache", "dir").stdout.strip() == str(project.home)
    assert project.json("cache", "size")


def test_damaged_lock_is_rebuilt_from_the_text(project: Blast) -> None:
    project("add", "alpha")
    path = project.directory / "blast.lock"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    project("sync")
    assert path.read_bytes() == content


def test_damaged_lock_without_text_stops(project: Blast) -> None:
    project("add", "alpha")
    (project.directory / "pylock.toml").unlink()
    path = project.directory / "blast.lock"
    path.write_bytes(path.read_bytes()[:-5])
    done = project.run("sync")
    assert done.returncode == 4
    assert "blast.lock" in done.stderr


def test_merge_in_the_text_rebuilds_the_binary(project: Blast) -> None:
    project("add", "alpha")
    before = (project.directory / "blast.lock").read_bytes()
    text = project.directory / "pylock.toml"
    text.write_text(text.read_text() + "\n# merged\n")
    project("sync")
    assert (project.directory / "blast.lock").read_bytes() != before
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_lock_names_no_host(project: Blast) -> None:
    project("add", "alpha")
    assert b"127.0.0.1" not in (project.directory / "blast.lock").read_bytes()


def test_two_syncs_at_once_both_succeed(project: Blast) -> None:
    project("add", "alpha", "space-one", "--no-sync")
    running = [project.start("sync") for _ in range(3)]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert project("run", "alpha").stdout == "alpha 2.0\n"


def test_foreign_write_is_put_right_by_sync(project: Blast) -> None:
    project("add", "alpha")
    site = next((project.directory / ".venv/lib").glob("python*/site-packages"))
    (site / "alien-1.0.dist-info").mkdir()
    (site / "alien-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: alien\nVersion: 1.0\n")
    (site / "alien-1.0.dist-info/RECORD").write_text("alien-1.0.dist-info/METADATA,,\n")
    document = project.json("sync")
    assert document["changed"] is True
    assert not (site / "alien-1.0.dist-info").exists()


def test_interpreter_is_the_asked_one(project: Blast) -> None:
    project("add", "beta")
    assert project.python("import sys; print(sys.version_info[:2])") == str(sys.version_info[:2])
    done = project.run("sync", "--python", "3.1")
    assert done.returncode == 1
    assert "3.1" in done.stderr


def test_two_owners_of_one_path_are_named_and_may_be_allowed(project: Blast) -> None:
    before = files_of(project.directory)
    done = project.run("add", "clash-one", "clash-two")
    assert done.returncode == 1
    assert "clash-one" in done.stderr
    assert "clash-two" in done.stderr
    assert files_of(project.directory) == before
    allowed = project("add", "clash-one", "clash-two", "--allow-overwrite")
    assert "note" in allowed.stderr
    assert project.python("import clash.module as m; print(m.OWNER)") in {"one", "two"}


def test_the_first_add_can_be_undone_and_done_again(project: Blast) -> None:
    before = files_of(project.directory)
    project("add", "alpha")
    after = files_of(project.directory)
    project("undo")
    assert files_of(project.directory) == before
    assert project.run("undo").returncode == 2
    project("redo")
    assert files_of(project.directory) == after


def test_a_failed_first_add_leaves_no_environment(project: Blast) -> None:
    assert project.run("add", "clash-one", "clash-two").returncode == 1
    assert not (project.directory / ".venv").exists()


def test_undo_takes_back_a_rollback(project: Blast) -> None:
    project("add", "beta")
    project("add", "alpha")
    project("add", "gamma")
    project("rollback", "2")
    assert project.json("undo")["generation"] == 4
    assert project.python("import alpha, gamma; print('back')") == "back"


def test_run_leaves_extras_that_are_there_and_brings_a_group_that_is_not(project: Blast) -> None:
    project("add", "beta", "--bounds", "none")
    project("add", "--optional", "more", "delta")
    project("add", "--dev", "gamma")
    has = "import importlib.util as u; print([bool(u.find_spec(name)) for name in ('delta', 'gamma')])"
    project("sync", "--all-extras")
    generation = (project.directory / ".venv/.blast/current").readlink()
    for words in (("run", "python", "-c", has), ("run", "--", "python", "-c", has)):
        assert project(*words).stdout == "[True, True]\n"
    assert (project.directory / ".venv/.blast/current").readlink() == generation
    project("sync", "--no-dev")
    assert project("run", "python", "-c", has).stdout == "[False, True]\n"
    project("sync")
    assert project("run", "python", "-c", has).stdout == "[False, True]\n"
