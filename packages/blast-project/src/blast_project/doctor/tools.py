"""Checks of installed tools: their environments, and the links to their programs."""

from __future__ import annotations

import os

from blast_core.errors import BlastError, InstallError
from blast_project.doctor.model import MENDED, NOTE, OK, PROBLEM, Check
from blast_project.doctor.renewing import renew_objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_project.session import Session
    from blast_project.tool_receipts import Receipt

__all__ = ["check_tools"]

_SHOWN = 3


def check_tools(session: Session, *, fix: bool) -> Iterator[Check]:
    """Yield one check for each tool that is not as it was installed, or one for all; ``fix`` installs it again."""
    from blast_project.tool_receipts import list_tools, receipt_path, tool_path

    tools = list_tools(session.settings)
    sound = True
    for name, receipt in tools:
        environment = tool_path(session.settings, name)
        if not os.path.lexists(receipt_path(environment)):
            sound = False
            hint = f"'blast tool install {name}' goes on, 'blast tool uninstall {name}' removes it"
            yield Check("tools.contents", NOTE, f"the tool {name} was not finished", "", hint, (environment,))
            continue
        wrong = _wrong_with(session, environment, receipt)
        if wrong:
            sound = False
            yield _mend(session, name, receipt, environment, wrong) if fix else _problem(name, environment, wrong)
    if tools and sound:
        yield Check("tools.contents", OK, f"{len(tools)} tools are as they were installed")


def _wrong_with(session: Session, environment: str, receipt: Receipt | None) -> str:
    """Return what is wrong with a tool, "" for nothing."""
    from blast_project.environment.manager import VenvManager
    from blast_project.environment.soundness import find_damage

    if receipt is None:
        return "its receipt can't be read"
    try:
        said = VenvManager(environment).current()
    except (InstallError, OSError):
        said = None
    if said is None:
        return "its current generation is lost"
    if not os.path.isdir(os.path.join(environment, *said.site_packages.split("/"))):
        return f"{said.site_packages} is gone"
    found = find_damage(environment, said)
    if found:
        return f"not as it was made: {', '.join(found[:_SHOWN])}{' …' if len(found) > _SHOWN else ''}"
    gone = [path for path in receipt.programs if not os.path.exists(path)]
    if gone:
        return f"{gone[0]} is gone"
    known = session.cache.find([row.sha256 for row in said.installed])
    lost = [row.name for row in said.installed if row.sha256 not in known]
    return f"the store has lost {', '.join(lost[:_SHOWN])}{' …' if len(lost) > _SHOWN else ''}" if lost else ""


def _problem(name: str, environment: str, wrong: str) -> Check:
    hint = f"'blast self doctor --fix', or 'blast tool install --force {name}'"
    return Check("tools.contents", PROBLEM, f"the tool {name}: {wrong}", "", hint, (environment,))


def _mend(session: Session, name: str, receipt: Receipt | None, environment: str, wrong: str) -> Check:
    from blast_project.tool_install import InstallOptions, install_tool

    problem = _problem(name, environment, wrong)
    if receipt is None:
        # Nobody knows what was asked for.
        return problem._replace(hint=f"'blast tool install --force {name}', or 'blast tool uninstall {name}'")
    why = ""
    # What it says of itself may be lost, so that nothing can go on from there; then it is made from nothing.
    for step in (None, renew_objects, _remove):
        try:
            if step is not None:
                step(session, environment)
            install_tool(session.settings, session.reporter, receipt, InstallOptions(force=True, reinstall=True))
        except (BlastError, OSError) as error:
            why = str(error)
        if not _wrong_with(session, environment, receipt):
            what = f"the tool {name} is installed again: {wrong}"
            return Check("tools.contents", MENDED, what, "", "", (environment,))
    return problem._replace(why=why)


def _remove(session: Session, environment: str) -> None:
    from blast_core import fs
    from blast_pm.store.staging import Staging

    if os.path.lexists(environment):
        with Staging(session.cache.paths.staging) as staging:
            fs.rename(environment, os.path.join(staging.path, "tool"))
