"""``BLAST=1 python script.py``: the hook beside an interpreter, with every Python of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_project.testing_pythons import find_cpythons

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_cli.testing import Blast

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="interpreters are asked as on POSIX"),
]

_WHERE = "import alpha, sys; print(alpha.VERSION, alpha.__file__, sys.prefix, sys.executable)"
_FILE = "blast-hook.pth"


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Executables by minor version."""
    found = find_cpythons(tmp_path_factory.mktemp("known"))
    return {one.version.rpartition(".")[0]: one.executable for one in found}


def make_environment(executable: str, place: Path) -> Path:
    """Make a bare virtual environment: a Python with a site-packages of its own."""
    subprocess.run([executable, "-m", "venv", "--without-pip", place], check=True)
    return place / "bin" / "python"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return make_environment(sys.executable, tmp_path / "interpreter")


@pytest.fixture
def hooked(blast: Blast, python: Path) -> Path:
    blast("self", "hook", "install", "-p", str(python))
    return python


def site_of(python: Path) -> Path:
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def write_lock(blast: Blast, wheels: Path, *names: str, at: Path | None = None) -> None:
    """Write pinned requirements with hashes, which nobody resolves."""
    lines = []
    for name, version in (one.split("==") for one in names):
        file = wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n")
    ((at or blast.directory) / "requirements.txt").write_text("".join(lines))


def write_pylock(blast: Blast, wheels: Path, *names: str) -> None:
    lines = ['lock-version = "1.0"\ncreated-by = "test"\nextras = ["more"]\n']
    for one in names:
        name, version, *marker = one.replace(";", "==").split("==", 2)
        file = wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n')
        lines.append(f"marker = {json.dumps(marker[0])}\n" if marker else "")
        lines.append(f'wheels = [{{ path = "{file}", hashes = {{ sha256 = "{digest}" }} }}]\n')
    (blast.directory / "pylock.toml").write_text("".join(lines))


