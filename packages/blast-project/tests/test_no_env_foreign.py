"""Locks of other tools become distributions in the store: chosen for the interpreter, found, and checked by digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, DigestMismatch, InstallError, InvalidRequirement, UsageError
from blast_pm.testing import Reply, StaticIndex, make_sdist, make_wheel
from blast_project.no_env.foreign import foreign_stored
from blast_project.no_env.foreign_places import OURS, find_lock, required_python, watched_files
from blast_project.no_env.hooking import foreign_view
from blast_project.operations import lock_here
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench
from blast_project.testing_builds import source_tree
from blast_runtime.modmap import ModuleMap

if TYPE_CHECKING:
    from collections.abc import Iterator


_NOTHING = GroupSelection()
_ELSEWHERE = "https://index.invalid/simple"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "1.0", ["beta; python_version >= '3'"])
    make_wheel(directory, "alpha", "1.0", tag="cp27-cp27m-win32")
    make_wheel(directory, "alpha", "2.0")
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "gamma", "1.0")
    make_sdist(directory, "delta", "1.0")
    return directory


@pytest.fixture
def index(wheels: Path) -> Iterator[StaticIndex]:
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def digest(wheels: Path, name: str) -> str:
    return hashlib.sha256((wheels / name).read_bytes()).hexdigest()


def stored(
    bench: Workbench, name: str, selection: GroupSelection = _NOTHING, *, offline: bool = False
) -> dict[str, str]:
    with bench.session(offline=offline) as session:
        found = foreign_stored(session, str(bench.root / name), session.find_interpreter(), selection)
        for row in found.stored:
            assert os.path.isdir(row.tree)
        return {row.name: row.version for row in found.stored}


def write_uv(bench: Workbench, wheels: Path, *, sha256: str = "", base: str = _ELSEWHERE, url: str = "") -> None:
    """Write the lock of a project that needs alpha, which needs beta, and gamma for development."""
    lines = ["version = 1", 'requires-python = ">=3.9"']
    lines += ["[[package]]", 'name = "demo"', 'version = "0"', 'source = { virtual = "." }']
    lines += ['dependencies = [{ name = "alpha" }]', "[package.dev-dependencies]", 'dev = [{ name = "gamma" }]']
    for name, needs in (("alpha", '[{ name = "beta" }]'), ("beta", "[]"), ("gamma", "[]")):
        file = f"{name}-1.0-py3-none-any.whl"
        known = sha256 if sha256 and name == "alpha" else digest(wheels, file)
        lines += ["[[package]]", f'name = "{name}"', 'version = "1.0"', f'source = {{ registry = "{base}" }}']
        lines += [f"dependencies = {needs}"]
        lines += [f'wheels = [{{ url = "{url or _ELSEWHERE}/{file}", hash = "sha256:{known}" }}]']
    (bench.root / "uv.lock").write_text("\n".join(lines))


def test_uv_lock_from_another_index_is_installed_from_ours(bench: Workbench, wheels: Path) -> None:
    write_uv(bench, wheels)
    assert stored(bench, "uv.lock") == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert stored(bench, "uv.lock", GroupSelection(no_dev=True)) == {"alpha": "1.0", "beta": "1.0"}


def test_what_is_stored_asks_no_index(bench: Workbench, wheels: Path, index: StaticIndex) -> None:
    write_uv(bench, wheels)
    stored(bench, "uv.lock")
    index.forget_requests()
    assert stored(bench, "uv.lock", offline=True) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    (bench.root / "uv.lock").write_text((bench.root / "uv.lock").read_text() + "\n# another text, the same files\n")
    assert stored(bench, "uv.lock", offline=True) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert index.paths() == []


def test_addresses_of_a_lock_are_taken_where_it_names_our_index(
    bench: Workbench, wheels: Path, index: StaticIndex
) -> None:
    write_uv(bench, wheels, base=index.url, url=f"{index.origin}/files")
    assert stored(bench, "uv.lock").keys() == {"alpha", "beta", "gamma"}
    files = (f"{name}-1.0-py3-none-any.whl" for name in ("alpha", "beta", "gamma"))
    assert sorted(index.paths()) == [index.file_path(file) for file in files]


def test_other_digest_than_the_index_has_is_refused(bench: Workbench, wheels: Path) -> None:
    write_uv(bench, wheels, sha256="0" * 64)
    with pytest.raises(DigestMismatch, match=r"alpha-1\.0-py3-none-any\.whl is not what was locked"):
        stored(bench, "uv.lock", GroupSelection(no_dev=True))


def test_file_that_is_not_what_was_locked_is_refused(bench: Workbench, wheels: Path, index: StaticIndex) -> None:
    """The prototype never compared a file with the digest that the lock has of it."""
    alpha = "alpha-1.0-py3-none-any.whl"
    write_uv(bench, wheels, base=index.url, url=f"{index.origin}/files")
    index.script(index.file_path(alpha), Reply(body=(wheels / "beta-1.0-py3-none-any.whl").read_bytes()))
    with pytest.raises(DigestMismatch):
        stored(bench, "uv.lock")


def test_pipfile_has_no_names_of_files(bench: Workbench, wheels: Path) -> None:
    hashes = [
        f"sha256:{digest(wheels, name)}" for name in ("alpha-1.0-py3-none-any.whl", "alpha-1.0-cp27-cp27m-win32.whl")
    ]
    lock = {
        "_meta": {"pipfile-spec": 6, "sources": []},
        "default": {"alpha": {"version": "==1.0", "hashes": hashes}},
        "develop": {
            "gamma": {"version": "==1.0", "hashes": [f"sha256:{digest(wheels, 'gamma-1.0-py3-none-any.whl')}"]}
        },
    }
    (bench.root / "Pipfile.lock").write_text(json.dumps(lock))
    assert stored(bench, "Pipfile.lock") == {"alpha": "1.0", "gamma": "1.0"}
    lock["default"] = {"alpha": {"version": "==1.0", "hashes": ["sha256:" + "0" * 64]}}
    (bench.root / "Pipfile.lock").write_text(json.dumps(lock))
    with pytest.raises(BlastError, match=r"alpha 1\.0 can't be had") as caught:
        stored(bench, "Pipfile.lock")
    assert "digests that the lock names" in caught.value.reason


def test_pinned_requirements_are_a_lock(bench: Workbench, wheels: Path) -> None:
    path = bench.root / "requirements.txt"
    path.write_text("alpha==1.0\nbeta==1.0 ; python_version < '3'\ngamma===1.0\n")
    assert stored(bench, "requirements.txt") == {"alpha": "1.0", "gamma": "1.0"}
    path.write_text(f"alpha==1.0 --hash=sha256:{digest(wheels, 'alpha-1.0-py3-none-any.whl')}\n")
    assert stored(bench, "requirements.txt") == {"alpha": "1.0"}
    path.write_text(f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(BlastError, match=r"alpha 1\.0 can't be had"):
        stored(bench, "requirements.txt")


@pytest.mark.parametrize("line", ["alpha", "alpha>=1", "alpha==1.*", "alpha==1.0,!=2"])
def test_unpinned_requirements_are_none(bench: Workbench, line: str) -> None:
    (bench.root / "requirements.txt").write_text(f"beta==1.0\n{line}\n")
    with pytest.raises(InvalidRequirement, match="is not pinned") as caught:
        stored(bench, "requirements.txt")
    assert "line 2" in caught.value.message or ":2" in caught.value.message


def test_project_pinned_twice_is_refused(bench: Workbench) -> None:
    (bench.root / "requirements.txt").write_text("alpha==1.0\nalpha==2.0\n")
    with pytest.raises(InvalidRequirement, match="pins alpha twice"):
        stored(bench, "requirements.txt")


def test_requirements_name_files_beside_them(bench: Workbench, wheels: Path) -> None:
    shutil.copy(wheels / "gamma-1.0-py3-none-any.whl", bench.root)
    (bench.root / "requirements.txt").write_text("./gamma-1.0-py3-none-any.whl\n")
    assert stored(bench, "requirements.txt") == {"gamma": "1.0"}


def test_files_beside_a_standard_lock(bench: Workbench, wheels: Path) -> None:
    (bench.root / "files").mkdir()
    file = "gamma-1.0-py3-none-any.whl"
    shutil.copy(wheels / file, bench.root / "files")
    lock = 'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "gamma"\nversion = "1.0"\n'
    lock += f'wheels = [{{ path = "files/{file}", hashes = {{ sha256 = "%s" }} }}]\n'
    (bench.root / "pylock.toml").write_text(lock % digest(wheels, file))
    assert stored(bench, "pylock.toml") == {"gamma": "1.0"}


def test_lock_without_a_file_for_us_says_which_it_has(bench: Workbench) -> None:
    lock = 'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "gamma"\nversion = "1.0"\n'
    lock += (
        f'wheels = [{{ url = "{_ELSEWHERE}/gamma-1.0-cp27-cp27m-win32.whl", hashes = {{ sha256 = "{"0" * 64}" }} }}]'
    )
    (bench.root / "pylock.toml").write_text(lock)
    with pytest.raises(InstallError, match=r"gamma 1\.0 has no file for") as caught:
        stored(bench, "pylock.toml")
    assert "gamma-1.0-cp27-cp27m-win32.whl" in caught.value.reason


def test_unknown_group_is_named(bench: Workbench, wheels: Path) -> None:
    write_uv(bench, wheels)
    with pytest.raises(UsageError, match="no dependency group 'docs'"):
        stored(bench, "uv.lock", GroupSelection(groups=("docs",)))


def test_nearest_lock_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "a" / "uv.lock").write_text("")
    found = find_lock(str(inner))
    assert found is not None
    assert (found.kind, found.root) == ("uv.lock", str(tmp_path / "a"))
    paths = watched_files(str(inner), found)
    assert {os.path.dirname(path) for path in paths} == {str(inner), str(tmp_path / "a")}
    (tmp_path / "a" / "blast.lock").write_text("")
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\n")
    found = find_lock(str(inner))
    assert found is not None
    assert found.kind == OURS


@pytest.mark.parametrize(
    ("name", "content", "requires"),
    [
        ("uv.lock", 'version = 1\nrequires-python = ">=3.11"\n', ">=3.11"),
        ("poetry.lock", '[metadata]\nlock-version = "2.1"\npython-versions = "^3.10"\n', ">=3.10,<4.0"),
        ("poetry.lock", '[metadata]\nlock-version = "2.1"\npython-versions = "~3.9 || ^3.11"\n', ""),
        ("Pipfile.lock", '{"_meta": {"pipfile-spec": 6, "requires": {"python_version": "3.12"}}}', "==3.12.*"),
        ("pylock.toml", 'lock-version = "1.0"\nrequires-python = ">=3.9"\n', ">=3.9"),
        ("pylock.toml", "rubbish", ""),
        ("requirements.txt", "alpha==1.0\n", ""),
    ],
)
def test_lock_tells_for_which_pythons_it_is(tmp_path: Path, name: str, content: str, requires: str) -> None:
    (tmp_path / name).write_text(content)
    place = find_lock(str(tmp_path))
    assert place is not None
    assert required_python(place) == requires
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.8"\n')
    place = find_lock(str(tmp_path))
    assert place is not None
    assert required_python(place) == (">=3.8" if place.kind not in (OURS, "requirements.txt") else "")


def test_manifest_without_a_project_is_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_lock(str(tmp_path)) is None
    (tmp_path / "requirements.txt").write_text("")
    found = find_lock(str(tmp_path))
    assert found is not None
    assert found.kind == "requirements.txt"


def test_member_belongs_to_the_lock_of_its_workspace(tmp_path: Path) -> None:
    member = tmp_path / "packages" / "one"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text('[project]\nname = "one"\n')
    (tmp_path / "uv.lock").write_text('source = { editable = "packages/one" }')
    found = find_lock(str(member))
    assert found is not None
    assert found.kind == "uv.lock"
    (tmp_path / "uv.lock").write_text('source = { editable = "packages/two" }')
    found = find_lock(str(member))
    assert found is not None
    assert found.kind == OURS


@pytest.mark.skipif(not shutil.which("uv"), reason="NO UV: it makes the lock of this test")
def test_lock_that_uv_just_made(bench: Workbench, index: StaticIndex) -> None:
    bench.write_manifest(
        'requires-python = ">=3.9"', 'dependencies = ["alpha==1.0"]', 'optional-dependencies.more = ["gamma"]'
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    command = [
        "uv",
        "lock",
        "--quiet",
        "--default-index",
        index.url,
        "--python",
        os.path.realpath(shutil.which("python3") or ""),
    ]
    subprocess.run(command, cwd=bench.root, env=environ, check=True)
    assert stored(bench, "uv.lock") == {"alpha": "1.0", "beta": "1.0"}
    assert stored(bench, "uv.lock", GroupSelection(all_extras=True)) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def write_tree(place: Path, log: Path, name: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for path, content in source_tree(log, name, requires=()).items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content)
    return place


def test_trees_repositories_and_archives_of_a_lock(
    bench: Workbench, wheels: Path, index: StaticIndex, tmp_path: Path
) -> None:
    """The project itself is editable, what else is named is built: a commit, a directory, an archive by its address."""
    log = tmp_path / "log"
    write_tree(bench.root, log, "demo")
    write_tree(tmp_path / "beside", log, "beside")
    repository = write_tree(tmp_path / "repository" / "sub", log, "inrepo").parent
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@index.invalid"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], cwd=repository, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=repository, text=True).strip()
    file = "gamma-1.0-py3-none-any.whl"
    sources = {
        "inrepo": f'{{ git = "file://{repository}?subdirectory=sub&rev=main#{commit}" }}',
        "beside": '{ directory = "../beside" }',
        "gamma": f'{{ url = "{index.file_url(file)}" }}',
    }
    needs = ", ".join(f'{{ name = "{name}" }}' for name in sources)
    text = 'version = 1\nrequires-python = ">=3.9"\n[[package]]\nname = "demo"\nversion = "1.0"\n'
    text += f'source = {{ editable = "." }}\ndependencies = [{needs}]\n'
    for name, source in sources.items():
        text += f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {source}\n'
    text += f'wheels = [{{ url = "{index.file_url(file)}", hash = "sha256:{digest(wheels, file)}" }}]\n'
    (bench.root / "uv.lock").write_text(text)
    everything = {"demo": "1.0", "inrepo": "1.0", "beside": "1.0", "gamma": "1.0"}
    assert stored(bench, "uv.lock") == everything
    assert stored(bench, "uv.lock", offline=True) == everything
    assert sorted(log.read_text().split()) == ["beside", "demo", "inrepo"]
    with bench.session() as session:
        found = foreign_stored(session, str(bench.root / "uv.lock"), session.find_interpreter(), _NOTHING)
    assert found.changes_unseen
    assert json.loads(found.direct_urls["inrepo"])["vcs_info"]["commit_id"] == commit


def test_lock_that_came_without_its_project(bench: Workbench, wheels: Path) -> None:
    write_uv(bench, wheels)
    path = bench.root / "uv.lock"
    path.write_text(path.read_text().replace('{ virtual = "." }', '{ editable = "." }'))
    assert stored(bench, "uv.lock", GroupSelection(no_dev=True)) == {"alpha": "1.0", "beta": "1.0"}


def test_requirements_beside_a_lock(bench: Workbench, wheels: Path, tmp_path: Path) -> None:
    """The lock's versions are tried first; the project itself is there, too."""
    write_tree(bench.root, tmp_path / "log", "demo")
    write_uv(bench, wheels)
    path = bench.root / "uv.lock"
    for source, names in (("virtual", {"alpha", "beta", "gamma"}), ("editable", {"alpha", "beta", "gamma", "demo"})):
        path.write_text(path.read_text().replace('{ virtual = "." }', f'{{ {source} = "." }}'))
        with bench.session() as session:
            view = foreign_view(session, GroupSelection(no_dev=True), ("gamma",))
        found = ModuleMap(os.path.join(view, "map")).distributions()
        assert {row.key: row.version for row in found} == dict.fromkeys(names, "1.0")
    path.write_text(path.read_text().replace(f'{{ registry = "{_ELSEWHERE}" }}', '{ directory = "../beside" }', 1))
    with bench.session() as session, pytest.raises(UsageError, match="--with does not go together"):
        foreign_view(session, _NOTHING, ("gamma",))


