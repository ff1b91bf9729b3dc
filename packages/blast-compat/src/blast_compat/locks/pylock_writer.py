"""Write pylock.toml. The text is built by hand: tomlkit would take seconds for the 4,000 files of a project."""

from __future__ import annotations

from blast_compat.locks import pylock_rules as rules
from blast_compat.locks.pylock_markers import LockMarkers, member_group
from blast_core.errors import BlastError, InvalidField
from blast_core.formats.dpl.check import check_lock
from blast_core.formats.dpl.model import canonical_lock
from blast_core.formats.dpl.packed_files import PackedFiles
from blast_core.formats.dpl.targets import named_lock_target, named_variant, variant_items
from blast_core.names import normalize_name
from blast_core.version import check_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from blast_core.formats.dpl.model import Lock, LockedFile, LockedPackage, LockedSource, LockTarget

    #: The standard tables as text, rows for what these can't tell, and whether there are such tables.
    _FileLines = tuple[str, tuple[str, ...], bool]

__all__ = ["input_hash_line", "show_index", "write_packages", "write_pylock"]

_HEAD = "# Written by Blast: change pyproject.toml and run `blast lock`. Format: PEP 751.\n"
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def write_pylock(lock: Lock, file_url: Callable[[LockedFile], str], *, is_canonical: bool = False) -> str:
    r"""Return the text of ``pylock.toml``.

    Args:
        lock: in any order; its ``text_hash`` is not written, because it is the hash of this text.
        file_url: the full URL of a file on this machine's indexes; not asked for packed files that were told before.
        is_canonical: it is in canonical order, and ``check_lock`` had nothing against it.

    Returns:
        The text, with ``\n`` at the end of each line.

    Raises:
        InvalidField: the lock breaks a law of ``check_lock``.

    Spec: PEP 751. Cost: some 25 ms for 241 packages with 4,000 files.
    """
    if not is_canonical:
        check_lock(lock)
        lock = canonical_lock(lock)
    return _Writer(lock, file_url).write()


def write_packages(
    lock: Lock, names: Collection[str], file_url: Callable[[LockedFile], str], bases: Mapping[str, str]
) -> dict[str, str]:
    """Return the tables of some packages as ``write_pylock`` writes them, by name.

    Args:
        lock: canonical; beside these packages it has what they lead to, of which only names, versions and targets
            count.
        names: of the packages.
        file_url: as for ``write_pylock``.
        bases: the file base of each index.
    """
    writer = _Writer(lock, file_url, bases)
    written: dict[str, str] = {}
    for package in lock.packages:
        if package.name in names:
            written[package.name] = written.get(package.name, "") + writer.package(package)
    return written


def input_hash_line(digest: bytes) -> str:
    """Return how the table of Blast begins."""
    return f'\n[tool.blast]\nformat = {rules.FORMAT}\ninput-hash = "{digest.hex()}"\n'


def show_index(name: str, base: str | None) -> str:
    """Return the row of an index; of one that no file is from nothing is told."""
    return _inline([("name", _quote(name)), *([("files", _quote(base))] if base is not None else [])])


