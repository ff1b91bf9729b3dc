"""Reading requirements.txt, as pip writes down what it is told to install.

A file is read into plain values; nothing is looked up and no index is asked. Paths to other files (``-r``, ``-c``) are
relative to the file that names them, everything else is kept as it is written.

Spec: pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import InvalidRequirement
from blast_core.requirements import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["RequirementsFile", "read_requirements"]

#: Options that say where or how to install, by what they are called here. Each takes a value.
_LOCATIONS = {
    "-i": "index_url",
    "--index-url": "index_url",
    "--pypi-url": "index_url",
    "--extra-index-url": "extra_index_urls",
    "-f": "find_links",
    "--find-links": "find_links",
    "-e": "editables",
    "--editable": "editables",
    "--no-binary": "no_binary",
    "--only-binary": "only_binary",
    "--trusted-host": "trusted_hosts",
}
_FLAGS = {"--no-index": "no_index", "--pre": "pre", "--require-hashes": "require_hashes"}
_FILES = {"-r": "requirement", "--requirement": "requirement", "-c": "constraint", "--constraint": "constraint"}
#: pip's options that change nothing here: speed and warnings.
_IGNORED_VALUES = ("--use-feature",)
_IGNORED_FLAGS = ("--prefer-binary", "--always-unzip", "-Z")
_REQUIREMENT_VALUES = ("--global-option", "--config-settings", "--config-setting", "-C", "--install-option")
_ARCHIVES = (".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar")
_NAME_SIGNS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DEEPEST = 32


class RequirementsFile(NamedTuple):
    """What a requirements file and the files it names say.

    Attributes:
        requirements: PEP 508, in the order of the files; a URL with ``#egg=NAME`` becomes ``NAME @ URL``.
        constraints: PEP 508, from ``-c`` files.
        index_url: the last ``--index-url``, "" for none.
        extra_index_urls: in order.
        find_links: in order, as written.
        editables: paths or URLs of ``-e``, as written.
        hashes: by requirement, the ``--hash`` values such as ``sha256:…``.
        unnamed: paths and URLs that do not say which project they are.
        origins: by requirement, the ``file:line`` it stands on first.
        no_binary: values of ``--no-binary``.
        only_binary: values of ``--only-binary``.
        trusted_hosts: values of ``--trusted-host``.
        no_index: whether ``--no-index`` is there.
        pre: whether ``--pre`` is there.
        require_hashes: whether ``--require-hashes`` is there.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    index_url: str
    extra_index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    editables: tuple[str, ...]
    hashes: dict[str, tuple[str, ...]]
    unnamed: tuple[str, ...]
    origins: dict[str, str]
    no_binary: tuple[str, ...]
    only_binary: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    no_index: bool
    pre: bool
    require_hashes: bool


class _Line(NamedTuple):
    """A logical line: continuations joined, comments gone."""

    path: str
    number: int
    text: str

    def fail(self, message: str, reason: str = "", hint: str = "") -> InvalidRequirement:
        return InvalidRequirement(
            f"{self.path}:{self.number}: {message}", reason=reason, hint=hint, file=self.path, line=self.number
        )


class _Findings:
    """What was read so far."""

    def __init__(self) -> None:
        self.requirements: list[str] = []
        self.constraints: list[str] = []
        self.unnamed: list[str] = []
        self.hashes: dict[str, tuple[str, ...]] = {}
        self.origins: dict[str, str] = {}
        self.values: dict[str, list[str]] = {name: [] for name in _LOCATIONS.values()}
        self.flags: set[str] = set()

    def freeze(self) -> RequirementsFile:
        values = {name: tuple(found) for name, found in self.values.items()}
        return RequirementsFile(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            index_url=(values["index_url"] or ("",))[-1],
            extra_index_urls=values["extra_index_urls"],
            find_links=values["find_links"],
            editables=values["editables"],
            hashes=self.hashes,
            unnamed=tuple(self.unnamed),
            origins=self.origins,
            no_binary=values["no_binary"],
            only_binary=values["only_binary"],
            trusted_hosts=values["trusted_hosts"],
            no_index="no_index" in self.flags,
            pre="pre" in self.flags,
            require_hashes="require_hashes" in self.flags,
        )


def read_requirements(
    path: str, environ: Mapping[str, str] | None = None, content: bytes | None = None
) -> RequirementsFile:
    """Read a requirements file and the files that it names.

    Args:
        path: of the file.
        environ: variables for ``${NAME}`` in the file; without it, and for unknown names, the text stays as it is.
        content: of the file itself, where it was read already, such as from standard input.

    Raises:
        InvalidRequirement: a file can't be read, or a line is none that pip would take; names file and line.
    """
    findings = _Findings()
    _read_file(os.fspath(path), "requirement", findings, environ or {}, (), content)
    return findings.freeze()


def _read_file(
    path: str,
    kind: str,
    findings: _Findings,
    environ: Mapping[str, str],
    above: tuple[str, ...],
    content: bytes | None = None,
) -> None:
    """Read one file into ``findings``; ``above`` are the files that led to it."""
    if "\0" in path:
        raise InvalidRequirement(f"{path!a} can't be read", reason="no path holds a zero byte", file=path)
    real = os.path.realpath(path)
    if real in above or len(above) > _DEEPEST:
        circle = " -> ".join(os.path.basename(each) for each in [*above, real])
        raise InvalidRequirement(f"{path} includes itself", reason=circle, file=path)
    for line in _logical_lines(path, _read_text(path, content)):
        expanded = line._replace(text=_expand(line.text, environ))
        if expanded.text.startswith("-"):
            _read_option(expanded, kind, findings, environ, (*above, real))
        else:
            _read_requirement(expanded, kind, findings)


