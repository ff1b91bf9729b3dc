"""The input hash: a digest of all that a resolution depends on, so that a lock can tell whether it is current.

Nothing of the machine is in it: where a lock is made, and by which Python, must not matter.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.project import Project

__all__ = ["input_hash", "surroundings_hash"]

# Raised when the same inputs may give another lock: a change of the resolver's policy, of what a lock holds, or of the
# tables of platforms and Pythons.
_POLICY = 2

# Of an index its name counts and who is asked for what, but not its address: a lock is the same through a mirror.
_INDEX = ("name", "default", "explicit")


def input_hash(project: Project, targets: Sequence[str] = (), policy: str = "") -> bytes:
    """Return the 32 bytes of BLAKE3 over the canonical form of the project's inputs.

    Args:
        project: whose manifest counts.
        targets: names of the targets to lock for, as options or the manifest give them; () for the default ones.
        policy: stands for all wishes about versions and files, see ``blast_project.policy.Policy.key``.
    """
    manifest = project.manifest
    return _hash(
        [
            *_surroundings(project, targets, policy),
            ("name", project.name),
            ("version", manifest.version or ""),
            ("package", project.is_package),
            ("requirements", sorted((row.group, tuple(row.requirement)) for row in project.requirements())),
            ("groups", project.groups),
            ("includes", sorted(manifest.included_groups.items()) if manifest.conflicts else ()),
            ("files", _other_files(project)),
        ]
    )


def surroundings_hash(project: Project, targets: Sequence[str], policy: str, *others: object) -> bytes:
    """Return a hash of the inputs that say for whom and by which rules is resolved, but not what is asked for.

    Args:
        project: as for ``input_hash``.
        targets: as for ``input_hash``.
        policy: as for ``input_hash``.
        others: what counts besides; values whose ``repr`` tells them apart.
    """
    return _hash([*_surroundings(project, targets, policy), *others])


def _surroundings(project: Project, targets: Sequence[str], policy: str) -> list[tuple[str, object]]:
    manifest = project.manifest
    return [
        ("policy", _POLICY),
        ("requires-python", manifest.requires_python or ""),
        ("targets", tuple(targets)),
        ("conflicts", manifest.conflicts),
        ("wishes", policy),
        ("sources", sorted((name, repr(source)) for name, source in manifest.sources.items())),
        ("indexes", [tuple(str(index.get(key, "")) for key in _INDEX) for index in manifest.tool.get("index", [])]),
    ]


def _hash(parts: list[object]) -> bytes:
    from blake3 import blake3

    return bytes(blake3(repr(parts).encode("utf-8", "surrogateescape")).digest())


def _other_files(project: Project) -> object:
    """Return what members of the workspace, directories and archives of this machine tell; () without any."""
    if not project.reads_other_files:
        return ()
    from blast_project.local_inputs import local_inputs

    return local_inputs(project, (row.requirement for row in project.requirements()))
