"""Calls a project's build backend in an environment that the caller composes.

Spec: PEP 517 (hooks), PEP 518 (requirements), PEP 660 (editable).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import BuildFailed, InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyproject_hooks

__all__ = ["BuildSystem", "build_wheel", "prepare_metadata", "read_build_system"]

_LAST_LINES = 15


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
) -> str:
    """Build a wheel from the source tree ``directory`` into ``output`` and return its path.

    Args:
        directory: the source tree.
        output: an existing directory.
        compose: makes an environment with these requirements and returns the path of its interpreter.
        editable: build the editable wheel of PEP 660.
        variables: set for the backend beside those of the environment.
        settings: the backend's own ``config_settings``.

    Raises:
        BuildFailed: the backend failed, or has no such hook; the reason holds its last lines.
    """
    backend = _Backend(directory, compose, variables or {}, dict(settings or {}), editable=editable)
    with backend.explaining("can't build"):
        hooks = backend.hooks()
        name = (hooks.build_editable if editable else hooks.build_wheel)(output, backend.settings)
    return os.path.join(output, str(name))


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
    backend = _Backend(directory, compose, variables or {}, dict(settings or {}), editable=editable)
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
        *,
        editable: bool,
    ) -> None:
        import pyproject_hooks

        self._directory = directory
        self._compose = compose
        self._variables = variables
        self._editable = editable
        self._said: list[str] = []
        self._system = read_build_system(directory)
        self.settings = settings or None
        self.missing = pyproject_hooks.HookMissing

    def hooks(self) -> pyproject_hooks.BuildBackendHookCaller:
        """Return the hooks, in an environment with all that the backend asks for."""
        requires = self._system.requires
        hooks = self._caller(self._compose(requires))
        ask = hooks.get_requires_for_build_editable if self._editable else hooks.get_requires_for_build_wheel
        more = ask(self.settings)
        return self._caller(self._compose((*requires, *more))) if more else hooks

    @contextmanager
    def explaining(self, failed: str) -> Iterator[None]:
        """Turn what hooks raise into BuildFailed."""
        import warnings

        import pyproject_hooks

        kind = "editable" if self._editable else "wheel"
        try:
            with warnings.catch_warnings():
                # A backend's own warnings are raised again here; they are for whoever maintains the source tree.
                warnings.simplefilter("ignore")
                yield
        except pyproject_hooks.HookMissing as error:
            raise BuildFailed(
                f"{self._directory}: the build backend {self._system.backend} {failed} an {kind}",
                reason=f"it has no hook {error.hook_name}",
                hint="choose a backend that supports PEP 660",
            ) from error
        except (pyproject_hooks.BackendUnavailable, _BackendFailed) as error:
            last = "\n".join("".join(self._said).strip().splitlines()[-_LAST_LINES:])
            raise BuildFailed(
                f"{self._directory}: building the {kind} failed",
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
        _run(cmd, cwd, {**os.environ, **self._variables, **(extra_environ or {})}, self._said)


class _BackendFailed(Exception):
    """The backend's process ended with an error."""


def _run(command: Sequence[str], cwd: str | None, variables: Mapping[str, str], said: list[str]) -> None:
    import subprocess

    done = subprocess.run(
        list(command),
        cwd=cwd,
        env=dict(variables),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    said.append(done.stdout)
    if done.returncode != 0:
        raise _BackendFailed(f"exit status {done.returncode}")
