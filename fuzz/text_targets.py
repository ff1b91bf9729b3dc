"""What must hold of any text that Blast reads from elsewhere: an answer, or an error of Blast's own tree.

Where the standard library or `packaging` reads the same text, the two must not disagree.
"""

from __future__ import annotations

import gzip
import os
import re

from packaging.version import InvalidVersion as TheirInvalidVersion
from packaging.version import Version

from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_compat.pyproject import parse_manifest
from blast_compat.requirements import read_requirements
from blast_core.archive.entry_points import parse_entry_points
from blast_core.archive.record import parse_record
from blast_core.archive.wheel_name import parse_wheel_name
from blast_core.errors import ArchiveRejected, BlastError, FormatError, IndexAccessError, InvalidVersion
from blast_core.markers import evaluate_marker, normalize_marker
from blast_core.requirements import format_requirement, parse_requirement
from blast_core.version import version_key
from blast_core.version.parts import normalize_version
from blast_core.version.specifiers import SpecifierSet, compile_specifier
from blast_pm.build.unpack import unpack_sdist
from blast_pm.index.pages import parse_page, same_projects
from blast_pm.metadata.core_metadata import decode_metadata, encode_metadata, parse_metadata
from blast_pm.metadata.sdists import read_pkg_info, sdist_version
from fuzz.claims import check_refusal, work_directory

__all__ = ["check_manifest", "check_page", "check_pylock", "check_requirements", "check_sdist", "check_text"]

_ENVIRONMENT = {
    "implementation_name": "cpython", "implementation_version": "3.12.1", "os_name": "posix",
    "platform_machine": "x86_64", "platform_python_implementation": "CPython", "platform_release": "6.1",
    "platform_system": "Linux", "platform_version": "#1", "python_full_version": "3.12.1", "python_version": "3.12",
    "sys_platform": "linux",
}  # fmt: skip
_VERSIONS = ("0", "1.0", "1.0a1", "1.0.post1", "1.0.dev2", "2!1", "1.0+x", "3.12.1", "2024.1")
_OTHER = Version("1.0")


def check_text(data: bytes) -> bool:
    """Read a text as a version, a specifier, a requirement, a marker, a file name and a small file of a wheel."""
    text = data.decode(errors="replace")
    answers = [_check_version(text), _check_specifier(text), _check_requirement(text), _check_marker(text)]
    try:
        answers.append(bool(parse_wheel_name(text)))
    except ArchiveRejected:
        pass
    sdist_version(text, "sample")
    for parse in (lambda: list(parse_record(data)), lambda: parse_entry_points(data)):
        try:
            answers.append(bool(parse()))
        except ValueError:
            pass
    try:
        record = parse_metadata(data, "METADATA")
        assert decode_metadata(encode_metadata(record)) == record
    except BlastError:
        pass
    return any(answers)


def _check_version(text: str) -> bool:
    try:
        key = version_key(text)
    except InvalidVersion:
        try:
            Version(text)
        except TheirInvalidVersion:
            return False
        raise AssertionError(f"packaging reads the version {text!r}") from None
    theirs = Version(text)
    assert (key < version_key("1.0"), key == version_key("1.0")) == (theirs < _OTHER, theirs == _OTHER)
    assert normalize_version(text) == str(theirs)
    return True


def _check_specifier(text: str) -> bool:
    try:
        compiled = compile_specifier(text)
        ours = SpecifierSet(text)
    except BlastError:
        return False
    assert compiled == compile_specifier(text)
    for version in _VERSIONS:
        ours.contains(version)
    return True


def _check_requirement(text: str) -> bool:
    try:
        requirement = parse_requirement(text)
    except BlastError as error:
        check_refusal(error, pictured=True)
        return False
    assert parse_requirement(format_requirement(requirement)) == requirement
    return True


def _check_marker(text: str) -> bool:
    try:
        normal = normalize_marker(text)
        answer = evaluate_marker(text, _ENVIRONMENT, ())
    except BlastError as error:
        check_refusal(error, pictured=True)
        return False
    assert normalize_marker(normal) == normal
    assert evaluate_marker(normal, _ENVIRONMENT, ()) == answer
    return True


def check_page(data: bytes) -> bool:
    """Parse an index page; the first byte chooses its form."""
    kind = "application/vnd.pypi.simple.v1+json" if data[:1] == b"j" else "text/html; charset=utf-8"
    url = "https://index.invalid/simple/sample/"
    try:
        files = parse_page(data[1:], kind, url, "default")
    except IndexAccessError as error:
        check_refusal(error)
        return False
    same_projects(data[1:], kind)
    for file in files:
        assert "/" not in file.filename
        assert "\\" not in file.filename
        assert file.filename not in {"", ".", ".."}
        assert file.url.startswith(("https://", "http://")), file.url
        assert re.fullmatch("[0-9a-f]{64}|", file.sha256)
        assert file.size >= 0
    return bool(files)


def check_pylock(data: bytes) -> bool:
    """Read a lock as text; one that Blast could have written is written in the same way."""
    text = data.decode(errors="replace")
    try:
        lock = read_pylock(text)
    except FormatError as error:
        check_refusal(error)
        return False
    again = write_pylock(lock, lambda file: f"https://files.invalid/{file.path}")
    assert read_pylock(again)._replace(text_hash=lock.text_hash) == lock
    return True


def check_manifest(data: bytes) -> bool:
    """Read a manifest."""
    try:
        parse_manifest(data.decode(errors="replace"), "pyproject.toml")
    except BlastError:
        return False
    return True


def check_requirements(data: bytes) -> bool:
    """Read a requirements file; files that it names must not be there."""
    with work_directory() as top:
        path = os.path.join(top, "requirements.txt")
        with open(path, "wb") as stream:
            stream.write(data)
        try:
            read_requirements(path, {"HOME": "/home/someone"})
        except BlastError:
            return False
    return True


def check_sdist(data: bytes) -> bool:
    """Unpack a source archive, and look for its PKG-INFO; nothing may lie outside its directory."""
    with work_directory() as top:
        inside = os.path.join(top, "inside")
        os.mkdir(inside)
        path = os.path.join(top, "sample-1.0.tar.gz")
        with open(path, "wb") as stream:
            stream.write(data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1, mtime=0))
        accepted = _unpack(path, inside)
        assert sorted(os.listdir(top)) == ["inside", "sample-1.0.tar.gz"]
        return accepted


def _unpack(path: str, inside: str) -> bool:
    try:
        read_pkg_info(path, "sample-1.0.tar.gz")
    except ArchiveRejected:
        pass
    try:
        tree = unpack_sdist(path, inside)
    except ArchiveRejected as error:
        check_refusal(error)
        return False
    assert os.path.dirname(tree) == inside
    for directory, names, files in os.walk(tree):
        for name in [*names, *files]:
            found = os.path.join(directory, name)
            mode = os.lstat(found).st_mode
            assert os.path.realpath(found).startswith(tree), found
            assert mode & 0o6000 == 0, found
    return True
