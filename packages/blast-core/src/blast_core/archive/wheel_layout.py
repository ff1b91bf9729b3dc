"""Where the files of a wheel go: its .dist-info, its .data schemes, its top-level names.

Spec: binary distribution format, "The .dist-info directory" and "The .data directory" (PEP 427).
"""

from __future__ import annotations

from blast_core.archive.entry_points import script_name_fault
from blast_core.archive.paths import show_path, tree_fault
from blast_core.errors import InvalidVersion
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.archive.wheel_name import WheelName
    from blast_core.archive.zip import ZipMember

__all__ = [
    "SCHEMES",
    "WheelFile",
    "find_dist_info",
    "find_schemes",
    "import_names",
    "landing_path",
    "place_files",
    "site_path",
]

SCHEMES = ("root", "purelib", "platlib", "scripts", "data", "headers")
_SITE_SCHEMES = ("root", "purelib", "platlib")
_SCRIPT_DIRECTORIES = ("bin", "scripts")
_OWN_FILES = frozenset(("pyvenv.cfg", ".blast", ".gitignore", "cachedir.tag"))
_OWN_DIRECTORIES = frozenset(("bin", "scripts", "lib", "lib64", "include"))
_SITE_DIRECTORIES = frozenset(("site-packages", "dist-packages"))
_EXECUTABLE = 0o111
_new = tuple.__new__
_MODULE_SUFFIXES = (".py", ".so", ".pyd", ".pyc")


class WheelFile(NamedTuple):
    """One file of a wheel.

    Attributes:
        path: as in the archive.
        scheme: ``root`` for what is not in .data, else the scheme's name.
        mode: 0o755 if any x bit was set, else 0o644; all else that a mode could say is dropped.
        member: where its bytes are.
    """

    path: str
    scheme: str
    mode: int
    member: ZipMember


def find_dist_info(members: Iterable[ZipMember], wheel: WheelName) -> str:
    """Return the name of the one .dist-info directory.

    Raises:
        ValueError: there is none, there are several, or it is another project's or version's.
    """
    # A file of such a name would stand for a distribution too, or in the place of one.
    tops = {member.name.partition("/")[0] for member in members}
    found = sorted(top for top in tops if top.lower().endswith(".dist-info"))
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} .dist-info directories instead of one")
    if not found[0].endswith(".dist-info") or not _is_own(
        found[0].removesuffix(".dist-info"), wheel.name, wheel.version
    ):
        raise ValueError(f"its directory {show_path(found[0])} belongs to another project or version")
    return found[0]


def _is_own(stem: str, project: str, version: str) -> bool:
    from blast_core.version import version_key

    name, dash, said = stem.rpartition("-")
    try:
        return bool(dash) and normalize_name(name) == project and (
            version_key(said.replace("_", "-")) == version_key(version)
        )  # fmt: skip
    except InvalidVersion:
        return False


def place_files(members: Sequence[ZipMember], wheel: WheelName) -> tuple[WheelFile, ...]:
    """Give each file its scheme, in the order of the members.

    Raises:
        ValueError: .data is another project's or has an unknown scheme, a file would replace the environment's own, or
            two files would be installed at one path.
    """
    names = [member.name for member in members]
    data_directory = _find_data(names, wheel.name, wheel.version)
    kept = [(name, member) for name, member in zip(names, members, strict=True) if name[-1] != "/"]
    schemes = _schemes([name for name, _ in kept], data_directory)
    return tuple(
        [
            _new(WheelFile, (name, scheme, 0o755 if member.mode & _EXECUTABLE else 0o644, member))
            for (name, member), scheme in zip(kept, schemes, strict=True)
        ]
    )


def find_schemes(paths: Sequence[str], name: str, version: str) -> list[str]:
    """Return the scheme of each file of a distribution, in their order.

    Args:
        paths: of its files.
        name: of its project.
        version: which.

    Raises:
        ValueError: as ``place_files`` does.
    """
    return _schemes(paths, _find_data(paths, normalize_name(name), version))


