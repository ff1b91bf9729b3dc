"""What scripts and notebooks need, said in other ways than by PEP 723: each is run by the command itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance

BODY = "import sys, alpha\nprint(alpha.VERSION, *sys.argv[1:])\n"


def _write(blast: Blast, text: str, name: str = "tool.py") -> Path:
    path = blast.directory / name
    path.write_text(text)
    return path


def _notebook(blast: Blast, *cells: str, name: str = "book.ipynb", **metadata: object) -> Path:
    rows = [{"cell_type": "markdown", "metadata": {}, "source": ["# import nothing\n"]}]
    rows += [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell.splitlines(keepends=True)} for cell in cells
    ]
    return _write(blast, json.dumps({"cells": rows, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}), name)


def test_requires(blast: Blast) -> None:
    _write(blast, f"__requires__ = ['alpha<2', 'gamma']\n{BODY}import gamma\n")
    assert blast("run", "tool.py", "a b", "--json").stdout == "1.1 a b --json\n"


def test_requires_as_text(blast: Blast) -> None:
    _write(blast, f"__requires__ = '''\nalpha==1.0\n# a remark\n'''\n{BODY}")
    assert blast("run", "tool.py").stdout == "1.0\n"


def test_requires_is_never_executed(blast: Blast) -> None:
    _write(blast, f"__requires__ = open('trace', 'w').name\n{BODY}")
    done = blast.run("run", "tool.py")
    assert done.returncode == 1
    assert "tool.py:1: __requires__ can't be read" in done.stderr
    assert not (blast.directory / "trace").exists()


def test_requires_counts_in_a_project_too_and_the_second_run_is_quick(project: Blast, index: StaticIndex) -> None:
    _write(project, f"__requires__ = ['alpha<2']\n{BODY}")
    assert project("run", "tool.py").stdout == "1.1\n"
    index.forget_requests()
    assert project("run", "tool.py").stdout == "1.1\n"
    assert index.paths() == []
    assert not {"argparse", "ast", "tomllib", "blast_cli.application"} & project.imported("run", "tool.py")
    _write(project, f"__requires__ = ['alpha<1.1']\n{BODY}")
    assert project("run", "tool.py").stdout == "1.0\n"


def test_the_block_goes_before_requires(blast: Blast) -> None:
    _write(blast, f"# /// script\n# dependencies = ['alpha==1.0']\n# ///\n__requires__ = ['alpha==2.0']\n{BODY}")
    assert blast("run", "tool.py").stdout == "1.0\n"


def test_index_url(blast: Blast, index: StaticIndex) -> None:
    _write(blast, f"__requires__ = ['alpha']\n__index_url__ = '{index.url}'\n{BODY}")
    assert blast("run", "tool.py", BLAST_INDEX_URL="").stdout == "2.0\n"


@pytest.mark.parametrize("heading", ["# Requirements:", "# Script Dependencies:"])
def test_comments(blast: Blast, heading: str) -> None:
    _write(blast, f"# A tool\n{heading}\n#    alpha<2  # newer ones differ\n#\n# no-such-thing\n{BODY}")
    assert blast("run", "tool.py").stdout == "1.1\n"


def test_comments_are_prose_where_a_line_is_none_and_in_a_project(blast: Blast) -> None:
    _write(blast, "# Requirements:\n#   alpha\n#   a C compiler\nprint('ran')\n")
    assert blast("run", "tool.py").stdout == "ran\n"
    assert blast.run("run", "--read-requirements", "tool.py").stdout == ""
    blast("init", "--name", "demo")
    _write(blast, "# Requirements:\n#   no-such-project\nprint('ran')\n")
    assert blast("run", "tool.py").stdout == "ran\n"
    assert "no-such-project" in blast.run("run", "--script", "tool.py").stderr


def test_other_commands_know_such_scripts(blast: Blast) -> None:
    _write(blast, f"__requires__ = ['alpha<2']\n{BODY}")
    blast("lock", "--script", "tool.py")
    assert (blast.directory / "tool.py.blast.lock").exists()
    assert "alpha 1.1" in blast("tree", "--script", "tool.py").stdout
    blast("add", "--script", "tool.py", "gamma")
    text = (blast.directory / "tool.py").read_text()
    block = text.partition("# ///\n")[0]
    assert '"alpha<2"' in block
    assert "gamma" in block
    assert blast("run", "tool.py").stdout == "1.1\n"


def test_standard_input(blast: Blast) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "-", "x"],
        cwd=blast.directory,
        env=blast.variables(),
        input=f"__requires__ = ['alpha<2']\n{BODY}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1.1 x\n", done.stderr


def test_a_program_without_an_ending(blast: Blast) -> None:
    path = _write(blast, f"#!/usr/bin/env pip-run\n__requires__ = ['alpha==1.0']\n{BODY}", "tool")
    assert blast("run", "./tool", "x").stdout == "1.0 x\n"
    # It would start Blast again, and that it again.
    path.write_text("#!/usr/bin/env blast run\nprint('ran')\n")
    assert blast("run", "./tool").stdout == "ran\n"
    path.write_text("#!/bin/sh\necho shell\n")
    path.chmod(0o755)
    assert blast("run", "./tool").stdout == "shell\n"


# What follows another program


def test_the_first_file_among_the_arguments_says_what_is_needed(blast: Blast) -> None:
    _write(blast, f"__requires__ = ['alpha==1.0']\n{BODY}")
    _write(blast, "__requires__ = ['no-such-project']\n", "second.py")
    line = "import runpy, sys; runpy.run_path(sys.argv.pop(1))"
    assert blast("run", "python", "-c", line, "tool.py", "second.py").stdout == "1.0 second.py\n"
    # In a project what it says of itself counts.
    blast("init", "--name", "demo")
    assert "No module named 'alpha'" in blast.run("run", "python", "-c", line, "tool.py").stderr
    assert blast("run", "--with-requirements", "tool.py", "python", "-c", line, "tool.py").stdout == "1.0\n"
    assert blast("run", "-r", "tool.py", "python", "-c", line, "tool.py").stdout == "1.0\n"


# Notebooks


def test_a_notebook_runs_as_a_script(blast: Blast) -> None:
    _write(blast, "VALUE = 7\n", "beside.py")
    _notebook(
        blast,
        "%pip install -q 'alpha<2' --upgrade\n%matplotlib inline\nimport sys, alpha\n",
        "!ls\nimport beside\nprint(alpha.VERSION, beside.VALUE, __name__, *sys.argv)\n",
        "text = '''\n%kept\n'''\nif True:\n    !echo\n",
        "%%bash\nexit 1\n",
        "%%time\nprint(text.strip())\n",
        "import asyncio\nawait asyncio.sleep(0)\nalpha.VERSION\n",
    )
    done = blast("run", "book.ipynb", "x")
    assert done.stdout == "1.1 7 __main__ book.ipynb x\n%kept\n"
    assert "book.ipynb, cell 3, line 1: left out !ls" in done.stderr


def test_a_traceback_shows_the_line_of_the_cell(blast: Blast) -> None:
    _notebook(blast, "import sys\n", "x = 1\n\nraise SystemError(x)  # here\n")
    done = blast.run("run", "book.ipynb")
    assert done.returncode == 1
    assert 'File "book.ipynb, cell 3", line 3' in done.stderr
    assert "raise SystemError(x)  # here" in done.stderr
    assert "notebook.py" not in done.stderr


@pytest.mark.parametrize(
    "cell",
    [
        '__requires__ = ["alpha==1.0"]',
        '# /// script\n# dependencies = ["alpha==1.0"]\n# ///',
        "!python -m pip install alpha==1.0",
        "!{sys.executable} -m pip install --no-cache-dir alpha==1.0",
        "pip install alpha==1.0",
    ],
)
def test_what_cells_say(blast: Blast, cell: str) -> None:
    _notebook(blast, cell, BODY)
    assert blast("run", "book.ipynb").stdout == "1.0\n"


def test_what_metadata_say(blast: Blast) -> None:
    _notebook(blast, BODY, requirements={"packages": {"alpha": "==1.0", "gamma": "*"}, "requires": {}})
    assert blast("run", "book.ipynb").stdout == "1.0\n"
    assert blast("run", "--read-requirements", "book.ipynb").stdout == "alpha==1.0 gamma\n"
    _notebook(blast, BODY, requirements={"packages": {}, "requires": {"python_version": "2.7"}})
    assert "2.7" in blast.run("run", "book.ipynb").stderr


def test_what_is_no_notebook(blast: Blast) -> None:
    _write(blast, "{}", "book.ipynb")
    done = blast.run("run", "book.ipynb")
    assert done.returncode == 1
    assert "book.ipynb can't be read as a notebook" in done.stderr


# Reading


def test_read_requirements(blast: Blast) -> None:
    _write(blast, "__requires__ = ['alpha>1', 'gamma; sys_platform == \"linux\"']\n")
    lines = ["alpha>1", 'gamma; sys_platform == "linux"']
    for words, between in (([], " "), (["newline"], "\n"), (["null"], "\0"), ([", "], ", ")):
        separator = ["--separator", *words] if words else []
        assert blast("run", "--read-requirements", *separator, "tool.py").stdout == between.join(lines) + "\n"
    document = json.loads(blast("run", "--json", "--read-requirements", "tool.py").stdout)
    assert document["requirements"] == lines
    assert document["declared"] == "__requires__"
    assert blast.run("run", "--read-requirements", "none.py").returncode == 2


# Inference


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index whose projects have other names than their modules, with a list as pipreqs ships it."""
    directory = tmp_path_factory.mktemp("named")
    make_wheel(directory, "alib-python", "1.0", files={"alib/__init__.py": b"NAME = 'by the list'\n"})
    make_wheel(directory, "plain", "1.0", files={"plain.py": b"NAME = 'by its name'\n"})
    make_wheel(directory, "jaraco-text", "1.0", files={"jaraco/text.py": b"NAME = 'in a namespace'\n"})
    make_wheel(directory, "hidden-one", "1.0", files={"shown.py": b"NAME = 'in the store'\n"})
    make_wheel(directory, "misleading", "1.0", files={"something/__init__.py": b""})
    make_sdist(directory, "unbuilt", "1.0", files={"unbuilt.py": b""})
    make_wheel(directory, "pipreqs", "0.1", files={"pipreqs/mapping": b"alib:no-such\n"})
    make_wheel(directory, "pipreqs", "0.5.0", files={"pipreqs/mapping": b"alib:Alib_Python\nzlib:no-such\nbroken\n"})
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def inferring(blast: Blast, named: StaticIndex) -> Blast:
    return blast.at(blast.directory, BLAST_INDEX_URL=named.url)


