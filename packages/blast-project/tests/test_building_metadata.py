"""What a source distribution requires is asked of its build backend; a wheel is built only where that can't tell."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import NoSolution
from blast_pm.testing import StaticIndex, make_metadata, make_sdist, make_wheel
from blast_project.compile_request import CompileRequest
from blast_project.compiling import compile_requirements
from blast_project.testing import Workbench
from blast_project.testing_builds import BUILD_SYSTEM, make_backend

if TYPE_CHECKING:
    from pathlib import Path

_HOOK = """

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = f"{NAME}-{VERSION}.dist-info"
    os.mkdir(os.path.join(metadata_directory, info))
    with open(os.path.join(metadata_directory, info, "METADATA"), "w") as file:
        file.write(f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {SAID}\\nRequires-Dist: leaf\\n")
    return info
"""


def drop_pkg_info(sdist: Path) -> None:
    """Make of a source distribution one as old tools made them."""
    kept = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=kept, mode="w:gz") as new:
        for member in old:
            if not member.name.endswith("PKG-INFO"):
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
    sdist.write_bytes(kept.getvalue())


def make_index(directory: Path, log: Path, hook: str) -> None:
    directory.mkdir()
    text = make_backend(log, "native", "1.0", ("leaf",), extra='raise SystemExit("no compiler here")' if hook else "")
    files = {"pyproject.toml": BUILD_SYSTEM.encode(), "backend.py": (text + hook).encode()}
    make_sdist(
        directory, "native", "1.0", metadata=make_metadata("native", "1.0", dynamic=["Requires-Dist"]), files=files
    )
    make_wheel(directory, "leaf", "1.0")


def compile_native(
    tmp_path: Path, hook: str, *, with_pkg_info: bool = True, python: str = "", platform: str = ""
) -> tuple[tuple[str, str], ...]:
    make_index(tmp_path / "index", tmp_path / "log", hook)
    if not with_pkg_info:
        drop_pkg_info(next((tmp_path / "index").glob("native-*.tar.gz")))
    with StaticIndex(tmp_path / "index") as server:
        bench = Workbench.make(tmp_path, server.url, tmp_path / "home")
        (bench.root / "r.in").write_text("native\n")
        with bench.session() as session:
            return compile_requirements(
                session, CompileRequest(("r.in",), python_version=python, python_platform=platform)
            ).pins


def test_the_backend_tells_and_nothing_is_built(tmp_path: Path) -> None:
    pins = compile_native(tmp_path, _HOOK.replace("{SAID}", "1.0"))
    assert pins == (("leaf", "1.0"), ("native", "1.0"))
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(("python", "platform"), [("3.13", ""), ("", "macos"), ("3.12", "windows")])
def test_a_backend_is_asked_for_other_targets_too(tmp_path: Path, python: str, platform: str) -> None:
    pins = compile_native(tmp_path, _HOOK.replace("{SAID}", "1.0"), python=python, platform=platform)
    assert pins == (("leaf", "1.0"), ("native", "1.0"))


def test_a_backend_that_cannot_tell_builds_once(tmp_path: Path) -> None:
    assert compile_native(tmp_path, "") == (("leaf", "1.0"), ("native", "1.0"))
    assert (tmp_path / "log").read_text() == "native\n"


def test_an_archive_without_pkg_info_is_asked_all_the_same(tmp_path: Path) -> None:
    pins = compile_native(tmp_path, _HOOK.replace("{SAID}", "1.0"), with_pkg_info=False)
    assert pins == (("leaf", "1.0"), ("native", "1.0"))


def test_metadata_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSolution, match="native"):
        compile_native(tmp_path, _HOOK.replace("{SAID}", "9.0"))
