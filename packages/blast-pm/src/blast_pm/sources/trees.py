"""Digests of source trees: what is built once is known by the content that it was built from.

A digest covers path, executable bit and content of each file. What version control, builds and editors leave in a tree
is no part of it, lest a build change its own key.
"""

from __future__ import annotations

import os

from blast_core.errors import BuildFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["digest_files", "digest_tree", "git_head", "iter_tree"]

_SKIPPED = frozenset(
    (
        ".bzr",
        ".eggs",
        ".git",
        ".hg",
        ".hypothesis",
        ".idea",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        ".vscode",
        "__pycache__",
        "build",
        "dist",
        "node_modules",
        "venv",
    )
)
_SKIPPED_ENDINGS = (".egg-info", ".dist-info", ".pyc", ".pyo", ".swp", "~")
# A tree that is installed whole; more than that is a data directory somebody put a pyproject.toml into.
_MOST_FILES = 200_000
_CHUNK = 1 << 20


def iter_tree(root: str) -> Iterator[str]:
    """Yield the paths of a tree's files and links relative to ``root``, with ``/``, in a fixed order.

    Raises:
        BuildFailed: it has more files than a source tree has.
    """
    pending = [""]
    count = 0
    while pending:
        directory = pending.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, directory)), key=lambda entry: entry.name, reverse=True)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.name in _SKIPPED or entry.name.endswith(_SKIPPED_ENDINGS):
                continue
            path = f"{directory}/{entry.name}" if directory else entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
                continue
            count += 1
            if count > _MOST_FILES:
                raise BuildFailed(f"{root} is too large", reason=f"it holds more than {_MOST_FILES} files")
            yield path


def digest_tree(root: str) -> bytes:
    """Return 32 bytes that differ when a file of the tree does.

    Cost: reads everything; some 10 ms for a project of 200 files.
    """
    return digest_files(root, iter_tree(root))


def digest_files(root: str, paths: Iterator[str]) -> bytes:
    """Return 32 bytes over files of a tree, by path; a missing file counts as missing."""
    from blake3 import blake3

    digest = blake3(b"tree\0")
    for path in paths:
        digest.update(os.fsencode(path) + b"\0")
        _add_file(os.path.join(root, path), digest.update)
    return bytes(digest.digest())


def _add_file(path: str, update: Callable[[bytes], object]) -> None:
    try:
        if os.path.islink(path):
            update(b"link\0" + os.fsencode(os.readlink(path)) + b"\0")
            return
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            update(f"{status.st_mode & 0o100:o} {status.st_size}\0".encode())
            while chunk := file.read(_CHUNK):
                update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        update(b"missing\0")
    except OSError:
        # Sockets, unreadable files: no build takes them in either.
        update(b"unreadable\0")


def git_head(directory: str) -> bytes:
    """Return the commit that is checked out in ``directory`` or above, and its tags' state; b"" outside of git.

    Read by hand: a version taken from git changes with either, and a command with nothing to do starts no process.
    """
    here = os.path.abspath(directory)
    while not os.path.lexists(os.path.join(here, ".git")):
        parent = os.path.dirname(here)
        if parent == here:
            return b""
        here = parent
    repository = os.path.join(here, ".git")
    if os.path.isfile(repository):
        repository = os.path.join(here, _read(repository).removeprefix(b"gitdir:").strip().decode(errors="replace"))
    head = _read(os.path.join(repository, "HEAD")).strip()
    shared = _read(os.path.join(repository, "commondir")).strip().decode(errors="replace")
    common = os.path.join(repository, shared) if shared else repository
    packed = _read(os.path.join(common, "packed-refs"))
    if head.startswith(b"ref:"):
        name = head[4:].strip()
        head += b" " + (_read(os.path.join(common, os.fsdecode(name))).strip() or _packed(packed, name))
    tags = os.path.join(common, "refs", "tags")
    names = sorted(os.listdir(tags)) if os.path.isdir(tags) else []
    return b"\0".join([head, *map(os.fsencode, names), *_packed_tags(packed)])


def _packed(packed: bytes, name: bytes) -> bytes:
    for line in packed.splitlines():
        commit, _, ref = line.partition(b" ")
        if ref == name:
            return commit
    return b""


def _packed_tags(packed: bytes) -> list[bytes]:
    return [line for line in packed.splitlines() if b" refs/tags/" in line]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
