"""All checks in their order, and what a sync mends of them."""

from __future__ import annotations

import os

from blast_core.errors import BlastError
from blast_core.tuples import NamedTuple
from blast_project.doctor.environment import check_environment, check_project, dead_scripts
from blast_project.doctor.model import MENDED, NOTE, OK, PROBLEM, Check
from blast_project.doctor.renewing import open_up, renew_objects
from blast_project.doctor.store import check_store
from blast_project.doctor.tools import check_tools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["Examination", "examine"]


class Examination(NamedTuple):
    """What was found.

    Attributes:
        home: the store.
        environment: the project's; empty outside of projects.
        checks: in the order in which they were made.
    """

    home: str
    environment: str
    checks: tuple[Check, ...]

    @property
    def problems(self) -> int:
        """How many are left."""
        return sum(check.state == PROBLEM for check in self.checks)

    @property
    def mended(self) -> int:
        """How many were mended."""
        return sum(check.state == MENDED for check in self.checks)


def examine(session: Session, *, fix: bool) -> Examination:
    """Check the store, and the project around the directory with its environment.

    Args:
        session: services.
        fix: mend what can be mended: the store by itself, the environment by a sync.
    """
    from blast_project.project import environment_path, find_root

    checks = list(check_store(session, fix=fix))
    checks += check_tools(session, fix=fix)
    root = find_root(session.settings.directory)
    if root is None:
        checks.append(Check("project.manifest", OK, "there is no project here"))
        return Examination(session.settings.home, "", tuple(checks))
    environment = environment_path(root, session.settings)
    project = list(check_project(session, root))
    checks += project
    found = list(check_environment(session, environment, fix=fix))
    if fix and not any(check.state == PROBLEM and check.name == "project.manifest" for check in project):
        found = _sync(session, environment, found)
    elif any(check.state == PROBLEM for check in found):
        # What says that nothing is to be done looks at too little to see it.
        _distrust(environment)
    return Examination(session.settings.home, environment, (*checks, *found))


def _sync(session: Session, environment: str, found: list[Check]) -> list[Check]:
    """Mend an environment by a sync where something is wrong with it, and return what is left."""
    from blast_project.operations import SyncOptions, sync_here

    wrong = [check for check in found if check.state in (PROBLEM, MENDED) or _is_foreign(check)]
    if not wrong or any(check.state == PROBLEM and check.name == "environment.place" for check in wrong):
        return found
    _remove_dead_scripts(environment, found)
    open_up(environment)
    _distrust(environment)
    try:
        sync_here(session, SyncOptions(command="self doctor"))
        after = {check.name: check for check in check_environment(session, environment, fix=False)}
        if any(check.state == PROBLEM and check.name == "environment.contents" for check in after.values()):
            # The links are right, so what they lead to is not.
            renew_objects(session, environment)
            _distrust(environment)
            wishes = session.settings.wishes._replace(reinstall=True)
            session.settings = session.settings._replace(wishes=wishes)
            sync_here(session, SyncOptions(command="self doctor"))
            after = {check.name: check for check in check_environment(session, environment, fix=False)}
    except (BlastError, OSError) as error:
        hint = error.hint if isinstance(error, BlastError) else ""
        return [*found, Check("environment.sync", PROBLEM, "the environment can't be mended", str(error), hint)]
    rows = []
    for check in found:
        again = after.pop(check.name, None)
        if check.state == MENDED or again is None or again.state == PROBLEM or check not in wrong:
            rows.append(again if again is not None and again.state == PROBLEM else check)
        else:
            rows.append(Check(check.name, MENDED, check.what, check.why, "", check.paths))
    return [*rows, *after.values()]


def _is_foreign(check: Check) -> bool:
    return check.state == NOTE and check.name in ("environment.place", "environment.drift")


def _remove_dead_scripts(environment: str, found: list[Check]) -> None:
    if not any(check.name == "environment.scripts" and check.state == PROBLEM for check in found):
        return
    from blast_core import fs
    from blast_project.environment.generations import current_number
    from blast_project.environment.layout import generations_directory

    number = current_number(environment)
    directory = os.path.join(generations_directory(environment), str(number), "Scripts" if os.name == "nt" else "bin")
    for name in list(dead_scripts(environment, number)):
        fs.unlink(os.path.join(directory, name))


def _distrust(environment: str) -> None:
    """Have the sync look closely."""
    from blast_core import fs

    try:
        fs.unlink(os.path.join(environment, ".blast", "state"))
    except OSError:
        return
