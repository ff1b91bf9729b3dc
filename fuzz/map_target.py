"""What must hold of any bytes that are called a module map: each question has an answer, or is refused as damage."""

from __future__ import annotations

from blast_core.errors import FormatError
from blast_project.no_env.map_text import map_json, map_text, open_map
from blast_runtime.finder import MapFinder
from blast_runtime.modmap import MapError, ModuleMap, normalized
from blast_runtime.modmap_builder import MappedDistribution, write_map
from fuzz.claims import check_refusal, work_directory
from fuzz.mutators import seal_dpm

__all__ = ["check_dpm"]


def check_dpm(data: bytes) -> bool:
    """Ask a map everything, as it is and with a right check sum; return whether one of the two is sound."""
    answers = {_ask(candidate) for candidate in {data, seal_dpm(data)}}
    return True in answers


def _ask(data: bytes) -> bool:
    with work_directory() as top:
        place = f"{top}/map"
        with open(place, "wb") as file:
            file.write(data)
        try:
            read = open_map(place)
            shown = map_json(read)
            assert map_text(read) or not shown["distributions"]
        except FormatError as error:
            check_refusal(error)
            return False
    _find(read)
    return _write_again(read)


def _find(read: ModuleMap) -> None:
    finder = MapFinder(read, "/entry")
    for name in [*read.names(), "", "a", "numpy.x"]:
        try:
            spec = finder.find_spec(name)
        except (ValueError, MapError):
            # Of a name or a path that no file can have.
            continue
        assert spec is None or spec.name == name
    for row in read.distributions():
        found = read.find_distribution(row.key)
        assert found is None or found.key == normalized(row.key)


def _write_again(read: ModuleMap) -> bool:
    """Write what was read: a map that a writer made comes out the same."""
    rows = read.distributions()
    places: list[list[tuple[str, int, str, str]]] = [[] for _ in rows]
    for name in read.names():
        for place in read.find(name):
            below = place.directory[len(rows[place.distribution].directory) :].lstrip("/")
            places[place.distribution].append((name, place.kind, below, place.suffix))
    made = [
        MappedDistribution(row.name, row.version, row.directory, row.dist_info, found, (), row.texts())
        for row, found in zip(rows, places, strict=True)
    ]
    try:
        again = ModuleMap(read.path, write_map(made, read.roots()))
    except MapError:
        # Two of one name, or a place that is neither file nor directory: no writer says so.
        return False
    return {*again.names()} <= {*read.names()}
