"""Rule 3 of folding, after the fact: bytecode for modules in real directories of an environment that stands already.

A folded directory shows what the store compiles the moment it is there. A real one needs a link per pyc. Those that the
store has when an environment is composed are linked then; those that it compiles afterwards, by this module.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_pm.install.link import Counts, Placer, parse_modes
from blast_pm.install.merge import Member, Places, merge_plans
from blast_pm.install.plan import read_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution

__all__ = ["link_bytecode"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_CACHE = "__pycache__"


def link_bytecode(
    destination: str, interpreter: Interpreter, distributions: Sequence[StoredDistribution], link_mode: str
) -> int:
    """Link or copy the store's pycs of modules in real directories, where there are none; return how many.

    Modules that are no longer there are passed over, and so are pycs: that of a module which another tool replaced has
    the hash of another source, and no Python uses it.

    Args:
        destination: absolute path of the environment's tree.
        interpreter: whose bytecode.
        distributions: those that the environment was composed from.
        link_mode: in which it was, as `blast_pm.install.link.parse_modes` reads it.

    Raises:
        OSError: the environment can't be written, or is gone.
    """
    members = [Member(row.name, row.tree, read_plan(row.plan)) for row in sorted(distributions)]
    mode, packages = parse_modes(link_mode)
    modes = [packages.get(member.name, mode) for member in members]
    real = frozenset(owner for owner, one in enumerate(modes) if one != "fold")
    places = Places.of(interpreter)
    tree = merge_plans(members, places, fold=len(real) < len(members), allow_overwrite=True, real=real)
    counts = Counts()
    placers = {one: Placer(destination, one, counts) for one in sorted({*modes})}
    suffix = f".{interpreter.cache_tag}.pyc"
    for path, parts in tree.directories.items():
        for part in parts:
            wanted = {name[:-3] + suffix: name for name in part.files if name.endswith(".py")}
            if wanted:
                owner = members[part.owner].tree
                source = f"{owner}/{part.source}" if part.source else owner
                _link(placers[modes[part.owner]], source, destination, path, wanted)
    return counts.hardlinks + counts.symlinks + counts.copies


def _link(placer: Placer, source: str, destination: str, path: str, wanted: dict[str, str]) -> None:
    here = f"{destination}/{path}" if path else destination
    cache = f"{here}/{_CACHE}"
    there = wanted.keys() & _names(f"{source}/{_CACHE}")
    there -= _names(cache)
    present = _names(here)
    names = sorted(pyc for pyc in there if wanted[pyc] in present)
    if not names:
        return
    if _CACHE not in present:
        try:
            fs.make_directory(cache)
        except FileExistsError:
            # Python was quicker.
            pass
    prefix = f"{path}/{_CACHE}/" if path else f"{_CACHE}/"
    # As `compose` does: where a system opens no directories, paths alone are used.
    fd = os.open(cache, _DIRECTORY) if os.open in os.supports_dir_fd else None
    try:
        for name in names:
            try:
                placer.files((name,), f"{source}/{_CACHE}/", fd, prefix, own=False)
            except FileExistsError:
                # Python or another tool was quicker.
                continue
    finally:
        if fd is not None:
            os.close(fd)


def _names(directory: str) -> set[str]:
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()
