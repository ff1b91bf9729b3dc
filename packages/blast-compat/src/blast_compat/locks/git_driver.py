"""Git's help with locks: ``blast.lock`` is shown as text, and both lock files merge by package instead of by line.

Git runs ``python -m blast_compat.locks.git_driver`` with ``textconv FILE`` or ``merge BASE OURS THEIRS PATH``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from blast_core import fs
from blast_core.errors import BlastError, FormatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.formats.dpl.model import Lock, LockedFile

__all__ = ["install_git_driver", "main", "merge_files", "show_lock"]

_MODULE = "blast_compat.locks.git_driver"
_NAME = "blast-lock"
_ATTRIBUTES = (f"blast.lock diff={_NAME} merge={_NAME} -text", f"pylock.toml merge={_NAME}")
_REBUILD = b"\xff" * 32
"""A text hash that no text has: whoever reads the merged blast.lock rebuilds it from the merged pylock.toml."""


def install_git_driver(root: str) -> tuple[str, ...]:
    """Make git use this module for the locks below ``root``: in .git/config, and in .gitattributes beside the project.

    Done twice it changes nothing; other attributes and settings are left alone.

    Args:
        root: the project's directory, inside a git working tree.

    Returns:
        The lines that were added to .gitattributes.

    Raises:
        UsageError: ``root`` is in no git repository, or there is no git.
    """
    command = f'"{sys.executable}" -m {_MODULE}'
    for key, value in (
        (f"diff.{_NAME}.textconv", f"{command} textconv"),
        (f"diff.{_NAME}.cachetextconv", "false"),
        (f"merge.{_NAME}.name", "Blast's merge of locks by package"),
        (f"merge.{_NAME}.driver", f"{command} merge %O %A %B %P"),
    ):
        _git(root, "config", "--local", key, value)
    path = os.path.join(root, ".gitattributes")
    before = _read(path) or b""
    present = before.decode("utf-8", "surrogateescape").splitlines()
    missing = tuple(line for line in _ATTRIBUTES if line not in present)
    if missing:
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        fs.replace_file(path, before + gap + "".join(f"{line}\n" for line in missing).encode())
    return missing


def show_lock(path: str) -> str:
    """Return the lock at ``path`` as text; for a damaged one a line that says so, because git stops at an error."""
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_core.formats.dpl.text import show_text

    try:
        with DplLockFile.open(path) as lock:
            return show_text(lock)
    except FormatError as error:
        return f"not a sound lock: {error.message}\n"


def merge_files(base: str, ours: str, theirs: str, name: str) -> int:
    """Merge the files at three paths and leave the result in ``ours``, as git asks of a merge driver.

    Args:
        base: path of the common ancestor, an empty file when there is none.
        ours: path of this side, overwritten.
        theirs: path of the other side.
        name: the file's path in the repository, which tells text from binary.

    Returns:
        0 when merged, 1 when there is a conflict: in a text standard conflict marks stand at the packages concerned, a
        binary stays as this side had it.
    """
    contents = [_read(path) or b"" for path in (base, ours, theirs)]
    if os.path.basename(name) == "blast.lock":
        return _merge_binaries(contents, ours)
    return _merge_texts(contents, (base, ours, theirs))


def main(arguments: Sequence[str]) -> int:
    """Run as git runs a driver; returns the exit status."""
    match list(arguments):
        case ["textconv", path]:
            sys.stdout.write(show_lock(path))
            return 0
        case ["merge", base, ours, theirs, name]:
            return merge_files(base, ours, theirs, name)
        case _:
            sys.stderr.write("usage: git_driver textconv FILE | merge BASE OURS THEIRS PATH\n")
            return 2


def _merge_binaries(contents: list[bytes], ours: str) -> int:
    from blast_compat.locks.merge import merge_locks
    from blast_core.formats.dpl.builder import build_lock
    from blast_core.formats.dpl.model import NO_HASH

    try:
        base, here, there = (_decode(content) for content in contents)
        if here is None or there is None:
            return 1
        lock, conflicts = merge_locks(base, here, there)
        has_text = NO_HASH not in (here.text_hash, there.text_hash)
        merged = build_lock(lock._replace(text_hash=_REBUILD if has_text else NO_HASH))
    except BlastError as error:
        _report(error.message)
        return 1
    if conflicts:
        _report(f"both sides changed {', '.join(conflicts)}: solve pylock.toml, delete blast.lock and run `blast lock`")
        return 1
    fs.replace_file(ours, merged, durable=False)
    return 0


def _decode(content: bytes) -> Lock | None:
    from blast_core.formats.dpl.reader import DplLockFile

    if not content:
        return None
    lock = DplLockFile.from_bytes(content)
    lock.verify()
    return lock.to_lock()


def _merge_texts(contents: list[bytes], paths: tuple[str, str, str]) -> int:
    from blast_compat.locks.merge import merge_locks
    from blast_compat.locks.pylock import read_pylock, write_pylock

    try:
        texts = [content.decode() for content in contents]
        base, here, there = (read_pylock(text) if text.strip() else None for text in texts)
        if here is None or there is None:
            return _merge_lines(paths)
        url = _url_source(texts[1], texts[2])
        lock, conflicts = merge_locks(base, here, there)
        if not conflicts:
            fs.replace_file(paths[1], write_pylock(lock, url).encode(), durable=False)
            return 0
        sides = [write_pylock(merge_locks(base, here, there, side).lock, url) for side in ("base", "ours", "theirs")]
    except (BlastError, UnicodeDecodeError) as error:
        _report(f"merged by line, because a side is no lock of ours or the union is none: {error}")
        return _merge_lines(paths)
    _report(f"both sides changed {', '.join(conflicts)}")
    for path, text in zip(paths, sides, strict=True):
        fs.replace_file(path, text.encode(), durable=False)
    return _merge_lines(paths)


def _merge_lines(paths: tuple[str, str, str]) -> int:
    """Let git merge by line; everything that the sides agree on is already the same in all three."""
    base, ours, theirs = paths
    command = ["git", "merge-file", "-L", "ours", "-L", "base", "-L", "theirs", ours, base, theirs]
    return 0 if subprocess.run(command, check=False).returncode == 0 else 1


def _url_source(ours: str, theirs: str) -> Callable[[LockedFile], str]:
    """Return what gives the URL of a file: on this side's indexes where it can, else as a text has it."""
    from blast_compat.locks.pylock import read_urls

    bases, urls = read_urls(theirs)
    our_bases, our_urls = read_urls(ours)
    urls.update(our_urls)

    def url(file: LockedFile) -> str:
        if not file.index:
            return file.path
        if file.index in our_bases:
            return our_bases[file.index] + file.path
        return urls.get((file.filename, file.sha256)) or bases.get(file.index, "") + file.path

    return url


def _git(root: str, *arguments: str) -> None:
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError as error:
        raise UsageError("git is not installed", hint="install git, or merge locks by `blast lock`") from error
    if done.returncode:
        raise UsageError(f"git refuses in {root}", reason=done.stderr.strip(), hint="run `git init` first")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _report(message: str) -> None:
    sys.stderr.write(f"blast: {message}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
