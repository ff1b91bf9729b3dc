"""RECORD: what a wheel says about its files, held against what it has.

Spec: recording installed projects (PEP 376, 427). Popular wheels break it in harmless ways; those are healed with a
warning. What could hide a file or leave the environment is refused.
"""

from __future__ import annotations

from blast_core.archive.paths import path_fault, show_path
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = ["Reconciled", "RecordRow", "parse_record", "read_record", "reconcile"]

# Digests that the spec allows: sha256 or better, and guaranteed to exist.
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_PLAIN_SIZE = 8 << 20
_new = tuple.__new__
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")


class RecordRow(NamedTuple):
    """What RECORD says of one file; ``algorithm`` is "" where it gives no digest, ``size`` -1 where it gives none."""

    path: str
    algorithm: str
    digest: bytes
    size: int


class Reconciled(NamedTuple):
    """RECORD held against the members.

    Attributes:
        rows: by path, for files that RECORD describes with a digest.
        faults: why RECORD does not describe the wheel, a line each.
        warnings: what was healed, a line each.
    """

    rows: dict[str, RecordRow]
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def parse_record(content: bytes) -> Iterator[RecordRow]:
    """Yield the rows of RECORD, in file order.

    Raises:
        ValueError: it is not UTF-8 or not CSV of three columns, or a digest or a size is impossible.
    """
    import csv
    import io
    import re
    from binascii import a2b_base64

    # A sha256 as nearly all rows write it.
    is_common = re.compile("sha256=[A-Za-z0-9_-]{43}", re.ASCII).fullmatch
    try:
        # newline="" keeps line ends inside quotes, which path_fault then refuses.
        lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
        for number, row in enumerate(csv.reader(lines, strict=True), 1):
            if len(row) == 3 and is_common(row[1]) and row[2].isdecimal() and row[2].isascii() and len(row[2]) < 20:
                # What nearly every row is; all others go the long way.
                digest = a2b_base64(row[1][7:].replace("-", "+").replace("_", "/") + "=")
                yield RecordRow(row[0], "sha256", digest, int(row[2]))
            elif row:
                yield _parse_row(number, row)
    except UnicodeDecodeError:
        raise ValueError("RECORD is not UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"RECORD is not CSV: {error}") from None


def _parse_row(number: int, row: list[str]) -> RecordRow:
    if len(row) != 3:
        raise ValueError(f"RECORD has {len(row)} columns instead of 3 in row {number}")
    path, digest_text, size_text = row
    algorithm, equals, encoded = digest_text.partition("=")
    if digest_text and not equals:
        raise ValueError(f"RECORD has a digest without an algorithm in row {number}")
    if size_text and not (size_text.isascii() and size_text.isdecimal() and len(size_text) < 20):
        raise ValueError(f"RECORD has the size {size_text[:20]!r} in row {number}")
    digest = _decode_digest(algorithm.lower(), encoded, number) if digest_text else b""
    return RecordRow(path, algorithm.lower(), digest, int(size_text) if size_text else -1)


def _decode_digest(algorithm: str, encoded: str, number: int) -> bytes:
    size = _DIGEST_SIZES.get(algorithm)
    if size is None:
        # md5 and sha1 included: no proof of anything.
        raise ValueError(f"RECORD has a digest by {algorithm[:20]!r} in row {number}; sha256 or better is needed")
    bare = encoded.rstrip("=")
    digest = _from_hex(bare) if len(bare) == size * 2 else _from_base64(bare)
    if len(digest) != size:
        raise ValueError(f"RECORD has a digest of impossible length in row {number}")
    return digest


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _from_base64(text: str) -> bytes:
    from binascii import a2b_base64

    plain = text.replace("-", "+").replace("_", "/")
    try:
        # Strict: what is no sign of the alphabet would be passed over, so that one digest had many spellings.
        return a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        return b""


def read_record(content: bytes, members: Mapping[str, str], dist_info: str) -> Reconciled:
    """Hold RECORD against the wheel's files: `parse_record` and `reconcile`, at once where all is ordinary.

    Args:
        content: of RECORD.
        members: as of `reconcile`.
        dist_info: name of the .dist-info directory.

    Raises:
        ValueError: as `parse_record`.
    """
    rows = _read_plain(content, members, f"{dist_info}/RECORD,,") if len(content) <= _PLAIN_SIZE else None
    return reconcile(parse_record(content), members, dist_info) if rows is None else Reconciled(rows, (), ())


def _read_plain(content: bytes, members: Mapping[str, str], own_row: str) -> dict[str, RecordRow] | None:
    """Return the rows of a RECORD that lists every file once, by SHA-256, with its size, and itself by ``own_row``.

    Such are nearly all. Of any other it is None, and the long way says what is wrong with it, if anything is.
    """
    from binascii import Error, a2b_base64

    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
        lines.remove(own_row)
        rows = [line.split(",") for line in lines]
        if b'"' in content or set(map(len, rows)) != {3}:
            return None
        paths, digests, sizes = zip(*rows, strict=True)
        encoded = [digest[7:] for digest in digests if len(digest) == 50 and digest.startswith("sha256=")]
        written = "".join(sizes)
        # A digest's 43 signs and one more are 33 bytes, so that all can be decoded together.
        joined = "".join([sign for each in encoded for sign in (each, "A")]).replace("-", "+").replace("_", "/")
        decoded = a2b_base64(joined, strict_mode=True)
        if (
            len(encoded) != len(rows)
            or not (written.isascii() and written.isdecimal() and max(map(len, sizes)) < 20)
            or len(set(paths)) != len(paths)
            or len(paths) != len(members) - 1
        ):
            return None
        found: dict[str, RecordRow] = {}
        for place, (path, size) in enumerate(zip(paths, map(int, sizes), strict=True)):
            known = members[path]
            start = 33 * place
            found[known] = _new(RecordRow, (known, "sha256", decoded[start : start + 32], size))
    except (Error, KeyError, ValueError):
        return None
    own = members.get(own_row[:-2])
    if own is None or own in found:
        return None
    found[own] = RecordRow(own, "", b"", -1)
    return found


def reconcile(rows: Iterable[RecordRow], members: Mapping[str, str], dist_info: str) -> Reconciled:
    """Hold RECORD's rows against the paths of the wheel's files.

    Args:
        rows: as parsed.
        members: path of each file in the archive to the same path, whose one copy all rows share.
        dist_info: name of the .dist-info directory.
    """
    own = {f"{dist_info}/{name}" for name in _SIGNATURES}
    described: dict[str, RecordRow] = {}
    faults: list[str] = []
    warnings: list[str] = []
    directories: set[str] | None = None
    for row in rows:
        known = members.get(row.path)
        if known is not None and row.algorithm and known not in described:
            described[known] = RecordRow(known, row.algorithm, row.digest, row.size)
            continue
        if row.path.endswith("/"):
            directories = _directories(members) if directories is None else directories
            if row.path in directories:
                # Says nothing of what lies in it; that has rows of its own.
                warnings.append(f"RECORD lists the directory {show_path(row.path)}")
                continue
        path = _find_path(row.path, members, warnings)
        shared = row._replace(path=members.get(path, path))
        fault = _row_fault(shared, members, own, described)
        if fault:
            faults.append(fault)
        elif path in described:
            warnings.append(f"RECORD lists {show_path(path)} twice")
        elif path in members:
            described[shared.path] = shared
    faults.extend(_unlisted(members, described, own))
    return Reconciled(described, tuple(faults), tuple(dict.fromkeys(warnings)))


def _directories(members: Collection[str]) -> set[str]:
    found = set()
    for path in members:
        parent = path.rpartition("/")[0]
        while parent and f"{parent}/" not in found:
            found.add(f"{parent}/")
            parent = parent.rpartition("/")[0]
    return found


def _find_path(path: str, members: Collection[str], warnings: list[str]) -> str:
    if path in members:
        return path
    for healed in (path.replace("\\", "/"), path.removeprefix("./")):
        if healed in members:
            warnings.append(f"RECORD writes {show_path(path)} for {show_path(healed)}")
            return healed
    return path


def _row_fault(row: RecordRow, members: Collection[str], own: set[str], described: dict[str, RecordRow]) -> str:
    path = row.path
    fault = path_fault(path)
    if fault:
        return f"RECORD lists {show_path(path)}: {fault}"
    if path not in members:
        return "" if path in own else f"RECORD lists {show_path(path)}, which is not in the wheel"
    if not row.algorithm and path not in own:
        return f"RECORD gives no digest for {show_path(path)}"
    before = described.get(path)
    if before is not None and before[1:] != row[1:]:
        return f"RECORD lists {show_path(path)} twice with different digests or sizes"
    return ""


def _unlisted(members: Collection[str], described: dict[str, RecordRow], own: set[str]) -> Iterator[str]:
    for path in members:
        if path not in described and path not in own:
            yield f"RECORD does not list {show_path(path)}"
