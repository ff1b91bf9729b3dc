"""The start of a program in memory: its line, its variables, and what it inherits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.in_memory.image import ImageBuilder, memory_file
from blast_project.in_memory.session import find_stored
from blast_project.in_memory.sharing import Built, Sharing, image_key
from blast_project.in_memory.wheels import add_wheels
from blast_project.in_memory.wishes import find_wishes
from blast_runtime.memory.children import BIN, script_line
from blast_runtime.memory.codes import SIZE, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from blast_core.interpreter import Interpreter
    from blast_pm.store.rows import StoredDistribution
    from blast_project.in_memory.image import Image
    from blast_project.in_memory.wishes import Wishes
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.starting import RunOptions

__all__ = ["Launch", "become", "prepare_launch"]

_OLDEST = (3, 9)
_RUN_PATH = "import sys, runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"


class Launch(NamedTuple):
    """What to execute.

    Attributes:
        line: the program with its arguments.
        variables: of the program.
        image: what it inherits.
        codes: descriptor of the memory file by which its processes share what they compile.
        limit: how many descriptors it may have beside these.
    """

    line: tuple[str, ...]
    variables: dict[str, str]
    image: Image
    codes: int
    limit: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All that the program inherits."""
        return (*self.image.descriptors, self.codes)


def prepare_launch(
    session: Session, options: RunOptions, script: str = "", text: str = "", *, sharing: Sharing | None = None
) -> Launch:
    """Bring everything that a run needs into memory; no file is made.

    Args:
        session: a `blast_project.in_memory.session.MemorySession`.
        options: of the run.
        script: absolute path of a script with metadata; "" for none.
        text: of that script, where its file has none.
        sharing: with other runs; None for none.

    Raises:
        UsageError: there is no such command, or this system has no memory files.
        InstallError: something can't be run from memory; ``spill`` among its details tells that a file system would do.
        NoSolution, IndexAccessError, IntegrityError: as a run does.
    """
    if not hasattr(os, "memfd_create"):
        raise UsageError(
            "--in-memory needs Linux",
            reason="this system has no files in memory that can be handed to a program",
            hint="'blast run --isolated' makes an environment of its own",
        )
    limit = _lift_limit()
    wishes = find_wishes(session, options, script, text)
    _check_interpreter(wishes.interpreter)
    sharing = sharing or Sharing(None, session.reporter)
    stored = find_stored(session, [row.sha256 for row in wishes.files])
    if sharing.is_on:
        key = image_key(wishes.interpreter, _parts_of(wishes, stored))
        built = sharing.image(key, lambda: _build(session, wishes, stored, sharing))
    else:
        built = _build(session, wishes, stored, sharing)
    codes = _make_codes()
    variables = {**_variables(session, wishes, options, built.image), VARIABLE: str(codes)}
    python = wishes.interpreter.executable
    # A script's words are what follows its interpreter.
    words = ("python", *options.words) if script else options.words
    line = _line(python, words, built.programs, variables.get("PATH", ""))
    return Launch(tuple(line), variables, built.image, codes, limit)


def _build(session: Session, wishes: Wishes, stored: Mapping[str, StoredDistribution], sharing: Sharing) -> Built:
    builder = ImageBuilder(wishes.interpreter)
    missing = [row for row in wishes.files if row.sha256 not in stored]
    if missing:
        session.reporter.step(f"Fetching {len(missing)} of {len(wishes.files)} packages into memory")
    add_wheels(session, missing, builder, sharing)
    builder.add_all_stored(list(stored.values()))
    if wishes.project is not None:
        _add_project(builder, wishes.project)
    image = builder.finish()
    return Built(image, builder.programs())


def _parts_of(wishes: Wishes, stored: Mapping[str, StoredDistribution]) -> list[str]:
    """Return all that decides what is in an image: each distribution, from where, and what projects add."""
    parts = [stored[row.sha256].tree if row.sha256 in stored else row.sha256 for row in wishes.files]
    for member in _members(wishes.project) if wishes.project is not None else ():
        manifest = member.manifest
        parts += [member.root, manifest.name or "", manifest.version or "", str(member.is_package)]
        source = os.path.join(member.root, "src")
        parts += [_entry_points(member), str(os.path.isdir(source)), str(os.path.isfile(f"{source}/__init__.py"))]
    return parts


def become(launch: Launch) -> NoReturn:
    """Become the program. It inherits the descriptors; nothing else of this process is left."""
    from blast_project.running import replace_process

    _make_room(launch.limit, max(launch.descriptors) + 1)
    for descriptor in launch.descriptors:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the function has no name for it
    replace_process(launch.line, launch.variables)


def _check_interpreter(interpreter: Interpreter) -> None:
    version = tuple(int(part) for part in interpreter.version.split(".")[:2])
    if interpreter.implementation != "cpython" or version < _OLDEST:
        raise UsageError(
            f"{interpreter.executable} can't import from memory",
            reason=f"it is {interpreter.implementation} {interpreter.version}; CPython 3.9 or newer can",
            hint="'-p 3.12' names another one",
        )


