"""Which requirements a script or a notebook declares, and how it is written down as the metadata of PEP 723.

The first that is there counts: the block of PEP 723, ``__requires__``, comments under a known heading. What lines for
pip and the metadata of a notebook ask for is added. So whatever knows scripts with metadata (`blast_project.scripts`)
knows them all.

Where the requirements can't be told from the text alone, because ``...`` stands for what is imported, what they came to
is remembered beside the text, in ``scripts/read-KEY``: the text is compared, so nothing older answers. The hot path
reads it (`blast_project.script_key.find_reading`).
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.script_key import find_reading, reading_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.notebooks import Notebook

__all__ = [
    "Reading",
    "declared_text",
    "is_notebook",
    "read_declaration",
    "remember_reading",
    "remembered_text",
    "stand_in",
]


class Reading(NamedTuple):
    """What a script declares.

    Attributes:
        kind: ``PEP 723``, ``__requires__``, ``comments``, ``notebook`` or "" where it declares nothing.
        requirements: as written.
        index_url: where from; "" where it doesn't say.
        requires_python: a specifier; "" where it doesn't say.
        infers: what it imports is to be added.
        source: the Python that it is, for a notebook that of all cells.
        block: its text with the block of PEP 723, where that is how it declares.
    """

    kind: str
    requirements: tuple[str, ...] = ()
    index_url: str = ""
    requires_python: str = ""
    infers: bool = False
    source: str = ""
    block: str = ""


def is_notebook(path: str) -> bool:
    """Tell whether a file is a notebook, by its name."""
    return path.endswith(".ipynb")


def read_declaration(text: str, path: str, *, comments: bool = True) -> Reading:
    """Return what a script declares.

    Args:
        text: of the file.
        path: of the file; its ending tells whether it is a notebook.
        comments: whether comments count, which may be meant for people alone.

    Raises:
        InvalidManifest: it says something that is wrong.
    """
    if not is_notebook(path):
        return _read(text, path, comments=comments)
    from blast_project.notebooks import read_notebook

    notebook = read_notebook(text.encode("utf-8", "replace"), path)
    return _with_notebook(_read(notebook.source, path, comments=comments), notebook, path)


def _read(text: str, path: str, *, comments: bool) -> Reading:
    from blast_compat.script_metadata import read_block
    from blast_compat.script_requires import read_comments, read_requires

    block = read_block(text, path)
    if block is not None:
        from blast_compat.pyproject import parse_toml

        table = parse_toml("\n" * (block.first + 1) + block.toml, path)
        rows = table.get("dependencies", [])
        found = tuple(str(row) for row in rows) if isinstance(rows, list) else ()
        return Reading("PEP 723", found, requires_python=str(table.get("requires-python", "")), source=text, block=text)
    said = read_requires(text, path) or (read_comments(text) if comments else None)
    if said is None:
        return Reading("", source=text)
    return Reading(said.kind, said.requirements, said.index_url, infers=said.infers, source=text)


def _with_notebook(reading: Reading, notebook: Notebook, path: str) -> Reading:
    """Return what the cells declare with what lines for pip and metadata ask for."""
    added = [*notebook.requirements]
    if notebook.files:
        from blast_compat.requirements import read_requirements

        for name in notebook.files:
            file = read_requirements(os.path.join(os.path.dirname(os.path.abspath(path)), name), {})
            added += [*file.requirements, *file.unnamed]
    missing = [line for line in added if line not in reading.requirements]
    if not (missing or notebook.index_url or notebook.requires_python):
        return reading
    return reading._replace(
        kind=reading.kind or "notebook",
        requirements=(*reading.requirements, *missing),
        index_url=reading.index_url or notebook.index_url,
        requires_python=reading.requires_python or notebook.requires_python,
        block=_add_to_block(reading.block, missing) if reading.block else "",
    )


def _add_to_block(text: str, requirements: list[str]) -> str:
    from blast_compat.manifest_edit import add_requirements
    from blast_compat.script_metadata import read_block, write_block

    block = read_block(text, "")
    return write_block(text, add_requirements(block.toml, requirements, script=True)) if block is not None else text


def stand_in(reading: Reading) -> str:
    """Return a text with a block of PEP 723 that says what a script declares."""
    if reading.block:
        return reading.block
    import tomlkit

    from blast_compat.script_metadata import write_block

    made = tomlkit.document()
    if reading.requires_python:
        made["requires-python"] = reading.requires_python
    made["dependencies"] = list(reading.requirements)
    if reading.index_url:
        made["tool"] = {"blast": {"index": [{"name": "script", "url": reading.index_url, "default": True}]}}
    return write_block("", tomlkit.dumps(made))


def declared_text(home: str, path: str, text: str) -> str:
    """Return a text with a block of PEP 723 for a script; "" where it declares nothing.

    Args:
        home: BLAST_HOME.
        path: absolute, of the script.
        text: its own.

    Raises:
        InvalidManifest: it says something that is wrong.
        UsageError: it needs what it imports, and nobody found out yet what that is.
    """
    reading = read_declaration(text, path)
    if reading.kind and not reading.infers:
        return stand_in(reading)
    found = remembered_text(home, path, text)
    if reading.infers and not found:
        raise UsageError(
            f"{path} needs what it imports",
            reason="which distributions bring that is not known yet",
            hint=f"'blast run {os.path.basename(path)}' finds out",
        )
    return found


def remembered_text(home: str, path: str, text: str) -> str:
    """Return the stand-in that was remembered for a script's text; "" where none was, or the text is another."""
    return find_reading(home, path, text.encode("utf-8", "replace")).decode()


def remember_reading(home: str, path: str, text: str, made: str) -> None:
    """Remember what the text of a script came to.

    Args:
        home: BLAST_HOME.
        path: absolute, of the script.
        text: its own.
        made: its stand-in.
    """
    memo = reading_path(home, path)
    fs.make_directories(os.path.dirname(memo))
    content = text.encode("utf-8", "replace")
    fs.replace_file(memo, b"%d\n" % len(content) + content + made.encode(), durable=False)
