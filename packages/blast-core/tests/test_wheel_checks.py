"""The front door for wheels: one test per way in that is shut, and one per odd but honest wheel that passes."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from blast_core import limits
from blast_core.archive.wheel import Policy, Wheel, read_wheel
from blast_core.archive.wheel_layout import WheelFile
from blast_core.errors import ArchiveRejected, IntegrityError, RecordMismatch
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel, record_row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from blast_core.formats.dpp.layout import DppFile

INIT = Member("sample/__init__.py", b"x = 1\n", DEFLATED)
METADATA = b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _write(folder: Path, recipe: WheelRecipe, filename: str = "") -> str:
    path = folder / (filename or recipe.filename)
    path.write_bytes(build_wheel(recipe))
    return str(path)


def _read(folder: Path, recipe: WheelRecipe, policy: Policy | None = None) -> Wheel:
    wheel = read_wheel(_write(folder, recipe), policy=policy or Policy())
    wheel.close()
    return wheel


def _with(*members: Member, **fields: object) -> WheelRecipe:
    recipe = WheelRecipe(files=[INIT, *members])
    for name, value in fields.items():
        setattr(recipe, name, value)
    return recipe


def _scripts(text: str) -> WheelRecipe:
    return _with(entry_points=f"[console_scripts]\n{text}\n")


def _rows(*changes: tuple[str, str, str], drop: str = "") -> list[tuple[str, str, str]]:
    recipe = WheelRecipe()
    rows = [record_row(str(member.name), member.content) for member in recipe.members()[:-1]]
    return [row for row in rows if row[0] != drop] + list(changes) + [(f"{recipe.info}/RECORD", "", "")]


class Refused(NamedTuple):
    """A wheel that must not enter."""

    recipe: WheelRecipe
    reason: str


INFO = "sample-1.0.dist-info"
REFUSED: dict[str, Refused] = {
    "foreign dist-info": Refused(_with(dist_info="other-1.0.dist-info"), "another project"),
    "dist-info as a file": Refused(_with(Member("other-1.0.dist-info", b"")), "2 .dist-info"),
    "dist-info of another version": Refused(_with(dist_info="sample-2.0.dist-info"), "another project"),
    "two dist-info": Refused(_with(Member("other-2.0.dist-info/WHEEL", WHEEL)), "2 .dist-info"),
    "two spellings of dist-info": Refused(_with(Member("Sample-1.0.dist-info/X", b"")), "2 .dist-info"),
    "upper case dist-info": Refused(_with(dist_info="sample-1.0.DIST-INFO"), "another project"),
    "other name": Refused(_with(metadata=METADATA.replace(b"sample", b"requests")), "the name 'requests'"),
    "path as name": Refused(_with(metadata=METADATA.replace(b"sample", b"../sample")), "the name"),
    "two names": Refused(_with(metadata=METADATA + b"Name: sample\n"), "2 fields 'name'"),
    "no name": Refused(_with(metadata=b"Metadata-Version: 2.1\nVersion: 1.0\n"), "0 fields 'name'"),
    "other version": Refused(_with(metadata=METADATA.replace(b"1.0", b"9.9")), "the version '9.9'"),
    "two versions": Refused(_with(metadata=METADATA + b"Version: 1.0\n"), "2 fields 'version'"),
    "no PEP 440 version": Refused(_with(metadata=METADATA.replace(b"1.0", b"one")), "the version 'one'"),
    "empty metadata": Refused(_with(metadata=b""), "'metadata-version'"),
    "future metadata": Refused(_with(metadata=METADATA.replace(b"2.1", b"9.0")), "Metadata-Version '9.0'"),
    "huge metadata": Refused(_with(metadata=METADATA + b"\n" + bytes(limits.METADATA)), "at most"),
    "many requirements": Refused(_with(requires=("a",) * (limits.REQUIREMENTS + 1)), "requirements; at most"),
    "damaged requirement": Refused(_with(requires=("a ==>> 1",)), "requirement 'a ==>> 1'"),
    "wheel 2": Refused(_with(wheel=WHEEL.replace(b"1.0", b"2.0")), "Wheel-Version '2.0'"),
    "no wheel version": Refused(_with(wheel=b"Root-Is-Purelib: true\n"), "wheel-version"),
    "no purelib": Refused(_with(wheel=b"Wheel-Version: 1.0\n"), "root-is-purelib"),
    "odd purelib": Refused(_with(wheel=WHEEL.replace(b"true", b"maybe")), "maybe"),
    "script called python": Refused(_scripts("python = a:b"), "interpreter"),
    "script called Python3.12": Refused(_scripts("Python3.12 = a:b"), "interpreter"),
    "script called pythonw.exe": Refused(_scripts("pythonw.exe = a:b"), "interpreter"),
    "script called pypy3": Refused(_scripts("pypy3 = a:b"), "interpreter"),
    "script called activate": Refused(_scripts("activate = a:b"), "activation"),
    "script with a path": Refused(_scripts("../../x = a:b"), "plain file name"),
    "script with an absolute path": Refused(_scripts("/bin/x = a:b"), "plain file name"),
    "script with a backslash": Refused(_scripts("..\\x = a:b"), "plain file name"),
    "script that looks like an option": Refused(_scripts("-x = a:b"), "plain file name"),
    "script without object": Refused(_scripts("run = a"), "no object"),
    "code in the module": Refused(_scripts("run = os;import_evil:main"), "not module:object"),
    "code in the object": Refused(_scripts("run = a:b();evil"), "not module:object"),
    "code in the extras": Refused(_scripts("run = a:b [x];evil"), "extras"),
    "no module": Refused(_scripts("run = :main"), "not module:object"),
    "continuation": Refused(_scripts("run = a:b\n  ;import os"), "several lines"),
    "script twice": Refused(_scripts("run = a:b\nrun = a:c"), "twice"),
    "carriage return": Refused(_scripts("run = a:b\rimport os"), "control"),
    "no section": Refused(_with(entry_points="run = a:b\n"), "not an INI file"),
    "garbage": Refused(_with(entry_points="\0\1\2 not ini [[[\n"), "control"),
    "script called pyvenv.cfg": Refused(_scripts("pyvenv.cfg = a:b"), "finds its modules"),
    "data bin pyvenv.cfg": Refused(
        _with(Member("sample-1.0.data/data/bin/pyvenv.cfg", b"home=/x")), "finds its modules"
    ),
    "data scripts pybuilddir.txt": Refused(
        _with(Member("sample-1.0.data/scripts/PyBuildDir.txt", b"x")), "finds its modules"
    ),
    "data Scripts python._pth": Refused(
        _with(Member("sample-1.0.data/data/Scripts/sample._pth", b"x")), "finds its modules"
    ),
    "data scripts python": Refused(_with(Member("sample-1.0.data/scripts/python", b"#!")), "interpreter"),
    "data bin python3": Refused(_with(Member("sample-1.0.data/data/bin/python3", b"#!")), "interpreter"),
    "data Scripts python.exe": Refused(_with(Member("sample-1.0.data/data/Scripts/Python.exe", b"MZ")), "interpreter"),
    "data pyvenv.cfg": Refused(_with(Member("sample-1.0.data/data/pyvenv.cfg", b"")), "environment itself"),
    "data .blast": Refused(_with(Member("sample-1.0.data/data/.blast/state", b"")), "environment itself"),
    "data .gitignore": Refused(_with(Member("sample-1.0.data/data/.gitignore", b"")), "environment itself"),
    "data CACHEDIR.TAG": Refused(_with(Member("sample-1.0.data/data/CACHEDIR.TAG", b"")), "environment itself"),
    "data bin as a file": Refused(_with(Member("sample-1.0.data/data/bin", b"x")), "a directory of the environment"),
    "data lib64 as a file": Refused(_with(Member("sample-1.0.data/data/lib64", b"x")), "a directory of the environ"),
    "data lib/python3.12 as a file": Refused(
        _with(Member("sample-1.0.data/data/lib/python3.12", b"x")), "a directory of the environment"
    ),
    "data site-packages as a file": Refused(
        _with(Member("sample-1.0.data/data/lib/python3.12/site-packages", b"x")), "a directory of the environment"
    ),
    "dist-info through data's lib": Refused(
        _with(Member("sample-1.0.data/data/lib/python3.12/site-packages/other-1.0.dist-info/RECORD", b"")),
        "into a .dist-info",
    ),
    "pth through data's lib": Refused(
        _with(Member("sample-1.0.data/data/lib/python3.12/site-packages/s.pth", b"/tmp\n")), "outside the environment"
    ),
    "pth through data's Lib": Refused(
        _with(Member("sample-1.0.data/data/Lib/site-packages/s.pth", b"..\\..\n")), "outside the environment"
    ),
    "unknown scheme": Refused(_with(Member("sample-1.0.data/rootfs/etc/x", b"")), "no known scheme"),
    "file without scheme": Refused(_with(Member("sample-1.0.data/x", b"")), "no known scheme"),
    "data of another project": Refused(_with(Member("other-1.0.data/scripts/x", b"")), "another project"),
    "two data directories": Refused(
        _with(Member("sample-1.0.data/scripts/x", b""), Member("Sample-1.0.data/scripts/y", b"")), "several .data"
    ),
    "one path from two schemes": Refused(
        _with(Member("sample-1.0.data/purelib/sample/__init__.py", b"y")), "two members"
    ),
    "one path from scripts and data": Refused(
        _with(Member("sample-1.0.data/scripts/run", b"#!python"), Member("sample-1.0.data/data/bin/run", b"y")),
        "two members",
    ),
    "a directory of data over a script": Refused(
        _with(Member("sample-1.0.data/scripts/run", b"#!python"), Member("sample-1.0.data/data/bin/run/x", b"y")),
        "both a file and",
    ),
    "file over a directory": Refused(_with(Member("sample-1.0.data/platlib/sample", b"y")), "both a file and"),
    "dist-info through data": Refused(
        _with(Member("sample-1.0.data/purelib/other-1.0.dist-info/RECORD", b"")), "into a .dist-info"
    ),
    "pth with an absolute path": Refused(_with(Member("s.pth", b"/tmp\n")), "outside the environment"),
    "pth that keeps Python from starting": Refused(_with(Member("s.pth", b"\xff\xfe/x\n")), "not UTF-8"),
    "pth that climbs": Refused(_with(Member("s.pth", b"a/../../b\n")), "outside the environment"),
    "pth that climbs on Windows": Refused(_with(Member("s.pth", b"..\\..\n")), "outside the environment"),
    "pth with a drive": Refused(_with(Member("s.pth", b"C:\\x\n")), "outside the environment"),
    "pth through purelib": Refused(_with(Member("sample-1.0.data/purelib/s.pth", b"/tmp\n")), "outside the"),
    "record columns": Refused(_with(record=[("a", "b", "c"), ("x", "", "", "")]), "columns|digest"),
    "record quote": Refused(_with(record=[('"', "", "")], metadata=METADATA), "RECORD"),
    "record size": Refused(_with(record=_rows((INIT.name, "sha256=x", "-5"))), "size"),  # type: ignore[arg-type]
    "record md5": Refused(_with(record=_rows(record_row("sample/__init__.py", b"x", "md5"))), "'md5'"),
    "record digest length": Refused(_with(record=_rows(("sample/__init__.py", "sha256=abcd", "6"))), "length"),
    "record ghost": Refused(_with(record=_rows(record_row("sample/ghost.py", b""))), "not in the wheel"),
    "record outside": Refused(_with(record=_rows(record_row("../../etc/x", b""))), r"'\.\.'"),
    "record absolute": Refused(_with(record=_rows(record_row("/etc/x", b""))), "absolute"),
    "record is a bomb": Refused(_with(record=_rows(*[("sample/__init__.py", "", "")] * 9_000)), "RECORD.*at most"),
    "record lists a directory that is not there": Refused(
        _with(record=_rows(("sample/sub/", "", ""))), "not in the wh"
    ),
    "record unlisted": Refused(_with(record=_rows(drop="sample/__init__.py")), "does not list"),
    "record without digest": Refused(
        _with(record=_rows(("sample/__init__.py", "", ""), drop="sample/__init__.py")), "no digest"
    ),
    "record twice with two digests": Refused(
        _with(record=_rows(record_row("sample/__init__.py", b"other"))), "twice with different"
    ),
    "record wrong digest": Refused(
        _with(record=_rows(record_row("sample/__init__.py", b"x = 2\n"), drop="sample/__init__.py")), "another digest"
    ),
    "record wrong size": Refused(
        _with(record=_rows((*record_row("sample/__init__.py", b"x = 1\n")[:2], "7"), drop="sample/__init__.py")),
        "another size",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refuses_and_leaves_nothing(case: Refused, tmp_path: Path) -> None:
    wheel = _write(tmp_path, case.recipe)
    with pytest.raises(IntegrityError) as caught:
        convert_wheel(wheel, str(tmp_path / "out.dpp"))
    assert caught.value.message == f"{case.recipe.filename} was refused"
    assert re.search(case.reason, caught.value.reason), caught.value.reason
    assert len(caught.value.reason.splitlines()) == 1
    assert not (tmp_path / "out.dpp").exists()


@pytest.mark.parametrize("missing", ["METADATA", "WHEEL", "RECORD"])
def test_refuses_a_wheel_that_lacks(missing: str, tmp_path: Path) -> None:
    recipe = WheelRecipe()
    members = [member for member in recipe.members() if not str(member.name).endswith(missing)]
    path = tmp_path / recipe.filename
    from blast_core.testing_wheels import write_zip

    path.write_bytes(write_zip(members))
    with pytest.raises(ArchiveRejected) as caught:
        read_wheel(str(path))
    assert f'/{missing}" is missing' in caught.value.reason


@pytest.mark.parametrize(
    "filename",
    [
        "sample-1.0.whl",
        "sample-1.0-py3-none-any.zip",
        "sample-one-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "sample-1.0-x-py3-none-any.whl",
        "sample-1.0-1-2-py3-none-any.whl",
        "sample-1.0-py3--any.whl",
        "sample-1.0-py3-none-a/b.whl",
        "../sample-1.0-py3-none-any.whl",
        "sam ple-1.0-py3-none-any.whl",
        "sample-1.0-" + ".".join(["py3"] * 40) + "-" + ".".join(["none"] * 40) + "-any.whl",
    ],
)
def test_refuses_the_file_name(filename: str, tmp_path: Path) -> None:
    path = _write(tmp_path, WheelRecipe(), "x.whl")
    with pytest.raises(ArchiveRejected) as caught:
        read_wheel(path, filename)
    assert "file name" in caught.value.reason


@pytest.mark.parametrize(
    ("recipe", "warning"),
    [
        pytest.param(_with(), "", id="plain"),
        pytest.param(_with(wheel=WHEEL.replace(b"1.0", b"1.9")), "newer than", id="wheel 1.9"),
        pytest.param(_with(wheel=WHEEL.replace(b"py3-none-any", b"cp27-cp27mu-win32")), "", id="other tags"),
        pytest.param(_with(metadata=METADATA + b"\nAuthor text \xe9\n"), "", id="latin-1 in the body"),
        pytest.param(_with(metadata=METADATA + b"Author: \xe9\n"), "", id="latin-1 in a header"),
        pytest.param(_with(metadata=METADATA.replace(b"\n", b"\r\n")), "", id="CRLF"),
        pytest.param(_with(metadata=METADATA.replace(b"Name: sample", b"name: SAMPLE")), "", id="case of the name"),
        pytest.param(_with(dist_info="Sample-1.0.0.dist-info"), "", id="spelling of dist-info"),
        pytest.param(_with(record=_rows(record_row(*("sample/__init__.py", b"x = 1\n")))), "twice", id="row twice"),
        pytest.param(_with(record=_rows(("sample/", "", ""))), "directory", id="row of a directory"),
        pytest.param(_with(Member("sample/e\u0301\u00e9\U0001f600.py", b"")), "", id="name outside ASCII"),
        pytest.param(_with(Member("strange.data/x", b"")), "", id="package that ends in .data"),
        pytest.param(_with(Member("pkg.egg-info/PKG-INFO", b"")), "", id="egg-info"),
        pytest.param(_with(Member("s.pth", b"# comment\nsub/dir\nimport x\n")), "", id="pth"),
        pytest.param(_scripts("bw-ok = sample.deep:App.run [extra,b-c]"), "", id="script with extras"),
        pytest.param(_scripts("run = a:b\nrun = a:b"), "", id="script twice, the same"),
        pytest.param(_with(entry_points="[x]\n  a = anything at all: goes()\n  b = c\n"), "", id="indented"),
        pytest.param(_with(entry_points="# c\n; d\n[console_scripts]\n\n[y]\n"), "", id="comments, empty group"),
        pytest.param(_scripts("python-config = a:b"), "", id="name that begins with python"),
    ],
)  # fmt: skip
def test_takes_odd_but_honest_wheels(recipe: WheelRecipe, warning: str, tmp_path: Path) -> None:
    wheel = _write(tmp_path, recipe)
    converted = convert_wheel(wheel, str(tmp_path / "out.dpp"))
    assert bool(converted.warnings) == bool(warning)
    assert all(re.search(warning, line) for line in converted.warnings)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(lambda raw: "sha256=" + base64.urlsafe_b64encode(raw).decode(), id="padded"),
        pytest.param(lambda raw: "sha256=" + base64.b64encode(raw).decode(), id="plain base64"),
        pytest.param(lambda raw: "SHA256=" + raw.hex(), id="hex"),
    ],
)
def test_takes_every_sound_spelling_of_a_digest(cell: object, tmp_path: Path) -> None:
    import hashlib

    assert callable(cell)
    row = ("sample/__init__.py", cell(hashlib.sha256(b"x = 1\n").digest()), "")
    convert_wheel(_write(tmp_path, _with(record=_rows(row, drop=row[0]))), str(tmp_path / "out.dpp"))


@pytest.mark.parametrize("junk", ["\0\0", "!", " ", "é", "=", "\n"])
@pytest.mark.parametrize("at", [0, 20, 42])
def test_a_digest_has_no_signs_that_are_passed_over(junk: str, at: int, tmp_path: Path) -> None:
    """Found by fuzzing: pip compares texts, so it would see another digest than we do."""
    path, digest, size = record_row("sample/__init__.py", b"x = 1\n")
    place = len("sha256=") + at
    row = (path, digest[:place] + junk + digest[place:], size)
    with pytest.raises(ArchiveRejected, match="refused"):
        convert_wheel(_write(tmp_path, _with(record=_rows(row, drop=path))), str(tmp_path / "out.dpp"))


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_checks_stronger_digests_too(algorithm: str, tmp_path: Path) -> None:
    good = record_row("sample/__init__.py", b"x = 1\n", algorithm)
    convert_wheel(_write(tmp_path, _with(record=_rows(good, drop=good[0]))), str(tmp_path / "good.dpp"))
    bad = record_row("sample/__init__.py", b"x = 2\n", algorithm)
    with pytest.raises(RecordMismatch):
        convert_wheel(_write(tmp_path, _with(record=_rows(bad, drop=bad[0]))), str(tmp_path / "bad.dpp"))


def test_record_paths_with_backslashes_are_healed(tmp_path: Path) -> None:
    good = record_row("sample/__init__.py", b"x = 1\n")
    wheel = _read(tmp_path, _with(record=_rows((good[0].replace("/", "\\"), *good[1:]), drop=good[0])))
    assert "RECORD writes" in wheel.warnings[0]
    assert "sample/__init__.py" in wheel.record


@pytest.mark.parametrize("name", ["record ghost", "record unlisted", "record without digest"])
def test_a_lenient_policy_heals_the_list_with_a_warning(name: str, tmp_path: Path) -> None:
    wheel = _read(tmp_path, REFUSED[name].recipe, Policy(strict_record=False))
    assert re.search(REFUSED[name].reason, wheel.warnings[0])


def test_no_policy_lets_a_wrong_digest_in(tmp_path: Path) -> None:
    path = _write(tmp_path, REFUSED["record wrong digest"].recipe)
    with pytest.raises(RecordMismatch):
        convert_wheel(path, str(tmp_path / "out.dpp"), policy=Policy(strict_record=False))


def test_names_what_runs_at_start_up_and_can_refuse_it(tmp_path: Path) -> None:
    recipe = _with(
        Member("s.pth", b"import os\n"),
        Member("quiet.pth", b"sub\n"),
        Member("sitecustomize.py", b""),
        Member("usercustomize/__init__.py", b""),
        Member("sample/sitecustomize.py", b""),
    )
    assert _read(tmp_path, recipe).startup == ("s.pth", "sitecustomize.py", "usercustomize/__init__.py")
    with pytest.raises(ArchiveRejected, match="refused"):
        _read(tmp_path, recipe, Policy(startup_code=False))


def test_start_files_run_at_start_up(tmp_path: Path) -> None:
    recipe = _with(Member("s.start", b"os:getpid\n"), Member("sample/s.start", b"x"))
    assert _read(tmp_path, recipe).startup == ("s.start",)


def test_names_what_runs_at_start_up_though_it_lies_among_the_data(tmp_path: Path) -> None:
    hook = "sample-1.0.data/data/lib/python3.12/site-packages/hook.pth"
    module = "sample-1.0.data/data/lib64/python3.12/site-packages/sitecustomize.py"
    recipe = _with(
        Member(hook, b"import sample\n"), Member(module, b""), Member("sample-1.0.data/data/share/x.pth", b"/")
    )
    wheel = read_wheel(_write(tmp_path, recipe))
    assert set(wheel.startup) == {hook, module}
    wheel.close()
    with pytest.raises(ArchiveRejected, match="refused"):
        read_wheel(_write(tmp_path, recipe), policy=Policy(startup_code=False))


def test_an_editable_wheel_may_point_outside(tmp_path: Path) -> None:
    assert _read(tmp_path, REFUSED["pth with an absolute path"].recipe, Policy(editable=True)).startup == ()


def test_setuid_and_write_bits_are_dropped(tmp_path: Path) -> None:
    recipe = _with(Member("sample/run", b"", mode=0o107777), Member("sample/plain", b"", mode=0o106666))
    modes = {file.path: file.mode for file in _read(tmp_path, recipe).files}
    assert (modes["sample/run"], modes["sample/plain"]) == (0o755, 0o644)


def test_files_get_their_schemes_and_names(tmp_path: Path) -> None:
    recipe = _with(
        Member("top.py"), Member("ext.cpython-311-x86_64-linux-gnu.so"), Member("ns/sub/mod.py"),
        Member("libs.libs/libx.so"), Member("sample-1.0.data/scripts/run"), Member("sample-1.0.data/headers/x.h"),
        Member("sample-1.0.data/platlib/lower.py"), Member("sample-1.0.data/data/share/y"),
    )  # fmt: skip
    wheel = _read(tmp_path, recipe)
    schemes = {file.scheme for file in wheel.files if ".data/" in file.path}
    assert schemes == {"scripts", "headers", "platlib", "data"}
    assert wheel.import_names == ("ext", "lower", "ns", "sample", "top")


def test_reads_the_facts(tmp_path: Path) -> None:
    recipe = WheelRecipe(
        name="Sample-Two",
        version="1.0.post1",
        requires=("click>=8", "tomli; python_version < '3.11'"),
        extras=("Test_It",),
        requires_python=">=3.8",
        tags="py2.py3-none-any",
        purelib=False,
    )
    recipe.files = [INIT]
    wheel = _read(tmp_path, recipe)
    assert (wheel.name, wheel.version, wheel.requires_python) == ("Sample-Two", "1.0.post1", ">=3.8")
    assert wheel.tags == ("py2-none-any", "py3-none-any")
    assert wheel.provides_extras == ("test-it",)
    assert wheel.requirements == recipe.requires
    assert not wheel.root_is_purelib
    assert isinstance(wheel.files[0], WheelFile)


def test_a_fifo_in_place_of_a_wheel_does_not_hang(tmp_path: Path) -> None:
    import os

    path = tmp_path / WheelRecipe().filename
    os.mkfifo(path)
    with pytest.raises(ArchiveRejected) as caught:
        read_wheel(str(path))
    assert "regular" in caught.value.reason


def test_a_wheel_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_core.archive.source.ARCHIVE_IN_MEMORY", 100)
    path = _write(tmp_path, WheelRecipe())

    class Touch:
        def begin(self, wheel: Wheel) -> None:
            assert wheel.name == "sample"
            with open(path, "r+b") as file:
                file.write(b"PK")

        def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
            """Take nothing."""

    with pytest.raises(ArchiveRejected) as caught:
        convert_wheel(path, str(tmp_path / "a.dpp"), sink=Touch())
    assert "changed" in caught.value.reason
    assert not (tmp_path / "a.dpp").exists()


def test_large_wheels_are_read_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_core.archive.source.ARCHIVE_IN_MEMORY", 100)
    monkeypatch.setattr("blast_core.archive.source.CHUNK", 10)  # and read no further ahead than that
    path = _write(tmp_path, WheelRecipe())
    assert convert_wheel(path, str(tmp_path / "a.dpp")).size > 0
    wheel = read_wheel(path)
    (tmp_path / WheelRecipe().filename).write_bytes(b"")
    with pytest.raises(ArchiveRejected) as caught:
        wheel.archive.read(wheel.archive.members[0])
    assert "it ends before" in caught.value.reason
    wheel.close()
