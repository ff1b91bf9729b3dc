"""What is run: from the words of ``blast run`` to the line of a program, and to the script whose requirements count.

This is the one place that turns what is run into requirements; every way of running starts from its `Runnable`.
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.session import Session

__all__ = ["Runnable", "Wish", "find_runnable"]

_PYTHON = (".py", ".pyw")


class Wish(NamedTuple):
    """What the options and words of a command say of what is run.

    Attributes:
        words: the command and its arguments.
        module: the first word is a module's name.
        script: the first word is a script, whatever its name ends with.
        insecure_hosts: hosts from which a script may come without encryption.
    """

    words: tuple[str, ...]
    module: bool = False
    script: bool = False
    insecure_hosts: Sequence[str] = ()


class Runnable(NamedTuple):
    """What is run.

    Attributes:
        words: as `blast_project.running.command_line` takes them; of a script, what follows its interpreter.
        script: absolute path of a script that says what it needs; "" for anything else.
        text: of a script, where its file does not hold it.
        is_input: the program was on standard input, from which it has been read: it is ``text``.
    """

    words: tuple[str, ...]
    script: str = ""
    text: str = ""
    is_input: bool = False


def find_runnable(session: Session, wish: Wish) -> Runnable:
    """Find out what is run; a script that is at an address is fetched.

    Raises:
        UsageError: there is no such script, or it would come without encryption.
        IndexAccessError: it can't be had.
        InvalidManifest: what it says of its requirements is wrong.
    """
    first, *rest = wish.words
    if wish.module:
        return Runnable(("-m", *wish.words))
    if first == "-":
        return _of_input(session, wish)
    path = _script_path(session, wish)
    if not path:
        return Runnable(wish.words)
    from blast_project.scripts import has_metadata

    absolute = os.path.abspath(path)
    if has_metadata(absolute):
        return Runnable((path, *rest), absolute)
    return Runnable(("python", path, *rest))


def _of_input(session: Session, wish: Wish) -> Runnable:
    from blast_project.script_inputs import read_standard_input

    text = read_standard_input()
    if "# /// script" in text:
        return Runnable(wish.words, os.path.join(session.settings.directory, "stdin"), text, is_input=True)
    return Runnable(("python", *wish.words), "", text, is_input=True)


def _script_path(session: Session, wish: Wish) -> str:
    """Return the path of the script that is run, as it was typed where that is one; "" where it is no script."""
    from blast_project.script_inputs import fetch_script, is_address

    first = wish.words[0]
    if is_address(first):
        return fetch_script(session, first, wish.insecure_hosts)
    if wish.script:
        from blast_project.scripts import find_script

        return find_script(first)
    return first if first.endswith(_PYTHON) and os.path.isfile(first) else ""
