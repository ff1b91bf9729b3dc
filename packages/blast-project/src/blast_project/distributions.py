"""Distributions for others: the source distribution and the wheel of a source tree, as ``blast build`` writes them.

The wheel is built from the source distribution, as whoever installs from source will do: a file that the archive lacks
shows here. Both have to pass the front door that all archives pass; then they are renamed into the output directory,
so that no half archive ever lies there.

Spec: PEP 517, PEP 625 (names of source distributions), PEP 427 (wheels).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core import fs
from blast_core.errors import ArchiveRejected, BuildFailed, UsageError
from blast_core.names import normalize_name
from blast_project.exclusive import sweep_temporaries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session

__all__ = ["BuildRequest", "Built", "SourceTree", "build_distributions", "clear_output"]

_ARCHIVES = (".tar.gz", ".zip")


class SourceTree(NamedTuple):
    """What is built: a directory or a source distribution, and the project's name for messages ("" if unknown)."""

    path: str
    name: str = ""

    @property
    def is_archive(self) -> bool:
        """Whether it is a source distribution."""
        return self.path.endswith(_ARCHIVES)


class BuildRequest(NamedTuple):
    """How it is built.

    Attributes:
        output: the directory to write to, made if it is missing.
        sdist: write a source distribution.
        wheel: write a wheel; with ``sdist`` from that, unless ``directly``.
        directly: build the wheel from the tree, although there is a source distribution.
        isolated: in an environment of its own rather than in that of the project.
        settings: the backend's ``config_settings``, beside those of the manifest.
        ignore: put a ``.gitignore`` into an output directory that is new.
    """

    output: str
    sdist: bool = True
    wheel: bool = True
    directly: bool = False
    isolated: bool = True
    settings: Mapping[str, object] | None = None
    ignore: bool = True


class Built(NamedTuple):
    """A file that was built: kind is ``sdist`` or ``wheel``, sha256 in hex, size in bytes."""

    path: str
    kind: str
    name: str
    version: str
    size: int
    sha256: str


def build_distributions(
    session: Session, tree: SourceTree, interpreter: Interpreter, request: BuildRequest, say: Callable[[str], None]
) -> tuple[Built, ...]:
    """Build what ``request`` asks for and return it, the source distribution first.

    Args:
        session: services; its settings of builds count.
        tree: what to build.
        interpreter: that runs the build backend.
        request: what and how.
        say: is given each line that the backend prints.

    Raises:
        UsageError: a source distribution can't be made of one.
        BuildFailed: the backend failed, or what it built is not what it says.
        ArchiveRejected, RecordMismatch: what it built would be refused by whoever installs it.
    """
    from blast_core.scratch import scratch_directory

    if tree.is_archive and request.sdist and not request.wheel:
        raise UsageError(f"{tree.path} is a source distribution already", hint="'--wheel' builds its wheel")
    with scratch_directory("dist") as place:
        work = _Work(session, interpreter, request, say, place)
        made = work.from_archive(tree) if tree.is_archive else work.from_directory(tree)
        return _publish(made, request)


class _Work:
    """One build, in a temporary directory."""

    def __init__(
        self, session: Session, interpreter: Interpreter, request: BuildRequest, say: Callable[[str], None], place: str
    ) -> None:
        self._session = session
        self._interpreter = interpreter
        self._request = request
        self._say = say
        self._place = place

    def from_archive(self, tree: SourceTree) -> list[Built]:
        """Build the wheel of a source distribution."""
        directory, sdist = self._unpack(tree.path)
        return [self._wheel(directory, tree.name or normalize_name(sdist.name), sdist)]

    def from_directory(self, tree: SourceTree) -> list[Built]:
        """Build what is asked for from a directory."""
        if not self._request.sdist:
            return [self._wheel(tree.path, tree.name, None)]
        unpacked, sdist = self._unpack(self._sdist(tree))
        if not self._request.wheel:
            return [sdist]
        return [sdist, self._wheel(tree.path if self._request.directly else unpacked, tree.name, sdist)]

    def _sdist(self, tree: SourceTree) -> str:
        from blast_pm.build.backend import build_sdist
        from blast_pm.build.reproducible import normalize_sdist, source_date

        moment = source_date(self._session.settings.environ)
        self._session.reporter.step(f"Building the source distribution of {_called(tree)}")
        path = build_sdist(
            tree.path,
            self._made("sdist"),
            self._composer(tree.path, tree.name),
            settings=self._settings(tree.name),
            say=self._say,
        )
        if moment is not None and path.endswith(".tar.gz"):
            normalize_sdist(path, moment)
        return path

    def _unpack(self, archive: str) -> tuple[str, Built]:
        """Return the tree of a source distribution, and what it says of itself; who installs it does the same."""
        from blast_pm.build.unpack import unpack_sdist

        try:
            directory = unpack_sdist(archive, self._made("unpacked"))
        except ArchiveRejected as error:
            packed = next((name for name in (".blast", ".venv") if f"/{name}/" in error.reason), "")
            if packed and not error.hint:
                error.hint = f"the backend packs environments: write '{packed}/' into .gitignore, or exclude it there"
            raise
        return directory, _described(archive, "sdist", *_read_pkg_info(archive, directory))

    def _wheel(self, directory: str, name: str, sdist: Built | None) -> Built:
        from blast_core.archive.wheel import read_wheel
        from blast_pm.build.backend import build_wheel

        self._session.reporter.step(f"Building the wheel of {name or os.path.basename(directory)}")
        path = build_wheel(
            directory,
            self._made("wheel"),
            self._composer(directory, name),
            settings=self._settings(name),
            say=self._say,
        )
        wheel = read_wheel(path)
        wheel.close()
        for warning in wheel.warnings:
            self._session.reporter.note(f"{wheel.filename}: {warning}")
        if not wheel.import_names:
            self._session.reporter.note(f"{wheel.filename} holds no module: nothing can be imported from it")
        built = _described(path, "wheel", wheel.name, wheel.version)
        if sdist is not None:
            _check_same(sdist, built)
        return built

    def _made(self, name: str) -> str:
        path = os.path.join(self._place, name)
        os.mkdir(path)
        return path

    def _settings(self, name: str) -> dict[str, object]:
        return {**self._session.build_options.settings_for(normalize_name(name)), **(self._request.settings or {})}

    def _composer(self, directory: str, name: str) -> Callable[[Sequence[str]], str]:
        from blast_project.building import build_composer

        if self._request.isolated:
            return build_composer(self._session, directory, self._interpreter, normalize_name(name))
        python = _standing_python(self._session) or self._interpreter.executable
        return lambda _requirements: python


