"""How a page's files are judged with the eyes of some targets: which versions they can use, and by which file."""

from __future__ import annotations

from blast_core.platform_tags import TagReach, TagTable
from blast_core.released_requirements import released_python_fits
from blast_core.tuples import NamedTuple
from blast_core.version import make_version_table
from blast_pm.metadata.project_record import ProjectRecord
from blast_pm.metadata.wheels import best_filename, best_wheel, ranker_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.file_table import Outline
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.policy import FilePolicy

__all__ = ["ProjectRecord", "TargetView", "Usability", "best_filename", "best_wheel", "representative"]

# Remembered tags: one page names a few hundred distinct ones, a hostile index any number.
_REMEMBERED = 8192


class Usability(NamedTuple):
    """Which versions of a page the targets can use.

    Attributes:
        usable_by: as in `ProjectRecord`.
        refused: as in `ProjectRecord`.
    """

    usable_by: tuple[tuple[int, int], ...]
    refused: int


def representative(files: Sequence[IndexFile], targets: Sequence[Target] = ()) -> IndexFile | None:
    """Return the file whose metadata stands for a version.

    The best wheel of the first target that can install one, else any wheel, else a source distribution. Of wheels that
    no target can install one for the newest Python is taken, because some say other things for Python 2; of those the
    first by name, and of source distributions ``.tar.gz`` first.
    """
    for target in targets:
        best = best_wheel(files, target)
        if best is not None:
            return best
    wheels = sorted((file.filename for file in files if file.filename.endswith(".whl")), key=_newest_python_first)
    names = wheels or sorted((file.filename for file in files), key=lambda name: (not name.endswith(".tar.gz"), name))
    return next((file for file in files if file.filename == names[0]), None) if names else None


def _newest_python_first(filename: str) -> tuple[int, str]:
    python = filename.rsplit("-", 3)[-3]
    numbers = [int(tag[2:3] + tag[3:].rjust(2, "0")) for tag in python.split(".") if tag[2:].isdecimal()]
    return -max(numbers, default=0), filename


