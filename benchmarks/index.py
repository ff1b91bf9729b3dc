"""The pages of the benchmark's index, from what uv locked and what was fetched.

Every file that the real index has of a locked release is listed, with its real hash and size, so that locks are as
large as real ones. Fetched are only those that this platform installs, and one per distribution of other platforms.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from benchmarks.corpus import release_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Index", "read_index"]


class Index(NamedTuple):
    """What the server answers with.

    Attributes:
        pages: PEP 691 JSON by project.
        metadata: core metadata by the wheel's file name; also of wheels that were not fetched.
        wheels: folder of the fetched wheels.
    """

    pages: dict[str, bytes]
    metadata: dict[str, bytes]
    wheels: Path


def read_index(corpus: Path) -> Index:
    """Return the index over ``corpus``, a folder that `benchmarks.corpus.fetch_corpus` filled."""
    wheels = corpus / "wheels"
    of_release = {release_of(path.name): _read_metadata(path) for path in sorted(wheels.glob("*.whl"))}
    lock = tomllib.loads((corpus / "lock" / "uv.lock").read_text(encoding="utf-8"))
    entries: dict[str, list[dict[str, object]]] = {}
    metadata: dict[str, bytes] = {}
    for locked in lock["package"]:
        if "registry" not in locked["source"]:
            continue
        content = of_release[locked["name"], locked["version"]]
        for file in [*locked.get("wheels", []), *([locked["sdist"]] if "sdist" in locked else [])]:
            filename = unquote(file["url"].rpartition("/")[2])
            entries.setdefault(locked["name"], []).append(_make_entry(filename, file, content))
            if filename.endswith(".whl"):
                metadata[filename] = content
    pages = {name: json.dumps(_make_page(name, files)).encode() for name, files in entries.items()}
    return Index(pages, metadata, wheels)


def _make_page(name: str, files: list[dict[str, object]]) -> dict[str, object]:
    return {"meta": {"api-version": "1.1"}, "name": name, "files": files}


def _make_entry(filename: str, file: dict[str, object], metadata: bytes) -> dict[str, object]:
    algorithm, _, digest = str(file["hash"]).partition(":")
    entry: dict[str, object] = {
        "filename": filename,
        "url": f"../../files/{filename}",
        "hashes": {algorithm: digest},
        "yanked": False,
        **{key: file[key] for key in ("size", "upload-time") if key in file},
    }
    requires_python = message_from_bytes(metadata)["Requires-Python"]
    if requires_python:
        entry["requires-python"] = requires_python
    if filename.endswith(".whl"):
        entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
    return entry


def _read_metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [
            name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
        ]
        return archive.read(member)
