"""``blast cache verify``: every object of the store against its wheel, and what can be mended mended."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import ObjectMissing
from blast_core.tuples import NamedTuple
from blast_project.cache_operations import find_items
from blast_project.store_view import view_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.store.inventory import Item
    from blast_pm.store.verify import ObjectReport
    from blast_project.session import Session
    from blast_project.store_view import StoreView

__all__ = ["DAMAGED", "LOST", "REPAIRED", "Finding", "VerifyReport", "verify"]

#: It differs, and nothing was changed.
DAMAGED = "damaged"
#: Its tree was unpacked again.
REPAIRED = "repaired"
#: Its wheel is damaged or gone, so it has to be fetched again.
LOST = "lost"

_KEY = "verify"


class Finding(NamedTuple):
    """An object that is not sound.

    Attributes:
        name: normalised.
        version: as in its metadata.
        blake3: of its wheel; empty where it is gone.
        tree: name of its tree.
        state: `DAMAGED`, `REPAIRED` or `LOST`.
        reason: what is wrong, a sentence.
        changed: files with another content or kind.
        missing: files that are not there.
        extra: what is there and should not be.
        environments: those that link to it.
    """

    name: str
    version: str
    blake3: str
    tree: str
    state: str
    reason: str
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    environments: tuple[str, ...]


class VerifyReport(NamedTuple):
    """How many objects were looked at, their bytes, and those that are not sound."""

    checked: int
    checked_bytes: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(finding.state == REPAIRED for finding in self.findings)


def verify(session: Session, words: Sequence[str], *, repair: bool) -> VerifyReport:
    """Compare objects with their wheels, every byte; a site store is its owner's to verify.

    Args:
        session: services.
        words: as for `find_items`; none for all objects.
        repair: unpack again what differs, and forget what can't be unpacked, so that the next sync fetches it.

    Raises:
        ObjectMissing: the store holds nothing of that name.
        StoreError: the disk refuses.
    """
    from blast_pm.store.verify_all import verify_objects

    view = view_store(session)
    items = find_items(view, words) if words else [view.items[name] for name in sorted(view.items)]
    there = {item.blake3: item for item in items if item.has_archive}
    total = sum(view.sizes[item.name].total for item in items)
    reporter = session.reporter
    found: list[tuple[Item, ObjectReport]] = []

    def tell(report: ObjectReport) -> None:
        item = there[report.blake3]
        reporter.advance(_KEY, view.sizes[item.name].total)
        if report.is_sound or _is_removed(session, item):
            return
        # What was never unpacked has no tree that could be wrong.
        if item.has_tree or item.is_known or report.damage:
            found.append((item, report))

    reporter.start(_KEY, f"Verifying {len(items)} distributions", total)
    try:
        verify_objects(session.cache.paths, [(key, view.sizes[item.name].total) for key, item in there.items()], tell)
    finally:
        reporter.finish(_KEY)
    findings = [_judge(session, view, item, report, repair=repair) for item, report in found]
    findings += [
        _miss(session, view, item, repair=repair)
        for item in items
        # A tree that nobody knows was left by a killed command, for gc to remove.
        if not item.has_archive and (item.is_known or view.holders_of(item.name))
    ]
    return VerifyReport(len(items), total, tuple(sorted(findings)))


def _is_removed(session: Session, item: Item) -> bool:
    """Tell whether somebody removed an object while it was looked at."""
    cache = session.cache
    return not os.path.lexists(cache.paths.archive(item.blake3)) and not cache.rows.find(item.sha256s)


def _judge(session: Session, view: StoreView, item: Item, report: ObjectReport, *, repair: bool) -> Finding:
    state = DAMAGED
    if repair:
        try:
            session.cache.repair_object(item.blake3)
            state = REPAIRED
        except ObjectMissing:
            session.cache.rows.delete_all(item.sha256s)
            state = LOST
    if report.damage:
        reason = f"its wheel is damaged: {report.damage}"
    else:
        counts = {"changed": report.changed, "missing": report.missing, "extra": report.extra}
        reason = ", ".join(f"{len(paths)} {word}" for word, paths in counts.items() if paths) + " in its tree"
    return _finding(view, item, state, reason, report)


def _miss(session: Session, view: StoreView, item: Item, *, repair: bool) -> Finding:
    if repair:
        with session.cache.in_use():
            session.cache.rows.delete_all(item.sha256s if item.is_known else ())
    return _finding(view, item, LOST if repair else DAMAGED, "its wheel is gone", None)


def _finding(view: StoreView, item: Item, state: str, reason: str, report: ObjectReport | None) -> Finding:
    environments = tuple(holder.environment for holder, _ in view.holders_of(item.name))
    if state == LOST:
        for environment in environments:
            _distrust(environment)
    return Finding(
        item.project or item.name,
        item.version,
        item.blake3 if item.has_archive else "",
        item.name,
        state,
        reason,
        report.changed if report is not None else (),
        report.missing if report is not None else (),
        report.extra if report is not None else (),
        environments,
    )


def _distrust(environment: str) -> None:
    """Let the next sync look closely, and so fetch what is lost."""
    try:
        fs.unlink(os.path.join(environment, ".blast", "state"))
    except OSError:
        return
