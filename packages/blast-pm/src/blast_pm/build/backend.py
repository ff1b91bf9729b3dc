"""Calls a project's build backend in an environment that the caller composes.

Spec: PEP 517 (hooks), PEP 518 (requirements), PEP 660 (editable).
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import BuildFailed, InvalidManifest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyproject_hooks

    Say = Callable[[str], None]

__all__ = ["BuildSystem", "build_sdist", "build_wheel", "prepare_metadata", "read_build_system"]

_LAST_LINES = 15
# Bytes that are read at once, and in a line at the most; of a line in an error so many characters are shown.
_PIECE = 64 << 10
_SHOWN = 400
# Seconds between looks whether a silent backend still lives, and for which a dead one is listened to.
_LISTEN_S = 0.1
_ECHO_S = 1.0
# What is built, with the article that belongs to it.
_WHEEL, _EDITABLE, _SDIST = "a wheel", "an editable", "a source distribution"


class BuildSystem(NamedTuple):
    """The ``[build-system]`` table; the defaults of PEP 517 where a source tree has none."""

    requires: tuple[str, ...] = ("setuptools>=40.8.0",)
    backend: str = "setuptools.build_meta:__legacy__"
    backend_path: tuple[str, ...] = ()


def read_build_system(directory: str) -> BuildSystem:
    """Return the build system of a source tree.

    Raises:
        InvalidManifest: pyproject.toml is no TOML or its table is wrong.
        BuildFailed: the directory is no source tree.
    """
    import tomllib

    path = os.path.join(directory, "pyproject.toml")
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        if os.path.exists(os.path.join(directory, "setup.py")):
            return BuildSystem()
        raise BuildFailed(f"{directory} can't be built", reason="it has neither pyproject.toml nor setup.py") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidManifest(f"{path} is no TOML", reason=str(error)) from error
    table = document.get("build-system")
    if table is None:
        return BuildSystem()
    if not isinstance(table, dict) or not _is_text_list(table.get("requires")):
        raise InvalidManifest(f"{path}: build-system.requires must be a list of requirements")
    backend = table.get("build-backend", BuildSystem().backend)
    places = table.get("backend-path", [])
    if not _is_text_list(places) or not all(_is_inside(place, directory) for place in places):
        raise InvalidManifest(
            f"{path}: build-system.backend-path must be a list of directories in the source tree",
            reason="a backend from elsewhere is not the project's own (PEP 517)",
        )
    return BuildSystem(tuple(table["requires"]), str(backend), tuple(places))


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_inside(place: str, directory: str) -> bool:
    root = os.path.realpath(directory)
    return os.path.commonpath([root, os.path.realpath(os.path.join(root, place))]) == root


def build_wheel(
    directory: str,
    output: str,
    compose: Callable[[Sequence[str]], str],
    *,
    editable: bool = False,
    variables: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
    say: Say | None = None,
) -> str:
    """Build a wheel from the source tree ``directory`` into ``output`` and return its path.

    Args:
        directory: the source tree.
        output: an existing directory.
        compose: makes an environment with these requirements and returns the path of its interpreter.
        editable: build the editable wheel of PEP 660.
        variables: set for the backend beside those of the environment.
        settings: the backend's own ``config_settings``.
        say: is given each line that the backend prints, at once.

    Raises:
        BuildFailed: the backend failed, or has no such hook; the reason holds its last lines.
    """
    kind = _EDITABLE if editable else _WHEEL
    backend = _Backend(directory, compose, variables or {}, dict(settings or {}), kind, say)
    with backend.explaining("can't build"):
        hooks = backend.hooks()
        name = (hooks.build_editable if editable else hooks.build_wheel)(output, backend.settings)
    return backend.result(output, str(name))


def build_sdist(
    directory: str,
    output: str,
    compose: Callable[[Sequence[str]], str],
    *,
    variables: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
    say: Say | None = None,
) -> str:
    """Build a source distribution from the source tree ``directory`` into ``output`` and return its path.

    Args and errors: as ``build_wheel``.
    """
    backend = _Backend(directory, compose, variables or {}, dict(settings or {}), _SDIST, say)
    with backend.explaining("can't build"):
        hooks = backend.hooks()
        try:
            name = hooks.build_sdist(output, backend.settings)
        except backend.unsupported as error:
            raise BuildFailed(
                f"{directory}: no source distribution can be built",
                reason=f"the build backend says so: {error}",
                hint="'--wheel' builds the wheel alone",
            ) from error
    return backend.result(output, str(name))


def prepare_metadata(
    directory: str,
    output: str,
    compose: Callable[[Sequence[str]], str],
    *,
    editable: bool = False,
    variables: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> bytes | None:
    """Return the METADATA of a source tree as its backend tells it without a build; None where it can't.

    Args and errors: as ``build_wheel``.
    """
    kind = _EDITABLE if editable else _WHEEL
    backend = _Backend(directory, compose, variables or {}, dict(settings or {}), kind)
    with backend.explaining("can't tell the metadata of"):
        hooks = backend.hooks()
        prepare = hooks.prepare_metadata_for_build_editable if editable else hooks.prepare_metadata_for_build_wheel
        try:
            name = prepare(output, backend.settings, _allow_fallback=False)
        except backend.missing:
            return None
    with open(os.path.join(output, str(name), "METADATA"), "rb") as file:
        return file.read()


class _Backend:
    """One build backend, called for one source tree."""

    def __init__(
        self,
        directory: str,
        compose: Callable[[Sequence[str]], str],
        variables: Mapping[str, str],
        settings: dict[str, object],
        kind: str,
        say: Say | None = None,
    ) -> None:
        import pyproject_hooks

        self._directory = directory
        self._compose = compose
        self._variables = variables
        self._kind = kind
        self._say = say
        self._said: deque[str] = deque(maxlen=2 * _LAST_LINES)
        self._system = read_build_system(directory)
        self.settings = settings or None
        self.missing = pyproject_hooks.HookMissing
        self.unsupported = pyproject_hooks.UnsupportedOperation

    def hooks(self) -> pyproject_hooks.BuildBackendHookCaller:
        """Return the hooks, in an environment with all that the backend asks for."""
        requires = self._system.requires
        hooks = self._caller(self._compose(requires))
        ask = {
            _WHEEL: hooks.get_requires_for_build_wheel,
            _EDITABLE: hooks.get_requires_for_build_editable,
            _SDIST: hooks.get_requires_for_build_sdist,
        }[self._kind]
        more = ask(self.settings)
        return self._caller(self._compose((*requires, *more))) if more else hooks

    def result(self, output: str, name: str) -> str:
        """Return the path of what a hook says that it built.

        Raises:
            BuildFailed: it lies elsewhere or nowhere.
        """
        path = os.path.join(output, name)
        if os.path.basename(name) != name or not os.path.isfile(path):
            raise BuildFailed(
                f"{self._directory}: the build backend {self._system.backend} built nothing",
                reason=f"it names the file {name!r}, which is not there",
                hint="report it to the backend's maintainers",
            )
        return path

    @contextmanager
    def explaining(self, failed: str) -> Iterator[None]:
        """Turn what hooks raise into BuildFailed."""
        import warnings

        import pyproject_hooks

        try:
            with warnings.catch_warnings():
                # A backend's own warnings are raised again here; they are for whoever maintains the source tree.
                warnings.simplefilter("ignore")
                yield
        except pyproject_hooks.HookMissing as error:
            raise BuildFailed(
                f"{self._directory}: the build backend {self._system.backend} {failed} {self._kind}",
                reason=f"it has no hook {error.hook_name}",
                hint=f"choose a backend that supports PEP {660 if self._kind == _EDITABLE else 517}",
            ) from error
        except (pyproject_hooks.BackendUnavailable, _BackendFailed) as error:
            last = "\n".join(map(_plain, "".join(self._said).strip().splitlines()[-_LAST_LINES:]))
            raise BuildFailed(
                f"{self._directory}: building {self._kind} failed",
                reason=last or str(error),
                hint=f"the backend is {self._system.backend}; its last lines stand above",
            ) from error

    def _caller(self, python: str) -> pyproject_hooks.BuildBackendHookCaller:
        import pyproject_hooks

        system = self._system
        return pyproject_hooks.BuildBackendHookCaller(
            self._directory,
            system.backend,
            system.backend_path or None,
            runner=self._run,
            python_executable=python,
        )

    def _run(self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        _run(cmd, cwd, {**os.environ, **self._variables, **(extra_environ or {})}, self._hear)

    def _hear(self, line: str) -> None:
        self._said.append(line)
        if self._say is not None:
            self._say(line)


class _BackendFailed(Exception):
    """The backend's process ended with an error."""


