"""A distribution about to be uploaded: read, checked as an index would check it, and turned into the upload's form.

Spec: core metadata 2.4 (PEP 639, PEP 643), PEP 625 and PEP 427 (file names), PEP 740 (attestations); the form is that
of the upload API which indexes share.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from blast_core.errors import ArchiveRejected
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Artifact", "check_description", "form_of", "read_artifact"]

_LARGEST_METADATA = 8 << 20
# Field of the form by the name that packaging gives a field of METADATA, where the two differ.
_RENAMED = {"platforms": "platform", "supported_platforms": "supported_platform", "license_files": "license_file"}
_UNSENT = frozenset(("import_names", "import_namespaces"))
_ATTESTATION = ".publish.attestation"


class Artifact(NamedTuple):
    """A file to upload.

    Attributes:
        path: of the file.
        kind: ``sdist`` or ``bdist_wheel``.
        python: the wheel's Python tag, ``source`` for a source distribution.
        metadata: its METADATA or PKG-INFO as packaging reads it.
        sha256: of the file, in hex.
        blake2: BLAKE2b of 256 bits, in hex.
        size: in bytes.
        attestations: paths of the attestations that lie beside it.
    """

    path: str
    kind: str
    python: str
    metadata: Mapping[str, Any]
    sha256: str
    blake2: str
    size: int
    attestations: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """The file's name."""
        return os.path.basename(self.path)

    @property
    def name(self) -> str:
        """The project's name as METADATA spells it."""
        return str(self.metadata["name"])

    @property
    def version(self) -> str:
        """The version as METADATA spells it."""
        return str(self.metadata["version"])


def read_artifact(path: str) -> Artifact:
    """Return a distribution after all checks that need no network.

    Raises:
        ArchiveRejected: it is damaged, or its metadata is not what an index takes.
        RecordMismatch: a wheel's RECORD does not describe it.
        OSError: it can't be read.
    """
    filename = os.path.basename(path)
    if filename.endswith(".whl"):
        kind, python, content = "bdist_wheel", filename.removesuffix(".whl").split("-")[-3], _wheel_metadata(path)
    elif filename.endswith((".tar.gz", ".zip")):
        kind, python, content = "sdist", "source", _sdist_metadata(path)
    else:
        raise ArchiveRejected(f"{filename} is neither a wheel nor a source distribution", hint="leave it out")
    metadata = _checked(filename, content)
    _check_name(filename, kind, metadata)
    sha256, blake2 = _digests(path)
    beside = sorted(name for name in os.listdir(os.path.dirname(path) or ".") if name.startswith(filename + "."))
    attestations = tuple(os.path.join(os.path.dirname(path), name) for name in beside if name.endswith(_ATTESTATION))
    return Artifact(path, kind, python, metadata, sha256, blake2, os.path.getsize(path), attestations)


def check_description(artifact: Artifact) -> str:
    """Return what an index could not show of the project's description; "" if it can show all of it.

    Only reStructuredText can be wrong: Markdown and plain text always show something.
    """
    text = str(artifact.metadata.get("description", ""))
    kind = str(artifact.metadata.get("description_content_type", "")).partition(";")[0].strip().lower()
    if not text.strip() or kind in {"text/markdown", "text/plain"}:
        return ""
    import io

    import readme_renderer.rst

    warnings = io.StringIO()
    if readme_renderer.rst.render(text, stream=warnings) is not None:
        return ""
    return "; ".join(line for line in warnings.getvalue().splitlines() if line.strip()) or "it is no reStructuredText"


