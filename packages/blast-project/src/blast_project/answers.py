"""Locks that were asked for twice, as files that a command without options writes back at a glance.

A hint (`blast_project.hints`) answers a question that was asked before, but to ask it a command has to read the
manifest, open the database and know the indexes. What is kept here answers by bytes and stamps: the same manifest, the
same variables, no configuration file that looks otherwise, and a database that nobody has written since the hint was
found to hold. Everything else takes the long way, which keeps the answer anew when its hint holds still.

    projects/<CRC-32 of the question>.answer    marshalled: CRC-32 of the rest, and that, marshalled

Losing an answer costs time alone.
"""

from __future__ import annotations

import marshal
import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    # Inode, size, times of content and of status in nanoseconds; of a missing file none.
    Stamp = tuple[int, ...]

__all__ = ["Answer", "answer_path", "find_answer", "publish_answer", "question_of", "read_files", "stamp_of"]

# Raise it when an answer is read otherwise.
_FORMAT = 1
_FIELDS = 10
# Variables that say which indexes are asked, where configurations are, and how; all others change no lock.
_PREFIXES = ("BLAST_", "PIP_", "XDG_", "UV_")
_NAMES = ("ALLUSERSPROFILE", "APPDATA", "HOME", "PROGRAMDATA", "USERPROFILE")
_ABSENT: Stamp = ()


class Answer(NamedTuple):
    """What is kept of a lock.

    Attributes:
        question: that it answers.
        stamps: of each file that decides which indexes are asked, and of the database, with their paths.
        fetched: when the newest page was fetched, in seconds since 1970.
        expires: when the first page may no longer be used unasked.
        rules: see `blast_project.lock_rules`.
        packages: how many there are.
        changes: their names and versions.
        text: of pylock.toml; None where there is none.
        content: of blast.lock.
    """

    question: bytes
    stamps: tuple[tuple[str, Stamp], ...]
    fetched: int
    expires: int
    rules: bytes
    packages: int
    changes: tuple[tuple[str, str], ...]
    text: bytes | None
    content: bytes

    def dump(self) -> bytes:
        """Return all as bytes."""
        from zlib import crc32

        fields = marshal.dumps((_FORMAT, *self))
        return crc32(fields).to_bytes(4, "little") + fields


def question_of(manifest: bytes, environ: Mapping[str, str], prefix: str) -> bytes:
    """Return what a plain ``lock`` without a lock on disk asks.

    Args:
        manifest: the bytes of pyproject.toml.
        environ: the process's variables.
        prefix: of the interpreter that runs Blast: pip's configuration may lie in it.
    """
    from blast_core import __version__

    names = sorted(name for name in environ if name.startswith(_PREFIXES) or name in _NAMES)
    said = "\0".join(f"{name}={environ[name]}" for name in names if name not in {"BLAST_OFFLINE", "BLAST_QUIET"})
    return f"{__version__}\0{prefix}\0{said}\0\0".encode("utf-8", "surrogateescape") + manifest


def answer_path(home: str, question: bytes) -> str:
    """Return where the answer to a question is kept, if one is."""
    from zlib import crc32

    return os.path.join(home, "projects", f"{crc32(question):08x}.answer")


def find_answer(home: str, question: bytes, *, offline: bool) -> Answer | None:
    """Return the answer to a question if it still holds; None otherwise.

    Args:
        home: BLAST_HOME.
        question: see ``question_of``.
        offline: take what indexes said, however long ago.

    Cost: one read, a stat for each file of pip's configuration and one for the database.
    """
    try:
        fd = os.open(answer_path(home, question), os.O_RDONLY)
    except OSError:
        return None
    try:
        content = os.read(fd, os.fstat(fd).st_size + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    from zlib import crc32

    if len(content) < 4 or crc32(memoryview(content)[4:]).to_bytes(4, "little") != content[:4]:
        return None
    fields = marshal.loads(memoryview(content)[4:])  # noqa: S302 - this user's own store
    if len(fields) != _FIELDS or fields[0] != _FORMAT or fields[1] != question:
        return None
    answer = Answer(*fields[1:])
    if not _hold(answer.stamps):
        return None
    if not offline:
        import time

        # A clock that was put back must not make pages eternal.
        if not answer.fetched - 60 <= time.time() < answer.expires:
            return None
    return answer


def _hold(stamps: tuple[tuple[str, Stamp], ...]) -> bool:
    """Tell whether files look as they did."""
    return all(stamp_of(path) == stamp for path, stamp in stamps)


def stamp_of(path: str) -> Stamp:
    """Return what tells a file from another, and from itself at another time."""
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def publish_answer(root: str, home: str, manifest: bytes, answer: Answer, options: bytes) -> bool:
    """Write a lock where there is none; False, and nothing is written, where one or another manifest is by now.

    Args:
        root: directory of the project.
        home: BLAST_HOME.
        manifest: what pyproject.toml held when the question was asked.
        answer: to write; text first, as `blast_project.lock_files.publish_lock` does.
        options: the digest for the memo of the lock.
    """
    from blast_core import fs
    from blast_project.environment.state import write_memo
    from blast_project.exclusive import exclusive_below, sweep_temporaries
    from blast_project.hot_key import project_memo_path
    from blast_project.lock_rules import remember_rules

    names = ("pyproject.toml", "pylock.toml", "blast.lock")
    # Who would have to wait takes the long way, which says for what.
    with exclusive_below(home, root, timeout_s=0):
        if read_files(root) != (manifest, None, None):
            return False
        sweep_temporaries(root)
        contents = {"pyproject.toml": manifest, "blast.lock": answer.content}
        if answer.text is not None:
            contents["pylock.toml"] = answer.text
        fs.replace_files([(os.path.join(root, name), contents[name]) for name in names[1:] if name in contents])
        fs.sync_directory(root)
        remember_rules(home, answer.content[96:128], answer.rules)
        try:
            write_memo(root, project_memo_path(home, root), options, contents)
        except OSError:
            # A store that can't be written only remembers nothing.
            pass
    return True


def read_files(root: str) -> tuple[bytes | None, ...]:
    """Return the manifest and both forms of the lock as they stand; None for what is not there.

    Raises:
        OSError: one can't be read.
    """
    return tuple(_read(f"{root}/{name}") for name in ("pyproject.toml", "pylock.toml", "blast.lock"))


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        return None
