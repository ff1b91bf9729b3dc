"""The laws that every lock obeys, whichever form it comes from: writers check first, ``verify`` after reading.

A cycle of dependencies is legal, as is a package that depends on itself through an extra. What is refused: files
without a digest, file names that lead elsewhere, masks that name no target, two packages that claim one (name, target),
and an unconditional dependency that nothing in the lock answers to.
"""

from __future__ import annotations

from blast_core import limits
from blast_core.errors import InvalidField
from blast_core.formats.dpl.model import SOURCE_KINDS
from blast_core.formats.dpl.packed_files import PackedFiles
from blast_core.names import is_valid_name, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.formats.dpl.model import Lock, LockedDependency, LockedFile, LockedPackage

__all__ = ["check_files", "check_lock", "check_texts"]

_DIGEST_LENGTH = 32
_MAX_U64 = (1 << 64) - 1


def check_lock(lock: Lock, file: str = "") -> None:
    """Check that ``lock`` obeys the laws of locks.

    Args:
        lock: in any order.
        file: path for the error text.

    Raises:
        InvalidField: naming the first field that does not, such as ``packages[flask 3.0.0].files[x.whl].sha256``.

    Cost: O(packages + files + dependencies), no recursion.
    """
    try:
        _check_head(lock)
        for package in lock.packages:
            _check_package(package, lock)
        _check_claims(lock.packages)
    except InvalidField as error:
        if not file or error.file:
            raise
        raise InvalidField(error.message, file=file, reason=error.reason, hint=error.hint) from None


def _refuse(message: str, field: str, value: object) -> InvalidField:
    return InvalidField(message, field=field, value=repr(value))


def _check_head(lock: Lock) -> None:
    for count, most, field in (
        (len(lock.packages), limits.DPL_PACKAGES, "packages"),
        (len(lock.targets), limits.DPL_TARGETS, "targets"),
        (len(lock.groups), limits.DPL_GROUPS, "groups"),
    ):
        if count > most:
            raise _refuse(f"a lock holds at most {most}", field, count)
    for digest, field in ((lock.input_hash, "input_hash"), (lock.text_hash, "text_hash")):
        if len(digest) != _DIGEST_LENGTH:
            raise _refuse("a hash has 32 bytes", field, digest)
    for names, field in (
        ([target.name for target in lock.targets], "targets"),
        (lock.groups, "groups"),
        (lock.indexes, "indexes"),
    ):
        if "" in names or len(set(names)) != len(names):
            raise _refuse("names must be there and differ", field, list(names))


def _check_package(package: LockedPackage, lock: Lock) -> None:
    where = f"packages[{package.name} {package.version}]"
    if not is_valid_name(package.name) or normalize_name(package.name) != package.name:
        raise _refuse("not a normalised name", where, package.name)
    _check_mask(package.target_mask, len(lock.targets), f"{where}.target_mask")
    _check_mask(package.group_mask, len(lock.groups), f"{where}.group_mask")
    _check_source(package, f"{where}.source")
    files = package.files
    # What is packed was checked when it was packed; only which indexes there are is the lock's.
    if not isinstance(files, PackedFiles) or (files.index and files.index not in lock.indexes):
        check_files(files, lock.indexes, f"{where}.files")
    names = [extra for extra, _ in package.extras]
    if len(set(names)) != len(names):
        raise _refuse("an extra stands twice", f"{where}.extras", names)
    _check_dependencies(package.dependencies, f"{where}.dependencies")
    for extra, needs in package.extras:
        _check_dependencies(needs, f"{where}.extras[{extra}]")


def _check_mask(mask: int, bits: int, field: str) -> None:
    if not 0 < mask < 1 << bits:
        raise _refuse(f"a mask names one to all of {bits}", field, mask)