def form_of(artifact: Artifact, *, attestations: bool = True) -> tuple[tuple[str, str], ...]:
    """Return the fields of the upload's form except the file itself; names that repeat are lists.

    Raises:
        ArchiveRejected: an attestation is no JSON.
    """
    fields = [(":action", "file_upload"), ("protocol_version", "1")]
    for key, value in artifact.metadata.items():
        if key not in _UNSENT:
            fields += ((_RENAMED.get(key, key), text) for text in _texts(key, value))
    fields += [
        ("filetype", artifact.kind),
        ("pyversion", artifact.python),
        ("sha256_digest", artifact.sha256),
        ("blake2_256_digest", artifact.blake2),
    ]
    if attestations and artifact.attestations:
        fields.append(("attestations", _read_attestations(artifact.attestations)))
    return tuple(fields)


def _texts(key: str, value: object) -> Iterator[str]:
    if key == "keywords" and isinstance(value, list):
        yield ", ".join(value)
    elif isinstance(value, dict):
        yield from (f"{label}, {url}" for label, url in value.items())
    elif isinstance(value, list):
        yield from (str(item) for item in value)
    else:
        yield str(value)


def _wheel_metadata(path: str) -> bytes:
    from blast_core.archive.wheel import read_wheel

    wheel = read_wheel(path)
    wheel.close()
    return wheel.metadata_bytes


def _sdist_metadata(path: str) -> bytes:
    """Return PKG-INFO of an archive that is unpacked and checked as by whoever installs it."""
    from blast_core.scratch import scratch_directory
    from blast_pm.build.unpack import unpack_sdist

    with scratch_directory("publish") as place:
        info = os.path.join(unpack_sdist(path, place), "PKG-INFO")
        if not os.path.isfile(info) or os.path.getsize(info) > _LARGEST_METADATA:
            raise ArchiveRejected(f"{os.path.basename(path)} has no PKG-INFO of a usual size", hint="build it again")
        with open(info, "rb") as file:
            return file.read()


def _checked(filename: str, content: bytes) -> Mapping[str, Any]:
    from packaging import metadata
    from packaging.version import InvalidVersion, Version

    raw, unknown = metadata.parse_email(content)
    try:
        if Version(raw.get("metadata_version", "0")) < Version("2.4"):
            # setuptools writes it into older versions, which did not have it; an index refuses it there.
            raw.pop("license_files", None)
            unknown.pop("license-file", None)
    except InvalidVersion:
        pass
    if unknown:
        raise _rejected(filename, f"unknown or malformed fields {', '.join(sorted(unknown))}")
    try:
        metadata.Metadata.from_raw(raw)
    except (metadata.InvalidMetadata, ExceptionGroup) as error:
        reasons = getattr(error, "exceptions", (error,))
        raise _rejected(filename, "; ".join(sorted(str(each) for each in reasons))) from error
    return dict(raw)


def _rejected(filename: str, reason: str) -> ArchiveRejected:
    return ArchiveRejected(
        f"{filename} has metadata that an index refuses",
        reason=reason,
        hint="correct pyproject.toml, or upgrade the build backend, and build it again",
    )


def _check_name(filename: str, kind: str, metadata: Mapping[str, Any]) -> None:
    """Check that a source distribution is named after what it holds; of wheels the front door did."""
    from blast_core.version.keys import version_key
    from blast_pm.metadata.sdists import sdist_version

    if kind != "sdist":
        return
    version = sdist_version(filename, normalize_name(str(metadata["name"])))
    if version is None or version_key(version) != version_key(str(metadata["version"])):
        raise ArchiveRejected(
            f"{filename} is not what its name says",
            reason=f"it holds {metadata['name']} {metadata['version']}",
            hint="do not rename source distributions",
        )


def _digests(path: str) -> tuple[str, str]:
    from hashlib import blake2b, sha256

    one, other = sha256(), blake2b(digest_size=32)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            one.update(chunk)
            other.update(chunk)
    return one.hexdigest(), other.hexdigest()


def _read_attestations(paths: Sequence[str]) -> str:
    import json

    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                found.append(json.load(file))
        except ValueError as error:
            raise ArchiveRejected(f"{path} is no attestation", reason=f"it is no JSON: {error}") from error
    return json.dumps(found)
