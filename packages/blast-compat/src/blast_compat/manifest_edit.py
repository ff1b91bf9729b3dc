"""Writing pyproject.toml: adding and removing requirements so that a person's comments, order and style stay.

tomlkit keeps the document, ``toml_arrays`` the one array that changes. After each edit the result is read by tomllib
and compared with what was meant: a document that an edit would damage is refused.
"""

from __future__ import annotations

from blast_compat.requirement_lists import adding, place_of, removing
from blast_compat.toml_arrays import quote_text, read_array, write_array
from blast_core.errors import InvalidManifest
from blast_core.names import normalize_name
from blast_core.version import check_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from tomlkit import TOMLDocument

    from blast_compat.toml_arrays import ArrayText

__all__ = [
    "add_index",
    "add_requirements",
    "new_manifest",
    "remove_requirements",
    "set_setting",
    "set_source",
    "set_version",
]

_KINDS = ("app", "lib", "package", "workspace")


def add_requirements(
    text: str, reqs: Sequence[str], *, group: str | None = None, extra: str | None = None, script: bool = False
) -> str:
    """Return a manifest with requirements added.

    A requirement takes the place of the one of its name; of several of its name, of the one with an equal marker. A new
    one goes where it belongs in a sorted list, and to the end of any other.

    Args:
        text: the manifest.
        reqs: requirements of PEP 508, written into the manifest as they are.
        group: the dependency group to add to, made if it does not exist.
        extra: the extra to add to, made if it does not exist; without both, ``project.dependencies``.
        script: the text is the metadata of a script (PEP 723), whose ``dependencies`` are meant.

    Raises:
        InvalidRequirement: one is not PEP 508.
        InvalidManifest: the manifest is not TOML, or has no place for them.
    """
    place = ("dependencies",) if script else place_of(group, extra)
    return _edit_array(text, place, adding(reqs), create=True)


