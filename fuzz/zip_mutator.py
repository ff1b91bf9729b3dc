"""Changes to wheels that keep them archives: members, headers, names and the files of .dist-info.

An archive is taken apart, one or more of its parts are changed, and it is written anew, its check sums, sizes, offsets
and (mostly) its RECORD made right; what is to be wrong is then the one thing that was changed on purpose.
"""

from __future__ import annotations

import csv
import io
import random
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from blast_core.testing_wheels import DEFLATED, STORED, Member, record_row, write_zip

if TYPE_CHECKING:
    from fuzz.mutators import Change

__all__ = ["cross_wheels", "mutate_wheel", "take_apart"]

_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_MOST_CONTENT = 1 << 20

_PATHS = (
    "../x", "/x", "C:/x", "a\\b", "a/../b", "a//b", "./a", "a/", "", "\0", "a\nb", "é.py", "é.py", "\udc80", "CON",
    "a" * 256, "/".join("d" * 70), "sitecustomize.py", "x.pth", "../../bin/python", "__pycache__/x.cpython-311.pyc",
    "sample-1.0.data/scripts/python", "sample-1.0.data/scripts/run", "sample-1.0.data/data/bin/x",
    "sample-1.0.data/data/pyvenv.cfg", "sample-1.0.data/purelib/sample/__init__.py", "sample-1.0.data/headers/x.h",
    "sample-1.0.data/platlib/other-1.dist-info/RECORD", "sample-1.0.dist-info/direct_url.json", "Sample/__init__.py",
    "sample-1.0.dist-info/RECORD.jws", "sample-1.0.dist-info/licenses/LICENSE", "other-1.0.dist-info/METADATA",
    "sample-1.0.dist-info/entry_points.txt", "sample-1.0.dist-info/RECORD", "x\u2028y", "sample/__init__.py/x",
)  # fmt: skip
_LINES = (
    b"Name: other", b"Name:", b"Version: 9", b"Version: 1.0.0", b"Metadata-Version: 9.0", b"Requires-Dist: a ; b",
    b"Requires-Dist: click>=8 ; extra == 'e'", b"Requires-Dist: x @ file:///etc", b"Provides-Extra: e",
    b"Requires-Python: >=3.8", b"Requires-Python: nonsense", b"Summary: \xff\xfe", b" continued", b"", b":", b"\x0b",
    b"Root-Is-Purelib: false", b"Root-Is-Purelib: maybe", b"Wheel-Version: 2.0", b"Wheel-Version: 1.9", b"Tag: x",
    b"[console_scripts]", b"[gui_scripts]", b"run = sample:main", b"python = sample:main", b"a/b = x:y", b"r = os;x:y",
    b"r = sample:main [x]", b"r = sample", b"  more", b"import os", b"/etc", b"..", b"\xef\xbb\xbf", b"Name : sample",
    b"sample/__init__.py,,", b"../x,sha256=,0", b'"a', b"a,b", b"sample/__init__.py,md5=x,1", b"\rName: x", b"\x85",
)  # fmt: skip
_FIELDS = ("flags", "method", "crc", "stored", "raw", "name", "extra")
_NUMBERS = (0, 1, 2, 8, 9, 12, 14, 0x800, 0x808, 0xFFFF, 0xFFFFFFFF, 0x80000000, 1 << 20)
_MODES = (0, 0o100644, 0o100755, 0o104755, 0o120777, 0o040755, 0o010644, 0o020644, 0o100000, 0o777)


def take_apart(data: bytes) -> list[Member]:
    """Return the members of an archive that is more or less well formed, as their central headers list them.

    What can't be inflated keeps its stored bytes.
    """
    end = data.rfind(b"PK\5\6")
    if end < 0 or end + _END.size > len(data):
        return []
    fields = _END.unpack_from(data, end)
    position = fields[6]
    members: list[Member] = []
    while len(members) < 200 and data[position : position + 4] == b"PK\1\2" and position + _CENTRAL.size <= end:
        central = _CENTRAL.unpack_from(data, position)
        name_at = position + _CENTRAL.size
        raw_name = data[name_at : name_at + central[10]]
        members.append(_take_member(data, central, raw_name))
        position = name_at + central[10] + central[11] + central[12]
    return members


