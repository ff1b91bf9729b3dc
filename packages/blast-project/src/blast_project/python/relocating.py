"""What a build says of the place and the tools that it was made with, put right for where it is installed.

Builds are made below ``/install`` with a compiler of their own. Extension modules that are built here ask
``sysconfig`` for both, and programs that embed Python ask pkg-config.
"""

from __future__ import annotations

import os
import re

from blast_core import fs

__all__ = ["EXTERNALLY_MANAGED", "mark_managed", "relocate", "standard_libraries"]

_BUILT_BELOW = "/install"
# Of a build's own compiler this machine has only the one under the usual name.
_TOOLS = {
    "AR": (("/tools/llvm/bin/llvm-ar", "llvm-ar", "/usr/bin/*-gnu-ar"), "ar"),
    "CC": (("clang", "/usr/bin/*-gcc", "musl-clang"), "cc"),
    "CXX": (("clang++", "/usr/bin/*-g++"), "c++"),
    "BLDSHARED": (("clang", "/usr/bin/*-gcc", "musl-clang"), "cc"),
    "LDSHARED": (("clang", "/usr/bin/*-gcc", "musl-clang"), "cc"),
    "LDCXXSHARED": (("clang++", "/usr/bin/*-g++"), "c++"),
    "LINKCC": (("clang", "/usr/bin/*-gcc", "musl-clang"), "cc"),
}

#: What tells pip that another tool is in charge of an installation (PEP 668).
EXTERNALLY_MANAGED = """\
[externally-managed]
Error=This Python is managed by Blast. It is shared by all environments that are made with it,
 and so it is not for installing packages into.

 Make an environment instead: 'blast venv', or 'blast init' for a project.
"""


def relocate(installation: str, final: str) -> list[str]:
    """Rewrite the paths and the compiler in an unpacked installation, and return the files that were changed.

    Args:
        installation: where it is now.
        final: where it will be.
    """
    changed = []
    for path in _find(os.path.join(installation, "lib")):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            before = file.read()
        after = _with_prefix(before, final)
        if path.endswith(".py"):
            after = _with_tools(after)
        if after != before:
            fs.replace_file(path, after.encode("utf-8", "surrogateescape"), durable=False)
            changed.append(path)
    return changed


def _find(library: str) -> list[str]:
    found = [os.path.join(library, "pkgconfig", name) for name in _names(os.path.join(library, "pkgconfig"))]
    for directory in standard_libraries(os.path.dirname(library)):
        found += [os.path.join(directory, name) for name in _names(directory) if _is_sysconfig_data(name)]
    return sorted(path for path in found if path.endswith((".pc", ".py")) and not os.path.islink(path))


def _names(directory: str) -> list[str]:
    return os.listdir(directory) if os.path.isdir(directory) else []


def _is_sysconfig_data(name: str) -> bool:
    return name.startswith("_sysconfigdata_") and name.endswith(".py")


def _with_prefix(text: str, final: str) -> str:
    """Replace the build's prefix where it is the beginning of a path, and all of it."""
    begins = r"(?:(?<![\w./-])|(?<=-L)|(?<=-I))"
    return re.sub(rf"{begins}{re.escape(_BUILT_BELOW)}(?=[/'\"\s:]|$)", lambda _: final, text, flags=re.MULTILINE)


def _with_tools(text: str) -> str:
    for key, (names, here) in _TOOLS.items():
        alternatives = "|".join(re.escape(name).replace(r"\*", r"[\w-]+") for name in names)
        text = re.sub(rf"('{key}': ')(?:{alternatives})(?=[ '])", rf"\g<1>{here}", text)
    return text


def mark_managed(installation: str) -> None:
    """Write the file by which pip leaves an installation alone, beside its standard library."""
    for directory in standard_libraries(installation):
        path = os.path.join(directory, "EXTERNALLY-MANAGED")
        fs.replace_file(path, EXTERNALLY_MANAGED.encode(), durable=False)


def standard_libraries(installation: str) -> list[str]:
    """Return the directories of the standard library in an installation."""
    for library in ("lib", "Lib"):
        root = os.path.join(installation, library)
        if os.path.isfile(os.path.join(root, "os.py")):
            return [root]
        names = os.listdir(root) if os.path.isdir(root) else []
        found = [os.path.join(root, name) for name in names if os.path.isfile(os.path.join(root, name, "os.py"))]
        if found:
            return found
    return []
