"""Every change that Blast makes on disk, as numbered operations.

A test sets ``BLAST_FAULT`` (or calls `set_fault`) and so kills the process before operation N, or makes operation N
fail, and looks at what is left (SECURITY.md, rule 4: SQLite's method). Without it an operation costs one counter and
one test.

    BLAST_FAULT=kill:7          SIGKILL to this process before its seventh operation
    BLAST_FAULT=fail:7:ENOSPC   the seventh operation raises OSError(ENOSPC)
    BLAST_FAULT=fail:7+:ENOSPC  the seventh and every later one do: a disk that stays full
    BLAST_FAULT=mark            a look at /blast-operation announces each operation to strace

Creating a file, each write to it and each fsync are operations of their own. No function follows a symbolic link at
the path that it changes, and none writes through one: new files are made with ``O_EXCL``, existing ones replaced by a
rename.

The module imports ``os`` alone, because the command that has nothing to do loads it too.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Content = bytes | bytearray | memoryview

__all__ = [
    "clone_file",
    "copy_file",
    "create_file",
    "exchange",
    "hardlink",
    "hardlinks",
    "is_temporary",
    "link_directory",
    "make_directories",
    "make_directory",
    "open_file",
    "operations",
    "remove_directory",
    "remove_tree",
    "rename",
    "replace_file",
    "replace_files",
    "replace_symlink",
    "set_fault",
    "set_mode",
    "symlink",
    "sync_directory",
    "sync_file",
    "sync_files",
    "sync_filesystem",
    "sync_paths",
    "temporary_beside",
    "unlink",
    "write",
    "write_file",
    "write_file_at",
]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
# To be flushed, a directory may be a link: that of a store that lies elsewhere. Nothing is read or written.
_DIRECTORY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_TEMPORARY_SUFFIX = ".blast-tmp"
_COPY_CHUNK = 1 << 20

_count = 0
_fault: Callable[[str], None] | None = None


def operations() -> int:
    """Return how many operations this process has begun, those of all threads together."""
    return _count


def set_fault(text: str | None) -> None:
    """Arm the fault that ``text`` describes (see the module), or none; the count begins anew.

    Raises:
        ValueError: the text is none of these.
    """
    global _count, _fault  # noqa: PLW0603 - one process has one count of operations
    if text:
        from blast_core._faults import make_fault

        _fault = make_fault(text)
    else:
        _fault = None
    _count = 0


def _begin(path: str | int) -> None:
    global _count  # noqa: PLW0603 - one process has one count of operations
    _count += 1
    if _fault is not None:
        _fault(str(path))


def create_file(path: str, mode: int = 0o666, *, dir_fd: int | None = None) -> int:
    """Create ``path``, which must not exist, and return a descriptor to write to; the umask applies to ``mode``."""
    _begin(path)
    return os.open(path, _CREATE, mode, dir_fd=dir_fd)


def open_file(path: str, mode: int = 0o666) -> int:
    """Open ``path`` for reading and writing, created if it is missing; a symbolic link there is refused (ELOOP)."""
    _begin(path)
    return os.open(path, _OPEN, mode)


def write(fd: int, content: Content) -> None:
    """Write all of ``content`` to ``fd``, in as many system calls as the kernel wants."""
    _begin(fd)
    written = os.write(fd, content)
    if written == len(content):
        return
    with memoryview(content) as view:
        while written < len(view):
            written += os.write(fd, view[written:])


def sync_file(fd: int) -> None:
    """Flush an open file to the disk."""
    _begin(fd)
    os.fsync(fd)


def sync_directory(path: str) -> None:
    """Flush a directory to the disk, so that a rename in it survives a power loss."""
    _begin(path)
    if os.name == "nt":  # Windows opens no directories, and NTFS journals the rename.
        return
    fd = os.open(path, _DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_files(descriptors: Sequence[int]) -> None:
    """Flush open files to the disk, all at once.

    Cost: for three files 0.6 times, for fifteen 0.3 times what one `sync_file` after the other takes (ext4, busy disk).
    """
    if len(descriptors) == 1:
        sync_file(descriptors[0])
    elif descriptors:
        from blast_core._sync_files import sync_together

        sync_together(descriptors, sync_file)


def sync_paths(paths: Sequence[str]) -> None:
    """Flush files to the disk by their paths; see `sync_files`."""
    descriptors: list[int] = []
    try:
        descriptors.extend(os.open(path, _READ) for path in paths)
        sync_files(descriptors)
    finally:
        for fd in descriptors:
            os.close(fd)


def sync_filesystem(path: str) -> None:
    """Flush everything written to the file system of ``path`` with one system call.

    Cost: what is dirty, of other processes too; 0.1 s after 10,000 files of 20 KB on an SSD, 2 ms when little is dirty.
    """
    _begin(path)
    from blast_core._sync_filesystem import sync_all

    sync_all(path)


def write_file(path: str, content: Content, mode: int = 0o666, *, durable: bool = False) -> None:
    """Create ``path``, which must not exist, with ``content``; the umask applies to ``mode``.

    Args:
        path: the new file.
        content: all of it.
        mode: may lack the write bits.
        durable: flush the file (not its directory) before returning.

    Raises:
        FileExistsError: something is there, be it a dangling symbolic link; `replace_file` replaces.
    """
    fd = create_file(path, mode)
    try:
        write(fd, content)
        if durable:
            sync_file(fd)
    finally:
        os.close(fd)


def write_file_at(dir_fd: int, name: str, content: Content, mode: int = 0o666) -> None:
    """Create the file ``name`` below an open directory: what `write_file` does, with three system calls."""
    _begin(name)
    fd = os.open(name, _CREATE, mode, dir_fd=dir_fd)
    try:
        if content:
            write(fd, content)
    finally:
        os.close(fd)


def replace_file(path: str, content: Content, *, durable: bool = True, mode: int | None = None) -> None:
    """Put ``content`` at ``path`` by a rename: whoever opens it finds the old or the new content, never a mix.

    Args:
        path: the file; a symbolic link there is replaced, not followed.
        content: all of it.
        durable: flush file and directory, so that it holds after a power loss too.
        mode: permission bits; None keeps those of the old file, or 0666 less the umask.
    """
    _replace([(path, content)], durable=durable, mode=mode)
    if durable:
        sync_directory(os.path.dirname(path) or ".")


def replace_files(contents: Sequence[tuple[str, Content]]) -> None:
    """Put a content at each path by a rename, in this order, once all of them are on the disk.

    The renames are on the disk when a directory of that file system is flushed, which is left to the caller.
    """
    _replace(contents, durable=True, mode=None)


def _replace(contents: Sequence[tuple[str, Content]], *, durable: bool, mode: int | None) -> None:
    ready: list[tuple[str, str]] = []
    descriptors: list[int] = []
    try:
        for path, content in contents:
            temporary = temporary_beside(path)
            kept = _mode_of(path) if mode is None else mode
            ready.append((temporary, path))
            fd = create_file(temporary, 0o666 if kept is None else kept)
            descriptors.append(fd)
            if kept is not None and mode is None:
                os.fchmod(fd, kept)
            write(fd, content)
        if durable:
            sync_files(descriptors)
        while descriptors:
            # Before the rename: Windows renames no open file.
            os.close(descriptors.pop())
        while ready:
            rename(*ready[0])
            del ready[0]
    except BaseException:
        for fd in descriptors:
            os.close(fd)
        for temporary, _ in ready:
            _forget(temporary)
        raise


def replace_symlink(path: str, target: str) -> None:
    """Make ``path`` a symbolic link to ``target`` by a rename: the old or the new one stands at any moment."""
    temporary = temporary_beside(path)
    try:
        symlink(target, temporary)
        rename(temporary, path)
    except BaseException:
        _forget(temporary)
        raise


def temporary_beside(path: str) -> str:
    """Return a name beside ``path`` that nobody else takes, and that tells which process took it."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name[:180]}.{os.getpid()}.{os.urandom(4).hex()}{_TEMPORARY_SUFFIX}")


