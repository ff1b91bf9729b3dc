"""Which dependency groups are installed unasked: ``default-groups``, with uv's meaning.

    [tool.blast]
    default-groups = ["dev", "docs"]        # or "all"

Without it the group ``dev`` is, where there is one.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

__all__ = ["read_default_groups"]

_KEY = "default-groups"


def read_default_groups(
    blast: Mapping[str, Any], uv: Mapping[str, Any], groups: Collection[str] | None
) -> dict[str, Any]:
    """Return the setting as it belongs into the settings of a manifest, names normalised; empty where nothing says it.

    Args:
        blast: the table ``[tool.blast]``.
        uv: the table ``[tool.uv]``, which counts where the first has no such setting.
        groups: normalised names of the groups that there are; None where others than this manifest's may be meant.

    Raises:
        Fault: it is neither an array of texts nor ``"all"``, or names a group that isn't there.
    """
    owner = "blast" if _KEY in blast else "uv"
    table = blast if _KEY in blast else uv
    if _KEY not in table:
        return {}
    value, keys = table[_KEY], ("tool", owner, _KEY)
    if value == "all":
        return {_KEY: "all"}
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Fault(keys, f'{".".join(keys)} must be an array of texts, or "all"', reason=f"found {value!r}")
    for name in value:
        # A project without the group 'dev' may say that it has it unasked, as it does without saying so.
        if groups is not None and normalize_name(name) not in {*groups, "dev"}:
            raise Fault(
                keys,
                f"{'.'.join(keys)} names the group '{name}', which isn't there",
                name,
                reason=f"[dependency-groups] has {', '.join(sorted(groups)) or 'none'}",
                hint="declare it, or leave it out",
            )
    return {_KEY: [normalize_name(name) for name in value]}
