"""What ``blast pip compile`` is asked for, what its files say, and what it answers."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_project.asking import Asked
    from blast_project.sources import SourceLoader

__all__ = ["CompileRequest", "Compiled", "Input"]


class CompileRequest(NamedTuple):
    """The options of ``blast pip compile``; paths are relative to the settings' directory.

    Attributes:
        files: of requirements, ``pyproject.toml``, or ``-`` for standard input.
        constraints: files with limits.
        output: the file that will be written; the pins that it holds are preferred.
        upgrade: they are not.
        hashes: write those of every file.
        annotate: say who asked.
        header: say how it was made.
        python_version: resolve for this Python.
        python_platform: resolve for this platform.
        upgrade_packages: pins of these are not preferred, and what a specifier says limits them.
        overrides: files with requirements that replace all others.
        style: of annotations, ``split`` or ``line``.
        strip_extras: write names without extras.
        emit_index_url: write which indexes are asked.
        emit_find_links: write ``--find-links``.
        emit_index: say below each pin which index has it.
        no_emit: names that are left out.
        universal: for every platform and Python from this one on, with markers.
        needs: resolve what the requirements need, too.
        extras: of a ``pyproject.toml``; ``:all:`` for all.
        groups: dependency groups, ``[FILE:]NAME``.
        command: what the header says.
        words: the command's own arguments, for the header.
        lock: write a ``pylock.toml``.
    """

    files: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    output: str = ""
    upgrade: bool = False
    hashes: bool = False
    annotate: bool = True
    header: bool = True
    python_version: str = ""
    python_platform: str = ""
    upgrade_packages: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    style: str = "split"
    strip_extras: bool = True
    emit_index_url: bool = False
    emit_find_links: bool = False
    emit_index: bool = False
    no_emit: tuple[str, ...] = ()
    universal: bool = False
    needs: bool = True
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    command: str = ""
    words: tuple[str, ...] = ()
    lock: bool = False


class Compiled(NamedTuple):
    """The text of the requirements file, and its pins as (name, version)."""

    text: str
    pins: tuple[tuple[str, str], ...]


class Input(NamedTuple):
    """What the files ask for.

    Attributes:
        rows: each thing asked for, and words for who asks, as annotations have them.
        named: the same as requirements, in the same order.
        constraints: limits, and words for where they stand.
        origins: words for where each stands, for messages.
        loader: reads addresses; None where there are none.
        preferred: pins of the output file, with their markers.
        interpreter: what it is for, or what builds for it.
    """

    rows: tuple[tuple[Asked, str], ...]
    named: tuple[Requirement, ...]
    constraints: tuple[tuple[Requirement, str], ...]
    origins: Mapping[Requirement, str]
    loader: SourceLoader | None
    preferred: tuple[Requirement, ...]
    interpreter: Interpreter
