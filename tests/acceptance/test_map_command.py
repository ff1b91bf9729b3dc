"""``blast map show``: where imports lie for programs that run without an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def view(project: Blast) -> Path:
    """The view of a project."""
    project("add", "alpha", "space-one", "space-two", "--no-sync")
    project("run", "--no-env", "python", "-c", "import alpha, space.one, space.two")
    [found] = (project.home / "views").iterdir()
    return found


def test_shows_distributions_and_where_names_lie(project: Blast, view: Path) -> None:
    document = project.json("map", "show", str(view))
    assert [row["name"] for row in document["distributions"]] == ["alpha", "beta", "space-one", "space-two"]
    trees = {row["name"]: row["directory"] for row in document["distributions"]}
    assert document["names"]["alpha"] == [
        {"kind": "package", "path": f"{trees['alpha']}/alpha/__init__.py", "distribution": "alpha"}
    ]
    assert [place["path"] for place in document["names"]["space"]] == [
        f"{trees['space-one']}/space",
        f"{trees['space-two']}/space",
    ]
    assert document["roots"] == [f"{project.home}/t/"]
    text = project("map", "show", str(view / "map")).stdout
    assert f"alpha 2.0  {trees['alpha']}\n" in text
    assert f"{trees['space-two']}/space  (space-two 1.0)\n" in text


def test_shows_single_names(project: Blast, view: Path) -> None:
    document = project.json("map", "show", str(view), "space")
    assert list(document["names"]) == ["space"]
    assert project("map", "show", str(view), "space").stdout.count("\n") == 2
    done = project.run("map", "show", str(view), "missing")
    assert done.returncode == 2
    assert "knows no missing" in done.stderr


def test_says_what_is_wrong_with_a_damaged_one(project: Blast, view: Path) -> None:
    content = bytearray((view / "map").read_bytes())
    content[80] ^= 1
    (project.directory / "damaged").write_bytes(content)
    done = project.run("map", "show", "damaged")
    assert "its checksum is wrong" in done.stderr
    assert "Traceback" not in done.stderr
    (project.directory / "damaged").write_bytes(content[:99])
    assert "it is cut off" in project.run("map", "show", "damaged").stderr
    done = project.run("map", "show", "pyproject.toml")
    assert "it is no module map" in done.stderr
    assert project.run("map", "show", "nowhere").returncode == 2