def _check_source(package: LockedPackage, field: str) -> None:
    source = package.source
    if source.kind not in SOURCE_KINDS:
        raise _refuse("unknown source", field, source.kind)
    if (source.kind != "registry") and not source.location:
        raise _refuse("this source needs a place", f"{field}.location", "")
    if source.kind == "registry" and not package.files:
        raise _refuse("no file to install", field, source.kind)
    if source.digest and not _is_digest(source.digest):
        raise _refuse("not a sha256", f"{field}.digest", source.digest)
    if source.kind == "url" and not source.digest:
        raise _refuse("a URL needs the sha256 of what it led to", f"{field}.digest", "")
    if source.kind == "git" and not source.revision:
        raise _refuse("a git source needs its commit", f"{field}.revision", "")
    if source.kind in ("registry", "url") and not package.version:
        raise _refuse("only a source tree may lack a version", field, source.kind)


def check_files(files: Iterable[LockedFile], indexes: tuple[str, ...], field: str) -> None:
    """Check the files of one package; see ``check_lock``.

    Args:
        files: in any order.
        indexes: of the lock.
        field: what to call them in the error.

    Raises:
        InvalidField: a law is broken.
    """
    seen = set()
    for name, index, _, sha256, size, _ in files:
        if name in ("", ".", "..") or not _is_plain(name):
            raise _refuse("not a file name", field, name)
        if name in seen:
            raise _refuse("a file stands twice", field, name)
        seen.add(name)
        if not _is_digest(sha256):
            raise _refuse("every file needs its sha256", f"{field}[{name}].sha256", sha256)
        if index and index not in indexes:
            raise _refuse("the lock knows no such index", f"{field}[{name}].index", index)
        if not 0 <= size <= _MAX_U64:
            raise _refuse("impossible size", f"{field}[{name}].size", size)


def _is_plain(name: str) -> bool:
    return not ("/" in name or "\\" in name or "\0" in name or "\n" in name or "\r" in name)


def _is_digest(text: str) -> bool:
    if len(text) != 2 * _DIGEST_LENGTH or not text.isascii() or not text.isalnum() or text != text.lower():
        return False
    try:
        return int(text, 16) != 0
    except ValueError:
        return False


def _check_dependencies(dependencies: Iterable[LockedDependency], field: str) -> None:
    for dependency in dependencies:
        if not dependency.name:
            raise _refuse("a dependency needs a name", field, dependency.name)
        for extra in dependency.extras:
            if not extra or "," in extra:
                raise _refuse("not an extra", f"{field}[{dependency.name}]", extra)


def check_texts(lock: Lock) -> None:
    """Check what the laws leave to whoever wrote the lock: that names, specifiers and markers of dependencies are such.

    Raises:
        InvalidField: one is not.

    Cost: each different text is parsed once.
    """
    from blast_core.errors import InvalidRequirement, InvalidVersion
    from blast_core.marker_syntax import parse_marker
    from blast_core.version.specifiers import check_specifier

    needs = {
        need
        for package in lock.packages
        for some in (package.dependencies, *(more for _, more in package.extras))
        for need in some
    }
    for name in sorted({need.name for need in needs} | {extra for need in needs for extra in need.extras}):
        if not is_valid_name(name):
            raise _refuse("not the name of a project or an extra", "dependencies", name)
    texts = (({need.specifier for need in needs}, check_specifier), ({need.marker for need in needs}, parse_marker))
    for different, parse in texts:
        for text in sorted(different - {""}):
            try:
                parse(text)
            except (InvalidRequirement, InvalidVersion) as error:
                raise InvalidField(
                    "not a specifier or marker", field="dependencies", value=text, reason=error.message
                ) from None


def _check_claims(packages: Iterable[LockedPackage]) -> None:
    claimed: dict[str, int] = {}
    for package in packages:
        before = claimed.get(package.name, 0)
        if before & package.target_mask:
            field = f"packages[{package.name} {package.version}].target_mask"
            raise _refuse("two packages of one name claim one target", field, package.target_mask)
        claimed[package.name] = before | package.target_mask
    for package in packages:
        for dependency in package.dependencies:
            if not dependency.marker and package.target_mask & ~claimed.get(dependency.name, 0):
                field = f"packages[{package.name} {package.version}].dependencies"
                raise _refuse("nothing in the lock answers to a dependency", field, dependency.name)