def _make_codes() -> int:
    """Return the descriptor of an empty file of shared code objects; its size stays, so that no map of it can break."""
    import fcntl

    descriptor = memory_file("blast-codes")
    os.ftruncate(descriptor, SIZE)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return descriptor


def _lift_limit() -> int:
    """Let this process have as many descriptors as it may, and return how many it had."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


def _make_room(before: int, highest: int) -> None:
    """Let the program have as many descriptors of its own as it is used to, beside ours."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = before if before == resource.RLIM_INFINITY else before + highest
    limit = hard if wanted == resource.RLIM_INFINITY else wanted
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _add_project(builder: ImageBuilder, project: Project) -> None:
    """Add what belongs to the projects themselves: their sources are imported from where they are."""
    for member in _members(project):
        if not member.is_package:
            _add_flat_package(builder, member)
            continue
        source = os.path.join(member.root, "src")
        place = source if os.path.isdir(source) else member.root
        stem = f"{member.name.replace('-', '_')}-{member.manifest.version or '0'}.dist-info"
        builder.add_path(f"__blast_{member.name}.pth", place)
        metadata = f"Metadata-Version: 2.1\nName: {member.manifest.name}\nVersion: {member.manifest.version or '0'}\n"
        builder.add_file(f"{stem}/METADATA", metadata.encode())
        entries = _entry_points(member)
        if entries:
            builder.add_file(f"{stem}/entry_points.txt", entries.encode())
        for name, reference in {**member.manifest.scripts, **member.manifest.gui_scripts}.items():
            builder.add_program(name, reference.partition("[")[0].strip())


def _add_flat_package(builder: ImageBuilder, project: Project) -> None:
    """Add the package that lies flat in ``src``, by the name of the project's directory, if there is one."""
    name = os.path.basename(project.root).replace("-", "_")
    source = os.path.join(project.root, "src")
    if name.isidentifier() and os.path.isfile(os.path.join(source, "__init__.py")):
        builder.add_link(name, source)


def _members(project: Project) -> list[Project]:
    members = [project]
    if project.workspace is not None:
        members += [
            project._replace(root=os.path.join(project.root, row.path), manifest=row.manifest, workspace=None)
            for row in project.workspace.members
            if row.path not in ("", ".")
        ]
    return members


def _entry_points(project: Project) -> str:
    manifest = project.manifest
    groups: dict[str, Mapping[str, str]] = {
        "console_scripts": manifest.scripts,
        "gui_scripts": manifest.gui_scripts,
        **manifest.entry_points,
    }
    lines = []
    for group, rows in groups.items():
        if rows:
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in rows.items()), ""]
    return "\n".join(lines)


def _variables(session: Session, wishes: Wishes, options: RunOptions, image: Image) -> dict[str, str]:
    from blast_project.env_files import program_variables

    variables = dict(session.settings.program_environ)
    for name in ("PYTHONHOME", "VIRTUAL_ENV"):
        variables.pop(name, None)
    variables = program_variables(
        variables, wishes.root, wishes.tool, options.env_files, use_files=options.use_env_files
    )
    given = variables.get("PYTHONPATH", "")
    variables["PYTHONPATH"] = f"{image.path}{os.pathsep}{given}" if given else image.path
    path = variables.get("PATH", "")
    variables["PATH"] = f"{BIN}{os.pathsep}{path}" if path else BIN
    # Nothing shall be left, not even beside the script.
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    return variables


def _line(python: str, words: Sequence[str], programs: Mapping[str, tuple[str, str]], path: str) -> list[str]:
    """Return what to execute for the words of a command.

    Raises:
        UsageError: there is no such command.
    """
    first = words[0].removeprefix("!")
    if first in {"-m", "-c", "-"} or (first.endswith((".py", ".pyw")) and os.path.isfile(first)):
        return [python, *words]
    if os.path.isdir(first) and os.path.isfile(os.path.join(first, "__main__.py")):
        return [python, *words]
    version = os.path.basename(python).removeprefix("python")
    if first in {"python", "python3", f"python{version}"}:
        return [python, *words[1:]]
    if os.sep in first:
        return [os.path.abspath(first), *words[1:]]
    reference, opened = programs.get(first, ("", ""))
    if reference:
        return [python, "-c", script_line(reference), f"{BIN}/{first}", *words[1:]]
    if opened.startswith(BIN):
        return [python, "-c", _RUN_PATH, opened, *words[1:]]
    if opened:
        return [opened, *words[1:]]
    for place in filter(None, path.split(os.pathsep)):
        candidate = os.path.join(place, first)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return [candidate, *words[1:]]
    raise UsageError(
        f"there is no command '{first}'",
        reason="neither what is in memory nor PATH has it",
        hint=f"'--with' the project that brings it, or run a module with '-m {first}'",
    )
