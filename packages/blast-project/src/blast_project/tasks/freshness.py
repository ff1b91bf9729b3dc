"""Whether a step has nothing to do.

It has nothing to do where what it runs, its variables, its environment and its inputs are as they were when it last
succeeded, and its outputs are as it left them.

What is known of a step lies in the environment, because what it made came of it, and goes with it:
``.blast/tasks/<digest of directory and task>``, marshalled, with the key, and each file's stamp and digest. A file
whose stamp is as it was is not read again, unless it was young when the stamp was taken.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from blast_project.tasks.planning import Step

__all__ = ["Freshness", "Record", "find_files"]

_FORMAT = 1
# A file that was changed within one tick of the clock before it was looked at may change again with the same stamp.
_TICK_NS = 20_000_000


class Record(NamedTuple):
    """What a step would be remembered by: its key, and of each file stamp and digest."""

    key: str
    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]


class Freshness:
    """Knows the steps of one environment.

    Args:
        environment: its path.
        generation: which; another generation, other distributions.
        is_forced: nothing counts as fresh, but what runs is remembered.
    """

    def __init__(self, environment: str, generation: int, *, is_forced: bool = False) -> None:
        self._is_forced = is_forced
        self._directory = os.path.join(environment, ".blast", "tasks")
        self._generation = generation

    def look(self, step: Step) -> tuple[bool, Record]:
        """Return whether a step has nothing to do, and what it looks like now."""
        known = self._read(step)
        now = self._record(step, known)
        is_fresh = (
            not self._is_forced
            and known.get("key") == now.key
            and _digests(known.get("inputs", {})) == _digests(now.inputs)
            and _digests(known.get("outputs", {})) == _digests(now.outputs)
            and (bool(now.outputs) or not step.outputs)
        )
        if is_fresh and (now.inputs, now.outputs) != (known.get("inputs"), known.get("outputs")):
            # What was young has become old enough to be known by its stamp.
            self._write(step, now.key, now.inputs, now.outputs)
        return is_fresh, now

    def remember(self, step: Step, before: Record) -> None:
        """Remember a step that has run, with the inputs from before it ran: what changed meanwhile is to be seen."""
        self._write(step, before.key, before.inputs, _stamped(step.root, step.outputs, before.outputs))

    def _write(self, step: Step, key: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        content = {"format": _FORMAT, "key": key, "inputs": dict(inputs), "outputs": dict(outputs)}
        try:
            fs.make_directories(self._directory)
            fs.replace_file(self._path(step), marshal.dumps(content), durable=False)
        except OSError:
            # It runs again next time.
            return

    def forget(self, step: Step) -> None:
        """Forget a step that is about to run: if it fails, it is not fresh."""
        try:
            fs.unlink(self._path(step))
        except OSError:
            return

    def _read(self, step: Step) -> Mapping[str, Any]:
        try:
            with open(self._path(step), "rb") as file:
                content = marshal.loads(file.read())  # noqa: S302 - this user's own environment
        except (OSError, ValueError, EOFError, TypeError, MemoryError):
            return {}
        return content if isinstance(content, dict) and content.get("format") == _FORMAT else {}

    def _record(self, step: Step, known: Mapping[str, Any]) -> Record:
        from blake3 import blake3

        commands = [(command.variables, command.words) for command in step.commands]
        parts = (self._generation, commands, sorted(step.own.items()), step.directory, step.inputs, step.outputs)
        key = blake3(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()
        inputs = _stamped(step.root, step.inputs, known.get("inputs", {}))
        return Record(key, inputs, _stamped(step.root, step.outputs, known.get("outputs", {})))

    def _path(self, step: Step) -> str:
        from blake3 import blake3

        # Other arguments, another memory: tests of one half don't make those of the other stale.
        words = [command.words for command in step.commands]
        name = blake3(repr((step.root, step.label, words)).encode("utf-8", "surrogateescape")).hexdigest()
        return os.path.join(self._directory, str(name)[:32])


def find_files(directory: str, globs: Iterable[str]) -> list[str]:
    """Return the files that globs name, relative to ``directory`` and sorted; ``!glob`` takes files out again.

    A directory stands for all files below it. Hidden files and directories are named by globs that name them.
    """
    from glob import iglob

    found: set[str] = set()
    for pattern in globs:
        names = set()
        excludes = pattern.startswith("!")
        for name in iglob(pattern[1:] if excludes else pattern, root_dir=directory, recursive=True):
            path = os.path.join(directory, name)
            if os.path.isdir(path):
                names |= {os.path.join(name, below) for below in _files_below(path)}
            else:
                names.add(name)
        names = {os.path.normpath(name) for name in names}
        found = found - names if excludes else found | names
    return sorted(found)


def _files_below(directory: str) -> Iterable[str]:
    for here, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".") and name != "__pycache__"]
        yield from (os.path.relpath(os.path.join(here, name), directory) for name in files)


def _stamped(directory: str, globs: Iterable[str], known: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return stamp and digest of each file; a file that is as it was known is not read."""
    import time

    now = time.time_ns()
    found: dict[str, list[Any]] = {}
    for name in find_files(directory, globs):
        path = os.path.join(directory, name)
        try:
            status = os.stat(path)
        except OSError:
            # A link that leads nowhere.
            found[name] = [0, "missing"]
            continue
        stamp = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_mode}"
        is_young = max(status.st_mtime_ns, status.st_ctime_ns) > now - _TICK_NS
        before = known.get(name)
        if isinstance(before, list) and before[:1] == [stamp] and len(before) == 2:
            found[name] = before
        else:
            found[name] = ["" if is_young else stamp, _digest(path)]
    return found


def _digest(path: str) -> str:
    from blake3 import blake3

    digest = blake3()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        # It is there and can't be read: never the same as one that can.
        return f"error {error.errno}"
    return str(digest.hexdigest())


def _digests(files: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(row[-1]) for name, row in files.items()}
