"""The packages import only downwards, and no two modules of a package need each other while they load."""

from __future__ import annotations

import ast
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

_TOP = Path(__file__).resolve().parents[1]

# docs/architecture.md, "The packages": what each may import.
_BELOW: dict[str, set[str]] = {
    "blast_core": set(),
    "blast_runtime": set(),
    "blast_compat": {"blast_core"},
    "blast_pm": {"blast_core"},
    "blast_project": {"blast_core", "blast_compat", "blast_pm", "blast_runtime"},
    "blast_live": {"blast_core", "blast_compat", "blast_pm", "blast_runtime", "blast_project"},
    "blast_cli": {"blast_core", "blast_compat", "blast_pm", "blast_runtime", "blast_project", "blast_live"},
}


class Import(NamedTuple):
    """One import statement's target: ``name`` is absolute; ``loading`` if it runs while the module loads."""

    module: str
    name: str
    line: int
    loading: bool


class _Collector(ast.NodeVisitor):
    """Collects a module's imports, telling those that run at load from those in functions and for types."""

    def __init__(self, module: str, *, is_package: bool) -> None:
        self.imports: list[Import] = []
        self._module = module
        self._package = module if is_package else module.rpartition(".")[0]
        self._loading = True

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        package = self._package.split(".")
        base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
        origin = ".".join(part for part in (base, node.module) if part)
        for alias in node.names:
            self._add(f"{origin}.{alias.name}", node.lineno)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            self._visit_later(node.body)
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_later(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_later(node.body)

    def _visit_later(self, body: list[ast.stmt]) -> None:
        before, self._loading = self._loading, False
        for child in body:
            self.visit(child)
        self._loading = before

    def _add(self, name: str, line: int) -> None:
        self.imports.append(Import(self._module, name, line, self._loading))


def read_imports(source: Path) -> dict[str, list[Import]]:
    """Return the imports of every module below ``source`` (a ``src`` folder), by the module's name."""
    found: dict[str, list[Import]] = {}
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        collector = _Collector(module, is_package=is_package)
        collector.visit(ast.parse(file.read_text(encoding="utf-8"), str(file)))
        found[module] = collector.imports
    return found


def find_upward(imports: dict[str, list[Import]]) -> list[str]:
    """Return a line for each import of a package of ours that the importing package may not know."""
    wrong = []
    for each in (each for group in imports.values() for each in group):
        importer, imported = each.module.partition(".")[0], each.name.partition(".")[0]
        if imported in _BELOW and imported != importer and imported not in _BELOW[importer]:
            wrong.append(f"{each.module}:{each.line} imports {each.name}")
    return wrong


def find_cycle(imports: dict[str, list[Import]]) -> list[str]:
    """Return the modules of one circle of imports that run at load, or []."""
    graph: dict[str, set[str]] = {module: set() for module in imports}
    for module, group in imports.items():
        for each in group:
            target = each.name if each.name in graph else each.name.rpartition(".")[0]
            if each.loading and target in graph and target != module:
                graph[module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(module) for module in error.args[1]]
    return []


_PACKAGES = sorted(path for path in (_TOP / "packages").iterdir() if (path / "pyproject.toml").is_file())
_EVERY_PACKAGE = pytest.mark.parametrize("package", _PACKAGES, ids=lambda path: path.name)


@_EVERY_PACKAGE
def test_imports_only_downwards(package: Path) -> None:
    assert find_upward(read_imports(package / "src")) == []


@_EVERY_PACKAGE
def test_no_two_modules_need_each_other_to_load(package: Path) -> None:
    assert find_cycle(read_imports(package / "src")) == []


@_EVERY_PACKAGE
def test_declares_the_packages_that_it_imports(package: Path) -> None:
    document = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {line.partition("==")[0].replace("-", "_") for line in document["project"]["dependencies"]}
    own = package.name.replace("-", "_")
    used = {each.name.partition(".")[0] for group in read_imports(package / "src").values() for each in group}
    assert (used & set(_BELOW)) - {own} <= declared


def _write_source(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = top / "src" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return top / "src"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import blast_cli.main\n", id="plain"),
        pytest.param("from blast_pm import store\n", id="from"),
        pytest.param("def f():\n    from blast_project.project import Project\n", id="in a function"),
        pytest.param("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import blast_pm\n", id="for types"),
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, text: str) -> None:
    source = _write_source(tmp_path, {"blast_core/__init__.py": "", "blast_core/a.py": text})
    assert len(find_upward(read_imports(source))) == 1


@pytest.mark.parametrize(
    ("text", "is_circle"),
    [
        pytest.param("from blast_core.a import f\n", True, id="absolute"),
        pytest.param("from .a import f\n", True, id="relative"),
        pytest.param("from . import a\n", True, id="the module itself"),
        pytest.param("try:\n    from . import a\nexcept ImportError:\n    pass\n", True, id="in a try"),
        pytest.param("def g():\n    from . import a\n", False, id="in a function"),
        pytest.param("if TYPE_CHECKING:\n    from . import a\n", False, id="for types"),
    ],
)
def test_a_circle_is_found(tmp_path: Path, text: str, *, is_circle: bool) -> None:
    files = {"blast_core/__init__.py": "", "blast_core/a.py": "from blast_core import b\n", "blast_core/b.py": text}
    assert bool(find_cycle(read_imports(_write_source(tmp_path, files)))) is is_circle
