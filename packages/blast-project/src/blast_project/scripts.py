"""Scripts with metadata (PEP 723): each is a project of its own, kept in the store, with a lock and an environment.

``scripts/KEY/`` holds a pyproject.toml made from the metadata, the lock, and in ``script`` what it was made for. So all
that is done with projects is done with scripts. A lock that shall travel with a script lies beside it, as
``SCRIPT.blast.lock``, once ``blast lock --script`` has made it; it is kept up to date by whoever locks.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InvalidManifest, UsageError
from blast_core.tuples import NamedTuple
from blast_project.project import LOCK_NAME, MANIFEST_NAME
from blast_project.script_key import LOCK_SUFFIX, find_metadata, identity_of, script_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from blast_project.session import Session
    from blast_project.settings import Settings

__all__ = ["EditedScript", "Script", "edit_script", "find_script", "has_metadata", "open_script", "read_script"]

_NAME = "blast-script"
# Of scripts whose environment is gone, what is older than this goes, too.
_KEPT_S = 30 * 86400.0


class Script(NamedTuple):
    """A script as a project of its own.

    Attributes:
        path: absolute; of one that came from elsewhere, where it would stand.
        root: directory of its project in the store.
        settings: with which commands see that project and its environment.
        is_locked: it has a lock beside it.
    """

    path: str
    root: str
    settings: Settings
    is_locked: bool

    @property
    def lock(self) -> str:
        """Where the lock beside it is, or would be."""
        return self.path + LOCK_SUFFIX

    def settle(self, *, publish: bool = False) -> None:
        """Keep the lock beside the script up to date, and remember for what the environment was made.

        Args:
            publish: make that lock if there is none.
        """
        if self.is_locked or publish:
            with open(os.path.join(self.root, LOCK_NAME), "rb") as file:
                content = file.read()
            if content != _read(self.lock):
                fs.replace_file(self.lock, content)
        metadata = _metadata_of(self.path) or find_metadata(_read(os.path.join(self.root, "source")) or b"")
        _, made_for = identity_of(metadata, self.path)
        memo = os.path.join(self.root, "script")
        if _read(memo) != made_for:
            fs.replace_file(memo, made_for, durable=False)


def has_metadata(path: str) -> bool:
    """Tell whether a file is a script with metadata.

    Raises:
        InvalidManifest: it has them twice.
    """
    from blast_compat.script_metadata import read_block

    content = _read(path) or b""
    return b"# /// script" in content and read_block(content.decode("utf-8", "replace"), path) is not None


def find_script(name: str) -> str:
    """Return the absolute path of a script that an option names, relative to the current directory.

    Raises:
        UsageError: there is no such file.
    """
    path = os.path.abspath(name)
    if not os.path.isfile(path):
        raise UsageError(f"there is no script {name}", hint=f"'blast init --script {name}' makes one")
    return path


def read_script(path: str) -> str:
    """Return the text of a script.

    Raises:
        InvalidManifest: it can't be read.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{path} can't be read", reason=str(error), file=path) from error


