"""The three files of a project that a lock is about: as they stand, as they will stand, and that they are one."""

from __future__ import annotations

import os

from blast_project.environment.state import write_memo
from blast_project.hot_key import options_digest, project_memo_path, request_of
from blast_project.project import LOCK_NAME, MANIFEST_NAME, PYLOCK_NAME, SETTINGS_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_project.environment.state import Look
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["contents_of", "read_contents", "remember_lock", "with_members"]


def read_contents(root: str) -> dict[str, bytes]:
    """Return the project's files as they stand, by name."""
    contents = {}
    for name in (MANIFEST_NAME, LOCK_NAME, PYLOCK_NAME, SETTINGS_NAME):
        try:
            with open(os.path.join(root, name), "rb") as file:
                contents[name] = file.read()
        except FileNotFoundError:
            continue
    return contents


def contents_of(root: str, manifest: bytes, locked: LockResult) -> dict[str, bytes]:
    """Return the files of the project at ``root`` as they will stand once the lock is published, by name."""
    contents = {MANIFEST_NAME: manifest, LOCK_NAME: locked.content}
    if locked.text is not None:
        contents[PYLOCK_NAME] = locked.text
    try:
        fd = os.open(os.path.join(root, SETTINGS_NAME), os.O_RDONLY)
    except OSError:
        return contents
    with open(fd, "rb") as file:
        contents[SETTINGS_NAME] = file.read()
    return contents


def with_members(contents: Mapping[str, bytes], project: Project) -> Mapping[str, bytes]:
    """Return the project's files with the manifests of its workspace's members, as they stand, by path."""
    if project.workspace is None:
        return contents
    found = dict(contents)
    for _, path in project.workspace.paths:
        name = f"{path}/{MANIFEST_NAME}"
        with open(os.path.join(project.root, name), "rb") as file:
            found[name] = file.read()
    return found


def remember_lock(session: Session, root: str, contents: Mapping[str, bytes], seen: Look | None = None) -> None:
    """Let the next ``lock`` with nothing to do see so at a glance."""
    config = session.config_key(root)
    digest = options_digest(request_of(root, session.settings.python), "", "lock", config=config)
    try:
        write_memo(root, project_memo_path(session.settings.home, root), digest, contents, seen)
    except OSError:
        # A store that can't be written only remembers nothing: the next lock looks again.
        return
