"""What is run: from the words of ``blast run`` to the line of a program, and to the script whose requirements count.

This is the one place that turns what is run into requirements; every way of running starts from its `Runnable`.
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.script_reading import Reading
    from blast_project.session import Session

__all__ = ["Runnable", "Wish", "find_runnable", "read_lines_of", "read_runnable"]

_PYTHON = (".py", ".pyw", ".ipynb")
# Programs that would run the file by running Blast again.
_OURS = frozenset(("blast", "bx", "pip-run"))


class Wish(NamedTuple):
    """What the options and words of a command say of what is run.

    Attributes:
        words: the command and its arguments; none for a prompt.
        module: the first word is a module's name.
        script: the first word is a script, whatever its name ends with.
        insecure_hosts: hosts from which a script may come without encryption.
        infer: what a script imports is what it needs, where it declares nothing.
        project: a project around counts.
        with_: names of what is asked for besides.
    """

    words: tuple[str, ...]
    module: bool = False
    script: bool = False
    insecure_hosts: Sequence[str] = ()
    infer: bool = False
    project: bool = True
    with_: Sequence[str] = ()


class Runnable(NamedTuple):
    """What is run.

    Attributes:
        words: as `blast_project.running.command_line` takes them; of a script, what follows its interpreter.
        script: absolute path of a script that says what it needs; "" for anything else.
        text: of a script, or one that says the same in the block of PEP 723, where its file does not.
        is_input: the program was on standard input, from which it has been read.
        source: what was read there.
        requirements: of the first file among the arguments, where no project counts.
        index_url: that it names; "" for none.
    """

    words: tuple[str, ...]
    script: str = ""
    text: str = ""
    is_input: bool = False
    source: str = ""
    requirements: tuple[str, ...] = ()
    index_url: str = ""


def find_runnable(session: Session, wish: Wish) -> Runnable:
    """Find out what is run; a script that is at an address is fetched.

    Raises:
        UsageError: there is no such script, or it would come without encryption.
        IndexAccessError: it can't be had.
        InvalidManifest: what it says of its requirements is wrong.
    """
    if not wish.words:
        return Runnable(_prompt(session, wish))
    if wish.module:
        return _of_program(session, wish, ("-m", *wish.words))
    if wish.words[0] == "-":
        return _of_input(session, wish)
    path = _script_path(session, wish)
    return _of_script(session, wish, path) if path else _of_program(session, wish, wish.words)


def read_runnable(session: Session, path: str, *, infer: bool) -> Reading:
    """Return what the script or notebook at a path declares, what is inferred filled in.

    Raises:
        UsageError: there is no such file, or nobody knows what brings a module that it imports.
        InvalidManifest: what it says is wrong.
    """
    from blast_project.script_reading import read_declaration
    from blast_project.scripts import find_script

    absolute = find_script(path)
    text = _text_of(absolute)
    return _inferred(session, read_declaration(text, absolute), absolute, infer=infer)


def read_lines_of(session: Session, name: str, *, infer: bool) -> tuple[str, ...]:
    """Return the requirements of a file: of requirements, a manifest, a script or a notebook.

    Args:
        session: services.
        name: the file, relative to the settings' directory.
        infer: what a script imports is what it needs, where it declares nothing.

    Raises:
        UsageError: there is no such file, or it has no requirements.
        InvalidRequirement, InvalidManifest: a line is wrong.
    """
    path = os.path.join(session.settings.directory, name)
    if not name.endswith(_PYTHON) and not (os.path.isfile(path) and _shebang(path)):
        from blast_project.requirement_files import read_file

        return read_file(session.settings, name).lines
    return read_runnable(session, path, infer=infer).requirements


def _prompt(session: Session, wish: Wish) -> tuple[str, ...]:
    """Return the line of a prompt: IPython's where that is asked for."""
    ignored = session.settings.environ.get("BLAST_IPYTHON_MODE", "") == "ignore"
    return ("python", "-m", "IPython") if "ipython" in wish.with_ and not ignored else ("python",)


def _of_input(session: Session, wish: Wish) -> Runnable:
    from blast_project.script_inputs import read_standard_input
    from blast_project.script_reading import read_declaration, stand_in

    source = read_standard_input()
    path = os.path.join(session.settings.directory, "stdin")
    reading = read_declaration(source, path, comments=not _has_project(session, wish))
    reading = _inferred(session, reading, path, infer=wish.infer)
    if reading.kind:
        return Runnable(wish.words, path, stand_in(reading), is_input=True, source=source)
    return Runnable(("python", *wish.words), is_input=True, source=source)


