"""Helpers for the tests of every Blast package: a second reader of our formats, made from their Kaitai Struct pages.

Nothing here is imported by Blast itself. The second reader shares no code with ours: Kaitai's compiler (``node`` and
npm's ``kaitai-struct-compiler``) turns the ``.ksy`` file of a format's page into Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["NODE_MODULES_VARIABLE", "kaitai_reader"]

NODE_MODULES_VARIABLE = "BLAST_NODE_MODULES"

_COMPILER = "kaitai-struct-compiler"
_COMPILE = """
const fs = require('fs'), path = require('path');
const compiler = require('kaitai-struct-compiler'), yaml = require('js-yaml');
const ksy = process.argv[1], folder = path.dirname(ksy);
const read = (file) => yaml.load(fs.readFileSync(file, 'utf8'));
const importer = {importYaml: (name) => Promise.resolve(read(path.resolve(folder, name + '.ksy')))};
compiler.compile('python', read(ksy), importer, false).then(
  (files) => process.stdout.write(JSON.stringify(files)),
  (error) => { process.stderr.write(String(error && error.message || error)); process.exit(1); });
"""

_loaded: dict[tuple[Path, int], ModuleType] = {}


def kaitai_reader(ksy: Path) -> ModuleType:
    """Compile a Kaitai Struct page to Python and import it; the test is skipped where that can't be done.

    The module holds the class named after the page's ``meta/id``: ``dpp`` gives ``module.Dpp``, whose
    ``from_bytes(data)`` reads. ``kaitaistruct.KaitaiStructError`` is what it raises for damaged data.

    Args:
        ksy: the page; other pages that it imports lie beside it.

    Returns:
        The same module for the same unchanged file, within one process.

    Raises:
        AssertionError: the page does not compile; the text is the compiler's.

    Cost: about half a second for the first call with a file, for ``node`` to load the compiler.
    """
    key = (ksy.resolve(), ksy.stat().st_mtime_ns)
    if key not in _loaded:
        _loaded[key] = _import_page(key[0], _compile_page(key[0]))
    return _loaded[key]


def _compile_page(ksy: Path) -> dict[str, str]:
    node = shutil.which("node")
    if node is None:
        _skip("node is not on PATH")
    if find_spec("kaitaistruct") is None:
        _skip("the Python module kaitaistruct is missing")
    environment = os.environ | {"NODE_PATH": str(_find_node_modules(ksy))}
    run = subprocess.run(
        [node, "-e", _COMPILE, "--", str(ksy)], env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        message = f"{ksy.name} does not compile: {run.stderr.strip()}"
        raise AssertionError(message)
    files: dict[str, str] = json.loads(run.stdout)
    return files


def _find_node_modules(ksy: Path) -> Path:
    """Return the folder that holds the compiler: as the variable says, else ``.dev/node`` above the page or here."""
    named = os.environ.get(NODE_MODULES_VARIABLE)
    tops = (*ksy.parents, Path.cwd(), *Path.cwd().parents)
    places = [Path(named)] if named else [top / ".dev" / "node" / "node_modules" for top in tops]
    found = next((place for place in places if (place / _COMPILER).is_dir()), None)
    if found is None:
        _skip(f"npm's {_COMPILER} is not installed; `python3 dev.py setup` does it, or set {NODE_MODULES_VARIABLE}")
    return found


def _import_page(ksy: Path, files: dict[str, str]) -> ModuleType:
    """Import the page's module; pages that it imports are found beside it while it loads."""
    with tempfile.TemporaryDirectory(prefix="blast-kaitai-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        file = Path(folder) / f"{ksy.stem}.py"
        spec = spec_from_file_location(f"blast_kaitai_{ksy.stem}", file)
        if spec is None or spec.loader is None:
            message = f"{ksy.name} has another name than its meta/id: the compiler wrote {', '.join(files)}"
            raise AssertionError(message)
        module = module_from_spec(spec)
        sys.path.insert(0, folder)
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(folder)
    return module


def _skip(reason: str) -> Never:
    import pytest  # a development tool

    pytest.skip(f"NO SECOND READER: {reason}")
