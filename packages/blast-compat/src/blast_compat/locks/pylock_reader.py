"""Read pylock.toml back into a lock, and say where it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blast_compat.locks import pylock_rules as rules
from blast_compat.locks.lock_tables import LockTable
from blast_compat.locks.pylock_markers import LockMarkers
from blast_core.errors import BlastError, FormatError, InvalidField, InvalidVersion, UnsupportedFormatVersion
from blast_core.formats.dpl.check import check_lock
from blast_core.formats.dpl.model import (
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    LockTarget,
    canonical_lock,
)
from blast_core.formats.dpl.targets import named_lock_target, named_variant

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_pylock", "read_urls"]

_FILE = "pylock.toml"
_HINT = "restore pylock.toml, or delete it and run `blast lock`"
_CONFLICT_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def read_pylock(text: str) -> Lock:
    """Return the lock that a text written by Blast holds, in canonical order.

    Args:
        text: the content of ``pylock.toml``.

    Returns:
        The lock; ``text_hash`` is the BLAKE3 of ``text``.

    Raises:
        FormatError: not TOML, full of conflict marks, written by another tool, of a newer format, or unlawful; the
            error names the line or the field, such as ``packages[3].wheels[0].hashes``.

    Spec: PEP 751. Cost: tomllib's, some 150 ms for a megabyte.
    """
    from blast_core.digests import blake3_digest

    document = _parse(text)
    lock = _Reader(document).read(blake3_digest(text.encode()))
    check_lock(lock, _FILE)
    try:
        return canonical_lock(lock)
    except InvalidVersion as error:
        raise InvalidField("a version is none", file=_FILE, field="packages", value=error.message) from error


def read_urls(text: str) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return what a text says of addresses, which are no part of a lock.

    Returns:
        The file base of each index, and the URL of each wheel and sdist by (file name, sha256).

    Raises:
        FormatError: as ``read_pylock``.
    """
    document = _parse(text)
    indexes = document.table("tool").table("blast").tables("indexes")
    urls = {}
    for package in document.tables("packages"):
        for row in (*package.tables("wheels"), package.table("sdist"), package.table("archive")):
            if url := row.text("url"):
                urls[row.text("name") or rules.name_in(url), row.table("hashes").text("sha256")] = url
    return {row.text("name"): row.text("files") for row in indexes if row.has("files")}, urls


def _parse(text: str) -> LockTable:
    import tomllib

    try:
        return LockTable(tomllib.loads(text), "", _invalid)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith(_CONFLICT_MARKS):
                raise FormatError(
                    f"line {number} is the mark of a merge conflict",
                    file=_FILE,
                    hint="solve the conflict, or take either side and run `blast lock`",
                ) from error
        raise FormatError("not TOML", file=_FILE, reason=str(error), hint=_HINT) from error


