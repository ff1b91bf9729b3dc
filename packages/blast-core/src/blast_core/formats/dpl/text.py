"""A lock as people and scripts read it: ``blast lock show``, git's textconv, and ``--json``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blast_core.formats.dpl.model import LockedDependency, LockedPackage, LockedSource
    from blast_core.formats.dpl.reader import DplLockFile

__all__ = ["show_json", "show_text"]

# More targets than these are told by a marker.
_MOST_NAMES = 3


def show_text(lock: DplLockFile, name: str | None = None) -> str:
    """Return the lock, or one package of it, as text with one fact per line, so that two texts can be compared.

    Args:
        lock: open.
        name: normalised name of the only package to show; the text is empty when the lock does not hold it.
    """
    packages = _chosen(lock, name)
    lines = [] if name is not None else [*_head_lines(lock)]
    targets = _TargetWords(lock)
    for package in packages:
        lines += _package_lines(package, lock, targets)
    return "".join(f"{line}\n" for line in lines)


def show_json(lock: DplLockFile, name: str | None = None) -> dict[str, object]:
    """Return the same facts as values for JSON; hashes in hexadecimal, masks as lists of names.

    Args:
        lock: open.
        name: normalised name of the only package to show.
    """
    return {
        "format": "DPL1",
        "input_hash": lock.input_hash.hex(),
        "text_hash": lock.text_hash.hex(),
        "requires_python": lock.requires_python,
        "groups": list(lock.groups),
        "indexes": list(lock.indexes),
        "targets": [target._asdict() | {"markers": dict(target.markers)} for target in lock.targets],
        "packages": [_package_json(package, lock) for package in _chosen(lock, name)],
    }


def _chosen(lock: DplLockFile, name: str | None) -> list[LockedPackage]:
    if name is None:
        return list(lock.packages())
    return [entry.to_package() for entry in lock.find(name)]


def _named(mask: int, names: Iterable[str]) -> list[str]:
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


class _TargetWords:
    """Says on which targets a package is: by a marker where many are meant and one tells them."""

    def __init__(self, lock: DplLockFile) -> None:
        from blast_core.marker_masks import MarkerWriter

        targets = lock.targets
        self._names = [target.name for target in targets]
        self._writer = MarkerWriter([dict(target.markers) for target in targets])

    def describe(self, mask: int) -> str:
        """Return the targets of a mask in words; "" for all of several."""
        names = _named(mask, self._names)
        if len(names) == len(self._names) > 1:
            return ""
        marker = self._writer.write(mask) if len(names) > _MOST_NAMES else None
        return marker or ", ".join(names)


def _head_lines(lock: DplLockFile) -> Iterator[str]:
    yield "lock format DPL1"
    yield f"input hash {lock.input_hash.hex()}"
    yield f"text hash {lock.text_hash.hex()}"
    if lock.requires_python:
        yield f"requires python {lock.requires_python}"
    yield f"groups {', '.join(lock.groups)}"
    yield f"indexes {', '.join(lock.indexes)}"
    for target in lock.targets:
        yield f"target {target.name}: Python {target.python_version} on {target.platform}"


def _package_lines(package: LockedPackage, lock: DplLockFile, targets: _TargetWords) -> Iterator[str]:
    yield ""
    yield f"{package.name} {package.version}".rstrip()
    yield f"  from {_source_text(package.source)}"
    if package.requires_python:
        yield f"  requires python {package.requires_python}"
    yield f"  groups {', '.join(_named(package.group_mask, lock.groups))}"
    if words := targets.describe(package.target_mask):
        yield f"  targets {words}"
    for dependency in package.dependencies:
        yield f"  needs {_dependency_text(dependency)}"
    for extra, needs in package.extras:
        for dependency in needs:
            yield f"  needs with [{extra}] {_dependency_text(dependency)}"
    for file in package.files:
        yield f"  file {file.filename} {file.size} sha256:{file.sha256}"


def _source_text(source: LockedSource) -> str:
    parts = [source.kind, source.location]
    if source.revision:
        parts.append(f"at {source.revision}")
    if source.subdirectory:
        parts.append(f"in {source.subdirectory}")
    if source.digest:
        parts.append(f"sha256:{source.digest}")
    return " ".join(part for part in parts if part)


def _dependency_text(dependency: LockedDependency) -> str:
    extras = f"[{','.join(dependency.extras)}]" if dependency.extras else ""
    marker = f"; {dependency.marker}" if dependency.marker else ""
    return f"{dependency.name}{extras}{dependency.specifier}{marker}"


def _package_json(package: LockedPackage, lock: DplLockFile) -> dict[str, object]:
    return {
        "name": package.name,
        "version": package.version,
        "source": package.source._asdict(),
        "requires_python": package.requires_python,
        "groups": _named(package.group_mask, lock.groups),
        "targets": _named(package.target_mask, (target.name for target in lock.targets)),
        "dependencies": [_dependency_text(dependency) for dependency in package.dependencies],
        "extras": {extra: [_dependency_text(need) for need in needs] for extra, needs in package.extras},
        "files": [file._asdict() for file in package.files],
    }