class _Writer:
    def __init__(
        self, lock: Lock, file_url: Callable[[LockedFile], str], bases: Mapping[str, str] | None = None
    ) -> None:
        self._lock = lock
        self._file_url = file_url
        found = self._find_bases() if bases is None else bases
        self._bases = tuple(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair)))
        self._markers = LockMarkers(lock)
        self._standard_specifiers: dict[str, bool] = {"": False}
        self._locked: dict[str, list[LockedPackage]] = {}
        for package in lock.packages:
            self._locked.setdefault(package.name, []).append(package)

    def write(self) -> str:
        lines = [_HEAD, *self._head()]
        for package in self._lock.packages:
            lines += self._package(package)
        lines += self._tool()
        return "".join(lines)

    def package(self, package: LockedPackage) -> str:
        return "".join(self._package(package))

    def _find_bases(self) -> dict[str, str]:
        """Return the file base of each index as the URLs show it."""
        bases: dict[str, str] = {}
        for package in self._lock.packages:
            files = package.files
            if isinstance(files, PackedFiles) and files.index in bases:
                continue
            for file in files:
                if file.index and file.index not in bases:
                    url = self._file_url(file)
                    if url.endswith(file.path):
                        bases[file.index] = url.removesuffix(file.path)
        return bases

    def _head(self) -> Iterator[str]:
        lock = self._lock
        yield 'lock-version = "1.0"\n'
        if environments := self._markers.environments():
            yield f"environments = {_rows(map(_quote, environments))}\n"
        if self._is_standard_specifier(lock.requires_python):
            yield f"requires-python = {_quote(lock.requires_python)}\n"
        yield from _group_lines(lock)
        yield 'created-by = "blast"\n'
        if not lock.packages:
            yield "packages = []\n"

    def _package(self, package: LockedPackage) -> Iterator[str]:
        yield f"\n[[packages]]\nname = {_quote(package.name)}\n"
        if package.version:
            yield f"version = {_quote(package.version)}\n"
        if marker := self._markers.write(package.target_mask, package.group_mask).text:
            yield f"marker = {_quote(marker)}\n"
        if self._is_standard_specifier(package.requires_python):
            yield f"requires-python = {_quote(package.requires_python)}\n"
        if answers := self._answers(package):
            yield f"dependencies = {_rows(answers)}\n"
        lines, odd, is_standard = self._files(package)
        yield lines
        told = _told_source(package.source) if is_standard or package.source.kind != "registry" else None
        yield from self._package_tool(package, odd, told)

    def _files(self, package: LockedPackage) -> _FileLines:
        """Return what is told of a package's files; of packed ones what was told of them before."""
        files = package.files
        if not isinstance(files, PackedFiles) or package.source.kind != "registry":
            return self._write_files(package)
        said = (rules.FORMAT, package.name, package.version, self._bases)
        if files.told is not None and files.told[:-3] == said:
            lines, odd, is_standard = files.told[-3:]
            return lines, odd, is_standard
        found = self._write_files(package)
        files.tell((*said, *found))
        return found

    def _write_files(self, package: LockedPackage) -> _FileLines:
        standard, odd, source = self._split_files(package)
        lines = source
        if sdists := [row for filename, row in standard if not filename.endswith(".whl")]:
            lines += f"sdist = {sdists[0]}\n"
        if wheels := [row for filename, row in standard if filename.endswith(".whl")]:
            lines += f"wheels = {_rows(wheels)}\n"
        return lines, tuple(odd), bool(standard)

    def _split_files(self, package: LockedPackage) -> tuple[list[tuple[str, str]], list[str], str]:
        """Return the standard tables of the files, the rows for what these can't tell, and the source's table."""
        standard = []
        odd = []
        may_stand = package.source.kind == "registry"
        has_sdist = False
        for file in package.files:
            url = self._file_url(file)
            is_wheel = file.filename.endswith(".whl")
            if may_stand and (is_wheel or not has_sdist) and rules.is_standard_file(package, file.filename):
                has_sdist = has_sdist or not is_wheel
                time = rules.format_time(file.upload_time) if file.upload_time else ""
                standard.append((file.filename, _file_table(file, url, time)))
                if time == file.upload_time and rules.locate(url, self._bases) == (file.index, file.path):
                    continue
            odd.append(_odd_file(file))
        if standard:
            return standard, odd, ""
        if may_stand:
            file = package.files[0]
            return [], odd, _archive(self._file_url(file), "", file.sha256, "")
        return [], odd, _source_table(package.source)

    def _answers(self, package: LockedPackage) -> list[str]:
        """Return which other entries of the lock the package's requirements lead to, for the standard table."""
        needs = {need.name for need in package.dependencies}
        needs.update(need.name for extra, more in package.extras if ":" not in extra for need in more)
        rows = []
        for name in sorted(needs):
            locked = self._locked.get(name, ())
            if len(locked) == 1:
                rows.append(f"{{ name = {_quote(name)} }}")
            else:
                rows += [
                    f"{{ name = {_quote(name)}, version = {_quote(answer.version)} }}"
                    for answer in locked
                    if answer.target_mask & package.target_mask and answer.version
                ]
        return list(dict.fromkeys(rows))

    def _package_tool(self, package: LockedPackage, odd: Sequence[str], told: LockedSource | None) -> Iterator[str]:
        lock = self._lock
        lines = []
        if package.group_mask != 1:
            lines.append(f"groups = {_array(_named(package.group_mask, lock.groups))}\n")
        if not self._markers.write(package.target_mask, package.group_mask).exact:
            names = _named(package.target_mask, [target.name for target in lock.targets])
            lines.append(f"targets = {_array(names)}\n")
        if package.requires_python and not self._is_standard_specifier(package.requires_python):
            lines.append(f"requires-python = {_quote(package.requires_python)}\n")
        if package.source != told:
            pairs = zip(package.source._fields, package.source, strict=True)
            lines.append(f"source = {_inline((key, _quote(value)) for key, value in pairs if value)}\n")
        if package.dependencies:
            lines.append(
                f"requires = {_rows(_quote(rules.format_requirement(need)) for need in package.dependencies)}\n"
            )
        if odd:
            lines.append(f"files = {_rows(odd)}\n")
        if package.extras:
            lines.append("\n[packages.tool.blast.extras]\n")
            for extra, needs in package.extras:
                lines.append(f"{_quote(extra)} = {_rows(_quote(rules.format_requirement(need)) for need in needs)}\n")
        if lines:
            yield "\n[packages.tool.blast]\n" if lines[0][0] != "\n" else ""
            yield from lines

    def _tool(self) -> Iterator[str]:
        lock = self._lock
        bases = dict(self._bases)
        yield input_hash_line(lock.input_hash)
        if lock.requires_python and not self._is_standard_specifier(lock.requires_python):
            yield f"requires-python = {_quote(lock.requires_python)}\n"
        yield f"groups = {_array(lock.groups)}\n"
        indexes = [show_index(name, bases.get(name)) for name in lock.indexes]
        yield f"indexes = {_rows(indexes)}\n"
        yield f"targets = {_rows(map(_target, lock.targets))}\n"

    def _is_standard_specifier(self, specifier: str) -> bool:
        known = self._standard_specifiers.get(specifier)
        if known is None:
            try:
                check_specifier(specifier)
                known = True
            except BlastError:
                known = False
            self._standard_specifiers[specifier] = known
        return known


