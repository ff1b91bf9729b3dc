"""Which files of a source tree decide what a build of it holds.

For an installation as a copy that is the whole tree. An editable installation points at the tree, so only what its
wheel itself holds counts: metadata, the version with the files it is read from, which packages there are, and sources
that a build compiles. ``cache-keys`` in ``[tool.blast]`` (or ``[tool.uv]``) of the tree replace that guess:

    [tool.blast]
    cache-keys = [{ file = "src/**/*.rs" }, { git = { commit = true } }, { env = "PROFILE" }]
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["TreeInputs", "editable_inputs", "inputs_are_manifest_only", "tree_inputs"]

_ALWAYS = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")
_NATIVE = (".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".h", ".hpp", ".pxd", ".pyx", ".rs")
_NATIVE_NAMES = ("CMakeLists.txt", "Cargo.lock", "Cargo.toml", "build.rs", "meson.build", "meson_options.txt")
# Their editable wheels point at the tree and hold nothing else of it.
_PURE_BACKENDS = frozenset(("flit_core", "hatchling", "pdm", "poetry", "uv_build"))
# Modules and files that backends read a version from.
_VERSION_NAMES = ("__about__.py", "__init__.py", "__version__.py", "_version.py", "version.py")
_VERSION_STEMS = ("VERSION", "version.txt")


class TreeInputs(NamedTuple):
    """A digest of the inputs of a build, and whether the manifest alone decided it."""

    digest: bytes
    only_manifest: bool


def tree_inputs(directory: str, environ: Mapping[str, str]) -> bytes:
    """Return 32 bytes over what a wheel of the tree is built from: all of it."""
    from blake3 import blake3

    from blast_pm.sources.trees import digest_tree, git_head

    document = _document(directory)
    head = git_head(directory) if _is_dynamic(document) else b""
    keys = _declared(directory, document, environ)
    return bytes(blake3(b"\0".join([digest_tree(directory), head, keys or b""])).digest())


def editable_inputs(directory: str, environ: Mapping[str, str]) -> TreeInputs:
    """Return what an editable wheel of the tree is built from."""
    from blake3 import blake3

    from blast_pm.sources.trees import digest_files, git_head

    document = _document(directory)
    declared = _declared(directory, document, environ)
    always = digest_files(directory, iter(_ALWAYS))
    if declared is not None:
        return TreeInputs(bytes(blake3(always + declared).digest()), only_manifest=False)
    if inputs_are_manifest_only(directory, document):
        return TreeInputs(always, only_manifest=True)
    paths = sorted(_guessed(directory, document))
    head = git_head(directory) if _is_dynamic(document) else b""
    content = digest_files(directory, iter(paths))
    listing = "\0".join(_packages(directory)).encode("utf-8", "surrogateescape")
    return TreeInputs(bytes(blake3(b"\0".join([always, content, listing, head])).digest()), only_manifest=False)


def inputs_are_manifest_only(directory: str, document: Mapping[str, Any] | None = None) -> bool:
    """Tell whether pyproject.toml alone decides the editable wheel: nothing dynamic, no script, nothing to compile."""
    found = document if document is not None else _document(directory)
    if "project" not in found or _is_dynamic(found) or _keys(found) is not None:
        return False
    if any(os.path.lexists(os.path.join(directory, name)) for name in _ALWAYS[1:]):
        return False
    backend = str(found.get("build-system", {}).get("build-backend", "")).partition(".")[0]
    if backend == "setuptools" and "ext-modules" not in found.get("tool", {}).get("setuptools", {}):
        # Of a flat layout it writes down which packages there are.
        return os.path.isdir(os.path.join(directory, "src"))
    return backend in _PURE_BACKENDS


def _guessed(directory: str, document: Mapping[str, Any]) -> Iterator[str]:
    from blast_pm.sources.trees import iter_tree

    named = set(_named_files(document))
    dynamic = _is_dynamic(document)
    for path in iter_tree(directory):
        name = path.rpartition("/")[2]
        tells_version = dynamic and (name in _VERSION_NAMES or name in _VERSION_STEMS)
        if tells_version or name.endswith(_NATIVE) or name in _NATIVE_NAMES or path in named:
            yield path


def _named_files(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files that a manifest names for a dynamic field, whatever the backend."""
    tool = document.get("tool", {})
    pending: list[object] = [
        tool.get("setuptools", {}).get("dynamic", {}),
        tool.get("hatch", {}).get("version", {}),
        tool.get("hatch", {}).get("metadata", {}),
        tool.get("pdm", {}).get("version", {}),
    ]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            attribute = value.get("attr")
            if isinstance(attribute, str):
                module = attribute.rpartition(".")[0].replace(".", "/")
                yield from (f"{top}{module}{end}" for top in ("", "src/") for end in (".py", "/__init__.py"))
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str):
            yield value


def _packages(directory: str) -> list[str]:
    """Return the names at the top and below ``src``: a new package is one that an editable has to know."""
    names = []
    for place in ("", "src"):
        try:
            entries = sorted(os.listdir(os.path.join(directory, place)))
        except OSError:
            continue
        # A backend in the tree leaves its bytecode there.
        found = (name for name in entries if name != "__pycache__" and (name.endswith(".py") or "." not in name))
        names += [f"{place}/{name}" for name in found]
    return names


def _declared(directory: str, document: Mapping[str, Any], environ: Mapping[str, str]) -> bytes | None:
    """Return what the tree's ``cache-keys`` come to; None where it has none."""
    keys = _keys(document)
    if keys is None:
        return None
    from blast_pm.sources.trees import digest_files, git_head

    parts: list[bytes] = []
    for key in keys:
        table = {"file": key} if isinstance(key, str) else key
        if not isinstance(table, dict):
            continue
        if "file" in table:
            parts.append(digest_files(directory, iter(_glob(directory, str(table["file"])))))
        if "dir" in table:
            parts.append("\0".join(_glob(directory, f"{table['dir']}/*")).encode("utf-8", "surrogateescape"))
        if "env" in table:
            parts.append(environ.get(str(table["env"]), "\0").encode("utf-8", "surrogateescape"))
        if table.get("git"):
            parts.append(git_head(directory))
    return b"\1".join(parts)


def _keys(document: Mapping[str, Any]) -> list[object] | None:
    tool = document.get("tool", {})
    for name in ("blast", "uv"):
        keys = tool.get(name, {}).get("cache-keys")
        if isinstance(keys, list):
            return keys
    return None


def _glob(directory: str, pattern: str) -> list[str]:
    from glob import iglob

    return sorted(iglob(pattern, root_dir=directory, recursive=True))


def _is_dynamic(document: Mapping[str, Any]) -> bool:
    project = document.get("project")
    return not isinstance(project, dict) or bool(project.get("dynamic"))


def _document(directory: str) -> Mapping[str, Any]:
    import tomllib

    try:
        with open(os.path.join(directory, "pyproject.toml"), "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        # Whoever builds it says what is wrong.
        return {}
