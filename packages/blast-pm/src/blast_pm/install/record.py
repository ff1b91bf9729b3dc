"""RECORD as it is in an environment: what is really there, links included.

Spec: recording installed projects (PEP 376). A directory that is a link is one row without digest and size, as RECORD's
own row is; pip and uv remove the link then and nothing behind it. Bytecode is not listed: pip and uv find it by its
source.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from blast_pm.install.merge import Member, MergedTree, Part, Places

__all__ = ["describe", "encode_path", "hash_file", "owned_rows", "read_record", "sort_rows"]

_NEITHER = ","


def read_record(content: bytes) -> dict[str, str]:
    """Return ``digest,size`` by path, as a wheel's RECORD has them; rows without digest are left out.

    The wheel was checked when it entered the store, so what can't be understood here is passed over: its file's digest
    is computed then.
    """
    text = content.decode("utf-8", "surrogateescape")
    if '"' in text:
        return _read_quoted(text)
    rows = {}
    for line in text.splitlines():
        path, _, rest = line.partition(",")
        if rest.startswith("sha256=") and rest.count(",") == 1:
            rows[path] = rest
    return rows


def _read_quoted(text: str) -> dict[str, str]:
    import csv

    try:
        rows = [row for row in csv.reader(text.splitlines()) if len(row) == 3]
    except csv.Error:
        return {}
    return {path: f"{digest},{size}" for path, digest, size in rows if digest.startswith("sha256=")}


def describe(content: bytes) -> str:
    """Return ``digest,size`` of a file's content."""
    from hashlib import sha256

    return _cells(sha256(content).digest(), len(content))


def hash_file(path: str) -> str:
    """Return ``digest,size`` of a file."""
    from hashlib import file_digest

    with open(path, "rb") as file:
        digest = file_digest(file, "sha256").digest()
        return _cells(digest, file.tell())


def _cells(digest: bytes, size: int) -> str:
    from base64 import urlsafe_b64encode

    return f"sha256={urlsafe_b64encode(digest).rstrip(b'=').decode()},{size}"


def encode_path(path: str) -> str:
    """Return a path as a CSV cell."""
    if "," in path or '"' in path:
        return '"' + path.replace('"', '""') + '"'
    return path


def sort_rows(rows: Mapping[str, str], own: str) -> bytes:
    """Return RECORD's text: rows by path, its own row last.

    Args:
        rows: ``digest,size`` by path relative to site-packages; "," for what has neither.
        own: path of the RECORD.
    """
    lines = [f"{encode_path(path)},{rows[path]}\n" for path in sorted(rows)]
    return "".join([*lines, f"{encode_path(own)},,\n"]).encode("utf-8", "surrogateescape")


def owned_rows(
    members: Sequence[Member],
    tree: MergedTree,
    places: Places,
    made: Mapping[int, Mapping[str, bytes]],
    scripts: Mapping[int, Mapping[str, bytes]],
) -> dict[int, dict[str, str]]:
    """Return RECORD's rows for some of the distributions of an environment.

    Args:
        members: all of them.
        tree: what the environment holds.
        places: of the environment.
        made: for the index of each one wanted: the files made for its .dist-info, by name.
        scripts: for the same: the programs made, by name.
    """
    rows: dict[int, dict[str, str]] = {}
    known = {}
    for owner, files in made.items():
        info = members[owner].plan.dist_info
        rows[owner] = {f"{info}/{name}": describe(content) for name, content in files.items()}
        known[owner] = _wheel_rows(members[owner])
    up = "../" * (places.site.count("/") + 1)
    for path, parts in tree.directories.items():
        prefix = _prefix(path, places.site, up)
        for part in parts:
            if part.owner in rows:
                rows[part.owner].update(_part_rows(members[part.owner], part, prefix, known[part.owner]))
    for name, (owner, number) in tree.scripts.items():
        if owner in rows:
            source = members[owner].plan.scripts[number][1]
            content = scripts[owner].get(name)
            digest = known[owner].get(source) if content is None else describe(content)
            rows[owner][f"{up}{places.scripts}/{name}"] = digest or hash_file(f"{members[owner].tree}/{source}")
    return rows


def _prefix(path: str, site: str, up: str) -> str:
    if path == site:
        return ""
    if path.startswith(site + "/"):
        return path[len(site) + 1 :] + "/"
    return f"{up}{path}/" if path else up


def _part_rows(member: Member, part: Part, prefix: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    files: Collection[str] = (*part.files, *part.copies)
    for name in files:
        inside = f"{part.source}/{name}" if part.source else name
        yield prefix + name, known.get(inside) or hash_file(f"{member.tree}/{inside}")
    for name in part.links:
        yield prefix + name, _NEITHER


def _wheel_rows(member: Member) -> dict[str, str]:
    try:
        with open(f"{member.tree}/{member.plan.dist_info}/RECORD", "rb") as file:
            return read_record(file.read())
    except FileNotFoundError:
        return {}