IMPORTS = """\
import os.path, zlib, beside
import alib, plain
from jaraco import text
print(alib.NAME, plain.NAME, text.NAME)
"""


def test_imports_tell_what_is_needed(inferring: Blast) -> None:
    _write(inferring, "", "beside.py")
    _write(inferring, IMPORTS)
    assert inferring.run("run", "tool.py").returncode == 1
    done = inferring("run", "--infer", "tool.py")
    assert done.stdout == "by the list by its name in a namespace\n"
    assert "alib-python (alib)" in done.stderr
    assert inferring("run", "--read-requirements", "--infer", "tool.py").stdout == "alib-python jaraco-text plain\n"


def test_dots_stand_for_what_is_imported_and_are_asked_for_once(inferring: Blast, named: StaticIndex) -> None:
    _write(inferring, "", "beside.py")
    _write(inferring, f"__requires__ = ['hidden-one', ...]\n{IMPORTS}import shown\nprint(shown.NAME)\n")
    # Nobody knows 'shown' until its distribution is there.
    done = inferring.run("run", "tool.py")
    assert (done.returncode, "brings the module 'shown'" in done.stderr) == (2, True)
    inferring("run", "--with", "hidden-one", "python", "-c", "import shown")
    expected = "by the list by its name in a namespace\nin the store\n"
    assert inferring("run", "tool.py").stdout == expected
    named.forget_requests()
    assert inferring("run", "tool.py").stdout == expected
    assert named.paths() == []
    assert not {"argparse", "ast"} & inferring.imported("run", "tool.py")
    assert "alib-python" in inferring("tree", "--script", "tool.py").stdout


