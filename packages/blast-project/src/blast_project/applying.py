"""Changing an environment: a new generation from stored distributions, and the difference to the one before."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.store.flushing import flush_later
from blast_project.bytecode import BACKGROUND, WAIT, compile_later, compile_now, when_to_compile
from blast_project.environment.generations import settled_path
from blast_project.environment.manager import Composition, VenvManager
from blast_project.settings import settle_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.install.decisions import Memos
    from blast_pm.store.cache import StoredDistribution
    from blast_project.environment.generations import Generation
    from blast_project.session import Session

__all__ = ["Change", "apply_change", "composition_of"]


class Change(NamedTuple):
    """What an environment shall hold, and what history says of it.

    Attributes:
        stored: the distributions.
        command: for history.
        link_mode: as `blast_pm.install.link.parse_modes` reads it; empty for the default.
        requested: normalised names asked for by name.
        direct_urls: content of direct_url.json by normalised name.
        snapshots: the project's files of this moment, by name.
        prompt: for activated shells.
        options: digest of the options, for the state file.
        project: directory of the project; empty for none.
        memos: keeps what composing decides.
    """

    stored: Sequence[StoredDistribution]
    command: str
    link_mode: str = ""
    requested: frozenset[str] = frozenset()
    direct_urls: Mapping[str, bytes] = {}
    snapshots: Mapping[str, bytes] = {}
    prompt: str = ""
    options: bytes = b""
    project: str = ""
    memos: Memos | None = None


def composition_of(session: Session, change: Change, bytecode: str = WAIT) -> Composition:
    """Return the change as the environment's manager takes it, the link mode settled.

    Args:
        session: services.
        change: what the environment shall hold.
        bytecode: when it is compiled. Where each module is a link, those of bytecode are added in the background.
    """
    mode = settle_mode(session.settings.link_mode or change.link_mode)
    composition = Composition(change.stored, change.command, mode, *change[3:-1])
    return composition._replace(
        memos=change.memos,
        allow_overwrite=session.settings.allow_overwrite,
        home=session.settings.home,
        bytecode=bytecode == WAIT,
    )


def apply_change(session: Session, environment: str, interpreter: Interpreter, change: Change) -> Generation:
    """Compose a generation, switch to it and return what it says of itself.

    Raises:
        FileConflict, InstallError: the environment is as it was.
    """
    when = when_to_compile(session.settings)
    if when == WAIT:
        compile_now(session, change.stored, interpreter)
    composition = composition_of(session, change, when)
    made = VenvManager(environment).apply(interpreter, composition, session.reporter)
    flush_later(session.settings.home, environment, settled_path(environment, made.number))
    if when == BACKGROUND:
        compile_later(session, environment, made, change.stored, interpreter)
    return made
