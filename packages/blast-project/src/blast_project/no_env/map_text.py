"""A module map in a form that a person, or a script, can read."""

from __future__ import annotations

from blast_core.errors import FormatError, UsageError
from blast_runtime.modmap import MODULE, PACKAGE, MapError, ModuleMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_runtime.modmap import Place

__all__ = ["map_json", "map_text", "open_map"]

_KINDS = {MODULE: "module", PACKAGE: "package"}


def open_map(path: str) -> ModuleMap:
    """Return the map in a file.

    Raises:
        FormatError: it is damaged, or a newer Blast wrote it.
        OSError: it can't be read.
    """
    try:
        return ModuleMap(path)
    except MapError as error:
        raise _refused(error) from error


def _refused(error: MapError) -> FormatError:
    return FormatError(
        "it can't be read as a module map",
        reason=error.reason,
        hint="the next 'blast run --no-env' makes a view's map again",
        file=error.file,
        field=error.field,
        value=str(error.value),
    )


def map_json(read: ModuleMap, names: Sequence[str] = ()) -> dict[str, object]:
    """Return a map as plain values.

    Args:
        read: the map.
        names: only these import names; all if none is given.

    Raises:
        UsageError: the map does not answer for one of them.
        FormatError: a row is damaged.
    """
    try:
        return _json(read, names)
    except MapError as error:
        raise _refused(error) from error


def _json(read: ModuleMap, names: Sequence[str]) -> dict[str, object]:
    rows = read.distributions()
    return {
        "path": read.path,
        "roots": list(read.roots()),
        "distributions": [
            {
                "name": row.name,
                "version": row.version,
                "directory": row.directory,
                "dist_info": row.dist_info,
                "texts": sorted(row.texts()),
            }
            for row in rows
        ],
        "names": {
            name: [
                {
                    "kind": _KINDS.get(place.kind, "portion"),
                    "path": _path(name, place),
                    "distribution": rows[place.distribution].name,
                }
                for place in places
            ]
            for name, places in _chosen(read, names)
        },
        "merged": list(read.merged()),
        "path_files": [{"directory": directory, "name": name} for directory, name in read.path_files()],
    }


def map_text(read: ModuleMap, names: Sequence[str] = ()) -> str:
    """Return a map, or some names of it, as lines.

    Raises:
        UsageError: the map does not answer for one of them.
        FormatError: a row is damaged.
    """
    try:
        return _text(read, names)
    except MapError as error:
        raise _refused(error) from error


def _text(read: ModuleMap, names: Sequence[str]) -> str:
    rows = read.distributions()
    lines = []
    if not names:
        lines += [f"{row.name} {row.version}  {row.directory}" for row in rows]
        lines += [""] if rows else []
    for name, places in _chosen(read, names):
        for number, place in enumerate(places):
            kind = _KINDS.get(place.kind, "portion")
            owner = rows[place.distribution]
            lines.append(f"{'' if number else name:24} {kind:8} {_path(name, place)}  ({owner.name} {owner.version})")
    if not names:
        lines += [f"{name:24} {'lines':8} {directory}/{name}" for directory, name in read.path_files()]
    return "".join(f"{_visible(line)}\n" for line in lines)


def _visible(line: str) -> str:
    """Return a line without what a terminal would obey."""
    if line.isprintable():
        return line
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)


def _chosen(read: ModuleMap, names: Sequence[str]) -> Iterator[tuple[str, tuple[Place, ...]]]:
    for name in names or read.names():
        places = read.find(name)
        if not places and not names:
            raise MapError("a name is not where its table has it", read.path, "name", name)
        if not places:
            raise UsageError(
                f"{read.path} knows no {name}",
                reason="it answers for names at the top, and for those below that several distributions share",
            )
        yield name, places


def _path(name: str, place: Place) -> str:
    if place.kind == MODULE:
        return f"{place.directory}/{name.rpartition('.')[2]}{place.suffix}"
    return f"{place.directory}/__init__{place.suffix}" if place.kind == PACKAGE else place.directory
