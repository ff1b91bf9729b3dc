"""Scripts with metadata (PEP 723): made, edited, locked, synced and run, each by the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

BODY = """\
import sys
try:
    import alpha
    print(alpha.VERSION, *sys.argv[1:])
except ImportError:
    print("bare", *sys.argv[1:])
"""


def _script(blast: Blast, metadata: str = '# dependencies = ["alpha<2"]', name: str = "tool.py") -> Path:
    path = blast.directory / name
    path.write_text(f'# /// script\n# requires-python = ">=3.9"\n{metadata}\n# ///\n{BODY}')
    return path


def test_a_script_runs_with_what_it_asks_for(blast: Blast) -> None:
    _script(blast)
    assert blast("run", "tool.py", "a b", "--json").stdout == "1.1 a b --json\n"


def test_the_second_run_asks_nobody_and_imports_little(blast: Blast, index: StaticIndex) -> None:
    _script(blast)
    blast("run", "tool.py")
    index.forget_requests()
    assert blast("run", "tool.py").stdout == "1.1\n"
    assert index.paths() == []
    assert not {"argparse", "tomllib", "blast_cli.application"} & blast.imported("run", "tool.py")


def test_in_a_project_the_script_counts_not_the_project(project: Blast) -> None:
    project("add", "alpha")
    _script(project)
    assert project("run", "tool.py").stdout == "1.1\n"
    (project.directory / "plain.py").write_text(BODY)
    assert project("run", "plain.py").stdout == "2.0\n"


def test_equal_metadata_share_one_environment(blast: Blast) -> None:
    where = "\nprint(sys.prefix)\n"
    for name in ("one.py", "two.py"):
        path = _script(blast, name=name)
        path.write_text(path.read_text() + where)
    assert blast("run", "one.py").stdout == blast("run", "two.py").stdout


def test_other_metadata_are_another_environment_at_once(blast: Blast) -> None:
    _script(blast)
    assert blast("run", "tool.py").stdout == "1.1\n"
    _script(blast, '# dependencies = ["alpha==1.0"]')
    assert blast("run", "tool.py").stdout == "1.0\n"
    _script(blast, "# dependencies = []")
    assert blast("run", "tool.py").stdout == "bare\n"


def test_a_script_without_metadata_is_a_file_for_python(blast: Blast) -> None:
    (blast.directory / "plain").write_text(BODY)
    assert blast("run", "--script", "plain", "x").stdout == "bare x\n"
    assert blast("run", "--gui-script", "plain", "x").stdout == "bare x\n"


def test_shebang(blast: Blast, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "blast"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m blast_cli "$@"\n')
    program.chmod(0o755)
    path = _script(blast, name="tool")
    path.write_text("#!/usr/bin/env -S blast run --script\n" + path.read_text())
    path.chmod(0o755)
    variables = blast.variables(PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for _ in range(2):
        done = subprocess.run([path, "x"], env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "1.1 x\n"), done.stderr


def test_with_adds_to_a_script(blast: Blast) -> None:
    path = _script(blast, "# dependencies = []")
    assert blast("run", "tool.py").stdout == "bare\n"
    assert blast("run", "--with", "alpha==1.0", "tool.py").stdout == "1.0\n"
    path.write_text(path.read_text() + "import beta\n")
    assert blast("run", "--with", "alpha", "tool.py").stdout == "2.0\n"


def test_standard_input(blast: Blast) -> None:
    text = _script(blast).read_text() + "import sys; print(sys.stdin.read() == '')\n"
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "-", "x"],
        cwd=blast.directory,
        env=blast.variables(),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1.1 x\nTrue\n", done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    directory = tmp_path / "site"
    directory.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(directory))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address(blast: Blast, site: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "tool.py").write_text(_script(blast).read_text())
    refused = blast.run("run", f"{site}/tool.py")
    assert refused.returncode == 2
    assert "without encryption" in refused.stderr
    assert blast("run", "--allow-insecure-host", "127.0.0.1", f"{site}/tool.py", "x").stdout == "1.1 x\n"
    assert blast.run("run", "--allow-insecure-host", "127.0.0.1", f"{site}/none.py").returncode == 3
    assert blast("run", f"{site}/tool.py", BLAST_ALLOW_INSECURE_HOST="127.0.0.1").stdout == "1.1\n"


def test_init_add_remove(blast: Blast) -> None:
    blast("init", "--script", "new.py")
    path = blast.directory / "new.py"
    assert path.read_text().startswith("# /// script\n# requires-python = ")
    assert blast("run", "new.py").stdout == "Hello from new!\n"
    assert blast.json("add", "--script", "new.py", "alpha", "beta<1.2")["added"] == ["alpha>=2.0", "beta<1.2"]
    assert '"alpha>=2.0"' in path.read_text()
    assert blast.json("remove", "--script", "new.py", "beta")["removed"] == ["beta<1.2"]
    before = path.read_text()
    assert "beta" not in before
    assert blast.run("remove", "--script", "new.py", "beta").returncode == 2
    assert blast.run("add", "--script", "new.py", "alpha", "delta", "beta>1.2").returncode == 1
    assert blast.run("add", "--script", "new.py", "--dev", "alpha").returncode == 2
    assert blast.run("init", "--script", "new.py").returncode == 2
    assert path.read_text() == before


def test_add_begins_the_metadata_of_a_plain_script(blast: Blast) -> None:
    path = blast.directory / "plain.py"
    path.write_text(f"#!/usr/bin/env python\n{BODY}")
    blast("add", "--script", "plain.py", "alpha<2", "--no-lock")
    assert path.read_text().startswith("#!/usr/bin/env python\n# /// script\n")
    assert blast("run", "plain.py").stdout == "1.1\n"


def test_lock_lies_beside_the_script_and_holds_its_versions(blast: Blast) -> None:
    path = _script(blast, '# dependencies = ["alpha<=1.0"]')
    lock = path.with_name("tool.py.blast.lock")
    assert blast.run("lock", "--check", "--script", "tool.py").returncode == 1
    blast("lock", "--script", "tool.py")
    assert lock.is_file()
    assert not path.with_name("blast.lock").exists()
    blast("lock", "--check", "--script", "tool.py")
    path.write_text(path.read_text().replace("alpha<=1.0", "alpha"))
    assert blast.run("run", "--locked", "tool.py").returncode == 1
    # The version of the lock is kept.
    before = lock.read_bytes()
    assert blast("run", "tool.py").stdout == "1.0\n"
    assert lock.read_bytes() != before
    blast("lock", "--check", "--script", "tool.py")
    blast("lock", "--upgrade", "--script", "tool.py")
    assert blast("run", "tool.py").stdout == "2.0\n"


def test_another_lock_counts_at_once(blast: Blast) -> None:
    path = _script(blast, '# dependencies = ["alpha<=1.0"]')
    lock = path.with_name("tool.py.blast.lock")
    blast("lock", "--script", "tool.py")
    old = lock.read_bytes()
    path.write_text(path.read_text().replace("alpha<=1.0", "alpha"))
    blast("lock", "--script", "tool.py")
    kept = lock.read_bytes()
    blast("lock", "--upgrade", "--script", "tool.py")
    assert blast("run", "tool.py").stdout == "2.0\n"
    assert old != kept
    lock.write_bytes(kept)
    assert blast("run", "tool.py").stdout == "1.0\n"


def test_sync_and_tree(blast: Blast) -> None:
    _script(blast)
    synced = blast.json("sync", "--script", "tool.py")
    assert [row["name"] for row in synced["changes"]] == ["alpha", "beta"]
    assert blast.json("sync", "--script", "tool.py")["changed"] is False
    assert "alpha" in blast("tree", "--script", "tool.py").stdout
    assert blast("run", "--no-sync", "tool.py").stdout == "1.1\n"


def test_paths_of_a_script_are_relative_to_it(blast: Blast) -> None:
    package = blast.directory / "there"
    (package / "src" / "own").mkdir(parents=True)
    (package / "src" / "own" / "__init__.py").write_text("NAME = 'own'\n")
    (package / "pyproject.toml").write_text('[project]\nname = "own"\nversion = "1"\n')
    sub = blast.directory / "sub"
    sub.mkdir()
    metadata = '# dependencies = ["own", "beta"]\n# [tool.blast.sources]\n# own = { path = "../there" }'
    path = sub / "tool.py"
    path.write_text(f"# /// script\n{metadata}\n# ///\nimport beta; print('found')\n")
    assert blast("run", "sub/tool.py").stdout == "found\n"
    bare = _script(blast, "# dependencies = []")
    assert blast("run", "--with", "./there", "--with", "alpha<2", "tool.py").stdout == "1.1\n"
    assert blast.at(sub).run("run", "--with", "./there", str(bare)).returncode != 0


def test_variables_of_a_script(blast: Blast) -> None:
    path = _script(blast, '# dependencies = []\n# [tool.blast.env]\n# MODE = "of the script"')
    path.write_text(path.read_text() + "import os; print(os.environ['MODE'])\n")
    for _ in range(2):
        assert blast("run", "tool.py").stdout == "bare\nof the script\n"
    assert blast("run", "tool.py", MODE="mine").stdout == "bare\nmine\n"


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        pytest.param("# dependencies = [", "tool.py:3", id="no TOML"),
        pytest.param('# dependencies = ["a b"]', "tool.py:3", id="no requirement"),
        pytest.param('# name = "x"', "the metadata has 'name'", id="unknown"),
        pytest.param('# [tool.blast]\n# resolutoin = "lowest"', "did you mean 'resolution'", id="setting"),
        pytest.param("# dependencies = []\n# ///\n\n# /// script", "a second block", id="two"),
    ],
)
def test_wrong_metadata_are_named(blast: Blast, metadata: str, words: str) -> None:
    _script(blast, metadata)
    done = blast.run("run", "--script", "tool.py")
    assert done.returncode in {1, 2}
    assert words in done.stderr, done.stderr


def test_no_script_and_no_metadata(blast: Blast) -> None:
    assert "there is no script" in blast.run("run", "--script", "none.py").stderr
    assert "there is no script" in blast.run("sync", "--script", "none.py").stderr
    (blast.directory / "plain.py").write_text(BODY)
    assert "has no metadata" in blast.run("sync", "--script", "plain.py").stderr


def test_a_cleaned_store_is_filled_again(blast: Blast) -> None:
    _script(blast)
    blast("lock", "--script", "tool.py")
    blast("run", "tool.py")
    for words in (("cache", "gc", "--older-than", "0"), ("cache", "clear", "--all", "--force")):
        blast(*words)
        assert blast("run", "tool.py").stdout == "1.1\n"
    for path in (blast.home / "scripts").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert blast("run", "tool.py").stdout == "1.1\n"
    assert blast("lock", "--check", "--script", "tool.py").returncode == 0


def test_several_at_once_make_one_environment(blast: Blast) -> None:
    _script(blast)
    processes = [blast.start("run", "tool.py", str(number)) for number in range(4)]
    found = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in found] == [f"1.1 {number}\n" for number in range(4)], found
    assert len(list((blast.home / "environments").iterdir())) == 1
