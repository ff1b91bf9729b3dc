"""An interpreter that nothing asks for is not looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InterpreterNotFound
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import operations
from blast_project.python.on_demand import interpreter_on_demand
from blast_project.testing import Workbench, make_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from blast_core.interpreter import Interpreter


def test_it_is_found_once_and_has_all_attributes() -> None:
    interpreter, found = make_interpreter(), []

    def find() -> Interpreter:
        found.append(1)
        return interpreter

    lazy = interpreter_on_demand(find)
    assert found == []
    for name in interpreter._fields:
        assert getattr(lazy, name) == getattr(interpreter, name)
    assert found == [1]
    with pytest.raises(AttributeError):
        lazy.nonsense  # type: ignore[attr-defined]  # noqa: B018 - that is the test


def test_it_is_the_same_tuple() -> None:
    """What is built for a lock goes into an environment, which is made from the interpreter's fields by place."""
    interpreter = make_interpreter()
    assert interpreter_on_demand(lambda: interpreter)[5:8] == interpreter[5:8]
    assert tuple(interpreter_on_demand(lambda: interpreter)) == tuple(interpreter)
    assert len(interpreter_on_demand(lambda: interpreter)) == len(interpreter)
    assert interpreter_on_demand(lambda: interpreter) == interpreter
    assert interpreter_on_demand(lambda: interpreter) == interpreter_on_demand(lambda: interpreter)
    assert interpreter_on_demand(lambda: interpreter) != interpreter._replace(version="0")


def test_what_finding_raises_is_raised_where_it_is_used() -> None:
    def find() -> Interpreter:
        raise InterpreterNotFound("none")

    lazy = interpreter_on_demand(find)
    with pytest.raises(InterpreterNotFound):
        lazy.target  # noqa: B018 - that is the test


def test_a_lock_needs_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wheels").mkdir()
    make_wheel(tmp_path / "wheels", "alpha", "1.0")

    def refuse(*_: object) -> None:
        raise AssertionError("an interpreter was looked for")

    monkeypatch.setattr(operations, "project_interpreter", refuse)
    with StaticIndex(tmp_path / "wheels") as index:
        bench = Workbench.make(tmp_path, index.url)
        bench.write_manifest("dependencies = ['alpha']")
        for hints in (False, True):
            with bench.session() as session:
                result = operations.lock_here(session, bench.project(), hints=hints)
            assert result.pins() == {"alpha": "1.0"}
            (bench.root / "blast.lock").unlink()
