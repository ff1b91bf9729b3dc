"""Generations on disk: their numbers, what each says of itself, and which is current."""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_pm.store.durability import generation_boot
from blast_project.environment.layout import META, current_link, generations_directory, snapshot_file
from blast_project.environment.settled import META_FILE, is_doubtful, settle, settled_path, unsettled_boot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FIRST_COMMAND",
    "Generation",
    "Installed",
    "current_number",
    "is_doubtful",
    "list_numbers",
    "prune",
    "read_generation",
    "read_snapshots",
    "remove_leftovers",
    "settle",
    "settled_path",
    "snapshot_file",
    "stands_for",
    "unsettled_boot",
    "write_meta",
]

# What history says of the bare generation that comes before a project's first change.
FIRST_COMMAND = "init"

_FORMAT = 1


class Installed(NamedTuple):
    """A distribution of a generation.

    Attributes:
        name: normalised.
        version: as its metadata says.
        sha256: of its wheel: the key under which the store knows it.
        requested: somebody asked for it by name.
        direct_url: content of direct_url.json; empty for one from an index.
    """

    name: str
    version: str
    sha256: str
    requested: bool
    direct_url: bytes


class Generation(NamedTuple):
    """What a generation says of itself.

    Attributes:
        number: counts up in one environment.
        parent: the generation that was current when it was made; 0 for none.
        created: seconds since 1970.
        command: what made it.
        python: full version of its interpreter.
        executable: path of its interpreter.
        site_packages: below the environment.
        link_mode: how its files got there.
        installed: by name.
        snapshots: names of the project's files that are kept with it.
        options: digest of the options that it was made with; empty outside of projects.
    """

    number: int
    parent: int
    created: float
    command: str
    python: str
    executable: str
    site_packages: str
    link_mode: str
    installed: tuple[Installed, ...]
    snapshots: tuple[str, ...]
    options: bytes


def list_numbers(environment: str) -> list[int]:
    """Return the numbers of all complete generations, ascending."""
    try:
        names = os.listdir(generations_directory(environment))
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def current_number(environment: str) -> int:
    """Return the number of the current generation; 0 if there is none."""
    try:
        name = os.path.basename(os.readlink(current_link(environment)))
    except OSError:
        return 0
    standing = os.path.isdir(os.path.join(generations_directory(environment), name))
    return int(name) if name.isdecimal() and standing else 0


def write_meta(
    staging: str, generation: Generation, snapshots: dict[str, bytes], trees: dict[str, str] | None = None
) -> tuple[str, ...]:
    """Write what a generation says of itself into its staging directory, before it is published.

    Args:
        staging: the generation.
        generation: what it says.
        snapshots: the project's files of this moment, by name.
        trees: what it links to, by store; see ``blast_project.environment.leases``.

    Returns:
        The files that have to be flushed to the disk, below the generation.
    """
    from blast_project.environment.leases import OBJECTS

    directory = os.path.join(staging, META)
    fs.make_directory(directory)
    # Not flushed: what is lost of it, the list of distributions tells as well.
    fs.write_file(os.path.join(staging, OBJECTS), marshal.dumps(trees or {}))
    for name, content in snapshots.items():
        fs.write_file(os.path.join(directory, snapshot_file(name)), content)
    plain = generation._replace(installed=tuple(tuple(one) for one in generation.installed))  # type: ignore[misc]
    # With the start of the machine under which it was made, if it is not flushed as a whole.
    boot = generation_boot()
    content = marshal.dumps((_FORMAT, tuple(plain), boot))
    fs.write_file(os.path.join(directory, META_FILE), content)
    if boot:
        # The flushing renames it, and so makes nothing in a directory that somebody may be removing.
        fs.write_file(os.path.join(directory, "unsettled"), b"")
    return tuple(f"{META}/{name}" for name in (*map(snapshot_file, snapshots), META_FILE))


def read_generation(environment: str, number: int) -> Generation:
    """Return what a generation says of itself.

    Raises:
        InstallError: there is no such generation, or what it says can't be read.
    """
    path = os.path.join(generations_directory(environment), str(number), META, META_FILE)
    try:
        with open(path, "rb") as file:
            version, row, *_ = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast on this machine
        if version == _FORMAT:
            found = Generation._make(row)
            return found._replace(number=number, installed=tuple([Installed(*one) for one in found.installed]))
    except FileNotFoundError:
        raise InstallError(
            f"there is no generation {number} in {environment}",
            hint="'blast history' lists those that are kept",
        ) from None
    except (ValueError, EOFError, TypeError, MemoryError, OSError) as error:
        raise InstallError(f"what generation {number} says of itself can't be read", reason=str(error)) from error
    raise InstallError(f"generation {number} was made by another version of Blast", hint="'blast sync' makes a new one")


def read_snapshots(environment: str, generation: Generation) -> dict[str, bytes]:
    """Return the project's files that are kept with a generation, by name.

    Raises:
        InstallError: one is gone or can't be read.
    """
    directory = os.path.join(generations_directory(environment), str(generation.number), META)
    contents = {}
    for name in generation.snapshots:
        try:
            with open(os.path.join(directory, snapshot_file(name)), "rb") as file:
                contents[name] = file.read()
        except OSError as error:
            raise InstallError(
                f"what generation {generation.number} keeps of {name} can't be read",
                reason=error.strerror or str(error),
                hint="'blast sync' makes a generation of the present files; undo and redo pass by this one",
            ) from error
    return contents


def stands_for(environment: str, generation: Generation, contents: Mapping[str, bytes]) -> bool:
    """Tell whether going back to a generation would bring the project's files as they are.

    Args:
        environment: with the generation.
        generation: one that keeps none of the files stands for any.
        contents: the project's files of this moment, by name.
    """
    try:
        kept = read_snapshots(environment, generation) if generation.snapshots else contents
    except InstallError:
        return False
    return all(kept.get(name) == content for name, content in contents.items())


def prune(environment: str, keep: int) -> list[int]:
    """Remove the oldest generations but ``keep``, and return their numbers.

    The current generation always stays, and so does one in which a program runs.
    """
    directory = generations_directory(environment)
    numbers = list_numbers(environment)[:-keep]
    if not numbers:
        return []
    from blast_project.environment.reserving import reserve

    current = current_number(environment)
    removed = []
    for number in numbers:
        if number == current:
            continue
        with reserve(environment, number) as reserved:
            if not reserved:
                continue
            # Out of the list in one step: killed while it goes, none that is half there may be gone back to.
            leaving = os.path.join(directory, f".{number}.leaving")
            fs.rename(os.path.join(directory, str(number)), leaving)
            fs.remove_tree(leaving)
            removed.append(number)
    return removed


def remove_leftovers(environment: str) -> None:
    """Remove what killed commands left; the caller holds the lock, so nobody else is building."""
    directory = generations_directory(environment)
    for name in os.listdir(directory):
        if name.startswith("."):
            fs.remove_tree(os.path.join(directory, name))
