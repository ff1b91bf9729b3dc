"""Asking an interpreter where it installs to, and where it finds what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from blast_core.errors import ProbeFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SiteAnswer", "probe_site"]

# It is asked without -I, which would hide the user's own modules; the current directory is left out by hand.
_PROGRAM = """
import configparser, json, os, site, sys, sysconfig
default = getattr(sysconfig, "get_default_scheme", None) or sysconfig._get_default_scheme
preferred = getattr(sysconfig, "get_preferred_scheme", None)
names = ("purelib", "platlib", "scripts", "data", "include")
def paths(scheme):
    found = sysconfig.get_paths(scheme)
    return {name: os.path.normpath(found[name]) for name in names}
own = paths(default())
user = preferred("user") if preferred else os.name + "_user"
managed = ""
marker = os.path.join(sysconfig.get_path("stdlib", default()), "EXTERNALLY-MANAGED")
if not os.path.isfile(marker):
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
if sys.prefix == sys.base_prefix and os.path.isfile(marker):
    managed = "its owner says that nothing else may install into it"
    try:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(marker, encoding="utf-8")
        managed = parser.get("externally-managed", "Error")
    except (configparser.Error, OSError, UnicodeError):
        pass
print(json.dumps({
    "executable": sys.executable,
    "prefix": sys.prefix,
    "paths": own,
    "headers": own["include"],
    "user": paths(user),
    "user_base": site.getuserbase(),
    "search": [path for path in sys.path if path and os.path.isdir(path)],
    "managed": managed,
}))
"""


class SiteAnswer(TypedDict):
    """What an interpreter says of its places."""

    executable: str
    prefix: str
    paths: Mapping[str, str]
    headers: str
    user: Mapping[str, str]
    user_base: str
    search: list[str]
    managed: str


def probe_site(executable: str) -> SiteAnswer:
    """Run an interpreter and return where it installs to.

    Raises:
        ProbeFailed: it can't be run, or answers nonsense.
    """
    import json
    import subprocess

    try:
        done = subprocess.run(
            [executable, "-E", "-c", _PROGRAM],
            capture_output=True,
            timeout=30,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        answer: SiteAnswer = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ProbeFailed(
            f"{executable} does not say where it installs to", reason=str(error), hint="name another one with --python"
        ) from error
    return answer