def _schemes(paths: Sequence[str], data_directory: str) -> list[str]:
    if not data_directory:
        return ["root"] * len(paths)
    below = data_directory + "/"
    schemes = [_data_scheme(path, data_directory) if path.startswith(below) else "root" for path in paths]
    _check_site(paths, schemes)
    return schemes


def _find_data(paths: Iterable[str], project: str, version: str) -> str:
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    found = sorted(top for top in tops if top.lower().endswith(".data") and _looks_versioned(top[:-5]))
    if len(found) > 1:
        raise ValueError("it has several .data directories")
    if found and (not found[0].endswith(".data") or not _is_own(found[0].removesuffix(".data"), project, version)):
        raise ValueError(f"its directory {show_path(found[0])} belongs to another project or version")
    return found[0] if found else ""


def _looks_versioned(stem: str) -> bool:
    """Tell .data directories from packages that end in .data by chance."""
    return bool(stem.rpartition("-")[0])


def _data_scheme(path: str, data_directory: str) -> str:
    scheme, slash, rest = path[len(data_directory) + 1 :].partition("/")
    if scheme not in SCHEMES[1:] or not slash:
        raise ValueError(f"{show_path(path)} belongs to no known scheme")
    first, _, below = rest.partition("/")
    script = rest if scheme == "scripts" else below if scheme == "data" and first.lower() in _SCRIPT_DIRECTORIES else ""
    fault = "" if not script or "/" in script else script_name_fault(script)
    if fault:
        raise ValueError(f"{show_path(path)}: {fault}")
    if scheme == "data":
        if first.lower() in _OWN_FILES:
            raise ValueError(f"{show_path(path)} would replace a file of the environment itself")
        if _is_own_directory(rest.lower().split("/")):
            raise ValueError(f"{show_path(path)} would replace a directory of the environment itself")
    return scheme


def _is_own_directory(parts: list[str]) -> bool:
    """Tell whether a path of the data scheme is that of a directory that every environment has."""
    if parts[0] not in _OWN_DIRECTORIES:
        return False
    return len(parts) == 1 or parts[-1] in _SITE_DIRECTORIES or (len(parts) == 2 and parts[1].startswith("python"))


def site_path(path: str, scheme: str) -> str:
    """Return a file's path below site-packages, "" if it goes elsewhere."""
    if scheme == "root":
        return path
    return path.split("/", 2)[2] if scheme in _SITE_SCHEMES else ""


def landing_path(path: str, scheme: str) -> str:
    """Return what ``site_path`` does, and for data the path below a site-packages that its own path leads into."""
    if scheme != "data":
        return site_path(path, scheme)
    parts = path.split("/")[2:]
    if parts[0].lower() not in _OWN_DIRECTORIES:
        return ""
    places = [place for place, part in enumerate(parts[:-1]) if part.lower() in _SITE_DIRECTORIES]
    return "/".join(parts[places[0] + 1 :]) if places else ""


def _check_site(paths: Sequence[str], schemes: Sequence[str]) -> None:
    places = map(site_path, paths, schemes)
    fault = tree_fault(place for place in places if place)
    if not fault:
        fault = tree_fault(place for place in map(_prefix_path, paths, schemes) if place)
    if fault:
        raise ValueError(f"once installed, {fault}")
    for path, scheme in zip(paths, schemes, strict=True):
        if scheme != "root" and landing_path(path, scheme).partition("/")[0].lower().endswith(".dist-info"):
            raise ValueError(f"{show_path(path)} would be installed into a .dist-info directory")


def _prefix_path(path: str, scheme: str) -> str:
    """Return where a script or a data file goes below the environment, "" for any other."""
    if scheme == "scripts":
        return "bin/" + path.split("/", 2)[2]
    return path.split("/", 2)[2] if scheme == "data" else ""


def import_names(files: Iterable[WheelFile]) -> tuple[str, ...]:
    """Return the top-level names that can be imported, sorted: modules, packages and the first part of namespaces."""
    names = set()
    for file in files:
        path = site_path(file.path, file.scheme)
        if path.endswith(_MODULE_SUFFIXES):
            first, slash, _ = path.partition("/")
            name = first if slash else first.partition(".")[0]
            if name.isidentifier() and name != "__pycache__":
                names.add(name)
    return tuple(sorted(names))
