"""One lock answers for all targets: on each what fits there, the same whoever makes it, installed by marker values."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InstallError, NoSolution, StaleLock, UsageError
from blast_core.platforms import platform_named
from blast_pm.testing import StaticIndex, make_sdist, make_wheel
from blast_project.lock_files import LockResult, publish_lock
from blast_project.locking import lock_project
from blast_project.operations import SyncOptions, sync_here
from blast_project.selection import GroupSelection, select_groups
from blast_project.testing import Workbench, make_interpreter
from blast_project.wanted import select_wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.interpreter import Interpreter

HERE = platform_named(f"{platform.system()}-{platform.machine()}")
assert HERE is not None, "the tests run on a platform that locks are made for"
MINOR = sys.version_info.minor
OWN = f"{HERE.name}-py3{MINOR}"
ALL = f"requires-python = '>=3.{MINOR},<3.{MINOR + 2}'"
NEXT = f"3.{MINOR + 1}"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    windows = "windows; sys_platform == 'win32'"
    make_wheel(directory, "alpha", "1.0", ["beta", windows])
    make_wheel(directory, "alpha", "2.0", ["beta", windows], requires_python=f">={NEXT}")
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5")
    make_wheel(directory, "beta", "2.0")
    make_wheel(directory, "windows", "1.0", ["gamma"])
    make_wheel(directory, "gamma", "0.3")
    make_wheel(
        directory, "patched", "1.0", [f"beta; python_full_version < '3.{MINOR}.0'", "gamma; platform_release == 'x'"]
    )
    make_wheel(directory, "late", "1.0", requires_python=f">=3.{MINOR}.99")
    make_wheel(directory, "cpu", "1.0", ["beta==1.0"])
    make_wheel(directory, "gpu", "1.0", ["beta>=2"])
    for tag in ("linux_x86_64", "manylinux_2_28_x86_64", "musllinux_1_2_x86_64", "macosx_11_0_arm64", "win32"):
        make_wheel(directory, "native", "1.0", tag=f"cp3{MINOR}-cp3{MINOR}-{tag}")
    make_wheel(directory, "native", "1.0", tag=f"cp3{MINOR}-cp3{MINOR}t-manylinux_2_28_x86_64")
    make_wheel(directory, "native", "1.0", tag="cp37-cp37m-manylinux_2_28_x86_64")
    make_sdist(directory, "native", "1.0")
    make_wheel(directory, "mac-only", "1.0", tag="py3-none-macosx_11_0_arm64")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    return Workbench.make(tmp_path, index.url, home)


def lock(bench: Workbench, *names: str, interpreter: Interpreter | None = None, upgrade: bool = False) -> LockResult:
    with bench.session() as session:
        python = interpreter or session.find_interpreter()
        result = lock_project(session, bench.project(), python, targets=names, upgrade=upgrade, hints=False)
    publish_lock(str(bench.root), result)
    return result


def sync(bench: Workbench, **selection: object) -> list[str]:
    with bench.session() as session:
        sync_here(session, SyncOptions(selection=GroupSelection(**selection)))  # type: ignore[arg-type]
    return [name.removesuffix(".dist-info") for name in bench.installed()]


def rows(result: LockResult) -> dict[str, dict[str, str]]:
    """Return by package and version the targets as one text and the groups as another."""
    reader = result.reader()
    names = [target.name for target in reader.targets]
    found: dict[str, dict[str, str]] = {}
    for entry in reader.packages():
        targets = " ".join(name for bit, name in enumerate(names) if entry.target_mask >> bit & 1)
        groups = " ".join(group for bit, group in enumerate(reader.groups) if entry.group_mask >> bit & 1)
        found.setdefault(f"{entry.name} {entry.version}", {})[groups] = targets
    return found


LINUX, WINDOWS = "linux-x86_64", "windows-x86_64"


def test_each_target_gets_what_fits_there(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha', 'beta<2']")
    found = rows(lock(bench, LINUX, WINDOWS))
    old, new = (" ".join(f"{name}-py3{minor}" for name in (LINUX, WINDOWS)) for minor in (MINOR, MINOR + 1))
    both = f"{LINUX}-py3{MINOR} {LINUX}-py3{MINOR + 1} {WINDOWS}-py3{MINOR} {WINDOWS}-py3{MINOR + 1}"
    assert found == {
        "alpha 1.0": {"default": old},
        "alpha 2.0": {"default": new},
        "beta 1.5": {"default": both},
        "demo 1.0": {"default": both},
        "gamma 0.3": {"default": f"{WINDOWS}-py3{MINOR} {WINDOWS}-py3{MINOR + 1}"},
        "windows 1.0": {"default": f"{WINDOWS}-py3{MINOR} {WINDOWS}-py3{MINOR + 1}"},
    }


def test_a_version_stands_once_for_each_set_of_groups(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha']", more="[dependency-groups]\ndev = ['gamma']")
    found = rows(lock(bench, f"{LINUX}-py3{MINOR}", f"{WINDOWS}-py3{MINOR}"))
    assert found["gamma 0.3"] == {
        "group:dev": f"{LINUX}-py3{MINOR}",
        "default group:dev": f"{WINDOWS}-py3{MINOR}",
    }


def test_the_lock_does_not_depend_on_who_makes_it(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha', 'native']")
    first = lock(bench)
    (bench.root / "blast.lock").unlink()
    (bench.root / "pylock.toml").unlink()
    again = lock(bench, interpreter=make_interpreter("/nowhere/python3.9", "3.9.1"))
    assert again.content == first.content
    assert len(first.reader().targets) == 12


def test_each_target_has_what_it_would_have_alone(bench: Workbench) -> None:
    bench.write_manifest(
        ALL,
        "dependencies = ['alpha', \"beta<2; sys_platform == 'darwin'\"]",
        more="[dependency-groups]\ndev = [\"beta!=2.0; platform_machine == 'ARM64'\", 'native']",
    )
    together = lock(bench).reader()
    names = [target.name for target in together.targets]
    assert len(names) == 12
    for bit, name in enumerate(names):
        (bench.root / "blast.lock").unlink()
        (bench.root / "pylock.toml").unlink()
        alone = lock(bench, name).reader()
        mine = [entry for entry in together.packages() if entry.target_mask >> bit & 1]
        assert [(*row[:2], row.group_mask) for row in mine] == [
            (row.name, row.version, row.group_mask) for row in alone.packages()
        ]
        # What it needs, and every file that it could install, is there too.
        for row, other in zip(mine, alone.packages(), strict=True):
            assert set(other.files) <= set(row.files)
            assert set(other.dependencies) <= set(row.dependencies)


def test_another_python_finds_the_lock_current(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha']")
    lock(bench)
    again = lock(bench, interpreter=make_interpreter("/nowhere/python3.9", "3.9.1"))
    assert (again.changed, again.visited) == (False, 0)


def test_a_sync_installs_its_own_targets_part(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha', 'beta<2', 'gamma; sys_platform == \"win32\"']")
    assert sync(bench) == ["alpha-1.0", "beta-1.5"]


def test_an_interpreter_that_the_lock_is_not_for_is_told_what_it_is_for(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['alpha']", more=f"[tool.blast]\ntargets = ['macos-arm64-py3{MINOR}']")
    with pytest.raises(StaleLock, match=f"does not hold {OWN}") as caught:
        sync(bench)
    assert caught.value.reason == f"it was made for macos-arm64 (Python 3.{MINOR})"
    assert "[tool.blast] targets" in caught.value.hint
    assert f"'{OWN}'" in caught.value.hint


def test_files_that_no_target_can_use_are_left_out(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['native']")
    entry = next(lock(bench, f"{LINUX}-py3{MINOR}").reader().find("native"))
    own = f"native-1.0-cp3{MINOR}-cp3{MINOR}"
    assert entry.filenames == (
        f"{own}-linux_x86_64.whl",
        f"{own}-manylinux_2_28_x86_64.whl",
        f"{own}-musllinux_1_2_x86_64.whl",
        f"{own}t-manylinux_2_28_x86_64.whl",
        "native-1.0.tar.gz",
    )


# Targets without an answer


def test_a_default_target_without_an_answer_is_left_out_with_a_word(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = [\"mac-only; sys_platform != 'linux'\"]")
    result = lock(bench, interpreter=make_interpreter("/nowhere/python", f"3.{MINOR}.1"))
    names = [target.name for target in result.reader().targets]
    assert "windows-arm64" not in {name.rpartition("-")[0] for name in names}
    assert {"linux-x86_64", "macos-arm64"} <= {name.rpartition("-")[0] for name in names}
    (note,) = bench.words.notes
    assert "left out of the lock" in note
    assert "blast lock --target" in note
    assert {text for row in rows(result)["mac-only 1.0"].values() for text in row.split()} == {
        name for name in names if name.startswith("macos-arm64")
    }


def test_a_contradiction_on_a_default_target_is_an_error(bench: Workbench) -> None:
    contradiction = "\"native>=1; sys_platform == 'win32'\", \"native<1; sys_platform == 'win32'\""
    bench.write_manifest(ALL, f"dependencies = [{contradiction}]")
    with pytest.raises(NoSolution, match="native<1"):
        lock(bench, interpreter=make_interpreter("/nowhere/python", f"3.{MINOR}.1"))
    assert not (bench.root / "blast.lock").exists()


def test_a_platform_that_a_marker_names_must_have_an_answer(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = [\"mac-only; sys_platform == 'os2'\"]")
    with pytest.raises(NoSolution):
        lock(bench, interpreter=make_interpreter("/nowhere/python", f"3.{MINOR}.1"))


def test_a_named_target_without_an_answer_is_an_error(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['mac-only']")
    with pytest.raises(NoSolution):
        lock(bench, LINUX, "macos-arm64")
    assert rows(lock(bench, "macos-arm64"))["mac-only 1.0"]


def test_this_machines_own_target_must_have_an_answer(bench: Workbench) -> None:
    if OWN.startswith("macos-arm64"):
        pytest.skip("NO OTHER MACHINE: it fits here")
    bench.write_manifest(ALL, "dependencies = ['mac-only']")
    with pytest.raises(NoSolution):
        lock(bench)
    assert not (bench.root / "blast.lock").exists()


def test_no_target_with_an_answer_is_an_error_anywhere(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta>9']")
    with pytest.raises(NoSolution):
        lock(bench, interpreter=make_interpreter("/nowhere/python3.9", "3.9.1"))


# Preferences


def test_versions_stay_on_the_targets_where_they_are(bench: Workbench) -> None:
    bench.write_manifest(
        ALL, "dependencies = [\"beta<1.5; sys_platform == 'linux'\", \"beta<2; sys_platform != 'linux'\"]"
    )
    targets = (f"{LINUX}-py3{MINOR}", f"{WINDOWS}-py3{MINOR}")
    before = lock(bench, *targets)
    assert before.versions()["beta"] == "1.0, 1.5"
    bench.write_manifest(ALL, "dependencies = ['beta']")
    kept = rows(lock(bench, *targets))
    assert [kept["beta 1.0"], kept["beta 1.5"]] == [{"default": targets[0]}, {"default": targets[1]}]
    after = lock(bench, *targets, upgrade=True)
    assert [tuple(change) for change in after.changes] == [("beta", "1.0, 1.5", "2.0")]


def test_a_new_target_keeps_to_the_versions_that_are_known(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta<1.5']")
    lock(bench, f"{LINUX}-py3{MINOR}")
    bench.write_manifest(ALL, "dependencies = ['beta']")
    assert list(rows(lock(bench, LINUX, WINDOWS))) == ["beta 1.0", "demo 1.0"]


def test_other_targets_make_a_lock_stale(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta']")
    first = lock(bench)
    named = lock(bench, LINUX)
    assert len(named.reader().targets) == 2
    assert lock(bench).content == first.content


# Conflicts

CONFLICT = """
[project.optional-dependencies]
cpu = ["cpu"]
gpu = ["gpu"]
plot = ["gamma"]
all = ["demo[gpu,plot]"]
[tool.blast]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]
"""


def test_conflicting_extras_are_locked_apart(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta']", more=CONFLICT)
    found = rows(lock(bench, f"{LINUX}-py3{MINOR}"))
    cpu, gpu = f"{LINUX}-py3{MINOR}+cpu", f"{LINUX}-py3{MINOR}+gpu+all"
    assert found == {
        "beta 1.0": {"default extra:cpu": cpu},
        "beta 2.0": {"default extra:all extra:gpu": gpu},
        "cpu 1.0": {"extra:cpu": cpu},
        "demo 1.0": {"default": f"{cpu} {gpu}"},
        # Who chooses 'all' gets the other side, so what it needs is not told apart here.
        "gamma 0.3": {"extra:all extra:plot": f"{cpu} {gpu}"},
        "gpu 1.0": {"extra:all extra:gpu": gpu},
    }


def test_without_the_declaration_there_is_no_answer(bench: Workbench) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta']", more=CONFLICT.partition("[tool")[0])
    with pytest.raises(NoSolution):
        lock(bench)


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        ((), ["beta-1.0"]),
        (("cpu",), ["beta-1.0", "cpu-1.0"]),
        (("gpu",), ["beta-2.0", "gpu-1.0"]),
        (("gpu", "plot"), ["beta-2.0", "gamma-0.3", "gpu-1.0"]),
        (("all",), ["beta-2.0", "gamma-0.3", "gpu-1.0"]),
    ],
)
def test_a_selection_gets_its_side(bench: Workbench, extras: tuple[str, ...], expected: list[str]) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta']", more=CONFLICT)
    assert sync(bench, extras=extras) == expected


@pytest.mark.parametrize("selection", [{"extras": ("cpu", "gpu")}, {"extras": ("cpu", "all")}, {"all_extras": True}])
def test_both_sides_at_once_are_refused(bench: Workbench, selection: dict[str, object]) -> None:
    bench.write_manifest(ALL, "dependencies = ['beta']", more=CONFLICT)
    with pytest.raises(UsageError, match="can't be installed together") as caught:
        sync(bench, **selection)
    assert "conflicts declares" in caught.value.reason
    assert not list(bench.installed())


# What differs among the machines of one target


def chosen(bench: Workbench, result: LockResult, **values: str) -> list[str]:
    with bench.session() as session:
        target = session.find_interpreter().target
        changed = target._replace(marker_environment={**target.marker_environment, **values})
        lock = result.reader()
        mask = select_groups(lock.groups, GroupSelection())
        wanted = select_wanted(lock, result.content[96:128], changed, mask, session.database)
    return [row.name for row in wanted.files]


def test_markers_about_the_machine_are_decided_on_the_machine(bench: Workbench) -> None:
    bench.write_manifest(
        f"requires-python = '>=3.{MINOR}'",
        "dependencies = ['patched', \"beta; python_full_version >= '3.99'\"]",
        more="[dependency-groups]\ndev = [\"late; python_full_version > '3.99'\", \"gamma; platform_version == 'y'\"]",
    )
    result = lock(bench)
    assert chosen(bench, result) == ["patched"]
    # No target has a kernel, so what is only for some kernel is in no lock.
    assert chosen(bench, result, platform_release="x") == ["patched"]


def test_a_patch_release_decides_what_its_target_can_not(bench: Workbench) -> None:
    patch = "python_full_version"
    bench.write_manifest(
        f"requires-python = '>=3.{MINOR}'",
        f"dependencies = [\"beta; {patch} < '3.{MINOR}.50'\", \"gamma; {patch} >= '3.{MINOR}.50'\"]",
        more=f"[dependency-groups]\ndev = [\"windows; {patch} >= '3.{MINOR}.50'\"]",
    )
    result = lock(bench)
    assert chosen(bench, result, python_full_version=f"3.{MINOR}.49") == ["beta"]
    assert chosen(bench, result, python_full_version=f"3.{MINOR}.50") == ["gamma", "windows"]
    assert sync(bench) == (["beta-1.5"] if "beta 1.5" in rows(result) else ["beta-2.0"])


def test_a_package_for_a_newer_patch_release_is_refused_in_words(bench: Workbench) -> None:
    bench.write_manifest(f"requires-python = '>=3.{MINOR}'", "dependencies = ['late']")
    with pytest.raises(InstallError, match=r"late 1\.0 does not run on Python 3\.") as caught:
        sync(bench)
    assert caught.value.reason == f"it requires Python >=3.{MINOR}.99"


# Another reader


def test_uv_installs_from_the_text_what_we_install(bench: Workbench) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("NO OTHER READER: uv is not installed")
    more = CONFLICT + "[dependency-groups]\ndev = ['native']\n"
    bench.write_manifest(ALL, "dependencies = ['alpha', 'beta']", more=more)
    for extras in ((), ("cpu",), ("gpu", "plot"), ("all",)):
        ours = sync(bench, extras=extras)
        options = [part for extra in extras for part in ("--extra", extra)]
        environment = bench.root / ".venv"
        text = (bench.root / "pylock.toml").read_text().split("[[packages]]")
        # The project itself is no package here; what it is to uv does not matter.
        (bench.root / "pylock.others.toml").write_text(
            "[[packages]]".join(one for one in text if "directory =" not in one)
        )
        done = subprocess.run(
            [
                uv,
                "pip",
                "sync",
                "--dry-run",
                "--no-config",
                "--python",
                str(environment / "bin" / "python"),
                *options,
                "--group",
                "dev",
                "pylock.others.toml",
            ],
            cwd=bench.root,
            env={"PATH": "", "HOME": str(bench.home), "UV_CACHE_DIR": str(bench.home / "uv")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Would make no changes" in done.stderr, done.stderr
        assert ours
