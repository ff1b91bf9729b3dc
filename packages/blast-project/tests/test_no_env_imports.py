"""Programs that import through a module map: what they see, in which order, and that the store stays as it is."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_pm.install.testing import WheelStore
from blast_project.no_env.testing_maps import interpreters, make_site, run_in_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.store.cache import StoredDistribution


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WheelStore]:
    with WheelStore(tmp_path_factory.mktemp("imports")) as made:
        yield made


@pytest.fixture(scope="module")
def rows(store: WheelStore) -> list[StoredDistribution]:
    points = "[console_scripts]\nsay = first:main\n[first.plugins]\nown = first.plugins.own:NAME\n"
    return [
        store.make(
            "First_Dist",
            {
                "first/__init__.py": "from first import deep\ndef main(): print('main of first')\n",
                "first/__main__.py": "import sys; print('as a program', sys.argv[1:], __spec__.name)\n",
                "first/deep/__init__.py": "",
                "first/deep/fault.py": "def fail():\n    raise ValueError('from the store')\n",
                "first/plugins/__init__.py": "",
                "first/plugins/own.py": "NAME = 'own'\n",
                "first/data/text.txt": "data of first",
                "space/first.py": "HERE = 1\n",
                "alone.py": "import sys\nVALUE = 'alone'\nif __name__ == '__main__': print('alone', sys.argv[1:])\n",
                "json.py": "raise AssertionError('the standard library comes first')\n",
                "shadowed.py": "WHERE = 'site-packages'\n",
            },
            entry_points=points,
        ),
        store.make(
            "second.dist",
            {
                "first/plugins/more.py": "NAME = 'more'\n",
                "first/plugins/more.txt": "data of second",
                "space/second/__init__.py": "",
                "space/second/data.bin": b"\0\1",
                "second-start.pth": "import second_start; second_start.RAN.append(sitedir)\nsecond_paths\n",
                "second_start.py": "RAN = []\n",
                "second_paths/by_path.py": "X = 1\n",
            },
            version="2.5",
            entry_points="[first.plugins]\nmore = first.plugins.more:NAME\n",
        ),
    ]


@pytest.fixture(scope="module")
def site(rows: list[StoredDistribution], tmp_path_factory: pytest.TempPathFactory) -> str:
    url = b'{"url": "https://index.invalid/second.whl", "archive_info": {}}'
    return make_site(tmp_path_factory.mktemp("site"), rows, direct_urls={"second-dist": url}, requested={"first-dist"})


EVERYTHING = """
import importlib.metadata as metadata, importlib.util, json, os, pkgutil, sys
import alone, first, first.plugins.more, space.first, space.second, second_start, by_path

assert first.plugins.more.NAME == 'more' and alone.VALUE == 'alone'
for module in (first, first.deep, alone, first.plugins.more, by_path):
    spec = module.__spec__
    assert module.__file__ == spec.origin and os.path.isfile(spec.origin), module
    assert module.__cached__ == importlib.util.cache_from_source(spec.origin) == spec.cached
    assert spec.has_location
assert first.__path__[0] == os.path.dirname(first.__file__) and len(first.__path__) == 2
assert first.__spec__.submodule_search_locations == first.__path__
assert len(first.plugins.__path__) == 2 and first.__package__ == 'first'
assert type(space.__path__).__name__ == '_NamespacePath' and len(space.__path__) == 2
assert space.__spec__.origin in (None, 'namespace') and getattr(space, '__file__', None) is None
# The line of code saw its own directory, and what it imports; the path line was relative to that.
tree = os.path.dirname(second_start.__file__)
assert second_start.RAN == [tree] == [os.path.dirname(os.path.dirname(by_path.__file__))]

# Metadata.
names = [one.metadata['Name'] for one in metadata.distributions()]
assert names.count('First_Dist') == names.count('second.dist') == 1, names
for spelled in ('First_Dist', 'first-dist', 'FIRST.dist', 'first__dist'):
    assert metadata.version(spelled) == '1.0'
assert metadata.version('second_dist') == '2.5'
try:
    metadata.version('third')
