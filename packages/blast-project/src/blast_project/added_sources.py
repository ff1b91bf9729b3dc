"""What ``blast add`` writes for an address: the requirement by name, and where it comes from in the sources."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.requirements import format_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_project.asking import Asked
    from blast_project.project import Project

__all__ = ["Added", "GitReference", "added"]


class GitReference(NamedTuple):
    """What the options ``--branch``, ``--tag``, ``--rev`` and ``--lfs`` say; at most one of the first three."""

    branch: str = ""
    tag: str = ""
    rev: str = ""
    lfs: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no option was given."""
        return not any(self)


class Added(NamedTuple):
    """What goes into the manifest: a line, and the source of its name (None for one on an index)."""

    name: str
    line: str
    source: dict[str, object] | None


def added(project: Project, asked: Asked, requirement: Requirement, reference: GitReference) -> Added:
    """Return what to write for something that was asked for.

    Args:
        project: that it is added to; paths are written relative to the manifest that is edited.
        asked: as it was typed.
        requirement: the same with its name.
        reference: options about repositories.

    Raises:
        UsageError: an option about repositories, and it is none.
    """
    line = format_requirement(requirement._replace(url=""))
    if not requirement.url:
        if not reference.is_empty:
            raise UsageError(
                f"'{asked.text}' is no repository",
                reason="--branch, --tag, --rev and --lfs say what is taken of one",
                hint="such as 'git+https://host/repository'",
            )
        member = project.workspace.find(requirement.name) if project.workspace is not None else None
        return Added(requirement.name, asked.text, {"workspace": True} if member is not None else None)
    return Added(requirement.name, line, _source(project, asked, requirement.url, reference))


def _source(project: Project, asked: Asked, url: str, reference: GitReference) -> dict[str, object]:
    from blast_pm.index.credentials import without_credentials
    from blast_pm.sources.address import parse_address

    address = parse_address(url)
    if address.kind == "git":
        return _git_source(asked, address.location, address.revision, address.subdirectory, reference)
    if not reference.is_empty:
        raise UsageError(f"'{asked.text}' is no repository", reason="--branch, --tag, --rev and --lfs need one")
    below: dict[str, object] = {"subdirectory": address.subdirectory} if address.subdirectory else {}
    if address.kind == "url":
        # A password has no place in a file that others read.
        location = without_credentials(address.location)
        fragment = f"#sha256={address.sha256}" if address.sha256 else ""
        return {"url": location + fragment, **below}
    path = os.path.normpath(os.path.join(address.location, address.subdirectory))
    if os.path.isfile(address.location):
        path = address.location
    else:
        below = {}
    directory = os.path.join(project.root, project.member)
    relative = os.path.relpath(path, directory).replace(os.sep, "/")
    member = _member_at(project, path)
    if member:
        return {"workspace": True}
    return {"path": relative, **below, **({"editable": True} if asked.editable else {})}


def _member_at(project: Project, path: str) -> bool:
    if project.workspace is None:
        return False
    relative = os.path.relpath(path, project.root).replace(os.sep, "/")
    return any(member.path == relative for member in project.workspace.members)


def _git_source(asked: Asked, location: str, revision: str, below: str, reference: GitReference) -> dict[str, object]:
    from blast_pm.sources.git_process import split_git_credentials

    named = {key: value for key, value in zip(("branch", "tag", "rev"), reference[:3], strict=True) if value}
    if len(named) + bool(revision) > 1:
        raise UsageError(
            f"'{asked.text}': more than one thing says which commit is meant",
            hint="name a branch, a tag or a revision",
        )
    for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/")):
        if revision.startswith(prefix):
            named = {kind: revision.removeprefix(prefix)}
            break
    else:
        named = {**named, **({"rev": revision} if revision else {})}
    source: dict[str, object] = {"git": split_git_credentials(location)[0], **named}
    if below:
        source["subdirectory"] = below
    if reference.lfs:
        source["lfs"] = True
    return source