class TargetView:
    """Looks at pages with the eyes of all targets at once.

    Args:
        targets: for which wheels and Requires-Python are judged.
        builds: whether a version with nothing but a source distribution is usable.
        files: which files may be used at all; None for all.
    """

    def __init__(self, targets: Sequence[Target], *, builds: bool, files: FilePolicy | None = None) -> None:
        self._targets = tuple(targets)
        self._builds = builds
        self._policy = files
        self._all = (1 << len(self._targets)) - 1
        self._by_tag: dict[str, int] = {}
        self._pythons: dict[str, int] = {"": self._all}
        self._rankers = [ranker_for(target) for target in self._targets]
        tables = [target.tags for target in self._targets if isinstance(target.tags, TagTable)]
        # Tables that are products tell it together, and at once.
        self._reach = TagReach(tables) if len(tables) == len(self._targets) else None
        # Targets of the same Python are judged once: their mask, and a table of just that version.
        by_python: dict[str, int] = {}
        for position, target in enumerate(self._targets):
            release = _release_of(target.python_version)
            by_python[release] = by_python.get(release, 0) | 1 << position
        self._tables = [(mask, make_version_table([release])) for release, mask in by_python.items()]

    def choose(self, project: str, files: Sequence[IndexFile]) -> IndexFile | None:
        """Return the file of one version whose metadata stands for it."""
        return self._judge_version(self._allowed(project, files), files)[1]

    def is_usable(self, file: IndexFile) -> int:
        """Return the mask of the targets that can install the file, be it by building it where that is allowed."""
        targets = self.runs_on_python(file.requires_python)
        filename = file.filename
        if not filename.endswith(".whl"):
            return targets if self._builds else 0
        return targets & self.installs_tag(filename[_tag_start(filename) : -4])

    def runs_on_python(self, requires_python: str) -> int:
        """Return the mask of the targets whose Python satisfies the specifier; one that is none excludes nothing."""
        known = self._pythons.get(requires_python)
        if known is None:
            known = 0
            for mask, table in self._tables:
                if released_python_fits(requires_python, table):
                    known |= mask
            self._pythons[requires_python] = known
        return known

    def installs_tag(self, tag: str) -> int:
        """Return the mask of the targets that install wheels of the compressed ``python-abi-platform``."""
        known = self._by_tag.get(tag)
        if known is None:
            known = self._reach.of(tag) if self._reach is not None else 0
            for position, ranker in enumerate(self._rankers if self._reach is None else ()):
                if ranker.rank(tag) >= 0:
                    known |= 1 << position
            if len(self._by_tag) >= _REMEMBERED:
                self._by_tag.clear()
            self._by_tag[tag] = known
        return known

    def _allowed(self, project: str, files: Sequence[IndexFile]) -> Sequence[IndexFile]:
        policy = self._policy
        if policy is None or not policy.key(project):
            return files
        return [file for file in files if policy.allows(project, file)]

    def judge(self, page: PageRecord) -> Usability:
        """Return which versions of a page the targets can use. Cost: some 2 us a file, 0.1 of outlines."""
        refused = 0
        by_targets: dict[int, int] = {}
        outlines = page.files.outlines
        if outlines is not None and (self._policy is None or not self._policy.key(page.name)):
            judged: dict[Outline, int] = {}
            for position, outline in enumerate(outlines):
                # The versions of a project are much alike.
                known = judged.get(outline)
                targets = judged[outline] = self._judge_outline(outline) if known is None else known
                by_targets[targets] = by_targets.get(targets, 0) | 1 << position
            return Usability(self._classes(by_targets), 0)
        for position, files in enumerate(page.files):
            allowed = self._allowed(page.name, files)
            if not allowed:
                refused |= 1 << position
            targets = self._judge_version(allowed, files)[0]
            by_targets[targets] = by_targets.get(targets, 0) | 1 << position
        return Usability(self._classes(by_targets), refused)

    def _judge_outline(self, outline: Outline) -> int:
        """Return the mask of the targets that can use a version, by tags and Requires-Python of its files alone."""
        pythons, tags = self._pythons, self._by_tag
        usable = 0
        for tag, python in zip(*outline, strict=True):
            targets = pythons[python] if python in pythons else self.runs_on_python(python)
            if targets & ~usable:
                if tag:
                    usable |= targets & (tags[tag] if tag in tags else self.installs_tag(tag))
                elif self._builds:
                    usable |= targets
        return usable

    def _classes(self, by_targets: dict[int, int]) -> tuple[tuple[int, int], ...]:
        """Turn versions per set of targets into sets of targets that can use the same versions, first targets first."""
        classes: dict[int, int] = {}
        for position in range(len(self._targets)):
            bit = 1 << position
            versions = 0
            for targets, mask in by_targets.items():
                if targets & bit:
                    versions |= mask
            classes[versions] = classes.get(versions, 0) | bit
        return tuple([(targets, versions) for versions, targets in classes.items()])

    def _judge_version(self, allowed: Sequence[IndexFile], files: Sequence[IndexFile]) -> tuple[int, IndexFile | None]:
        """Return the mask of the targets that can use a version, and the file that stands for it.

        What `is_usable` and `representative` say, in one pass, because a page has up to 15,000 files. Files whose
        Requires-Python shuts out all targets stand for the version only where there are no others.
        """
        pythons, tags = self._pythons, self._by_tag
        first = self._all + 1
        usable = sdists = rank = 0
        best: list[IndexFile] = []
        others: list[IndexFile] = []
        for file in allowed:
            python = file.requires_python
            targets = pythons[python] if python in pythons else self.runs_on_python(python)
            if not targets:
                continue
            filename = file.filename
            if filename.endswith(".whl"):
                tag = filename[_tag_start(filename) : -4]
                targets &= tags[tag] if tag in tags else self.installs_tag(tag)
                if targets:
                    usable |= targets
                    lowest = targets & -targets
                    if lowest <= first:
                        found = self._rankers[lowest.bit_length() - 1].rank(tag)
                        if lowest < first or found < rank:
                            first, rank, best = lowest, found, []
                        if found == rank:
                            best.append(file)
                    continue
            else:
                sdists |= targets
            others.append(file)
        if self._builds:
            usable |= sdists
        if best:
            target = self._targets[first.bit_length() - 1]
            return usable, best[0] if len(best) == 1 else representative(best, (target,))
        return usable, representative(others or allowed or files)


def _tag_start(filename: str) -> int:
    """Return where ``python-abi-platform`` begins in a wheel's name, which was checked when the page was read."""
    platform = filename.rindex("-")
    return filename.rindex("-", 0, filename.rindex("-", 0, platform)) + 1


def _release_of(version: str) -> str:
    """Return the numbers of a Python version: ``3.15.0rc1`` counts as 3.15.0 for Requires-Python, as in pip."""
    kept = []
    for part in version.partition("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        kept.append(digits or "0")
        if digits != part:
            break
    return ".".join(kept)