except metadata.PackageNotFoundError:
    pass
else:
    raise AssertionError
points = metadata.entry_points()
found = points.select(group='first.plugins') if hasattr(points, 'select') else points['first.plugins']
assert sorted(one.load() for one in found) == ['more', 'own']
one = metadata.distribution('first.dist')
assert one.read_text('INSTALLER') == 'blast' and one.read_text('REQUESTED') == '' and one.read_text('nothing') is None
assert json.loads(metadata.distribution('second-dist').read_text('direct_url.json'))['url'].endswith('second.whl')
assert metadata.distribution('second-dist').read_text('REQUESTED') is None
assert all(file.locate().exists() for file in one.files)
assert [file.read_text() for file in one.files if file.name == 'text.txt'] == ['data of first']
if hasattr(metadata, 'packages_distributions') and sys.version_info >= (3, 11):
    by_package = metadata.packages_distributions()
    assert set(by_package['first']) == {'First_Dist', 'second.dist'} and by_package['alone'] == ['First_Dist']

# Data files.
assert pkgutil.get_data('first', 'data/text.txt') == b'data of first'
assert pkgutil.get_data('first.plugins', 'more.txt') == b'data of second'
from importlib import resources
assert (resources.files('first') / 'data' / 'text.txt').read_text() == 'data of first'
assert (resources.files('space.second') / 'data.bin').read_bytes() == bytes([0, 1])
if sys.version_info >= (3, 10):
    assert (resources.files('space') / 'first.py').read_text() == 'HERE = 1\\n'
    assert (resources.files('first.plugins') / 'more.txt').read_text() == 'data of second'
    assert (resources.files('first.plugins') / 'own.py').read_text()
    with resources.as_file(resources.files('first') / 'data' / 'text.txt') as path:
        assert path.read_text() == 'data of first'

# Walking.
walked = {one.name for one in pkgutil.walk_packages(first.__path__, 'first.')}
below = {'__main__', 'deep', 'deep.fault', 'plugins', 'plugins.own', 'plugins.more'}
assert walked == {'first.' + name for name in below}, walked
assert {'alone', 'first'} <= {one.name for one in pkgutil.iter_modules()}

# What is not there, and what was not there before.
import importlib
for name in ('missing', 'first.missing', 'space.missing', 'first.plugins.missing', 'first.plugins.more.x'):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name, error
    else:
        raise AssertionError(name)
assert importlib.util.find_spec('missing') is None
importlib.invalidate_caches()
importlib.reload(first.plugins.more)
importlib.reload(alone)
assert importlib.util.find_spec('space.second').origin == space.second.__file__

# Tracebacks and sources.
import inspect, traceback
import first.deep.fault
try:
    first.deep.fault.fail()
except ValueError:
    assert "raise ValueError('from the store')" in traceback.format_exc()
assert inspect.getsource(first.deep.fault.fail).startswith('def fail')
import pickle
assert pickle.loads(pickle.dumps(first.main)) is first.main
print('ok')
"""


@pytest.mark.parametrize("python", interpreters())
def test_everything_is_as_if_it_were_installed(site: str, python: str) -> None:
    assert run_in_site(python, site, EVERYTHING) == "ok\n"


def test_the_order_is_that_of_site_packages(site: str, tmp_path: Path) -> None:
    """The script's directory and the library come first, what is appended later comes last; namespaces take in all."""
    before, late = tmp_path / "before", tmp_path / "late"
    (before / "space").mkdir(parents=True)
    (before / "space" / "mine.py").write_text("")
    (before / "shadowed.py").write_text("WHERE = 'beside the script'\n")
    late.mkdir()
    (late / "alone.py").write_text("VALUE = 'late'\n")
    (late / "late_only.py").write_text("")
    code = f"""
import sys
sys.path.insert(0, {str(before)!r})
sys.path.append({str(late)!r})
import alone, json, late_only, shadowed, space, space.first, space.mine, os
assert shadowed.WHERE == 'beside the script'
assert alone.VALUE == 'alone'
assert os.path.dirname(os.path.dirname(json.__file__)) == os.path.dirname(os.__file__)
assert space.__path__[0] == {str(before / "space")!r} and len(space.__path__) == 3
sys.path.remove({str(before)!r})
assert len(space.__path__) == 2
sys.path.remove(SITE)
try:
    import second_paths
except ImportError:
    print('ok')
"""
    assert run_in_site(sys.executable, site, code.replace("SITE", repr(site))) == "ok\n"