def _group_lines(lock: Lock) -> Iterator[str]:
    """Yield what can be chosen. What a workspace's members ask for is taken unasked where the root asks for nothing."""
    kinds = [group.partition(":") for group in lock.groups]
    extras = dict.fromkeys(normalize_name(name) for kind, _, name in kinds if kind == "extra")
    members = [member_group(group) for group in lock.groups if group.startswith("package:") and group.count(":") == 1]
    root = next((package for package in lock.packages if package.source.location == "."), None)
    unasked = members if root is not None and not root.dependencies else []
    groups = [name for kind, _, name in kinds if kind == "group"]
    groups += [member_group(group) for group in lock.groups if group.startswith("package:")]
    for key, names in (
        ("extras", list(extras)),
        ("dependency-groups", [name for name in groups if name not in unasked]),
        ("default-groups", unasked),
    ):
        if names:
            yield f"{key} = {_array(names)}\n"


def _target(target: LockTarget) -> str:
    """Return a target's name, or all of it where the name alone does not tell it."""
    if named_lock_target(target.name) == target:
        return _quote(target.name)
    items = variant_items(target)
    base = target.name.partition("+")[0]
    if items and named_variant(target.name, base, items) == target:
        rows = ("name", target.name), ("like", base), ("variant", ",".join(items))
        return _inline((key, _quote(text)) for key, text in rows)
    markers = ", ".join(f"[{_quote(variable)}, {_quote(value)}]" for variable, value in target.markers)
    texts = ("name", target.name), ("python-version", target.python_version), ("platform", target.platform)
    return _inline([*((key, _quote(text)) for key, text in texts), ("markers", f"[{markers}]")])


def _told_source(source: LockedSource) -> LockedSource:
    """Return what a reader makes of ``_source_table``."""
    kind, location, revision, below, digest = source
    is_archive = kind == "url" or (kind == "path" and digest)
    is_directory = kind in ("path", "editable", "workspace") and not is_archive
    return rules.standard_source(
        location if is_directory else None,
        (location if kind == "url" else "", location, digest) if is_archive else None,
        (location, revision) if kind == "git" else None,
        below,
        editable=kind != "path",
    )


def _source_table(source: LockedSource) -> str:
    kind, location, revision, below, digest = source
    if kind == "git":
        pairs = [("type", '"git"'), ("url", _quote(location)), ("commit-id", _quote(revision))]
        return f"vcs = {_inline([*pairs, *_below(below)])}\n"
    if kind == "url" or (kind == "path" and digest):
        return _archive(location if kind == "url" else "", location, digest, below)
    pairs = [("path", _quote(location)), *([] if kind == "path" else [("editable", "true")])]
    return f"directory = {_inline([*pairs, *_below(below)])}\n"


def _archive(url: str, path: str, digest: str, below: str) -> str:
    place = ("url", _quote(url)) if url else ("path", _quote(path))
    return f"archive = {_inline([place, ('hashes', _inline([('sha256', _quote(digest))])), *_below(below)])}\n"


def _below(subdirectory: str) -> list[tuple[str, str]]:
    return [("subdirectory", _quote(subdirectory))] if subdirectory else []


def _file_table(file: LockedFile, url: str, time: str) -> str:
    when = f", upload-time = {time}" if time else ""
    size = f", size = {file.size}" if file.size else ""
    name = "" if rules.url_names(url, file.filename) else f"name = {_quote(file.filename)}, "
    return f'{{ {name}url = {_quote(url)}{when}{size}, hashes = {{ sha256 = "{file.sha256}" }} }}'


def _odd_file(file: LockedFile) -> str:
    return _inline(
        [
            ("name", _quote(file.filename)),
            ("index", _quote(file.index)),
            ("path", _quote(file.path)),
            ("sha256", _quote(file.sha256)),
            ("size", str(file.size)),
            ("upload-time", _quote(file.upload_time)),
        ]
    )


def _named(mask: int, names: Iterable[str]) -> list[str]:
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{ {', '.join(f'{key} = {value}' for key, value in pairs)} }}"


def _array(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, values))}]"


def _rows(rows: Iterable[str]) -> str:
    body = "".join(f"    {row},\n" for row in rows)
    return f"[\n{body}]" if body else "[]"


def _quote(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidField("not Unicode text", field="string", value=ascii(text)) from error
    escaped = (_ESCAPES.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in text)
    return f'"{"".join(escaped)}"'
