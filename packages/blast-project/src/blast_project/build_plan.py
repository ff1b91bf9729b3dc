"""What ``blast build`` builds: one tree, an archive, or packages of a workspace; and where the result goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_project.distributions import SourceTree
from blast_project.project import MANIFEST_NAME, edited_manifest, find_manifest_directory, find_root, load_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["BuildPlan", "build_interpreter", "plan_build"]

_OUTPUT = "dist"


class BuildPlan(NamedTuple):
    """What is to be built.

    Attributes:
        project: whose indexes and settings count; None where there is none.
        trees: what to build, in this order.
        output: absolute path of the directory to write to, unless another is asked for.
    """

    project: Project | None
    trees: tuple[SourceTree, ...]
    output: str


def plan_build(directory: str, source: str, packages: Sequence[str], *, all_packages: bool = False) -> BuildPlan:
    """Return what to build.

    Args:
        directory: absolute path where the command was called.
        source: a directory or an archive, relative to it; "" for the project that it is in.
        packages: names of packages of the workspace, rather than the tree itself.
        all_packages: every package of the workspace that has a build system.

    Raises:
        UsageError: there is no such tree, archive or package.
        InvalidManifest: a manifest is wrong.
    """
    place = os.path.normpath(os.path.join(directory, source))
    if os.path.isfile(place):
        return _plan_archive(directory, place, chosen=bool(packages or all_packages))
    if not os.path.isdir(place):
        raise UsageError(f"{source}: there is no such directory or file")
    tree = place if source or _is_tree(place) else find_manifest_directory(place) or place
    project = load_project(tree) if os.path.isfile(os.path.join(tree, MANIFEST_NAME)) else None
    if packages or all_packages:
        if project is None:
            raise UsageError(f"{tree} is no workspace", hint="'blast build DIR' builds a single tree")
        return BuildPlan(project, _members(project, packages), os.path.join(project.root, _OUTPUT))
    if project is None:
        return BuildPlan(None, (SourceTree(tree),), os.path.join(tree, _OUTPUT))
    top = project.root if project.workspace is not None else tree
    return BuildPlan(project, (SourceTree(tree, edited_manifest(project).name),), os.path.join(top, _OUTPUT))


def build_interpreter(session: Session, project: Project | None) -> Interpreter:
    """Return the interpreter that builds, after the session was told of the project."""
    from blast_project.operations import project_interpreter

    if project is None:
        return session.find_interpreter()
    session.use_project(project.manifest)
    return project_interpreter(session, project)


def _plan_archive(directory: str, path: str, *, chosen: bool) -> BuildPlan:
    tree = SourceTree(path)
    if chosen or not tree.is_archive:
        raise UsageError(
            f"{path} is no workspace" if chosen else f"{path} is no source distribution",
            hint="name a directory or a file that ends in .tar.gz",
        )
    root = find_root(directory)
    return BuildPlan(load_project(directory) if root is not None else None, (tree,), os.path.dirname(path))


def _is_tree(directory: str) -> bool:
    return any(os.path.isfile(os.path.join(directory, name)) for name in (MANIFEST_NAME, "setup.py"))


def _members(project: Project, packages: Sequence[str]) -> tuple[SourceTree, ...]:
    rows = [(project.name, project.root, project.manifest)]
    if project.workspace is not None:
        rows += [
            (member.name, os.path.join(project.root, member.path), member.manifest)
            for member in project.workspace.members
        ]
    if not packages:
        trees = tuple(SourceTree(path, name) for name, path, manifest in rows if manifest.build_system is not None)
        if not trees:
            raise UsageError(f"no package of {project.root} has a [build-system]", reason="so nothing can be built")
        return trees
    wanted = {normalize_name(name): name for name in packages}
    unknown = wanted.keys() - {name for name, _, _ in rows}
    if unknown:
        raise UsageError(
            f"there is no package '{wanted[min(unknown)]}' here",
            reason=f"the packages are {', '.join(name for name, _, _ in rows)}",
        )
    return tuple(SourceTree(path, name) for name, path, _ in rows if name in wanted)