def _read_text(path: str, content: bytes | None) -> str:
    try:
        if content is None:
            with open(path, "rb") as file:
                content = file.read()
    except OSError as error:
        raise InvalidRequirement(f"{path} can't be read", reason=error.strerror or str(error), file=path) from error
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequirement(f"{path} is not UTF-8", reason=str(error), file=path) from error


def _logical_lines(path: str, text: str) -> Iterator[_Line]:
    """Yield the lines that say something: a backslash at the end joins, ``#`` at the start or after a blank ends."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line[:-1]
            continue
        # pip ends a continued line at a comment line, and reads on behind it.
        content = _without_comment(joined if is_comment else joined + line).strip()
        if content:
            yield _Line(path, start, content)
        joined, start = "", 0
    content = _without_comment(joined).strip()
    if content:
        yield _Line(path, start, content)


def _without_comment(line: str) -> str:
    for at, sign in enumerate(line):
        if sign == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def _expand(text: str, environ: Mapping[str, str]) -> str:
    """Put values for ``${NAME}``; other forms are left alone, as pip leaves them."""
    parts = text.split("${")
    expanded = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        is_known = brace and name and _NAME_SIGNS.issuperset(name) and name in environ
        expanded.append(environ[name] + rest if is_known else "${" + part)
    return "".join(expanded)


def _split_words(line: _Line) -> list[str]:
    import shlex

    try:
        return shlex.split(line.text)
    except ValueError as error:
        raise line.fail(f"{line.text!r} can't be read", reason=str(error)) from error


def _read_option(
    line: _Line, kind: str, findings: _Findings, environ: Mapping[str, str], above: tuple[str, ...]
) -> None:
    """Read a line of options; there may be several."""
    words = _split_words(line)
    while words:
        option, value = _take_option(line, words)
        if option in _FLAGS:
            findings.flags.add(_FLAGS[option])
        elif option in _LOCATIONS:
            findings.values[_LOCATIONS[option]].append(value)
        elif option in _FILES:
            if "://" in value:
                reason = "a requirements file is read from this machine only"
                raise line.fail(f"{value} is not a file", reason, "fetch it and name the file")
            inner = "constraint" if kind == "constraint" else _FILES[option]
            _read_file(os.path.join(os.path.dirname(line.path), value), inner, findings, environ, above)


def _take_option(line: _Line, words: list[str]) -> tuple[str, str]:
    """Take an option and its value off ``words``: ``-r x``, ``-rx``, ``--requirement x`` or ``--requirement=x``."""
    word = words.pop(0)
    option, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2:
        option, equals, value = word[:2], "=", word[2:].removeprefix("=")
    if option in _FLAGS or option in _IGNORED_FLAGS:
        return option, ""
    if option not in _LOCATIONS and option not in _FILES and option not in _IGNORED_VALUES:
        raise line.fail(f"{option!r} is no option of a requirements file", hint="take the line out")
    if not equals:
        if not words:
            raise line.fail(f"{option} needs a value")
        value = words.pop(0)
    return option, value


def _read_requirement(line: _Line, kind: str, findings: _Findings) -> None:
    """Read a requirement with the options behind it, of which only hashes count."""
    words = line.text.split(" ")
    end = next((index for index, word in enumerate(words) if word.startswith("-") and index), len(words))
    text = " ".join(words[:end]).strip()
    hashes = _read_hashes(line, " ".join(words[end:]))
    named = _name_location(text)
    if named is None:
        if kind == "constraint":
            raise line.fail(f"{text!r} can't be a constraint", "it does not say which project it is")
        findings.unnamed.append(text)
        return
    try:
        parse_requirement(named)
    except InvalidRequirement as error:
        raise line.fail(error.message, error.reason, error.hint) from error
    (findings.constraints if kind == "constraint" else findings.requirements).append(named)
    findings.origins.setdefault(named, f"{line.path}:{line.number}")
    if hashes:
        findings.hashes[named] = findings.hashes.get(named, ()) + hashes


def _read_hashes(line: _Line, options: str) -> tuple[str, ...]:
    hashes = []
    words = _split_words(line._replace(text=options))
    while words:
        option, equals, value = words.pop(0).partition("=")
        if option != "--hash" and option not in _REQUIREMENT_VALUES:
            raise line.fail(f"{option!r} is no option of a requirement", hint="options stand on lines of their own")
        if not equals:
            if not words:
                raise line.fail(f"{option} needs a value")
            value = words.pop(0)
        if option == "--hash":
            algorithm, colon, digest = value.partition(":")
            if not colon or algorithm not in {"sha256", "sha384", "sha512"} or not digest.isalnum():
                raise line.fail(f"{value!r} is no hash", hint="write --hash=sha256:DIGEST")
            hashes.append(value)
    return tuple(hashes)


def _name_location(text: str) -> str | None:
    """Return a requirement as PEP 508: itself, or ``NAME @ URL`` for a URL that names its egg; None for no name."""
    location, semicolon, marker = text.partition(" ;") if " ;" in text else text.partition("; ")
    location = location.strip()
    is_url = "://" in location.partition("@")[0].partition(" ")[0]
    is_path = location.startswith((".", "/", "~")) or "\\" in location
    looks_like_file = location.lower().endswith(_ARCHIVES) and "@" not in location and " " not in location
    if not is_url and not is_path and not looks_like_file:
        return text
    url, _, fragment = location.partition("#")
    fields = [field for field in fragment.split("&") if field]
    eggs = [field.removeprefix("egg=") for field in fields if field.startswith("egg=")]
    if not is_url or not eggs:
        return None
    kept = "&".join(field for field in fields if not field.startswith("egg="))
    named = f"{eggs[0]} @ {url}" + (f"#{kept}" if kept else "")
    return f"{named} ; {marker.strip()}" if semicolon else named
