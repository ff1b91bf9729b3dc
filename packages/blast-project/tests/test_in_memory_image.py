"""What is written into the container, and what the runtime reads there; and the lines of children."""

from __future__ import annotations

import os
import stat
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import InstallError
from blast_pm.store.rows import StoredDistribution
from blast_project.testing import make_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from blast_project.in_memory.image import ImageBuilder
    from blast_runtime.memory.container import Container

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO MEMORY FILES: only Linux has them")

_SITE = "/proc/blast-memory/site-packages"


@pytest.fixture
def builder() -> ImageBuilder:
    from blast_project.in_memory.image import ImageBuilder

    return ImageBuilder(make_interpreter())


def _open(builder: ImageBuilder) -> Container:
    """Return the container as the runtime reads it: where the index is, the start-up module in the archive says."""
    import zipimport

    from blast_runtime.memory.container import Container

    image = builder.finish()
    source = zipimport.zipimporter(image.path).get_source("blast_in_memory")
    assert source is not None
    said: list[tuple[Any, ...]] = []
    calls = source.split("\n", 1)[1]
    exec(calls, {"activate": lambda *words: said.append(words)})
    path, descriptor, offset, size, _ = said[0]
    assert (path, descriptor) == (image.path, image.descriptor)
    return Container(descriptor, offset, size)


def _stored(tree: Path, name: str, files: dict[str, Any]) -> StoredDistribution:
    """Return a distribution of a store: a tree, and the plan that is made of its wheel."""
    from blast_core.archive.contents import read_contents
    from blast_core.archive.wheel import read_wheel
    from blast_pm.install.plan import make_tree_plan
    from blast_pm.testing import make_wheel

    content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    tree.mkdir(parents=True)
    wheel = read_wheel(make_wheel(tree.parent, name, "1.0", files=content))
    plan = make_tree_plan(read_contents(wheel))
    for file in wheel.files:
        place = tree / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(wheel.archive.read(file.member)))
    wheel.close()
    return StoredDistribution(name, "1.0", "00", "00", str(tree), plan)


def test_files_are_found_by_path(builder: ImageBuilder) -> None:
    builder.add_file("one/__init__.py", b"A = 1\n")
    builder.add_file("one/data/words", b"some words")
    container = _open(builder)
    path, entry = container.find(f"{_SITE}/one/data/words")
    assert entry is not None
    assert container.read(path, entry) == b"some words"
    assert container.status(path, entry).st_size == 10
    assert container.find(f"{_SITE}/one/./data//../data/words") == (path, entry)
    assert container.find(f"{_SITE}/one/") == (f"{_SITE}/one", None)
    assert stat.S_ISDIR(container.status(f"{_SITE}/one", None).st_mode)
    assert container.find(f"{_SITE}/one/none")[1] == ()
    assert container.find(f"{_SITE}/one/data/words/below")[1] == ()
    assert container.find("/proc/blast-memory/../cpuinfo")[1] == (2, "/proc/cpuinfo")
    assert sorted(container.table(f"{_SITE}/one") or ()) == ["__init__.py", "data"]
    descriptor = container.materialise(path, entry)
    assert os.pread(descriptor, 99, 0) == b"some words"
    assert container.materialise(path, entry) == descriptor
    assert descriptor in container.descriptors()


def test_a_distribution_of_the_store_is_linked(builder: ImageBuilder, tmp_path: Path) -> None:
    tree = tmp_path / "t" / "one"
    builder.add_linked(_stored(tree, "one", {"one/__init__.py": "", "one/part/deep.py": "", "single.py": ""}))
    container = _open(builder)
    assert container.find(f"{_SITE}/one")[1] == (2, f"{tree}/one")
    assert container.find(f"{_SITE}/single.py")[1] == (2, f"{tree}/single.py")
    assert container.find(f"{_SITE}/one/part/deep.py")[1] == (2, f"{tree}/one/part/deep.py")
    assert container.find(f"{_SITE}/one-1.0.dist-info/METADATA")[1] == (2, f"{tree}/one-1.0.dist-info/METADATA")
    path, entry = container.find(f"{_SITE}/one-1.0.dist-info/INSTALLER")
    assert entry is not None
    assert container.read(path, entry) == b"blast\n"


def test_packages_of_several_distributions_are_merged(builder: ImageBuilder, tmp_path: Path) -> None:
    first, second = tmp_path / "t" / "a", tmp_path / "t" / "b"
    builder.add_linked(_stored(first, "one", {"shared/__init__.py": "", "shared/one.py": "", "space/one/x.py": ""}))
    builder.add_linked(_stored(second, "two", {"shared/plugins/two.py": "", "space/two/x.py": ""}))
    container = _open(builder)
    assert sorted(container.table(f"{_SITE}/shared") or ()) == ["__init__.py", "one.py", "plugins"]
    assert container.find(f"{_SITE}/shared/plugins/two.py")[1] == (2, f"{second}/shared/plugins/two.py")
    assert sorted(container.table(f"{_SITE}/space") or ()) == ["one", "two"]