def _standing_python(session: Session) -> str:
    """Return the interpreter of the project's environment; "" if there is none, or another one was asked for."""
    from blast_project.environment.layout import python_path
    from blast_project.project import environment_path, find_root

    root = find_root(session.settings.directory)
    if root is None or session.settings.python:
        return ""
    python = python_path(environment_path(root, session.settings))
    return python if python and os.path.exists(python) else ""


def clear_output(directory: str, keep: Collection[str] = ()) -> None:
    """Remove the distributions that lie in a directory, and nothing else.

    Args:
        directory: absolute path.
        keep: absolute paths that stay: an archive that is built from may lie there.
    """
    kept = {os.path.realpath(path) for path in keep}
    names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in names:
        path = os.path.join(directory, name)
        is_one = name.endswith((".whl", *_ARCHIVES)) and os.path.isfile(path)
        if is_one and os.path.realpath(path) not in kept:
            fs.unlink(path)


def _called(tree: SourceTree) -> str:
    return tree.name or os.path.basename(tree.path)


def _read_pkg_info(archive: str, directory: str) -> tuple[str, str]:
    from blast_core.archive.headers import parse_headers

    try:
        with open(os.path.join(directory, "PKG-INFO"), "rb") as file:
            headers = parse_headers(file.read())
    except FileNotFoundError:
        raise BuildFailed(
            f"{os.path.basename(archive)} has no PKG-INFO",
            reason="a source distribution says there what it is",
            hint="the build backend is too old, or the file is no source distribution",
        ) from None
    return headers.get("name"), headers.get("version")


def _described(path: str, kind: str, name: str, version: str) -> Built:
    from blast_core.digests import sha256_file

    return Built(path, kind, name, version, os.path.getsize(path), sha256_file(path).hex())


def _check_same(sdist: Built, wheel: Built) -> None:
    """Check that both are the same release.

    Raises:
        BuildFailed: they are not.
    """
    from blast_core.version.keys import version_key

    if normalize_name(sdist.name) != normalize_name(wheel.name) or version_key(sdist.version) != version_key(
        wheel.version
    ):
        raise BuildFailed(
            f"the source distribution is {sdist.name} {sdist.version}, its wheel {wheel.name} {wheel.version}",
            reason="the backend takes the version from something that the source distribution does not hold",
            hint="let the backend write the version into a file of the source distribution",
        )


def _publish(made: Sequence[Built], request: BuildRequest) -> tuple[Built, ...]:
    """Rename what was made into the output directory, all of it complete before the first is to be seen."""
    is_new = not os.path.isdir(request.output)
    fs.make_directories(request.output)
    # Of builds that were killed; another may write the same files at this time.
    sweep_temporaries(request.output)
    pairs = [(fs.temporary_beside(final), final) for final in (_final(built, request) for built in made)]
    try:
        for built, (temporary, _) in zip(made, pairs, strict=True):
            fs.copy_file(built.path, temporary)
    except BaseException:
        for temporary, _ in pairs:
            _forget(temporary)
        raise
    if is_new and request.ignore:
        # Another build may have written it by now.
        fs.replace_file(os.path.join(request.output, ".gitignore"), b"*\n", durable=False)
    for temporary, final in pairs:
        fs.rename(temporary, final)
    return tuple(built._replace(path=final) for built, (_, final) in zip(made, pairs, strict=True))


def _final(built: Built, request: BuildRequest) -> str:
    return os.path.join(request.output, os.path.basename(built.path))


def _forget(path: str) -> None:
    if os.path.lexists(path):
        fs.unlink(path)
