"""Locks for tests and benchmarks: any lawful lock (hypothesis), and one of a given size."""

from __future__ import annotations

import struct
from binascii import crc32
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from blast_core.digests import blake3_digest
from blast_core.formats.dpl.model import (
    NO_HASH,
    SOURCE_KINDS,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    LockTarget,
    canonical_lock,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["locks", "reseal", "sample_lock"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAMES = st.text(_LETTERS, min_size=1, max_size=6)
_VERSIONS = st.sampled_from(
    [
        "0",
        "1.0",
        "1.0.0",
        "1.10",
        "1.2",
        "2.0a1",
        "2.0rc3",
        "2.0.post1",
        "2.0.dev4",
        "1!0.5",
        "3.0+local.7",
        "2024.1.31",
    ]
)
_SPECIFIERS = st.sampled_from(["", ">=1.0", ">=1.0,<2", "==1.*", "!=1.5,~=1.2", "===1.0", "<4,>=3.1a1"])
_MARKERS = st.sampled_from(
    ["", 'python_version < "3.12"', "sys_platform == 'win32'", 'os_name == "nt" and (extra == "x" or extra == "y")']
)
_TIMES = st.one_of(
    st.sampled_from(
        ["", "2024-01-31T12:00:59.123456Z", "2024-01-31T12:00:59Z", "2024-01-31T12:00:59.120Z", "yesterday"]
    ),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)
_ENDINGS = ("-py3-none-any.whl", "-1-cp312-cp312-manylinux_2_28_x86_64.whl", ".tar.gz", ".zip", ".tar.bz2", "-any.whl")
_DIGESTS = st.binary(min_size=31, max_size=31).map(lambda digest: "1f" + digest.hex())
_SIZES = st.one_of(st.just(0), st.integers(0, 10**6), st.integers(0, 2**63 - 1))
_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@st.composite
def _files(draw: DrawFn, name: str, version: str, indexes: tuple[str, ...]) -> LockedFile:
    ending = draw(st.sampled_from(_ENDINGS))
    filename = f"{name}-{draw(st.sampled_from([version, version, version, '7']))}{ending}"
    index = draw(st.sampled_from(("", *indexes)))
    folder = draw(st.sampled_from(["", "ab/cd/", "packages/{}/".format("0" * 20)]))
    odd = draw(st.sampled_from(["", "", "?x=1", "%2B"]))
    path = f"{folder}{filename}{odd}" if index else f"https://files.invalid/{folder}{filename}{odd}"
    return LockedFile(filename, index, path, draw(_DIGESTS), draw(_SIZES), draw(_TIMES))


@st.composite
def _dependencies(draw: DrawFn, names: list[str]) -> LockedDependency:
    extras = tuple(sorted(draw(st.sets(_NAMES, max_size=2))))
    return LockedDependency(draw(st.sampled_from(names)), draw(_SPECIFIERS), extras, draw(_MARKERS))


@st.composite
def _sources(draw: DrawFn, indexes: tuple[str, ...]) -> LockedSource:
    kind = draw(st.sampled_from(SOURCE_KINDS))
    digest = draw(_DIGESTS)
    if kind == "registry":
        return LockedSource(kind, draw(st.sampled_from(("", *indexes))), "", "", "")
    if kind == "url":
        return LockedSource(kind, f"https://files.invalid/{draw(_NAMES)}.zip", "", draw(_TEXTS), digest)
    if kind == "git":
        return LockedSource(kind, f"https://git.invalid/{draw(_NAMES)}", digest[:40], draw(_TEXTS), "")
    return LockedSource(kind, f"./{draw(_NAMES)}", "", draw(_TEXTS), draw(st.sampled_from(["", digest])))


def _unique_files(name: str, version: str, indexes: tuple[str, ...], least: int) -> SearchStrategy[list[LockedFile]]:
    return st.lists(_files(name, version, indexes), min_size=least, max_size=4, unique_by=lambda file: file.filename)


@st.composite
def _forks(draw: DrawFn, name: str, frame: Lock, names: list[str]) -> list[LockedPackage]:
    """Draw one to three packages of one name, which share the targets out among them."""
    needs = st.lists(_dependencies(names), max_size=3)
    extras = st.dictionaries(_NAMES, needs.map(sorted).map(tuple), max_size=2)
    owners = draw(st.lists(st.integers(0, 2), min_size=len(frame.targets), max_size=len(frame.targets)))
    packages = []
    for owner in sorted(set(owners)):
        source = draw(_sources(frame.indexes))
        version = draw(_VERSIONS)
        files = _unique_files(name, version, frame.indexes, int(source.kind == "registry"))
        packages.append(
            LockedPackage(
                name,
                version,
                source,
                tuple(sorted(draw(files))),
                tuple(sorted(draw(needs))),
                tuple(sorted(draw(extras).items())),
                draw(_SPECIFIERS),
                sum(1 << bit for bit, other in enumerate(owners) if other == owner),
                draw(st.integers(1, (1 << len(frame.groups)) - 1)),
            )
        )
    return packages


@st.composite
def locks(draw: DrawFn, max_packages: int = 8) -> Lock:
    """Draw any lawful lock, in canonical order."""
    environments = st.lists(st.tuples(_NAMES, _TEXTS), max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
    targets = draw(
        st.lists(
            st.builds(LockTarget, _NAMES, st.sampled_from(["3.11.4", "3.12.1"]), _TEXTS, environments),
            min_size=1,
            max_size=4,
            unique_by=lambda target: target.name,
        )
    )
    groups = st.lists(st.builds("{}:{}".format, st.sampled_from(["group", "extra"]), _NAMES), max_size=4, unique=True)
    frame = Lock(
        (),
        tuple(targets),
        ("default", *draw(groups)),
        draw(_SPECIFIERS),
        draw(st.binary(min_size=32, max_size=32)),
        draw(st.sampled_from([NO_HASH, b"\x07" * 32])),
        tuple(draw(st.lists(_NAMES, max_size=3, unique=True))),
    )
    names = sorted(draw(st.sets(_NAMES, max_size=max_packages)))
    packages = [package for name in names for package in draw(_forks(name, frame, names))]
    return canonical_lock(frame._replace(packages=tuple(packages)))


def reseal(data: bytearray) -> bytes:
    """Return a changed file with seals and content hash made right, as a hostile hand would."""
    (seals_at,) = struct.unpack_from("<Q", data, 128 + 56 + 7 * 16)
    for page, at in enumerate(range(0, min(seals_at, len(data)), 4096)):
        chunk = bytes(data[at : min(at + 4096, seals_at)])
        if page == 0:
            chunk = chunk[:96] + chunk[128:]
        if seals_at + 4 * page + 4 <= len(data):
            struct.pack_into("<I", data, seals_at + 4 * page, crc32(chunk))
    data[96:128] = blake3_digest(bytes(data[128:]))
    return bytes(data)


def sample_lock(packages: int, files: int = 17, dependencies: int = 5) -> Lock:
    """Return a lock of ``packages`` packages as large as real ones: names, paths and markers of typical lengths."""
    names = [f"package-{number:06d}" for number in range(packages)]
    return canonical_lock(
        Lock(
            tuple(_sample_package(number, names, files, dependencies) for number in range(packages)),
            (LockTarget("linux-x86_64-py312", "3.12.1", "linux-x86_64", (("sys_platform", "linux"),)),),
            ("default", "group:dev"),
            ">=3.11",
            bytes(range(32)),
            NO_HASH,
            ("default",),
        )
    )


def _sample_package(number: int, names: list[str], files: int, dependencies: int) -> LockedPackage:
    name = names[number]
    version = f"{number % 7}.{number % 23}.{number % 5}"
    stem = f"{name.replace('-', '_')}-{version}"
    needs = sorted({names[(number * 7 + step * 31) % len(names)] for step in range(dependencies)})
    return LockedPackage(
        name,
        version,
        LockedSource("registry", "default", "", "", ""),
        tuple(_sample_file(number, step, stem) for step in range(files)),
        tuple(
            LockedDependency(need, ">=0.1,<9", (), "" if index % 4 else "python_version < '3.13'")
            for index, need in enumerate(needs)
        ),
        (),
        ">=3.9",
        1,
        1 + number % 2,
    )


def _sample_file(number: int, step: int, stem: str) -> LockedFile:
    filename = (
        f"{stem}-cp3{step}-cp3{step}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl" if step else f"{stem}.tar.gz"
    )
    digest = f"{(number * 1009 + step + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95:064x}"[
        -64:
    ]
    time = f"2024-0{1 + number % 9}-1{step % 10}T10:{step:02d}:00.{number % 1000000:06d}Z"
    return LockedFile(
        filename, "default", f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}", digest, 1000 + number * step, time
    )
