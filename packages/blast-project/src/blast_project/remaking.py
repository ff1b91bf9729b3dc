"""Making a generation again that a power loss spoiled, from what it says of itself and what the store holds."""

from __future__ import annotations

from blast_core.errors import InstallError
from blast_project.applying import Change, composition_of
from blast_project.environment.generations import read_snapshots
from blast_project.environment.soundness import find_loss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.environment.generations import Generation
    from blast_project.environment.manager import VenvManager
    from blast_project.session import Session

__all__ = ["remake"]


def remake(session: Session, manager: VenvManager, target: Generation) -> Generation:
    """Return ``target`` if it is whole, else a new generation that holds the same; the caller holds the locks.

    Raises:
        InstallError: its interpreter, its files or one of its distributions are gone.
    """
    session.cache.rows.recheck()
    lost = find_loss(manager.environment, target)
    if not lost:
        return target
    found = session.cache.find(row.sha256 for row in target.installed)
    missing = [row.name for row in target.installed if row.sha256 not in found]
    try:
        snapshots = read_snapshots(manager.environment, target)
    except InstallError:
        missing.append("the project's files")
        snapshots = {}
    if missing:
        raise InstallError(
            f"generation {target.number} was spoiled when the machine went down",
            reason=f"lost: {', '.join(missing)}",
            hint="'blast sync' makes an environment of the present manifest",
        )
    change = Change(
        tuple(found[row.sha256] for row in target.installed),
        command=target.command,
        link_mode=target.link_mode,
        requested=frozenset(row.name for row in target.installed if row.requested),
        direct_urls={row.name: row.direct_url for row in target.installed if row.direct_url},
        snapshots=snapshots,
        options=target.options,
    )
    interpreter = session.interpreters.get(target.executable)
    number = manager.compose(interpreter, composition_of(session, change), session.reporter)
    session.reporter.note(f"generation {target.number} was spoiled when the machine went down; it is made again")
    made = manager.find(number)
    assert made is not None
    return made
