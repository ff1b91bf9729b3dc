"""pylock.toml as text: what a reviewer sees, what other tools take from it, and what is refused in an edited one."""

from __future__ import annotations

import tomllib

import pytest
from packaging.markers import default_environment
from packaging.pylock import Pylock

from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_core.errors import FormatError, InvalidField, UnsupportedFormatVersion
from blast_core.formats.dpl.model import (
    NO_HASH,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    LockTarget,
)
from blast_core.formats.dpl.testing import sample_lock
from blast_core.testing_calls import count_calls

REGISTRY = LockedSource("registry", "", "", "", "")
LINUX = LockTarget(
    "linux",
    "3.12",
    "linux-x86_64",
    (("sys_platform", "linux"), ("platform_machine", "x86_64"), ("python_version", "3.12")),
)
MACOS = LockTarget("macos", "3.12", "macos-arm64", (("sys_platform", "darwin"), ("python_version", "3.12")))


def file_url(file: LockedFile) -> str:
    return f"https://index.invalid/files/{file.path}" if file.index else file.path


def wheel(name: str, version: str, digest: str) -> LockedFile:
    filename = f"{name}-{version}-py3-none-any.whl"
    return LockedFile(filename, "default", f"aa/{filename}", digest * 64, 1234, "2024-01-31T12:00:59.123456Z")


def package(name: str, version: str = "1.0", digest: str = "a") -> LockedPackage:
    return LockedPackage(name, version, REGISTRY, (wheel(name, version, digest),), (), (), "", 3, 1)


LOCK = Lock(
    (
        package("alpha")._replace(
            dependencies=(LockedDependency("beta", ">=1,<3", ("fast",), "python_version < '4'"),),
            requires_python=">=3.9",
        ),
        package("beta", "1.0", "b")._replace(target_mask=1, group_mask=2),
        package("beta", "2.0", "c")._replace(target_mask=2, group_mask=4),
        package("gamma")._replace(source=LockedSource("editable", "./gamma", "", "", ""), files=(), version=""),
    ),
    (LINUX, MACOS),
    ("default", "group:dev", "extra:Fast_Plots"),
    ">=3.11",
    bytes(range(32)),
    NO_HASH,
    ("default",),
)

TEXT = (
    """\
# Written by Blast: change pyproject.toml and run `blast lock`. Format: PEP 751.
lock-version = "1.0"
environments = [
    "sys_platform == 'linux' and platform_machine == 'x86_64' and python_version == '3.12'",
    "sys_platform == 'darwin' and python_version == '3.12'",
]
requires-python = ">=3.11"
extras = ["fast-plots"]
dependency-groups = ["dev"]
created-by = "blast"

[[packages]]
name = "alpha"
version = "1.0"
requires-python = ">=3.9"
dependencies = [
    { name = "beta", version = "1.0" },
    { name = "beta", version = "2.0" },
]
wheels = [
    { url = "https://index.invalid/files/aa/alpha-1.0-py3-none-any.whl", upload-time = 2024-01-31T12:00:59.123456Z, \
size = 1234, hashes = { sha256 = "AAAA" } },
]

[packages.tool.blast]
requires = [
    "beta[fast]>=1,<3; python_version < '4'",
]

[[packages]]
name = "beta"
version = "1.0"
marker = "sys_platform == 'linux' and 'dev' in dependency_groups"
wheels = [
    { url = "https://index.invalid/files/aa/beta-1.0-py3-none-any.whl", upload-time = 2024-01-31T12:00:59.123456Z, \
size = 1234, hashes = { sha256 = "BBBB" } },
]

[packages.tool.blast]
groups = ["group:dev"]

[[packages]]
name = "beta"
version = "2.0"
marker = "sys_platform == 'darwin' and 'fast-plots' in extras"
wheels = [
    { url = "https://index.invalid/files/aa/beta-2.0-py3-none-any.whl", upload-time = 2024-01-31T12:00:59.123456Z, \
size = 1234, hashes = { sha256 = "CCCC" } },
]

[packages.tool.blast]
groups = ["extra:Fast_Plots"]

[[packages]]
name = "gamma"
directory = { path = "./gamma", editable = true }

[tool.blast]
format = 2
input-hash = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
groups = ["default", "group:dev", "extra:Fast_Plots"]
indexes = [
    { name = "default", files = "https://index.invalid/files/" },
]
targets = [
    { name = "linux", python-version = "3.12", platform = "linux-x86_64", markers = [["sys_platform", "linux"], \
["platform_machine", "x86_64"], ["python_version", "3.12"]] },
    { name = "macos", python-version = "3.12", platform = "macos-arm64", markers = [["sys_platform", "darwin"], \
["python_version", "3.12"]] },
]
""".replace("AAAA", "a" * 64)
    .replace("BBBB", "b" * 64)
    .replace("CCCC", "c" * 64)
)


