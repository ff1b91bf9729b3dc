"""The rules of CONTRIBUTING.md that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[1]
_PACKAGES = sorted(path for path in (_TOP / "packages").iterdir() if (path / "pyproject.toml").is_file())
_MODULES = sorted((_TOP / "packages").glob("*/src/**/*.py"))
_TESTS = sorted([*(_TOP / "packages").glob("*/tests/**/*.py"), *(_TOP / "tests").rglob("*.py")])
_EVERY_PACKAGE = pytest.mark.parametrize("package", _PACKAGES, ids=lambda path: path.name)
_EVERY_MODULE = pytest.mark.parametrize("module", _MODULES, ids=lambda path: path.as_posix().rpartition("/src/")[2])

_MAX_LINES = 500
_MAX_FILE_BYTES = 1 << 20
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
_MACHINE_PATH = re.compile(
    "/(work|farm)/" + "(main|shared|steering|in)|/tmp/" + "(dev|plan)"
)  # in two parts: not itself
_VAGUE = {"utils", "util", "helpers", "common", "misc", "stuff"}


def find_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the public names that a module defines, and those that it imports from elsewhere while it loads."""
    defined: set[str] = set()
    imported: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                defined.add(name)
            case ast.Assign(targets=targets):
                defined |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            case ast.ImportFrom(names=names):
                imported |= {alias.asname or alias.name for alias in names}
    return {name for name in defined if not name.startswith("_")} - {"TYPE_CHECKING"}, imported


def read_exported_names(tree: ast.Module) -> list[str] | None:
    """Return ``__all__``, or None where the module has none."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(ast.dump(t) == _ALL for t in targets if t is not None):
            return list(ast.literal_eval(node.value)) if node.value is not None else None
    return None


_ALL = ast.dump(ast.Name(id="__all__", ctx=ast.Store()))


def check_exports(text: str) -> list[str]:
    """Return what is wrong with a module's ``__all__``, one line each; a module with nothing public needs none."""
    tree = ast.parse(text)
    defined, imported = find_names(tree)
    exported = read_exported_names(tree)
    if exported is None:
        return ["has no __all__"] if defined else []
    lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    known = defined | imported | {name for name in exported if lazy or name.startswith("__")}
    for branch in (part for node in tree.body if isinstance(node, ast.If) for part in (node.body, node.orelse)):
        known.update(*find_names(ast.Module(branch, [])))
    wrong = [f"exports {name} without having it" for name in sorted(set(exported) - known)]
    return wrong + [f"defines {name} without exporting it" for name in sorted(defined - set(exported))]


@_EVERY_MODULE
def test_exports_are_the_public_names(module: Path) -> None:
    if module.name != "__main__.py":
        assert check_exports(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param("x = 1\n", ["has no __all__"], id="none"),
        pytest.param("__all__ = ['f']\nimport os\ndef f(): ...\n", [], id="right"),
        pytest.param("__all__ = []\nclass A: ...\n", ["defines A without exporting it"], id="missing"),
        pytest.param("__all__ = ['B']\n", ["exports B without having it"], id="too many"),
        pytest.param("__all__ = ['f']\nfrom m import f\n", [], id="re-exported"),
        pytest.param("__all__ = ['f']\nif a:\n    from m import f\nelse:\n    f = 1\n", [], id="either way"),
        pytest.param('"""A package."""\n', [], id="nothing public"),
    ],
)
def test_the_check_of_exports_sees(text: str, wrong: list[str]) -> None:
    assert check_exports(text) == wrong


@_EVERY_MODULE
def test_module_is_short_finished_and_named(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert text.count("\n") <= _MAX_LINES
    assert _UNFINISHED.findall(text) == []
    assert module.stem not in _VAGUE
    assert (module.parent / "__init__.py").is_file() or module.parent.name == "src"


@_EVERY_PACKAGE
def test_package_is_whole(package: Path) -> None:
    (source,) = [path for path in (package / "src").iterdir() if not path.name.startswith((".", "__"))]
    assert source.name == package.name.replace("-", "_")
    assert (source / "py.typed").is_file()
    readme = (package / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {package.name}\n")
    assert len(readme.split()) > 40, "the README says too little to be one"
    assert source.name in (_TOP / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_tests_have_names_of_their_own() -> None:
    counts = Counter(path.name for path in _TESTS)
    assert [name for name, count in counts.items() if count > 1 and name != "conftest.py"] == []


@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.name)
def test_a_test_file_is_found_and_says_what_it_claims(path: Path) -> None:
    shared = path.name == "conftest.py" and path.is_relative_to(_TOP / "tests")
    assert shared or path.name.startswith("test_"), "helpers live in blast_<x>.testing, conftest.py below tests/"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def _list_tracked() -> list[Path]:
    command = ["git", "-C", str(_TOP), "ls-files", "-z"]
    run = subprocess.run(command, capture_output=True, check=False)
    if run.returncode:
        pytest.skip("not a git checkout")
    paths = (_TOP / name for name in run.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_no_file_is_large_or_tied_to_one_machine() -> None:
    for path in _list_tracked():
        content = path.read_bytes()
        assert len(content) <= _MAX_FILE_BYTES, path
        assert _MACHINE_PATH.findall(content.decode("utf-8", "replace")) == [], path