def run(blast: Blast, python: Path | str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter with BLAST=1, unless ``more`` says otherwise."""
    environ = {**blast.variables(), "BLAST": "1", **more}
    return subprocess.run(
        [python, *words], cwd=blast.directory, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def out(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("minor", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_every_python_gets_the_packages_of_the_lock(
    blast: Blast, wheels: Path, pythons: dict[str, str], tmp_path: Path, minor: str
) -> None:
    if minor not in pythons:
        pytest.skip(f"NO PYTHON {minor}: the hook is NOT tried with it")
    python = make_environment(pythons[minor], tmp_path / "interpreter")
    blast("self", "hook", "install", "-p", str(python))
    write_pylock(blast, wheels, "alpha==2.0", "beta==1.5", "space-one==1.0", "space-two==1.0")
    # What is installed beside the interpreter is out of sight.
    (site_of(python) / "alpha.py").write_text("VERSION = 'of the interpreter'\n")
    script = blast.directory / "script.py"
    script.write_text(
        "import importlib.metadata, json, multiprocessing, os, subprocess, sys\n"
        "import alpha, space.one, space.two\n"
        "def child(): import beta; return beta.VERSION, sys.prefix\n"
        "def main():\n"
        "    said = lambda *words: subprocess.check_output(words, text=True).strip()\n"
        "    code = 'import beta, sys; print(beta.VERSION, sys.prefix)'\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: spawned = pool.apply(child)\n"
        "    print(json.dumps({\n"
        "        'version': sys.version_info[:2], 'alpha': alpha.VERSION, 'file': alpha.__file__,\n"
        "        'metadata': importlib.metadata.version('alpha'), 'spaces': [space.one.NAME, space.two.NAME],\n"
        "        'prefixes': [sys.prefix, said(sys.executable, '-I', '-c', code), said('python', '-c', code)],\n"
        "        'spawned': spawned, 'program': said('alpha'), 'argv': sys.argv[1:], 'first': sys.path[0],\n"
        "    }))\n"
        "if __name__ == '__main__': main()\n"
    )
    found = json.loads(out(run(blast, python, str(script), "word")))
    view = found["prefixes"][0]
    assert view.startswith(str(blast.home / "views"))
    assert found["file"].startswith(str(blast.home / "t"))
    assert found == {
        "version": [int(part) for part in minor.split(".")],
        "alpha": "2.0",
        "file": found["file"],
        "metadata": "2.0",
        "spaces": ["one", "two"],
        "prefixes": [view, f"1.5 {view}", f"1.5 {view}"],
        "spawned": ["1.5", view],
        "program": "alpha 2.0",
        "argv": ["word"],
        "first": str(blast.directory),
    }
    assert out(run(blast, python, "-c", "import alpha; print(alpha.VERSION)", BLAST="")) == "of the interpreter\n"


def test_nothing_is_imported_while_it_is_not_asked(blast: Blast, python: Path) -> None:
    def imported(**more: str) -> list[str]:
        done = run(blast, python, "-X", "importtime", "-c", "pass", BLAST=more.get("BLAST", ""))
        assert done.returncode == 0
        return [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line]

    before = imported()
    blast("self", "hook", "install", "-p", str(python))
    assert imported() == before
    # Other programs have a variable of this name: a path is no wish.
    assert imported(BLAST="/opt/ncbi-blast") == before


def test_install_status_and_uninstall(blast: Blast, python: Path) -> None:
    site = site_of(python)
    before = sorted(path.name for path in site.iterdir())
    words = ("self", "hook")
    assert blast.json(*words, "status", "-p", str(python))["state"] == "missing"
    first = blast.json(*words, "install", "-p", str(python))
    assert (first["state"], first["before"], first["path"]) == ("installed", "missing", str(site / _FILE))
    content = (site / _FILE).read_bytes()
    assert blast.json(*words, "install", "-p", str(python))["before"] == "installed"
    (site / _FILE).write_bytes(content + b"\n")
    assert blast.json(*words, "status", "-p", str(python))["state"] == "outdated"
    assert blast.json(*words, "install", "-p", str(python))["before"] == "outdated"
    assert (site / _FILE).read_bytes() == content
    assert blast.json(*words, "uninstall", "-p", str(python))["before"] == "installed"
    assert sorted(path.name for path in site.iterdir()) == before
    assert blast.json(*words, "uninstall", "-p", str(python))["before"] == "missing"
    (site / _FILE).write_text("import mine\n")
    for action in ("install", "uninstall"):
        done = blast.run(*words, action, "-p", str(python))
        assert done.returncode != 0
        assert "did not write it" in done.stderr
    assert (site / _FILE).read_text() == "import mine\n"


def test_environment_of_blast_needs_none(project: Blast) -> None:
    project("sync")
    done = project.run("self", "hook", "install", "-p", ".venv")
    assert done.returncode == 2
    assert "has its packages without a hook" in done.stderr


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """An interpreter of its own, which another tool manages."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base, prefix = Path(sys.base_prefix), tmp_path / "system"
    library = prefix / "lib" / name
    (prefix / "bin").mkdir(parents=True)
    library.mkdir(parents=True)
    shutil.copy2((base / "bin" / name).resolve(), prefix / "bin" / name)
    for entry in (base / "lib" / name).iterdir():
        if entry.name not in ("site-packages", "dist-packages", "EXTERNALLY-MANAGED"):
            (library / entry.name).symlink_to(entry)
    (library / "site-packages").mkdir()
    for shared in (base / "lib").glob("libpython*"):
        (prefix / "lib" / shared.name).symlink_to(shared)
    (library / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=Use the zebra tool instead.\n")
    python = prefix / "bin" / name
    said = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=False)
    if said.stdout.strip() != str(prefix):
        pytest.skip(f"NO COPY: this Python can't be copied ({said.stdout or said.stderr})")
    return python


def test_managed_interpreter_is_refused_in_its_own_words(
    blast: Blast, wheels: Path, system: Path, tmp_path: Path
) -> None:
    words = ("self", "hook", "install", "-p", str(system))
    done = blast.run(*words)
    assert done.returncode == 2
    assert "zebra" in done.stderr
    assert "--break-system-packages" in done.stderr
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    base = str(tmp_path / "user")
    place = blast.json(*words, "--user", PYTHONUSERBASE=base)["path"]
    assert place.startswith(base)
    assert out(run(blast, system, "-c", _WHERE, PYTHONUSERBASE=base)).startswith("2.0 ")
    blast("self", "hook", "uninstall", "-p", str(system), "--user", PYTHONUSERBASE=base)
    assert not os.path.exists(place)
    blast(*words, "--break-system-packages")
    assert out(run(blast, system, "-c", _WHERE)).startswith("2.0 ")


def test_repeat_starts_no_process_and_opens_few_files(blast: Blast, wheels: Path, hooked: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("NO STRACE: files that are opened are NOT counted")
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    out(run(blast, hooked, "-c", _WHERE))
    out(run(blast, hooked, "-c", _WHERE))
    trace = blast.directory / "trace"
    program = f"open({str(trace)!r}).close(); import alpha"
    line = ["strace", "-f", "-o", str(trace), "-e", "trace=openat,execve,fork,vfork,clone3", str(hooked), "-c", program]
    out(run(blast, line[0], *line[1:]))
    calls = trace.read_text().splitlines()
    # What the program itself does begins where it opens the trace.
    calls = calls[: next(number for number, call in enumerate(calls) if str(trace) in call)]
    assert sum("execve(" in call for call in calls) == 1
    assert not any("fork(" in call or "clone3(" in call for call in calls)
    home = str(blast.home)
    opened = [call.split('"')[1] for call in calls if "openat(" in call and " = -1 " not in call and home in call]
    runtime = [path for path in opened if "/runtime/" in path]
    rest = sorted(path.removeprefix(home) for path in opened if "/runtime/" not in path)
    assert len(runtime) <= 12, runtime  # modules' bytecode, and their directory
    names = [Path(path).name for path in rest]
    assert len([path for path in rest if path.startswith("/hook/")]) == 1
    assert names.count("map") == 1
    assert names.count("objects") == 1
    assert len(rest) <= 6, rest


def test_change_of_the_lock_is_seen(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_pylock(blast, wheels, "alpha==1.0", "beta==1.5")
    assert out(run(blast, hooked, "-c", _WHERE)).startswith("1.0 ")
    write_pylock(blast, wheels, "alpha==2.0", "beta==1.5")
    assert out(run(blast, hooked, "-c", _WHERE)).startswith("2.0 ")
    # A nearer lock, or one that goes before: the memo looked where none was.
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\ndependencies = ["alpha<2"]\n'
    )
    blast("lock")
    (blast.directory / "pylock.toml").unlink()
    assert out(run(blast, hooked, "-c", _WHERE)).startswith("1.1 ")
    assert not (blast.directory / ".venv").exists()


def test_memo_of_a_view_that_is_gone_is_doubted(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    view = out(run(blast, hooked, "-c", _WHERE)).split()[2]
    time.sleep(0.05)
    out(run(blast, hooked, "-c", _WHERE))
    subprocess.run(["chmod", "-R", "u+w", view], check=True)
    shutil.rmtree(view)
    assert out(run(blast, hooked, "-c", _WHERE)).split()[2] == view


def test_lock_of_the_script_goes_before_that_of_the_directory(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==1.0")
    elsewhere = blast.directory / "elsewhere" / "bin"
    elsewhere.mkdir(parents=True)
    write_lock(blast, wheels, "alpha==2.0", at=elsewhere.parent)
    (elsewhere / "script.py").write_text(_WHERE)
    (blast.directory / "link.py").symlink_to(elsewhere / "script.py")
    assert out(run(blast, hooked, "elsewhere/bin/script.py")).startswith("2.0 ")
    assert out(run(blast, hooked, "link.py")).startswith("2.0 ")
    assert out(run(blast, hooked, "-c", _WHERE)).startswith("1.0 ")
    named = str(elsewhere.parent)
    assert out(run(blast, hooked, "-c", _WHERE, BLAST_RUN_DIRECTORY=named)).startswith("2.0 ")


def test_children_elsewhere_belong_to_the_same_lock(blast: Blast, wheels: Path, hooked: Path, tmp_path: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0")
    program = (
        f"import subprocess; subprocess.run([{str(hooked)!r}, '-c', {_WHERE!r}], cwd={str(tmp_path)!r}, check=True)"
    )
    assert out(run(blast, hooked, "-c", program)).startswith("2.0 ")


def test_without_a_lock_nothing_starts_half_equipped(blast: Blast, hooked: Path) -> None:
    done = run(blast, hooked, "-c", "print('started')")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: BLAST is set, and there is no lock in ")
    assert "BLAST=optional" in done.stderr
    assert out(run(blast, hooked, "-c", "print('started')", BLAST="optional")) == "started\n"
    # Only then is there nothing to ask.
    assert out(run(blast, hooked, "-c", "print('started')", BLAST="optional", PYTHONPATH="")) == "started\n"


def test_what_fails_is_told_in_blasts_words(blast: Blast, hooked: Path) -> None:
    (blast.directory / "uv.lock").write_text("version = 1\n<<<<<<< ours\n")
    done = run(blast, hooked, "-c", "print('started')")
    assert done.returncode == 4
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    assert "uv.lock: line 2 is the mark of a merge conflict" in done.stderr
    started = run(blast, hooked, "-c", "print('started')", BLAST="optional")
    assert (started.returncode, started.stdout) == (0, "started\n")
    assert "merge conflict" in started.stderr


def test_extras_and_groups_are_named_by_variables(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_pylock(blast, wheels, "alpha==2.0", "beta==1.5; 'more' in extras")
    program = "import importlib.util as u; print(u.find_spec('beta') is not None)"
    assert out(run(blast, hooked, "-c", program)) == "False\n"
    assert out(run(blast, hooked, "-c", program, BLAST_RUN_EXTRAS="more")) == "True\n"
    done = run(blast, hooked, "-c", program, BLAST_RUN_EXTRAS="more,other")
    assert done.returncode == 2
    assert "no extra 'other'" in done.stderr


def test_modules_the_prompt_and_what_the_interpreter_has(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    (site_of(hooked) / "mine.py").write_text("print('mine')\n")
    assert out(run(blast, hooked, "-m", "this")).startswith("The Zen")
    environ = {**blast.variables(), "BLAST": "1"}
    said = subprocess.run(
        [hooked, "-i", "-q"],
        input=_WHERE,
        cwd=blast.directory,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith("2.0 ")
    assert run(blast, hooked, "-c", "import mine").returncode == 1
    assert out(run(blast, hooked, "-c", "import mine, alpha", BLAST_RUN_SITE="1")) == "mine\n"


def test_debuggers_and_flags(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    (blast.directory / "script.py").write_text("import alpha\nprint('in', alpha.VERSION)\n")
    assert "in 2.0" in out(run(blast, hooked, "-m", "pdb", "-c", "continue", "-c", "quit", "script.py"))
    for flag in ("-s", "-P", "-O", "-Xutf8"):
        assert "in 2.0" in out(run(blast, hooked, flag, "script.py"))
    # Without `site` there are no path files; and who wants no variables to count gets what is installed.
    for flag in ("-S", "-E", "-I"):
        assert "No module named 'alpha'" in run(blast, hooked, flag, "script.py").stderr
    piped = subprocess.run(
        [hooked],
        input="import alpha; print(alpha.VERSION)",
        cwd=blast.directory,
        env={**blast.variables(), "BLAST": "yes"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert piped.stdout == "2.0\n"


def test_directory_that_is_not_there_is_named(blast: Blast, hooked: Path) -> None:
    done = run(blast, hooked, "-c", "pass", BLAST_RUN_DIRECTORY="/no/such/place")
    assert done.returncode == 2
    assert "there is no directory /no/such/place" in done.stderr


def test_gc_leaves_what_a_hooked_program_runs_in(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    view = Path(out(run(blast, hooked, "-c", _WHERE)).split()[2])
    program = "import sys; print('up', flush=True); sys.stdin.read(); import alpha; print(alpha.VERSION)"
    environ = {**blast.variables(), "BLAST": "1"}
    line, pipe = [str(hooked), "-c", program], subprocess.PIPE
    with subprocess.Popen(line, cwd=blast.directory, env=environ, stdin=pipe, stdout=pipe, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "up\n"
        for path in (view / ".blast/generations/1/.meta/objects", view / ".blast"):
            os.utime(path, (1, 1))
        assert blast.json("cache", "gc", "--older-than", "0")["environments"] == []
        said, _ = one.communicate("", timeout=60)
    assert said == "2.0\n"
    for path in (view / ".blast/generations/1/.meta/objects", view / ".blast"):
        os.utime(path, (1, 1))
    assert len(blast.json("cache", "gc", "--older-than", "0")["environments"]) == 1
    assert out(run(blast, hooked, "-c", _WHERE)).split()[2] == str(view)


def test_view_has_a_runtime_of_its_own(blast: Blast, wheels: Path, hooked: Path) -> None:
    """The hook may be of an older Blast than what made the view: each reads its own formats."""
    (runtime,) = (blast.home / "runtime").iterdir()
    older = runtime.with_name("older")
    shutil.copytree(runtime, older)
    (older / "blast_runtime" / "modmap.py").write_text("raise ImportError('of another Blast')\n")
    (older / "blast_runtime" / "bootstrap.py").write_text("raise ImportError('of another Blast')\n")
    file = site_of(hooked) / _FILE
    file.write_text(file.read_text().replace(str(runtime), str(older)))
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    for _ in range(2):
        assert out(run(blast, hooked, "-c", _WHERE)).startswith("2.0 ")


def test_view_that_is_damaged_starts_nothing(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    view = Path(out(run(blast, hooked, "-c", _WHERE)).split()[2])
    file = next(view.glob("lib/python*/site-packages/blast.pth"))
    file.chmod(0o644)
    file.write_text("import no_such_module_here\n")
    done = run(blast, hooked, "-c", "print('started')")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {view} can't be used" in done.stderr
    assert run(blast, hooked, "-c", "print('started')", BLAST="optional").stdout == "started\n"


def test_each_user_of_an_interpreter_has_a_store(blast: Blast, wheels: Path, hooked: Path, tmp_path: Path) -> None:
    """The hook names the store of whoever installed it, where others can't write."""
    file = site_of(hooked) / _FILE
    file.write_text(file.read_text().replace(f"start('{blast.home}'", f"start('{tmp_path}/none'"))
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    environ = {name: value for name, value in blast.variables().items() if name != "BLAST_HOME"}
    done = subprocess.run(
        [hooked, "-c", _WHERE],
        cwd=blast.directory,
        env={**environ, "BLAST": "1", "XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path / "user")},
        capture_output=True,
        text=True,
        check=False,
    )
    data = tmp_path / ("user/Library/Application Support" if sys.platform == "darwin" else "data")
    assert out(done).split(" ", 2)[1].startswith(str(data / "blast" / "t"))


def test_old_memos_go(blast: Blast, wheels: Path, hooked: Path) -> None:
    write_lock(blast, wheels, "alpha==2.0")
    out(run(blast, hooked, "-c", _WHERE))
    (memo,) = (blast.home / "hook").iterdir()
    os.utime(memo, (0, 0))
    out(run(blast, hooked, "-c", _WHERE, BLAST_RUN_DIRECTORY=str(blast.directory), BLAST_RUN_GROUPS=" "))
    assert memo not in (blast.home / "hook").iterdir()


def test_run_without_environment_takes_the_same_locks(blast: Blast, wheels: Path) -> None:
    write_lock(blast, wheels, "alpha==1.0", "beta==1.5")
    inner = blast.directory / "inner"
    inner.mkdir()
    there = blast.at(inner)
    assert there("run", "--no-env", "python", "-c", _WHERE).stdout.startswith("1.0 ")
    assert there("run", "--no-env", "alpha").stdout == "alpha 1.0\n"
    write_pylock(blast, wheels, "alpha==2.0", "beta==1.5; 'more' in extras")
    assert there("run", "--no-env", "alpha").stdout == "alpha 2.0\n"
    program = "import importlib.util as u; print(u.find_spec('beta') is not None)"
    assert there("run", "--no-env", "--extra", "more", "python", "-c", program).stdout == "True\n"
    assert there("run", "--no-env", "--no-project", "python", "-c", program).stdout == "False\n"
    # For this run with more; the lock's versions are tried first.
    program = "import alpha, gamma; print(alpha.VERSION)"
    write_pylock(blast, wheels, "alpha==1.0", "beta==1.5")
    assert there("run", "--no-env", "--with", "gamma", "python", "-c", program).stdout == "1.0\n"
    # A project of Blast's that is nearer goes before.
    (inner / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\ndependencies = ["alpha<2"]\n')
    assert there("run", "--no-env", "alpha").stdout == "alpha 1.1\n"
    assert [path.name for path in blast.directory.iterdir() if path.name == ".venv"] == []


def test_blast_itself_is_left_alone(blast: Blast, wheels: Path, hooked: Path) -> None:
    """Where the interpreter that has the hook is the one that runs Blast: that has packages of its own."""
    write_lock(blast, wheels, "alpha==2.0", "beta==1.5")
    program = "import sys; print(sys.prefix)"
    for name in ("blast", "other"):
        (blast.directory / name).write_text(program)
    assert out(run(blast, hooked, "blast")).strip() == str(hooked.parents[1])
    assert out(run(blast, hooked, "other")).startswith(str(blast.home))
