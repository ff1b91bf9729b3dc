"""Helpers for tests: source trees whose build backend is a file of their own, so that a build needs no index.

    files = source_tree(log, "library", requires="['leaf']")
    for path, content in files.items(): (directory / path).write_text(content)

The backend counts its runs: it writes the project's name into ``log``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

__all__ = ["BUILD_SYSTEM", "make_backend", "source_tree"]

# A whole build backend: it packs the files of its own tree, and counts its runs in a file that a test names.
_BACKEND = """
import base64, hashlib, os, sys, zipfile

NAME, VERSION, REQUIRES = {name!r}, {version!r}, {requires!r}


def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_editable = get_requires_for_build_wheel


def _build(directory, files):
    with open({log!r}, "a") as log:
        log.write(NAME + "\\n")
    {extra}
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    metadata = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n"
    metadata += "".join(f"Requires-Dist: {{line}}\\n" for line in REQUIRES)
    content = {{**files, info + "/METADATA": metadata, info + "/WHEEL": WHEEL}}
    rows = [f"{{path}},sha256={{_digest(text)}},{{len(text)}}" for path, text in content.items()]
    content[info + "/RECORD"] = "\\n".join([*rows, info + "/RECORD,,"]) + "\\n"
    filename = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, filename), "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return filename


WHEEL = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _build(wheel_directory, {{f"{{NAME}}.py": f"VERSION = {{VERSION!r}}\\n"}})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _build(wheel_directory, {{f"__editable__{{NAME}}.pth": os.path.join(os.getcwd(), "src") + "\\n"}})
"""
#: The table that goes with the backend.
BUILD_SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def make_backend(
    log: str | os.PathLike[str],
    name: str = "gamma",
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    extra: str = "",
) -> str:
    """Return the text of ``backend.py``.

    Args:
        log: each build writes a line there.
        name: of the project that it builds.
        version: of it.
        requires: its requirements.
        extra: a statement that each build runs.
    """
    return _BACKEND.format(name=name, version=version, requires=list(requires), log=str(log), extra=extra or "pass")


def source_tree(
    log: str | os.PathLike[str],
    name: str = "lib",
    version: str = "1.0",
    requires: tuple[str, ...] = ("leaf",),
    more: str = "",
) -> dict[str, str]:
    """Return the files of a project with static metadata; ``more`` stands at the end of its manifest."""
    head = f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(requires)}\n\n'
    return {
        "pyproject.toml": f"{head}{BUILD_SYSTEM}\n{more}",
        "backend.py": make_backend(log, name, version, requires),
        "src/x.py": "",
    }