def _of_script(session: Session, wish: Wish, path: str) -> Runnable:
    from blast_project.script_reading import (
        is_notebook,
        read_declaration,
        remember_reading,
        remembered_text,
        stand_in,
    )

    rest = wish.words[1:]
    words: tuple[str, ...] = (path, *rest)
    absolute, home = os.path.abspath(path), session.settings.home
    text = _text_of(absolute)
    if is_notebook(path):
        from blast_project.notebooks import program_path

        words = (program_path(), *words)
    reading = read_declaration(text, absolute, comments=wish.script or not _has_project(session, wish))
    if reading.kind == "PEP 723" and reading.block == text:
        return Runnable(words, absolute)
    is_inferred = reading.infers or (wish.infer and not reading.kind)
    made = remembered_text(home, absolute, text) if is_inferred and not session.settings.refresh else ""
    if not made:
        reading = _inferred(session, reading, absolute, infer=wish.infer)
        made = stand_in(reading) if reading.kind else ""
        if made and session.keeps and (is_inferred or reading.kind == "__requires__"):
            remember_reading(home, absolute, text, made)
    if made:
        return Runnable(words, absolute, made)
    return Runnable(wish.words if _has_own_interpreter(wish, path) else ("python", *words))


def _of_program(session: Session, wish: Wish, words: tuple[str, ...]) -> Runnable:
    """Return a program; outside of projects, the first file among its arguments may say what is needed."""
    if words[0].startswith("!") or _has_project(session, wish):
        return Runnable(words)
    file = next((word for word in words[1:] if _is_file(word)), "")
    if not file or not (file.endswith(_PYTHON) or _shebang(file)):
        return Runnable(words)
    from blast_project.script_reading import read_declaration

    absolute = os.path.abspath(file)
    reading = read_declaration(_text_of(absolute), absolute, comments=False)
    reading = _inferred(session, reading, absolute, infer=wish.infer)
    return Runnable(words, requirements=reading.requirements, index_url=reading.index_url)


def _inferred(session: Session, reading: Reading, path: str, *, infer: bool) -> Reading:
    """Return a reading with what the imports tell, where that is to be added."""
    if not (reading.infers or (infer and not reading.kind)):
        return reading
    from blast_project.inference import infer_requirements

    found = infer_requirements(session, reading.source, path, reading.index_url, reading.requirements)
    return reading._replace(kind=reading.kind or "imports", requirements=(*reading.requirements, *found), infers=False)


def _script_path(session: Session, wish: Wish) -> str:
    """Return the path of the script that is run, as it was typed where that is one; "" where it is no script."""
    from blast_project.script_inputs import fetch_script, is_address

    first = wish.words[0]
    if is_address(first):
        return fetch_script(session, first, wish.insecure_hosts)
    if wish.script:
        from blast_project.scripts import find_script

        return find_script(first)
    if first.startswith("!"):
        return ""
    if first.endswith(_PYTHON):
        return first if _is_file(first) else ""
    # Without an ending it is one by its first line; a word without a directory is looked for on PATH.
    return first if os.sep in first and _is_file(first) and _shebang(first) else ""


def _has_own_interpreter(wish: Wish, path: str) -> bool:
    """Tell whether a script that declares nothing is a program by its first line, which says what runs it."""
    return not wish.script and not path.endswith(_PYTHON) and _shebang(path) not in _OURS


def _shebang(path: str) -> str:
    """Return which program a file's first line names if that is Python, Blast or pip-run: the name's last part."""
    try:
        with open(path, "rb") as file:
            line = file.readline(256)
    except OSError:
        return ""
    line = line.removeprefix(b"\xef\xbb\xbf")
    if not line.startswith(b"#!"):
        return ""
    for word in line[2:].decode("utf-8", "replace").split():
        name = word.rpartition("/")[2]
        if name in _OURS or name.startswith("python"):
            return name
    return ""


def _text_of(path: str) -> str:
    with open(path, "rb") as file:
        return file.read().decode("utf-8-sig", "replace")


def _is_file(word: str) -> bool:
    try:
        return os.path.isfile(word)
    except ValueError:
        # A program behind -c may hold anything.
        return False


def _has_project(session: Session, wish: Wish) -> bool:
    from blast_project.project import find_root

    return wish.project and find_root(session.settings.directory) is not None
