"""Where Blast keeps what outlives a project: ``BLAST_HOME``.

Annotations stand in quotes, because the hot path imports the module: see `blast_core.fnv`.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_home", "find_site_store"]

# In the user's home, one line: where the site store is.
_SITE_FILE = "site-store"


def find_home(environ: "Mapping[str, str]") -> str:
    """Return the absolute path of Blast's home: ``BLAST_HOME``, or the user data directory of this platform.

    It answers as platformdirs' ``user_data_dir("blast", appauthor=False)`` does, whose import would cost 17 ms. Nothing
    is created.
    """
    named = environ.get("BLAST_HOME", "")
    if named:
        return os.path.abspath(_expand(named, environ))
    if os.name == "nt":
        from platformdirs import user_data_dir

        return user_data_dir("blast", appauthor=False)
    if sys.platform == "darwin":
        return os.path.join(_expand("~", environ), "Library", "Application Support", "blast")
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative paths ignored.
    return os.path.join(data if os.path.isabs(data) else _expand("~/.local/share", environ), "blast")


def find_site_store(environ: "Mapping[str, str]") -> str:
    """Return the absolute path of the store that is only read: ``BLAST_SITE_STORE``, or what ``site-store`` says.

    The latter is a file with one line below ``BLAST_HOME``, for those who want it to be so for every command. "" is for
    none; a variable that is set and empty means none, too.
    """
    named = environ.get("BLAST_SITE_STORE")
    if named is None:
        try:
            with open(os.path.join(find_home(environ), _SITE_FILE), encoding="utf-8", errors="surrogateescape") as file:
                named = file.readline().rstrip("\n")
        except OSError:
            return ""
    return os.path.abspath(_expand(named, environ)) if named else ""


def _expand(path: str, environ: "Mapping[str, str]") -> str:
    if path != "~" and not path.startswith("~/"):
        return path
    return (environ.get("HOME") or os.path.expanduser("~")) + path[1:]
