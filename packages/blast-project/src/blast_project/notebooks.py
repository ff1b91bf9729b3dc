"""What notebooks (``.ipynb``) say of their requirements: in their cells, in lines for pip, and in their metadata.

    %pip install rich httpx        !pip install -q rich        !{sys.executable} -m pip install rich
    "metadata": {"requirements": {"packages": {"rich": ">=13"}, "requires": {"python_version": "3.12"}}}

The second is what jupyterlab-requirements writes, an object or its text; a list of requirements is read, too.
"""

from __future__ import annotations

from typing import Any

from blast_core.errors import InvalidManifest, InvalidRequirement
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Notebook", "program_path", "read_notebook"]

_INDEX_OPTIONS = ("-i", "--index-url", "--default-index")
# Options of pip's with a value that says nothing of what is needed.
_WITH_VALUE = frozenset(
    ("-c", "--constraint", "-f", "--find-links", "-t", "--target", "--extra-index-url", "--python", "--prefix",
     "--root", "--src", "--platform", "--progress-bar", "--upgrade-strategy", "--cache-dir", "--timeout", "--proxy",
     "--trusted-host", "--log", "--no-binary", "--only-binary")
)  # fmt: skip


class Notebook(NamedTuple):
    """What is read of a notebook.

    Attributes:
        source: its cells of code, one behind the other, without what is IPython's.
        requirements: of lines for pip, and of its metadata.
        files: requirement files that lines for pip name.
        index_url: that a line for pip names; "" for none.
        requires_python: a specifier of its metadata; "" for none.
    """

    source: str
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    index_url: str = ""
    requires_python: str = ""


def program_path() -> str:
    """Return the path of the program that runs notebooks: any interpreter's, before the notebook's own path."""
    from blast_runtime import notebook

    return str(notebook.__file__)


def read_notebook(content: bytes, path: str) -> Notebook:
    """Return what a notebook says.

    Raises:
        InvalidManifest: it is no notebook, or its metadata are wrong.
    """
    import json

    from blast_runtime.notebook import read_cells

    try:
        document = json.loads(content)
        cells = read_cells(document)
        # JSON has texts that are none.
        source = "\n".join(cell.source for cell in cells).encode().decode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidManifest(f"{path} can't be read as a notebook", reason=str(error), file=path) from error
    rows = [_of_magic(magic) for cell in cells for _, magic in cell.magics]
    named, requires_python = _of_metadata(document.get("metadata"), path)
    return Notebook(
        source,
        tuple(dict.fromkeys([line for row in rows for line in row.requirements] + named)),
        tuple(name for row in rows for name in row.files),
        next((row.index_url for row in rows if row.index_url), ""),
        requires_python,
    )


def _of_magic(line: str) -> Notebook:
    """Return what a line for pip asks for; words that only a running notebook knows are left out."""
    import shlex

    try:
        words = shlex.split(line.lstrip("%!").strip(), comments=True)
    except ValueError:
        words = line.split()
    if "install" not in words[:5] or "pip" not in (word.rpartition("/")[2] for word in words[: words.index("install")]):
        return Notebook("")
    requirements, files, index_url = [], [], ""
    rest = iter(words[words.index("install") + 1 :])
    for word in rest:
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in _INDEX_OPTIONS:
            index_url = value if equals else next(rest, "")
        elif option in ("-r", "--requirement"):
            files.append(value if equals else next(rest, ""))
        elif option in _WITH_VALUE:
            value = value if equals else next(rest, "")
        elif word.startswith("-r") and len(word) > 2:
            files.append(word[2:])
        elif _is_requirement(word):
            requirements.append(word)
    return Notebook("", tuple(requirements), tuple(filter(None, files)), index_url)


def _is_requirement(word: str) -> bool:
    if word.startswith("-") or any(sign in word for sign in "{}$"):
        return False
    if "://" in word or word.startswith(("./", "../", "git+")):
        return True
    try:
        parse_requirement(word)
    except InvalidRequirement:
        return False
    return True


def _of_metadata(metadata: Any, path: str) -> tuple[list[str], str]:
    """Return the requirements of a notebook's metadata, and its specifier of Pythons."""
    import json

    found = metadata.get("requirements") if isinstance(metadata, dict) else None
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            found = found.splitlines()
    if isinstance(found, list):
        return _checked([row for row in found if isinstance(row, str) and row.strip()], path), ""
    if not isinstance(found, dict):
        return [], ""
    packages, requires = found.get("packages"), found.get("requires")
    lines = list(_packages(packages)) if isinstance(packages, dict) else []
    version = requires.get("python_version") if isinstance(requires, dict) else None
    return _checked(lines, path), f"=={version}.*" if isinstance(version, str) and version else ""


def _packages(packages: dict[str, Any]) -> Iterator[str]:
    """Yield requirements from a table as of a Pipfile."""
    for name, value in packages.items():
        table = value if isinstance(value, dict) else {"version": value}
        version = str(table.get("version") or "*")
        extras = table.get("extras")
        inside = f"[{','.join(map(str, extras))}]" if isinstance(extras, list) and extras else ""
        marker = f"; {table['markers']}" if isinstance(table.get("markers"), str) else ""
        yield f"{name}{inside}{'' if version in ('*', '') else version}{marker}"


def _checked(lines: Sequence[str], path: str) -> list[str]:
    for line in lines:
        try:
            parse_requirement(line)
        except InvalidRequirement as error:
            raise InvalidManifest(
                f"{path}: its metadata require '{line}'", reason=error.reason or str(error), file=path
            ) from error
    return list(lines)
