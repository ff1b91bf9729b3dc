"""Views of the store: shared, leased, given up when nobody uses them, and right whatever happens to them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="programs are started as on POSIX"),
]


@pytest.fixture
def locked(project: Blast) -> Blast:
    """A project with a lock and no environment."""
    project("add", "--no-sync", "alpha")
    return project


def _views(blast: Blast) -> list[Path]:
    directory = blast.home / "views"
    return sorted(directory.iterdir()) if directory.exists() else []


def _alpha(blast: Blast, **more: str) -> None:
    assert blast("run", "--no-env", "alpha", **more).stdout == "alpha 2.0\n"


def test_equal_locks_share_one(locked: Blast, tmp_path: Path) -> None:
    _alpha(locked)
    shutil.copytree(locked.directory, tmp_path / "other")
    _alpha(locked.at(tmp_path / "other"))
    locked("run", "--no-env", "--no-project", "--with", "alpha==2.0", "--with", "beta==1.5", "alpha")
    (one,) = _views(locked)
    locked("run", "--no-env", "--with", "gamma", "alpha")
    assert len(_views(locked)) == 2
    # No file of a distribution is in it: links, and what is made of entry points.
    site = next(one.glob("lib/python*/site-packages"))
    assert {path.name for path in site.iterdir() if not path.is_symlink()} == {"blast.pth", "__pycache__"}
    assert (site / "alpha").resolve().is_relative_to(locked.home / "t")


def test_what_is_found_at_a_glance_is_right(locked: Blast) -> None:
    """The hot path believes stamps: whatever changes sends it the long way."""
    _alpha(locked)
    assert "blast_cli.application" not in locked.imported("run", "--no-env", "alpha")
    manifest = locked.directory / "pyproject.toml"
    text = manifest.read_text()
    line = next(line for line in text.splitlines() if "alpha" in line)
    manifest.write_text(text.replace(line, line.replace('"alpha', '"gamma", "alpha')))
    ask = ("run", "--no-env", "python", "-c", "import gamma, alpha; print(gamma.__file__)")
    assert str(locked.home) in locked(*ask).stdout
    assert "blast_cli.application" not in locked.imported(*ask)
    locked("lock", "--upgrade")
    assert locked("run", "--no-env", "-p", sys.executable, *ask[2:]).stdout
    manifest.write_text(manifest.read_text().replace('"gamma", ', ""))
    assert locked.run(*ask).returncode == 1
    assert locked("run", "--no-env", "alpha", BLAST_NO_ENV_FILE="1").stdout == "alpha 2.0\n"
    shutil.rmtree(_views(locked)[0])
    shutil.rmtree(locked.home / "views")
    _alpha(locked)


def test_one_that_shall_not_be_kept(locked: Blast) -> None:
    words = ("run", "--no-env", "--keep", "never", "--with", "gamma", "python", "-c")
    assert locked(*words, "import gamma, alpha; print(alpha.VERSION)").stdout == "2.0\n"
    assert _views(locked) == []
    assert locked.run(*words, "raise SystemExit(3)").returncode == 3
    _alpha(locked)
    (view,) = _views(locked)
    assert locked("run", "--no-env", "--keep", "never", "alpha").stdout == "alpha 2.0\n"
    assert _views(locked) == [view]


def test_the_store_knows_them(locked: Blast) -> None:
    _alpha(locked)
    (view,) = _views(locked)
    (row,) = locked.json("cache", "size")["environments"]
    assert (row["environment"], row["kind"], row["state"], row["objects"]) == (str(view), "view", "alive", 2)
    (why,) = locked.json("cache", "why", "alpha")["objects"]
    assert [(use["environment"], use["command"]) for use in why["uses"]] == [(str(view), "for demo")]
    report = locked.json("cache", "gc", "--older-than", "1d")
    assert (report["environments"], report["objects"]) == ([], [])
    os.utime(view / ".blast/generations/1/.meta/objects", (1, 1))
    os.utime(view / ".blast", (1, 1))
    report = locked.json("cache", "gc", "--older-than", "1d")
    assert report["environments"] == [str(view)]
    assert _views(locked) == []
    _alpha(locked)


def test_gc_leaves_what_a_program_runs_in(locked: Blast) -> None:
    program = "import sys; print('up', flush=True); sys.stdin.read(); import alpha; print(alpha.VERSION)"
    line = [sys.executable, "-m", "blast_cli", "run", "--no-env", "python", "-c", program]
    with subprocess.Popen(
        line,
        cwd=locked.directory,
        env=locked.variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "up\n"
        (view,) = _views(locked)
        os.utime(view / ".blast/generations/1/.meta/objects", (1, 1))
        os.utime(view / ".blast", (1, 1))
        assert locked.json("cache", "gc", "--older-than", "0")["environments"] == []
        assert locked.run("cache", "clear", "alpha").returncode == 1
        assert str(view) in locked.run("cache", "clear", "--all").stderr
        assert _views(locked) == [view]
        out, _ = one.communicate("", timeout=60)
    assert out == "2.0\n"


def test_what_is_cleared_is_fetched_again(locked: Blast) -> None:
    _alpha(locked)
    locked("cache", "clear", "alpha")
    assert _views(locked) == []
    _alpha(locked)
    locked("cache", "clear", "--all")
    assert _views(locked) == []
    _alpha(locked)


def test_whatever_happens_to_one_it_is_made_again(locked: Blast) -> None:
    _alpha(locked)
    (view,) = _views(locked)
    site = next(view.glob("lib/python*/site-packages"))

    def install() -> None:
        site.chmod(0o755)
        (site / "alpha_foreign.py").write_text("")

    def lose() -> None:
        site.chmod(0o755)
        (site / "alpha").unlink()

    for change in (install, lose, (view / "map").unlink, (view / "bin" / "python").unlink):
        change()
        # What is gone from under it, a glance does not see but where it is looked: then the way is the long one.
        _alpha(locked, BLAST_NO_ENV_FILE="1")
        _alpha(locked)
        assert not (site / "alpha_foreign.py").exists()
        assert (site / "alpha").exists()


def test_nothing_is_installed_into_one(locked: Blast) -> None:
    _alpha(locked)
    (view,) = _views(locked)
    before = sorted(os.listdir(view)), (view / "map").read_bytes()
    active = {"VIRTUAL_ENV": str(view), "BLAST_PYTHON": ""}
    done = locked.run("pip", "install", "gamma", **active)
    assert done.returncode == 1, done.stderr
    assert "view of the store" in done.stderr
    for words in (("uninstall", "-y", "alpha"), ("sync", "pylock.toml")):
        locked.run("pip", *words, **active)
    assert (sorted(os.listdir(view)), (view / "map").read_bytes()) == before
    assert locked("pip", "freeze", **active).stdout == "alpha==2.0\nbeta==1.5\n"
    assert locked("pip", "check", **active).returncode == 0
    _alpha(locked)


def test_it_is_doubted_after_a_power_loss(locked: Blast) -> None:
    locked.environ["BLAST_BOOT_ID"] = "one"
    _alpha(locked)
    (view,) = _views(locked)
    before = (view / "map").read_bytes()
    (view / "map").write_bytes(b"")
    os.utime(view / "map", ns=(0, 0))
    locked.environ["BLAST_BOOT_ID"] = "two"
    for _ in range(2):
        _alpha(locked)
    assert (view / "map").read_bytes() == before


def test_many_at_once(locked: Blast) -> None:
    started = [locked.start("run", "--no-env", "alpha") for _ in range(6)]
    for one in started:
        out, err = one.communicate(timeout=120)
        assert (one.returncode, out) == (0, "alpha 2.0\n"), err
    assert len(_views(locked)) == 1
    assert os.listdir(locked.home / "tmp") == []


@pytest.mark.crash
def test_killed_anywhere(locked: Blast) -> None:
    words = ("run", "--no-env", "alpha")
    for point in sorted(random.Random(7).sample(range(1, 60), 12)):
        done = locked.run(*words, BLAST_FAULT=f"kill:{point}")
        if done.returncode == -signal.SIGKILL:
            assert len(_views(locked)) <= 1
        _alpha(locked)
        locked("cache", "gc", "--older-than", "1d")
        assert os.listdir(locked.home / "tmp") == []
        shutil.rmtree(locked.home / "views")


@pytest.mark.crash
def test_a_full_disk_is_said(locked: Blast) -> None:
    _alpha(locked)
    shutil.rmtree(locked.home / "views")
    seen = set()
    for point in range(1, 40, 6):
        done = locked.run("run", "--no-env", "alpha", BLAST_FAULT=f"fail:{point}:ENOSPC")
        seen.add(done.returncode)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or "space" in done.stderr.lower(), done.stderr
        if (locked.home / "views").exists():
            shutil.rmtree(locked.home / "views")
    assert 1 in seen
    _alpha(locked)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write: NOT tried")
def test_a_store_that_can_only_be_read(locked: Blast) -> None:
    _alpha(locked)
    (view,) = _views(locked)
    powers = "-dac_override,-dac_read_search,-fowner"
    line = [sys.executable, "-m", "blast_cli", "run", "--no-env"]
    if os.geteuid() == 0:
        line = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", *line]
    _set_writable(locked.home, writable=False)
    try:
        for _ in range(2):
            done = subprocess.run(
                [*line, "alpha"],
                cwd=locked.directory,
                env=locked.variables(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stdout) == (0, "alpha 2.0\n"), done.stderr
        done = subprocess.run(
            [*line, "--no-project", "--with", "beta", "python", "-c", "pass"],
            cwd=locked.directory,
            env=locked.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    finally:
        _set_writable(locked.home, writable=True)
    assert view.exists()


def _set_writable(home: Path, *, writable: bool) -> None:
    for parent, _, names in os.walk(home):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            if not os.path.islink(path):
                mode = os.stat(path).st_mode & 0o7777
                os.chmod(path, mode | 0o200 if writable else mode & ~0o222)


def test_programs_run_by_links_from_anywhere(locked: Blast, tmp_path: Path) -> None:
    _alpha(locked)
    (view,) = _views(locked)
    (tmp_path / "elsewhere").symlink_to(view / "bin" / "alpha")
    done = subprocess.run(
        [tmp_path / "elsewhere"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "alpha 2.0\n"


# Distributions that can't be imported from the store


@pytest.fixture
def special(tmp_path: Path, blast: Blast) -> Iterator[Blast]:
    """The command with an index of wheels that lean on each other."""
    directory = tmp_path / "special"
    directory.mkdir()
    init = b"def answer():\n    return 'whole'\n"
    make_wheel(
        directory, "split-one", "1.0", files={"split/__init__.py": init, "split/a.py": b"A = 1\n", "split/a.txt": b"a"}
    )
    make_wheel(
        directory, "split-two", "1.0", files={"split/__init__.py": init, "split/b.py": b"B = 2\n", "split/b.txt": b"b"}
    )
    make_wheel(directory, "certifi", "1.0", files={"certifi/__init__.py": b"", "certifi/cacert.pem": b"pem"})
    old = b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    make_wheel(directory, "old-one", "1.0", files={"old/__init__.py": old, "old/one/__init__.py": b""})
    make_wheel(directory, "old-two", "1.0", files={"old/__init__.py": old, "old/two/__init__.py": b""})
    make_wheel(
        directory, "data", "1.0", files={"data_here.py": b"", "data-1.0.data/data/share/thing/file.txt": b"shared"}
    )
    if shutil.which("gcc"):
        _native(directory, tmp_path)
    with StaticIndex(directory) as server:
        yield blast.at(blast.directory, BLAST_INDEX_URL=server.url)


def _native(directory: Path, scratch: Path) -> None:
    """Two wheels: a library, and one that looks for it beside itself by $ORIGIN."""
    (scratch / "dep.c").write_text("int answer(void) { return 42; }\n")
    (scratch / "user.c").write_text("int answer(void); int ask(void) { return answer(); }\n")

    def gcc(*words: str) -> None:
        subprocess.run(["gcc", "-shared", "-fPIC", *words], cwd=scratch, check=True)

    gcc("-o", "libdep.so", "-Wl,-soname,libdep.so", "dep.c")
    gcc("-o", "libuser.so", "user.c", "-L.", "-ldep", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../../provider/lib")
    dep, user = (scratch / "libdep.so").read_bytes(), (scratch / "libuser.so").read_bytes()
    body = b"import ctypes, os\n"
    body += b"def ask():\n    return ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'lib', 'libuser.so')).ask()\n"
    make_wheel(directory, "provider", "1.0", files={"provider/__init__.py": b"", "provider/lib/libdep.so": dep})
    make_wheel(
        directory, "leaning", "1.0", ["provider"], files={"leaning/__init__.py": body, "leaning/lib/libuser.so": user}
    )


def _ask(blast: Blast, program: str, *names: str) -> str:
    options = [word for name in names for word in ("--with", name)]
    return blast("run", "--no-env", *options, "python", "-c", program).stdout.strip()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: libraries beside each other are NOT tried")
def test_a_library_finds_its_neighbour_in_another_distribution(special: Blast) -> None:
    program = "import leaning, provider; print(leaning.ask(), leaning.__file__, provider.__file__)"
    answer, leaning, provider = _ask(special, program, "leaning").split()
    assert answer == "42"
    assert "/views/" in leaning
    assert provider.startswith(str(special.home / "t"))


def test_distributions_that_share_a_package(special: Blast) -> None:
    program = """