class _Reader:
    def __init__(self, document: LockTable) -> None:
        self._document = document
        tool = document.table("tool").table("blast")
        if not tool.has("format"):
            raise InvalidField("written by another tool", file=_FILE, field="tool.blast.format", value="", hint=_HINT)
        known = rules.OLDEST_FORMAT <= tool.get("format", int, 0) <= rules.FORMAT
        if not known or document.text("lock-version").partition(".")[0] != "1":
            raise UnsupportedFormatVersion(
                "written in another version of the format",
                file=_FILE,
                field="lock-version, tool.blast.format",
                value=f"{document.text('lock-version')}, {tool.get('format', int, 0)}",
                hint="use a newer Blast, or run `blast lock`",
            )
        self._tool = tool
        self._groups = tuple(tool.texts("groups"))
        self._targets = _targets(tool)
        self._target_names = [target.name for target in self._targets]
        frame = Lock((), self._targets, self._groups, "", b"", b"", ())
        self._markers = LockMarkers(frame)
        bases = [(row.text("name"), row.text("files")) for row in tool.tables("indexes") if row.has("files")]
        self._bases = sorted(bases, key=lambda pair: (-len(pair[1]), pair))

    def read(self, text_hash: bytes) -> Lock:
        tool = self._tool
        lock = Lock(
            tuple(map(self._package, self._document.tables("packages"))),
            self._targets,
            self._groups,
            self._document.text("requires-python") or tool.text("requires-python"),
            _hash(tool),
            text_hash,
            tuple(row.text("name") for row in tool.tables("indexes")),
        )
        for package, table in zip(lock.packages, self._document.tables("packages"), strict=True):
            if table.text("marker") != self._markers.write(package.target_mask, package.group_mask).text:
                raise _invalid(table.path("marker"), table.text("marker"), "[packages.tool.blast] says otherwise")
        return lock

    def _package(self, table: LockTable) -> LockedPackage:
        tool = table.table("tool").table("blast")
        extras = tool.table("extras")
        dependencies = _dependencies(tool, "requires")
        more = tuple((extra, _dependencies(extras, extra)) for extra in extras.keys())  # noqa: SIM118 - a table of ours
        stated = {row.text("name") for row in table.tables("dependencies")}
        if not stated <= {need.name for _, needs in (("", dependencies), *more) for need in needs}:
            raise _invalid(table.path("dependencies"), sorted(stated), "[packages.tool.blast] says otherwise")
        groups = _mask(tool, "groups", self._groups, 1)
        return LockedPackage(
            table.text("name"),
            table.text("version"),
            _source(table, tool),
            self._files(table, tool),
            dependencies,
            more,
            table.text("requires-python") or tool.text("requires-python"),
            self._target_mask(table, tool, groups),
            groups,
        )

    def _target_mask(self, table: LockTable, tool: LockTable, groups: int) -> int:
        """Return the targets of a package: those that are named, else those that its marker tells."""
        if tool.has("targets"):
            return _mask(tool, "targets", self._target_names, 0)
        marker = table.text("marker")
        try:
            return self._markers.mask_of(marker, groups)
        except BlastError as error:
            raise _invalid(table.path("marker"), marker, error.reason or error.message) from error

    def _files(self, table: LockTable, tool: LockTable) -> tuple[LockedFile, ...]:
        rows = table.tables("wheels")
        if table.has("sdist"):
            rows.append(table.table("sdist"))
        files = {}
        for row in rows:
            file = self._file(row)
            if file.filename in files:
                raise _invalid(row.path("name"), file.filename, "it stands twice")
            files[file.filename] = file
        for row in tool.tables("files"):
            file = LockedFile(
                row.text("name"),
                row.text("index"),
                row.text("path"),
                row.text("sha256"),
                row.get("size", int, 0),
                row.text("upload-time"),
            )
            standard = files.get(file.filename)
            if standard is not None and (standard.sha256, standard.size) != (file.sha256, file.size):
                raise _invalid(row.where, file.filename, "its digest or size differs from that of the wheel or sdist")
            files[file.filename] = file
        return tuple(files.values())

    def _file(self, row: LockTable) -> LockedFile:
        url = row.text("url")
        index, path = rules.locate(url, self._bases)
        time = row.get("upload-time", datetime, _NO_TIME)
        name = row.text("name") or rules.name_in(url)
        return LockedFile(
            name,
            index,
            path,
            row.table("hashes").text("sha256"),
            row.get("size", int, 0),
            "" if time is _NO_TIME else rules.parse_time(time),
        )


def _targets(tool: LockTable) -> tuple[LockTarget, ...]:
    """Return the targets of a lock: known ones stand by name, others with all that makes them."""
    targets = []
    for number, value in enumerate(tool.get("targets", list, [])):
        where = f"{tool.path('targets')}[{number}]"
        if isinstance(value, dict):
            targets.append(_target(LockTable(value, where, _invalid)))
            continue
        known = named_lock_target(value) if isinstance(value, str) else None
        if known is None:
            raise _invalid(where, value, "it should be the name of a target, or a table")
        targets.append(known)
    return tuple(targets)


def _target(table: LockTable) -> LockTarget:
    if table.has("like"):
        base = table.text("like")
        known = named_variant(table.text("name"), base, table.text("variant").split(","))
        if known is None:
            raise _invalid(table.path("like"), base, "it should be the name of a target")
        return known
    markers = []
    for pair in table.get("markers", list, []):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise _invalid(table.path("markers"), pair, "it should hold pairs of strings")
        markers.append((pair[0], pair[1]))
    return LockTarget(table.text("name"), table.text("python-version"), table.text("platform"), tuple(markers))


def _hash(tool: LockTable) -> bytes:
    text = tool.text("input-hash")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _invalid(tool.path("input-hash"), text, "it should be hexadecimal") from error


def _mask(tool: LockTable, key: str, names: Sequence[str], default: int) -> int:
    if not tool.has(key):
        return default
    mask = 0
    for name in tool.texts(key):
        if name not in names:
            raise _invalid(tool.path(key), name, "[tool.blast] knows no such name")
        mask |= 1 << names.index(name)
    return mask


def _dependencies(table: LockTable, key: str) -> tuple[LockedDependency, ...]:
    return tuple(map(rules.parse_requirement, table.texts(key)))


def _source(table: LockTable, tool: LockTable) -> LockedSource:
    if tool.has("source"):
        explicit = tool.table("source")
        return LockedSource(*(explicit.text(key) for key in LockedSource._fields))
    vcs, archive, directory = table.table("vcs"), table.table("archive"), table.table("directory")
    below = vcs.text("subdirectory") or archive.text("subdirectory") or directory.text("subdirectory")
    return rules.standard_source(
        directory.text("path") if table.has("directory") else None,
        (archive.text("url"), archive.text("path"), archive.table("hashes").text("sha256"))
        if table.has("archive")
        else None,
        (vcs.text("url"), vcs.text("commit-id")) if table.has("vcs") else None,
        below,
        editable=directory.get("editable", bool, default=False),
    )


def _invalid(field: str, value: object, reason: str) -> InvalidField:
    return InvalidField("pylock.toml is wrong", file=_FILE, field=field, value=repr(value), reason=reason, hint=_HINT)
