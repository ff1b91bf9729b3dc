"""Files of a distribution that are the same in every environment, written once and then linked.

They lie beside the trees, in ``i1/<name of the tree>`` for folded environments, ``i1/<name of the tree>+`` for others:
INSTALLER, REQUESTED, RECORD, RECORD.requested (for a distribution that the user asked for), top_level.txt where a
folded RECORD would not tell the import names, and ``s-NAME`` for each program that is made rather than linked. The
directory is made by the first environment that needs it and published by a rename; to lose it costs making it again.

The links of folded environments are kept there, too, as ``l-PATH``: the first environment with one puts it there
(`blast_pm.install.link`).
"""

from __future__ import annotations

import os

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_pm.install.merge import Member, MergedTree
    from blast_pm.install.plan import TreePlan

__all__ = [
    "DIRECTORY",
    "INSTALLER",
    "is_standard",
    "made_files",
    "make_scripts",
    "prepare",
    "prepared_name",
]

# The digit is to change with what is written, so that an older Blast's files are not taken for ours.
DIRECTORY = "i1"
INSTALLER = b"blast"
_READ_ONLY = 0o444
_PROGRAM = 0o555
# Prepared RECORDs hold for every site-packages three levels deep beside a ``bin``: all schemes but Windows'.
_STANDARD_SITE = "lib/python3/site-packages"
_STANDARD_SCRIPTS = "bin"


def prepared_name(tree: str, *, fold: bool) -> str:
    """Return the name of a tree's directory below ``i``."""
    return os.path.basename(tree) + ("" if fold else "+")


def is_standard(site: str, scripts: str) -> bool:
    """Tell whether prepared RECORDs are right for an environment with these directories."""
    return site.count("/") == _STANDARD_SITE.count("/") and scripts == _STANDARD_SCRIPTS


def make_scripts(member: Member, launcher: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield file name and content of each program that has to be made: an ``.exe`` if a kind of launcher is named."""
    from blast_pm.install.scripts import entry_point_script, rewrite_script

    if launcher:
        yield from _make_launchers(member, launcher)
        return
    for name, source, reference, as_it_is in member.plan.scripts:
        if as_it_is:
            continue
        if source:
            with open(f"{member.tree}/{source}", "rb") as file:
                yield name, rewrite_script(file.read())
        else:
            yield name, entry_point_script(reference)


def _make_launchers(member: Member, kind: str) -> Iterator[tuple[str, bytes]]:
    from blast_pm.install.launchers import gui_names, is_launched, make_launcher, program_name
    from blast_pm.install.scripts import entry_point_module

    try:
        with open(f"{member.tree}/{member.plan.dist_info}/entry_points.txt", encoding="utf-8") as text:
            windowed = gui_names(text.read())
    except FileNotFoundError:
        windowed = frozenset()
    for name, source, reference, as_it_is in member.plan.scripts:
        if as_it_is:
            continue
        if source:
            with open(f"{member.tree}/{source}", "rb") as file:
                script = file.read()
            if not is_launched(f"{member.tree}/{source}"):
                yield name, script
                continue
            is_gui = script.startswith(b"#!pythonw")
        else:
            script, is_gui = entry_point_module(reference), name in windowed
        yield program_name(name), make_launcher(script, kind, gui=is_gui)


def made_files(plan: TreePlan, *, fold: bool) -> dict[str, bytes]:
    """Return what is made for .dist-info, RECORD left out, by name."""
    files = {"INSTALLER": INSTALLER}
    if fold and plan.import_names:
        # Without the files in RECORD, nothing else tells importlib.metadata which modules the distribution has.
        files["top_level.txt"] = "".join(f"{name}\n" for name in plan.import_names).encode()
    return files


def prepare(members: Sequence[Member], *, fold: bool) -> None:
    """Write the prepared files of those distributions that have none, all behind one flush to the disk.

    Raises:
        OSError: the store can't be written.

    Cost: a directory listing when nothing is missing.
    """
    homes: dict[str, list[Member]] = {}
    for member in members:
        homes.setdefault(member.home, []).append(member)
    for home, group in homes.items():
        try:
            present = frozenset(os.listdir(f"{home}/{DIRECTORY}"))
        except FileNotFoundError:
            present = frozenset()
        missing = {prepared_name(member.tree, fold=fold): member for member in group}
        missing = {name: member for name, member in missing.items() if name not in present}
        if missing:
            _prepare_missing(home, missing, fold=fold)


def _prepare_missing(home: str, missing: dict[str, Member], *, fold: bool) -> None:
    from blast_pm.store.durability import pending_trees
    from blast_pm.store.home import StorePaths
    from blast_pm.store.staging import Staging

    with Staging(StorePaths(home).staging) as staging:
        for name, member in missing.items():
            _write(member, f"{staging.path}/{name}", fold=fold)
        if not pending_trees(home).issuperset(os.path.basename(member.tree) for member in missing.values()):
            # Those of trees that are marked anyway are distrusted together with them.
            fs.sync_filesystem(staging.path)
        fs.make_directories(f"{home}/{DIRECTORY}")
        for name in missing:
            _publish(f"{staging.path}/{name}", f"{home}/{DIRECTORY}/{name}")


def _publish(staged: str, path: str) -> None:
    try:
        fs.rename(staged, path)
    except OSError:
        # Somebody else was quicker, and made the same.
        if not os.path.isdir(path):
            raise


def _write(member: Member, directory: str, *, fold: bool) -> None:
    from blast_pm.install.merge import Places, merge_plans
    from blast_pm.install.record import describe, owned_rows, sort_rows

    scripts = dict(make_scripts(member))
    places = Places(_STANDARD_SITE, _STANDARD_SCRIPTS, "include")
    made = made_files(member.plan, fold=fold)
    tree: MergedTree = merge_plans((member,), places, fold=fold, allow_overwrite=False)
    rows = owned_rows((member,), tree, places, {0: made}, {0: scripts})[0]
    info = member.plan.dist_info
    files = {**made, "REQUESTED": b"", "RECORD": sort_rows(rows, f"{info}/RECORD")}
    files["RECORD.requested"] = sort_rows({**rows, f"{info}/REQUESTED": describe(b"")}, f"{info}/RECORD")
    fs.make_directory(directory)
    for name, content in files.items():
        fs.write_file(f"{directory}/{name}", content, _READ_ONLY)
    for name, content in scripts.items():
        fs.write_file(f"{directory}/s-{name}", content, _PROGRAM)
