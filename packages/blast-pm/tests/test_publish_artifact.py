"""What is read of a file to be uploaded, with twine as the oracle, and what is refused before anything is sent."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from blast_core.errors import ArchiveRejected, IntegrityError
from blast_pm.publish.artifact import check_description, form_of, read_artifact
from blast_pm.testing import make_wheel

_METADATA = """\
Metadata-Version: 2.1
Name: Demo.Project
Version: 1.0
Summary: What it does
Keywords: one,two
Author-Email: A B <a@example.org>
License-File: LICENSE
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Software Development
Project-URL: Home, https://example.org/demo
Project-URL: Source, https://example.org/source
Requires-Dist: beta>=1
Requires-Dist: gamma; extra == "more"
Provides-Extra: more
Requires-Python: >=3.9
Description-Content-Type: text/markdown

# Demo
"""


def write_sdist(directory: Path, text: str = _METADATA, name: str = "demo_project-1.0") -> Path:
    path = directory / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, content in ((f"{name}/PKG-INFO", text.encode()), (f"{name}/setup.py", b"")):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def twine_fields(path: Path) -> dict[str, object]:
    from twine.package import PackageFile
    from twine.repository import Repository

    package = PackageFile.from_filename(str(path), None)
    pairs = Repository._convert_metadata_to_list_of_tuples(package.metadata_dictionary())
    return grouped(pairs)


def grouped(pairs: object) -> dict[str, object]:
    fields: dict[str, list[str]] = {}
    for key, value in pairs:  # type: ignore[attr-defined]
        fields.setdefault(key, []).append(value)
    return {key: sorted(values) for key, values in fields.items()}


def test_the_form_is_the_one_that_twine_sends(tmp_path: Path) -> None:
    wheel = Path(make_wheel(tmp_path, "demo", "1.0", ["beta>=1"], extras=["more"]))
    for path in (write_sdist(tmp_path), wheel):
        ours = grouped(form_of(read_artifact(str(path))))
        theirs = twine_fields(path)
        assert ours.pop(":action") == ["file_upload"]
        assert ours.pop("protocol_version") == ["1"]
        # twine sends the name with other signs; indexes normalise it anyway.
        assert str(ours.pop("name")).lower().replace(".", "-") == str(theirs.pop("name")).lower().replace(".", "-")
        assert ours == theirs


def test_reads_what_the_file_is(tmp_path: Path) -> None:
    artifact = read_artifact(str(write_sdist(tmp_path)))
    assert (artifact.kind, artifact.python, artifact.name, artifact.version) == (
        "sdist",
        "source",
        "Demo.Project",
        "1.0",
    )
    wheel = read_artifact(str(make_wheel(tmp_path, "demo", "1.0")))
    assert (wheel.kind, wheel.python) == ("bdist_wheel", "py3")
    assert (len(wheel.sha256), len(wheel.blake2)) == (64, 64)


def test_attestations_that_lie_beside_are_sent(tmp_path: Path) -> None:
    path = write_sdist(tmp_path)
    (tmp_path / f"{path.name}.publish.attestation").write_text('{"version": 1}')
    artifact = read_artifact(str(path))
    assert json.loads(dict(form_of(artifact))["attestations"]) == [{"version": 1}]
    assert "attestations" not in dict(form_of(artifact, attestations=False))
    (tmp_path / f"{path.name}.publish.attestation").write_text("nothing")
    with pytest.raises(ArchiveRejected, match="is no attestation"):
        form_of(artifact)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Version: 1.0", "Version: one"), "is invalid"),
        (("Metadata-Version: 2.1", "Metadata-Version: 9.0"), "metadata"),
        (("Requires-Dist: beta>=1", "Requires-Dist: beta>>1"), "requires-dist"),
        (("Summary: What it does", "Summary: What\n  it does"), "summary"),
        (("Summary: What it does", "Colour: blue"), "colour"),
        (("Requires-Python: >=3.9", "Requires-Python: three"), "requires-python"),
    ],
)
def test_refuses_metadata_that_no_index_takes(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    path = write_sdist(tmp_path, _METADATA.replace(*change))
    with pytest.raises(IntegrityError) as caught:
        read_artifact(str(path))
    assert reason in f"{caught.value.message} {caught.value.reason}".lower()


def test_refuses_what_is_not_what_its_name_says(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected, match="is not what its name says"):
        read_artifact(str(write_sdist(tmp_path, name="demo_project-2.0")))
    other = tmp_path / "notes.txt"
    other.write_text("x")
    with pytest.raises(ArchiveRejected, match="neither a wheel nor"):
        read_artifact(str(other))


@pytest.mark.parametrize(
    ("kind", "text", "is_fine"),
    [
        ("text/markdown", "# Demo\n`broken", True),
        ("text/plain", "*", True),
        ("text/x-rst", "Demo\n====\n\nSome *text*.\n", True),
        ("text/x-rst", "Demo\n===\n\n.. nothing-known::\n\n   x\n", False),
        ("", "Demo\n=\n\n`broken <\n", False),
    ],
)
def test_descriptions_that_an_index_can_show(tmp_path: Path, kind: str, text: str, is_fine: bool) -> None:
    head = _METADATA.partition("\n\n")[0].replace("Description-Content-Type: text/markdown", "")
    typed = f"{head.strip()}\nDescription-Content-Type: {kind}\n" if kind else f"{head.strip()}\n"
    fault = check_description(read_artifact(str(write_sdist(tmp_path, f"{typed}\n{text}"))))
    assert (fault == "") == is_fine, fault
