"""Packages for a running interpreter: a notebook, a prompt, a script that says itself what it needs.

    from blast_runtime.interactive import use
    use("pandas>=2", rich="^13")
    import pandas

Blast resolves and stores them, as for ``run --no-env``; this process then imports from the store. Nothing is installed
anywhere. Asked a second time, what was found before stays at its version where it can; a package that is imported
already can't become another one, which a warning says.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from blast_runtime.finder import MapFinder
    from blast_runtime.modmap import ModuleMap

__all__ = ["AskError", "from_git", "use"]

# What was asked for so far, the versions that are in effect, and the entry of `sys.path` that stands for them.
_asked: "list[str]" = []
_versions: "dict[str, str]" = {}
_entry: "list[str]" = []


class AskError(RuntimeError):
    """Blast can't give what was asked for.

    Args:
        message: what went wrong.
        reason: why.
        hint: what can be done about it.
    """

    def __init__(self, message: str, reason: str = "", hint: str = "") -> None:
        self.message = message
        self.reason = reason
        self.hint = hint
        lines = [message, f"  why: {reason}" if reason else "", f"  try: {hint}" if hint else ""]
        super().__init__("\n".join([line for line in lines if line]))


def use(*requirements: str, **versions: str) -> "dict[str, str]":
    """Make packages importable in this interpreter, with all that they need.

    Args:
        requirements: such as ``pandas>=2``, ``rich[jupyter]`` or ``name @ git+https://host/repository``.
        versions: by name a version (``1.2``), a specifier (``>=1.2,<2``), Poetry's ``^1.2`` and ``~1.2``, or ``*``.

    Returns:
        The versions that are in effect now, by normalised name, what former calls asked for included.

    Raises:
        AskError: there are no versions that go together, or Blast can't be asked.
    """
    for one in requirements:
        if not one.strip() or one.startswith("-"):
            raise AskError(f"{one!r} is no requirement", hint="such as 'pandas>=2'")
    words = ["--with=" + one for one in (*_asked, *requirements)]
    words += [f"--spec={name}={version}" for name, version in versions.items()]
    words += [f"--keep={name}=={version}" for name, version in _versions.items()]
    answer = _ask(words)
    # Names of arguments come back as requirements.
    _asked[:] = answer["asked"]
    return _activate(answer["view"], answer["site"])


def from_git(url: str, rev: str = "", extras: "Iterable[str]" = ()) -> "dict[str, str]":
    """Make a project of a repository importable, with what its lock says: Blast's, or another tool's.

    Args:
        url: of the repository, or its path; ``#subdirectory=DIR`` may follow.
        rev: a branch, a tag or a commit; empty for the default branch.
        extras: of the project.

    Returns:
        The versions that are in effect now, by normalised name. What was asked for before is given up.

    Raises:
        AskError: there is no such commit, its lock is wrong, or Blast can't be asked.
    """
    place, sign, below = url.partition("#")
    answer = _ask([f"--git={place}{'@' + rev if rev else ''}{sign}{below}", *(f"--extra={one}" for one in extras)])
    root = answer["root"]
    found = _activate(answer["view"], answer["site"])
    _asked.clear()
    if root not in sys.path:
        # A project that is no package is imported from its directory.
        sys.path.insert(sys.path.index(_entry[0]), root)
    return found


def _ask(words: "Sequence[str]") -> "dict[str, Any]":
    import json
    import subprocess

    from blast_runtime.hook import ask_environ

    command = _command()
    try:
        done = subprocess.run(
            [*command, "self", "view", "--json", *words],
            check=False,
            env=ask_environ(os.environ.get("BLAST_HOME", "")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr is None or _is_terminal() else subprocess.PIPE,
        )
    except OSError as error:
        raise AskError(f"{command[0]} can't be started", str(error), "put 'blast' on PATH") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr or b"").decode("utf-8", "replace").strip()
        raise AskError("Blast gives no answer", said or f"its status is {done.returncode}") from None
    refused = answer.get("error")
    if refused:
        raise AskError(refused["message"], refused["reason"], refused["hint"])
    return answer


def _is_terminal() -> bool:
    """Tell whether Blast can show its progress: a notebook's own stream is none of the process's."""
    try:
        return sys.stderr.fileno() == 2 and os.isatty(2)
    except (OSError, ValueError, AttributeError):
        return False


def _command() -> "Sequence[str]":
    """Return what starts Blast: what the hook knows, the one on PATH, or a Blast beside this interpreter."""
    from blast_runtime.hook import known_command

    known = known_command()
    if known:
        return known
    from importlib.util import find_spec
    from shutil import which

    found = which("blast")
    if found is not None:
        return (found,)
    if sys.version_info >= (3, 11) and find_spec("blast_cli") is not None:
        return (sys.executable, "-m", "blast_cli")
    raise AskError("there is no Blast", "it is neither on PATH nor beside this interpreter", "install it")


def _activate(view: str, site: str) -> "dict[str, str]":
    from blast_runtime.bootstrap import activate
    from blast_runtime.hook import hold_view
    from blast_runtime.modmap import MapError, ModuleMap

    hold_view(view)
    # Nothing is changed before the map is known to be sound.
    try:
        new = ModuleMap(f"{view}/map")
    except MapError as error:
        raise AskError("Blast and its runtime don't fit together", str(error), "bring both to one version") from error
    found = {row.key: row.version for row in new.distributions()}
    for name, before in _stuck(new):
        _warn(
            f"{name} {before} is imported already and stays until the interpreter starts anew; {found[name]} was found"
        )
    if not _entry:
        _entry.append(site)
        sys.path.insert(_place(), site)
    finder = activate(new.path, _entry[0])
    _put_first(finder)
    sys.path_importer_cache.pop(_entry[0], None)
    _versions.clear()
    _versions.update(found)
    return found


def _place() -> int:
    """Return where in `sys.path` the packages belong: before what is installed, behind the standard library."""
    for number, entry in enumerate(sys.path):
        if "site-packages" in entry or "dist-packages" in entry:
            return number
    return len(sys.path)


def _put_first(finder: "MapFinder") -> None:
    """Let `importlib.metadata` find these distributions before those that are installed under the same names."""
    from blast_runtime.finder import MappedDistributionFinder

    own = [one for one in sys.meta_path if isinstance(one, MappedDistributionFinder) and one.finder is finder]
    sys.meta_path[:] = own + [one for one in sys.meta_path if one not in own]


def _stuck(new: "ModuleMap") -> "list[tuple[str, str]]":
    """Return name and version of what is imported in another version than a map has."""
    rows = list(new.distributions())
    found: dict[str, str] = {}
    for name in new.names():
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if "." in name or not isinstance(file, str):
            continue
        places = new.find(name)
        if not places or any(file.startswith(place.directory) for place in places):
            continue
        row = rows[places[0].distribution]
        before = _version_of(row.key)
        if before and before != row.version:
            found[row.key] = before
    return sorted(found.items())


def _version_of(name: str) -> str:
    """Return the version of a distribution as it can be imported now; "" for none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return _versions.get(name) or version(name)
    except PackageNotFoundError:
        return ""


def _warn(text: str) -> None:
    import warnings

    warnings.warn(text, RuntimeWarning, stacklevel=4)
