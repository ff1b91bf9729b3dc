"""Cells of notebooks: what Python runs of them, and what is IPython's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_runtime import notebook

if TYPE_CHECKING:
    from pathlib import Path


def _document(*cells: object) -> dict[str, object]:
    return {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}


def _cell(source: str) -> notebook.Cell:
    return notebook.read_cells(_document(source))[0]


@pytest.mark.parametrize(
    ("source", "left", "magics"),
    [
        ("x = 1\n", "x = 1\n", []),
        ("%matplotlib inline\nx = 1", "pass\nx = 1\n", [(1, "%matplotlib inline")]),
        ("if x:\n    !ls\n", "if x:\n    pass\n", [(2, "!ls")]),
        ("files = !ls\ny = 2\n", "pass\ny = 2\n", [(1, "files = !ls")]),
        ("print?\nx = 1\n", "pass\nx = 1\n", [(1, "print?")]),
        ("pip install rich\nx = 1\n", "pass\nx = 1\n", [(1, "pip install rich")]),
        ("%x\nt = '''\n%y\n'''\n", "pass\nt = '''\n%y\n'''\n", [(1, "%x")]),
        ("%x\nn = (7\n%4)\n", "pass\nn = (7\n%4)\n", [(1, "%x")]),
        ("n = (7\n%4)\n", "n = (7\n%4)\n", []),
        ("%%bash\nls\n", "", [(1, "%%bash")]),
        ("%%time\nx = 1\n", "pass\nx = 1\n", [(1, "%%time")]),
        ("await x\n", "await x\n", []),
        ("x = = 1\n", "x = = 1\n", []),
        ("", "", []),
    ],
)
def test_what_is_left_of_a_cell(source: str, left: str, magics: list[tuple[int, str]]) -> None:
    cell = _cell(source)
    assert (cell.source, cell.magics) == (left, magics)
    # Every line keeps its number.
    assert not left or left.count("\n") in (source.count("\n"), source.count("\n") + 1)


def test_cells_are_numbered_among_all_and_text_may_be_in_pieces() -> None:
    rows = [{"cell_type": "markdown", "source": "%x"}, {"cell_type": "code", "source": ["a = 1\n", "b = 2"]}]
    (cell,) = notebook.read_cells({"cells": rows})
    assert (cell.number, cell.source) == (2, "a = 1\nb = 2")


def test_notebooks_of_format_3() -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["a = 1"]}]}
    assert [cell.source for cell in notebook.read_cells({"worksheets": [sheet], "nbformat": 3})] == ["a = 1"]


@pytest.mark.parametrize("document", [{}, [], None, {"cells": 1}, {"cells": [{"cell_type": "code", "source": 7}]}])
def test_what_is_no_notebook(document: object) -> None:
    with pytest.raises(ValueError, match=r"it has no cells|cell 1 has no text"):
        notebook.read_cells(document)


def _run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(notebook.__file__)
    command = [sys.executable, program, str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)


def test_the_program(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    cells = ["import sys\nx = 1\ndef f(): return x\n", "display(f(), __name__, sys.argv[1:], sys.path[0])\n"]
    path.write_text(json.dumps(_document(*cells)))
    done = _run(path, "a b")
    assert done.stdout == f"1 __main__ ['a b'] {os.path.realpath(tmp_path)}\n", done.stderr


@pytest.mark.parametrize(("cell", "status"), [("raise SystemExit(7)", 7), ("1/0", 1), ("x = = 1", 1)])
def test_the_status_is_the_programs(tmp_path: Path, cell: str, status: int) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(_document("x = 0", cell)))
    assert _run(path).returncode == status


def test_the_program_refuses_what_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text("{")
    done = _run(path)
    assert done.returncode == 2
    assert "can't be read as a notebook" in done.stderr


def test_processes_that_multiprocessing_spawns_do_not_run_the_notebook(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    cell = "import multiprocessing, math\nwith multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    cell += "    print(pool.map(math.sqrt, [4]))\n"
    path.write_text(json.dumps(_document(cell)))
    assert _run(path).stdout == "[2.0]\n"
