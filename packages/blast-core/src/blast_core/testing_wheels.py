"""Wheels for tests: honest ones from plain facts, crooked ones by overriding fields, and a strategy of honest ones.

Only tests may import this module: it imports hypothesis.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import keyword
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DEFLATED", "STORED", "Member", "WheelRecipe", "build_wheel", "record_row", "wheel_recipes", "write_zip"]

STORED = 0
DEFLATED = 8


@dataclass(slots=True)
class Member:
    """A member of a ZIP archive, with every header field open to lies.

    Attributes:
        name: path, or its raw bytes.
        content: what is compressed and hashed.
        method: STORED or DEFLATED, or any number for a lie.
        mode: Unix mode with its type bits.
        flags: general purpose flags; UTF-8 is set where the name needs it, unless ``name`` is bytes.
        packed: bytes to store in place of the compressed content.
        local: overrides of local header fields: crc, stored, raw, name, extra, flags, method.
        central: overrides of central directory fields: the same, and offset, disk, attributes.
        descriptor: data descriptor in place of the right one; only written with flag 8.
        write_local: whether the local header and the data are written.
        write_central: whether the central directory lists it.
    """

    name: str | bytes
    content: bytes = b""
    method: int = STORED
    mode: int = 0o100644
    flags: int = 0
    packed: bytes | None = None
    local: Mapping[str, int | bytes] = field(default_factory=dict)
    central: Mapping[str, int | bytes] = field(default_factory=dict)
    descriptor: bytes | None = None
    write_local: bool = True
    write_central: bool = True

    def fields(self) -> dict[str, int | bytes]:
        """Return the honest header fields."""
        raw_name = self.name if isinstance(self.name, bytes) else self.name.encode()
        utf8 = 0x800 if isinstance(self.name, str) and not self.name.isascii() else 0
        return {
            "flags": self.flags | utf8,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "stored": len(self.pack()),
            "raw": len(self.content),
            "name": raw_name,
            "extra": b"",
        }

    def pack(self) -> bytes:
        """Return the stored bytes."""
        if self.packed is not None:
            return self.packed
        if self.method != DEFLATED:
            return self.content
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        return compressor.compress(self.content) + compressor.flush()


def _header(fields: Mapping[str, int | bytes], *names: str) -> tuple[int | bytes, ...]:
    return tuple(fields[name] for name in names)


def _local(member: Member) -> bytes:
    fields = member.fields()
    if member.flags & 8:
        fields |= {"crc": 0, "stored": 0, "raw": 0}
    fields |= dict(member.local)
    name, extra = bytes(fields["name"]), bytes(fields["extra"])
    head = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, *_header(fields, "flags", "method"), 0, 33,
        *_header(fields, "crc", "stored", "raw"), len(name), len(extra),
    )  # fmt: skip
    tail = b""
    if member.flags & 8:
        tail = member.descriptor if member.descriptor is not None else _descriptor(member)
    return head + name + extra + member.pack() + tail


def _descriptor(member: Member) -> bytes:
    return b"PK\7\x08" + struct.pack("<3I", *_header(member.fields(), "crc", "stored", "raw"))


def _central(member: Member, offset: int) -> bytes:
    fields = member.fields() | {"offset": offset, "disk": 0, "attributes": member.mode << 16} | dict(member.central)
    name, extra = bytes(fields["name"]), bytes(fields["extra"])
    head = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 0x0314, 20, *_header(fields, "flags", "method"), 0, 33,
        *_header(fields, "crc", "stored", "raw"), len(name), len(extra), 0, *_header(fields, "disk"), 0,
        *_header(fields, "attributes", "offset"),
    )  # fmt: skip
    return head + name + extra


def write_zip(
    members: Sequence[Member],
    *,
    prefix: bytes = b"",
    gap: bytes = b"",
    tail: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
    zip64: Mapping[str, int] | None = None,
    zip64_extension: bytes = b"",
) -> bytes:
    """Write an archive.

    Args:
        members: in order.
        prefix: before the first member; offsets count it.
        gap: before the central directory.
        tail: after the end record.
        comment: of the archive.
        end: overrides of the end record: disk, directory_disk, disk_count, count, size, offset, comment.
        zip64: overrides of the zip64 end record, which is only written if this is given; ``locator`` moves the locator,
            ``saturate`` 0 leaves the plain record's numbers in place.
        zip64_extension: bytes at the end of that record.
    """
    out = bytearray(prefix)
    central = bytearray()
    count = 0
    for member in members:
        offset = len(out)
        if member.write_local:
            out += _local(member)
        if member.write_central:
            central += _central(member, offset)
            count += 1
    out += gap
    record = {"disk": 0, "directory_disk": 0, "disk_count": count, "count": count, "size": len(central)}
    record |= {"offset": len(out), "comment": len(comment)}
    out += central
    if zip64 is not None:
        out += _zip64_end({**record, **zip64}, len(out), zip64_extension)
        if zip64.get("saturate", 1):
            record |= {"disk_count": 0xFFFF, "count": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    record |= end or {}
    fields = _header(record, "disk", "directory_disk", "disk_count", "count", "size", "offset", "comment")
    return bytes(out) + struct.pack("<4s4H2IH", b"PK\5\6", *fields) + comment + tail


def _zip64_end(record: Mapping[str, int], position: int, extension: bytes) -> bytes:
    fields = _header(record, "disk", "directory_disk", "disk_count", "count", "size", "offset")
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44 + len(extension), 0x32D, 45, *fields) + extension
    return end + struct.pack("<4sIQI", b"PK\6\7", 0, record.get("locator", position), 1)


@dataclass(slots=True)
class WheelRecipe:
    """What an honest wheel is made from; each field can be replaced to make it less honest.

    Attributes:
        name: project name, as METADATA spells it.
        version: as METADATA spells it.
        files: everything but METADATA, WHEEL, RECORD and entry_points.txt.
        requires: values of Requires-Dist.
        extras: values of Provides-Extra.
        entry_points: content of entry_points.txt, "" for none.
        purelib: Root-Is-Purelib.
        tags: compatibility part of the file name.
        requires_python: value of Requires-Python, "" for none.
        method: how the files of .dist-info are compressed.
        metadata: METADATA in place of the one made from the facts.
        wheel: WHEEL in place of the one made from the facts.
        record: rows in place of the right ones: (path, digest cell, size cell).
        dist_info: name of the .dist-info directory in place of the right one.
    """

    name: str = "sample"
    version: str = "1.0"
    files: list[Member] = field(default_factory=lambda: [Member("sample/__init__.py", b"x = 1\n", DEFLATED)])
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    entry_points: str = ""
    purelib: bool = True
    tags: str = "py3-none-any"
    requires_python: str = ""
    method: int = DEFLATED
    metadata: bytes | None = None
    wheel: bytes | None = None
    record: list[tuple[str, str, str]] | None = None
    dist_info: str = ""

    @property
    def filename(self) -> str:
        """The wheel's file name."""
        return f"{self.name.replace('-', '_')}-{self.version}-{self.tags}.whl"

    @property
    def info(self) -> str:
        """Name of the .dist-info directory."""
        return self.dist_info or f"{self.name.replace('-', '_')}-{self.version}.dist-info"

    def members(self) -> list[Member]:
        """Return all members, RECORD last."""
        members = list(self.files)
        members.append(Member(f"{self.info}/METADATA", self._metadata(), self.method))
        members.append(Member(f"{self.info}/WHEEL", self._wheel(), self.method))
        if self.entry_points:
            members.append(Member(f"{self.info}/entry_points.txt", self.entry_points.encode(), self.method))
        members.append(Member(f"{self.info}/RECORD", self._record(members), self.method))
        return members

    def _metadata(self) -> bytes:
        if self.metadata is not None:
            return self.metadata
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}", "Summary: A sample"]
        if self.requires_python:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        return "\n".join([*lines, "", "A longer text.", ""]).encode()

    def _wheel(self) -> bytes:
        if self.wheel is not None:
            return self.wheel
        purelib = str(self.purelib).lower()
        lines = ("Wheel-Version: 1.0", "Generator: blast-tests", f"Root-Is-Purelib: {purelib}", f"Tag: {self.tags}", "")
        return "\n".join(lines).encode()

    def _record(self, members: Sequence[Member]) -> bytes:
        rows = self.record
        if rows is None:
            rows = [record_row(str(member.name), member.content) for member in members if member.name[-1] != "/"]
            rows.append((f"{self.info}/RECORD", "", ""))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()


