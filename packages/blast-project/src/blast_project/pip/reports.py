"""What ``pip list``, ``freeze``, ``show`` and ``check`` say of a place, in pip's words.

Scripts read these texts, so they are pip's to the letter.
"""

from __future__ import annotations

import os

from blast_core.markers import evaluate_marker
from blast_core.names import normalize_name
from blast_core.requirements import format_requirement
from blast_core.tuples import NamedTuple
from blast_project.pip.inventory import DIST_INFO, EGG_LINK, read_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site

__all__ = [
    "Problem",
    "Shown",
    "find_problems",
    "freeze_line",
    "not_required",
    "seed_names",
    "show_distributions",
    "tabulate",
]


class Problem(NamedTuple):
    """Something that does not fit.

    Attributes:
        kind: ``missing``, ``conflict``, ``python``, ``platform`` or ``metadata``.
        name: of the distribution that complains.
        version: its own.
        words: a line for people.
    """

    kind: str
    name: str
    version: str
    words: str


def seed_names(python: str) -> frozenset[str]:
    """Return what comes with an environment of pip's: ``freeze`` leaves it out, and ``sync`` leaves it alone."""
    major, minor = (int(part) for part in python.split(".")[:2])
    return frozenset(("pip",)) if (major, minor) >= (3, 12) else frozenset(("pip", "setuptools", "distribute", "wheel"))


