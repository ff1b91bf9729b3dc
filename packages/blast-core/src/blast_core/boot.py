"""Which start of the machine this is: what was not flushed to the disk under another one may be lost.

The kernel draws an identity at each start (Linux, macOS) or counts the starts (Windows). A clock would not do: it may
be wrong before the network is there, and jump. Tests name another start by ``BLAST_BOOT_ID``.

The module imports ``os`` alone, because the command that has nothing to do may load it too.
"""

from __future__ import annotations

import os
import sys

__all__ = ["boot_id"]

_LINUX = "/proc/sys/kernel/random/boot_id"
_DIGITS = 12
_known: str | None = None


def boot_id() -> str:
    """Return what tells this start of the machine from others: twelve characters of ``[0-9a-z]``; "" if unknown.

    Cost: three system calls, once.
    """
    global _known  # noqa: PLW0603 - it never changes
    if _known is None:
        text = os.environ.get("BLAST_BOOT_ID") or _ask()
        _known = "".join(letter for letter in text.lower() if letter.isascii() and letter.isalnum())[:_DIGITS]
        _known = _known.rjust(_DIGITS, "0") if _known else ""
    return _known


if sys.platform == "darwin":

    def _ask() -> str:
        import ctypes

        size = ctypes.c_size_t(64)
        text = ctypes.create_string_buffer(size.value)
        call = ctypes.CDLL(None).sysctlbyname
        return (
            text.value.decode("ascii") if call(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0) == 0 else ""
        )

elif sys.platform == "win32":

    def _ask() -> str:
        import winreg

        place = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return str(winreg.QueryValueEx(key, "BootId")[0])
        except OSError:
            return ""

else:

    def _ask() -> str:
        try:
            fd = os.open(_LINUX, os.O_RDONLY)
        except OSError:
            return ""
        try:
            return os.read(fd, 64).decode("ascii", "replace")
        finally:
            os.close(fd)