def test_text_of_blasts_own_lock_is_a_standard_lock(bench: Workbench) -> None:
    project = bench.write_manifest('requires-python = ">=3.9"', 'dependencies = ["alpha==1.0"]')
    with bench.session() as session:
        lock_here(session, project)
    for name in ("pyproject.toml", "blast.lock"):
        (bench.root / name).unlink()
    assert stored(bench, "pylock.toml") == {"alpha": "1.0", "beta": "1.0"}


def test_archive_of_a_lock_has_the_digest_that_it_names(bench: Workbench, index: StaticIndex) -> None:
    url = index.file_url("gamma-1.0-py3-none-any.whl")
    text = 'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "gamma"\nversion = "1.0"\n'
    (bench.root / "pylock.toml").write_text(
        f'{text}archive = {{ url = "{url}", hashes = {{ sha256 = "{"0" * 64}" }} }}\n'
    )
    with pytest.raises(DigestMismatch):
        stored(bench, "pylock.toml")


def test_source_distributions_of_a_lock_are_built_once(bench: Workbench, tmp_path: Path) -> None:
    log = tmp_path / "log"
    place = tmp_path / "files"
    place.mkdir()
    files = {path: text.encode() for path, text in source_tree(log, "delta", requires=()).items()}
    path = make_sdist(place, "delta", "1.0", files=files)
    with StaticIndex(place) as index:
        bench = Workbench(bench.root, bench.home, index.url)
        sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        (bench.root / "requirements.txt").write_text(f"delta==1.0 --hash=sha256:{sha256}\n")
        assert stored(bench, "requirements.txt") == {"delta": "1.0"}
        index.forget_requests()
        assert stored(bench, "requirements.txt", offline=True) == {"delta": "1.0"}
        assert index.paths() == []
    assert log.read_text().split() == ["delta"]
