"""For any distributions: what this Python finds through a map is what it finds where their files lie together."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.formats.dpp.layout import DppFile
from blast_pm.install.plan import make_tree_plan
from blast_pm.store.rows import StoredDistribution
from blast_project.no_env.maps import make_map
from blast_project.no_env.testing_observer import observe
from blast_runtime import bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.archive.entry_points import EntryPoint
    from blast_core.formats.dpp.layout import NativeObject

pytestmark = pytest.mark.property

# Few names, so that they meet; native code of this Python, of any, and of another one.
NAMES = st.sampled_from(["a", "b", "c"])
ENDINGS = st.sampled_from([".py", EXTENSION_SUFFIXES[0], ".abi3.so", ".cpython-38-other.so", ".txt", "-x.py"])
STEMS = st.sampled_from(["__init__", "__init__", "a", "b", "d"])
FILES = st.builds(
    lambda directories, stem, ending: "/".join([*directories, stem + ending]),
    st.lists(NAMES, max_size=3),
    STEMS,
    ENDINGS,
)
PREFIXES = st.sampled_from(["", "", "", "{data}/purelib/", "{data}/platlib/"])


class Wheel:
    """What a plan is made from."""

    import_names: Sequence[str] = ()
    entry_points: Sequence[EntryPoint] = ()
    native: Sequence[NativeObject] = ()

    def __init__(self, name: str, paths: dict[str, str]) -> None:
        self.name = name
        self.version = "1"
        self.dist_info = f"{name}-1.dist-info"
        files = [f"{self.dist_info}/METADATA", *paths.values()]
        self.files = [
            DppFile(path, path.split("/")[1] if ".data/" in path else "root", 0o644, 0, 0, 0, 0, b"", 0, 0)
            for path in files
        ]

    def read(self, file: DppFile, /) -> bytes:
        del file
        return b""


@st.composite
def wheels(draw: st.DrawFn) -> list[dict[str, str]]:
    """Of each distribution: where a file lies in site-packages, and where in the wheel."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        data = f"w{number}-1.data"
        paths = draw(st.lists(FILES, max_size=6, unique=True))
        found.append({path: draw(PREFIXES).format(data=data) + path for path in paths})
    return found


@contextmanager
def untouched() -> Iterator[None]:
    """Take back what finding modules changes in this process."""
    paths, hooks, finders = sys.path[:], sys.path_hooks[:], sys.meta_path[:]
    known, modules, active = {**sys.path_importer_cache}, {**sys.modules}, {**bootstrap._active}
    try:
        yield
    finally:
        sys.path[:], sys.path_hooks[:], sys.meta_path[:] = paths, hooks, finders
        sys.path_importer_cache.clear()
        sys.path_importer_cache.update(known)
        for name in {*sys.modules} - {*modules}:
            del sys.modules[name]
        sys.modules.update(modules)
        bootstrap._active.clear()
        bootstrap._active.update(active)


def write(root: Path, path: str, content: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.write_text(content, encoding="utf-8")


def look(site: Path) -> dict[str, Any]:
    with untouched():
        # Names of the cases must not be those of modules that are there.
        for name in ("a", "b", "c", "d"):
            sys.modules.pop(name, None)
        seen = observe(str(site))
    del seen["distributions"], seen["by_package"], seen["path"]
    return seen


@settings(max_examples=100, deadline=None)
@given(wheels())
def test_a_map_finds_what_one_directory_holds(made: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        together, mapped = Path(directory, "together"), Path(directory, "mapped")
        together.mkdir()
        mapped.mkdir()
        rows = []
        for number, paths in enumerate(made):
            wheel = Wheel(f"w{number}", paths)
            tree = Path(directory, "t", f"tree{number}")
            write(tree, f"{wheel.dist_info}/METADATA", f"Name: {wheel.name}\nVersion: 1\n")
            for path, source in paths.items():
                write(tree, source, f"{number} {path}")
                write(together, path, f"{number} {path}")
            rows.append(StoredDistribution(wheel.name, "1", "", "", str(tree), make_tree_plan(wheel)))
        place = Path(directory, "map")
        place.write_bytes(make_map(rows))
        wanted = look(together)
        with untouched():
            bootstrap.activate(str(place), str(mapped))
            seen = look(mapped)
        assert seen == wanted
