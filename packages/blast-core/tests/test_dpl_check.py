"""The laws of locks, and the texts that show one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import FormatError, InvalidField, InvalidVersion
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.check import check_lock
from blast_core.formats.dpl.model import LockedDependency, LockedSource
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.testing import sample_lock
from blast_core.formats.dpl.text import show_json, show_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_core.formats.dpl.model import Lock, LockedFile, LockedPackage

BASE = sample_lock(4, files=2)


def with_package(change: Callable[[LockedPackage], LockedPackage]) -> Lock:
    return BASE._replace(packages=(change(BASE.packages[0]), *BASE.packages[1:]))


def with_file(change: Callable[[LockedFile], LockedFile]) -> Lock:
    return with_package(lambda package: package._replace(files=(change(package.files[0]), *package.files[1:])))


def with_source(**fields: str) -> Lock:
    return with_package(lambda package: package._replace(source=package.source._replace(**fields)))


def need(name: str, marker: str = "") -> tuple[LockedDependency, ...]:
    return (LockedDependency(name, "", (), marker),)


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(with_file(lambda file: file._replace(sha256="")), id="no-digest"),
        pytest.param(with_file(lambda file: file._replace(sha256="0" * 64)), id="zero-digest"),
        pytest.param(with_file(lambda file: file._replace(sha256="A" * 64)), id="upper-case-digest"),
        pytest.param(with_file(lambda file: file._replace(sha256="a" * 32)), id="md5"),
        pytest.param(with_file(lambda file: file._replace(filename="../x.whl")), id="climbing-file"),
        pytest.param(with_file(lambda file: file._replace(filename="a\\b.whl")), id="backslash"),
        pytest.param(with_file(lambda file: file._replace(filename="..")), id="dots"),
        pytest.param(with_file(lambda file: file._replace(filename="")), id="no-filename"),
        pytest.param(with_file(lambda file: file._replace(index="elsewhere")), id="unknown-index"),
        pytest.param(with_file(lambda file: file._replace(size=-1)), id="negative-size"),
        pytest.param(with_file(lambda file: file._replace(size=2**64)), id="size-past-u64"),
        pytest.param(with_package(lambda p: p._replace(files=(p.files[0], p.files[0]))), id="file-twice"),
        pytest.param(with_package(lambda p: p._replace(name="")), id="no-name"),
        pytest.param(with_package(lambda p: p._replace(name="Package_0")), id="name-not-normalised"),
        pytest.param(with_package(lambda p: p._replace(name="../p")), id="climbing-name"),
        pytest.param(with_package(lambda p: p._replace(files=())), id="nothing-to-install"),
        pytest.param(with_source(kind="path", location=""), id="path-without-place"),
        pytest.param(with_package(lambda p: p._replace(version="")), id="registry-without-version"),
        pytest.param(with_package(lambda p: p._replace(target_mask=0)), id="no-target"),
        pytest.param(with_package(lambda p: p._replace(target_mask=2)), id="unknown-target"),
        pytest.param(with_package(lambda p: p._replace(group_mask=0)), id="no-group"),
        pytest.param(with_package(lambda p: p._replace(group_mask=4)), id="unknown-group"),
        pytest.param(with_package(lambda p: p._replace(dependencies=need("absent"))), id="missing-node"),
        pytest.param(with_package(lambda p: p._replace(dependencies=need(""))), id="nameless-dependency"),
        pytest.param(
            with_package(lambda p: p._replace(dependencies=(LockedDependency(p.name, "", ("a,b",), ""),))),
            id="comma-in-extra",
        ),
        pytest.param(with_package(lambda p: p._replace(extras=(("x", ()), ("x", ())))), id="extra-twice"),
        pytest.param(BASE._replace(packages=BASE.packages + BASE.packages[:1]), id="two-claim-one-target"),
        pytest.param(with_source(kind="svn"), id="unknown-source"),
        pytest.param(with_source(kind="url", location="https://files.invalid/x"), id="url-without-digest"),
        pytest.param(with_source(kind="git", location="https://git.invalid/x"), id="git-without-commit"),
        pytest.param(with_source(digest="abc"), id="short-source-digest"),
        pytest.param(BASE._replace(input_hash=b""), id="no-input-hash"),
        pytest.param(BASE._replace(groups=("default", "default")), id="group-twice"),
        pytest.param(BASE._replace(indexes=("", "default")), id="nameless-index"),
        pytest.param(BASE._replace(targets=BASE.targets * 65), id="too-many-targets"),
        pytest.param(with_package(lambda p: p._replace(requires_python="\ud800")), id="lone-surrogate"),
    ],
)
def test_refuses_an_unlawful_lock(lock: Lock) -> None:
    with pytest.raises(InvalidField):
        build_lock(lock)


def test_refuses_a_version_that_is_none() -> None:
    with pytest.raises(InvalidVersion):
        build_lock(with_package(lambda package: package._replace(version="one")))


def test_names_the_file_and_the_field() -> None:
    with pytest.raises(FormatError, match=r"blast\.lock: .*packages\[package-000000 0\.0\.0\]\.files\[.*\]\.sha256"):
        check_lock(with_file(lambda file: file._replace(sha256="")), "blast.lock")


def test_a_cycle_and_a_self_dependency_are_legal() -> None:
    first, second = BASE.packages[:2]
    cyclic = (
        first._replace(dependencies=need(second.name)),
        second._replace(dependencies=need(first.name) + need(second.name)),
        *BASE.packages[2:],
    )
    build_lock(BASE._replace(packages=cyclic))


def test_a_conditional_dependency_may_be_absent() -> None:
    build_lock(with_package(lambda package: package._replace(dependencies=need("absent", "os_name == 'nt'"))))


def test_forks_share_the_targets_out() -> None:
    first = BASE.packages[0]
    targets = (BASE.targets[0], BASE.targets[0]._replace(name="other"))
    rest = tuple(package._replace(target_mask=3) for package in BASE.packages[1:])
    older = first._replace(version="0.0.0a1", target_mask=2)
    forked = BASE._replace(packages=(first, older, *rest), targets=targets)
    opened = DplLockFile.from_bytes(build_lock(forked))
    opened.verify()
    assert [entry.version for entry in opened.find(first.name)] == ["0.0.0a1", "0.0.0"]
    assert next(entry.version for entry in opened.select(1, 3)) == "0.0.0a1"
    with pytest.raises(InvalidField, match="claim one target"):
        build_lock(forked._replace(packages=(first._replace(target_mask=3), older, *rest)))


def test_a_million_edges_do_not_recurse() -> None:
    edges = tuple(LockedDependency(BASE.packages[1].name, f">={number}", (), "") for number in range(100_000))
    check_lock(with_package(lambda package: package._replace(dependencies=edges * 10)))


def test_shows_a_lock_as_text() -> None:
    git = LockedSource("git", "https://git.invalid/x", "c0ffee", "sub", "")
    lock = with_package(lambda p: p._replace(source=git, dependencies=need("package-000001", "os_name == 'nt'")))
    opened = DplLockFile.from_bytes(build_lock(lock))
    text = show_text(opened)
    assert "target linux-x86_64-py312: Python 3.12.1 on linux-x86_64\n" in text
    assert "\npackage-000000 0.0.0\n  from git https://git.invalid/x at c0ffee in sub\n" in text
    assert "  needs package-000001; os_name == 'nt'\n" in text
    one = show_text(opened, "package-000001")
    assert one.startswith("\npackage-000001 1.1.1\n")
    assert "package-000002 " not in one.splitlines()[1]
    assert show_text(opened, "absent") == ""


def test_shows_a_lock_as_json() -> None:
    opened = DplLockFile.from_bytes(build_lock(BASE))
    document = show_json(opened, "package-000001")
    assert document["groups"] == ["default", "group:dev"]
    packages = document["packages"]
    assert isinstance(packages, list)
    assert len(packages) == 1
    assert packages[0]["groups"] == ["group:dev"]
    assert packages[0]["source"]["kind"] == "registry"


@pytest.mark.parametrize(
    "dependency",
    [
        pytest.param(LockedDependency("package-000001", "2024-01-", (), ""), id="specifier"),
        pytest.param(LockedDependency("package-000001", "", (), "10T10:00"), id="marker"),
        pytest.param(LockedDependency("package 1", "", (), "os_name == 'x'"), id="name"),
        pytest.param(LockedDependency("package-000001", "", ("a b",), ""), id="extra"),
    ],
)
def test_verify_reads_what_dependencies_say(dependency: LockedDependency) -> None:
    """Found by fuzzing: such a lock could not be read again from its own pylock.toml."""
    data = build_lock(with_package(lambda package: package._replace(dependencies=(dependency,))))
    with pytest.raises(InvalidField, match="dependencies"):
        DplLockFile.from_bytes(data).verify()


def test_verify_reads_what_extras_ask_for() -> None:
    extras = (("x", (LockedDependency("package-000001", ">>1", (), ""),)),)
    data = build_lock(with_package(lambda package: package._replace(extras=extras)))
    with pytest.raises(InvalidField, match="dependencies"):
        DplLockFile.from_bytes(data).verify()
