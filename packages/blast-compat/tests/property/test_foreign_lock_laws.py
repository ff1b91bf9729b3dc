"""Laws of the readers of other tools' locks: whatever they are given, they answer with a lock or an error of ours."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from blast_compat.locks.foreign import holds_any, select_packages
from blast_compat.locks.foreign_reader import FOREIGN_LOCKS, read_foreign_lock
from blast_compat.locks.poetry_constraints import read_constraint
from blast_core.errors import BlastError
from blast_core.platforms import make_target, platform_named

pytestmark = pytest.mark.property

_CASES = Path(__file__).parents[1] / "cases" / "locks"
_FILES = sorted(path for path in _CASES.glob("*/*") if path.name in FOREIGN_LOCKS)
_PLATFORM = platform_named("linux-x86_64")
assert _PLATFORM is not None
_ENVIRONMENT = make_target(_PLATFORM, 12).marker_environment
_SCALARS = strategies.sampled_from(
    ["", "x", "..", "*", "==1", "python", "sha256:12", "https://index.invalid/a", 0, 7, True]
)
_VALUES = strategies.recursive(
    _SCALARS,
    lambda inner: strategies.lists(inner, max_size=2) | strategies.dictionaries(strategies.sampled_from("abc"), inner),
    max_leaves=4,
)


def answers(path: Path, content: bytes, manifest: dict[str, Any]) -> None:
    """Read and select; only our own errors may come out."""
    try:
        lock = read_foreign_lock(path.name, content, manifest)
        for groups in (["default"], lock.groups):
            select_packages(lock, groups, _ENVIRONMENT)
    except BlastError:
        return


@given(
    path=strategies.sampled_from(_FILES),
    place=strategies.floats(0, 1),
    cut=strategies.integers(0, 40),
    put=strategies.binary(max_size=8),
)
def test_mutated_bytes_are_a_lock_or_an_error(path: Path, place: float, cut: int, put: bytes) -> None:
    content = path.read_bytes()
    at = int(place * len(content))
    answers(path, content[:at] + put + content[at + cut :], {})


@given(path=strategies.sampled_from(_FILES), data=strategies.data())
def test_mutated_values_are_a_lock_or_an_error(path: Path, data: strategies.DataObject) -> None:
    """A value of the document is replaced by another of any kind; the reader of TOML is left out."""
    text = path.read_text()
    document: Any = json.loads(text) if path.name == "Pipfile.lock" else tomllib.loads(text)
    here = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(strategies.sampled_from(keys))
        inner = here[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(strategies.integers(0, 3)) == 0:
            here[key] = data.draw(_VALUES)
            break
        here = inner
    manifest_path = path.parent / "pyproject.toml"
    manifest = tomllib.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tomllib, "loads", lambda _text: document)
        patch.setattr(json, "loads", lambda _text: document)
        answers(path, b"", manifest)


@given(manifest=strategies.fixed_dictionaries({"project": _VALUES, "tool": _VALUES, "dependency-groups": _VALUES}))
def test_any_manifest_will_do(manifest: dict[str, Any]) -> None:
    for path in _FILES:
        answers(path, path.read_bytes() if path.stat().st_size < 20_000 else b"version = 1\n", manifest)


@given(
    numbers=strategies.lists(strategies.integers(0, 5), min_size=1, max_size=3),
    version=strategies.lists(strategies.integers(0, 6), min_size=1, max_size=3),
)
def test_caret_keeps_the_first_number_that_is_not_zero(numbers: list[int], version: list[int]) -> None:
    """Poetry's own words: an update is allowed if it does not change the left-most number that is not zero."""
    text, asked = ".".join(map(str, version)), ([*version, 0, 0])[:3]
    lower = ([*numbers, 0, 0])[:3]
    kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1) + 1
    allowed = asked >= lower and asked[:kept] == lower[:kept]
    assert holds_any(read_constraint("^" + ".".join(map(str, numbers))), text) == allowed
    kept = min(2, len(numbers))
    allowed = asked >= lower and asked[:kept] == lower[:kept]
    assert holds_any(read_constraint("~" + ".".join(map(str, numbers))), text) == allowed
