"""Names of wheels: what they say, and how well a wheel suits a target.

A page of the public index names up to 15,000 wheels, so all of this is done by hand and remembered per distinct tag.

Spec: PEP 427 (file names), PEP 425 (compressed tags), PEP 491 (build numbers).
"""

from __future__ import annotations

from blast_core.platform_tags import TagTable
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.interpreter import Target
    from blast_core.platform_tags import TagTable
    from blast_pm.index.model import IndexFile

    _Order = dict[str, int] | TagTable

__all__ = ["TagRanker", "WheelName", "best_filename", "best_wheel", "parse_wheel_name", "ranker_for"]

_ENDING = ".whl"
_INCOMPATIBLE = -1
# A target's remembered tags: one page names a few hundred distinct ones, a hostile index any number.
_REMEMBERED_TAGS = 8192


class WheelName(NamedTuple):
    """The parts of a wheel's file name, as written.

    Attributes:
        name: the distribution, not normalised.
        version: the release.
        build: number and suffix of the build tag, (0, "") without one; higher is better.
        tag: the compressed ``python-abi-platform``.
    """

    name: str
    version: str
    build: tuple[int, str]
    tag: str


def parse_wheel_name(filename: str) -> WheelName | None:
    """Split a wheel's file name; None if it isn't one.

    Cost: about 1 us.
    """
    if not filename.endswith(_ENDING):
        return None
    parts = filename[: -len(_ENDING)].split("-")
    if len(parts) == 5:
        build = (0, "")
    elif len(parts) == 6:
        found = _parse_build(parts[2])
        if found is None:
            return None
        build = found
    else:
        return None
    if not all(parts):
        return None
    return WheelName(parts[0], parts[1], build, "-".join(parts[-3:]))


def _parse_build(text: str) -> tuple[int, str] | None:
    digits = 0
    while digits < len(text) and text[digits] in "0123456789":
        digits += 1
    return (int(text[:digits]), text[digits:]) if 0 < digits < 19 else None


class TagRanker:
    """Ranks compressed tags for one target.

    Args:
        tags: single tags that the target installs, best first.
    """

    __slots__ = ("_order", "_ranks", "_worst")

    def __init__(self, tags: Sequence[str]) -> None:
        self._worst = len(tags)
        self._order = _order_of(tags)
        self._ranks: dict[str, int] = {}

    def rank(self, tag: str) -> int:
        """Return the position of the best single tag that ``tag`` stands for, -1 when the target installs none.

        Cost: a dictionary lookup for a tag seen before, else one per single tag.
        """
        known = self._ranks.get(tag)
        if known is not None:
            return known
        if len(self._ranks) >= _REMEMBERED_TAGS:
            self._ranks.clear()
        rank = self._ranks[tag] = self._find(tag)
        return rank

    def _find(self, tag: str) -> int:
        order = self._order
        direct = order.get(tag, _INCOMPATIBLE)
        if direct >= 0 or "." not in tag:
            return direct
        python, abi, platform = tag.split("-")
        best = self._worst
        for abi_tag in abi.split("."):
            for platform_tag in platform.split("."):
                tail = f"-{abi_tag}-{platform_tag}"
                for python_tag in python.split("."):
                    best = min(best, order.get(python_tag + tail, best))
        return best if best < self._worst else _INCOMPATIBLE


def _order_of(tags: Sequence[str]) -> _Order:
    """Return the place of each tag; a ``TagTable`` knows it without being written out."""
    if hasattr(tags, "get"):
        return tags  # type: ignore[return-value]  # it is a TagTable, whose module needs no loading for this
    order: dict[str, int] = {}
    for position, tag in enumerate(tags):
        order.setdefault(tag, position)
    return order


_rankers: dict[Sequence[str], TagRanker] = {}


def ranker_for(target: Target) -> TagRanker:
    """Return the ranker of ``target``, the same object for equal tags."""
    found = _rankers.get(target.tags)
    if found is None:
        if len(_rankers) > 64:
            _rankers.clear()
        found = _rankers[target.tags] = TagRanker(target.tags)
    return found


def best_filename(filenames: Iterable[str], target: Target) -> str | None:
    """Return the wheel's name that suits ``target`` best, None when none does.

    The best tag wins, then the highest build number; of equals the first, whatever the order, by name.
    """
    ranker = ranker_for(target)
    best: tuple[int, tuple[int, ...], str] | None = None
    chosen: str | None = None
    for filename in filenames:
        wheel = parse_wheel_name(filename)
        rank = ranker.rank(wheel.tag) if wheel is not None else _INCOMPATIBLE
        if wheel is None or rank < 0:
            continue
        # A longer suffix sorts after its prefix; negated code points with a terminator turn that around.
        number, suffix = wheel.build
        key = (rank, (-number, *(-ord(sign) for sign in suffix), 1), filename)
        if best is None or key < best:
            best, chosen = key, filename
    return chosen


def best_wheel(files: Sequence[IndexFile], target: Target) -> IndexFile | None:
    """Return the wheel of one release that suits ``target`` best, None when none does; see ``best_filename``."""
    chosen = best_filename((file.filename for file in files), target)
    return next((file for file in files if file.filename == chosen), None) if chosen is not None else None
