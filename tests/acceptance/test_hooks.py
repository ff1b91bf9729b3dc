"""Hooks: what a project wants done after its environment changed."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

_NOTE = """python -c "import sys, os; open('log', 'a').write('ran ' + os.environ['VIRTUAL_ENV'] + chr(10))" """


def hooked(project: Blast, text: str) -> Blast:
    manifest = project.directory / "pyproject.toml"
    plain = manifest.read_text().partition("\n[tool.blast")[0]
    manifest.write_text(f"{plain}\n{text}\n")
    return project


def ran(project: Blast) -> int:
    log = project.directory / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def work(project: Blast) -> Blast:
    return hooked(project, f"[tool.blast.hooks]\npost-sync = {json.dumps(_NOTE)}")


def test_runs_after_what_changed_the_environment(work: Blast) -> None:
    work("sync")
    assert ran(work) == 1
    assert (work.directory / "log").read_text() == f"ran {work.directory / '.venv'}\n"
    work("sync")
    work("sync", "--frozen")
    work("run", "python", "-c", "pass")
    assert ran(work) == 1, "nothing changed"
    work("add", "alpha", "--bounds", "none")
    assert ran(work) == 2
    work("remove", "alpha")
    assert ran(work) == 3
    work("sync", "--reinstall")
    assert ran(work) == 4
    work("lock", "--upgrade")
    work("sync", "--dry-run", "--reinstall")
    assert ran(work) == 4


def test_run_brings_what_hooks_do_first(work: Blast) -> None:
    done = work("run", "python", "-c", "print(open('log').read().split()[0])")
    assert done.stdout == "ran\n"
    assert ran(work) == 1


def test_what_hooks_print_is_not_the_commands_output(project: Blast) -> None:
    hooked(project, "[tool.blast.hooks]\npost-sync = \"python -c 'print(12345)'\"")
    done = project("run", "python", "-c", "print('mine')")
    assert done.stdout == "mine\n"
    assert "12345" in done.stderr
    found = project.json("sync", "--reinstall")
    assert found["hooks"] == [{"task": "post-sync", "state": "done", "status": 0}]


def test_the_summary_comes_first(work: Blast) -> None:
    hooked(work, "[tool.blast.hooks]\npost-sync = \"python -c 'print(12345)'\"")
    said = work("sync").stderr
    assert said.index("Synced") < said.index("12345")


def test_a_failure_keeps_the_environment_and_is_tried_again(work: Blast) -> None:
    check = "import sys, os; open('log', 'a').write('x' + chr(10)); sys.exit(0 if os.path.exists('ok') else 7)"
    hooked(work, f"[tool.blast.hooks]\npost-sync = {{cmd = {json.dumps(['python', '-c', check])}}}")
    done = work.run("add", "alpha", "--bounds", "none")
    assert done.returncode == 1
    assert "the hook post-sync failed with status 7; the environment stays" in done.stderr
    assert work.python("import alpha; print(alpha.VERSION)") == "2.0"
    assert work.run("sync").returncode == 1
    assert ran(work) == 2
    done = work.run("run", "python", "-c", "print('never')")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--no-hooks" in done.stderr
    assert work("run", "--no-hooks", "python", "-c", "print('all the same')").stdout == "all the same\n"
    assert work("sync", BLAST_NO_HOOKS="1").returncode == 0
    assert ran(work) == 3
    (work.directory / "ok").touch()
    work("sync")
    work("sync")
    assert ran(work) == 4


def test_another_text_of_the_hooks_runs(work: Blast) -> None:
    work("sync")
    hooked(work, f"[tool.blast.hooks]\npost-sync = [{json.dumps(_NOTE)}, {json.dumps(_NOTE)}]")
    work("sync")
    assert ran(work) == 3


def test_tasks_and_their_freshness(project: Blast) -> None:
    hooked(
        project,
        '[tool.blast.hooks]\npost-sync = ["made", {task = "say", args = ["words"]}]\n'
        "[tool.blast.tasks.made]\n"
        'cmd = "python -c \'open(\\"made.txt\\", \\"a\\").write(open(\\"source.txt\\").read())\'"\n'
        'inputs = ["source.txt"]\noutputs = ["made.txt"]\n'
        "[tool.blast.tasks.say]\n"
        'cmd = ["python", "-c", "import sys; open(\'said.txt\', \'a\').write(sys.argv[1])", "{args}"]\n',
    )
    (project.directory / "source.txt").write_text("s")
    project("sync")
    assert (project.directory / "made.txt").read_text() == "s"
    assert (project.directory / "said.txt").read_text() == "words"


def test_a_table_is_a_task(project: Blast) -> None:
    hooked(
        project,
        '[tool.blast.hooks.post-sync]\ncmd = ["python", "-c", "import os; print(\'told\', os.environ[\'TOLD\'])"]\n'
        'env = {TOLD = "here"}\n',
    )
    assert "told here" in project("sync").stderr


def test_an_undone_generation_is_looked_at_again(work: Blast) -> None:
    work("sync")
    work("add", "alpha", "--bounds", "none")
    assert ran(work) == 2
    work("undo")
    assert ran(work) == 2, "going back runs nothing"
    work("sync")
    assert ran(work) == 3


def test_blast_in_a_hook_runs_none(project: Blast) -> None:
    words = [sys.executable, "-m", "blast_cli", "run", "python", "-c", "open('log', 'a').write('inner\\n')"]
    hooked(project, f"[tool.blast.hooks.post-sync]\ncmd = {json.dumps(words)}\n")
    project("sync")
    assert ran(project) == 1


def test_a_part_of_the_project_runs_none(work: Blast) -> None:
    work("sync", "--no-install-project")
    work("sync", "--python-platform", "windows")
    assert ran(work) == 0
    work("sync")
    assert ran(work) == 1


def test_named_environments_run_them_in_themselves(work: Blast) -> None:
    with (work.directory / "pyproject.toml").open("a") as file:
        file.write("[tool.blast.envs.other]\nno-dev = true\n")
    work("sync", "--env", "other")
    assert (work.directory / "log").read_text() == f"ran {work.directory / '.blast/envs/other'}\n"


def test_ctrl_c_in_a_hook_leaves_it_for_the_next_sync(project: Blast) -> None:
    body = "import time, os; open('log', 'a').write('x' + chr(10)); time.sleep(0 if os.path.exists('ok') else 60)"
    hooked(project, f"[tool.blast.hooks.post-sync]\ncmd = {json.dumps(['python', '-c', body])}\n")
    with project.start("sync") as process:
        for _ in range(600):
            if ran(project):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in err.replace('Traceback (most recent call last):\n  File "<string>"', "")
    (project.directory / "ok").touch()
    project("sync")
    assert ran(project) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[tool.blast.hooks]\npre-sync = "x"', "has an unknown 'pre-sync'"),
        ("[tool.blast.hooks]\npost-sync = 3", "post-sync must be"),
        ('[tool.blast.hooks]\npost-sync = {cmd = "x", inptus = []}', "did you mean 'inputs'?"),
        ('[tool.blast]\nhooks = "x"', "tool.blast.hooks is 'x'"),
    ],
)
def test_what_is_wrong_is_told(project: Blast, text: str, words: str) -> None:
    hooked(project, text)
    done = project.run("sync")
    assert done.returncode == 1
    assert words in done.stderr
    assert "pyproject.toml:" in done.stderr


def test_a_task_that_is_not_there(project: Blast) -> None:
    hooked(project, '[tool.blast.hooks]\npost-sync = {task = "nothere"}')
    done = project.run("sync")
    assert done.returncode == 2
    assert "there is no task 'nothere'" in done.stderr
