"""Packages for one run on top of an environment: what is asked for goes before, what is there stays visible.

So runs may be nested: what the inner one asks for is found first, then what the outer one asked for, each version
where its own run put it.
"""

from __future__ import annotations

import os

from blast_project.environment.layout import python_path
from blast_project.project import environment_path, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session

__all__ = ["find_below"]


def find_below(session: Session, request: str, environments: Sequence[str]) -> tuple[Interpreter, str]:
    """Return the interpreter of a run with packages, and the site-packages of the environment that it is on top of.

    Args:
        session: services; an interpreter that its options name goes before that of the environment.
        request: the interpreter that the directory asks for; "" for none.
        environments: those that may be there, the first that is counts; "" for none. That of a project around, which
            was left out, does not.

    Returns:
        "" for site-packages where there is no environment, or its Python is of another minor version.
    """
    root = find_root(session.settings.directory)
    left_out = os.path.realpath(environment_path(root, session.settings)) if root is not None else ""
    there = (path for path in environments if path and os.path.exists(python_path(path)))
    stands = next((path for path in there if os.path.realpath(path) != left_out), "")
    asked = request if not stands or session.settings.python else request or python_path(stands)
    interpreter = session.find_interpreter(asked)
    site_packages = os.path.join(os.path.abspath(stands), interpreter.site_packages) if stands else ""
    return interpreter, site_packages if os.path.isdir(site_packages) else ""