@pytest.mark.parametrize("more", [(), ("--in-memory",)])
@pytest.mark.parametrize("module", ["misleading", "unbuilt", "missing"])
def test_a_project_of_the_name_is_not_enough(inferring: Blast, module: str, more: tuple[str, ...]) -> None:
    _write(inferring, f"import {module}\n")
    done = inferring.run("run", "--infer", *more, "tool.py")
    assert done.returncode == 2
    assert f"brings the module '{module}'" in done.stderr


def test_of_imports_that_stand_in_for_each_other_one_is_enough(inferring: Blast) -> None:
    text = "try:\n    import unknown\nexcept ImportError:\n    import json as unknown\n"
    text += "try:\n    import plain\nexcept ImportError:\n    raise SystemExit(3)\n"
    text += "try:\n    import comfort\nexcept ImportError:\n    comfort = None\nfrom typing import TYPE_CHECKING\n"
    text += "if TYPE_CHECKING:\n    import checker\nprint(plain.NAME)\n"
    _write(inferring, text)
    assert inferring("run", "--infer", "tool.py").stdout == "by its name\n"


@pytest.mark.skipif(sys.platform != "linux", reason="memory files are Linux's")
def test_in_memory_no_file_is_made_to_find_out(inferring: Blast) -> None:
    _write(inferring, "", "beside.py")
    _write(inferring, f"__requires__ = [...]\n{IMPORTS}")
    assert inferring("run", "--in-memory", "tool.py").stdout == "by the list by its name in a namespace\n"
    assert not inferring.home.exists()


def test_without_an_environment(inferring: Blast) -> None:
    _write(inferring, "", "beside.py")
    _write(inferring, f"__requires__ = [...]\n{IMPORTS}")
    _notebook(inferring, "%pip install plain", "import plain", "print(plain.NAME)")
    for _ in range(2):
        assert inferring("run", "--no-env", "tool.py").stdout == "by the list by its name in a namespace\n"
        assert inferring("run", "--no-env", "book.ipynb").stdout == "by its name\n"
    assert not (inferring.home / "environments").exists()


@pytest.mark.network
def test_the_list_of_a_real_index(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    blast = Blast(directory, tmp_path / "home")
    _write(blast, "import yaml, bs4\nprint(yaml.safe_load('[1]'), bs4.BeautifulSoup('<b>x</b>', 'html.parser').b)\n")
    assert blast("run", "--infer", "tool.py").stdout == "[1] <b>x</b>\n"
    said = blast("run", "--read-requirements", "--infer", "--separator", "newline", "tool.py").stdout
    assert said == "beautifulsoup4\npyyaml\n"