@pytest.mark.parametrize("python", interpreters())
def test_modules_run_as_programs(site: str, python: str) -> None:
    code = """
import runpy, sys
for name in ('first', 'first.__main__', 'alone'):
    sys.argv[1:] = ['x']
    runpy.run_module(name, run_name='__main__', alter_sys=True)
try:
    runpy.run_module('space')
except ImportError as error:
    print(error)
"""
    lines = run_in_site(python, site, code).splitlines()
    assert lines[:3] == ["as a program ['x'] first.__main__", "as a program ['x'] first.__main__", "alone ['x']"]
    assert "space" in lines[3]


def test_the_store_is_never_written_and_its_bytecode_is_used(store: WheelStore, tmp_path: Path) -> None:
    """Root can write where modes forbid it, and the tests may run as root."""
    row = store.make("coded", {"coded/__init__.py": "X = 1\n", "coded/sub.py": "Y = 2\n", "coded_single.py": "Z = 3\n"})
    site = make_site(tmp_path, [row])
    code = "import coded.sub, coded_single; print(coded.X, coded.sub.Y, coded_single.Z)"
    before = [path for path, *_ in os.walk(row.tree)]
    assert run_in_site(sys.executable, site, code) == "1 2 3\n"
    assert [path for path, *_ in os.walk(row.tree)] == before
    apart = {"PYTHONPYCACHEPREFIX": str(tmp_path / "apart")}
    run_in_site(sys.executable, site, code, environ=apart)
    assert {path.name.partition(".")[0] for path in (tmp_path / "apart").rglob("*.pyc")} >= {"sub", "coded_single"}
    assert [path for path, *_ in os.walk(row.tree)] == before
    # Bytecode that lies there is believed before the source, as Python checks it: here, not at all.
    for path in ("coded/__init__.py", "coded/sub.py", "coded_single.py"):
        file = Path(row.tree, path)
        other = tmp_path / "other.py"
        other.write_text(file.read_text().replace("= ", "= 4"))
        cache = file.parent / "__pycache__"
        file.parent.chmod(0o755)
        cache.mkdir(exist_ok=True)
        compiled = cache / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(
            str(other), str(compiled), str(file), True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    assert run_in_site(sys.executable, site, code) == "41 42 43\n"


def test_what_is_gone_from_the_store_is_said_so(store: WheelStore, tmp_path: Path) -> None:
    row = store.make("fleeting", {"fleeting/__init__.py": "", "fleeting/sub.py": "", "fleeting/x.txt": "x"})
    site = make_site(tmp_path, [row])
    code = """
import fleeting, os, pkgutil
os.rename(os.path.dirname(fleeting.__path__[0]), os.path.dirname(fleeting.__path__[0]) + '.away')
try:
    pkgutil.get_data('fleeting', 'x.txt')
except FileNotFoundError as error:
    print(os.path.basename(error.filename))
del __import__('sys').modules['fleeting']
try:
    import fleeting
except ImportError as error:
    print(error.name, error)
"""
    lines = run_in_site(sys.executable, site, code).splitlines()
    assert lines[0] == "x.txt"
    assert lines[1].startswith("fleeting fleeting is gone from Blast's store")


@pytest.mark.parametrize("python", interpreters())
def test_another_map_takes_the_place_of_the_first(store: WheelStore, tmp_path: Path, python: str) -> None:
    """What is imported already stays; all else is of the new one."""
    old = store.make("moving", {"moving.py": "V = 1\n", "gone.py": "", "roomy/one.py": "", "later.py": "V = 1\n"})
    new = store.make("moving", {"moving.py": "V = 2\n", "later.py": "V = 2\n", "roomy/two.py": ""}, version="2.0")
    site = make_site(tmp_path / "a", [old])
    make_site(tmp_path / "b", [new])
    code = f"""
import importlib.metadata as metadata, sys
import moving, roomy.one
from blast_runtime.bootstrap import activate, active
for _ in range(2):
    activate({str(tmp_path / "b" / "map")!r}, {site!r})
    assert [one.map.path for one in active()] == [{str(tmp_path / "b" / "map")!r}]
    assert metadata.version('moving') == '2.0'
    assert [one.version for one in metadata.distributions() if one.metadata['Name'] == 'moving'] == ['2.0']
assert len([one for one in sys.path_hooks if type(one).__name__ == 'hook_for']) == 1
import later
try:
    import gone
except ModuleNotFoundError:
    print(moving.V, later.V)
if sys.version_info >= (3, 12):
    import roomy.two
"""
    assert run_in_site(python, site, code) == "1 2\n"


def test_threads_import_at_once(store: WheelStore, tmp_path: Path) -> None:
    files = {f"many{number}/__init__.py": f"from many{number} import part\n" for number in range(60)}
    files |= {f"many{number}/part.py": "import first, space.first\n" for number in range(60)}
    site = make_site(tmp_path, [store.make("many", files), *store_rows(store)])
    code = """
import importlib, sys, threading
faults = []
start = threading.Barrier(8)
def work(number):
    start.wait()
    try:
        for place in range(60):
            importlib.import_module('many%d' % ((place * 7 + number * 11) % 60))
    except BaseException as error:
        faults.append(error)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
sys.setswitchinterval(1e-5)
[one.start() for one in threads]
[one.join() for one in threads]
assert not faults, faults
print(sum(name.startswith('many') for name in sys.modules))
"""
    for python in interpreters():
        assert run_in_site(python, site, code) == "120\n"


def store_rows(store: WheelStore) -> list[StoredDistribution]:
    return [store.make("little", {"first/__init__.py": "", "space/first.py": ""}, version="3")]


def test_zip_files_and_editables_work_beside_it(store: WheelStore, tmp_path: Path) -> None:
    project = tmp_path / "project" / "src"
    (project / "edited").mkdir(parents=True)
    (project / "edited" / "__init__.py").write_text("X = 'edited'\n")
    (project / "found.py").write_text("X = 'found'\n")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("zipped.py", "X = 'zipped'\n")
    finder = f"""
import sys
from importlib.util import spec_from_file_location
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == 'found':
            return spec_from_file_location(name, {str(project / "found.py")!r})
def install():
    sys.meta_path.append(Finder)
"""
    row = store.make(
        "editing",
        {
            "__editable___editing_finder.py": finder,
            "__editable__.editing.pth": "import __editable___editing_finder as own; own.install()\n",
            # Only Blast's own builds may lead outside; here the line leads back into the tree.
            "a_path.pth": "inside\n",
            "inside/by_line.py": "X = 'by line'\n",
        },
    )
    site = make_site(tmp_path / "site", [row])
    code = f"""
import sys
sys.path.append({str(tmp_path / "z.zip")!r})
sys.path.append({str(project)!r})
sys.path.insert(0, b'/bytes')
import by_line, edited, found, zipped
print(by_line.X, edited.X, found.X, zipped.X, type(zipped.__loader__).__name__)
"""
    for python in interpreters():
        assert run_in_site(python, site, code) == "by line edited found zipped zipimporter\n"


def test_an_interpreter_within_an_interpreter_has_a_map_of_its_own(site: str) -> None:
    code = f"""
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
import site
site.addsitedir({site!r})
import first.plugins.more, space.first
assert first.plugins.more.NAME == 'more'
'''
for _ in range(2):
    one = interpreters.create()
    fault = interpreters.run_string(one, code)
    assert fault is None, fault
    interpreters.destroy(one)
import first.plugins.more
print('ok')
"""
    for python in interpreters():
        # Without warnings as errors: a newer Python warns that the module is private.
        command = [python, "-S", "-c", f"import site; site.addsitedir({site!r})" + code]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (run.stdout, run.returncode) == ("ok\n", 0), run.stderr