def _take_member(data: bytes, central: tuple[int, ...], raw_name: bytes) -> Member:
    flags, method, stored_size, offset = central[3], central[4], central[8], central[16]
    stored = b""
    if data[offset : offset + 4] == b"PK\3\4" and offset + _LOCAL.size <= len(data):
        local = _LOCAL.unpack_from(data, offset)
        start = offset + _LOCAL.size + local[9] + local[10]
        stored = data[start : start + stored_size]
    name: str | bytes = raw_name
    try:
        name = raw_name.decode() if flags & 0x800 or raw_name.isascii() else raw_name
    except UnicodeDecodeError:
        pass
    member = Member(name, stored, method, central[15] >> 16, flags & ~0x800)
    if method == DEFLATED:
        try:
            stream = zlib.decompressobj(-15)
            member.content = stream.decompress(stored, _MOST_CONTENT)
            if not stream.eof or stream.unused_data:
                member.packed = stored
        except zlib.error:
            member.packed, member.content = stored, b""
    return member


def _text(member: Member) -> str:
    return member.name if isinstance(member.name, str) else member.name.decode("latin-1")


def _fix_record(members: list[Member]) -> None:
    """Write RECORD anew from what the members hold, where there is one."""
    for member in members:
        if _text(member).endswith(".dist-info/RECORD"):
            others = [other for other in members if other is not member and not _text(other).endswith("/")]
            text = io.StringIO()
            rows = [record_row(_text(other), other.content) for other in others]
            csv.writer(text, lineterminator="\n").writerows([*rows, (_text(member), "", "")])
            member.content, member.packed = text.getvalue().encode(errors="replace"), None
            return


class _Changes:
    """One archive being changed; each method is one kind of change."""

    def __init__(self, members: list[Member], source: random.Random, change: Change) -> None:
        self.members = members
        self.source = source
        self.change = change
        self.keep_record = True
        self.options: dict[str, object] = {}

    def one(self, *endings: str) -> Member:
        """Choose a member, one with one of these endings if there is one."""
        fitting = [member for member in self.members if _text(member).endswith(endings)] if endings else []
        return self.source.choice(fitting or self.members)

    def content(self) -> None:
        """Change a file's content."""
        member = self.one()
        member.content, member.packed = self.change(member.content, len(member.content) + 64), None

    def rename(self) -> None:
        """Give a file another path, mostly a suspicious one."""
        member = self.one()
        path = self.source.choice((*_PATHS, _text(self.one()), _text(self.one()) + "/x"))
        member.name = path if self.source.random() < 0.9 else path.encode("latin-1", "replace")
        if isinstance(member.name, str):
            member.name = member.name.encode(errors="replace").decode()

    def repeat(self) -> None:
        """List a file twice, perhaps with another content."""
        member = replace(self.one())
        if self.source.random() < 0.5:
            member.content += b"#"
        self.members.insert(self.source.randrange(len(self.members) + 1), member)

    def add(self) -> None:
        """Add a file."""
        content = self.source.choice((b"", b"x = 1\n", b"import os\n", b"/etc\n", b"\x7fELF\2\1\1" + bytes(57), b"\n"))
        path = self.source.choice(_PATHS).encode(errors="replace").decode()
        self.members.insert(self.source.randrange(len(self.members) + 1), Member(path, content, DEFLATED))

    def drop(self) -> None:
        """Leave a file out."""
        if len(self.members) > 1:
            self.members.remove(self.one())

    def swap(self) -> None:
        """Change the order."""
        self.source.shuffle(self.members)

    def method(self) -> None:
        """Store what was deflated or the other way round, and give it another mode or flags."""
        member = self.one()
        member.method = self.source.choice((STORED, DEFLATED))
        member.packed = None
        member.mode = self.source.choice(_MODES)
        member.flags = self.source.choice((0, 0, 2, 4, 6, 8, 8, 1, 0x20, 0x800, 0x2000))

    def header(self) -> None:
        """Let one of a file's two headers lie, or both."""
        member, field = self.one(), self.source.choice(_FIELDS)
        value: int | bytes = self.source.choice((*_NUMBERS, len(member.content), len(member.pack())))
        if field == "name":
            value = self.source.choice(_PATHS).encode(errors="replace")
        elif field == "extra":
            value = self.extra_field(member)
        where = self.source.choice(("local", "central", "both"))
        if where != "central":
            member.local = {**member.local, field: value}
        if where != "local":
            member.central = {**member.central, field: value}

    def extra_field(self, member: Member) -> bytes:
        """Make an extra field: zip64, Unicode path, anything."""
        raw, stored = len(member.content), len(member.pack())
        name = _text(member).encode(errors="replace")
        return self.source.choice(
            (
                struct.pack("<2H2Q", 1, 16, raw, stored),
                struct.pack("<2HQ", 1, 8, raw),
                struct.pack("<2H", 1, 0),
                struct.pack("<2HBI", 0x7075, 5 + len(name), 1, zlib.crc32(name)) + name,
                struct.pack("<2HBI", 0x7075, 8, 1, zlib.crc32(name)) + b"x.y",
                struct.pack("<2H5s", 0x5455, 5, b"\1abcd"),
                b"\xca\xfe\0\0",
                b"\1",
                struct.pack("<2H", 0x7777, 9),
            )
        )

    def descriptor(self) -> None:
        """Let the sizes come behind the data, rightly or not."""
        member = self.one()
        member.flags |= 8
        facts = (zlib.crc32(member.content), len(member.pack()), len(member.content))
        member.descriptor = self.source.choice(
            (
                None,
                struct.pack("<3I", *facts),
                b"PK\7\x08" + struct.pack("<I2Q", *facts),
                struct.pack("<I2Q", *facts),
                b"",
                b"PK\7\x08" + bytes(12),
            )
        )

    def hide(self) -> None:
        """List what is not there, or hide what is."""
        member = self.one()
        if self.source.random() < 0.5:
            member.write_local = False
        else:
            member.write_central = False
        member.central = {**member.central, "offset": self.source.choice((0, 0, 30, 100, 2**31))}

    def stream(self) -> None:
        """Change a file's stored bytes."""
        member = self.one()
        member.packed = self.change(member.pack(), len(member.pack()) + 16)

    def glue(self) -> None:
        """Put bytes before, between or behind, or let the end records lie."""
        junk = self.source.choice((b"\0", b"#!/bin/sh\n", b"PK\5\6" + bytes(18), b"PK\3\4", bytes(30), b"text"))
        names = ("disk", "directory_disk", "disk_count", "count", "size", "offset", "comment")
        lie = {self.source.choice(names): self.source.choice((0, 1, 0xFFFF, 7))}
        options: tuple[dict[str, object], ...] = (
            {"prefix": junk}, {"gap": junk}, {"tail": junk}, {"comment": junk}, {"end": lie}, {"zip64": {}},
            {"zip64": lie}, {"zip64": {"saturate": 0}}, {"zip64": {"locator": 7}},
            {"zip64": {}, "zip64_extension": junk},
        )  # fmt: skip
        self.options = dict(self.source.choice(options))

    def lines(self) -> None:
        """Change the lines of one of the files that are read."""
        endings = ("/METADATA", "/METADATA", "/WHEEL", "/RECORD", "/entry_points.txt", ".pth")
        member = self.one(self.source.choice(endings))
        self.keep_record = not _text(member).endswith("/RECORD")
        lines = member.content.split(b"\n")
        place = self.source.randrange(len(lines))
        kind = self.source.random()
        if kind < 0.5:
            lines.insert(place, self.source.choice(_LINES))
        elif kind < 0.65:
            lines[place] = self.source.choice(_LINES)
        elif kind < 0.75:
            lines[place] += self.source.choice((b" ", b"\r", b"\t", b"\0", b",", b"=", b"\xff", b"x", b" ; x"))
        elif kind < 0.85:
            del lines[place]
        else:
            lines[place] = self.change(lines[place], len(lines[place]) + 16)
        member.content, member.packed = b"\n".join(lines), None

    def record(self) -> None:
        """Leave RECORD as it was, or what it has become."""
        self.keep_record = False