def tabulate(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is the heads, as pip prints it."""
    if len(rows) < 2:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    ruled = (rows[0], ["-" * width for width in widths], *rows[1:])
    return "\n".join(" ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() for row in ruled)


def not_required(rows: Sequence[InstalledDistribution], site: Site) -> list[InstalledDistribution]:
    """Return those that no other one needs."""
    needed = {need.name for row in rows for need in _needs(row, site)}
    return [row for row in rows if row.key not in needed]


def _needs(row: InstalledDistribution, site: Site) -> list[Requirement]:
    """Return the requirements of a distribution that hold here without any extra."""
    environment = site.interpreter.target.marker_environment
    return [
        need for need in read_facts(row).requirements if not need.marker or evaluate_marker(need.marker, environment)
    ]


# freeze


def freeze_line(row: InstalledDistribution, environ: Mapping[str, str]) -> str:
    """Return the line, or lines, by which a requirements file gets the distribution again."""
    plain = f"{row.name}=={row.version}"
    location = row.editable_location
    if location:
        return _editable_line(row, os.path.normcase(os.path.abspath(location)), plain, environ)
    document = row.direct_url
    return f"{row.name} @ {_direct_reference(document)}" if document else plain


def _direct_reference(document: Mapping[str, object]) -> str:
    """Return the address of PEP 440 that says what direct_url.json says (PEP 610)."""
    url, fragments = str(document["url"]), []
    for key in ("vcs_info", "archive_info"):
        details = document.get(key)
        if not isinstance(details, dict):
            continue
        if key == "vcs_info":
            url = f"{details.get('vcs')}+{url}@{details.get('commit_id')}"
        elif details.get("hash"):
            fragments.append(str(details["hash"]))
    if document.get("subdirectory"):
        fragments.append(f"subdirectory={document['subdirectory']}")
    return url + ("#" + "&".join(fragments) if fragments else "")


def _editable_line(row: InstalledDistribution, location: str, plain: str, environ: Mapping[str, str]) -> str:
    top = _git(location, environ, "rev-parse", "--show-toplevel")
    if not top:
        return f"# Editable install with no version control ({plain})\n-e {location}"
    remotes = _git(location, environ, "config", "--get-regexp", r"remote\..*\.url").splitlines()
    if not remotes:
        return f"# Editable Git install with no remote ({plain})\n-e {location}"
    chosen = next((line for line in remotes if line.startswith("remote.origin.url ")), remotes[0])
    url, commit = chosen.split(" ", 1)[1].strip(), _git(location, environ, "rev-parse", "HEAD")
    if "://" not in url:
        host, colon, path = url.partition(":")
        if os.path.exists(url):
            url = f"file://{os.path.abspath(url)}"
        elif colon and "/" not in host:
            url = f"ssh://{host}/{path}"
    name = row.name.replace("-", "_")
    below = os.path.relpath(location, top).replace(os.sep, "/")
    return f"-e git+{url}@{commit}#egg={name}" + (f"&subdirectory={below}" if below != "." else "")


def _git(directory: str, environ: Mapping[str, str], *words: str) -> str:
    """Return what git says of a directory; "" where it is no repository, or there is no git."""
    import subprocess

    clean = {key: value for key, value in environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", directory, *words],  # noqa: S607 - the user's own
            capture_output=True,
            text=True,
            check=False,
            env=clean,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


# show


class Shown(NamedTuple):
    """A distribution as ``pip show`` has it.

    Attributes:
        row: the distribution.
        fields: heads of its metadata by their names in lower case, the first of each.
        requires: names of what it needs, as written.
        required_by: names of those that need it.
        files: paths relative to ``row.directory``; None where nothing lists them.
    """

    row: InstalledDistribution
    fields: Mapping[str, str]
    requires: tuple[str, ...]
    required_by: tuple[str, ...]
    files: tuple[str, ...] | None

    def lines(self, *, verbose: bool, files: bool) -> list[str]:
        """Return pip's lines."""
        field = self.fields.get
        home = field("home-page", "") or _homepage(field("project-url", ""))
        lines = [
            f"Name: {self.row.name}",
            f"Version: {self.row.version}",
            f"Summary: {field('summary', '')}",
            f"Home-page: {home}",
            f"Author: {field('author', '')}",
            f"Author-email: {field('author-email', '')}",
        ]
        if field("license-expression") and _version_of(field("metadata-version", "")) >= (2, 4):
            lines.append(f"License-Expression: {field('license-expression')}")
        else:
            lines.append(f"License: {field('license', '')}")
        lines.append(f"Location: {self.location}")
        if self.row.editable_location:
            lines.append(f"Editable project location: {self.row.editable_location}")
        lines += [f"Requires: {', '.join(self.requires)}", f"Required-by: {', '.join(self.required_by)}"]
        if verbose:
            lines += self._more()
        if files:
            listed = ["Cannot locate RECORD or installed-files.txt"]
            listed = listed if self.files is None else [f"  {path}" for path in self.files]
            lines += ["Files:", *listed]
        return lines

    @property
    def location(self) -> str:
        """The directory that its modules are in."""
        return os.path.dirname(self.row.info) if self.row.kind == EGG_LINK else self.row.directory

    def _more(self) -> list[str]:
        points = (self.row.read("entry_points.txt") or "").splitlines()
        return [
            f"Metadata-Version: {self.fields.get('metadata-version', '')}",
            f"Installer: {self.row.installer}",
            "Classifiers:",
            *(f"  {line}" for line in self.fields.get("classifier", "").splitlines()),
            "Entry-points:",
            *(f"  {line.strip()}" for line in points),
            "Project-URLs:",
            *(f"  {line}" for line in self.fields.get("project-url", "").splitlines()),
        ]


def _version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _homepage(urls: str) -> str:
    """Return the project's home page among its labelled addresses."""
    for line in urls.splitlines():
        label, _, url = line.partition(",")
        if "".join(char for char in label.lower() if char.isalnum()) == "homepage":
            return url.strip()
    return ""


def show_distributions(
    rows: Sequence[InstalledDistribution], names: Iterable[str], site: Site
) -> tuple[list[Shown], list[str]]:
    """Return the distributions that are named, in that order, and the names of those that there are not."""
    known = {row.key: row for row in rows}
    wanted = [(name, normalize_name(name)) for name in names]
    missing = sorted(name for name, key in wanted if key not in known)
    needs = {row.key: [need.name for need in _needs(row, site)] for row in rows}
    shown = []
    for _, key in wanted:
        if key not in known:
            continue
        row = known[key]
        fields, spelled = _read_fields(row, site)
        required_by = sorted((other.name for other in rows if key in needs[other.key]), key=str.lower)
        files = _listed_files(row)
        shown.append(Shown(row, fields, tuple(sorted(spelled, key=str.lower)), tuple(required_by), files))
    return shown, missing


def _read_fields(row: InstalledDistribution, site: Site) -> tuple[dict[str, str], set[str]]:
    """Return the heads of the metadata, repeated ones by lines, and the names of requirements as they are written."""
    from email.parser import Parser

    with open(row.metadata_path, encoding="utf-8", errors="surrogateescape") as file:
        message = Parser().parse(file, headersonly=True)
    fields: dict[str, str] = {}
    for key in dict.fromkeys(name.lower() for name in message):
        values = [str(value) for value in message.get_all(key, [])]
        fields[key] = "\n".join(values) if key in ("classifier", "project-url") else values[0]
    holding = {need.name for need in _needs(row, site)}
    spelled = {_name_of(str(line)) for line in message.get_all("requires-dist", [])}
    if not spelled:
        return fields, holding
    return fields, {name for name in spelled if normalize_name(name) in holding}


def _name_of(line: str) -> str:
    end = next((at for at, sign in enumerate(line) if not (sign.isalnum() or sign in "-_.")), len(line))
    return line[:end]


def _listed_files(row: InstalledDistribution) -> tuple[str, ...] | None:
    import csv

    record = row.read("RECORD")
    if record is not None:
        return tuple(sorted(cells[0] for cells in csv.reader(record.splitlines()) if cells))
    listed = row.read("installed-files.txt")
    if listed is None:
        return None
    base = os.path.relpath(row.info, row.directory)
    return tuple(sorted(os.path.normpath(os.path.join(base, line)) for line in listed.splitlines() if line))


# check


def find_problems(rows: Sequence[InstalledDistribution], site: Site) -> list[Problem]:
    """Return what does not fit together, in pip's order: what is missing, what conflicts, what can't run here."""
    from blast_core.version.specifiers import SpecifierSet

    known = {row.key: row for row in rows}
    missing: list[Problem] = []
    conflicts: list[Problem] = []
    others: list[Problem] = []
    for row in rows:
        facts = read_facts(row)
        if facts.invalid:
            words = f"{row.name} {row.version} has metadata that can't be read: {facts.invalid}"
            others.append(Problem("metadata", row.name, row.version, words))
        if facts.requires_python and not _contains(facts.requires_python, site.interpreter.version):
            words = f"{row.name} {row.version} requires Python {facts.requires_python}, but this is"
            words = f"{words} {site.interpreter.version}."
            others.append(Problem("python", row.name, row.version, words))
        if not _is_supported(row, site):
            words = f"{row.name} {row.version} is not supported on this platform"
            others.append(Problem("platform", row.name, row.version, words))
        needs = _needs(row, site)
        for name in sorted({need.name for need in needs} - known.keys()):
            words = f"{row.key} {row.version} requires {name}, which is not installed."
            missing.append(Problem("missing", row.name, row.version, words))
        for need in sorted(needs):
            there = known.get(need.name)
            if there is None or not need.specifier:
                continue
            if not SpecifierSet(need.specifier).contains(there.version, prereleases=True):
                words = f"{row.key} {row.version} has requirement {_said(need)},"
                words = f"{words} but you have {there.key} {there.version}."
                conflicts.append(Problem("conflict", row.name, row.version, words))
    return [*missing, *conflicts, *others]


def _said(need: Requirement) -> str:
    """Return a requirement as pip writes it: its clauses sorted."""
    clauses = ",".join(sorted(need.specifier.split(",")))
    return format_requirement(need._replace(specifier=clauses))


def _contains(specifier: str, version: str) -> bool:
    from blast_core.errors import BlastError
    from blast_core.version.specifiers import SpecifierSet

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except BlastError:
        return True


def _is_supported(row: InstalledDistribution, site: Site) -> bool:
    """Tell whether the tags of its WHEEL are among those of the interpreter (PEP 425)."""
    wheel = row.read("WHEEL") if row.kind == DIST_INFO else None
    if not wheel:
        return True
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    known = frozenset(site.interpreter.target.tags)
    expanded = {
        f"{python}-{abi}-{platform}"
        for tag in tags
        if tag.count("-") == 2
        for pythons, abis, platforms in (tag.split("-"),)
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    }
    return not expanded or not known.isdisjoint(expanded)
