"""Answers when nothing is to be done: stamps of two files compared with a small struct, then a line or an exec.

Whatever is not plain here goes the long way: ``answer`` returns None. Importing is counted in hundreds of microseconds,
so nothing is imported but ``os``, ``sys``, ``struct`` and a few small modules of ours; a test holds the list.
"""

import os
import sys

__all__ = ["answer"]

# What a variable of an option that is on or off may say for off.
_OFF = ("", "0", "false", "no", "off")
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def answer(arguments: list[str]) -> int | None:
    """Return the exit status when the command needed nothing but a look; None when it must go the long way."""
    verb = arguments[0]
    if verb in {"--version", "-V"}:
        if len(arguments) > 1:
            return None
        from blast_cli import __version__

        sys.stdout.write(f"blast {__version__}\n")
        return 0
    rest = arguments[1:]
    if verb == "run":
        # An option before the command, or a word that only the long way understands.
        if not rest or rest[0].startswith("-") or os.name == "nt":
            return None
    elif not set(rest) <= ({"-q", "--quiet", "--offline"} if verb == "lock" else {"-q", "--quiet"}):
        return None
    root = _find_root(os.getcwd())
    if root is None:
        return None
    from blast_project.hot_key import has_unknown_options

    if has_unknown_options(os.environ):
        return None
    if verb == "lock":
        return _lock(root, rest)
    return _sync_or_run(root, verb, rest)


def _sync_or_run(root: str, verb: str, rest: list[str]) -> int | None:
    from blast_project.environment.state import is_current
    from blast_project.hot_key import config_key, options_digest, request_of

    environ = os.environ
    environment = os.path.normpath(os.path.join(root, environ.get("BLAST_PROJECT_ENVIRONMENT") or ".venv"))
    request = request_of(root, environ.get("BLAST_PYTHON", ""))
    config = config_key(environ, root)
    digest = options_digest(request, environ.get("BLAST_LINK_MODE", ""), "", config=config)
    state = is_current(root, environment, digest, wider=verb == "run")
    if state is None:
        return None
    if verb == "run":
        from blast_project.environment.leases import hold_generation

        return _run(environment, rest) if hold_generation(environment, state.generation) else None
    if not rest and environ.get("BLAST_QUIET", "").lower() in _OFF:
        sys.stderr.write("The environment is up to date\n")
    return 0


def _lock(root: str, rest: list[str]) -> int | None:
    from blast_core.home import find_home
    from blast_project.environment.state import is_memo_current
    from blast_project.hot_key import config_key, options_digest, project_memo_path, request_of

    environ = os.environ
    config = config_key(environ, root)
    digest = options_digest(request_of(root, environ.get("BLAST_PYTHON", "")), "", "lock", config=config)
    home = find_home(environ)
    quiet = "-q" in rest or "--quiet" in rest or environ.get("BLAST_QUIET", "").lower() not in _OFF
    if not is_memo_current(root, project_memo_path(home, root), digest):
        if config or _has_lock(root) or _find_root(os.path.dirname(root)) is not None:
            return None
        from blast_cli.replay import replay

        offline = "--offline" in rest or environ.get("BLAST_OFFLINE", "").lower() not in _OFF
        return replay(root, home, digest, offline=offline, quiet=quiet)
    if not quiet:
        sys.stderr.write("The lock is up to date\n")
    return 0


def _has_lock(root: str) -> bool:
    return os.path.lexists(f"{root}/blast.lock") or os.path.lexists(f"{root}/pylock.toml")


def _run(environment: str, words: list[str]) -> int | None:
    """Become the program when it is a script of the environment or a file for its Python."""
    scripts = environment + os.sep + _SCRIPTS
    first = words[0]
    python = scripts + os.sep + "python"
    if first.endswith(".py") and os.path.isfile(first):
        line = [python, *words]
    elif os.sep in first:
        return None
    else:
        line = [scripts + os.sep + first, *words[1:]]
    variables = dict(os.environ)
    variables["VIRTUAL_ENV"] = environment
    path = variables.get("PATH", "")
    variables["PATH"] = f"{scripts}{os.pathsep}{path}" if path else scripts
    variables.pop("PYTHONHOME", None)
    try:
        os.execve(line[0], line, variables)  # noqa: S606 - becoming the user's command is the purpose
    except OSError:
        # Not in the environment: the long way looks on PATH and explains.
        return None


def _find_root(directory: str) -> str | None:
    while True:
        try:
            os.stat(directory + os.sep + "pyproject.toml")
        except OSError:
            parent = os.path.dirname(directory)
            if parent == directory:
                return None
            directory = parent
        else:
            return directory
