"""The limits hang together: each is reachable, and none lets another be passed unseen."""

from __future__ import annotations

from pathlib import Path

from blast_core import limits


def test_every_limit_has_its_reason_beside_it() -> None:
    lines = Path(limits.__file__).read_text(encoding="utf-8").splitlines()
    units = {"KIB", "MIB", "GIB"}
    for number, line in enumerate(lines):
        name = line.partition(":")[0]
        if ": Final =" in line and name not in units:
            block = "\n".join(lines[max(0, number - 4) : number]).rpartition("\n\n")[2]
            assert "# " in block, name


def test_a_path_may_use_its_depth_and_components() -> None:
    assert limits.PATH_COMPONENT_BYTES < limits.PATH_BYTES
    assert limits.PATH_DEPTH * 2 <= limits.PATH_BYTES


def test_all_members_fit_a_containers_index() -> None:
    assert limits.ARCHIVE_MEMBERS <= limits.DPP_ENTRIES
    assert limits.ARCHIVE_MEMBERS * 80 <= limits.DPP_SECTION


def test_memory_of_one_conversion_is_bounded() -> None:
    parts = (limits.ARCHIVE_IN_MEMORY, limits.MEMBER_IN_MEMORY, limits.DPP_IN_MEMORY)
    assert sum(parts) < 150 * limits.MIB
