"""The input hash: a digest of all that a resolution depends on, so that a lock can tell whether it is current."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Target
    from blast_project.project import Project

__all__ = ["input_hash"]

# Raised when the same inputs may give another lock: a change of the resolver's policy or of what a lock holds.
_POLICY = 1

# Settings of [tool.blast] that change what is locked.
_SETTINGS = (
    "prerelease",
    "resolution",
    "exclude-newer",
    "constraint-dependencies",
    "override-dependencies",
    "resolver",
    "targets",
)

# Of an index its name counts and who is asked for what, but not its address: a lock is the same through a mirror.
_INDEX = ("name", "default", "explicit")


def input_hash(project: Project, target: Target) -> bytes:
    """Return the 32 bytes of BLAKE3 over the canonical form of the project's inputs for ``target``."""
    from blake3 import blake3

    manifest = project.manifest
    parts: list[tuple[str, object]] = [
        ("policy", _POLICY),
        ("name", project.name),
        ("version", manifest.version or ""),
        ("package", project.is_package),
        ("requires-python", manifest.requires_python or ""),
        ("target", target.name),
        ("implementation", target.marker_environment.get("implementation_name", "")),
        ("requirements", sorted((row.group, tuple(row.requirement)) for row in project.requirements())),
        ("groups", project.groups),
        ("settings", [(key, repr(manifest.tool.get(key))) for key in _SETTINGS]),
        ("sources", sorted((name, repr(source)) for name, source in manifest.sources.items())),
        ("indexes", [tuple(str(index.get(key, "")) for key in _INDEX) for index in manifest.tool.get("index", [])]),
    ]
    return bytes(blake3(repr(parts).encode("utf-8", "surrogateescape")).digest())
