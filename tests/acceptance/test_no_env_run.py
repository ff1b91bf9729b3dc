"""``run --no-env``: programs run with a project's packages, and nothing is made in the project."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import make_sdist
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from blast_cli.testing import Blast
    from blast_core.interpreter import Interpreter

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="programs are started as on POSIX"),
]

WHERE = "import alpha, sys; print(alpha.VERSION, alpha.__file__, sys.prefix)"


@pytest.fixture
def locked(project: Blast) -> Blast:
    """A project with a lock and no environment."""
    project("add", "--no-sync", "alpha")
    return project


def _files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def _plain(**more: str) -> dict[str, str]:
    return {**{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}, **more}


def test_the_project_stays_as_it_is(locked: Blast) -> None:
    before = _files(locked.directory)
    version, file, prefix = locked("run", "--no-env", "python", "-c", WHERE).stdout.split()
    assert version == "2.0"
    assert file.startswith(str(locked.home / "t"))
    assert prefix.startswith(str(locked.home / "views"))
    assert _files(locked.directory) == before
    assert ".venv" not in before


def test_a_project_is_locked_where_it_must_be(project: Blast) -> None:
    manifest = project.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("dependencies = []", 'dependencies = ["alpha<2"]'))
    assert project.run("run", "--no-env", "--locked", "alpha").returncode == 1
    assert project.run("run", "--no-env", "--frozen", "alpha").returncode == 1
    assert project("run", "--no-env", "alpha").stdout == "alpha 1.1\n"
    assert (project.directory / "blast.lock").exists()
    assert project("run", "--no-env", "--locked", "alpha").stdout == "alpha 1.1\n"
    assert not (project.directory / ".venv").exists()


def test_every_way_to_start_something(locked: Blast) -> None:
    (locked.directory / "file.py").write_text("import alpha, sys; print(alpha.VERSION, *sys.argv[1:])\n")
    (locked.directory / "folder").mkdir()
    (locked.directory / "folder" / "__main__.py").write_text("import alpha; print('folder', alpha.VERSION)\n")
    for _ in range(2):
        assert locked("run", "--no-env", "file.py", "one", "-m").stdout == "2.0 one -m\n"
        assert locked("run", "--no-env", "python", "file.py").stdout == "2.0\n"
        assert locked("run", "--no-env", "./folder").stdout == "folder 2.0\n"
        assert locked("run", "--no-env", "-m", "platform").stdout
        assert locked("run", "--no-env", "python", "-m", "file", "x").stdout == "2.0 x\n"
        assert locked("run", "--no-env", "alpha").stdout == "alpha 2.0\n"
        assert locked("run", "--no-env", "sh", "-c", "alpha; command -v alpha").stdout.startswith("alpha 2.0\n")
    given = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "--no-env", "-"],
        input="import alpha\nprint('input', alpha.VERSION)\n",
        cwd=locked.directory,
        env=locked.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert given.stdout == "input 2.0\n"
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "--no-env", "python", "-i"],
        input="import alpha\nprint('prompt', alpha.VERSION)\n",
        cwd=locked.directory,
        env=locked.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "prompt 2.0\n"
    missing = locked.run("run", "--no-env", "no-such-program")
    assert missing.returncode == 2
    assert "there is no command 'no-such-program'" in missing.stderr


CHILDREN = """
import multiprocessing, os, subprocess, sys

def work(number):
    import alpha
    return alpha.VERSION * number