def _run(command: Sequence[str], cwd: str | None, variables: Mapping[str, str], hear: Say) -> None:
    import subprocess

    with subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        for line in _iter_lines(_iter_pieces(process, process.stdout.fileno())):
            hear(line)
    if process.returncode != 0:
        raise _BackendFailed(f"exit status {process.returncode}")


def _iter_pieces(process: subprocess.Popen[bytes], output: int) -> Iterator[bytes]:
    """Yield what the process says until it ends, though programs that it left behind may hold its output open."""
    import select
    import time

    until = 0.0
    while True:
        if os.name != "nt":
            heard = select.select([output], [], [], _LISTEN_S)[0]
            if process.poll() is not None:
                until = until or time.monotonic() + _ECHO_S
                if not heard or time.monotonic() > until:
                    return
            elif not heard:
                continue
        piece = os.read(output, _PIECE)
        if not piece:
            return
        yield piece


def _iter_lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yield lines, the longest cut in parts."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r") + "\n"
        if len(rest) > _PIECE:
            yield rest.decode("utf-8", "replace") + "\n"
            rest = b""
    if rest:
        yield rest.decode("utf-8", "replace")


def _plain(line: str) -> str:
    """Return a line of somebody else's without what a terminal would obey."""
    import re

    bare = re.sub(r"\x1b\[[0-9;]*m", "", line)[:_SHOWN]
    return "".join([sign if sign.isprintable() or sign == "\t" else "\N{REPLACEMENT CHARACTER}" for sign in bare])
