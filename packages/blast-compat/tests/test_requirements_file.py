"""requirements.txt: what pip would install from it, and where a mistake stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_compat.requirements import read_requirements
from blast_core.errors import InvalidRequirement

if TYPE_CHECKING:
    from pathlib import Path

    from blast_compat.requirements import RequirementsFile


def _read(tmp_path: Path, text: str, **environ: str) -> RequirementsFile:
    (tmp_path / "requirements.txt").write_text(text)
    return read_requirements(str(tmp_path / "requirements.txt"), environ)


def test_a_file_that_no_path_can_name_is_refused(tmp_path: Path) -> None:
    """Found by fuzzing: a zero byte in the name was an error of the standard library's."""
    with pytest.raises(InvalidRequirement, match=r"\\x00.*can't be read"):
        _read(tmp_path, "-c a\0b.txt\n")


def test_reads_requirements_with_comments_and_continuations(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "# all\n\nflask>=3 # the web\nnumpy \\\n  >=1,\\\n <2\n  pandas ; python_version < '4'\n"
        "a @ https://index.invalid/a.whl#sha256=0\nlast \\\n",
    )
    assert found.requirements == (
        "flask>=3",
        "numpy   >=1, <2",
        "pandas ; python_version < '4'",
        "a @ https://index.invalid/a.whl#sha256=0",
        "last",
    )
    assert found.origins["flask>=3"].endswith("requirements.txt:3")
    assert found.origins["numpy   >=1, <2"].endswith("requirements.txt:4")
    assert found.origins["pandas ; python_version < '4'"].endswith("requirements.txt:7")


def test_a_comment_line_ends_a_continuation(tmp_path: Path) -> None:
    assert _read(tmp_path, "a \\\n# comment \\\nb\n").requirements == ("a", "b")


def test_reads_options(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "-i https://index.invalid/one\n--index-url=https://index.invalid/two\n"
        "--extra-index-url https://index.invalid/x --extra-index-url=https://index.invalid/y\n"
        "-f ./wheels\n--find-links 'with blank'\n-e ./lib\n-egit+https://index.invalid/a#egg=a\n"
        "--editable=.\n--no-index --pre\n--require-hashes\n--no-binary :all:\n--only-binary numpy\n"
        "--trusted-host index.invalid\n--prefer-binary\n--use-feature fast-deps\n",
    )
    assert found.index_url == "https://index.invalid/two"
    assert found.extra_index_urls == ("https://index.invalid/x", "https://index.invalid/y")
    assert found.find_links == ("./wheels", "with blank")
    assert found.editables == ("./lib", "git+https://index.invalid/a#egg=a", ".")
    assert (found.no_index, found.pre, found.require_hashes) == (True, True, True)
    assert (found.no_binary, found.only_binary) == ((":all:",), ("numpy",))
    assert found.trusted_hosts == ("index.invalid",)
    assert found.requirements == ()


def test_reads_hashes(tmp_path: Path) -> None:
    found = _read(tmp_path, "a==1 \\\n    --hash=sha256:00ff \\\n    --hash sha512:11\nb --global-option=x\n")
    assert found.requirements == ("a==1", "b")
    assert found.hashes == {"a==1": ("sha256:00ff", "sha512:11")}


def test_files_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.txt").write_text("b\n-r deep.txt\n-c limits.txt\n")
    (tmp_path / "sub" / "deep.txt").write_text("c\n")
    (tmp_path / "sub" / "limits.txt").write_text("d<2\n-r deep.txt\n")
    found = _read(tmp_path, "a\n--requirement=sub/more.txt\nz\n")
    assert found.requirements == ("a", "b", "c", "z")
    assert found.constraints == ("d<2", "c")


def test_a_file_may_be_read_twice_but_not_inside_itself(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b\n")
    assert _read(tmp_path, "-r b.txt\n-r b.txt\n").requirements == ("b", "b")
    (tmp_path / "b.txt").write_text("-r requirements.txt\n")
    with pytest.raises(InvalidRequirement, match="includes itself") as caught:
        _read(tmp_path, "-r b.txt\n")
    assert caught.value.reason == "requirements.txt -> b.txt -> requirements.txt"


def test_variables_are_put_in_where_they_are_known(tmp_path: Path) -> None:
    found = _read(
        tmp_path, "--index-url https://${USER}:${TOKEN_1}@index.invalid/$HOME/${lower}\n", TOKEN_1="t", lower="x"
    )
    assert found.index_url == "https://${USER}:t@index.invalid/$HOME/${lower}"


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("git+https://index.invalid/a.git@v1#egg=a", "a @ git+https://index.invalid/a.git@v1"),
        (
            "git+ssh://git@index.invalid/a#egg=a[x]&subdirectory=s",
            "a[x] @ git+ssh://git@index.invalid/a#subdirectory=s",
        ),
        ("https://index.invalid/a.zip#egg=a ; os_name == 'nt'", "a @ https://index.invalid/a.zip ; os_name == 'nt'"),
    ],
)
def test_eggs_become_names(tmp_path: Path, line: str, requirement: str) -> None:
    assert _read(tmp_path, line).requirements == (requirement,)


@pytest.mark.parametrize(
    "line",
    ["./lib", "../lib[x]", "/abs/a-1.0-py3-none-any.whl", "a-1.0.tar.gz", "https://index.invalid/a.whl", "C:\\a"],
)
def test_locations_without_a_name_are_kept_apart(tmp_path: Path, line: str) -> None:
    found = _read(tmp_path, line)
    assert (found.requirements, found.unnamed) == ((), (line,))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\nb c\n", 2, "'b c' is not a requirement"),
        ("a \\\n\nb c\n", 3, "'b c' is not a requirement"),
        ("\n--unknown x\n", 2, "'--unknown' is no option of a requirements file"),
        ("-r\n", 1, "-r needs a value"),
        ("-r https://index.invalid/r.txt\n", 1, "https://index.invalid/r.txt is not a file"),
        ("a --hash=md5:00\n", 1, "'md5:00' is no hash"),
        ("a --hash\n", 1, "--hash needs a value"),
        ("a --index-url x\n", 1, "'--index-url' is no option of a requirement"),
        ("-f 'open\n", 1, "\"-f 'open\" can't be read"),
    ],
)
def test_a_mistake_is_shown_with_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        _read(tmp_path, text)
    assert caught.value.message == f"{tmp_path / 'requirements.txt'}:{line}: {message}"
    assert caught.value.details["line"] == line


def test_a_constraint_must_have_a_name(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("./lib\n")
    with pytest.raises(InvalidRequirement, match=r"limits\.txt:1: './lib' can't be a constraint"):
        _read(tmp_path, "-c limits.txt\n")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequirement, match=r"missing\.txt can't be read"):
        _read(tmp_path, "-r missing.txt\n")
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    with pytest.raises(InvalidRequirement, match="not UTF-8"):
        _read(tmp_path, "-r latin.txt\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "r.txt").write_text("a\nb\n", encoding=encoding)
    assert read_requirements(str(tmp_path / "r.txt")).requirements == ("a", "b")
