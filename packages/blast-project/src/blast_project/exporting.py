"""``blast export``: a lock, or a part of it, in a form that other tools read.

requirements    pins with markers and hashes, one file for all targets
pylock          PEP 751, without what only Blast reads
dpl             the binary lock of the part
"""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.compile_text import Pin, render_pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from blast_core.formats.dpl.model import Lock, LockedDependency, LockedPackage, LockedSource
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = ["FORMATS", "ExportRequest", "export"]

#: What ``--format`` may say.
FORMATS = ("requirements", "pylock", "dpl")
_LOCAL = ("path", "editable", "workspace")


class ExportRequest(NamedTuple):
    """What is exported, and how.

    Attributes:
        form: one of `FORMATS`.
        selection: the groups and extras.
        targets: names of targets; none for all of the lock's.
        hashes: write the digests of all files.
        annotate: say who asks for each package.
        header: say how the file was made.
        editable: what is editable in the project is so in the file.
        project: write the project itself and the members of its workspace.
        itself: write the package that the command was called in.
        pruned: normalised names that are not written, nor what only they need.
        emit_indexes: write the addresses of the indexes, without credentials.
        title: what the project is called where it asks for something; "" for its name.
        emit_links: write the places of files that count beside the indexes.
        local: write what comes from directories of this machine.
        left_out: normalised names that are not written.
        words: the command's own arguments, for the header.
    """

    form: str
    selection: GroupSelection
    targets: tuple[str, ...] = ()
    hashes: bool = True
    annotate: bool = True
    header: bool = True
    editable: bool = True
    project: bool = True
    local: bool = True
    left_out: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    itself: bool = True
    pruned: frozenset[str] = frozenset()
    emit_indexes: bool = False
    emit_links: bool = False
    title: str = ""


def export(session: Session, project: Project, locked: LockResult, request: ExportRequest) -> bytes:
    """Return the file's content.

    Raises:
        UsageError: a group, an extra or a target is named that the lock has not.
    """
    chosen = _pruned(_part(project, locked.reader().to_lock(), request), request.pruned)
    if not request.itself:
        from blast_project.selection import chosen_members

        own = {member or project.name for member in chosen_members(project, request.selection.members)}
        request = request._replace(left_out=request.left_out | own)
    part = chosen._replace(packages=tuple(row for row in chosen.packages if _is_written(project, row, request)))
    if request.form == "dpl":
        from blast_core.formats.dpl.builder import build_lock

        return build_lock(part)
    if request.form == "pylock":
        return _pylock(session, part, request).encode()
    return _requirements(session, part, _askers(chosen, request.title), request).encode()


def _part(project: Project, lock: Lock, request: ExportRequest) -> Lock:
    """Return the lock of what is chosen, all of it in its one group."""
    from blast_core.formats.dpl.model import canonical_lock
    from blast_project.lock_graph import find_target
    from blast_project.selection import chosen_groups

    groups = chosen_groups(project, lock.groups, request.selection)
    targets = 0
    for name in request.targets:
        targets |= find_target([target.name for target in lock.targets], name)
    targets = targets or (1 << len(lock.targets)) - 1
    names = [group for bit, group in enumerate(lock.groups) if groups >> bit & 1]
    packages = [
        _narrowed(package, targets, names)
        for package in lock.packages
        if package.group_mask & groups and package.target_mask & targets
    ]
    kept = [target for bit, target in enumerate(lock.targets) if targets >> bit & 1]
    return canonical_lock(
        lock._replace(packages=tuple(_merged(packages)), targets=tuple(kept), groups=("default",), text_hash=bytes(32))
    )


def _pruned(lock: Lock, names: frozenset[str]) -> Lock:
    """Return the lock without some packages, and without what nothing else needs then."""
    if not names:
        return lock
    by_name: dict[str, list[LockedPackage]] = {}
    for package in lock.packages:
        by_name.setdefault(package.name, []).append(package)
    asked = {need.name for package in lock.packages for need in _needs(package) if need.name != package.name}
    waiting = [name for name in by_name if name not in asked and name not in names]
    seen = set(waiting)
    while waiting:
        for package in by_name.get(waiting.pop(), ()):
            more = {need.name for need in _needs(package)} - seen - names
            seen |= more
            waiting += more
    return lock._replace(packages=tuple(package for package in lock.packages if package.name in seen))


def _needs(package: LockedPackage) -> Iterator[LockedDependency]:
    yield from package.dependencies
    for _, needs in package.extras:
        yield from needs


def _narrowed(package: LockedPackage, targets: int, groups: Sequence[str]) -> LockedPackage:
    """Return a package for fewer targets; of the project's own groups those that are chosen become its requirements."""
    from blast_project.lock_building import squeeze_mask

    mask = squeeze_mask(package.target_mask & targets, targets)
    if package.source.kind not in ("editable", "workspace"):
        return package._replace(target_mask=mask, group_mask=1)
    prefix = "" if package.source.location == "." else f"package:{package.name}:"
    more = tuple(need for name, needs in package.extras if prefix + _group_of(name) in groups for need in needs)
    needs = tuple(dict.fromkeys((*package.dependencies, *more)))
    return package._replace(target_mask=mask, group_mask=1, dependencies=needs, extras=())