import importlib.metadata as m, importlib.resources as r, os, split, split.a, split.b
here = sorted(os.listdir(os.path.dirname(split.__file__)))
names = here[:1] + [name for name in here if name[0] in "ab"]
print(split.answer(), split.a.A + split.b.B, names, (r.files("split") / "b.txt").read_text())
print(m.version("split-two"), all(file.locate().exists() for file in m.files("split-two")))
"""
    whole = "whole 3 ['__init__.py', 'a.py', 'a.txt', 'b.py', 'b.txt'] b\n1.0 True"
    assert _ask(special, program, "split-one", "split-two") == whole


def test_old_namespace_packages(special: Blast) -> None:
    assert _ask(special, "import old.one, old.two; print(old.two.__name__)", "old-one", "old-two") == "old.two"


def test_what_programs_change_is_not_the_stores(special: Blast) -> None:
    program = "import certifi, os; p = os.path.join(os.path.dirname(certifi.__file__), 'cacert.pem'); print(p)"
    path = Path(_ask(special, program, "certifi"))
    assert not path.resolve().is_relative_to(special.home / "t")
    path.chmod(0o644)
    path.write_text("changed")
    assert special("cache", "verify").returncode == 0


def test_data_files_are_below_the_prefix(special: Blast) -> None:
    program = "import sys; print(open(sys.prefix + '/share/thing/file.txt').read())"
    assert _ask(special, program, "data") == "shared"


def test_type_checkers_find_packages_on_the_path(special: Blast) -> None:
    """They look into the directories of ``sys.path`` and import nothing."""
    program = "import os, sys; found = {n for p in sys.path if os.path.isdir(p) for n in os.listdir(p)}; "
    program += "print(sorted(found & {'split', 'old'}))"
    assert _ask(special, program, "split-one", "split-two", "old-one", "old-two") == "['old', 'split']"


@pytest.mark.parametrize("name", ["a b", 'it\'s "quoted"', "größe", "$HOME %x"])
def test_homes_of_every_name(project: Blast, name: str) -> None:
    project("add", "--no-sync", "alpha")
    flat = project.directory / "src"
    shutil.rmtree(flat, ignore_errors=True)
    flat.mkdir()
    (flat / "__init__.py").write_text("NAME = __name__\n")
    moved = project.at(project.directory)
    moved.home = project.home.parent / name
    ask = ("python", "-c", "import alpha, project; print(alpha.VERSION, project.NAME)")
    for locale in ("C", "C.UTF-8"):
        assert moved("run", "--no-env", *ask, LC_ALL=locale).stdout == "2.0 project\n"
        assert moved("run", "--no-env", "alpha", LC_ALL=locale).stdout == "alpha 2.0\n"
