"""What will very likely be installed, told from what a resolver reads: its wheels are fetched while it goes on.

A resolver that waits for a registry far away leaves the connection idle most of the time. Nearly all that it reads the
requirements of is chosen in the end: the newest versions, which are read before it asks, and those that it comes to. Of
each project such a version is taken for the one as soon as something leads to it from what will be installed here:
requirements whose markers hold on this machine, of groups that were asked for. What the resolver comes to replaces what
was guessed, once. Nothing of that decides: what is installed is told by the lock.
"""

from __future__ import annotations

from _thread import allocate_lock

from blast_core.errors import BlastError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.source import RegistryMetadata
    from blast_project.project import GroupRequirement, Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

    #: Project, version, requirements, and whether the resolver came to it.
    _Candidate = tuple[str, str, Sequence[Requirement], bool]

__all__ = ["ForeseenWishes", "Foresight", "foresee", "foresee_project"]

_NOTHING: Mapping[str, str] = {}


class ForeseenWishes(NamedTuple):
    """What is asked for, and what is known of the answer.

    Attributes:
        requirements: of what is installed.
        bound: names of which the newest version is no good guess, because another is preferred or limits count.
        all_bound: that is so of every name.
        there: versions by name that stand already, of whose wheels nobody has need.
    """

    requirements: tuple[Requirement, ...]
    bound: frozenset[str] = frozenset()
    all_bound: bool = False
    there: Mapping[str, str] = _NOTHING

    def is_bound(self, name: str) -> bool:
        """Tell whether only the resolver knows what it will choose of a project."""
        return self.all_bound or name in self.bound


def foresee_project(
    session: Session,
    project: Project,
    rows: Iterable[GroupRequirement],
    metadata: RegistryMetadata,
    installing: tuple[Interpreter, GroupSelection],
    preferred: Iterable[str] = (),
) -> None:
    """Let what a project will install be fetched while it is resolved.

    Args:
        session: services.
        project: what is resolved.
        rows: its requirements.
        metadata: what the resolver asks.
        installing: for which interpreter, and which groups.
        preferred: names of which a certain version is tried first.
    """
    from blast_project.selection import chosen_groups

    interpreter, selection = installing
    try:
        mask = chosen_groups(project, project.groups, selection)
    except BlastError:
        return  # it is said when the lock stands
    groups = {group for bit, group in enumerate(project.groups) if mask >> bit & 1}
    foresee(session, interpreter, [row.requirement for row in rows if row.group in groups], metadata, preferred)


def foresee(
    session: Session,
    interpreter: Interpreter,
    requirements: Iterable[Requirement],
    metadata: RegistryMetadata,
    preferred: Iterable[str] = (),
    there: Mapping[str, str] = _NOTHING,
) -> None:
    """Let what these requirements lead to be fetched while they are resolved.

    Args:
        session: services.
        interpreter: for which is installed.
        requirements: what is asked for.
        metadata: what the resolver asks.
        preferred: names of which a certain version is tried first.
        there: versions by name that stand already, of whose wheels nobody has need.
    """
    from blast_project.resolving import files_that_count

    policy = session.policy
    rules = policy.resolution
    limited = {row.name for row in (*rules.constraints, *rules.overrides)}
    bound = frozenset((*preferred, *limited, *rules.package_prereleases))
    is_usual = rules.resolution == "highest" and rules.prereleases != "allow"
    wishes = ForeseenWishes(tuple(requirements), bound, not is_usual, there)
    metadata.watch = Foresight(session, interpreter, files_that_count(session, policy), metadata, wishes).see


