"""Requirements by address, from the manifest to the environment: repositories, archives, directories, editables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import BlastError, BuildFailed, DigestMismatch, OfflineError, UsageError
from blast_pm.sources.testing import Repository
from blast_pm.testing import Reply, StaticIndex, make_metadata, make_sdist, make_wheel
from blast_project.added_sources import GitReference
from blast_project.compile_request import CompileRequest
from blast_project.compiling import compile_requirements
from blast_project.editing import Place, add_requirements, remove_requirements
from blast_project.operations import SyncOptions, lock_here, sync_here
from blast_project.pip_interface import InstallRequest, install
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench
from blast_project.testing_builds import BUILD_SYSTEM, make_backend
from blast_project.testing_builds import source_tree as tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_core.formats.dpl.model import LockedSource
    from blast_project.editing import EditResult


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "index"
    directory.mkdir()
    make_wheel(directory, "leaf", "1.0")
    make_wheel(directory, "lib", "9.9")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory


def sources(bench: Workbench) -> dict[str, LockedSource]:
    from blast_project.lock_files import read_lock

    with bench.session() as session:
        found = read_lock(session, str(bench.root))
        assert found is not None
        return {entry.name: entry.source for entry in found.reader().entries() if entry.source.kind != "registry"}


def sync(bench: Workbench, **settings: Any) -> None:
    with bench.session(**settings) as session:
        sync_here(session, SyncOptions())


def lock(bench: Workbench, *, upgrade: bool = False) -> None:
    with bench.session() as session:
        lock_here(session, bench.project(), upgrade=upgrade)


def direct_url(bench: Workbench, name: str) -> dict[str, object]:
    found = next((bench.root / ".venv").glob(f"lib/*/site-packages/{name}-*.dist-info/direct_url.json"))
    document = json.loads(found.read_text())
    assert isinstance(document, dict)
    return document


def builds(log: Path) -> list[str]:
    return log.read_text().split()


def add(bench: Workbench, *lines: str, **options: object) -> EditResult:
    options.setdefault("selection", GroupSelection())
    with bench.session() as session:
        return add_requirements(session, bench.project(), lines, Place(), **options)  # type: ignore[arg-type]


# Repositories


def test_a_repository_is_locked_at_its_commit_and_built_once(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    bench.write_manifest(
        'dependencies = ["lib>=5"]', more=f'[tool.blast.sources]\nlib = {{ git = "{repository.url}" }}\n'
    )
    sync(bench)
    source = sources(bench)["lib"]
    assert (source.kind, source.location, source.revision) == ("git", repository.url, repository.head())
    assert direct_url(bench, "lib") == {
        "url": repository.url,
        "vcs_info": {"vcs": "git", "commit_id": repository.head()},
    }
    assert list(bench.installed()) == ["leaf-1.0.dist-info", "lib-1.0.dist-info"]
    assert builds(log) == ["lib"]
    shutil.rmtree(bench.root / ".venv")
    shutil.move(repository.path, repository.path + ".gone")
    sync(bench, offline=True)
    assert builds(log) == ["lib"]


def test_a_branch_keeps_its_commit_until_it_is_upgraded(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    source = f'[tool.uv.sources]\nlib = {{ git = "{repository.url}", branch = "main" }}\n'
    bench.write_manifest('dependencies = ["lib"]', more=source)
    first = repository.head()
    lock(bench)
    second = repository.commit(tree(log, version="2.0"))
    bench.write_manifest('dependencies = ["lib", "leaf"]', more=source)
    lock(bench)
    assert sources(bench)["lib"].revision == first
    lock(bench, upgrade=True)
    assert sources(bench)["lib"].revision == second
    # Another reference of the same repository is another question.
    repository.git("tag", "v1", first)
    bench.write_manifest('dependencies = ["lib"]', more=source.replace('branch = "main"', 'tag = "v1"'))
    lock(bench)
    assert sources(bench)["lib"].revision == first


def test_a_subdirectory_and_its_neighbours_by_path(bench: Workbench, tmp_path: Path, log: Path) -> None:
    """What a repository's project takes from its own tree comes from the same commit, a member by its name too."""
    files = {f"libs/lib/{name}": content for name, content in tree(log, requires=("near", "mate")).items()}
    files["libs/lib/pyproject.toml"] += (
        '[tool.uv.sources]\nnear = { path = "../../near" }\nmate = { workspace = true }\n'
    )
    files.update({f"near/{name}": content for name, content in tree(log, "near").items()})
    files.update({f"libs/mate/{name}": content for name, content in tree(log, "mate").items()})
    files["pyproject.toml"] = '[tool.uv.workspace]\nmembers = ["libs/*"]\n'
    repository = Repository.make(tmp_path / "origin", files)
    bench.write_manifest(f'dependencies = ["lib @ git+{repository.url}@main#subdirectory=libs/lib"]')
    sync(bench)
    found = {name: (row.revision, row.subdirectory) for name, row in sources(bench).items() if row.kind == "git"}
    head = repository.head()
    assert found == {"lib": (head, "libs/lib"), "near": (head, "near"), "mate": (head, "libs/mate")}
    assert direct_url(bench, "near")["subdirectory"] == "near"


