"""The digest of the options that decide what an environment holds, as cheap as the hot path needs it.

The state file of an environment keeps it beside the stamps of the manifest and the lock: other options, another digest,
and the state no longer answers.
"""

import os

from blast_core.fnv import fnv1a64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["covers", "has_unknown_options", "options_digest", "project_memo_path", "request_of"]

# Variables that hot commands understand, or that change nothing about what is up to date. Any other BLAST_ variable
# may be an option's default, so it sends the command the long way.
_UNDERSTOOD = frozenset(
    (
        "BLAST_CERT",
        "BLAST_CLIENT_CERT",
        "BLAST_COMPILE_BYTECODE",
        "BLAST_EXTRA_INDEX_URL",
        "BLAST_HOME",
        "BLAST_HTTP_TIMEOUT",
        "BLAST_INDEX_URL",
        "BLAST_KEEP_PYTHONPATH",
        "BLAST_LINK_MODE",
        "BLAST_NO_COMPILE_BYTECODE",
        "BLAST_NO_DAEMON",
        "BLAST_NO_PROGRESS",
        "BLAST_OFFLINE",
        "BLAST_PROJECT_ENVIRONMENT",
        "BLAST_PROXY",
        "BLAST_PYTHON",
        "BLAST_PYTHON_MIRROR",
        "BLAST_QUIET",
        "BLAST_SITE_STORE",
    )
)


def has_unknown_options(environ: "Mapping[str, str]") -> bool:
    """Tell whether a variable is set that the hot path does not understand."""
    return any(name.startswith("BLAST_") and name not in _UNDERSTOOD for name in environ)


def options_digest(python: str, link_mode: str, selection_key: str, *, covers_default: bool = True) -> bytes:
    """Return 8 bytes that stand for the options: 4 for interpreter and link mode, 4 for groups and extras.

    The last bit tells whether the groups and extras hold all that a plain ``sync`` installs: ``run`` needs no more.
    """
    base = fnv1a64(f"{python}\0{link_mode}".encode("utf-8", "surrogateescape")) & 0xFFFFFFFF
    selection = fnv1a64(selection_key.encode("utf-8", "surrogateescape")) & 0xFFFFFFFE | covers_default
    return base.to_bytes(4, "big") + selection.to_bytes(4, "big")


def covers(found: bytes, asked: bytes) -> bool:
    """Tell whether what was installed with the options ``found`` holds what a plain sync with ``asked`` would."""
    return found[:4] == asked[:4] and bool(found[7] & 1)


def request_of(root: str, python: str) -> str:
    """Return the interpreter request that counts for a project: the user's own, else that of ``.python-version``."""
    if python:
        return python
    try:
        fd = os.open(os.path.join(root, ".python-version"), os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(fd, 256).decode("utf-8", "replace")
    finally:
        os.close(fd)


def project_memo_path(home: str, root: str) -> str:
    """Return where the store remembers which manifest and lock of the project at ``root`` answer to each other."""
    return os.path.join(home, "projects", f"{fnv1a64(root.encode('utf-8', 'surrogateescape')):016x}")
