"""The version of a project: what it is, what it becomes by a bump, and writing that.

Spec: PEP 440 (versions), PEP 621 (``version`` and ``dynamic``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import InvalidManifest, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.version import Version

    from blast_project.editing import EditResult
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = ["PARTS", "Changed", "bumped", "project_version", "set_version"]

_RELEASE = ("major", "minor", "patch")
# Of a number in a version; dates and times of builds have fourteen.
_DIGITS = 20
_PRE = {"alpha": "a", "beta": "b", "rc": "rc"}
#: What can be bumped, in the order in which several are applied.
PARTS = (*_RELEASE, "stable", *_PRE, "post", "dev")


class Changed(NamedTuple):
    """A version that was set: before, after, and what locking and syncing came to; None where neither was asked."""

    before: str
    after: str
    edit: EditResult | None


def project_version(session: Session, project: Project) -> str:
    """Return the version of the project, or of the member that the command was called in.

    A dynamic one is asked of the build backend.

    Raises:
        InvalidManifest: there is neither a version nor a backend that could tell one.
        BuildFailed: the build backend failed.
    """
    from blast_project.project import edited_manifest

    manifest = edited_manifest(project)
    if manifest.version:
        return manifest.version
    if "version" not in manifest.dynamic:
        raise _without_version(manifest.path)
    import os
    from email.parser import BytesHeaderParser

    from blast_project.building import tree_metadata
    from blast_project.operations import project_interpreter

    session.use_project(project.manifest)
    directory = os.path.dirname(manifest.path)
    content = tree_metadata(session, directory, project_interpreter(session, project), manifest.name)
    return str(BytesHeaderParser().parsebytes(content)["Version"])


def set_version(
    session: Session,
    project: Project,
    value: str,
    bumps: Sequence[str],
    *,
    dry_run: bool = False,
    lock: bool = True,
    sync: bool = True,
    selection: GroupSelection,
) -> Changed:
    """Write a version into the manifest that the command edits, then lock and sync where that was done before.

    Args:
        session: services.
        project: the project.
        value: the new version; "" to take the present one and bump it.
        bumps: such as ``patch``, or ``minor=4`` for a number of choice.
        dry_run: change nothing.
        lock: lock again if there is a lock.
        sync: make the environment what the lock says, if there is one.
        selection: what is installed.

    Raises:
        UsageError: the value is no version, or a bump would go backwards.
        InvalidManifest: the version is not the manifest's to tell.
    """
    import os

    from blast_compat import pyproject
    from blast_project.editing import edit_manifest
    from blast_project.project import LOCK_NAME, edited_manifest, environment_path

    manifest = edited_manifest(project)
    if not manifest.version:
        if "version" not in manifest.dynamic:
            raise _without_version(manifest.path)
        raise InvalidManifest(
            f"{manifest.path}: the version is dynamic",
            reason=f"the build backend tells it; now it is {project_version(session, project)}",
            hint="change it where the backend takes it from, such as a tag or a module",
        )
    before = manifest.version
    after = _checked(value) if value else before
    after = bumped(after, bumps) if bumps else after
    if dry_run or after == before:
        return Changed(before, after, None)
    locks = lock and os.path.exists(os.path.join(project.root, LOCK_NAME))
    syncs = locks and sync and os.path.lexists(environment_path(project.root, session.settings))
    edited = edit_manifest(
        session,
        project,
        lambda text: pyproject.set_version(text, after),
        lock=locks,
        sync=syncs,
        command=f"version {after}",
        selection=selection,
    )
    return Changed(before, after, edited)


def bumped(version: str, bumps: Sequence[str]) -> str:
    """Return the version that bumps lead to.

    ``major``, ``minor`` and ``patch`` raise that number and begin what follows anew; ``stable`` takes away all that
    follows the numbers; ``alpha``, ``beta`` and ``rc`` begin or raise a pre-release, ``post`` and ``dev`` theirs.
    ``PART=N`` sets the number instead. Several are applied in the order of ``PARTS``.

    Raises:
        UsageError: a word is no part, two belong to one part, or the result would be older than ``version``.
    """
    from packaging.version import Version

    steps = sorted((_read_bump(word) for word in bumps), key=lambda step: PARTS.index(step[0]))
    _check_steps([part for part, _ in steps])
    before = after = Version(version)
    for part, number in steps:
        after = _step(after, part, number)
    if after <= before:
        raise UsageError(
            f"bumping {', '.join(part for part, _ in steps)} leads from {before} to {after}",
            reason="that is not a newer version",
            hint="bump major, minor or patch as well, or name the version",
        )
    return str(after)


def _without_version(path: str) -> InvalidManifest:
    return InvalidManifest(
        f"{path} has no version",
        reason="neither project.version nor 'version' in project.dynamic",
        hint='write version = "0.1.0" below [project]',
    )


def _checked(value: str) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(value))
    except InvalidVersion as error:
        raise UsageError(
            f"'{value}' is no version",
            reason="versions look like 1.2.3, 1.2.3rc1 or 1.2.3.post1 (PEP 440)",
            hint=f"'--bump {value}' raises that part" if value in PARTS else "",
        ) from error


def _read_bump(word: str) -> tuple[str, int | None]:
    part, sign, number = word.partition("=")
    is_number = number.isascii() and number.isdecimal() and len(number) <= _DIGITS
    if part not in PARTS or (sign and (not is_number or part == "stable")):
        raise UsageError(f"can't bump '{word}'", hint=f"one of {', '.join(PARTS)}, or such as minor=4")
    return part, int(number) if sign else None


def _check_steps(parts: Sequence[str]) -> None:
    if "post" in parts and len(parts) > 1:
        raise UsageError(
            "post can't be bumped with another part",
            reason="a post-release belongs to the version that is there",
            hint="bump post alone",
        )
    for kind in ((*_RELEASE, "stable"), tuple(_PRE), ("dev",)):
        same = [part for part in parts if part in kind]
        if len(same) > 1:
            raise UsageError(
                f"{' and '.join(same)} can't be bumped at once",
                reason="each would undo the other",
                hint="'--bump patch --bump beta' is a pair that goes together",
            )


def _step(version: Version, part: str, number: int | None) -> Version:
    from packaging.version import Version as Make

    epoch = f"{version.epoch}!" if version.epoch else ""
    release = ".".join(map(str, version.release))
    if part in _RELEASE:
        return Make(epoch + _raise_release(version.release, _RELEASE.index(part), number))
    if part == "stable":
        return Make(epoch + release)
    pre = f"{version.pre[0]}{version.pre[1]}" if version.pre else ""
    if part in _PRE:
        letter = _PRE[part]
        now = version.pre[1] if version.pre and version.pre[0] == letter else 0
        return Make(f"{epoch}{release}{letter}{now + 1 if number is None else number}")
    post = version.post
    if part == "post":
        raised = (-1 if post is None else post) + 1 if number is None else number
        # The first one is commonly called 1.
        return Make(f"{epoch}{release}{pre}.post{max(raised, 1) if number is None else raised}")
    dev = (version.dev or 0) + 1 if number is None else number
    return Make(f"{epoch}{release}{pre}{'' if post is None else f'.post{post}'}.dev{dev}")


def _raise_release(release: tuple[int, ...], place: int, number: int | None) -> str:
    numbers = [*release, *(0 for _ in range(place + 1 - len(release)))]
    numbers[place] = numbers[place] + 1 if number is None else number
    return ".".join(map(str, [*numbers[: place + 1], *(0 for _ in numbers[place + 1 :])]))
