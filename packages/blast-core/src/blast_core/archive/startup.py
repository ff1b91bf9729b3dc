"""What of a wheel runs when any Python starts: .pth files with code, sitecustomize, usercustomize."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["has_code", "is_startup_module", "is_utf8", "pth_fault", "pth_lines"]

_MODULES = ("sitecustomize", "usercustomize")


def is_startup_module(site_path: str) -> bool:
    """Tell whether a file, by its path below site-packages, is a module that the interpreter imports at its start."""
    first, slash, _ = site_path.partition("/")
    if first.endswith(".start") and not slash:
        # PEP 829: entry points that site.py calls.
        return True
    stem = first.partition(".")[0]
    return stem in _MODULES and (first == stem or first.endswith((".py", ".pyc", ".so", ".pyd")))


def is_utf8(content: bytes) -> bool:
    """Tell whether a .pth file can be read in every locale; site.py fails, and Python with it, where it can't be."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True


def pth_lines(content: bytes) -> tuple[str, ...]:
    """Return the lines of a .pth file that site.py would act on."""
    text = content.decode("utf-8-sig", errors="replace")
    return tuple(line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def has_code(lines: Iterable[str]) -> bool:
    """Tell whether site.py would execute one of the lines."""
    return any(line.startswith(("import ", "import\t")) for line in lines)


def pth_fault(lines: Iterable[str]) -> str:
    """Return why these lines are refused, or "": a path that is absolute or leads out of site-packages."""
    for line in lines:
        if line.startswith(("import ", "import\t")):
            continue
        path = line.strip().replace("\\", "/")
        if path.startswith("/") or path[1:2] == ":" or _climbs(path):
            return f"it adds {path[:80]!r} to sys.path, which lies outside the environment"
    return ""


def _climbs(path: str) -> bool:
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return True
    return False
