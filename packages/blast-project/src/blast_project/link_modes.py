"""How files reach an environment, as the manifest says it: ``link-mode``, and ``link-mode-package`` by distribution."""

from __future__ import annotations

from blast_core.errors import InvalidManifest
from blast_core.names import normalize_name
from blast_project.settings import LINK_MODES, settle_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["manifest_modes"]


def manifest_modes(tool: Mapping[str, Any]) -> str:
    """Return what ``[tool.blast]`` says of link modes, as `blast_pm.install.link.parse_modes` reads it; "" for nothing.

    Raises:
        InvalidManifest: there is no such mode, or the setting is of another type.
    """
    if "link-mode" not in tool and "link-mode-package" not in tool:
        return ""
    from blast_pm.install.link import format_modes

    mode, packages = tool.get("link-mode", "auto"), tool.get("link-mode-package", {})
    if not isinstance(packages, dict):
        raise InvalidManifest("link-mode-package must be a table of link modes", reason="it stands in [tool.blast]")
    for one in (mode, *packages.values()):
        if one not in LINK_MODES:
            raise InvalidManifest(
                f"there is no link mode {one!r}",
                reason="[tool.blast] asks for it",
                hint=f"the link modes are {', '.join(LINK_MODES)}",
            )
    by_name = {normalize_name(str(name)): settle_mode(other) for name, other in packages.items()}
    return format_modes(settle_mode(mode), by_name)
