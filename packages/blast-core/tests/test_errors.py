"""The tree of errors: it is what its docstring draws, and every error survives pickle and JSON whole."""

from __future__ import annotations

import json
import pickle
import re

import pytest

from blast_core import errors
from blast_core.errors import BlastError, FormatError, InvalidField, StoreLocked, TruncatedInput, error_from_dict


def _family(kind: type[BlastError]) -> list[type[BlastError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _family(child))]


# Only the classes of the module itself: other packages may add leaves, and have usually been imported by now.
_CLASSES = [kind for kind in _family(BlastError) if kind.__module__ == errors.__name__]
_EVERY_CLASS = pytest.mark.parametrize("kind", _CLASSES, ids=lambda kind: kind.__name__)


def _example(kind: type[BlastError]) -> BlastError:
    return kind("no such thing", reason="it went away", hint="look again", path="a/b", count=3, names=["x", "y"])


def test_every_class_has_its_own_code() -> None:
    codes = [kind.code for kind in _CLASSES]
    assert len(codes) > 30
    assert len(set(codes)) == len(codes)


@_EVERY_CLASS
def test_a_code_begins_with_its_parents(kind: type[BlastError]) -> None:
    parents = [parent for parent in kind.__bases__ if issubclass(parent, BlastError)]
    for parent in parents:
        assert parent is BlastError or kind.code.startswith(f"{parent.code}.")


def test_the_drawing_shows_every_class() -> None:
    drawing = (errors.__doc__ or "").partition("Each error says")[0]
    drawn = re.findall(r"[A-Z]\w+", drawing.partition("BlastError")[2])
    assert sorted(drawn) == sorted(kind.__name__ for kind in _CLASSES if kind is not BlastError)


@_EVERY_CLASS
def test_survives_pickle(kind: type[BlastError]) -> None:
    error = _example(kind)
    error.add_note("seen on the way")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.to_dict() == error.to_dict()
    assert back.__notes__ == ["seen on the way"]


@_EVERY_CLASS
def test_survives_json(kind: type[BlastError]) -> None:
    error = _example(kind)
    back = error_from_dict(json.loads(json.dumps(error.to_dict())))
    assert type(back) is kind
    assert (str(back), back.reason, back.hint) == (str(error), "it went away", "look again")
    assert back.details == error.details


def test_a_format_error_keeps_its_three_facts() -> None:
    error = InvalidField("offset outside the file", file="a.dpp", field="data_offset", value="0xFFFF")
    for back in (pickle.loads(pickle.dumps(error)), error_from_dict(error.to_dict())):
        assert isinstance(back, FormatError)
        assert (back.file, back.field, back.value) == ("a.dpp", "data_offset", "0xFFFF")
        assert str(back) == "a.dpp: offset outside the file (field data_offset, value 0xFFFF)"


def test_a_format_error_shows_what_a_file_says_on_one_line() -> None:
    """Found by fuzzing: a path of a container is the container's word, and may hold an escape sequence."""
    error = FormatError("wrong", file="a\nb", field="x\x1b[2Jy", value="\udc80" + "é" * 1000)
    assert error.message.startswith("a\\nb: wrong (field x\\x1b[2Jy, value \\udc80éé")
    assert error.message.isprintable()
    assert len(error.message) < 500
    assert (error.file, error.field) == ("a\nb", "x\x1b[2Jy")


def test_a_format_error_of_bytes_in_memory_names_no_file() -> None:
    error = TruncatedInput("ends after 12 bytes")
    assert str(error) == "ends after 12 bytes"
    assert (error.file, error.field, error.value) == ("", "", "")


def test_details_do_not_displace_the_code() -> None:
    assert StoreLocked("held", code="mine").to_dict()["code"] == "store.locked"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param("store.full", errors.StoreError, id="unknown leaf"),
        pytest.param("store.locked.remote", StoreLocked, id="unknown leaf of a leaf"),
        pytest.param("weather", BlastError, id="unknown root"),
        pytest.param("", BlastError, id="nothing"),
    ],
)
def test_an_unknown_code_gives_the_nearest_parent(code: str, kind: type[BlastError]) -> None:
    error = error_from_dict({"code": code, "message": "m", "size": 3})
    assert (type(error), error.code, str(error), error.details) == (kind, code, "m", {"size": 3})


def test_a_value_error_can_be_caught_as_one() -> None:
    assert issubclass(FormatError, ValueError)
    assert issubclass(errors.InvalidVersion, ValueError)
    assert issubclass(errors.InvalidRequirement, ValueError)
