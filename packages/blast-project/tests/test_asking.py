"""What a person types is read as a name, a path or an address; what a program would take for an option is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, InvalidRequirement, UsageError
from blast_project.asking import parse_asked, parse_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "name", "url"),
    [
        ("git+https://index.invalid/x@v1", "", "git+https://index.invalid/x@v1"),
        ("git+ssh://git@index.invalid/x.git#egg=Some_Name", "some-name", "git+ssh://git@index.invalid/x.git"),
        ("https://index.invalid/x-1-py3-none-any.whl", "", "https://index.invalid/x-1-py3-none-any.whl"),
        ("x @ https://index.invalid/x.whl", "x", "https://index.invalid/x.whl"),
        ("git+file:///srv/x#subdirectory=a&egg=x", "x", "git+file:///srv/x#subdirectory=a"),
        ("flask", "flask", ""),
        ("Flask >= 3", "flask", ""),
        ("httpx[http2]>=0.27; python_version > '3.9'", "httpx", ""),
        ("zipp", "zipp", ""),
    ],
)
def test_names_and_addresses_are_told_apart(line: str, name: str, url: str) -> None:
    found = parse_asked(line, "/nowhere")
    assert (found.requirement.name, found.requirement.url) == (name, url)


def test_paths_become_absolute_and_keep_extras_and_markers(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "x-1-py3-none-any.whl").write_bytes(b"")
    requirement = parse_asked("./lib[a,b] ; python_version > '3.9'", str(tmp_path)).requirement
    assert requirement == ("", ("a", "b"), "", 'python_version > "3.9"', f"file://{tmp_path}/lib")
    assert (
        parse_asked("x-1-py3-none-any.whl", str(tmp_path)).requirement.url == f"file://{tmp_path}/x-1-py3-none-any.whl"
    )
    assert parse_asked("-e lib/", str(tmp_path)).editable
    assert parse_asked("lib @ ./lib", str(tmp_path)).requirement.url == f"file://{tmp_path}/lib"


def test_a_directory_is_a_path_only_with_a_slash(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    assert parse_asked("lib", str(tmp_path)).requirement.url == ""


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequirement, match="there is no"):
        parse_asked("./lib", str(tmp_path))


def test_what_is_on_an_index_is_not_editable() -> None:
    with pytest.raises(UsageError, match="can't be editable"):
        parse_asked("-e flask")


def test_an_address_is_no_name() -> None:
    with pytest.raises(UsageError, match="is an address"):
        parse_name("git+https://index.invalid/x")


@pytest.mark.parametrize(
    "line",
    [
        "!?",
        "x @ git+ext::sh -c touch% /tmp/x",
        "git+ext::sh%20-c%20true",
        "git+https://-oProxyCommand=x/y",
        "git+ssh://-oProxyCommand=touch/x",
        "git+https://index.invalid/x@--upload-pack=touch",
        "git+https://index.invalid/x@a..b",
        "git+https://index.invalid/x@a b",
        "git+https://index.invalid/x#subdirectory=../../etc",
        "git+https://index.invalid/x#subdirectory=/etc",
        "git+https://index.invalid/x#subdirectory=a&subdirectory=b",
        "git+ssh://git@index.invalid:org/x",
        "https://index.invalid/x.whl#sha256=abc",
        "ftp://index.invalid/x.whl",
        "file://elsewhere/x.whl",
    ],
)
def test_what_could_be_an_option_or_leads_elsewhere_is_refused(line: str) -> None:
    with pytest.raises(BlastError):
        parse_asked(line, "/nowhere")


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse_asked("git+https://me:geheim@index.invalid/x@-v")
    assert "geheim" not in f"{caught.value.message}{caught.value.reason}{caught.value.hint}"