def is_temporary(name: str) -> bool:
    """Tell whether a killed `replace_file` or `replace_symlink` left the directory entry ``name``."""
    return name.startswith(".") and name.endswith(_TEMPORARY_SUFFIX)


def _mode_of(path: str) -> int | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mode & 0o777 if (status.st_mode & 0o170000) == 0o100000 else None


def _forget(path: str) -> None:
    # After a failure: the first error is the one to report. It is no numbered operation, lest a disk that stays
    # full (fail:N+) be said to refuse a deletion, which no full disk does.
    try:
        os.unlink(path)
    except OSError:
        return


def make_directory(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    """Create one directory, which must not exist."""
    _begin(path)
    os.mkdir(path, mode, dir_fd=dir_fd)


def make_directories(path: str, mode: int = 0o777) -> None:
    """Create a directory and those above it; existing ones are left as they are.

    Raises:
        FileExistsError: something that is no directory stands in the way.
    """
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        try:
            make_directory(directory, mode)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise


def symlink(target: str, path: str, *, dir_fd: int | None = None) -> None:
    """Make ``path``, which must not exist, a symbolic link to ``target``."""
    _begin(path)
    os.symlink(target, path, dir_fd=dir_fd)


def link_directory(target: str, path: str, *, dir_fd: int | None = None) -> None:
    """Make ``path`` a link to a directory: a junction on Windows, which needs no right but an absolute ``target``."""
    if os.name != "nt":
        symlink(target, path, dir_fd=dir_fd)
        return
    _begin(path)
    import _winapi

    _winapi.CreateJunction(os.path.abspath(target), path)  # type: ignore[attr-defined,unused-ignore]


def hardlink(source: str, path: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Make ``path``, which must not exist, another name of ``source``; a link at ``source`` is not followed."""
    _begin(path)
    os.link(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=os.name == "nt")


def hardlinks(names: Sequence[str], source: str, path: str, *, src_dir_fd: int | None, dst_dir_fd: int | None) -> int:
    """Make other names of files, as `hardlink` does, until one is refused; return how many were made.

    Args:
        names: of the files, there and here.
        source: what comes before the names there.
        path: what comes before them here.
        src_dir_fd: an open directory that ``source`` begins in.
        dst_dir_fd: an open directory that ``path`` begins in.
    """
    done = 0
    try:
        for name in names:
            _begin(name)
            os.link(source + name, path + name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)
            done += 1
    except OSError:
        # Whoever does it again by itself learns why.
        return done
    return done


def rename(source: str, destination: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Rename, replacing a file (or an empty directory by a directory) at ``destination`` in the same instant."""
    _begin(destination)
    os.replace(source, destination, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def exchange(one: str, other: str) -> None:
    """Swap two paths in one instant where the kernel can (Linux), else by three renames with a gap between."""
    _begin(other)
    from blast_core._exchange import swap

    if not swap(one, other):
        between = temporary_beside(one)
        os.rename(one, between)
        os.rename(other, one)
        os.rename(between, other)


def unlink(path: str, *, dir_fd: int | None = None) -> None:
    """Remove a file or a symbolic link."""
    _begin(path)
    os.unlink(path, dir_fd=dir_fd)


def remove_directory(path: str, *, dir_fd: int | None = None) -> None:
    """Remove an empty directory."""
    _begin(path)
    os.rmdir(path, dir_fd=dir_fd)


def set_mode(path: str | int, mode: int, *, dir_fd: int | None = None) -> None:
    """Set the permission bits of a path that is no symbolic link (it would be followed), or of an open file."""
    _begin(path)
    os.chmod(path, mode, dir_fd=dir_fd)


def copy_file(source: str, path: str, mode: int | None = None) -> None:
    """Copy a file to ``path``, which must not exist; shares the blocks where the file system can.

    Args:
        source: the file; a symbolic link there is refused.
        path: the new file.
        mode: permission bits; None takes those of the source.
    """
    source_fd = os.open(source, _READ)
    try:
        status = os.fstat(source_fd)
        fd = create_file(path, (status.st_mode & 0o777) if mode is None else mode)
        try:
            _copy_content(source_fd, fd, status.st_size)
        finally:
            os.close(fd)
    finally:
        os.close(source_fd)


def clone_file(source: str, path: str, mode: int | None = None) -> None:
    """Make ``path`` a file of its own that shares the blocks of ``source``; see `copy_file`.

    Raises:
        OSError: the file system can't (EOPNOTSUPP, ENOTTY, EINVAL, ENOSYS, ENOTSUP, EXDEV), or another; nothing stays.
    """
    from blast_core._clone_file import clone

    clone(source, path, mode, _begin)


def _copy_content(source_fd: int, fd: int, size: int) -> None:
    copied = 0
    if hasattr(os, "copy_file_range"):
        _begin(fd)
        try:
            while copied < size and (count := os.copy_file_range(source_fd, fd, size - copied)):
                copied += count
        except OSError as error:
            import errno

            if copied or error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                raise
    while chunk := os.read(source_fd, _COPY_CHUNK):
        write(fd, chunk)


def remove_tree(path: str) -> None:
    """Remove a directory with all below it, or the file or symbolic link that stands at ``path``.

    Read-only directories are made writable first. Symbolic links are removed, never followed: every step is relative
    to an open directory. Any depth works, with at most 33 descriptors and no recursion. Entries that another process
    removes meanwhile are no error.

    Raises:
        FileNotFoundError: nothing is there.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        unlink(path)
        return
    from blast_core import _remove_tree

    _remove_tree.remove_tree(path)


if "BLAST_FAULT" in os.environ:
    set_fault(os.environ["BLAST_FAULT"])