def test_two_files_for_one_path_are_an_error(builder: ImageBuilder, tmp_path: Path) -> None:
    builder.add_linked(_stored(tmp_path / "t" / "a", "one", {"single.py": "A = 1\n"}))
    with pytest.raises(InstallError, match=r"two distributions bring single\.py"):
        builder.add_linked(_stored(tmp_path / "t" / "b", "two", {"single.py": "A = 2\n"}))


def test_libraries_of_the_store_that_need_those_of_others_are_copied(builder: ImageBuilder, tmp_path: Path) -> None:
    from blast_core.elf import ElfFacts
    from blast_core.testing_elf import make_elf

    asking = make_elf(ElfFacts("", ("libgiven.so",), ("$ORIGIN/../given",)))
    given = make_elf(ElfFacts("libgiven.so", (), ()))
    rows = [
        _stored(tmp_path / "t" / "a", "asking", {"asking/__init__.py": "", "asking/ext.so": asking}),
        _stored(tmp_path / "t" / "b", "given", {"given/__init__.py": "", "given/libgiven.so": given}),
    ]
    builder.add_all_stored(rows)
    container = _open(builder)
    path, entry = container.find(f"{_SITE}/asking/ext.so")
    assert entry is not None
    assert entry[0] == 1
    assert entry[3] == (f"{_SITE}/given/libgiven.so",)
    assert container.read(path, entry) == asking
    assert container.find(f"{_SITE}/given")[1] == (2, f"{tmp_path}/t/b/given")
    assert container.find(f"{_SITE}/asking-1.0.dist-info/RECORD")[1] != ()


def test_programs(builder: ImageBuilder) -> None:
    builder.add_program("tool", "one.cli:main")
    programs = builder.programs()
    assert programs.pop("tool") == ("one.cli:main", "")
    assert set(programs) == {"python", "python3", "python3.12"}
    assert set(programs.values()) == {("", make_interpreter().executable)}
    container = _open(builder)
    path, entry = container.find("/proc/blast-memory/bin/tool")
    assert entry is not None
    assert b"from one.cli import main" in container.read(path, entry)


@pytest.fixture
def container() -> Any:
    return SimpleNamespace(
        facts={"scripts": {"tool": "one:main"}, "begin": "/proc/self/fd/7"},
        find=lambda path: (path, ()),
        descriptors=list,
    )


@pytest.mark.parametrize(
    "words",
    ["-c pass", "-m one", "script.py -I", "-u -X dev -W ignore script.py", "-", "", "-V", "-c -I", "-OO -m one -E"],
)
def test_lines_of_ordinary_children_stay(container: Any, words: str) -> None:
    from blast_runtime.memory.children import _python_line

    line = ["python", *words.split()]
    assert _python_line(container, list(line)) == line


@pytest.mark.parametrize(
    ("words", "begins", "ends"),
    [
        (["-I", "-c", "code", "a"], ["-I", "-c"], ["a"]),
        (["-IBc", "code"], ["-IBc"], []),
        (["-E", "-X", "dev", "-c", "code"], ["-E", "-X", "dev", "-c"], []),
        (["-Im", "one", "a"], ["-I", "-c"], ["a"]),
        (["-I", "-m", "one"], ["-I", "-c"], []),
        (["-I", "script.py", "a"], ["-I", "-c"], ["script.py", "a"]),
    ],
)
def test_lines_of_blind_children_begin_with_what_lies_in_memory(
    container: Any, words: list[str], begins: list[str], ends: list[str]
) -> None:
    from blast_runtime.memory.children import _python_line

    found = [os.fsdecode(word) for word in _python_line(container, ["python", *words])[1:]]
    assert found[: len(begins)] == begins
    program = found[len(begins)]
    assert program.startswith("import sys\nsys.path.insert(0, '/proc/self/fd/7')")
    compile(program, "<test>", "exec")
    assert found[len(begins) + 1 :] == ends


def test_a_script_in_memory_is_started_by_its_entry_point(container: Any) -> None:
    from blast_runtime.memory.children import _python_line

    found = [os.fsdecode(word) for word in _python_line(container, ["python", "/proc/blast-memory/bin/tool", "a"])]
    assert found[1] == "-c"
    assert "from one import main" in found[2]
    assert found[3:] == ["/proc/blast-memory/bin/tool", "a"]


@pytest.mark.parametrize(
    ("words", "own"),
    [
        ("python /usr/bin/tool", True),
        ("python -u -X dev /usr/local/bin/tool --in x", True),
        ("python -m /usr/bin/tool", False),
        ("python /srv/tool.py /usr/bin/tool", False),
        ("python", False),
    ],
)
def test_programs_that_are_installed_for_the_interpreter_are_known(words: str, *, own: bool) -> None:
    from blast_runtime.memory.starting import _is_own_line

    assert _is_own_line(words.split()) == own
