"""Source distributions that are the same bytes whenever and by whomever they are built.

Many backends write the moment, the user and the order of a directory into their archives. Where SOURCE_DATE_EPOCH asks
for reproducible builds, the archive is written again: members in the order of their names, no times after that moment,
nobody's ids. Nothing else of a member changes.

Spec: reproducible-builds.org, SOURCE_DATE_EPOCH; PEP 625.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from typing import TYPE_CHECKING

from blast_core import fs
from blast_core.errors import BuildFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["normalize_sdist", "source_date"]

_VARIABLE = "SOURCE_DATE_EPOCH"
_DIGITS = 10


def source_date(environ: Mapping[str, str]) -> int | None:
    """Return the seconds since 1970 that SOURCE_DATE_EPOCH holds; None where it is not set.

    Raises:
        UsageError: it holds something else.
    """
    text = environ.get(_VARIABLE, "")
    if not text:
        return None
    # gzip's header has 32 bits for it.
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) < 1 << 32):
        raise UsageError(f"{_VARIABLE}={text!r} is no time", hint="it holds whole seconds since 1970")
    return int(text)


def normalize_sdist(path: str, moment: int) -> None:
    """Write the ``.tar.gz`` archive at ``path`` again as the same bytes that anybody would write at ``moment``.

    Raises:
        BuildFailed: it is no such archive.
    """
    temporary = f"{path}.blast-tmp"
    try:
        _write_neutral(path, temporary, moment)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BuildFailed(
            f"{os.path.basename(path)} is no source distribution", reason=str(error), hint="report it to the backend"
        ) from error
    else:
        fs.rename(temporary, path)
    finally:
        if os.path.lexists(temporary):
            fs.unlink(temporary)


def _write_neutral(path: str, temporary: str, moment: int) -> None:
    with (
        tarfile.open(path, "r:gz") as source,
        open(temporary, "xb") as plain,
        # The name and the time in gzip's header would differ, too.
        gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=moment, compresslevel=9) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            content = source.extractfile(member) if member.isreg() else None
            target.addfile(_neutral(member, moment), content)


def _neutral(member: tarfile.TarInfo, moment: int) -> tarfile.TarInfo:
    neutral = member.replace(
        mtime=min(int(member.mtime), moment),
        mode=0o755 if member.isdir() or member.mode & 0o100 else 0o644,
        uid=0,
        gid=0,
        uname="",
        gname="",
    )
    # Times with fractions and the like; what the name needs is written anew.
    neutral.pax_headers = {}
    return neutral