if __name__ == "__main__":
    ask = ["-c", "import alpha; print(alpha.VERSION)"]
    for words, variables in (
        ([sys.executable], None),
        ([sys.executable, "-I"], None),
        ([sys.executable, "-E", "-s"], {}),
        (["python"], None),
        (["env", "-i", sys.executable], None),
    ):
        print(subprocess.run([*words, *ask], env=variables, capture_output=True, text=True, check=True).stdout.strip())
    for method in ("spawn", "forkserver", "fork"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(*pool.map(work, [1]))
"""


def test_children(locked: Blast) -> None:
    (locked.directory / "children.py").write_text(CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "--no-env", "env", "-u", "PYTHONPATH", "python", "children.py"],
        cwd=locked.directory,
        env=locked.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2.0"] * 8


def test_exit_codes_and_signals_are_the_programs(locked: Blast) -> None:
    assert locked.run("run", "--no-env", "python", "-c", "raise SystemExit(7)").returncode == 7
    killed = locked.run("run", "--no-env", "python", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.returncode == -signal.SIGKILL
    program = (
        "import signal; signal.pthread_sigmask(0, {15}); print('up', flush=True); signal.sigwait({15}); print('term')"
    )
    with locked.start(
        "run", "--no-env", "python", "-c", f"import signal; signal.pthread_sigmask(0, {{15}}); {program}"
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "up\n"
        one.send_signal(signal.SIGTERM)
        assert one.stdout.read() == "term\n"
        assert one.wait(30) == 0


def test_metadata_is_what_an_environment_has(locked: Blast) -> None:
    program = """
import importlib.metadata as m, importlib.util, json, pkgutil
print(json.dumps({
    "names": sorted(d.metadata["Name"] for d in m.distributions() if not d.metadata["Name"].startswith("blast")),
    "version": m.version("alpha"),
    "scripts": sorted(e.name for e in m.distribution("alpha").entry_points),
    "files": sorted(str(f) for f in m.files("alpha") if str(f).endswith(".py")),
    "exist": all(f.locate().exists() for f in m.files("alpha")),
    "modules": sorted({i.name for i in pkgutil.iter_modules()} & {"alpha", "beta"}),
    "installer": m.distribution("alpha").read_text("INSTALLER").strip(),
}))
"""
    seen = json.loads(locked("run", "--no-env", "python", "-c", program).stdout)
    assert seen == {
        "names": ["alpha", "beta"],
        "version": "2.0",
        "scripts": ["alpha"],
        "files": ["alpha/__init__.py"],
        "exist": True,
        "modules": ["alpha", "beta"],
        "installer": "blast",
    }


def test_with_groups_extras_and_requirements(locked: Blast) -> None:
    locked("add", "--no-sync", "--group", "more", "gamma")
    ask = (
        "python",
        "-c",
        "import importlib.util as u; print(*[n for n in ('alpha', 'beta', 'gamma') if u.find_spec(n)])",
    )
    assert locked("run", "--no-env", *ask).stdout == "alpha beta\n"
    assert locked("run", "--no-env", "--group", "more", *ask).stdout == "alpha beta gamma\n"
    assert locked("run", "--no-env", "--only-group", "more", *ask).stdout == "gamma\n"
    assert locked("run", "--no-env", "--with", "gamma", *ask).stdout == "alpha beta gamma\n"
    assert locked("run", "--no-env", *ask).stdout == "alpha beta\n"
    elsewhere = locked.at(locked.directory.parent)
    assert elsewhere("run", "--no-env", "--with", "gamma", "--no-project", *ask).stdout == "gamma\n"
    assert elsewhere("run", "--no-env", "--with", "alpha<2", "alpha").stdout == "alpha 1.1\n"
    assert not (locked.directory.parent / ".venv").exists()


def test_a_script_with_metadata(blast: Blast) -> None:
    script = blast.directory / "script.py"
    script.write_text("# /// script\n# dependencies = ['alpha<2']\n# ///\nimport alpha; print(alpha.VERSION)\n")
    for _ in range(2):
        assert blast("run", "--no-env", "script.py").stdout == "1.1\n"
    assert _files(blast.directory) == {"script.py"}
    assert "blast_cli.application" not in blast.imported("run", "--no-env", "script.py")


def _tree(directory: Path, name: str, log: Path, more: str = "") -> None:
    requires = ("part", "tree") if more else ()
    for path, content in source_tree(str(log), name, "1.0", requires).items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content + (more if path == "pyproject.toml" else ""))


def test_the_lock_of_a_script_stays_as_long_as_its_view_is_known(blast: Blast) -> None:
    text = "# /// script\n# dependencies = ['alpha<{}']\n# ///\nimport alpha; print(alpha.VERSION)\n"
    (blast.directory / "old.py").write_text(text.format(2))
    (blast.directory / "new.py").write_text(text.format(3))
    (blast.directory / "newer.py").write_text(text.format(4))
    assert blast("run", "--no-env", "old.py").stdout == "1.1\n"
    (root,) = (blast.home / "scripts").iterdir()
    os.utime(root, (1, 1))
    blast("run", "--no-env", "new.py")
    assert root.exists()
    for memo in (blast.home / "projects").iterdir():
        memo.unlink()
    blast("run", "--no-env", "newer.py")
    assert not root.exists()


def test_the_project_itself_and_what_is_editable_come_by_their_paths(blast: Blast) -> None:
    log, root = blast.directory.parent / "log", blast.directory
    _tree(root, "whole", log, _SOURCES)
    _tree(root / "part", "part", log)
    _tree(root / "tree", "tree", log)
    ask = ("run", "--no-env", "python", "-c", "import x, whole_x, part_x, tree_x; print(x.__file__, tree_x.VALUE)")
    for name in ("whole", "part", "tree"):
        place = root if name == "whole" else root / name
        (place / "src" / f"{name}_x.py").write_text("VALUE = 'first'\n")
    assert blast(*ask).stdout.split()[1] == "first"
    (root / "tree" / "src" / "tree_x.py").write_text("VALUE = 'edited'\n")
    assert blast(*ask).stdout.split()[1] == "edited"
    said = blast("run", "--no-env", "python", "-c", _DIRECT_URL).stdout
    assert json.loads(said) == {"dir_info": {"editable": True}, "url": (root / "tree").as_uri()}
    assert not (root / ".venv").exists()


_SOURCES = """
[tool.uv.sources]
part = { workspace = true }
tree = { path = "tree", editable = true }

[tool.uv.workspace]
members = ["part"]
"""
_DIRECT_URL = "import importlib.metadata as m; print(m.distribution('tree').read_text('direct_url.json'))"


def test_a_flat_source_directory_has_the_name_of_the_project(blast: Blast) -> None:
    root = blast.directory / "flat-one"
    (root / "src").mkdir(parents=True)
    (root / "src" / "__init__.py").write_text("NAME = __name__\n")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.9"\n')
    here = blast.at(root)
    option = "-P" if sys.version_info >= (3, 11) else "-s"
    done = here("run", "--no-env", "python", option, "-c", "import flat_one; print(flat_one.NAME)")
    assert done.stdout == "flat_one\n"


def test_a_source_distribution_is_built(blast: Blast, tmp_path: Path) -> None:
    files = {path: text.encode() for path, text in source_tree(str(tmp_path / "log"), "sourced", "1.0", ()).items()}
    path = make_sdist(tmp_path, "sourced", "1.0", files=files)
    ask = ("python", "-c", "import sourced; print(sourced.VERSION)")
    for _ in range(2):
        assert blast("run", "--no-env", "--with", f"sourced @ {Path(path).as_uri()}", *ask).stdout == "1.0\n"
    assert (tmp_path / "log").read_text() == "sourced\n"


def test_every_interpreter(locked: Blast, pythons: list[Interpreter]) -> None:
    manifest = locked.directory / "pyproject.toml"
    text = manifest.read_text()
    line = next(line for line in text.splitlines() if line.startswith("requires-python"))
    manifest.write_text(text.replace(line, 'requires-python = ">=3.9"'))
    minors = {
        ".".join(one.version.split(".")[:2]): one for one in pythons if one.version.split(".")[1] not in {"7", "8"}
    }
    for minor, one in minors.items():
        program = "import alpha, sys; print('%d.%d' % sys.version_info[:2], alpha.VERSION)"
        for _ in range(2):
            done = locked("run", "--no-env", "-p", one.executable, "python", "-c", program)
            assert done.stdout == f"{minor} 2.0\n"
    assert len(os.listdir(locked.home / "views")) == len(minors)


def test_pythons_too_old_for_the_runtime_are_refused(locked: Blast, pythons: list[Interpreter]) -> None:
    old = next((one for one in pythons if one.version.startswith("3.8.")), None)
    if old is None:
        pytest.skip("no CPython 3.8 on this machine: that it is refused is NOT tried")
    done = locked.run("run", "--no-env", "--no-project", "-p", old.executable, "python")
    assert done.returncode == 1
    assert "3.9" in done.stderr


def test_a_program_keeps_running_while_it_is_started_again(locked: Blast) -> None:
    program = "import time, sys; print('up', flush=True); sys.stdin.read(); import alpha; print(alpha.VERSION)"
    with subprocess.Popen(
        [sys.executable, "-m", "blast_cli", "run", "--no-env", "python", "-c", program],
        cwd=locked.directory,
        env=locked.variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "up\n"
        locked("cache", "gc", "--older-than", "0")
        assert locked("run", "--no-env", "alpha").stdout == "alpha 2.0\n"
        out, _ = one.communicate("", timeout=60)
    assert (one.returncode, out) == (0, "2.0\n")


def test_watching(locked: Blast) -> None:
    (locked.directory / "file.py").write_text("print('one', flush=True)\n")
    with locked.start("run", "--no-env", "--watch", "python", "file.py") as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "one\n"
        time.sleep(0.5)
        (locked.directory / "file.py").write_text("print('two', flush=True)\n")
        assert one.stdout.readline() == "two\n"
        one.send_signal(signal.SIGINT)
        one.wait(30)
