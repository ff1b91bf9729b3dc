"""Records are what ``typing.NamedTuple`` makes, and come without ``typing``."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import subprocess
import sys
import typing

import pytest

from blast_core.tuples import NamedTuple


class Theirs(typing.NamedTuple):
    """A record."""

    name: str
    sizes: tuple[int, ...] = ()
    flag: bool = False

    @property
    def total(self) -> int:
        """The sum."""
        return sum(self.sizes)


class Ours(NamedTuple):
    """A record."""

    name: str
    sizes: tuple[int, ...] = ()
    flag: bool = False

    @property
    def total(self) -> int:
        """The sum."""
        return sum(self.sizes)


class Empty(NamedTuple):
    """Nothing."""


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda kind: kind._fields, id="fields"),
        pytest.param(lambda kind: kind._field_defaults, id="defaults"),
        pytest.param(lambda kind: kind.__match_args__, id="match-args"),
        pytest.param(lambda kind: kind.__doc__, id="doc"),
        pytest.param(typing.get_type_hints, id="type-hints"),
        pytest.param(lambda kind: list(inspect.signature(kind).parameters), id="parameters"),
        pytest.param(lambda kind: tuple(kind("a", (1, 2))), id="positional"),
        pytest.param(lambda kind: tuple(kind(flag=True, name="b")), id="keywords"),
        pytest.param(lambda kind: tuple(kind._make(["a", (), True])), id="make"),
        pytest.param(lambda kind: tuple(kind("a")._replace(name="b", flag=True)), id="replace"),
        pytest.param(lambda kind: kind("a")._asdict(), id="asdict"),
        pytest.param(lambda kind: kind("a", (1, 2)).total, id="property"),
        pytest.param(lambda kind: hash(kind("a")), id="hash"),
        pytest.param(lambda kind: kind("a") == ("a", (), False), id="equal-to-a-tuple"),
        pytest.param(lambda kind: repr(kind("a")).partition("(")[2], id="repr"),
        pytest.param(type, id="metaclass"),
        pytest.param(lambda kind: hasattr(kind("a"), "__dict__"), id="no-dict"),
    ],
)
def test_answers_as_typing_does(ask: typing.Callable[[type], object]) -> None:
    assert ask(Ours) == ask(Theirs)


@pytest.mark.parametrize(
    "fail",
    [
        pytest.param(lambda kind: kind(), id="too-few"),
        pytest.param(lambda kind: kind("a", (), True, 4), id="too-many"),
        pytest.param(lambda kind: kind(nam="a"), id="unknown-keyword"),
        pytest.param(lambda kind: kind._make(["a"]), id="make-too-few"),
        pytest.param(lambda kind: setattr(kind("a"), "name", "b"), id="assign"),
        pytest.param(lambda kind: setattr(kind("a"), "other", "b"), id="assign-unknown"),
    ],
)
def test_refuses_as_typing_does(fail: typing.Callable[[type], object]) -> None:
    with pytest.raises((TypeError, AttributeError)) as ours:
        fail(Ours)
    with pytest.raises(ours.type):
        fail(Theirs)


def test_replacing_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="no field size"):
        Ours("a")._replace(size=1)  # type: ignore[call-arg]


def test_copies_and_pickles() -> None:
    record = Ours("a", (1,))
    assert copy.copy(record) == record
    assert type(pickle.loads(pickle.dumps(record))) is Ours
    assert pickle.loads(pickle.dumps(record)) == record


def test_matches_patterns() -> None:
    match Ours("a", (3,)):
        case Ours(name, (size,)):
            assert (name, size) == ("a", 3)
        case _:
            pytest.fail("no match")


def test_a_record_without_fields() -> None:
    assert tuple(Empty()) == ()


def test_imports_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import blast_core.tuples; print(*sorted(set(sys.modules) - before))"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"__future__", "_collections", "blast_core", "blast_core.tuples"}
