"""Installing, upgrading and removing command-line tools, each in an environment of its own.

The environment is Blast's own kind: it is changed by a new generation, so a tool that can't be upgraded stays the one
it was. Links are made after that, the receipt is written last.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import BlastError, InstallError, UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.tool_options import with_recorded
from blast_project.tool_programs import (
    check_free,
    find_links,
    find_programs,
    link_programs,
    programs_directory,
    unlink_programs,
)
from blast_project.tool_receipts import Receipt, find_tool, list_tools, tool_path, tools_directory, write_receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_project.changes import VersionChange
    from blast_project.pip_interface import PipResult
    from blast_project.session import Session
    from blast_project.settings import Settings

__all__ = ["InstallOptions", "ToolChange", "install_tool", "outdated_tools", "uninstall_tools", "upgrade_tools"]


class InstallOptions(NamedTuple):
    """How a tool is installed.

    Attributes:
        upgrade: take the newest versions, although others are there.
        reinstall: install again what is there.
        force: replace programs of others, and install again.
    """

    upgrade: bool = False
    reinstall: bool = False
    force: bool = False


class ToolChange(NamedTuple):
    """What became of a tool.

    Attributes:
        name: normalised.
        before: the version that was there; "" for none.
        after: the version that is there now; "" for none.
        programs: paths of its programs.
        changes: of all distributions in its environment.
        environment: absolute path.
        python: version of its interpreter.
    """

    name: str
    before: str
    after: str
    programs: tuple[str, ...]
    changes: tuple[VersionChange, ...]
    environment: str
    python: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.changes) or self.before != self.after


def install_tool(settings: Settings, reporter: Reporter, asked: Receipt, options: InstallOptions) -> ToolChange:
    """Install a tool as a receipt asks for it.

    Args:
        settings: what the user set; further constraints and overrides are the receipt's.
        reporter: is told of progress.
        asked: what is wanted.
        options: how.

    Raises:
        UsageError: the distribution brings no program.
        FileConflict: a program of that name is somebody else's.
        NoSolution, IndexAccessError, IntegrityError, InstallError: the tool is as it was, or is not there.
    """
    from blast_project.exclusive import exclusive_below

    environment = tool_path(settings, asked.name)
    # Not the environment's own lock, which whoever changes it takes.
    with exclusive_below(settings.home, f"{environment}.tool"):
        before = find_tool(settings, asked.name)
        if before is not None and before.asks_the_same(asked) and _stands(before) and not any(options):
            return ToolChange(asked.name, before.version, before.version, before.programs, (), environment)
        return _Installing(settings, reporter, asked, before, environment, options).run()


def upgrade_tools(
    settings: Settings, reporter: Reporter, names: Sequence[str], python: str = ""
) -> tuple[list[ToolChange], dict[str, BlastError]]:
    """Bring tools to the newest versions that their receipts allow; all of them where none is named.

    Returns:
        What became of each, and why those are as they were that could not be upgraded.

    Raises:
        UsageError: one is not installed.
        NoSolution, IndexAccessError, IntegrityError, InstallError: there is but one, and it is as it was.
    """
    receipts = [row._replace(python=python) if python else row for row in _receipts(settings, names)]
    done, failed = [], {}
    for row in receipts:
        try:
            done.append(install_tool(settings, reporter, row, InstallOptions(upgrade=True)))
        except BlastError as error:
            if len(receipts) == 1:
                raise
            failed[row.name] = error
    return done, failed


def uninstall_tools(
    session: Session, names: Sequence[str], *, everything: bool = False
) -> tuple[list[ToolChange], dict[str, BlastError]]:
    """Remove tools with their programs.

    Returns:
        What became of each, and why those are as they were that could not be removed.

    Raises:
        UsageError: there is but one name, and it is not installed.
        InstallError: there is but one, and a program runs in it.
    """
    known = dict(list_tools(session.settings))
    wanted = sorted(known) if everything else list(dict.fromkeys(normalize_name(name) for name in names))
    done, failed = [], {}
    for name in wanted:
        try:
            if name not in known:
                raise _unknown(name, known)
            done.append(_uninstall(session, name, known[name]))
        except BlastError as error:
            if len(wanted) == 1:
                raise
            failed[name] = error
    return done, failed


def outdated_tools(settings: Settings, reporter: Reporter) -> dict[str, str]:
    """Return the newest version that its receipt allows of each tool that has an older one.

    A tool that nothing can be found out of is told to the reporter.
    """
    found = {}
    for name, receipt in list_tools(settings):
        if receipt is None:
            continue
        environment = tool_path(settings, name)
        try:
            result = _ask_pip(settings, reporter, receipt, environment, upgrade=True, dry_run=True)
        except BlastError as error:
            # One index that can't be reached says nothing of the others.
            reporter.note(f"nothing is known of {name}: {error.message}")
            continue
        for change in result.changes:
            if change.name == name and change.before and change.after:
                found[name] = change.after
    return found


class _Installing:
    """One installation; its tool is locked."""

    def __init__(
        self,
        settings: Settings,
        reporter: Reporter,
        asked: Receipt,
        before: Receipt | None,
        environment: str,
        options: InstallOptions,
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._asked = asked
        self._before = before
        self._environment = environment
        self._options = options
        self._number = 0
        self._was_there = False
        self._recorded = before.programs if before is not None else ()

    def run(self) -> ToolChange:
        from blast_project.environment.generations import current_number

        self._number = current_number(self._environment)
        self._was_there = os.path.lexists(self._environment)
        options = self._options
        again = options.reinstall or (options.force and self._before is not None)
        try:
            interpreter = self._make_environment()
            result = _ask_pip(
                self._settings,
                self._reporter,
                self._asked,
                self._environment,
                upgrade=options.upgrade,
                reinstall=again,
            )
            programs, version = self._programs(interpreter)
            links = link_programs(
                programs,
                programs_directory(self._settings.environ),
                self._environment,
                self._recorded,
                force=options.force,
            )
        except BaseException:
            self._take_back()
            raise
        unlink_programs(sorted(set(self._recorded) - set(links)), self._environment)
        write_receipt(self._environment, self._asked._replace(programs=links, version=version))
        before = self._before.version if self._before is not None else ""
        return ToolChange(
            self._asked.name, before, version, links, result.changes, self._environment, interpreter.version
        )

    def _make_environment(self) -> Interpreter:
        """Return the interpreter of the environment, which is made where it is not there or has another one."""
        from blast_core.reporter import SilentReporter
        from blast_project.environment.layout import environment_interpreter, is_virtual_environment
        from blast_project.environment.manager import VenvManager
        from blast_project.exclusive import exclusive
        from blast_project.session import Session

        asked, settings = self._asked, self._settings
        standing = environment_interpreter(self._environment) if is_virtual_environment(self._environment) else ""
        with Session(settings._replace(python=asked.python or settings.python), self._reporter) as session:
            wanted = session.find_interpreter() if asked.python or not standing else None
            if standing and (wanted is None or _is_same(session, standing, wanted)):
                return session.interpreters.get(standing)
            interpreter = wanted or session.find_interpreter()
            fs.make_directories(os.path.dirname(self._environment))
            with exclusive(session, self._environment):
                manager = VenvManager(self._environment)
                manager.create(interpreter, reporter=SilentReporter(), prompt=asked.name, clear=True)
        return interpreter

    def _programs(self, interpreter: Interpreter) -> tuple[list[str], str]:
        """Return the paths of the programs to be linked, and the tool's version."""
        from blast_project.pip.inventory import find_distributions

        asked, environment = self._asked, self._environment
        names = (asked.name, *asked.sources)
        found = find_programs(environment, interpreter.site_packages, interpreter.scripts, names)
        for name in names:
            if not found[name]:
                raise _without_programs(name, environment, interpreter)
        programs = [path for name in names for path in found[name]]
        if not self._options.force:
            check_free(programs, programs_directory(self._settings.environ), environment, self._recorded)
        site = os.path.join(environment, *interpreter.site_packages.split("/"))
        versions = {row.key: row.version for row in find_distributions((site,))}
        return programs, versions.get(asked.name, "")

    def _take_back(self) -> None:
        """Leave the environment as it was before, or none where nothing was."""
        from blast_project.environment.generations import current_number
        from blast_project.environment.manager import VenvManager

        if self._number and current_number(self._environment) != self._number:
            VenvManager(self._environment).switch(self._number)
        elif not self._was_there and os.path.lexists(self._environment):
            fs.remove_tree(self._environment)