def record_row(path: str, content: bytes, algorithm: str = "sha256") -> tuple[str, str, str]:
    """Return the row of RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return path, f"{algorithm}={digest}", str(len(content))


def build_wheel(recipe: WheelRecipe) -> bytes:
    """Return the wheel's bytes; the same recipe gives the same bytes."""
    members = recipe.members()
    return write_zip(members, zip64={} if len(members) >= 0xFFFF else None)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_IDENTIFIERS = st.text(_LETTERS + "_", min_size=1, max_size=6).filter(
    lambda text: not keyword.iskeyword(text) and text.strip("_") != ""
)
_FILE_NAMES = st.one_of(
    st.builds("{}.py".format, _IDENTIFIERS),
    st.sampled_from(
        ["data.bin", "py.typed", "grüße.txt", "名前.txt", "a b.json", "_x.cpython-311-x86_64-linux-gnu.so"]
    ),
)
_CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(str.encode),
    st.builds(lambda unit, count: unit * count, st.binary(min_size=1, max_size=20), st.integers(0, 4000)),
)
_SCHEME_PREFIXES = ("", "", "", "", "purelib/", "platlib/", "scripts/", "data/share/", "headers/")
_REQUIREMENTS = st.sampled_from(
    ["click", "Flask[async]>=2,!=2.1", "tomli>=1.1.0; python_version < '3.11'", "pytest ; extra == 'test'",
     "thing @ https://index.invalid/thing-1.0-py3-none-any.whl", "exact===1.0"]
)  # fmt: skip
_ENTRY_POINTS = st.sampled_from(
    ["", "[console_scripts]\nrun = pack:main\n", "[gui_scripts]\nshow = pack.view:App.run\n\n[other]\nx = free form\n"]
)


