"""What can't be required yet is refused in plain words, before an index is asked for a name that was not meant."""

from __future__ import annotations

import pytest

from blast_core.errors import InvalidRequirement, UsageError
from blast_project.unsupported import parse_asked


@pytest.mark.parametrize(
    "line",
    [
        "./x-1-py3-none-any.whl",
        "../project",
        "/srv/x.tar.gz",
        "~/x",
        "x-1.0.zip",
        "-e .",
        "git+https://index.invalid/x",
        "https://index.invalid/x.whl",
        "x @ https://index.invalid/x.whl",
        "x[extra] @ file:///srv/x",
    ],
)
def test_paths_and_addresses_are_refused(line: str) -> None:
    with pytest.raises(UsageError, match="can't be required yet"):
        parse_asked(line)


@pytest.mark.parametrize("line", ["flask", "Flask >= 3", "httpx[http2]>=0.27; python_version > '3.9'", "zipp"])
def test_names_are_parsed(line: str) -> None:
    assert parse_asked(line).name in {"flask", "httpx", "zipp"}


def test_what_is_neither_is_no_requirement() -> None:
    with pytest.raises(InvalidRequirement):
        parse_asked("!?")