def open_script(settings: Settings, path: str, text: str = "") -> Script:
    """Return the project of a script, made in the store if it is not there.

    Args:
        settings: of the command.
        path: absolute.
        text: of the script, where the file doesn't hold it.

    Raises:
        UsageError: it has no metadata.
        InvalidManifest: the metadata is wrong.
    """
    from blast_compat.script_metadata import read_block

    text = text or read_script(path)
    block = read_block(text, path)
    if block is None:
        from blast_project.script_reading import declared_text

        text = declared_text(settings.home, path, text)
        block = read_block(text, path) if text else None
    if block is None:
        raise UsageError(
            f"{path} has no metadata",
            reason="it has neither a block '# /// script' (PEP 723) nor __requires__",
            hint=f"'blast add --script {os.path.basename(path)} REQUIREMENT' begins one",
        )
    metadata = find_metadata(text.encode())
    identity, _ = identity_of(metadata, path)
    root, environment = script_places(settings.home, identity)
    manifest = _manifest_of(block.toml, path, block.first)
    if _read(os.path.join(root, "identity")) not in (None, identity):
        # Two metadata with one hash: the later one goes without the hot path.
        root, environment = f"{root}-2", f"{environment}-2"
    is_new = not os.path.isdir(root)
    fs.make_directories(root)
    for name, content in (("identity", identity), ("source", text.encode()), (MANIFEST_NAME, manifest.encode())):
        if _read(os.path.join(root, name)) != content:
            fs.replace_file(os.path.join(root, name), content, durable=False)
    beside = _read(path + LOCK_SUFFIX)
    if beside is not None and _read(os.path.join(root, LOCK_NAME)) != beside:
        fs.replace_file(os.path.join(root, LOCK_NAME), beside, durable=False)
    if is_new:
        _forget_old(settings.home, root)
    chosen = settings._replace(directory=root, environment=environment)
    return Script(path, root, chosen, beside is not None)


class EditedScript(NamedTuple):
    """What an edit of a script came to: the lines that were added or removed."""

    requirements: tuple[str, ...]


def edit_script(
    session: Session,
    path: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    bounds: str = "",
    lock: bool = True,
) -> EditedScript:
    """Add requirements to a script's metadata or remove some; on failure nothing has changed.

    Args:
        session: services.
        path: absolute, of the script.
        add: requirements of projects on an index.
        remove: names.
        bounds: as `blast_project.editing.add_requirements`.
        lock: find versions for requirements that have none.

    Raises:
        InvalidRequirement, InvalidManifest, NoSolution: as for projects.
        UsageError: a name is not among its requirements.
    """
    from blast_compat.manifest_edit import add_requirements, remove_requirements
    from blast_compat.script_metadata import write_block
    from blast_core.names import normalize_name
    from blast_core.requirements import parse_requirement
    from blast_project.asking import parse_name
    from blast_project.bounds import bounded, merged

    text = read_script(path)
    toml = _metadata_to_edit(session, path, text)
    if remove:
        wanted = [normalize_name(name) for name in remove]
        toml, removed = remove_requirements(toml, wanted, script=True)
        missing = [name for name in wanted if name not in {parse_requirement(line).name for line in removed}]
        if missing:
            raise UsageError(
                f"{', '.join(missing)} is not among the script's requirements", reason="nothing was changed"
            )
        _publish(session, path, text, write_block(text, toml), lock=lock)
        return EditedScript(removed)
    for line in add:
        parse_name(line)
    standing = _required(toml)
    add = [merged(line, standing, keep_specifier=not bounds) for line in add]
    edited = add_requirements(toml, add, script=True)
    if lock:
        locked = _lock(session, open_script(session.settings, path, write_block(text, edited)))
        pins = locked.pins()
        lines = [bounded(line, pins.get(parse_requirement(line).name, ""), bounds or "lower") for line in add]
        edited = add_requirements(edited, lines, script=True)
    else:
        lines = list(add)
    _publish(session, path, text, write_block(text, edited), lock=lock)
    return EditedScript(tuple(lines))


def _required(toml: str) -> tuple[str, ...]:
    """Return the requirements in a script's metadata; what is none is told by whoever edits them."""
    import tomllib

    found = tomllib.loads(toml).get("dependencies", ())
    return tuple(line for line in found if isinstance(line, str)) if isinstance(found, list) else ()


def _lock(session: Session, script: Script) -> Any:
    from blast_project.lock_files import publish_lock
    from blast_project.operations import lock_here
    from blast_project.project import load_project

    before, session.settings = session.settings, script.settings
    try:
        return lock_here(session, load_project(script.root, before.home), publish=publish_lock)
    finally:
        session.settings = before


