"""Naming the package loads nothing."""

from __future__ import annotations

import subprocess
import sys

from blast_live.memstore.testing import python


def test_the_package_itself_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import blast_live; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['blast_live']"


_ELSEWHERE = """
import sys
for name in ("fcntl", "termios", "resource"):
    sys.modules[name] = None
sys.platform = "win32"
from blast_core.errors import DaemonError
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.daemon import StoreOptions, serve, start_detached
options = StoreOptions("x", 1)
for attempt in (lambda: MemoryStore("x"), lambda: start_detached(options), lambda: serve(options, print)):
    try:
        attempt()
    except DaemonError as error:
        print(error.reason)
"""


def test_where_there_are_no_memory_files_that_is_said() -> None:
    with python(_ELSEWHERE) as process:
        out = process.communicate(timeout=60)[0]
    assert out.splitlines() == ["the memory store needs Linux", *["it needs Linux"] * 2]