def _group_of(name: str) -> str:
    """Return what the lock calls an extra of the project; dependency groups stand among them under that name."""
    return name if ":" in name else f"extra:{name}"


def _merged(packages: Sequence[LockedPackage]) -> list[LockedPackage]:
    """Return the packages with those put together that only groups had kept apart."""
    found: dict[tuple[object, ...], LockedPackage] = {}
    for package in packages:
        key = (package.name, package.version, package.source, package.dependencies)
        before = found.get(key)
        mask = package.target_mask | (before.target_mask if before is not None else 0)
        found[key] = package._replace(target_mask=mask)
    return list(found.values())


def _is_written(project: Project, package: LockedPackage, request: ExportRequest) -> bool:
    source = package.source
    is_own = source.kind in ("editable", "workspace")
    is_frame = _is_frame(source) or (is_own and source.location == "." and not project.is_package)
    if package.name in request.left_out or is_frame:
        return False
    return (request.project or not is_own) and (request.local or source.kind not in _LOCAL or bool(source.digest))


def _is_frame(source: LockedSource) -> bool:
    """Tell whether it is a project that is no package: there is nothing to install."""
    from blast_project.sources import VIRTUAL

    return source.kind in _LOCAL and source.revision == VIRTUAL


def _pylock(session: Session, lock: Lock, request: ExportRequest) -> str:
    from blast_compat.locks.pylock_writer import write_pylock

    text = write_pylock(lock, lambda file: session.client.url_of(file.index, file.path), is_canonical=True)
    blocks = text.partition("\n[tool.blast]\n")[0].split("\n[[packages]]\n")
    plain = [block.partition("\n[packages.tool.blast")[0].rstrip("\n") + "\n" for block in blocks]
    head = plain[0].partition("\n")[2].rstrip("\n") + "\n"
    comment = f"# Exported by: {_command(request)}\n" if request.header else ""
    return comment + "\n[[packages]]\n".join([head, *plain[1:]])


def _requirements(session: Session, lock: Lock, via: Mapping[str, set[str]], request: ExportRequest) -> str:
    from blast_core.marker_masks import shortest_marker
    from blast_project.compile_request import CompileRequest
    from blast_project.compiling import head_of
    from blast_project.lock_graph import target_of_lock

    targets = [target_of_lock(target) for target in lock.targets]
    everywhere = (1 << len(targets)) - 1
    pins = []
    for package in lock.packages:
        marker = shortest_marker(package.target_mask, targets) if package.target_mask != everywhere else ""
        if package.target_mask != everywhere and not marker:
            raise UsageError(
                f"no marker tells where {package.name} {package.version} is needed",
                reason="groups or extras that exclude each other are in this lock",
                hint="export one side of them, or one target with '--target'",
            )
        source = None if package.source.kind == "registry" else package.source
        pins.append(
            Pin(
                package.name,
                package.version,
                _line(package, editable=request.editable),
                _digests(package, source) if request.hashes else (),
                tuple(sorted(via.get(package.name, ()))),
                marker=marker,
                is_editable=package.source.kind in _LOCAL and not package.source.digest,
            )
        )
    style = CompileRequest(
        (),
        header=request.header,
        annotate=request.annotate,
        command=_command(request),
        emit_index_url=request.emit_indexes,
        emit_find_links=request.emit_links,
    )
    return render_pins(style, pins, head_of(session, style))


def _digests(package: LockedPackage, source: LockedSource | None) -> tuple[str, ...]:
    if source is not None:
        return (source.digest,) if source.digest else ()
    return tuple(sorted({file.sha256 for file in package.files}))


def _askers(lock: Lock, title: str) -> dict[str, set[str]]:
    """Return by name who asks for it; the project itself by its title, which is that of a script, too."""
    via: dict[str, set[str]] = {}
    for package in lock.packages:
        extras = (need for _, needs in package.extras for need in needs)
        for need in (*package.dependencies, *extras):
            if need.name != package.name:
                is_itself = bool(title) and package.source.location == "."
                via.setdefault(need.name, set()).add(title if is_itself else package.name)
    return via


def _line(package: LockedPackage, *, editable: bool) -> str:
    """Return the line of a package: a version, an address, or a path relative to the project."""
    from blast_project.compile_text import pin_line

    source = package.source
    if source.kind not in _LOCAL:
        return pin_line(package.name, package.version, (), None if source.kind == "registry" else source, None)
    place = os.path.normpath(os.path.join(source.location, source.subdirectory)).replace(os.sep, "/")
    place = place if place.startswith(("/", ".")) else f"./{place}"
    return f"-e {place}" if editable and source.kind != "path" else place


def _command(request: ExportRequest) -> str:
    import shlex

    return shlex.join(("blast", "export", *request.words))