def test_the_text_is_as_a_reviewer_wants_it() -> None:
    assert write_pylock(LOCK, file_url) == TEXT


def test_the_text_reads_back() -> None:
    assert read_pylock(TEXT)._replace(text_hash=NO_HASH) == LOCK


@pytest.mark.parametrize(
    ("extras", "groups", "platform", "expected"),
    [
        pytest.param([], [], "linux", ["alpha", "gamma"], id="default"),
        pytest.param([], ["dev"], "linux", ["alpha", "beta 1.0", "gamma"], id="group"),
        pytest.param(["fast-plots"], [], "linux", ["alpha", "gamma"], id="extra-of-the-other-target"),
        pytest.param(["fast-plots"], ["dev"], "darwin", ["alpha", "beta 2.0", "gamma"], id="extra"),
    ],
)
def test_another_installer_selects_what_we_do(
    extras: list[str], groups: list[str], platform: str, expected: list[str]
) -> None:
    """The oracle is packaging's own selection."""
    pylock = Pylock.from_dict(tomllib.loads(TEXT))
    machine = "x86_64" if platform == "linux" else "arm64"
    selected = pylock.select(
        environment=default_environment()
        | {"sys_platform": platform, "platform_machine": machine, "python_version": "3.12"},
        extras=extras,
        dependency_groups=groups,
    )
    names = [f"{chosen.name} {chosen.version}" if chosen.name == "beta" else chosen.name for chosen, _ in selected]
    assert names == expected


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        pytest.param("", InvalidField, "another tool", id="empty"),
        pytest.param(
            'lock-version = "1.0"\ncreated-by = "pip"\npackages = []\n', InvalidField, "another tool", id="pip"
        ),
        pytest.param("[[packages", FormatError, "not TOML", id="cut"),
        pytest.param(
            changed('version = "1.0"\nreq', '<<<<<<< ours\nversion = "1.0"\n=======\nreq'),
            FormatError,
            "line 14 is the mark of a merge conflict",
            id="conflict",
        ),
        pytest.param(changed("format = 2", "format = 3"), UnsupportedFormatVersion, "version", id="newer-tool"),
        pytest.param(changed('"1.0"\nenv', '"2.0"\nenv'), UnsupportedFormatVersion, "version", id="newer-standard"),
        pytest.param(changed("a" * 64, ""), InvalidField, r"sha256", id="digest-emptied"),
        pytest.param(changed(f'sha256 = "{"a" * 64}"', ""), InvalidField, r"sha256", id="digest-list-emptied"),
        pytest.param(
            changed("size = 1234", 'size = "1234"'), InvalidField, r"packages\[0\]\.wheels\[0\]\.size", id="type"
        ),
        pytest.param(changed("size = 1234", "size = true"), InvalidField, r"wheels\[0\]\.size", id="bool-size"),
        pytest.param(
            changed("'dev' in dep", "'test' in dep"), InvalidField, r"packages\[1\]\.marker", id="edited-marker"
        ),
        pytest.param(
            changed('{ name = "beta", v', '{ name = "eta", v'), InvalidField, "dependencies", id="edited-edge"
        ),
        pytest.param(
            changed('["group:dev"]\n', '["group:dev"]\ntargets = ["windows"]\n'),
            InvalidField,
            "targets",
            id="unknown-target",
        ),
        pytest.param(
            changed("targets = [\n", 'targets = [\n"amiga",\n'), InvalidField, r"targets\[0\]", id="unknown-name"
        ),
        pytest.param(changed("'dev' in dep", "dev in dep"), InvalidField, r"packages\[1\]\.marker", id="no-marker"),
        pytest.param(changed('input-hash = "00', 'input-hash = "zz'), InvalidField, "input-hash", id="hash-not-hex"),
        pytest.param(changed('input-hash = "00', 'input-hash = "'), InvalidField, "input_hash", id="hash-too-short"),
        pytest.param(changed('["sys_platform", "linux"]', '["linux"]'), InvalidField, "markers", id="marker-no-pair"),
        pytest.param(changed("wheels = [", "wheels = [3,"), InvalidField, r"wheels\[0\]", id="wheel-no-table"),
        pytest.param(TEXT + "\n[[packages]]\n", InvalidField, "normalised name", id="nameless-package"),
        pytest.param(changed('"alpha"\nversion = "1', '"alpha"\nversion = "z1'), InvalidField, "z1", id="version"),
        pytest.param(changed("/aa/alpha", "/aa/../x\\\\alpha"), InvalidField, "file name", id="climbing-file"),
    ],
)
def test_refuses_an_edit_that_contradicts_the_rest(text: str, error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        read_pylock(text)
    assert "pylock.toml" in str(caught.value)


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(FormatError):
        read_pylock("x = " + "[" * 100_000)


def test_a_moved_index_changes_no_lock() -> None:
    def elsewhere(file: LockedFile) -> str:
        return f"https://mirror.invalid/deep/{file.path}"

    moved = write_pylock(LOCK, elsewhere)
    assert moved != TEXT
    assert read_pylock(moved)._replace(text_hash=NO_HASH) == LOCK


def test_a_requires_python_that_is_no_specifier_stays_out_of_the_standard_table() -> None:
    odd = LOCK._replace(packages=(LOCK.packages[0]._replace(requires_python=">=2.7.*,"), *LOCK.packages[1:]))
    text = write_pylock(odd, file_url)
    Pylock.from_dict(tomllib.loads(text))
    assert read_pylock(text).packages[0].requires_python == ">=2.7.*,"


@pytest.mark.parametrize("value", ['"', "\\", "\n", "\x00", "\x7f", "ü", "\u2028"], ids=ascii)
def test_odd_characters_come_back(value: str) -> None:
    gamma = LOCK.packages[3]
    odd = gamma._replace(source=gamma.source._replace(location=f"./a{value}b"))
    lock = LOCK._replace(packages=(*LOCK.packages[:3], odd))
    assert read_pylock(write_pylock(lock, file_url)).packages[3] == odd


def test_writing_is_in_proportion_to_packages_and_files() -> None:
    """TOML of 241 packages: some calls a file, not some a character."""
    locks = [sample_lock(count) for count in (241, 482)]
    calls = [count_calls(lambda lock=lock: write_pylock(lock, file_url)) for lock in locks]  # type: ignore[misc]
    files = [sum(len(package.files) for package in lock.packages) for lock in locks]
    assert calls[1] < 2.05 * calls[0]
    assert calls[0] < 60 * files[0]


def workspace(*dependencies: LockedDependency) -> Lock:
    root = package("root")._replace(
        source=LockedSource("workspace", ".", "", "", ""), files=(), dependencies=dependencies
    )
    member = package("alpha")._replace(group_mask=0b010)
    return LOCK._replace(
        packages=(member, package("beta")._replace(group_mask=0b100), root),
        groups=("default", "package:m", "package:m:extra:fast"),
    )


@pytest.mark.parametrize(
    ("lock", "groups", "expected"),
    [
        pytest.param(workspace(), None, ["alpha", "root"], id="a mere frame"),
        pytest.param(workspace(), ["package-m-extra-fast"], ["beta", "root"], id="an extra of a member"),
        pytest.param(workspace(LockedDependency("root", "", (), "")), None, ["root"], id="a root of its own"),
        pytest.param(
            workspace(LockedDependency("root", "", (), "")),
            ["package-m", "package-m-extra-fast"],
            ["alpha", "beta", "root"],
            id="a root of its own with a member",
        ),
    ],
)
def test_another_installer_can_take_what_members_ask_for(
    lock: Lock, groups: list[str] | None, expected: list[str]
) -> None:
    text = write_pylock(lock, file_url)
    assert read_pylock(text)._replace(text_hash=NO_HASH) == lock
    values = default_environment() | {"sys_platform": "darwin", "python_version": "3.12"}
    chosen = Pylock.from_dict(tomllib.loads(text)).select(environment=values, dependency_groups=groups)
    assert [str(row.name) for row, _ in chosen] == expected