_KINDS = (
    _Changes.content, _Changes.rename, _Changes.rename, _Changes.repeat, _Changes.add, _Changes.add, _Changes.drop,
    _Changes.swap, _Changes.method, _Changes.header, _Changes.header, _Changes.header, _Changes.descriptor,
    _Changes.hide, _Changes.stream, _Changes.glue, _Changes.lines, _Changes.lines, _Changes.lines, _Changes.lines,
    _Changes.record,
)  # fmt: skip


def mutate_wheel(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change an archive in one to three ways; every tenth time, or where it is none, any of its bytes."""
    source = random.Random(seed)  # noqa: S311 - the fuzzer's seed, so that a run can be repeated
    members = take_apart(data) if source.random() > 0.1 else []
    if not members:
        return change(data, room)
    changes = _Changes(members, source, change)
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        source.choice(_KINDS)(changes)
    if changes.keep_record:
        _fix_record(members)
    return _write(members, changes.options) or change(data, room)


def cross_wheels(data: bytes, other: bytes, room: int, seed: int) -> bytes:
    """Take some of the files of two archives."""
    source = random.Random(seed)  # noqa: S311 - as above
    members = [member for member in take_apart(data) + take_apart(other) if source.random() < 0.6]
    if not members:
        return data[: room // 2] + other[: room // 2]
    _fix_record(members)
    return _write(members, {})[:room]


def _write(members: list[Member], options: dict[str, object]) -> bytes:
    try:
        return write_zip(members, **options)  # type: ignore[arg-type]
    except (struct.error, UnicodeEncodeError):
        return b""  # a number that its field has no room for
