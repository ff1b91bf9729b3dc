"""Taking environments and generations away that nobody has used for long, unless a program runs in them."""

from __future__ import annotations

import errno
import os

from blast_core import fs
from blast_core.errors import InstallError, StoreError, StoreLocked
from blast_pm.store.roots import find_roots
from blast_pm.store.staging import Staging
from blast_project.environment import generations
from blast_project.environment.generations import current_number, list_numbers
from blast_project.environment.layout import generations_directory
from blast_project.environment.reserving import reserve
from blast_project.exclusive import exclusive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["has_leftovers", "prune_generations", "remove_environment", "sweep_environments"]


def remove_environment(session: Session, path: str) -> bool:
    """Remove an environment; False, and nothing changes, while it is in use.

    Raises:
        InstallError: what stands there is no environment of Blast's.
        OSError: the disk refuses.
    """
    try:
        with exclusive(session, path, timeout_s=0):
            return _remove(session, path)
    except StoreLocked:
        return False


def _remove(session: Session, path: str) -> bool:
    from contextlib import ExitStack

    if os.path.islink(path) or not os.path.isdir(generations_directory(path)):
        raise InstallError(
            f"{path} is no environment of Blast's", reason="it may hold something of value", hint="remove it by hand"
        )
    with ExitStack() as stack:
        for number in list_numbers(path):
            if not stack.enter_context(reserve(path, number)):
                return False
        staging = stack.enter_context(Staging(session.cache.paths.staging))
        # In one instant: whoever looks for it finds all of it or nothing.
        try:
            fs.rename(path, os.path.join(staging.path, "environment"))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _remove_beside(path)
    return True


def _remove_beside(path: str) -> None:
    """Remove an environment that is on another file system than the store; its lock is held."""
    hidden = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.removed")
    if os.path.lexists(hidden):
        # A killed command left it.
        fs.remove_tree(hidden)
    fs.rename(path, hidden)
    fs.remove_tree(hidden)


def has_leftovers(environment: str) -> bool:
    """Tell whether a killed command left something among the generations, or a running one builds there."""
    try:
        return any(name.startswith(".") for name in os.listdir(generations_directory(environment)))
    except OSError:
        return False


def sweep_environments(session: Session) -> None:
    """Remove what killed commands left in environments: their half-made generations hold links to objects.

    An environment that a command changes now is passed over.
    """
    for root in find_roots(session.cache.paths.home):
        if not has_leftovers(root.environment):
            continue
        try:
            with exclusive(session, root.environment, timeout_s=0):
                generations.remove_leftovers(root.environment)
        except (StoreError, OSError):
            # It can't be written, or it is in use: there will be another time.
            continue


def prune_generations(session: Session, environment: str, keep: int) -> list[int]:
    """Remove the oldest generations of an environment but ``keep``.

    The current one stays, and so does one in which a program runs. While a command changes the environment, nothing is
    removed.

    Returns:
        The numbers of those that went.
    """
    try:
        with exclusive(session, environment, timeout_s=0):
            # Before its first switch an environment has none that could be spared.
            return generations.prune(environment, keep) if current_number(environment) else []
    except (StoreError, OSError):
        return []
