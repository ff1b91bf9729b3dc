"""Lists of requirements in a manifest: where in an array a requirement goes, and which ones leave it."""

from __future__ import annotations

from bisect import bisect_right

from blast_compat.toml_arrays import ArrayElement, quote_text
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from blast_compat.toml_arrays import ArrayText

    Edit = Callable[[ArrayText], ArrayText]

__all__ = ["adding", "place_of", "removing"]


def place_of(group: str | None, extra: str | None) -> tuple[str, ...]:
    """Return the keys of the list of a dependency group or an extra; without both, of ``project.dependencies``."""
    if group:
        return ("dependency-groups", group)
    return ("project", "optional-dependencies", extra) if extra else ("project", "dependencies")


def adding(reqs: Sequence[str]) -> Edit:
    """Return what adds requirements to an array, see `blast_compat.manifest_edit.add_requirements`.

    Raises:
        InvalidRequirement: one is not PEP 508.
    """
    for requirement in reqs:
        parse_requirement(requirement)

    def edit(array: ArrayText) -> ArrayText:
        elements = list(array.elements)
        in_order = _is_sorted(elements)
        for requirement in reqs:
            _add(elements, requirement.strip(), in_order=in_order)
        if tuple(elements) == array.elements:
            return array
        return array._replace(elements=tuple(elements), is_multiline=True)

    return edit


def removing(names: Collection[str], removed: list[str]) -> Edit:
    """Return what takes the requirements of some names out of an array and puts them, as written, into ``removed``."""
    wanted = {normalize_name(name) for name in names}

    def edit(array: ArrayText) -> ArrayText:
        kept: list[ArrayElement] = []
        pending: tuple[str, ...] = ()
        for element in array.elements:
            requirement = _decode(element.text)
            if requirement is not None and parse_requirement(requirement).name in wanted:
                removed.append(requirement)
                pending += element.before
            else:
                kept.append(element._replace(before=pending + element.before))
                pending = ()
        return array._replace(elements=tuple(kept), after=pending + array.after)

    return edit


def _decode(element: str) -> str | None:
    """Return the text of an element of an array, None for a table."""
    quote = element[0]
    if quote in "\"'" and "\\" not in element and element[:3] != quote * 3:
        return element[1:-1]
    import tomllib

    value = tomllib.loads(f"value = {element}")["value"]
    return value if isinstance(value, str) else None


def _sort_key(element: ArrayElement) -> tuple[str, str]:
    requirement = _decode(element.text)
    return (parse_requirement(requirement).name, requirement.lower()) if requirement is not None else ("", "")


def _is_sorted(elements: Sequence[ArrayElement]) -> bool:
    """Tell whether the names of requirements ascend; tables (groups included) may stand anywhere."""
    names = [name for name, _ in map(_sort_key, elements) if name]
    return names == sorted(names)


def _add(elements: list[ArrayElement], requirement: str, *, in_order: bool) -> None:
    """Put a requirement in the place of the one that it replaces, or where it belongs."""
    wanted = parse_requirement(requirement)
    same = []
    for index, element in enumerate(elements):
        line = _decode(element.text)
        if line is not None and parse_requirement(line).name == wanted.name:
            same.append((index, parse_requirement(line)))
    if len(same) > 1:
        same = [(index, existing) for index, existing in same if existing.marker == wanted.marker]
    if same:
        index = same[0][0]
        if _decode(elements[index].text) != requirement:
            elements[index] = elements[index]._replace(text=quote_text(requirement))
        return
    added = ArrayElement(quote_text(requirement))
    if not in_order:
        elements.append(added)
        return
    # A table has no name: it counts as the requirement before it, so that nothing is put between the two.
    names: list[tuple[str, str]] = []
    for element in elements:
        key = _sort_key(element)
        names.append(key if key[0] or not names else names[-1])
    elements.insert(bisect_right(names, _sort_key(added)), added)