def test_a_tree_may_not_take_from_outside_of_its_repository(bench: Workbench, tmp_path: Path, log: Path) -> None:
    files = tree(log, requires=("near",), more='[tool.uv.sources]\nnear = { path = "../near" }\n')
    repository = Repository.make(tmp_path / "origin", files)
    bench.write_manifest(f'dependencies = ["lib @ git+{repository.url}"]')
    with pytest.raises(BlastError, match="leads out of it"):
        lock(bench)


def test_a_version_from_tags_is_found(bench: Workbench, tmp_path: Path, log: Path) -> None:
    """A backend that asks git for the version is answered, though the clone is bare."""
    manifest = f'[project]\nname = "lib"\ndynamic = ["version"]\n\n{BUILD_SYSTEM}'
    code = make_backend(log, "lib", "V").replace(
        "NAME, VERSION",
        'import subprocess\nVERSION = subprocess.run(["git", "describe"], capture_output=True, text=True).'
        "stdout.strip()\nNAME, _",
    )
    repository = Repository.make(tmp_path / "origin", {"pyproject.toml": manifest, "backend.py": code})
    repository.annotated_tag("4.2")
    bench.write_manifest(f'dependencies = ["lib @ git+{repository.url}"]')
    sync(bench)
    assert "lib-4.2.dist-info" in list(bench.installed())


def test_what_a_dependency_requires_by_address_is_found(bench: Workbench, tmp_path: Path, log: Path) -> None:
    inner = Repository.make(tmp_path / "inner", tree(log, "inner"))
    outer = Repository.make(tmp_path / "outer", tree(log, requires=(f"inner @ git+{inner.url}",)))
    bench.write_manifest(f'dependencies = ["lib @ git+{outer.url}"]')
    sync(bench)
    assert sources(bench)["inner"].revision == inner.head()
    assert "inner-1.0.dist-info" in list(bench.installed())


def test_another_project_than_required_is_refused(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log, "other"))
    bench.write_manifest(f'dependencies = ["lib @ git+{repository.url}"]')
    with pytest.raises(BlastError, match="'lib' is not what its address holds"):
        lock(bench)


def test_several_sources_are_told_apart_by_markers(bench: Workbench, tmp_path: Path, log: Path) -> None:
    write(tmp_path / "here", tree(log, version="3.0"))
    bench.write_manifest(
        'dependencies = ["lib"]',
        more="[tool.blast.sources]\nlib = [\n"
        f"""  {{ path = "{tmp_path}/here", marker = "sys_platform == 'linux'" }},\n]\n""",
    )
    sync(bench)
    assert "lib-3.0.dist-info" in list(bench.installed())
    with bench.session() as session:
        from blast_project.lock_files import read_lock

        found = read_lock(session, str(bench.root))
        assert found is not None
        reader = found.reader()
        names = [target.name for target in reader.targets]
        kinds = {
            names[bit].partition("-")[0]: entry.source.kind
            for entry in reader.find("lib")
            for bit in range(len(names))
            if entry.target_mask >> bit & 1
        }
    assert kinds == {"linux": "path", "macos": "registry", "windows": "registry"}


# Archives


def test_a_wheel_and_a_source_distribution_by_address(bench: Workbench, index: StaticIndex, log: Path) -> None:
    metadata = make_metadata("built", "1.0", ["leaf"])
    make_sdist(index.directory, "built", "1.0", metadata=metadata, files=encoded(tree(log, "built")))
    index.reload()
    wheel, sdist = index.file_url("lib-9.9-py3-none-any.whl"), index.file_url("built-1.0.tar.gz")
    bench.write_manifest(f'dependencies = ["lib @ {wheel}", "built @ {sdist}"]')
    sync(bench)
    assert {"lib-9.9.dist-info", "built-1.0.dist-info", "leaf-1.0.dist-info"} == set(bench.installed())
    found = sources(bench)
    assert {found[name].kind for name in ("lib", "built")} == {"url"}
    assert direct_url(bench, "built") == {
        "url": sdist,
        "archive_info": {"hash": f"sha256={found['built'].digest}", "hashes": {"sha256": found["built"].digest}},
    }
    assert builds(log) == ["built"]
    shutil.rmtree(bench.root / ".venv")
    index.forget_requests()
    sync(bench, offline=True)
    assert (builds(log), index.paths()) == (["built"], [])


def encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in files.items()}


def test_an_archive_that_changed_since_it_was_locked_is_refused(
    bench: Workbench, index: StaticIndex, tmp_path: Path
) -> None:
    bench.write_manifest(f'dependencies = ["lib @ {index.file_url("lib-9.9-py3-none-any.whl")}"]')
    lock(bench)
    make_wheel(index.directory, "lib", "9.9", files={"lib/other.py": b"changed\n"})
    index.reload()
    elsewhere = Workbench(bench.root, tmp_path / "other-home", bench.index_url)
    before = bench.files()
    with pytest.raises(DigestMismatch):
        sync(elsewhere)
    assert not (bench.root / ".venv").exists()
    assert bench.files() == before


def test_a_hash_in_the_address_is_checked(bench: Workbench, index: StaticIndex) -> None:
    url = index.file_url("lib-9.9-py3-none-any.whl")
    bench.write_manifest(f'dependencies = ["lib @ {url}#sha256={"0" * 63}1"]')
    with pytest.raises(DigestMismatch):
        lock(bench)


def test_credentials_of_an_archive_stay_with_their_host_and_out_of_the_lock(bench: Workbench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    make_wheel(secret, "private", "1.0")
    with StaticIndex(secret, username="me", password="geheim-1") as server:
        url = server.file_url("private-1.0-py3-none-any.whl")
        host = url.partition("://")[2]
        bench.write_manifest(f'dependencies = ["private @ {url}"]')
        with pytest.raises(BlastError, match="refuses access"):
            lock(bench)
        bench.write_manifest(f'dependencies = ["private @ http://me:geheim-1@{host}"]')
        sync(bench)
        assert "private-1.0.dist-info" in list(bench.installed())
    for name in ("blast.lock", "pylock.toml"):
        assert b"geheim" not in (bench.root / name).read_bytes()
    assert "geheim" not in json.dumps(direct_url(bench, "private"))


def test_a_redirect_of_an_archive_takes_no_credentials_along(
    bench: Workbench, tmp_path: Path, index: StaticIndex
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_wheel(other, "moved", "1.0")
    with StaticIndex(other) as target:
        path = "/files/moved-1.0-py3-none-any.whl"
        index.script(path, Reply(302, headers={"Location": target.file_url("moved-1.0-py3-none-any.whl")}))
        host = index.origin.partition("://")[2]
        bench.write_manifest(f'dependencies = ["moved @ http://me:geheim-1@{host}{path}"]')
        lock(bench)
        assert target.requests
        assert not any("authorization" in request.headers for request in target.requests)


def test_an_archive_of_a_tag_needs_no_name(bench: Workbench, tmp_path: Path, log: Path) -> None:
    """What a forge makes of a tag is called v1.0.tar.gz, with one directory of any name in it."""
    write(tmp_path / "pack" / "library-abcdef", tree(log))
    archive = tmp_path / "v1.0.tar.gz"
    subprocess.run(["tar", "-C", tmp_path / "pack", "-czf", archive, "library-abcdef"], check=True)
    bench.write_manifest(f'dependencies = ["lib @ file://{archive}"]')
    sync(bench)
    assert sources(bench)["lib"].kind == "path"
    assert "lib-1.0.dist-info" in list(bench.installed())


# Directories


def test_a_directory_is_installed_as_a_copy_and_again_when_a_file_changes(
    bench: Workbench, tmp_path: Path, log: Path
) -> None:
    write(tmp_path / "lib", tree(log))
    bench.write_manifest('dependencies = ["lib"]', more='[tool.blast.sources]\nlib = { path = "../lib" }\n')
    sync(bench)
    assert sources(bench)["lib"] == ("path", "../lib", "", "", "")
    assert direct_url(bench, "lib") == {"url": f"file://{tmp_path}/lib", "dir_info": {}}
    before = bench.files()
    sync(bench)
    assert builds(log) == ["lib"]
    (tmp_path / "lib/src/x.py").write_text("VALUE = 2\n")
    sync(bench)
    assert builds(log) == ["lib", "lib"]
    assert bench.files() == before


def test_an_editable_is_built_anew_when_its_version_file_changes(bench: Workbench, tmp_path: Path, log: Path) -> None:
    files = tree(log, more='[tool.hatch.version]\npath = "src/about.py"\n')
    files["pyproject.toml"] = files["pyproject.toml"].replace('version = "1.0"', 'dynamic = ["version"]')
    write(tmp_path / "lib", {**files, "src/about.py": "V = 1\n", "src/other.py": ""})
    source = '[tool.blast.sources]\nlib = { path = "../lib", editable = true }\n'
    bench.write_manifest('dependencies = ["lib"]', more=source)
    sync(bench)
    assert sources(bench)["lib"].kind == "editable"
    assert direct_url(bench, "lib")["dir_info"] == {"editable": True}
    count = len(builds(log))
    (tmp_path / "lib/src/other.py").write_text("X = 1\n")
    sync(bench)
    assert len(builds(log)) == count
    (tmp_path / "lib/src/about.py").write_text("V = 2\n")
    sync(bench)
    assert len(builds(log)) > count


def test_a_directorys_new_requirement_makes_the_lock_stale(bench: Workbench, tmp_path: Path, log: Path) -> None:
    write(tmp_path / "lib", tree(log, requires=()))
    bench.write_manifest('dependencies = ["lib"]', more='[tool.blast.sources]\nlib = { path = "../lib" }\n')
    sync(bench)
    assert "leaf-1.0.dist-info" not in list(bench.installed())
    write(tmp_path / "lib", tree(log))
    with bench.session() as session, pytest.raises(BlastError, match="does not answer"):
        lock_here(session, bench.project(), check=True)
    sync(bench)
    assert "leaf-1.0.dist-info" in list(bench.installed())


def test_a_directory_without_a_build_system_brings_its_requirements_only(bench: Workbench, tmp_path: Path) -> None:
    write(tmp_path / "lib", {"pyproject.toml": '[project]\nname = "lib"\nversion = "1"\ndependencies = ["leaf"]\n'})
    bench.write_manifest('dependencies = ["lib"]', more='[tool.blast.sources]\nlib = { path = "../lib" }\n')
    sync(bench)
    assert list(bench.installed()) == ["leaf-1.0.dist-info"]


def test_the_lock_is_the_same_in_another_place(bench: Workbench, tmp_path: Path, log: Path) -> None:
    write(tmp_path / "lib", tree(log))
    bench.write_manifest('dependencies = ["lib"]', more='[tool.blast.sources]\nlib = { path = "../lib" }\n')
    lock(bench)
    shutil.copytree(tmp_path / "lib", tmp_path / "copy/lib")
    shutil.copytree(bench.root, tmp_path / "copy/project")
    other = Workbench(tmp_path / "copy/project", tmp_path / "home2", bench.index_url)
    with other.session() as session:
        assert not lock_here(session, other.project(), check=True).changed
    (other.root / "blast.lock").unlink()
    (other.root / "pylock.toml").unlink()
    lock(other)
    assert other.files() == bench.files()


# Adding


def test_add_writes_name_and_source_as_uv_does(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    repository.tag("v1")
    write(tmp_path / "near", tree(log, "near"))
    wheel = make_wheel(tmp_path, "wheeled", "1.0")
    bench.write_manifest("dependencies = []")
    add(bench, f"git+{repository.url}@v1", f"{tmp_path}/near", wheel)
    manifest = bench.project().manifest
    assert manifest.dependencies == ("lib", "near", "wheeled")
    assert manifest.sources == {
        "lib": ({"git": repository.url, "rev": "v1"},),
        "near": ({"path": "../near"},),
        "wheeled": ({"path": "../wheeled-1.0-py3-none-any.whl"},),
    }
    assert {"lib-1.0.dist-info", "near-1.0.dist-info", "wheeled-1.0.dist-info"} < set(bench.installed())
    with bench.session() as session:
        remove_requirements(session, bench.project(), ["near", "LIB"], Place(), selection=GroupSelection())
    assert set(bench.project().manifest.sources) == {"wheeled"}
    assert set(bench.installed()) == {"wheeled-1.0.dist-info"}


def test_add_takes_branch_tag_and_rev(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    repository.tag("v1")
    for reference, source in (
        (GitReference(branch="main"), {"branch": "main"}),
        (GitReference(tag="v1"), {"tag": "v1"}),
        (GitReference(rev=repository.head()), {"rev": repository.head()}),
    ):
        bench.write_manifest("dependencies = []")
        add(bench, f"lib[x] @ git+{repository.url}", reference=reference, sync=False)
        manifest = bench.project().manifest
        assert manifest.dependencies == ("lib[x]",)
        assert manifest.sources["lib"] == ({"git": repository.url, **source},)
    with pytest.raises(UsageError, match="no repository"):
        add(bench, "leaf", reference=GitReference(tag="v1"))
    with pytest.raises(UsageError, match="more than one"):
        add(bench, f"git+{repository.url}@main", reference=GitReference(tag="v1"))


def test_add_editable_and_a_failed_add_changes_nothing(bench: Workbench, tmp_path: Path, log: Path) -> None:
    write(tmp_path / "near", tree(log, "near"))
    bench.write_manifest("dependencies = []")
    add(bench, f"{tmp_path}/near", editable=True)
    assert bench.project().manifest.sources["near"] == ({"path": "../near", "editable": True},)
    before = bench.files()
    broken = write(tmp_path / "broken", tree(log, "broken", requires=("missing-project",)))
    for line in (str(broken), f"git+file://{tmp_path}/nothing", f"near @ {broken}"):
        with pytest.raises(BlastError):
            add(bench, line)
        assert bench.files() == before


# The pip interface


def test_pip_install_takes_paths_addresses_and_editables(bench: Workbench, tmp_path: Path, log: Path) -> None:
    from blast_project.environment.making import BareOptions, make_environment

    repository = Repository.make(tmp_path / "origin", tree(log))
    write(tmp_path / "near", tree(log, "near"))
    write(bench.root / "here", tree(log, "here"))
    (bench.root / "r.txt").write_text(f"-e ./here\nlib @ git+{repository.url}\n")
    with bench.session() as session:
        make_environment(session, str(bench.root / ".venv"), BareOptions(prompt="x"))
    with bench.session(python="") as session:
        install(session, InstallRequest((f"{tmp_path}/near",), files=("r.txt",)))
    assert {"here-1.0.dist-info", "lib-1.0.dist-info", "near-1.0.dist-info", "leaf-1.0.dist-info"} == set(
        bench.installed()
    )
    assert direct_url(bench, "here")["dir_info"] == {"editable": True}
    with bench.session(python="") as session:
        install(session, InstallRequest(("leaf",)))
    assert direct_url(bench, "lib")["url"] == repository.url


def test_compiled_files_name_commits_and_hashes(
    bench: Workbench, tmp_path: Path, log: Path, index: StaticIndex
) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    url = index.file_url("leaf-1.0-py3-none-any.whl")
    (bench.root / "r.in").write_text(f"git+{repository.url}@main\nleaf @ {url}\n")
    with bench.session() as session:
        text = compile_requirements(session, CompileRequest(("r.in",), header=False, annotate=False, hashes=True)).text
    assert f"lib @ git+{repository.url}@{repository.head()}\n" in text
    assert f"leaf @ {url} \\\n    --hash=sha256:" in text


# Builds


def test_other_settings_of_a_build_are_another_build(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    source = f'[tool.blast.sources]\nlib = {{ git = "{repository.url}" }}\n'
    settings = (
        "",
        '[tool.blast.config-settings-package]\nlib = { flag = "1" }\n',
        '[tool.blast.config-settings-package]\nother = { flag = "1" }\n',
        '[tool.blast.config-settings]\n"--x" = ["a", "b"]\n',
        '[tool.blast]\nbuild-constraint-dependencies = ["leaf<2"]\n',
    )
    counts = []
    for more in settings:
        bench.write_manifest('dependencies = ["lib"]', more=source + more)
        sync(bench)
        counts.append(len(builds(log)))
    assert counts == [1, 2, 2, 3, 4]


def test_without_isolation_a_build_sees_what_is_installed(bench: Workbench, tmp_path: Path, log: Path) -> None:
    files = tree(log)
    files["backend.py"] = files["backend.py"].replace("import base64", "import leaf, base64")
    repository = Repository.make(tmp_path / "origin", files)
    source = f'[tool.blast.sources]\nlib = {{ git = "{repository.url}" }}\n'
    bench.write_manifest('dependencies = ["lib", "leaf"]', more=source)
    with pytest.raises(BuildFailed, match="failed"):
        sync(bench)
    bench.write_manifest(
        'dependencies = ["lib", "leaf"]', more=f'[tool.blast]\nno-build-isolation-package = ["lib"]\n{source}'
    )
    sync(bench)
    assert {"leaf-1.0.dist-info", "lib-1.0.dist-info"} == set(bench.installed())


def test_offline_says_what_is_missing(bench: Workbench, tmp_path: Path, log: Path) -> None:
    repository = Repository.make(tmp_path / "origin", tree(log))
    bench.write_manifest(f'dependencies = ["lib @ git+{repository.url}"]')
    with pytest.raises(OfflineError, match="is not in the store"):
        sync(bench, offline=True)
    assert os.listdir(bench.root) == ["pyproject.toml"]
