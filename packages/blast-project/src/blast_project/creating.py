"""``blast init``: a new project that works at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core import fs
from blast_core.errors import UsageError
from blast_core.names import is_valid_name, normalize_name
from blast_project.project import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CreatedProject", "create_project"]

_GITIGNORE = """\
# Python
__pycache__/
*.py[cod]
build/
dist/
*.egg-info/

# Environments
.venv/
.blast/
"""

_MAIN = """\
def main() -> None:
    print("Hello from {name}!")


if __name__ == "__main__":
    main()
"""

_PACKAGE = '''\
"""{title}."""


def main() -> None:
    print("Hello from {name}!")
'''


class CreatedProject(NamedTuple):
    """A project that was made: its root, its name and the files written, relative to the root."""

    root: str
    name: str
    files: tuple[str, ...]


def create_project(
    directory: str,
    name: str,
    *,
    kind: str,
    requires_python: str,
    requirements: Sequence[str] = (),
    description: str = "",
    bare: bool = False,
    readme: bool = True,
) -> CreatedProject:
    """Write the files of a new project; a file that exists is kept.

    Args:
        directory: absolute path; made if it does not exist.
        name: the project's name; the directory's if empty.
        kind: ``app`` (a script beside the manifest), ``lib`` (a package under ``src`` with a build system),
            ``package`` (the same with a command) or ``workspace`` (a directory of projects, which is none itself).
        requires_python: such as ``>=3.12``.
        requirements: what it requires from the start.
        description: a line about it.
        bare: the manifest alone.
        readme: write a README.md.

    Raises:
        UsageError: there is a pyproject.toml already, or the name is not legal.
    """
    from blast_compat.pyproject import add_requirements, new_manifest

    chosen = name or os.path.basename(directory)
    if not is_valid_name(chosen):
        raise UsageError(
            f"'{chosen}' is no legal project name",
            reason="a name has letters, digits, '-', '_' and '.', and ends with a letter or digit",
            hint="give one with --name",
        )
    if kind in {"lib", "package"} and not _is_importable(_module(chosen)):
        raise UsageError(
            f"'{chosen}' is no legal project name for a package",
            reason=f"Python can't import a module called '{_module(chosen)}'",
            hint="give one with --name",
        )
    if os.path.exists(os.path.join(directory, MANIFEST_NAME)):
        raise UsageError(
            f"{os.path.join(directory, MANIFEST_NAME)} exists",
            reason="the directory is a project already",
            hint="'blast add' adds requirements to it",
        )
    fs.make_directories(directory)
    files = {} if bare else _files(normalize_name(chosen), kind)
    if not readme:
        files.pop("README.md", None)
    manifest = new_manifest(
        normalize_name(chosen),
        kind=kind,
        requires_python=requires_python,
        description=description,
        readme="README.md" in files or os.path.exists(os.path.join(directory, "README.md")),
    )
    files[MANIFEST_NAME] = add_requirements(manifest, requirements) if requirements else manifest
    return CreatedProject(directory, normalize_name(chosen), _write_missing(directory, files))


def _module(name: str) -> str:
    return normalize_name(name).replace("-", "_")


def _is_importable(module: str) -> bool:
    from keyword import iskeyword

    return module.isidentifier() and not iskeyword(module)


def _files(name: str, kind: str) -> dict[str, str]:
    module = _module(name)
    files = {"README.md": f"# {name}\n", ".gitignore": _GITIGNORE}
    if kind in {"lib", "package"}:
        files[f"src/{module}/__init__.py"] = _PACKAGE.format(title=name, name=name)
        if kind == "lib":
            files[f"src/{module}/py.typed"] = ""
    elif kind == "app":
        files["main.py"] = _MAIN.format(name=name)
    return files


def _write_missing(directory: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the manifest last: a directory without one is no project yet, and init can be run again."""
    written = []
    for relative in sorted(files, key=lambda path: (path == MANIFEST_NAME, path)):
        path = os.path.join(directory, *relative.split("/"))
        if os.path.exists(path):
            continue
        fs.make_directories(os.path.dirname(path))
        fs.replace_file(path, files[relative].encode(), durable=False)
        written.append(relative)
    return tuple(written)
