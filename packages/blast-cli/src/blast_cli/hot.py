"""Answers when nothing is to be done: stamps of two files compared with a small struct, then a line or an exec.

Whatever is not plain here goes the long way: ``answer`` returns None. Importing is counted in hundreds of microseconds,
so nothing is imported but ``os``, ``sys``, ``struct`` and a few small modules of ours; a test holds the list.
"""

import os
import sys

__all__ = ["answer", "become", "find_root"]

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
    if verb == "run":
        return _answer_run(arguments[1:])
    rest = arguments[1:]
    if not set(rest) <= ({"-q", "--quiet", "--offline"} if verb == "lock" else {"-q", "--quiet"}):
        return None
    root = _plain_root()
    if root is None:
        return None
    return _lock(root, rest) if verb == "lock" else _sync_or_run(root, verb, rest)


def _answer_run(words: list[str]) -> int | None:
    if words[:1] == ["--no-env"]:
        return _answer_no_env(words[1:])
    is_script = words[:1] in (["-s"], ["--script"])
    words = words[1:] if is_script else words
    # An option before the command, or a word that only the long way understands.
    if not words or words[0].startswith("-") or os.name == "nt":
        return None
    content = _read(words[0]) if is_script or words[0].endswith((".py", ".pyw")) else b""
    if b"# /// script" in content or b"__requires__" in content:
        return _script(words, content)
    root = None if is_script else _plain_root()
    return _sync_or_run(root, "run", words) if root is not None else None


def _answer_no_env(words: list[str]) -> int | None:
    """Become a program in a view that is remembered for the project, or for a script with metadata."""
    python, directory = os.environ.get("BLAST_PYTHON", ""), ""
    while len(words) > 2 and words[0] in {"-p", "--python", "--project"}:
        if words[0] == "--project":
            directory = words[1]
        else:
            python = words[1]
        words = words[2:]
    is_script = words[:1] in (["-s"], ["--script"])
    words = words[1:] if is_script else words
    if not words or words[0].startswith("-") or os.name == "nt":
        return None
    content = _read(words[0]) if is_script or words[0].endswith((".py", ".pyw")) else b""
    if b"# /// script" in content or b"__requires__" in content:
        return _script(words, content, python)
    root = None if is_script else _plain_root(directory)
    if root is None or _names_variables(_read(root + os.sep + "pyproject.toml")):
        return None
    view = _view(root, python)
    return _run(view, words) if view else None


def _view(root: str, python: str, environment: str = "") -> str:
    """Return the view that is remembered for a project, leased; "" for none."""
    from blast_core.home import find_home
    from blast_project.environment.leases import hold_generation
    from blast_project.environment.state import find_view
    from blast_project.hot_key import config_key, options_digest, view_memo_path, wish_of

    environ = os.environ
    config = config_key(environ, root)
    if config and _names_variables(_read(root + os.sep + "blast.toml"), beside=True):
        return ""
    environment = environment or os.path.join(root, environ.get("BLAST_PROJECT_ENVIRONMENT") or ".venv")
    digest = options_digest(wish_of(root, python, environment), "no-env", "", config=config)
    view = find_view(root, view_memo_path(find_home(environ), root, digest), digest)
    return view if view and hold_generation(view, 1) else ""


def _plain_root(directory: str = "") -> str | None:
    """Return the root of the project around the current directory, unless a variable is set that is not understood."""
    root = find_root(os.path.abspath(directory) if directory else os.getcwd())
    if root is None:
        return None
    from blast_project.hot_key import has_unknown_options

    return None if has_unknown_options(os.environ) else root


def _sync_or_run(root: str, verb: str, rest: list[str]) -> int | None:
    from blast_project.environment.state import is_current
    from blast_project.hot_key import config_key, options_digest, request_of

    environ = os.environ
    environment = os.path.normpath(os.path.join(root, environ.get("BLAST_PROJECT_ENVIRONMENT") or ".venv"))
    request = request_of(root, environ.get("BLAST_PYTHON", ""))
    config = config_key(environ, root)
    digest = options_digest(request, environ.get("BLAST_LINK_MODE", ""), "", config=config)
    state = is_current(root, environment, digest, wider=verb == "run")
    generation = state.generation if state is not None else 0
    if state is None and (os.name == "nt" or os.path.lexists(environment)):
        return None
    quiet = environ.get("BLAST_QUIET", "").lower() not in _OFF
    if verb == "run":
        from blast_project.environment.leases import hold_generation

        if _names_variables(_read(root + os.sep + "pyproject.toml")):
            return None
        if config and _names_variables(_read(root + os.sep + "blast.toml"), beside=True):
            return None
        generation = generation or _make_again(root, environment, verb, quiet=quiet)
        return _run(environment, rest) if generation and hold_generation(environment, generation) else None
    quiet = quiet or bool(rest)
    if state is None:
        return 0 if _make_again(root, environment, verb, quiet=quiet) else None
    if not quiet:
        sys.stderr.write("The environment is up to date\n")
    return 0