def _ask_pip(
    settings: Settings,
    reporter: Reporter,
    asked: Receipt,
    environment: str,
    *,
    upgrade: bool = False,
    reinstall: bool = False,
    dry_run: bool = False,
) -> PipResult:
    """Make the environment hold what a receipt asks for, and nothing else."""
    from blast_project.pip_interface import InstallRequest, install
    from blast_project.session import Session

    settings = with_recorded(settings, asked.options)
    policy = settings.policy
    policy = policy._replace(
        constraints=(*policy.constraints, *asked.constraints), overrides=(*policy.overrides, *asked.overrides)
    )
    requirement = () if asked.requirement in asked.editables else (asked.requirement,)
    request = InstallRequest(
        requirements=(*requirement, *asked.extra),
        editables=asked.editables,
        upgrade=upgrade,
        reinstall=reinstall,
        exact=True,
        dry_run=dry_run,
    )
    # Not the project that somebody stands in, whose indexes and limits are nothing to a tool.
    apart = settings._replace(python=environment, policy=policy, directory=tools_directory(settings))
    with Session(apart, reporter) as session:
        return install(session, request)


def _is_same(session: Session, standing: str, wanted: Interpreter) -> bool:
    from blast_core.errors import InterpreterError

    try:
        return session.interpreters.get(standing).executable == wanted.executable
    except InterpreterError:
        return False


