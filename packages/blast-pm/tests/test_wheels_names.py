"""Names of wheels and source distributions, against packaging as the oracle."""

from __future__ import annotations

import pytest
from packaging.tags import parse_tag
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from blast_core.interpreter import Target
from blast_pm.metadata.sdists import sdist_version
from blast_pm.metadata.wheels import TagRanker, best_filename, parse_wheel_name

TAGS = (
    "cp311-cp311-manylinux_2_28_x86_64",
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp311-cp311-manylinux2014_x86_64",
    "cp311-abi3-manylinux_2_17_x86_64",
    "cp39-abi3-manylinux_2_17_x86_64",
    "py3-none-any",
    "py2-none-any",
)


def _target(tags: tuple[str, ...] = TAGS) -> Target:
    return Target("test", "3.11.4", {}, tags)


@pytest.mark.parametrize(
    "filename",
    [
        "flask-3.1.3-py3-none-any.whl",
        "numpy-1.26.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "zope.interface-5.0-1-cp39-abi3-win32.whl",
        "a_b-1.0+local.1-2abc-py2.py3-none-any.whl",
        "Thing-1!2.0rc1.post2.dev3-py3-none-macosx_11_0_arm64.whl",
    ],
)
def test_splits_as_packaging_does(filename: str) -> None:
    name, version, build, tags = parse_wheel_filename(filename)
    found = parse_wheel_name(filename)
    assert found is not None
    assert found.name.lower().replace("_", "-").replace(".", "-") == name
    assert found.version == str(version)
    assert found.build == (build or (0, ""))
    assert set(parse_tag(found.tag)) == set(tags)


@pytest.mark.parametrize(
    "filename",
    [
        "flask-3.1.3.tar.gz",
        "flask.whl",
        "a-1-py3-none.whl",
        "a-1-x1-py3-none-any.whl",
        "a--1-py3-none-any.whl",
        "a-1-2-3-4-5-6.whl",
    ],
)
def test_what_is_no_wheel_is_none(filename: str) -> None:
    assert parse_wheel_name(filename) is None


@pytest.mark.parametrize(
    "tag", ["py2.py3-none-any", "cp39.cp311-abi3-manylinux_2_17_x86_64", "cp312-cp312-win32", "py3-none-x.any"]
)
def test_rank_is_that_of_the_best_single_tag(tag: str) -> None:
    singles = {str(single) for single in parse_tag(tag)}
    expected = min((position for position, known in enumerate(TAGS) if known in singles), default=-1)
    ranker = TagRanker(TAGS)
    assert ranker.rank(tag) == expected
    assert ranker.rank(tag) == expected, "remembered"


def test_best_is_tag_then_build_then_name() -> None:
    plain = "a-1-py3-none-any.whl"
    native = "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    assert best_filename([plain, native], _target()) == native
    builds = ["a-1-2-py3-none-any.whl", "a-1-10-py3-none-any.whl", plain, "a-1-10a-py3-none-any.whl"]
    assert best_filename(builds, _target()) == "a-1-10a-py3-none-any.whl"
    assert best_filename(reversed(builds), _target()) == "a-1-10a-py3-none-any.whl"
    assert best_filename(["a-1-cp312-cp312-win32.whl", "a-1.tar.gz"], _target()) is None


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("Flask-0.1.tar.gz", "flask", "0.1"),
        ("zope.interface-5.0.zip", "zope-interface", "5.0"),
        ("zope_interface-5.0.tar.gz", "zope-interface", "5.0"),
        ("foo-bar-1.0-beta.tar.gz", "foo-bar", "1.0-beta"),
        ("foo-2-1.0.tar.bz2", "foo-2", "1.0"),
        ("python-dateutil-2.8.tgz", "python-dateutil", "2.8"),
    ],
)
def test_version_of_source_distributions_old_and_new(filename: str, project: str, version: str) -> None:
    assert sdist_version(filename, project) == version
    if filename.endswith((".tar.gz", ".zip")) and "beta" not in version:
        assert str(parse_sdist_filename(filename)[1]) == version


@pytest.mark.parametrize(
    ("filename", "project"),
    [("other-1.0.tar.gz", "flask"), ("flask-1.0.exe", "flask"), ("flask.tar.gz", "flask"), ("flask-.tar.gz", "flask")],
)
def test_foreign_files_have_no_version(filename: str, project: str) -> None:
    assert sdist_version(filename, project) is None
