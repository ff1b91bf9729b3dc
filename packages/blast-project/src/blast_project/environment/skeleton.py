"""What makes a directory a virtual environment: pyvenv.cfg, the interpreter's links, the links to what is current.

Spec: PEP 405. Everything that belongs to a generation lies in it, pyvenv.cfg too, so that the rename of one link
switches all of it; the environment itself holds only links with one and the same target for ever.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.tuples import NamedTuple
from blast_project.environment.layout import META

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_core.interpreter import Interpreter

__all__ = [
    "Traits",
    "link_entries",
    "read_traits",
    "unlink_stale_entries",
    "write_generation_files",
    "write_markers",
]

_POINTER = ".blast/current/"
_ASIDE = ".blast/aside"
_SYSTEM = "include-system-site-packages"
# What is below is a trait, and a file that Python reads at its start after all others there.
_BELOW, _BELOW_FILE = "blast-below", "zzz_blast_below.pth"
# Of the prompt: it was asked for, and is no project's name.
_CHOSEN_PROMPT = "blast-prompt"
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
_MARKERS = {
    ".gitignore": b"*\n",
    "CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n",
}


class Traits(NamedTuple):
    """What whoever made an environment chose, and its generations hand on.

    Attributes:
        prompt: what an activated shell shows; empty for the project's name or the directory's.
        system_site_packages: what is installed in the interpreter itself is seen, too.
        below: site-packages of another environment, whose packages are seen behind the own ones; "" for none.
    """

    prompt: str = ""
    system_site_packages: bool = False
    below: str = ""


_PLAIN = Traits()


def read_traits(generation: str) -> Traits:
    """Return the traits of a generation, as its pyvenv.cfg has them; none if there is none."""
    values = {}
    try:
        with open(os.path.join(generation, "pyvenv.cfg"), encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                key, _, value = line.partition("=")
                values[key.strip()] = value.strip()
    except OSError:
        return Traits()
    prompt = values.get("prompt", "") if values.get(_CHOSEN_PROMPT) == "true" else ""
    return Traits(prompt, values.get(_SYSTEM, "").lower() == "true", values.get(_BELOW, ""))


def write_generation_files(
    staging: str, environment: str, interpreter: Interpreter, prompt: str, traits: Traits = _PLAIN
) -> tuple[str, ...]:
    """Write into a generation: pyvenv.cfg, the interpreter's links and the activation scripts.

    A program started through the resolved path of a generation finds a complete environment there too.

    Args:
        staging: the generation; its directory of scripts is there.
        environment: where the environment will be found.
        interpreter: the environment's.
        prompt: what an activated shell shows; "" for the name of the project's directory.
        traits: what was chosen for all generations.

    Returns:
        The files that have to be flushed to the disk, below the generation.
    """
    from blast_pm.store.durability import generation_boot
    from blast_project.environment.activate import ACTIVATION_NAMES, write_activation

    scripts = os.path.join(staging, interpreter.scripts)
    minor = ".".join(interpreter.version.split(".")[:2])
    fs.symlink(interpreter.executable, os.path.join(scripts, "python"))
    for name in _aliases(interpreter.implementation, minor, interpreter.variant):
        fs.symlink("python", os.path.join(scripts, name))
    shown = traits.prompt or prompt or _default_prompt(environment)
    fs.write_file(os.path.join(staging, "pyvenv.cfg"), _configuration(interpreter, shown, traits))
    write_activation(scripts, environment, shown)
    if traits.below:
        line = f"import site; site.addsitedir({traits.below!r})\n"
        fs.write_file(os.path.join(staging, interpreter.site_packages, _BELOW_FILE), line.encode())
    # What is lost of scripts that a mark doubts is noticed.
    flushed = () if generation_boot() else ACTIVATION_NAMES
    return ("pyvenv.cfg", *(f"{interpreter.scripts}/{name}" for name in flushed))


def _aliases(implementation: str, minor: str, variant: str) -> tuple[str, ...]:
    names = ("python3", f"python{minor}", *([f"python{minor}{variant}"] if variant else ()))
    return (*names, "pypy", "pypy3", f"pypy{minor}") if implementation == "pypy" else names


def write_markers(environment: str) -> None:
    """Write what tells git and backups to pass an environment over, where it is missing."""
    for name, content in _MARKERS.items():
        path = os.path.join(environment, name)
        if not os.path.lexists(path):
            # Never half there: nobody would write it again.
            fs.replace_file(path, content, durable=False)


def link_entries(environment: str, generation: str, note: Callable[[str], None]) -> None:
    """Link every entry of a generation from the environment: before the switch, so that none is missing after it.

    What others put in the way, such as a ``share`` that pip made, is moved into ``.blast/aside``.

    Args:
        environment: where the links belong.
        generation: whose entries they lead to.
        note: is told what was moved.
    """
    for name in sorted(os.listdir(generation)):
        if name != META:
            _ensure_link(environment, name, _POINTER + name, note)
    if os.name != "nt":
        _ensure_link(environment, "lib64", "lib", note)


def unlink_stale_entries(environment: str, generation: str) -> None:
    """Remove links of the environment whose entry the current generation does not have."""
    for name in os.listdir(environment):
        path = os.path.join(environment, name)
        if _target(path) == _POINTER + name and not os.path.lexists(os.path.join(generation, name)):
            fs.unlink(path)


def _configuration(interpreter: Interpreter, prompt: str, traits: Traits) -> bytes:
    lines = [
        f"home = {os.path.dirname(interpreter.executable)}",
        f"implementation = {_IMPLEMENTATIONS.get(interpreter.implementation, interpreter.implementation)}",
        f"version_info = {interpreter.version}",
        f"{_SYSTEM} = {'true' if traits.system_site_packages else 'false'}",
        # The file has one line per key, whatever a directory is called.
        f"prompt = {''.join(character if character.isprintable() else '?' for character in prompt)}",
        f"executable = {interpreter.executable}",
        "blast = 1",
        *([f"{_CHOSEN_PROMPT} = true"] if traits.prompt else ()),
        *([f"{_BELOW} = {traits.below}"] if traits.below else ()),
    ]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _default_prompt(environment: str) -> str:
    name = os.path.basename(environment)
    return os.path.basename(os.path.dirname(environment)) if name in {".venv", "venv"} else name


def _ensure_link(environment: str, name: str, target: str, note: Callable[[str], None]) -> None:
    path = os.path.join(environment, name)
    found = _target(path)
    if found == target:
        return
    if found is None and os.path.lexists(path):
        aside = os.path.join(environment, _ASIDE)
        fs.make_directories(aside)
        moved = f"{aside}/{name}-{os.urandom(4).hex()}"
        fs.rename(path, moved)
        note(f"{path} was not made by Blast and stood in the way; it is now {moved}")
    fs.replace_symlink(path, target)


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None
