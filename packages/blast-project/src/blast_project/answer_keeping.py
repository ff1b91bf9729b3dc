"""Keeping the answers of `blast_project.answers`: of a hint that was found to hold, where nothing else decides."""

from __future__ import annotations

import os
import sys
import time

from blast_core import fs
from blast_project.answers import Answer, answer_path, question_of, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.answers import Stamp
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["database_stamp", "keep_answer"]

# How many are kept; one of a project with 241 packages takes 0.7 MB.
_MOST = 8
# What changed within a tick of the file system's clock may change again and look the same.
_TICK_NS = 20_000_000
# Configuration was read some time before it is stamped.
_READING_NS = 5_000_000_000


def database_stamp(session: Session) -> tuple[str, Stamp]:
    """Return path and stamp of the database; to be taken before the hint is looked up in it."""
    return session.database.path, stamp_of(session.database.path)


def keep_answer(
    session: Session,
    project: Project,
    result: LockResult,
    times: tuple[int, int],
    rules: bytes,
    database: tuple[str, Stamp],
) -> None:
    """Keep a hint's lock as the answer to a plain ``lock`` in any directory with the same manifest.

    Args:
        session: whose settings are those of a plain command; nothing is kept of another.
        project: what was locked.
        result: what the hint came to, where no lock was before.
        times: when the newest page was fetched, and when the first may no longer be used unasked.
        rules: by which it was locked.
        database: what `database_stamp` returned before.
    """
    settings = session.settings
    files = session.policy.files
    others = (
        *settings.policy,
        settings.index_strategy,
        settings.refresh,
        settings.refresh_packages,
        settings.configured,
    )
    if any(others) or settings.index_url != settings.environ.get("BLAST_INDEX_URL", ""):
        return
    if not rules or project.reads_other_files or files.cutoff or any(files.package_cutoffs.values()):
        return
    # Of several indexes the times of those count, too, that don't know a project.
    if len(session.client.locations) != 1 or session.client.locations[0].url.startswith("file:"):
        return
    now = time.time_ns()
    configuration = [(path, stamp_of(path)) for path in _configuration_files(session)]
    if not _is_old(database[1], now - _TICK_NS) or not all(
        _is_old(stamp, now - _READING_NS) for _, stamp in configuration
    ):
        return
    question = question_of(project.source, settings.environ, sys.prefix)
    changes = tuple((change.name, change.after) for change in result.changes)
    packages = len(result.pins())
    answer = Answer(question, (*configuration, database), *times, rules, packages, changes, result.text, result.content)
    path = answer_path(settings.home, question)
    try:
        fs.make_directories(os.path.dirname(path))
        fs.replace_file(path, answer.dump(), durable=False)
        _prune(os.path.dirname(path))
    except (OSError, ValueError):
        # Such as a store that can't be written: the next command takes the long way, too.
        return


def _configuration_files(session: Session) -> tuple[str, ...]:
    """Return the files beside the manifest that say which indexes are asked, whether they are there or not."""
    from blast_compat.pip_config import configuration_files

    found = configuration_files(session.settings.environ, prefix=sys.prefix, platform=sys.platform)
    return (*found, os.path.join(session.settings.home, "index-default"))


def _is_old(stamp: Stamp, before: int) -> bool:
    return not stamp or max(stamp[2:]) <= before


def _prune(directory: str) -> None:
    """Leave the newest answers alone."""
    found = [entry for entry in os.scandir(directory) if entry.name.endswith(".answer")]
    if len(found) > _MOST:
        found.sort(key=lambda entry: entry.stat().st_mtime_ns)
        for entry in found[:-_MOST]:
            fs.unlink(entry.path)