def _make_again(root: str, environment: str, verb: str, *, quiet: bool) -> int:
    """Make the environment of a project if one like it was made before, and return the number of its generation."""
    from blast_cli.resync import resync

    return resync(root, environment, verb, quiet=quiet)


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
        if config or _has_lock(root) or find_root(os.path.dirname(root)) is not None:
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
    if first.endswith(".py") and os.path.isfile(first):
        return become(environment, [scripts + os.sep + "python", *words])
    if os.sep in first:
        return None
    return become(environment, [scripts + os.sep + first, *words[1:]])


def _script(words: list[str], content: bytes, no_env: str | None = None) -> int | None:
    """Become a script with metadata whose environment stands, or whose view for the interpreter ``no_env``."""
    from blast_core.home import find_home
    from blast_project.environment.leases import hold_generation
    from blast_project.environment.state import is_current
    from blast_project.hot_key import config_key, has_unknown_options, options_digest, request_of
    from blast_project.script_key import find_metadata, find_reading, identity_of, script_places

    environ = os.environ
    home, path = find_home(environ), os.path.abspath(words[0])
    metadata = find_metadata(content) or find_metadata(find_reading(home, path, content))
    if not metadata or has_unknown_options(environ) or _names_variables(metadata.replace(b"\n# ", b"\n")):
        return None
    identity, made_for = identity_of(metadata, path)
    root, environment = script_places(home, identity)
    if _read(root + os.sep + "script") != made_for:
        return None
    if no_env is not None:
        view = _view(root, no_env, environment)
        return become(view, [view + os.sep + _SCRIPTS + os.sep + "python", *words]) if view else None
    request = request_of(root, environ.get("BLAST_PYTHON", ""))
    digest = options_digest(request, environ.get("BLAST_LINK_MODE", ""), "", config=config_key(environ, root))
    state = is_current(root, environment, digest, wider=True)
    if state is None or not hold_generation(environment, state.generation):
        return None
    return become(environment, [environment + os.sep + _SCRIPTS + os.sep + "python", *words])


def _names_variables(manifest: bytes, *, beside: bool = False) -> bool:
    """Tell whether ``[tool.blast]``, or a blast.toml beside, may say something of variables: then it has to be read.

    It may say yes where it doesn't; where no key is spelled with escapes, it says no only where it doesn't. One whose
    keys are spelled so goes the long way.
    """
    if b"env" not in manifest and b"\\" not in manifest:
        return False
    is_ours = beside
    for line in manifest.split(b"\n"):
        key, equals, _ = line.partition(b"=")
        words = key.strip(b" \t\r[]").replace(b'"', b"").replace(b"'", b"").replace(b" ", b"").split(b".")
        if not equals and key.lstrip().startswith(b"["):
            is_ours = beside or b"blast" in words
        names = b"env" in words or b"env-file" in words or b"\\" in key
        if (names and (is_ours or b"blast" in words)) or (equals and words[-1] in (b"blast", b"tool")):
            return True
    return False


def become(environment: str, line: list[str]) -> int | None:
    """Become a program of an environment, with the variables of an activated one; None where it can't be started."""
    from blast_cli.bundle import keep_missed

    keep_missed()
    environ = os.environ
    scripts, path = environment + os.sep + _SCRIPTS, environ.get("PATH", "")
    changed = {"VIRTUAL_ENV": environment, "PATH": f"{scripts}{os.pathsep}{path}" if path else scripts}
    before = {name: environ.get(name) for name in (*changed, "PYTHONHOME")}
    try:
        # In the process's own variables: to encode a dictionary of all is as much work as half of this module.
        environ.update(changed)
        environ.pop("PYTHONHOME", None)
        os.execv(line[0], line)  # noqa: S606 - becoming the user's command is the purpose
    except OSError:
        # Not in the environment: the long way looks on PATH and explains.
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
        return None


def _read(path: str) -> bytes:
    """Return what a file holds; b"" where it can't be read."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        parts = [os.read(fd, 1 << 16)]
        while parts[-1]:
            parts.append(os.read(fd, 1 << 20))
        return b"".join(parts)
    except OSError:
        # Such as a directory.
        return b""
    finally:
        os.close(fd)


def find_root(directory: str) -> str | None:
    """Return the nearest directory with a manifest, this one or above; None without."""
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
