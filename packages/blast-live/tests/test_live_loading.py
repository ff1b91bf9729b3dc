"""Naming the package loads nothing."""

from __future__ import annotations

import subprocess
import sys


def test_the_package_itself_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import blast_live; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['blast_live']"
