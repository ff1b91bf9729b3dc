"""What a program imports, and which of its imports stand in for each other."""

from __future__ import annotations

import pytest

from blast_compat.imports import find_imports
from blast_core.errors import InvalidManifest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a.b, c as d", [("a.b",), ("c",)]),
        ("from a.b import c, d\nfrom e import *", [("a.b.c",), ("a.b.d",), ("e",)]),
        ("from . import a\nfrom .b import c", []),
        ("def f():\n    async def g():\n        import a\nclass C:\n    import b", [("a",), ("b",)]),
        ("with x:\n    import a\nfor y in x:\n    import b\nelse:\n    import c", [("a",), ("b",), ("c",)]),
        ("match x:\n    case 1:\n        import a", [("a",)]),
        ("import a\nimport a", [("a",)]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", [("b",)]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import a", [("typing",)]),
        ("try:\n    import a\nexcept ImportError:\n    import b", [("a", "b")]),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError):\n    a = None", []),
        ("try:\n    import a\nexcept ImportError:\n    raise SystemExit('a?') from None", [("a",)]),
        ("try:\n    import a\nexcept ImportError:\n    import sys\n    sys.exit(1)", [("a",)]),
        ("try:\n    import a\nexcept KeyError:\n    pass\nfinally:\n    import b", [("a",), ("b",)]),
        (
            "try:\n import a\nexcept ImportError:\n try:\n  import b\n except ImportError:\n  import c",
            [("a", "b", "c")],
        ),
    ],
)
def test_imports(text: str, expected: list[tuple[str, ...]]) -> None:
    assert list(find_imports(text, "x.py")) == expected


def test_what_is_no_python() -> None:
    with pytest.raises(InvalidManifest, match=r"x\.py:2: what it imports"):
        find_imports("x = 1\nimport = 2\n", "x.py")
