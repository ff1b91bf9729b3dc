"""Which file's metadata stands for a version that no target has a wheel of."""

from __future__ import annotations

import pytest

from blast_pm.index.model import IndexFile
from blast_pm.metadata.records import representative


def make_file(filename: str) -> IndexFile:
    return IndexFile(filename, f"https://index.invalid/{filename}", "0" * 64, 0, "", None, "", None, "test")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        pytest.param(["a-1.tar.gz", "a-1-cp38-cp38-x.whl"], "a-1-cp38-cp38-x.whl", id="a wheel tells without a build"),
        pytest.param(
            ["a-1-cp27-cp27m-x.whl", "a-1-cp38-cp38-x.whl"], "a-1-cp38-cp38-x.whl", id="Python 2 needs others"
        ),
        pytest.param(["a-1-cp39-cp39-x.whl", "a-1-cp310-cp310-x.whl"], "a-1-cp310-cp310-x.whl", id="ten after nine"),
        pytest.param(["a-1-cp39-cp39-y.whl", "a-1-cp39-cp39-x.whl"], "a-1-cp39-cp39-x.whl", id="first by name"),
        pytest.param(["a-1-py2-none-any.whl", "a-1-py3-none-any.whl"], "a-1-py3-none-any.whl", id="majors"),
        pytest.param(
            ["a-1-py2.py3-none-any.whl", "a-1-py2-none-any.whl"], "a-1-py2.py3-none-any.whl", id="two at once"
        ),
        pytest.param(["a-1.zip", "a-1.tar.gz"], "a-1.tar.gz", id="no wheel"),
    ],
)
def test_stands_for_the_version(names: list[str], chosen: str) -> None:
    files = [make_file(name) for name in names]
    for order in (files, files[::-1]):
        found = representative(order)
        assert found is not None
        assert found.filename == chosen
