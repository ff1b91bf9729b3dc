"""Adding and removing requirements in a manifest whose text is plain, without a TOML parser.

To import tomlkit and tomllib takes a quarter of an ``add``. What a manifest says is known here, because its very text
was read before. Only the array that changes is looked for: a key on a line of its own below its table's header, whose
value is an array of one-line strings without escapes, the ones that the manifest is known to have there. Texts of
several lines anywhere, inline tables that span lines or hide brackets, other spellings of keys and headers: for these,
and for whatever else is not plain, ``blast_compat.manifest_edit`` is asked.

The new array is read back by the same rules before it counts; the text around it is not touched.
"""

from __future__ import annotations

from blast_compat.requirement_lists import adding, place_of, removing
from blast_compat.toml_arrays import read_array, write_array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blast_compat.manifest import Manifest
    from blast_compat.requirement_lists import Edit

__all__ = ["add_plainly", "remove_plainly"]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def add_plainly(
    text: str, manifest: Manifest, reqs: Sequence[str], *, group: str | None = None, extra: str | None = None
) -> tuple[str, Manifest] | None:
    """Return text and manifest with requirements added, as ``manifest_edit.add_requirements`` does it.

    Args:
        text: the manifest.
        manifest: what was read from just this text.
        reqs: requirements of PEP 508.
        group: the dependency group to add to.
        extra: the extra to add to; without both, ``project.dependencies``.

    Returns:
        None where the text is not plain there.

    Raises:
        InvalidRequirement: one is not PEP 508.
    """
    return _edited(text, manifest, place_of(group, extra), adding(reqs))


def remove_plainly(
    text: str, manifest: Manifest, names: Collection[str], *, group: str | None = None, extra: str | None = None
) -> tuple[str, Manifest, tuple[str, ...]] | None:
    """Return text and manifest without the requirements of some names, and those removed; see ``add_plainly``."""
    removed: list[str] = []
    edited = _edited(text, manifest, place_of(group, extra), removing(names, removed))
    return (*edited, tuple(removed)) if edited is not None else None


def _edited(text: str, manifest: Manifest, place: tuple[str, ...], edit: Edit) -> tuple[str, Manifest] | None:
    known = _known(manifest, place)
    if known is None or "\r" in text or '"""' in text or "'''" in text:
        return None
    begin = _find_array(text, f"[{'.'.join(place[:-1])}]", place[-1])
    if begin < 0:
        return None
    found = _read(text, begin)
    if found is None or found[0] != known:
        return None
    end = found[1]
    before = read_array(text[begin:end])
    after = edit(before)
    if after == before:
        return text, manifest
    written = write_array(after)
    again = _read(written, 0)
    if again is None or again[1] != len(written) or len(again[0]) != len(after.elements):
        return None
    return text[:begin] + written + text[end:], _with_lines(manifest, place, again[0])


def _known(manifest: Manifest, place: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the requirements that stand at a place; None where others than those count there too."""
    if place == ("project", "dependencies"):
        return manifest.dependencies
    name = place[-1]
    # In another spelling it is another key, with a dot several keys.
    if not _BARE.issuperset(name):
        return None
    if place[0] == "project":
        return manifest.optional_dependencies.get(name)
    return None if manifest.included_groups else manifest.groups.get(name)


def _with_lines(manifest: Manifest, place: tuple[str, ...], lines: tuple[str, ...]) -> Manifest:
    if place == ("project", "dependencies"):
        return manifest._replace(dependencies=lines)
    if place[0] == "project":
        return manifest._replace(optional_dependencies={**manifest.optional_dependencies, place[-1]: lines})
    return manifest._replace(groups={**manifest.groups, place[-1]: lines})


def _find_array(text: str, header: str, key: str) -> int:
    """Return where the array at ``key`` below ``header`` begins; -1 where it is not there in plain sight."""
    begin = 0 if text.startswith(f"{header}\n") else text.find(f"\n{header}\n") + 1
    if not text.startswith(header, begin):
        return -1
    at = begin + len(header) + 1
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if line.startswith(key):
            head, equals, value = line.partition("=")
            if equals and head.strip(" \t") == key:
                return at + line.index("[", len(head)) if value.lstrip(" \t").startswith("[") else -1
        # The next table; or an array within an array, which may hold anything.
        if line.lstrip(" \t").startswith("[") or not _closes_braces(line):
            return -1
        if end < 0:
            return -1
        at = end + 1
    return -1


def _closes_braces(line: str) -> bool:
    """Tell whether each inline table that a line begins surely ends on it."""
    if "{" not in line and "}" not in line:
        return True
    if "\\" in line or "'" in line or "#" in line:
        return False
    outside = "".join(line.split('"')[::2])
    return outside.count("{") == outside.count("}")


def _read(text: str, begin: int) -> tuple[tuple[str, ...], int] | None:
    """Return the texts of the array at ``begin`` and where it ends; None where it holds anything but plain strings."""
    found: list[str] = []
    at, size = begin + 1, len(text)
    may_follow = True
    while at < size:
        sign = text[at]
        if sign == "]":
            return tuple(found), at + 1
        if sign == ",":
            if may_follow:
                return None
            may_follow = True
        elif sign == "#":
            at = text.find("\n", at)
            if at < 0:
                return None
        elif sign in "\"'":
            end = text.find(sign, at + 1)
            content = text[at + 1 : end]
            if end < 0 or not may_follow or not content.isprintable() or "\\" in content:
                return None
            found.append(content)
            may_follow = False
            at = end
        elif sign not in " \t\n":
            return None
        at += 1
    return None