def _publish(session: Session, path: str, before: str, after: str, *, lock: bool) -> None:
    """Write a script; a lock beside it follows."""
    is_locked = os.path.exists(path + LOCK_SUFFIX)
    script = open_script(session.settings, path, after) if lock and is_locked else None
    if script is not None:
        _lock(session, script)
    if read_script(path) != before:
        raise InvalidManifest(
            f"{path} was changed while the command ran",
            reason="another program or person wrote it",
            hint="look at the file and run the command again",
        )
    fs.replace_file(path, after.encode())
    if script is not None:
        script.settle()


def _metadata_to_edit(session: Session, path: str, text: str) -> str:
    """Return the metadata of a script; what it says in another way becomes metadata, which go before that.

    Raises:
        UsageError: it is a notebook.
    """
    from blast_compat.script_metadata import read_block
    from blast_project.script_reading import declared_text, is_notebook

    if is_notebook(path):
        raise UsageError(
            f"{path} is a notebook", reason="its cells are its own to change", hint="write '%pip install NAME' in one"
        )
    block = read_block(text, path)
    if block is None:
        block = read_block(declared_text(session.settings.home, path, text), path)
    return block.toml if block is not None else _new_metadata(session)


def _new_metadata(session: Session) -> str:
    version = session.find_interpreter().version
    return f'requires-python = ">={".".join(version.split(".")[:2])}"\ndependencies = []\n'


def _manifest_of(toml: str, path: str, first: int) -> str:
    """Return the manifest of the project that a script's metadata makes; they begin behind the line ``first``.

    Raises:
        InvalidManifest: the metadata is wrong; file and line are the script's.
    """
    import tomlkit

    from blast_compat.pyproject import make_manifest, parse_toml

    document = parse_toml("\n" * (first + 1) + toml, path)
    unknown = [name for name in document if name not in {"requires-python", "dependencies", "tool"}]
    if unknown:
        raise InvalidManifest(
            f"{path}: the metadata has '{unknown[0]}'",
            reason="PEP 723 knows requires-python, dependencies and tool",
            file=path,
            field=unknown[0],
        )
    # One name for all: it is part of what a lock answers to.
    project: dict[str, Any] = {"name": _NAME, "version": "0"}
    project.update({name: value for name, value in document.items() if name != "tool"})
    tool = document.get("tool", {})
    tools = {name: dict(tool[name]) for name in ("blast", "uv") if isinstance(tool, dict) and name in tool}
    made: dict[str, Any] = {"project": project, "tool": tools}
    # So the keys of a project are on the lines of the script's.
    make_manifest(made, path, "\n" * first + "[project]\n" + toml)
    for table in tools.values():
        if "sources" in table:
            table["sources"] = {name: _absolute(rows, os.path.dirname(path)) for name, rows in table["sources"].items()}
    tools["blast"] = {**tools.get("blast", {}), "lock": "dpl", "package": False}
    return tomlkit.dumps(made)


def _absolute(rows: Any, directory: str) -> Any:
    if isinstance(rows, list):
        return [_absolute(row, directory) for row in rows]
    if isinstance(rows, dict) and "path" in rows:
        return {**rows, "path": os.path.normpath(os.path.join(directory, str(rows["path"])))}
    return rows


def _metadata_of(path: str) -> bytes:
    return find_metadata(_read(path) or b"")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _forget_old(home: str, kept: str) -> None:
    """Remove projects of scripts whose environments and views a gc took, once they are old."""
    import time

    from blast_project.hot_key import has_view_memo

    directory = os.path.join(home, "scripts")
    for name in os.listdir(directory):
        root = os.path.join(directory, name)
        environment = os.path.join(home, "environments", f"script-{name}")
        try:
            is_old = os.stat(root).st_mtime < time.time() - _KEPT_S
            if is_old and name.startswith("read-"):
                fs.unlink(root)
            elif is_old and root != kept and not (os.path.isdir(environment) or has_view_memo(home, root)):
                fs.remove_tree(root)
        except OSError:
            continue
