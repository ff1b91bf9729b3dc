"""What must hold of any bytes that are called a wheel.

They are refused by one line that names the file, and leave nothing; or every other reader understands them in the same
way: `zipfile` has the same files, `csv` and `hashlib` agree with RECORD, `email` reads the same name and version, the
tree that the store unpacks is the archive's, the container verifies, and a wheel made from it converts to the same.
"""

from __future__ import annotations

import base64
import csv
import email.parser
import hashlib
import io
import os
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from blast_core.archive.contents import read_contents
from blast_core.archive.source import open_source
from blast_core.archive.wheel import check_wheel as check_wheel_file
from blast_core.archive.zip import DEFLATED, STORED
from blast_core.errors import IntegrityError
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.to_wheel import dpp_to_wheel
from blast_core.names import normalize_name
from blast_pm.install.plan import make_tree_plan, read_listing, read_plan
from blast_pm.store.unpack import TreeWriter, is_unpacked
from fuzz.claims import check_refusal, work_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_wheel", "guess_filename"]

_DIST_INFO = re.compile(rb"([A-Za-z0-9_.]{1,40}-[A-Za-z0-9_.!+]{1,40})\.dist-info/")
_FACTS = ("name", "version", "summary", "requirements", "entry_points", "flags", "tags", "import_names", "startup")
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")
_SCRIPT = re.compile(r"\w+(\.\w+)*\s*:\s*\w+(\.\w+)*\s*(\[[\w\s,.-]*\])?")


def guess_filename(data: bytes) -> str:
    """Return the name that a wheel of these bytes would have, by its first .dist-info directory."""
    found = _DIST_INFO.search(data)
    return f"{found[1].decode() if found else 'sample-1.0'}-py3-none-any.whl"


def check_wheel(data: bytes) -> bool:
    """Convert and unpack; return whether the wheel was accepted.

    Raises:
        AssertionError: something that must hold does not.
        Exception: a reader raised what it may not raise.
    """
    with work_directory() as top:
        return _check(data, top)


def _check(data: bytes, top: str) -> bool:
    filename = guess_filename(data)
    wheel, container, tree = (os.path.join(top, name) for name in (filename, "c.dpp", "tree"))
    with open(wheel, "xb") as stream:
        stream.write(data)
    plan = _ingest(wheel, filename, tree)
    try:
        convert_wheel(wheel, container)
    except IntegrityError as error:
        check_refusal(error, filename)
        assert not os.path.exists(container), "a refused wheel left a container"
        _check_both_refuse(plan, error.reason)
        return False
    assert plan is not None, "the store refuses what makes a container"
    with DppPackage.open(container) as package:
        package.verify()
        assert _show(make_tree_plan(package)) == _show(plan)
        contents = {file.path: package.read(file) for file in package.files}
        _compare_with_zipfile(data, contents)
        _compare_with_record(package, contents)
        _compare_with_metadata(package)
        _check_scripts(package)
        _compare_with_tree(tree, contents)
        _check_round_trip(package, contents, top)
    assert sorted(os.listdir(top)) == sorted(["again", "c.dpp", "tree", filename])
    return True


def _check_both_refuse(plan: bytes | None, reason: str) -> None:
    """Only a container holds requirements as such, so it alone refuses what is none; who resolves mends old ones."""
    assert plan is None or "requirement" in reason, "the store takes what makes no container"


def _ingest(wheel: str, filename: str, tree: str) -> bytes | None:
    """Check and unpack a wheel as the store does, and return the plan of its tree; None for one that is refused."""
    source = open_source(wheel, filename)
    try:
        opened = check_wheel_file(source, filename)
        with TreeWriter(tree) as writer:
            contents = read_contents(opened, writer)
            writer.seal()
        return make_tree_plan(contents)
    except IntegrityError as error:
        check_refusal(error, filename)
        return None
    finally:
        source.close()


def _show(plan: bytes) -> tuple[object, ...]:
    """Return what a plan says; its bytes may differ by what marshal found to be one object."""
    read = read_plan(plan)
    return (*read._replace(listing=b""), read_listing(read))


def _compare_with_zipfile(data: bytes, contents: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        assert len({info.filename for info in members}) == len(members)
        assert {info.filename for info in members} == contents.keys()
        for info in members:
            assert info.compress_type in {STORED, DEFLATED}
            assert stat.S_IFMT(info.external_attr >> 16) in {0, stat.S_IFREG}
            assert archive.read(info) == contents[info.filename]
    for path in contents:
        assert os.path.normpath(path) == path
        assert not path.startswith(("/", "..")), path
        assert "\\" not in path
        assert "\n" not in path


def _compare_with_record(package: DppPackage, contents: Mapping[str, bytes]) -> None:
    own = {f"{package.dist_info}/{name}" for name in _SIGNATURES}
    rows = list(csv.reader(io.StringIO(package.record_bytes.decode("utf-8-sig"), newline="")))
    listed = {}
    for path, digest, size in (row for row in rows if row):
        known = next(name for name in (path, path.replace("\\", "/"), path.removeprefix("./")) if name in contents)
        if known in own:
            continue
        algorithm, _, encoded = digest.partition("=")
        wanted = hashlib.new(algorithm, contents[known]).digest()
        alike = {base64.urlsafe_b64encode(wanted).decode().rstrip("="), base64.b64encode(wanted).decode().rstrip("=")}
        assert encoded.rstrip("=") in alike or encoded.lower() == wanted.hex(), (path, digest)
        assert not size or int(size) == len(contents[known])
        listed[known] = True
    assert listed.keys() | own >= contents.keys()


def _compare_with_metadata(package: DppPackage) -> None:
    name, version, *_ = package.wheel_filename.split("-")
    assert normalize_name(package.name) == normalize_name(name)
    text = package.metadata_bytes.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    message = email.parser.HeaderParser().parsestr(text)
    assert [value.strip(" \t") for value in message.get_all("Name", [])] == [package.name]
    assert [value.strip(" \t") for value in message.get_all("Version", [])] == [package.version]
    assert len(message.get_all("Requires-Dist", [])) == len(package.requirements)
    assert version


def _check_scripts(package: DppPackage) -> None:
    for entry in package.entry_points:
        if entry.group in {"console_scripts", "gui_scripts"}:
            assert "/" not in entry.name
            assert _SCRIPT.fullmatch(entry.value), entry


def _compare_with_tree(tree: str, contents: Mapping[str, bytes]) -> None:
    found = {}
    for directory, names, files in os.walk(tree):
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            facts = os.lstat(path)
            assert stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode), path
            assert facts.st_mode & 0o7000 == 0, path
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, tree)] = stream.read()
    assert found == {path: content for path, content in contents.items() if is_unpacked(path)}


def _check_round_trip(package: DppPackage, contents: Mapping[str, bytes], top: str) -> None:
    """A wheel made of the container gives a container that says the same."""
    again = os.path.join(top, "again")
    os.mkdir(again)
    wheel, container = os.path.join(again, package.wheel_filename), os.path.join(again, "c.dpp")
    dpp_to_wheel(package, wheel)
    convert_wheel(wheel, container)
    with DppPackage.open(container) as other:
        assert {file.path: other.read(file) for file in other.files} == contents
        assert [file.mode for file in other.files] == [file.mode for file in package.files]
        for fact in _FACTS:
            assert getattr(other, fact) == getattr(package, fact), fact
