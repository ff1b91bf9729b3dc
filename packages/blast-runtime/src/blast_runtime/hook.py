"""What the path file of ``blast self hook install`` calls in an interpreter when the variable ``BLAST`` is set.

    BLAST=1 python script.py

The process becomes what the interpreter of a view would be (`blast_project.no_env.views`): its prefix and executable
lead to the view, packages come from the store by the view's map, and what is installed beside the interpreter is out of
sight, as in a virtual environment. Which view, is told by a memo in the store that names the files it depends on; where
there is none, or one of them changed, the ``blast`` command is asked, once.

A path file is executed while `site` is at work, so all of this waits until it is done: then it looks for a module
``sitecustomize``, which a finder of this module is asked for.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAGIC",
    "Memo",
    "ask_environ",
    "hold_view",
    "known_command",
    "memo_path",
    "read_memo",
    "stamp",
    "start",
    "write_memo",
]

#: First line of a memo.
MAGIC = "BHK1"
# Of ``BLAST``: then a program starts without its packages, too.
_OPTIONAL = "optional"
_OWN_PROGRAMS = ("blast", "bx", "blast.exe", "bx.exe")
# A Mersenne prime: Python divides integers of any size in C, and no library has to be loaded for a digest.
_KEY_PRIME = (1 << 127) - 1
_CUSTOMIZE = ("sitecustomize", "usercustomize")
_NOTED_S = 3600
_PACKAGE = "blast_runtime"
# What starts Blast, as the path file says it; where this module, or one of another version, finds it again.
_COMMAND = "_blast_command"
_started: "list[str]" = []


class Memo:
    """Which view programs get that are started in a directory.

    Attributes:
        view: absolute path; "" where there is no lock for the directory.
        site: its site-packages.
        root: directory of the lock.
        boot: the start of the machine since which the view may not be on the disk; "" if it is.
    """

    __slots__ = ("boot", "root", "site", "view")

    def __init__(self, view: str, site: str, root: str, boot: str = "") -> None:
        self.view = view
        self.site = site
        self.root = root
        self.boot = boot


def start(home: str, command: "Sequence[str]") -> None:
    """Let the process get its packages as soon as `site` is done. To be called by a line of a path file.

    Args:
        home: BLAST_HOME, where the variable isn't set and this user can write there.
        command: what starts ``blast``.
    """
    if _started or sys.flags.ignore_environment or _is_blast():
        # In a virtual environment path files are executed twice. Who starts Python with -E or -I, as programs of the
        # system do, wants it to be what it is whatever the variables are.
        return
    _started.append(home)
    setattr(sys, _COMMAND, tuple(command))
    if "sitecustomize" in sys.modules:
        _enter(home, command)
    else:
        sys.meta_path.insert(0, _WhenSiteIsDone(home, command))


def known_command() -> "Sequence[str]":
    """Return what starts Blast if the hook said so in this process; else ()."""
    return getattr(sys, _COMMAND, ())


class _WhenSiteIsDone:
    """A finder that finds nothing, and is asked once."""

    def __init__(self, home: str, command: "Sequence[str]") -> None:
        self._home = home
        self._command = command

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        if name in _CUSTOMIZE:
            sys.meta_path.remove(self)
            _enter(self._home, self._command)


def _is_blast() -> bool:
    """Tell whether it is Blast itself that starts: it has its own packages."""
    words = sys.argv[:1]
    if words == ["-m"]:
        return "blast_cli" in getattr(sys, "orig_argv", ())
    return bool(words) and os.path.basename(words[0]) in _OWN_PROGRAMS


def _enter(home: str, command: "Sequence[str]") -> None:
    is_optional = os.environ.get("BLAST") == _OPTIONAL
    found = None
    try:
        found = _find(_home(home), command, is_optional=is_optional)
    except KeyboardInterrupt:
        _leave(130)
    except OSError as error:
        sys.stderr.write(f"error: {command[0]} can't be asked for this program's packages: {error}\n")
        sys.stderr.write("  try: 'blast self hook install' again, or unset BLAST\n")
        if not is_optional:
            _leave(1)
    if found is None or not found.view:
        return
    _become(found)
    if not _is_active(found):
        sys.stderr.write(f"error: {found.view} can't be used; Python says above why\n")
        sys.stderr.write("  try: remove it, and it is made again\n")
        if not is_optional:
            _leave(1)


def _home(recorded: str) -> str:
    """Return BLAST_HOME as `blast_core.home` finds it, but first what the hook was installed with."""
    named = os.environ.get("BLAST_HOME", "")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    if os.name == "nt" or os.access(recorded, os.W_OK):
        return recorded
    # Somebody else installed the hook, for all users of the interpreter: each has a store of their own.
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/blast")
    data = os.environ.get("XDG_DATA_HOME", "")
    return os.path.join(data if os.path.isabs(data) else os.path.expanduser("~/.local/share"), "blast")


def _starts() -> "list[str]":
    """Return where to look for a lock: the directory that a variable names, else that of the script, then this one."""
    named = os.environ.get("BLAST_RUN_DIRECTORY", "")
    if named:
        return [os.path.abspath(os.path.expanduser(named))]
    found = []
    script = sys.argv[0] if sys.argv else ""
    if script and script not in ("-c", "-m") and os.path.exists(script):
        real = os.path.realpath(script)
        found.append(real if os.path.isdir(real) else os.path.dirname(real))
    try:
        found.append(os.getcwd())
    except OSError:
        # It is gone.
        pass
    return list(dict.fromkeys(found))


def _find(home: str, command: "Sequence[str]", *, is_optional: bool) -> "Memo | None":
    starts = _starts()
    memos = [memo_path(home, one) for one in starts]
    for one, path in zip(starts, memos):
        known = read_memo(path, one)
        if known is None:
            break
        if known.view:
            if hold_view(known.view):
                return known
            break
    else:
        if is_optional:
            return None
    return _ask(home, command, starts, memos, is_optional=is_optional)


def memo_path(home: str, directory: str) -> str:
    """Return where it is remembered what programs get in a directory, for this interpreter and these variables."""
    said = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("BLAST_")]
    parts = [
        directory,
        sys.executable,
        sys.version,
        *sorted(one for one in said if not one.startswith(("BLAST_RUN_DIRECTORY=", "BLAST_RUN_SITE="))),
    ]
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"{home}/hook/{int.from_bytes(text + b'x', 'little') % _KEY_PRIME:032x}"


def read_memo(path: str, directory: str) -> "Memo | None":
    """Return what is remembered for a directory; None for nothing, or where a file that it depends on changed.

    Cost: one file opened, a dozen stats.
    """
    try:
        with open(path, "rb", 0) as file:
            lines = file.read().decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return None
    if len(lines) < 7 or lines[0] != MAGIC or lines[1] != directory or lines[-1] != "end":
        return None
    for row in lines[6:-1]:
        known, _, watched = row.partition(" ")
        if stamp(watched) != known:
            return None
    found = Memo(*lines[2:6])
    if not found.view:
        return found
    is_settled = not found.boot or os.path.lexists(f"{found.view}/.blast/generations/1/.meta/settled")
    if not is_settled and _boot() != found.boot:
        return None
    return found if os.path.exists(_python(found.view)) else None


def _boot() -> str:
    """Return which start of the machine this is, as `blast_core.boot` does; "" where only Blast can tell."""
    text = os.environ.get("BLAST_BOOT_ID", "")
    if not text:
        try:
            with open("/proc/sys/kernel/random/boot_id", "rb", 0) as file:
                text = file.read().decode("ascii", "replace")
        except OSError:
            return ""
    return "".join([letter for letter in text.lower() if letter.isascii() and letter.isalnum()])[:12].rjust(12, "0")


def write_memo(path: str, directory: str, memo: Memo, stamps: "dict[str, str]") -> bytes:
    """Return the content of a memo, b"" if it can't be one: a path with a line break.

    Args:
        path: of the memo.
        directory: for which it is.
        memo: what to remember.
        stamps: `stamp` by path of all files on which it depends.
    """
    rows = [f"{known} {watched}" for watched, known in stamps.items()]
    lines = [MAGIC, directory, memo.view, memo.site, memo.root, memo.boot, *rows, "end"]
    if any("\n" in line for line in (path, *lines)):
        return b""
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def stamp(path: str) -> str:
    """Return what changes whenever a file does; ``-`` for one that isn't there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        # No path holds a zero byte.
        return "-"
    return f"{found.st_ino}.{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}"