def remove_requirements(
    text: str,
    names: Collection[str],
    *,
    group: str | None = None,
    extra: str | None = None,
    script: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """Return a manifest without the requirements of some names, and the requirements that were removed, as written.

    A comment behind a removed requirement goes with it; comments on lines of their own stay.

    Args:
        text: the manifest.
        names: names of projects, in any spelling.
        group: the dependency group to remove from.
        extra: the extra to remove from; without both, ``project.dependencies``.
        script: the text is the metadata of a script (PEP 723), whose ``dependencies`` are meant.

    Raises:
        InvalidManifest: the manifest is not TOML.
    """
    removed: list[str] = []
    place = ("dependencies",) if script else place_of(group, extra)
    return _edit_array(text, place, removing(names, removed), create=False), tuple(removed)


def set_source(text: str, name: str, source: Mapping[str, object] | None) -> str:
    """Return a manifest whose ``[tool.blast.sources]`` says where ``name`` comes from; None takes the entry away.

    Args:
        text: the manifest.
        name: a project's name; an entry in another spelling is the same.
        source: such as ``{"path": "../lib", "editable": True}``.

    Raises:
        InvalidManifest: the manifest is not TOML, or can't be edited without damage.
    """
    import tomlkit

    document = _parse(text)
    expected = document.unwrap()
    keys = ("tool", "blast", "sources")
    if source is None:
        table: Any = document
        for key in keys:
            table = table.get(key, {})
        for key in _same_name(table, name):
            del table[key]
            del expected["tool"]["blast"]["sources"][key]
        return _checked(document, expected)
    table, plain, made = _descend(document, expected, keys)
    existing = _same_name(table, name)
    key = existing[0] if existing else normalize_name(name)
    value = tomlkit.inline_table()
    value.update(source)
    table[key] = value
    plain[key] = dict(source)
    return _checked(document, expected, made)


def add_index(text: str, name: str, url: str) -> str:
    """Return a manifest whose first ``[[tool.blast.index]]`` has this address, or the one of the same name, if any has.

    Args:
        text: the manifest.
        name: of the index.
        url: its address, or a path from the manifest's directory.

    Raises:
        InvalidManifest: the manifest is not TOML, or can't be edited without damage.
    """
    import tomlkit

    document = _parse(text)
    expected = document.unwrap()
    table: Any = document
    plain = expected
    for key in ("tool", "blast"):
        if key not in plain:
            # Without a header of its own: all that stands in it are tables.
            table[key] = tomlkit.table(is_super_table=True)
            plain[key] = {}
        table, plain = table[key], plain[key]
        if not isinstance(plain, dict):
            raise _refusal()
    for row, plain_row in zip(table.get("index", ()), plain.get("index", ()), strict=True):
        if plain_row.get("name") == name:
            row["url"] = plain_row["url"] = url
            return _checked(document, expected)
    added = tomlkit.table()
    added.update({"name": name, "url": url})
    rows = plain.setdefault("index", [])
    rows.insert(0, {"name": name, "url": url})
    if len(rows) == 1:
        table["index"] = tomlkit.aot()
        table["index"].append(added)
    else:
        # What stands there follows at once: tomlkit puts no line between them.
        added.add(tomlkit.nl())
        table["index"].insert(0, added)
    return _checked(document, expected, ["[[tool.blast.index]]"] if len(rows) == 1 else ())


def set_version(text: str, version: str) -> str:
    """Return a manifest whose ``project.version`` is ``version``; how it is quoted and its comment stay.

    Raises:
        InvalidManifest: the manifest is not TOML, has no ``project.version``, or can't be edited without damage.
    """
    import tomlkit
    from tomlkit.items import String

    document = _parse(text)
    expected = document.unwrap()
    project = document.get("project", {})
    before = project.get("version")
    if not isinstance(before, String):
        raise InvalidManifest("project.version is not in the manifest", hint='write version = "0.1.0" below [project]')
    after = tomlkit.string(version, literal=before.as_string().startswith("'"))
    after.trivia.comment_ws, after.trivia.comment = before.trivia.comment_ws, before.trivia.comment
    after.trivia.trail = before.trivia.trail
    project["version"] = after
    expected["project"]["version"] = version
    return _checked(document, expected)


def set_setting(text: str, keys: tuple[str, ...], value: object) -> str:
    """Return a TOML document with the value at ``keys`` set, tables made as needed; None takes it out.

    Raises:
        InvalidManifest: the document is not TOML, or can't be edited without damage.
    """
    document = _parse(text)
    expected = document.unwrap()
    if value is None:
        table: Any = document
        plain: Any = expected
        for key in keys[:-1]:
            table, plain = table.get(key, {}), plain.get(key, {})
        if keys[-1] not in plain:
            return text
        del table[keys[-1]]
        del plain[keys[-1]]
        return _checked(document, expected)
    table, plain, made = _descend(document, expected, keys[:-1])
    table[keys[-1]] = value
    plain[keys[-1]] = value
    return _checked(document, expected, made)


def new_manifest(name: str, *, kind: str, requires_python: str, description: str = "", readme: bool = True) -> str:
    """Return the manifest of a new project.

    Args:
        name: a legal project name.
        kind: ``app``, which is run where it stands, ``lib``, which is built and installed, ``package``, the
            same with a command of its name, or ``workspace``, which holds other projects and is none itself.
        requires_python: a specifier set such as ``>=3.12``; "" for any.
        description: a line about it.
        readme: it has a README.md.

    Raises:
        InvalidRequirement: ``requires_python`` is not a specifier set.
        ValueError: another kind.
    """
    if kind not in _KINDS:
        raise ValueError(f"kind is {kind!r}, not one of {', '.join(_KINDS)}")
    check_specifier(requires_python)
    if kind == "workspace":
        return '[tool.blast.workspace]\nmembers = ["packages/*"]\n\n[dependency-groups]\ndev = []\n'
    lines = [
        "[project]",
        f"name = {quote_text(name)}",
        'version = "0.1.0"',
        f"description = {quote_text(description)}",
        *(['readme = "README.md"'] if readme else []),
        *([f"requires-python = {quote_text(requires_python)}"] if requires_python else []),
        "dependencies = []",
    ]
    if kind == "package":
        lines += ["", "[project.scripts]", f'{name} = "{name.replace("-", "_")}:main"']
    if kind in {"lib", "package"}:
        lines += ["", "[build-system]", 'requires = ["hatchling>=1.26"]', 'build-backend = "hatchling.build"']
    return "\n".join(lines) + "\n"


def _parse(text: str) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        return tomlkit.parse(text)
    except ParseError as error:
        raise InvalidManifest(f"line {error.line}: not TOML", reason=str(error), line=error.line) from error
    except (TOMLKitError, RecursionError) as error:
        raise InvalidManifest("the manifest is not TOML", reason=str(error)) from error


def _edit_array(text: str, place: tuple[str, ...], edit: Callable[[ArrayText], ArrayText], *, create: bool) -> str:
    """Change the array at ``place`` by ``edit`` and return the new document."""
    import tomlkit
    from tomlkit.items import Array

    document = _parse(text)
    expected = document.unwrap()
    _check_place(expected, place)
    if not create and not _exists(expected, place):
        return text
    table, plain, made = _descend(document, expected, place[:-1])
    existing = [place[-1]] if place[-1] in plain else _same_name(plain, place[-1])
    key = existing[0] if existing else place[-1]
    source = table[key].as_string() if existing else "[]"
    if existing and not isinstance(table[key], Array):
        raise InvalidManifest(f"{'.'.join(place)} must be an array of requirements", field=".".join(place))
    newline = "\r\n" if "\r\n" in text else "\n"
    before = read_array(source)
    after = edit(before)
    if after == before and existing:
        return text
    written = tomlkit.parse(f"array = {write_array(after, newline)}")["array"]
    table[key] = written
    plain[key] = written.unwrap()
    return _checked(document, expected, made, "" if existing else f"[{'.'.join(place[:-1])}]")


def _check_place(document: Mapping[str, Any], place: tuple[str, ...]) -> None:
    """Check that requirements may stand at ``place``: ``[project]`` exists and does not leave them to a backend."""
    if place[0] != "project":
        return
    project = document.get("project")
    if not isinstance(project, dict):
        raise InvalidManifest(
            "there is no [project] in the manifest",
            reason="its dependencies would have no place",
            hint="add [project] with a name and a version, or add to a group with --group",
        )
    if place[1] in project.get("dynamic", ()):
        raise InvalidManifest(
            f"project.{place[1]} is dynamic",
            reason="the build backend fills it in",
            hint=f"take {place[1]!r} out of project.dynamic first",
        )


def _exists(document: Mapping[str, Any], place: tuple[str, ...]) -> bool:
    table: Any = document
    for key in place[:-1]:
        table = table.get(key, {})
    return place[-1] in table or bool(_same_name(table, place[-1]))


def _descend(document: Any, plain: Any, keys: tuple[str, ...]) -> tuple[Any, Any, list[str]]:
    """Return the table at ``keys`` of the document and of its plain copy, both made if they do not exist.

    The third value is the header of the table that was made, if one was.
    """
    import tomlkit

    made = []
    for depth, key in enumerate(keys):
        if key not in plain:
            is_last = depth == len(keys) - 1
            try:
                document[key] = tomlkit.table(is_super_table=not is_last)
            except ValueError as error:
                # An inline table can't hold one of its own.
                raise _refusal() from error
            plain[key] = {}
            made = [f"[{'.'.join(keys)}]"]
        document, plain = document[key], plain[key]
        if not isinstance(plain, dict):
            raise InvalidManifest(f"{'.'.join(keys[: depth + 1])} must be a table")
    return document, plain, made


def _same_name(table: Mapping[str, Any], name: str) -> list[str]:
    """Return the keys of ``table`` that are spellings of ``name``."""
    return [key for key in table if normalize_name(key) == normalize_name(name)]


def _checked(document: TOMLDocument, expected: object, made: Sequence[str] = (), grown: str = "") -> str:
    """Return the document's text, its new parts set apart by empty lines, if it says what is expected."""
    import tomllib

    text = _set_apart(document.as_string(), made, grown)
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = {"error": error}
    if said != expected:
        raise _refusal()
    return text


def _refusal() -> InvalidManifest:
    return InvalidManifest(
        "the manifest can't be edited without damage",
        reason="its tables are written in a way that the editor does not understand",
        hint="write dotted keys and inline tables as tables of their own, such as [project], and try again",
    )


def _set_apart(text: str, made: Sequence[str], grown: str) -> str:
    """Put an empty line before and after each of the tables ``made``, and after the table ``grown``.

    Args:
        text: the document.
        made: headers of tables that were made: tomlkit puts them close to their neighbours.
        grown: header of a table that got a new last key, which tomlkit puts behind the empty lines at its end.
    """
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if "\r\n" in text else "\n"
    apart: list[str] = []
    header = ""
    for line in lines:
        if line.startswith("["):
            ends_apart = header in made or (header and header == grown)
            header = line.partition("#")[0].strip()
            if (ends_apart or header in made) and apart and apart[-1].strip():
                apart.append(newline)
        apart.append(line)
    if made and apart and not apart[-1].endswith("\n"):
        apart.append(newline)
    return "".join(apart)