class Foresight:
    """Follows what a resolver looks at; may be told from any thread.

    Args:
        session: services.
        interpreter: for which is installed.
        policy: which files count.
        metadata: what the resolver asks.
        wishes: what is asked for, and what is known of the answer.
    """

    def __init__(
        self,
        session: Session,
        interpreter: Interpreter,
        policy: FilePolicy,
        metadata: RegistryMetadata,
        wishes: ForeseenWishes,
    ) -> None:
        self._session = session
        self._target = interpreter.target
        self._policy = policy
        self._metadata = metadata
        self._wishes = wishes
        self._lock = allocate_lock()
        #: What was told of while nothing had to be waited for; None from then on.
        self._early: list[_Candidate] | None = []
        self._asked: dict[str, dict[str, None]] = {}
        self._specifiers: dict[str, set[str]] = {}
        self._seen: dict[str, _Candidate] = {}
        self._begun: dict[str, tuple[str, str]] = {}
        self._holds: dict[tuple[str, str], bool] = {}
        self._fits: dict[tuple[str, str], bool] = {}

    def see(self, name: str, version: str, requirements: Sequence[Requirement], is_decided: bool) -> None:  # noqa: FBT001
        """Take note of a candidate.

        Args:
            name: its project.
            version: which.
            requirements: its own, unevaluated.
            is_decided: the resolver has come to it; else it will likely come to it.

        Cost: next to nothing as long as no answer had to be waited for.
        """
        candidate = (name, version, requirements, is_decided)
        with self._lock:
            if self._early is None:
                self._look_at(candidate)
                return
            self._early.append(candidate)
            if self._session.client.is_far_away:
                early, self._early = self._early, None
                self._ask(self._wishes.requirements, "")
                for each in early:
                    self._look_at(each)

    def _look_at(self, candidate: _Candidate) -> None:
        name, version, _, is_decided = candidate
        if not is_decided and self._wishes.is_bound(name):
            return
        known = self._seen.get(name)
        if known is not None and (known[3] or not is_decided):
            return
        if not any(self._runs_with(file) for file in self._files(candidate)):
            return
        self._seen[name] = candidate
        if known is not None and known[1] == version and name in self._begun:
            return
        if name in self._asked:
            self._begin(name)
            self._follow(name)

    def _follow(self, name: str) -> None:
        """Go on to all that what was seen of a project leads to."""
        waiting = [(name, extra) for extra in self._asked[name]]
        while waiting:
            name, extra = waiting.pop()
            waiting += self._ask(self._seen[name][2], extra)

    def _ask(self, rows: Iterable[Requirement], extra: str) -> list[tuple[str, str]]:
        """Take note of requirements of what will be installed; return what was seen of what is new in them."""
        found = []
        for row in rows:
            if row.url or not self._applies(row.marker, extra):
                continue
            name = row.name
            asked = self._asked.setdefault(name, {})
            new = [wanted for wanted in ("", *row.extras) if wanted not in asked]
            asked.update(dict.fromkeys(new))
            if row.specifier:
                self._specifiers.setdefault(name, set()).add(row.specifier)
            if new and name in self._seen:
                self._begin(name)
                found += [(name, wanted) for wanted in new]
        return found

    def _begin(self, name: str) -> None:
        """Let the wheel come that will be installed of a project, if there is one, in the place of what was guessed."""
        _, version, _, is_decided = self._seen[name]
        begun = self._begun.get(name)
        if (begun is not None and begun[0] == version) or self._wishes.there.get(name) == version:
            return
        if not is_decided and not all(self._admits(row, version) for row in self._specifiers.get(name, ())):
            return
        from blast_pm.metadata.records import best_wheel
        from blast_project.resolving import as_wanted

        early = self._session.early
        if begun is not None:
            early.drop(begun[1])
        file = best_wheel(self._files(self._seen[name]), self._target)
        self._begun[name] = (version, file.sha256 if file is not None else "")
        if file is not None and self._runs_with(file):
            early.begin(as_wanted(self._session.client, name, version, file))

    def _files(self, candidate: _Candidate) -> Sequence[IndexFile]:
        name, version, _, _ = candidate
        files = self._metadata.files(name, version)
        if self._policy.key(name):
            return [file for file in files if self._policy.allows(name, file)]
        return files

    def _applies(self, marker: str, extra: str) -> bool:
        if not marker:
            return not extra
        known = self._holds.get((marker, extra))
        if known is None:
            from blast_core.markers import evaluate_marker

            extras = (extra,) if extra else ()
            try:
                known = evaluate_marker(marker, self._target.marker_environment, extras)
            except BlastError:
                known = False
            self._holds[marker, extra] = known
        return known

    def _runs_with(self, file: IndexFile) -> bool:
        return not file.requires_python or self._admits(file.requires_python, self._target.python_version)

    def _admits(self, specifier: str, version: str) -> bool:
        known = self._fits.get((specifier, version))
        if known is None:
            from blast_core.version import make_version_table, specifier_mask

            try:
                known = bool(specifier_mask(specifier, make_version_table((version,))))
            except BlastError:
                known = False
            self._fits[specifier, version] = known
        return known
