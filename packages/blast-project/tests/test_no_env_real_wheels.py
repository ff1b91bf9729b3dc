"""Real wheels through a map: the same modules and metadata are seen as in an environment, and they work.

The oldest and the newest interpreter are tried; ``BLAST_TESTS_INTERPRETERS=all`` tries all that there are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_pm.install.testing import WheelStore
from blast_project.no_env.testing_maps import interpreters, make_ordinary_site, make_site, run_in_site, seen_in_site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.network, pytest.mark.slow]

# Native code of all kinds, single files, namespaces of all three kinds, path files, back ports, two that read metadata.
PROJECTS = (
    "attrs",
    "autocommand",
    "backports.tarfile",
    "certifi",
    "cffi",
    "cryptography",
    "exceptiongroup",
    "googleapis-common-protos",
    "importlib-metadata<8",
    "importlib-resources",
    "iniconfig",
    "jaraco.context",
    "jaraco.functools",
    "jaraco.text",
    "markupsafe",
    "more-itertools",
    "numpy",
    "packaging",
    "pip",
    "pluggy",
    "protobuf",
    "pycparser",
    "pygments",
    "pytest",
    "pyyaml",
    "ruamel.yaml<0.18",
    "ruamel.yaml.clib",
    "setuptools<81",
    "six",
    "sphinxcontrib-applehelp",
    "sphinxcontrib-jsmath",
    "tomli",
    "typing-extensions",
    "wheel",
    "zipp",
    "zope.event<6",
    "zope.interface<8",
)

PROGRAM = """
import attr, attrs, certifi, google.api.http_pb2, google.protobuf.message, jaraco.functools, markupsafe, numpy, os, six
import backports.tarfile, cryptography.hazmat.bindings._rust, jaraco.text, ruamel.yaml, sphinxcontrib, sys
import typing_extensions, yaml, zope.event, zope.interface, _cffi_backend, cffi

assert numpy.linalg.inv(numpy.eye(3)).sum() == 3 and numpy.__config__ is not None
assert yaml.safe_load('[1, 2]') == [1, 2] and yaml.__with_libyaml__
assert ruamel.yaml.YAML(typ='safe').load('a: 1') == {'a': 1}
assert os.path.isfile(certifi.where())
assert cffi.FFI().new('int *', 5)[0] == 5
from cryptography.hazmat.primitives import hashes
assert hashes.Hash(hashes.SHA256()) is not None
assert type(markupsafe.escape('<')).__name__ == 'Markup' and six.moves.urllib.parse.quote('a b') == 'a%20b'
assert len([path for path in zope.__path__ if os.path.isdir(path)]) == 2, zope.__path__
assert len(sphinxcontrib.__path__) == 2
assert jaraco.text.lorem_ipsum.startswith('Lorem')

import importlib.metadata, importlib_metadata
names = {one.metadata['Name'].lower() for one in importlib.metadata.distributions()}
back_port = [one.metadata['Name'].lower() for one in importlib_metadata.distributions()]
assert names == {*back_port}
assert sorted(name for name in names if back_port.count(name) > 1) == []
assert importlib_metadata.version('zope_event') and importlib_metadata.entry_points(group='distutils.commands')
print(len(names))
"""

# It walks the distributions itself, and imports before it is told of them.
WORKING_SET = """
import warnings
warnings.simplefilter('ignore')
import __main__
__main__.__requires__ = ['six>=1']
import pkg_resources, sys
import importlib.metadata
plain = lambda name: name.lower().replace('.', '-').replace('_', '-')
theirs = {plain(one.metadata['Name']) for one in importlib.metadata.distributions()}
assert {plain(one.key) for one in pkg_resources.working_set} == theirs
assert pkg_resources.get_distribution('zope.event').version and pkg_resources.require('jaraco.text')
assert list(pkg_resources.iter_entry_points('distutils.commands'))
assert 'Lorem' in pkg_resources.resource_string('jaraco.text', 'Lorem ipsum.txt').decode()
assert len(sys.path) == len({*sys.path})
try:
    pkg_resources.require('no-such-thing')