def _ask(
    home: str, command: "Sequence[str]", starts: "Sequence[str]", memos: "Sequence[str]", *, is_optional: bool
) -> "Memo | None":
    """Ask Blast, which remembers its answer; end the process if there is none and there has to be one."""
    import json
    import subprocess

    words = [*command, "self", "view", "--json"]
    if not os.isatty(2):
        words.append("--quiet")
    for one, path in zip(starts, memos):
        words += ["--start", one, "--memo", path]
    for variable, option in (("BLAST_RUN_EXTRAS", "--extra"), ("BLAST_RUN_GROUPS", "--group")):
        for name in os.environ.get(variable, "").replace(",", " ").split():
            words += [option, name]
    if not is_optional:
        words.append("--required")
    done = subprocess.run(
        words, check=False, env=ask_environ(home), cwd=_anywhere(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    if done.returncode:
        if is_optional:
            return None
        _leave(done.returncode if done.returncode > 0 else 128 - done.returncode)
    answer = json.loads(done.stdout)
    found = Memo(answer["view"], answer["site"], answer["root"])
    if found.view:
        hold_view(found.view)
    return found


def ask_environ(home: str) -> "dict[str, str]":
    """Return the variables for Blast, which is not to start in turn with packages of the project.

    Args:
        home: BLAST_HOME; empty for what is set, or Blast's own default.
    """
    keeps = os.environ.get("BLAST_KEEP_PYTHONPATH")
    environ = {
        name: value
        for name, value in os.environ.items()
        if name != "BLAST" and not name.startswith("BLAST_RUN_") and (keeps or not name.startswith("PYTHON"))
    }
    if home:
        environ["BLAST_HOME"] = home
    environ["BLAST_PYTHON"] = sys.executable
    return environ


def _anywhere(home: str) -> "str | None":
    """Return a directory without modules of somebody else: Python looks for them where it is started."""
    return home if os.path.isdir(home) else None


def _leave(status: int) -> None:
    """End the process before the program begins; an exception would be reported by `site`, which then goes on."""
    sys.stderr.flush()
    os._exit(status)


def _python(view: str) -> str:
    return f"{view}\\Scripts\\python.exe" if os.name == "nt" else f"{view}/bin/python"


def _become(found: Memo) -> None:
    """Be what the view's own interpreter would be, as `site.venv` does it for a virtual environment."""
    site = sys.modules["site"]
    rest = [entry for entry in sys.path if not _is_kept(entry)]
    sys.path[:] = [entry for entry in sys.path if _is_kept(entry)]
    sys.meta_path[:] = [one for one in sys.meta_path if not _is_editable(one)]
    sys.prefix = sys.exec_prefix = found.view
    sys.executable = _python(found.view)
    site.PREFIXES[:] = [found.view]
    site.ENABLE_USER_SITE = False  # type: ignore[attr-defined]
    # It keeps prefixes from when it was imported; and of the runtime, the view has one that goes with its map.
    for name in [one for one in sys.modules if one == "sysconfig" or one.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    site.addsitedir(found.site)
    if os.environ.get("BLAST_RUN_SITE") == "1":
        sys.path += [entry for entry in rest if entry not in sys.path]
    programs = os.path.dirname(_python(found.view))
    path = os.environ.get("PATH", "")
    if path.partition(os.pathsep)[0] != programs:
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}" if path else programs
    os.environ["VIRTUAL_ENV"] = found.view
    # Children that are started elsewhere, or with another Python that has the hook, belong to the same lock.
    os.environ["BLAST_RUN_DIRECTORY"] = found.root


def _is_active(found: Memo) -> bool:
    """Tell whether the map of the view answers: a path file that fails is reported by `site`, which then goes on."""
    bootstrap = sys.modules.get(f"{_PACKAGE}.bootstrap")
    return bootstrap is not None and any(one.path == found.site for one in bootstrap.active())


def _is_kept(entry: str) -> bool:
    """Tell whether an entry of `sys.path` stays: PYTHONPATH and the standard library."""
    if not sys.flags.ignore_environment:
        named = os.environ.get("PYTHONPATH", "")
        if named and entry in [os.path.abspath(one) for one in named.split(os.pathsep)]:
            return True
    if "site-packages" in entry or "dist-packages" in entry:
        return False
    library = os.path.dirname(os.__file__)
    base = os.path.basename(entry)
    is_archive = base.startswith("python") and base.endswith(".zip")
    is_windows = os.name == "nt" and os.path.normcase(entry).startswith(os.path.normcase(sys.base_prefix))
    return entry == library or base == "lib-dynload" or is_archive or is_windows


def _is_editable(finder: object) -> bool:
    """Tell whether a finder was put there by an editable install beside the interpreter."""
    kind = finder if isinstance(finder, type) else type(finder)
    return kind.__module__.startswith("__editable__")


def hold_view(view: str) -> bool:
    """Keep the view from being removed for as long as this process lives; False if it is being removed.

    The same byte ranges as in `blast_project.environment.leases`.
    """
    if not hasattr(os, "lockf"):
        return True
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        fd = os.open(f"{view}/.blast/generations/1/.meta/objects", flags)
    except OSError:
        # It can't be written by this user, and so not removed.
        return True
    is_held = False
    for offset in (os.getpid() % (1 << 30), int.from_bytes(os.urandom(3), "big")):
        os.lseek(fd, (1 << 30) + offset, os.SEEK_SET)
        try:
            os.lockf(fd, os.F_TLOCK, 1)
        except OSError as error:
            if error.errno in (11, 13, 35):
                continue
        is_held = True
        break
    known = os.fstat(fd)
    if not is_held or not known.st_nlink:
        os.close(fd)
        return False
    from time import time

    if abs(time() - known.st_mtime) > _NOTED_S:
        try:
            os.utime(fd)
        except OSError:
            pass
    os.set_inheritable(fd, True)  # noqa: FBT003 - the function takes no keyword
    return True
