"""The configuration of pip is merged as pip merges it."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_compat import pip_config
from blast_compat.pip_config import configuration_files, read_pip_configuration
from blast_core.errors import UsageError
from blast_core.pip_configuration import PipConfiguration

if TYPE_CHECKING:
    from pathlib import Path


def _environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg"), **more}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _read(tmp_path: Path, **more: str) -> PipConfiguration:
    return read_pip_configuration(_environ(tmp_path, **more), prefix=str(tmp_path / "venv"), platform="linux")


def test_user_file_overrides_global_and_venv_overrides_user(tmp_path: Path) -> None:
    one = "[global]\nindex-url = https://one.invalid/\nclient-cert = /a.pem\ntimeout = 5\n"
    _write(tmp_path / "xdg/pip/pip.conf", one)
    _write(tmp_path / "home/.config/pip/pip.conf", "[global]\nindex-url = https://two.invalid/\nproxy = http://p:1\n")
    _write(tmp_path / "venv/pip.conf", "[global]\nindex-url = https://three.invalid/\n")
    found = _read(tmp_path)
    assert found.index_url == "https://three.invalid/"
    assert (found.client_cert, found.proxy, found.timeout_s) == ("/a.pem", "http://p:1", 5.0)


def test_install_section_beats_global_section_of_a_stronger_file(tmp_path: Path) -> None:
    _write(tmp_path / "xdg/pip/pip.conf", "[install]\nindex-url = https://install.invalid/\n")
    _write(tmp_path / "home/.pip/pip.conf", "[global]\nindex_url = https://global.invalid/\n")
    assert _read(tmp_path).index_url == "https://install.invalid/"


def test_variables_override_files_and_lists_split_at_white_space(tmp_path: Path) -> None:
    _write(
        tmp_path / "home/.config/pip/pip.conf",
        "[global]\nextra-index-url =\n    https://a.invalid/\n    https://b.invalid/\nfind-links = /x /y\n",
    )
    found = _read(tmp_path, PIP_FIND_LINKS="/z", PIP_TRUSTED_HOST="h:1 i", PIP_NO_INDEX="1", PIP_DEFAULT_TIMEOUT="180")
    assert found.extra_index_urls == ("https://a.invalid/", "https://b.invalid/")
    assert found.find_links == ("/z",)
    assert found.trusted_hosts == ("h:1", "i")
    assert found.no_index
    assert found.timeout_s == 180.0


def test_config_file_variable_names_the_strongest_file_or_none(tmp_path: Path) -> None:
    _write(tmp_path / "home/.config/pip/pip.conf", "[global]\nindex-url = https://user.invalid/\n")
    _write(tmp_path / "own.conf", "[global]\nindex-url = https://own.invalid/\n")
    assert _read(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "own.conf")).index_url == "https://own.invalid/"
    assert _read(tmp_path, PIP_CONFIG_FILE=os.devnull) == PipConfiguration()


def test_broken_file_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "venv/pip.conf", "index-url = https://no-section.invalid/\n")
    with pytest.raises(UsageError, match=r"venv/pip\.conf"):
        _read(tmp_path)


def test_timeout_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="timeout"):
        _read(tmp_path, PIP_TIMEOUT="soon")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_platform_has_files_below_home_and_prefix(platform: str, tmp_path: Path) -> None:
    files = configuration_files({"HOME": "/h", "USERPROFILE": "/h"}, prefix=str(tmp_path), platform=platform)
    assert files[-1].startswith(str(tmp_path))
    assert any(path.startswith("/h") for path in files)


def test_repr_shows_no_address() -> None:
    shown = repr(PipConfiguration(index_url="https://me:secret@index.invalid/", extra_index_urls=("https://x:y@z/",)))
    assert "secret" not in shown
    assert "x:y" not in shown


def test_agrees_with_pip_about_this_machine(tmp_path: Path) -> None:
    """The oracle is pip itself: same files, same environment, same answer."""
    text = "[global]\nindex-url = https://u.invalid/\n[install]\nproxy = http://p:2\n"
    _write(tmp_path / "home/.config/pip/pip.conf", text)
    environ = {**os.environ, **_environ(tmp_path), "PIP_FIND_LINKS": "/z", "PIP_TIMEOUT": "7"}
    command = [sys.executable, "-m", "pip", "config", "list"]
    shown = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    found = read_pip_configuration(environ)
    assert "global.index-url='https://u.invalid/'" in shown
    assert (found.index_url, found.proxy, found.find_links, found.timeout_s) == (
        "https://u.invalid/",
        "http://p:2",
        ("/z",),
        7.0,
    )


@pytest.mark.parametrize(
    "text",
    [
        "[global]\nindex-url = https://a/\n",
        "[global]\nIndex_URL:https://a/?x=1:2 # no comment\n; a comment\n[install]\n\nproxy=p\n",
        "[global]\nfind-links =\n\n    /a\n  # between\n\t/b = c\nproxy = x\n[other]\nindex-url = no\n",
        "# first\n[global]\nextra-index-url = a\n    b\ntrusted-host =\n",
    ],
)
def test_files_are_parsed_as_configparser_does(text: str) -> None:
    oracle = configparser.RawConfigParser()
    oracle.read_string(text)
    for section, options in pip_config._parse(text, "pip.conf").items():
        expected = {key.replace("_", "-"): value.split() for key, value in oracle.items(section)}
        assert {key: value.split() for key, value in options.items()} == expected


@pytest.mark.parametrize("text", ["[global]\nnonsense\n", "[global]\n= value\n", "a = b\n", "[broken\n"])
def test_files_that_configparser_refuses_are_refused(text: str) -> None:
    with pytest.raises(configparser.Error):
        configparser.RawConfigParser().read_string(text)
    with pytest.raises(UsageError, match="line"):
        pip_config._parse(text, "pip.conf")
