"""One fuzzing process: ``python -m fuzz.harness TARGET [options of libFuzzer] [directories]``.

Coverage is that of Blast's own modules; the oracle in this package is not what is explored.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fuzz.targets import TARGETS

__all__ = ["main"]

_PACKAGES = ["blast_core", "blast_compat", "blast_pm", "blast_runtime"]


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")
    target = TARGETS[arguments[0]]
    with atheris.instrument_imports(include=_PACKAGES):
        check = target.load()
    mutate = target.load_mutator()

    def run(data: bytes) -> None:
        check(data)

    def change(data: bytes, room: int) -> bytes:
        return bytes(atheris.Mutate(data, max(room, len(data), 1)))

    options: dict[str, Any] = {}
    if mutate is not None:
        options["custom_mutator"] = lambda data, room, seed: mutate(data, room, seed, change)
    limits = [f"-max_len={target.room}", "-timeout=20", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *limits, *arguments[1:]], run, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
