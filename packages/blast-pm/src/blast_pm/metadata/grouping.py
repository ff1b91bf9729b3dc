"""Which version each file of a page belongs to, by the files' names alone."""

from __future__ import annotations

from blast_core.errors import InvalidVersion
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_core.version import VersionTable, normalize_version, version_key
from blast_pm.metadata.sdists import sdist_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Release", "group_files"]

# In what follows a wheel's name and version, without and with a build tag.
_HYPHENS = (2, 3)
# Pages share most of them; a hostile index may name any number.
_REMEMBERED = 8192


class Release(NamedTuple):
    """The files of one version.

    Attributes:
        text: the version, normalised.
        places: of its files among all names, ascending.
        tags: of each the compressed ``python-abi-platform``; "" for a source distribution.
    """

    text: str
    places: list[int]
    tags: list[str]


class _Tags(dict[str, str | None]):
    """By what follows ``name-version-``: the tag, None where that is no wheel's."""

    def __missing__(self, tail: str) -> str | None:
        found = None
        if tail.endswith(".whl") and tail.count("-") in _HYPHENS and tail[0] != "-":
            found = "-".join(tail[:-4].rsplit("-", 3)[-3:])
        if len(self) >= _REMEMBERED:
            self.clear()
        self[tail] = found
        return found


_tags = _Tags()


def group_files(names: Sequence[str], project: str) -> tuple[VersionTable, list[Release]]:
    """Return the versions of files, ascending, and which files each has.

    Files of other projects and files without a valid version are left out.

    Args:
        names: of the files.
        project: normalised name.

    Cost: about 0.3 us a file and 3 us a version.
    """
    groups = _Groups(project)
    # The wheels of a version stand together, and there may be a hundred: what their names begin with is known.
    prefix, cut = "\0", 0
    release: Release | None = None
    for place, name in enumerate(names):
        if name.startswith(prefix):
            tag = _tags[name[cut:]]
        else:
            tag = None
            parts = name.split("-", 2)
            if len(parts) == 3:
                tag = _tags[parts[2]]
                if tag is not None:
                    written, version, _ = parts
                    prefix = f"{written}-{version}-"
                    cut = len(prefix)
                    release = groups.find(version) if groups.is_own(written) else None
        if tag is None:
            groups.add_sdist(name, place)
        elif release is not None:
            release.places.append(place)
            release.tags.append(tag)
    return groups.sort()


class _Groups:
    """Releases of one project, by version."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._by_key: dict[bytes, Release] = {}
        self._by_text: dict[str, Release | None] = {}
        self._own_names: dict[str, bool] = {}

    def is_own(self, written: str) -> bool:
        """Tell whether a name, as a wheel's name has it, is the project's."""
        own = self._own_names.get(written)
        if own is None:
            own = self._own_names[written] = normalize_name(written) == self._project
        return own

    def add_sdist(self, name: str, place: int) -> None:
        """Add a file that is no wheel, if it is a source distribution of the project."""
        version = sdist_version(name, self._project)
        release = self.find(version) if version is not None else None
        if release is not None:
            release.places.append(place)
            release.tags.append("")

    def find(self, text: str) -> Release | None:
        """Return the release of a version, None for what is none; the first spelling counts."""
        if text in self._by_text:
            return self._by_text[text]
        found = None
        try:
            key = version_key(text)
        except InvalidVersion:
            pass
        else:
            found = self._by_key.get(key)
            if found is None:
                written = text if _is_normal(text) else normalize_version(text)
                found = self._by_key[key] = Release(written, [], [])
        self._by_text[text] = found
        return found

    def sort(self) -> tuple[VersionTable, list[Release]]:
        """Return the versions, ascending, and their files."""
        keys = sorted(self._by_key)
        releases = [self._by_key[key] for key in keys]
        return VersionTable(tuple([release.text for release in releases]), tuple(keys)), releases


def _is_normal(text: str) -> bool:
    """Tell whether a version is plainly written as `normalize_version` would: numbers without leading zeros."""
    for segment in text.split("."):
        if not segment.isdigit() or (segment[0] == "0" and len(segment) > 1):
            return False
    return text.isascii()
