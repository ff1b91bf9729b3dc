"""The five cases of docs/explanations.md with the real index: what stands there is what the command says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explanations.md").read_text(encoding="utf-8")

# What releases to come can't change; the docs' whole outputs are of the day that they name.
CASES = {
    1: (
        "error: nothing fits both boto3==1.26.0 and types-requests==2.31.0.8",
        "(line 1) asks for boto3==1.26.0, which needs botocore>=1.29.0,<1.30.0, which needs urllib3>=1.25.4,<1.27.",
        "But requirements.in (line 2) asks for types-requests==2.31.0.8, which needs urllib3>=2.",
        "So no version of urllib3 is left.",
        "change 'boto3==1.26.0' to 'boto3==",
        "change 'types-requests==2.31.0.8' to 'types-requests==2.31.0.6' (requirements.in, line 2)",
    ),
    2: (
        "error: nothing fits both flask>=3 and werkzeug<2.3",
        "Your project (pyproject.toml, line 6) asks for flask>=3, which needs werkzeug>=3.0.0.",
        "But group test (pyproject.toml, line 14) asks for werkzeug<2.3.",
        "change 'werkzeug<2.3' to 'werkzeug>=2.3' (group test, pyproject.toml, line 14): then werkzeug ",
        "change 'flask>=3' to 'flask>=2.2.5' (pyproject.toml, line 6): then flask 2.2.5 and werkzeug 2.2.3 fit",
    ),
    3: (
        "error: nothing fits both numpy>=1.20,<1.21 and pandas>=2",
        "asks for pandas>=2, which needs numpy>=1.21.0 (yanked versions aside).",
        "change 'numpy>=1.20,<1.21' to 'numpy>=1.20' (requirements.in, line 1): then numpy ",
    ),
    4: (
        "error: nothing fits tensorflow==2.11.0: tensorflow 2.11.0 has no wheel for Python 3.",
        "(its wheels are for Python 3.7 to 3.10).",
        "change 'tensorflow==2.11.0' to 'tensorflow==",
    ),
    5: (
        "error: nothing fits numpy>=2.3 for Python 3.9 on every platform: numpy>=2.3.0 needs Python >=3.1",
        "(the lock is for 3.9 too).",
        "leave out the other Pythons by requires-python = '>=3.11'",
    ),
}


def section(number: int) -> str:
    found = re.search(rf"^### {number}\. .*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


@pytest.mark.parametrize("number", CASES)
def test_the_page_shows_what_is_tested(number: int) -> None:
    for sentence in CASES[number]:
        assert sentence in section(number)


@pytest.mark.parametrize("number", CASES)
def test_the_command_says_what_the_page_shows(number: int, tmp_path: Path) -> None:
    kind, text = re.findall(r"```(\w+)\n(.*?)```", section(number), re.DOTALL)[0]
    pip = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    blast = Blast(tmp_path, tmp_path / "home", pip)
    if kind == "toml":
        (tmp_path / "pyproject.toml").write_text(text)
        done = blast.run("lock")
    else:
        (tmp_path / "requirements.in").write_text(text)
        done = blast.run("pip", "compile", "requirements.in")
    assert done.returncode != 0
    for sentence in CASES[number]:
        assert sentence in done.stderr