except pkg_resources.DistributionNotFound:
    print('ok')
"""


# A plug-in, whose assertions pytest rewrites if it finds it.
SEVEN = """
import pytest

@pytest.fixture
def seven():
    def check(number):
        assert number == 7
    return check
"""


@pytest.fixture(scope="module", params=interpreters())
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """An interpreter, a site directory with a map, and an ordinary one of the same distributions."""
    python = str(request.param)
    ends = interpreters()[0], interpreters()[-1]
    if python not in ends and os.environ.get("BLAST_TESTS_INTERPRETERS") != "all":
        pytest.skip("LONG: BLAST_TESTS_INTERPRETERS is not 'all'")
    directory = tmp_path_factory.mktemp("real")
    words = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([python, "-c", words], capture_output=True, text=True, check=True).stdout.strip()
    tags = [f"--platform=manylinux{tag}_x86_64" for tag in ("2014", "_2_17", "_2_28")]
    fetch = ["download", "-q", "--no-deps", "--only-binary=:all:", f"--python-version={version}", *tags, *PROJECTS]
    wheels = directory / "fetched"
    subprocess.run([sys.executable, "-m", "pip", *fetch, "-d", str(wheels)], check=True, capture_output=True)
    with WheelStore(directory) as store:
        rows = [store.add(str(path)) for path in sorted(wheels.iterdir())]
        assert len(rows) == len(PROJECTS)
        plugin = {"seven_plugin/__init__.py": SEVEN}
        rows.append(store.make("seven-plugin", plugin, entry_points="[pytest11]\nseven = seven_plugin\n"))
        mapped = make_site(directory / "map", rows)
        yield python, mapped, make_ordinary_site(directory / "env", rows, "hardlink")


def test_the_same_is_seen_as_in_an_environment(site: tuple[str, str, str]) -> None:
    python, mapped, ordinary = site
    seen, wanted = seen_in_site(python, mapped), seen_in_site(python, ordinary)
    assert len(wanted["modules"]) > 2000
    assert [name for name in wanted["modules"] if seen["modules"].get(name) != wanted["modules"][name]] == []
    assert seen["tops"] == wanted["tops"]
    for mine, theirs in zip(seen["distributions"], wanted["distributions"], strict=True):
        assert mine == theirs
    assert seen == wanted


def test_they_work(site: tuple[str, str, str]) -> None:
    python, mapped, _ = site
    before = {path for path, *_ in os.walk(Path(mapped).parents[1] / "home" / "t")}
    assert run_in_site(python, mapped, PROGRAM) == f"{len(PROJECTS) + 1}\n"
    assert run_in_site(python, mapped, WORKING_SET) == "ok\n"
    assert {path for path, *_ in os.walk(Path(mapped).parents[1] / "home" / "t")} == before


def test_pip_and_pytest_work(site: tuple[str, str, str], tmp_path: Path) -> None:
    """Both look for distributions in ways of their own; pytest rewrites assertions of plug-ins that it finds so."""
    python, mapped, _ = site
    code = """
import runpy, sys, warnings
warnings.resetwarnings()
sys.argv[:] = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
except SystemExit as end:
    print('ended with', int(end.code or 0))
"""
    listed = run_in_site(python, mapped, code, "pip", "--disable-pip-version-check", "list", "--format=freeze")
    assert len([line for line in listed.splitlines() if "==" in line]) >= len(PROJECTS)
    (tmp_path / "test_a.py").write_text("def test_a():\n    import numpy\n    assert numpy.ones(2).sum() == 2\n")
    asked = ("pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    tested = run_in_site(python, mapped, code, *asked)
    assert tested.endswith("ended with 0\n")
    (tmp_path / "test_a.py").write_text("def test_b(seven):\n    seven(8)\n")
    tested = run_in_site(python, mapped, code, *asked)
    assert "assert 8 == 7" in tested
    assert tested.endswith("ended with 1\n")