def _stands(receipt: Receipt) -> bool:
    """Tell whether all programs of a tool are there, and lead somewhere."""
    return bool(receipt.programs) and all(os.path.exists(path) for path in receipt.programs)


def _receipts(settings: Settings, names: Sequence[str]) -> list[Receipt]:
    known = dict(list_tools(settings))
    wanted = [normalize_name(name) for name in names] or [
        name for name, receipt in known.items() if receipt is not None
    ]
    found = []
    for name in wanted:
        receipt = known.get(name)
        if receipt is None:
            raise _unknown(name, known)
        found.append(receipt)
    return found


def _unknown(name: str, known: dict[str, Receipt | None]) -> UsageError:
    return UsageError(
        f"the tool {name} is not installed",
        reason=f"installed are {', '.join(known)}" if known else "no tool is",
        hint=f"'blast tool install {name}' installs it",
    )


def _without_programs(name: str, environment: str, interpreter: Interpreter) -> UsageError:
    from blast_project.pip.inventory import find_distributions

    site = os.path.join(environment, *interpreter.site_packages.split("/"))
    others = sorted(row.key for row in find_distributions((site,)) if row.key != name)
    found = find_programs(environment, interpreter.site_packages, interpreter.scripts, others)
    with_some = [other for other in others if found[other]]
    return UsageError(
        f"{name} brings no program",
        reason="it is a library" + (f"; {', '.join(with_some)} came with it and brings some" if with_some else ""),
        hint=f"'blast tool install {with_some[0]}'" if with_some else f"'blast add {name}' puts it into a project",
    )


def _uninstall(session: Session, name: str, receipt: Receipt | None) -> ToolChange:
    from blast_project.exclusive import exclusive
    from blast_project.retiring import remove_environment

    environment = os.path.join(tools_directory(session.settings), name)
    with exclusive(session, f"{environment}.tool"):
        # Links first: whoever is killed then finds the tool listed still, and no link that leads nowhere.
        directory = programs_directory(session.settings.environ)
        links = receipt.programs if receipt is not None else find_links(directory, environment)
        removed = unlink_programs(links, environment)
        try:
            # Another command may have been quicker, since it was found.
            is_gone = not os.path.lexists(environment) or remove_environment(session, environment)
        except BaseException:
            _link_again(removed, environment)
            raise
        if not is_gone:
            _link_again(removed, environment)
            raise InstallError(
                f"{name} is in use", reason="a program of it runs", hint="end it, and uninstall it again"
            )
    version = receipt.version if receipt is not None else ""
    return ToolChange(name, version, "", removed, (), environment)


def _link_again(links: Sequence[str], environment: str) -> None:
    scripts = os.path.join(environment, "Scripts" if os.name == "nt" else "bin")
    for link in links:
        link_programs([os.path.join(scripts, os.path.basename(link))], os.path.dirname(link), environment)
