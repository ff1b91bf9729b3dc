"""The digest of the options that decide what an environment holds, as cheap as the hot path needs it.

The state file of an environment keeps it beside the stamps of the manifest and the lock: other options, another digest,
and the state no longer answers.
"""

import os

from blast_core.fnv import fnv1a64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "config_key",
    "config_paths",
    "covers",
    "has_unknown_options",
    "has_view_memo",
    "options_digest",
    "project_memo_path",
    "request_of",
    "view_memo_path",
    "wish_of",
]

# What a variable of an option that is on or off may say for off.
_OFF = ("", "0", "false", "no", "off")
# Variables that hot commands understand, or that change nothing about what is up to date. Any other BLAST_ variable
# may be an option's default, so it sends the command the long way.
_UNDERSTOOD = frozenset(
    (
        "BLAST_BOOT_ID",
        "BLAST_CERT",
        "BLAST_CLIENT_CERT",
        "BLAST_COLOR",
        "BLAST_COMPILE_BYTECODE",
        "BLAST_CONFIG_DIR",
        "BLAST_CONFIG_FILE",
        "BLAST_EXTRA_INDEX_URL",
        "BLAST_FLUSH",
        "BLAST_HOME",
        "BLAST_HTTP_TIMEOUT",
        "BLAST_INDEX_URL",
        "BLAST_IPYTHON_MODE",
        "BLAST_KEEP",
        "BLAST_KEEP_PYTHONPATH",
        "BLAST_LINK_MODE",
        "BLAST_LOCK_TIMEOUT",
        "BLAST_NO_COMPILE_BYTECODE",
        "BLAST_NO_CONFIG",
        "BLAST_MEMSTORE",
        "BLAST_MEMSTORE_REDIS",
        "BLAST_MEMSTORE_TOKEN_FILE",
        "BLAST_NO_DAEMON",
        "BLAST_NO_PROGRESS",
        "BLAST_OFFLINE",
        "BLAST_PROJECT_ENVIRONMENT",
        "BLAST_PROXY",
        "BLAST_PYTHON",
        "BLAST_PYTHON_BIN_DIR",
        "BLAST_PYTHON_DOWNLOADS",
        "BLAST_PYTHON_INSTALL_DIR",
        "BLAST_PYTHON_MIRROR",
        "BLAST_QUIET",
        "BLAST_RUN_DIRECTORY",
        "BLAST_RUN_EXTRAS",
        "BLAST_RUN_GROUPS",
        "BLAST_RUN_SITE",
        "BLAST_SITE_STORE",
        "BLAST_TOOL_BIN_DIR",
        "BLAST_TOOL_DIR",
    )
)


def has_unknown_options(environ: "Mapping[str, str]") -> bool:
    """Tell whether a variable is set that the hot path does not understand."""
    return any(name.startswith("BLAST_") and name not in _UNDERSTOOD for name in environ)


def config_paths(environ: "Mapping[str, str]") -> "tuple[str, ...]":
    """Return where configuration files of the machine and of the user may be, the weightier last.

    ``BLAST_NO_CONFIG`` leaves none, ``BLAST_CONFIG_FILE`` names the only one; ``BLAST_CONFIG_DIR`` is another directory
    for the user's, which is ``blast`` in the user's directory for configurations otherwise.
    """
    if environ.get("BLAST_NO_CONFIG", "").lower() not in _OFF:
        return ()
    named = environ.get("BLAST_CONFIG_FILE")
    if named:
        return (os.path.abspath(named),)
    home = environ.get("HOME") or os.path.expanduser("~")
    if os.name == "nt":
        machine = environ.get("PROGRAMDATA", "") or "C:\\ProgramData"
        user = environ.get("APPDATA", "") or f"{home}\\AppData\\Roaming"
    else:
        machine = environ.get("XDG_CONFIG_DIRS", "").partition(":")[0]
        # The XDG specification has relative paths ignored.
        machine = machine if machine.startswith("/") else "/etc"
        user = environ.get("XDG_CONFIG_HOME", "")
        user = user if user.startswith("/") else f"{home}/.config"
    directory = environ.get("BLAST_CONFIG_DIR") or os.path.join(user, "blast")
    return os.path.join(machine, "blast", "config.toml"), os.path.join(directory, "config.toml")


def config_key(environ: "Mapping[str, str]", root: str) -> str:
    """Return what the files of settings beside the manifest look like; "" where there are none.

    Cost: three stats.
    """
    key = ""
    for path in (f"{root}/blast.toml", *config_paths(environ)):
        try:
            status = os.stat(path)
        except OSError:
            continue
        key += f"\0{path}\0{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return key


def options_digest(
    python: str, link_mode: str, selection_key: str, *, covers_default: bool = True, config: str = ""
) -> bytes:
    """Return 8 bytes that stand for the options: 4 for interpreter, link mode and settings, 4 for groups and extras.

    The last bit tells whether the groups and extras hold all that a plain ``sync`` installs: ``run`` needs no more.
    """
    base = fnv1a64(f"{python}\0{link_mode}{config}".encode("utf-8", "surrogateescape")) & 0xFFFFFFFF
    selection = fnv1a64(selection_key.encode("utf-8", "surrogateescape")) & 0xFFFFFFFE | covers_default
    return base.to_bytes(4, "big") + selection.to_bytes(4, "big")


def covers(found: bytes, asked: bytes) -> bool:
    """Tell whether what was installed with the options ``found`` holds what a plain sync with ``asked`` would."""
    return found[:4] == asked[:4] and bool(found[7] & 1)


def request_of(root: str, python: str) -> str:
    """Return the interpreter request that counts for a project: the user's own, else what its version file holds."""
    if python:
        return python
    for name in (".python-version", ".python-versions"):
        try:
            fd = os.open(f"{root}/{name}", os.O_RDONLY)
        except OSError:
            continue
        try:
            return os.read(fd, 256).decode("utf-8", "replace")
        except OSError:
            # A directory of that name, such as pyenv's plugins make.
            continue
        finally:
            os.close(fd)
    return ""


def project_memo_path(home: str, root: str) -> str:
    """Return where the store remembers which manifest and lock of the project at ``root`` answer to each other."""
    return os.path.join(home, "projects", f"{fnv1a64(root.encode('utf-8', 'surrogateescape')):016x}")


def view_memo_path(home: str, root: str, options: bytes) -> str:
    """Return where the store remembers which view the project at ``root`` comes to with these options."""
    return f"{project_memo_path(home, root)}-{options.hex()}"


def wish_of(root: str, python: str, environment: str) -> str:
    """Return the interpreter that a view of a project is for: the one asked for, or that of its environment."""
    request = request_of(root, python)
    if request:
        return request
    try:
        return os.readlink(f"{environment}/bin/python")
    except OSError:
        return ""


def has_view_memo(home: str, root: str) -> bool:
    """Tell whether the store remembers a view of the project at ``root``: it was used without an environment."""
    directory, name = os.path.split(project_memo_path(home, root))
    try:
        return any(other.startswith(f"{name}-") for other in os.listdir(directory))
    except OSError:
        return False
