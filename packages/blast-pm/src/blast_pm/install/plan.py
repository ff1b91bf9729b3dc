"""What composing an environment needs to know of one distribution, found out once, when it enters the store.

A plan is the marshal of a `TreePlan` behind `PLAN_MAGIC`. It never leaves this machine; another magic means that
another version of Blast wrote it, and that it has to be made again.
"""

from __future__ import annotations

import marshal

from blast_core.errors import StoreError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from blast_core.archive.entry_points import EntryPoint
    from blast_core.formats.dpp.layout import DppFile, NativeObject

    class Distribution(Protocol):
        """What a plan is made from: a wheel, or a container."""

        @property
        def name(self) -> str: ...
        @property
        def version(self) -> str: ...
        @property
        def dist_info(self) -> str: ...
        @property
        def import_names(self) -> Sequence[str]: ...
        @property
        def entry_points(self) -> Sequence[EntryPoint]: ...
        @property
        def files(self) -> Sequence[DppFile]: ...
        @property
        def native(self) -> Sequence[NativeObject]: ...
        def read(self, file: DppFile, /) -> bytes | memoryview: ...


__all__ = [
    "HEADERS",
    "PLAN_MAGIC",
    "PREFIX",
    "SITE",
    "Folder",
    "Script",
    "TreePlan",
    "is_current_plan",
    "make_tree_plan",
    "read_listing",
    "read_plan",
]

PLAN_MAGIC = b"BTP1"

# Where a folder goes: below site-packages, below the environment itself, or below the distribution's own headers.
SITE, PREFIX, HEADERS = 0, 1, 2


class Folder(NamedTuple):
    """A directory that is real in the environment, and what of one distribution lies directly in it.

    Attributes:
        scheme: ``SITE``, ``PREFIX`` or ``HEADERS``.
        path: below the scheme's directory, with ``/``; "" for that itself.
        source: below the tree.
        links: names of directories that can be one link each.
        files: names of files.
        copies: names of files that are copied in every mode (rule 6).
    """

    scheme: int
    path: str
    source: str
    links: tuple[str, ...]
    files: tuple[str, ...]
    copies: tuple[str, ...]


class Script(NamedTuple):
    """A program for ``bin``.

    Attributes:
        name: its file name.
        source: path below the tree of what was in ``.data/scripts``; "" for an entry point.
        reference: ``module:object`` of an entry point.
        as_it_is: the source can be linked; otherwise a file is made from it.
    """

    name: str
    source: str
    reference: str
    as_it_is: bool


class TreePlan(NamedTuple):
    """A distribution, as far as composing needs to know it.

    Attributes:
        name: as its metadata spells it.
        version: as in its metadata.
        dist_info: name of the .dist-info directory.
        folders: the directories that are real in a folded environment, parents first, all schemes.
        scripts: programs for ``bin``, by name.
        import_names: for a ``top_level.txt``, () if the wheel has one.
        startup: files that run whenever the environment's Python starts, as paths below site-packages.
        origins: of each directory with native code: (scheme, path, what its ``$ORIGIN`` entries lead to); rule 4.
        native: (scheme, path) of every directory with native code.
        has_headers: some file has the scheme ``headers``.
        listing: marshal of every directory with all of its files, for hard links and unfolding; see `read_listing`.
    """

    name: str
    version: str
    dist_info: str
    folders: tuple[Folder, ...]
    scripts: tuple[Script, ...]
    import_names: tuple[str, ...]
    startup: tuple[str, ...]
    origins: tuple[tuple[int, str, tuple[str, ...]], ...]
    native: tuple[tuple[int, str], ...]
    has_headers: bool
    listing: bytes


def is_current_plan(plan: bytes) -> bool:
    """Tell whether this version of Blast wrote a plan; one that it did not has to be made again from the wheel."""
    return plan[:4] == PLAN_MAGIC


def read_plan(plan: bytes) -> TreePlan:
    """Return the plan that `make_tree_plan` wrote; its folders and scripts are plain tuples.

    Raises:
        StoreError: another version of Blast wrote it, or it is damaged.
    """
    try:
        if is_current_plan(plan):
            return TreePlan._make(marshal.loads(memoryview(plan)[4:]))  # noqa: S302 - this machine's own, see the module
    except (ValueError, EOFError, TypeError, MemoryError):
        pass
    raise StoreError(
        "the store's notes on a distribution can't be read",
        reason="another version of Blast wrote them, or they are damaged",
        hint="'blast cache verify' finds what is damaged",
    )


def read_listing(plan: TreePlan) -> tuple[tuple[int, str, str, tuple[str, ...]], ...]:
    """Return (scheme, path, source, files) of every directory, parents first; a directory can have two sources."""
    listing: tuple[tuple[int, str, str, tuple[str, ...]], ...] = marshal.loads(plan.listing)  # noqa: S302 - as above
    return listing


def make_tree_plan(dpp: Distribution) -> bytes:
    """Make the plan of a distribution: once, when it enters the store.

    Args:
        dpp: its wheel or container; only small files are read from it: scripts and ``.pth``.

    Raises:
        PathEscape: a path would leave its scheme.
        FileConflict: two of its files have one destination.

    Cost: O(files); about 1 ms for 1,000 files.
    """
    from blast_pm.install.origins import native_directories, origin_targets
    from blast_pm.install.planning import fold_listing, list_files, list_scripts, list_startup

    listing = list_files(dpp)
    tops = f"{dpp.dist_info}/top_level.txt"
    has_top_level = any(file.path == tops for file in dpp.files)
    plan = TreePlan(
        name=dpp.name,
        version=dpp.version,
        dist_info=dpp.dist_info,
        folders=tuple(tuple(folder) for folder in fold_listing(dpp, listing)),  # type: ignore[misc]
        scripts=tuple(tuple(script) for script in list_scripts(dpp)),  # type: ignore[misc]
        import_names=() if has_top_level else tuple(dpp.import_names),
        startup=list_startup(dpp),
        origins=origin_targets(dpp),
        native=native_directories(dpp),
        has_headers=any(scheme == HEADERS for scheme, *_ in listing),
        listing=marshal.dumps(listing),
    )
    return PLAN_MAGIC + marshal.dumps(tuple(plan))