@st.composite
def _members(draw: st.DrawFn, stem: str) -> list[Member]:
    packages = draw(st.lists(_IDENTIFIERS, min_size=1, max_size=3, unique=True))
    paths = [f"{package}/__init__.py" for package in packages]
    for _ in range(draw(st.integers(0, 6))):
        scheme = draw(st.sampled_from(_SCHEME_PREFIXES))
        folders = draw(st.sampled_from(["", f"{packages[0]}/", f"{packages[-1]}/deep/er/"]))
        prefix = f"{stem}.data/{scheme}" if scheme else ""
        paths.append(prefix + ("" if scheme == "scripts/" else folders) + draw(_FILE_NAMES))
    chosen: dict[str, str] = {}
    for path in paths:
        # Two schemes lead to site-packages: what would meet there comes once.
        installed = path.removeprefix(f"{stem}.data/purelib/").removeprefix(f"{stem}.data/platlib/")
        chosen.setdefault(installed, path)
    return [
        Member(
            path,
            draw(_CONTENTS),
            draw(st.sampled_from([STORED, DEFLATED, DEFLATED])),
            draw(st.sampled_from([0, 0o100644, 0o100664, 0o100755, 0o104755])),
        )
        for path in _without_clashes(chosen)
    ]


def _without_clashes(chosen: Mapping[str, str]) -> list[str]:
    """Drop files whose installed path is a directory of another one's."""
    folders = {path[:place] for path in chosen for place, character in enumerate(path) if character == "/"}
    return [path for installed, path in chosen.items() if installed not in folders]


@st.composite
def wheel_recipes(draw: st.DrawFn) -> WheelRecipe:
    """Honest wheels: some packages, schemes, Unicode names, both methods, requirements, entry points."""
    name = draw(st.sampled_from(["sample", "Sample-Two", "s_3", "a.b"]))
    version = draw(st.sampled_from(["1.0", "2.0.post1", "1!3.0a1", "0.1+local.2"]))
    recipe = WheelRecipe(
        name=name,
        version=version,
        requires=tuple(draw(st.lists(_REQUIREMENTS, max_size=3))),
        extras=tuple(draw(st.sampled_from([(), ("test",)]))),
        entry_points=draw(_ENTRY_POINTS),
        purelib=draw(st.booleans()),
        tags=draw(st.sampled_from(["py3-none-any", "py2.py3-none-any", "cp311-abi3-manylinux_2_17_x86_64"])),
        requires_python=draw(st.sampled_from(["", ">=3.8"])),
        method=draw(st.sampled_from([STORED, DEFLATED])),
    )
    recipe.files = draw(_members(recipe.info.removesuffix(".dist-info")))
    return recipe
