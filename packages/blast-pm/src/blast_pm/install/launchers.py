"""Programs of environments on Windows: an ``.exe`` that starts the Python beside it with the script inside it.

It is distlib's launcher (simple_launcher, the one that pip uses), then a line that names the interpreter, then a ZIP
with the script as ``__main__.py``: Python runs such a file. The line says ``<launcher_dir>``, for the directory of the
launcher itself, so a program is the same in every environment and runs after the environment was moved.
"""

from __future__ import annotations

from blast_core.errors import InstallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["gui_names", "is_launched", "launcher_kind", "make_launcher", "program_name"]

# By the machine that markers name: console and window launchers are called t and w with this behind.
_KINDS = {"amd64": "64", "x86_64": "64", "arm64": "64-arm", "aarch64": "64-arm", "x86": "32"}
_CONSOLE, _WINDOW = b"#!<launcher_dir>\\python.exe\r\n", b"#!<launcher_dir>\\pythonw.exe\r\n"
# The earliest moment that a ZIP can tell: programs made from the same script are the same.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def launcher_kind(scripts: str, markers: Mapping[str, str]) -> str:
    """Return which launcher the programs of an environment need; "" where they are plain scripts.

    Args:
        scripts: the directory of programs below the environment; Windows' is called ``Scripts``.
        markers: the variables of the interpreter's markers.
    """
    if scripts != "Scripts":
        return ""
    return _KINDS.get(markers.get("platform_machine", "").lower(), "64")


def is_launched(path: str) -> bool:
    """Tell whether a file of ``.data/scripts`` is Python's and so gets a launcher; another one is taken as it is."""
    with open(path, "rb") as file:
        return file.read(8) == b"#!python"


def program_name(name: str) -> str:
    """Return the file name of a program that has a launcher."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem if dot and ending.lower() in {'py', 'pyw'} else name}.exe"


def gui_names(entry_points: str) -> frozenset[str]:
    """Return the programs of an ``entry_points.txt`` that open no console window."""
    names, here = [], False
    for line in entry_points.splitlines():
        text = line.strip()
        if text.startswith("["):
            here = text == "[gui_scripts]"
        elif here and "=" in text and text[0] not in "#;":
            names.append(text.partition("=")[0].strip())
    return frozenset(names)


def make_launcher(script: bytes, kind: str, *, gui: bool) -> bytes:
    """Return an ``.exe`` that runs a script.

    Args:
        script: Python's text; a first line for Unix may stand in it.
        kind: of launcher.
        gui: open no console window.

    Raises:
        InstallError: distlib is not installed, or has no launcher of that kind.
    """
    import io
    import zipfile

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("__main__.py", _MOMENT), script)
    return _read_launcher(f"{'w' if gui else 't'}{kind}.exe") + (_WINDOW if gui else _CONSOLE) + archive.getvalue()


def _read_launcher(name: str) -> bytes:
    import importlib.util
    import os

    found = importlib.util.find_spec("distlib")
    for directory in (found.submodule_search_locations or ()) if found is not None else ():
        try:
            with open(os.path.join(directory, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise InstallError(
        f"the launcher {name} for programs on Windows is missing",
        reason="it comes with distlib",
        hint="install distlib beside Blast",
    )
