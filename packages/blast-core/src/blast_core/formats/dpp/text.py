"""A container in a form that a person, or a script, can read."""

from __future__ import annotations

from blast_core.formats.dpp import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.formats.dpp.reader import DppPackage

__all__ = ["describe", "inspect_json", "inspect_text"]

_FLAG_NAMES = (
    (layout.BYTECODE, "bytecode"),
    (layout.NATIVE, "native"),
    (layout.PURELIB, "purelib"),
    (layout.FOLDABLE, "foldable"),
    (layout.FROM_SDIST, "from-sdist"),
)


def describe(package: DppPackage) -> dict[str, object]:
    """Return every fact but the files, as plain values.

    Raises:
        FormatError: a field is damaged.
    """
    from blast_core.requirements import format_requirement

    return {
        "name": package.name,
        "version": package.version,
        "summary": package.summary,
        "requires_python": package.requires_python,
        "tags": list(package.tags),
        "flags": [name for flag, name in _FLAG_NAMES if package.flags & flag],
        "import_names": list(package.import_names),
        "requirements": [format_requirement(requirement) for requirement in package.requirements],
        "extras": list(package.provides_extras),
        "entry_points": [
            {"group": entry.group, "name": entry.name, "value": entry.value} for entry in package.entry_points
        ],
        "startup": list(package.startup),
        "warnings": list(package.warnings),
        "wheel": {
            "filename": package.wheel_filename,
            "sha256": package.wheel_sha256,
            "size": package.wheel_size,
            "dist_info": package.dist_info,
        },
        "size": package.size,
        "unpacked_size": package.unpacked_size,
        "native": [
            {
                "path": native.path,
                "soname": native.soname,
                "needed": list(native.needed),
                "rpaths": list(native.rpaths),
                "inside": native.inside,
            }
            for native in package.native
        ],
        "bytecode": [{"path": path, "cache_tag": tag, "size": len(pyc)} for path, tag, pyc in package.iter_bytecode()],
    }


def inspect_json(package: DppPackage) -> dict[str, object]:
    """Return the whole container as plain values, ready for ``json.dumps``.

    Raises:
        FormatError: a field is damaged.
    """
    files = [
        {
            "path": file.path,
            "scheme": file.scheme,
            "mode": f"{file.mode:o}",
            "codec": layout.CODEC_NAMES[file.codec],
            "stored_size": file.stored_size,
            "size": file.raw_size,
            "blake3": file.digest.hex(),
        }
        for file in package.files
    ]
    return describe(package) | {"files": files}


def inspect_text(package: DppPackage) -> str:
    """Return the container as text: the facts that are not empty, a line each, then the files.

    Raises:
        FormatError: a field is damaged.
    """
    return "".join(f"{line}\n" for line in _lines(package))


def _lines(package: DppPackage) -> Iterator[str]:
    facts = describe(package)
    for key, value in facts.items():
        label = key.replace("_", " ")
        if isinstance(value, list):
            yield from _list_lines(label, value)
        elif isinstance(value, dict):
            yield from (f"{label} {name.replace('_', ' ')}: {content}" for name, content in value.items())
        elif value != "":
            yield f"{label}: {value}"
    files = package.files
    yield f"files: {len(files)}"
    for file in files:
        scheme = "" if file.scheme == "root" else f" [{file.scheme}]"
        codec = layout.CODEC_NAMES[file.codec]
        executable = "x" if file.mode == 0o755 else "-"
        sizes = f"{file.stored_size:>9} {file.raw_size:>9}"
        yield f"  {executable} {sizes} {codec:<7} {file.digest.hex()[:12]} {file.path}{scheme}"


def _list_lines(label: str, values: list[object]) -> Iterator[str]:
    if values:
        yield f"{label}:"
    for value in values:
        shown = " ".join(f"{key}={content}" for key, content in value.items()) if isinstance(value, dict) else value
        yield f"  {shown}"
