"""Scripts that are no files here: on standard input, or at an address."""

from __future__ import annotations

import os
import sys

from blast_core import fs
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.index.model import IndexFile
    from blast_project.session import Session

__all__ = ["fetch_script", "give_standard_input", "is_address", "read_standard_input"]

_MOST_BYTES = 64 << 20


def is_address(word: str) -> bool:
    """Tell whether a word is the address of a script."""
    return word.startswith(("https://", "http://"))


def fetch_script(session: Session, url: str, insecure_hosts: Sequence[str]) -> str:
    """Download a script and return its path in the store, named as at its address.

    Args:
        session: services.
        url: its address.
        insecure_hosts: hosts, with a port or without, from which it may come without encryption.

    Raises:
        UsageError: it would come without encryption, which lets anybody in between run programs here.
        IndexAccessError: it can't be had.
    """
    from urllib.parse import unquote, urlsplit

    from blast_pm.index.model import IndexFile

    parts = urlsplit(url)
    if parts.scheme != "https" and not {parts.hostname or "", parts.netloc.rpartition("@")[2]} & set(insecure_hosts):
        raise UsageError(
            f"{url} would come without encryption",
            reason="whoever is in between could run any program here",
            hint=f"use https, or trust the way with --allow-insecure-host {parts.hostname}",
        )
    name = unquote(parts.path.rpartition("/")[2])
    name = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name).lstrip(".") or "script.py"
    name = name if name.endswith((".py", ".pyw")) else f"{name}.py"
    file = IndexFile(name, url, "", 0, "", None, "", None, "")
    if not session.keeps:
        return _fetch_into_memory(session, file)
    staged = os.path.join(session.settings.home, "tmp", f"script-{os.getpid()}-{os.urandom(6).hex()}")
    fs.make_directories(os.path.dirname(staged))
    try:
        digest = session.client.download(file, staged)
        _check_size(url, os.path.getsize(staged))
        path = os.path.join(session.settings.home, "scripts", f"from-{digest[:32]}", name)
        fs.make_directories(os.path.dirname(path))
        fs.rename(staged, path)
    finally:
        if os.path.exists(staged):
            fs.unlink(staged)
    return path


def _fetch_into_memory(session: Session, file: IndexFile) -> str:
    """Return the path of a script among descriptors; the program that this process becomes has it, too."""
    descriptor = os.memfd_create(file.filename[:200], 0)
    session.client.download(file, descriptor)
    _check_size(file.url, os.fstat(descriptor).st_size)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the function has no name for it
    return f"/proc/self/fd/{descriptor}"


def _check_size(url: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise UsageError(f"{url} is no script", reason=f"it has {size} bytes")


def read_standard_input() -> str:
    """Return the script on standard input.

    Raises:
        UsageError: it is not UTF-8.
    """
    content = sys.stdin.buffer.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the script on standard input is not UTF-8", reason=str(error)) from error


def give_standard_input(text: str) -> None:
    """Make a text what the program reads from standard input, after it was read here; nothing is left behind."""
    # Not closed: the program that this process becomes reads it.
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("blast-input")
    else:
        import tempfile

        with tempfile.TemporaryFile() as spare:
            descriptor = os.dup(spare.fileno())
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.dup2(descriptor, 0)
