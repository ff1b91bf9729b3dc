"""Getting an interpreter that is not there: when one is asked for, and downloads are allowed."""

from __future__ import annotations

from blast_core.errors import BlastError, InterpreterNotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_project.session import Session

__all__ = ["obtain_interpreter"]


def obtain_interpreter(
    session: Session, request: str, requires_python: str, manifest: Manifest | None, missing: InterpreterNotFound
) -> Interpreter:
    """Install the newest interpreter that answers to ``request`` and satisfies ``requires_python``, and return it.

    Args:
        session: settings and reporter.
        request: what was asked for; no path.
        requires_python: a specifier set; empty for any.
        manifest: of the project, whose settings count.
        missing: what was raised when none was found.

    Raises:
        InterpreterNotFound: ``missing`` where nothing may be downloaded, or there is no such build.
        IndexAccessError, IntegrityError, ProbeFailed: it can't be had, or is not what it should be.
    """
    from blast_project.python.catalogue import open_catalogue
    from blast_project.python.discover import PREFERENCES, is_path, settle
    from blast_project.python.installations import installations_root
    from blast_project.python.installing import choose_build, install_build
    from blast_project.python.policy import read_downloads, read_preference
    from blast_project.python.request import parse_request

    settings = session.settings
    tool = manifest.tool if manifest is not None else {}
    allowed = read_downloads(settings, tool)
    if is_path(request) or read_preference(settings, tool) == PREFERENCES[3]:
        raise missing
    if allowed != "automatic" or settings.offline:
        why = "--offline" if allowed == "automatic" else f"python-downloads is {allowed}"
        missing.reason = f"{missing.reason}; none is downloaded ({why})"
        raise missing
    try:
        catalogue = open_catalogue(session, tool)
        build = choose_build(catalogue, request, (requires_python,) if requires_python else ())
    except (UsageError, InterpreterNotFound):
        # The name of a program, or a version that nobody has built.
        raise missing from None
    root = installations_root(session)
    session.reporter.note(f"{missing.message}; installing {build.key}")
    try:
        installed = install_build(session, catalogue, build, root)
    except BlastError as error:
        error.hint = error.hint or "'--python-downloads never' looks only at what is on this machine"
        raise
    return settle(session.interpreters.get(installed.installation.executable), root, parse_request(request))
