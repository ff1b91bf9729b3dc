"""Requirement files as the pip interface takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, UsageError
from blast_project.requirement_files import read_file
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def write(bench: Workbench, name: str, text: str) -> None:
    path = bench.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_requirements_constraints_and_nested_files(bench: Workbench) -> None:
    write(bench, "a.txt", "alpha>=1  # why\n-r sub/b.txt\n-c c.txt\n\nBeta[x] ; python_version > '3'\n")
    write(bench, "sub/b.txt", "gamma\n")
    write(bench, "c.txt", "delta<2\n")
    file = read_file(bench.settings(), "a.txt")
    assert [row.name for row in file.requirements] == ["alpha", "gamma", "beta"]
    assert [row.name for row in file.constraints] == ["delta"]
    assert file.lines[0] == "alpha>=1"


def test_hashes_stand_under_the_normalised_name(bench: Workbench) -> None:
    write(bench, "a.txt", f"Al.Pha==1 \\\n  --hash=sha256:{DIGEST.upper()} --hash=sha256:{'cd' * 32}\nbeta==1\n")
    assert read_file(bench.settings(), "a.txt").hashes == {"al-pha": frozenset((DIGEST, "cd" * 32))}


def test_hashes_of_all_lines_of_a_project_count(bench: Workbench) -> None:
    """Locks for several Pythons pin one project in several lines."""
    first = f"a==1 ; python_version < '3.10' --hash=sha256:{DIGEST}\n"
    write(bench, "a.txt", f"{first}a==2 ; python_version >= '3.10' --hash=sha256:{'cd' * 32}\n")
    assert read_file(bench.settings(), "a.txt").hashes == {"a": frozenset((DIGEST, "cd" * 32))}


def test_hashes_of_weak_kinds_only_are_refused(bench: Workbench) -> None:
    for weak in ("md5:d41d8cd98f00b204e9800998ecf8427e", f"sha384:{'ab' * 48}", "sha256:xyz", f"sha256:{DIGEST}0"):
        write(bench, "a.txt", f"alpha==1 --hash={weak}\n")
        with pytest.raises(BlastError) as caught:
            read_file(bench.settings(), "a.txt")
        assert "a.txt" in caught.value.message


def test_a_manifest_gives_its_dependencies(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['alpha>=1']")
    assert read_file(bench.settings(), "pyproject.toml").lines == ("alpha>=1",)


def test_what_has_no_name_is_kept_as_an_address(bench: Workbench) -> None:
    text = "-e .\nhttps://index.invalid/x-1.whl\n-e git+https://index.invalid/x@v1\nalpha\n"
    write(bench, "a.txt", text)
    found = read_file(bench.settings(), "a.txt")
    assert [row.name for row in found.requirements] == ["alpha"]
    assert [(row.requirement.name, row.requirement.url, row.editable) for row in found.asked] == [
        ("alpha", "", False),
        ("", "https://index.invalid/x-1.whl", False),
        ("", f"file://{bench.root}", True),
        ("", "git+https://index.invalid/x@v1", True),
    ]


def test_a_path_to_nothing_is_refused(bench: Workbench) -> None:
    write(bench, "a.txt", "./local\n")
    with pytest.raises(BlastError, match="there is no"):
        read_file(bench.settings(), "a.txt")


@pytest.mark.parametrize("text", ["alpha ==\n", "--no-such-option\n", "-r missing.txt\n"])
def test_wrong_lines_are_named_with_their_file(bench: Workbench, text: str) -> None:
    write(bench, "a.txt", f"# one\n{text}")
    with pytest.raises(BlastError) as caught:
        read_file(bench.settings(), "a.txt")
    assert "a.txt" in caught.value.message or "missing.txt" in caught.value.message


def test_a_file_that_names_itself_is_refused(bench: Workbench) -> None:
    write(bench, "a.txt", "alpha\n-r a.txt\n")
    with pytest.raises(BlastError, match="includes itself"):
        read_file(bench.settings(), "a.txt")


def test_a_missing_file_is_named(bench: Workbench) -> None:
    with pytest.raises(UsageError, match=r"no\.txt"):
        read_file(bench.settings(), "no.txt")


def test_an_index_in_a_file_is_not_passed_over_in_silence(bench: Workbench) -> None:
    """What is asked of that index must not be taken from another of the same name."""
    write(bench, "a.txt", "--index-url https://index.invalid/simple/\nalpha\n")
    with pytest.raises(UsageError) as caught:
        read_file(bench.settings(), "a.txt")
    assert "--index-url" in f"{caught.value.message} {caught.value.hint}"


def test_the_index_of_the_command_line_counts_instead_of_the_files(bench: Workbench) -> None:
    write(bench, "a.txt", "--extra-index-url https://index.invalid/simple/\nalpha\n")
    settings = bench.settings(index_url="https://index.invalid/other/")
    assert read_file(settings, "a.txt").lines == ("alpha",)
