"""How source trees are built: what ``[tool.blast]`` says to build backends, and who is built without isolation."""

from __future__ import annotations

from blast_core.errors import InvalidManifest
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["BuildOptions", "read_build_options"]

_Settings = tuple[tuple[str, "str | tuple[str, ...]"], ...]


class BuildOptions(NamedTuple):
    """What counts for builds.

    Attributes:
        settings: of every backend (``config-settings``).
        package_settings: of the backends of single projects, by normalised name (``config-settings-package``).
        unisolated: normalised names of the projects that are built in the environment that they are installed into
            (``no-build-isolation-package``).
        all_unisolated: all are (``no-build-isolation``).
    """

    settings: _Settings = ()
    package_settings: tuple[tuple[str, _Settings], ...] = ()
    unisolated: frozenset[str] = frozenset()
    all_unisolated: bool = False

    @property
    def isolates_all(self) -> bool:
        """Whether every project is built in an environment of its own."""
        return not (self.all_unisolated or self.unisolated)

    def settings_for(self, name: str) -> dict[str, object]:
        """Return the settings for the backend of a project."""
        rows = (*self.settings, *dict(self.package_settings).get(name, ()))
        return {key: list(value) if isinstance(value, tuple) else value for key, value in rows}

    def is_isolated(self, name: str) -> bool:
        """Tell whether a project is built in an environment of its own."""
        return not (self.all_unisolated or name in self.unisolated)


def read_build_options(tool: Mapping[str, Any]) -> BuildOptions:
    """Return what ``[tool.blast]`` says of builds.

    Raises:
        InvalidManifest: a setting is of another type.
    """
    packages = tool.get("config-settings-package", {})
    names = tool.get("no-build-isolation-package", [])
    if not isinstance(packages, dict) or not isinstance(names, list):
        raise InvalidManifest(
            "config-settings-package must be a table, no-build-isolation-package an array",
            reason="they stand in [tool.blast]",
        )
    return BuildOptions(
        _settings(tool.get("config-settings", {})),
        tuple(sorted((normalize_name(name), _settings(table)) for name, table in packages.items())),
        frozenset(normalize_name(str(name)) for name in names),
        bool(tool.get("no-build-isolation", False)),
    )


def _settings(table: object) -> _Settings:
    rows: list[tuple[str, str | tuple[str, ...]]] = []
    for key, value in table.items() if isinstance(table, dict) else [("", table)]:
        if isinstance(value, list) and key and all(isinstance(item, str) for item in value):
            rows.append((key, tuple(value)))
        elif isinstance(value, str | bool) and key:
            # Backends know texts only; true is how uv's users write a switch.
            rows.append((key, value if isinstance(value, str) else str(value).lower()))
        else:
            raise InvalidManifest(
                "config-settings in [tool.blast] must be a table of texts, or of arrays of texts",
                reason=f"found {value!r}" + (f" for {key}" if key else ""),
            )
    return tuple(sorted(rows))
