"""Which versions a tool was run with, so that it is run with them again: ``BLAST_HOME/tool-runs/KEY``, a JSON document.

The key stands for what was asked for, the interpreter and the indexes. ``name@latest`` and ``--refresh`` ask anew, and
what was not run for 90 days is forgotten.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from blast_core import fs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session

__all__ = ["find_pins", "keep_pins", "pins_path"]

_FORGOTTEN_S = 90 * 86400.0
_NOTED_S = 86400.0


def pins_path(session: Session, interpreter: Interpreter, asked: Sequence[str]) -> str:
    """Return where the versions of a run are kept, there or not.

    Args:
        session: whose indexes and policy count.
        interpreter: that runs the tool.
        asked: the requirements, as typed.
    """
    from blake3 import blake3

    client, settings = session.client, session.settings
    indexes = [location.url for location in client.locations]
    minor = ".".join(interpreter.version.split(".")[:2])
    key = [interpreter.implementation, minor, client.strategy, repr(settings.policy), *indexes, "", *asked]
    name = str(blake3("\0".join(key).encode("utf-8", "surrogateescape")).hexdigest())[:32]
    return os.path.join(settings.home, "tool-runs", f"{name}.json")


def find_pins(path: str) -> dict[str, str]:
    """Return versions by name; none where none are kept, or can't be read."""
    try:
        with open(path, encoding="utf-8") as file:
            pins = json.load(file)["pins"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(version) for name, version in pins.items()} if isinstance(pins, dict) else {}


def keep_pins(path: str, asked: Sequence[str], environment: str) -> None:
    """Keep the versions that an environment holds; a file that says so already is not written again, but touched.

    Raises:
        OSError: the disk refuses.
    """
    from blast_project.environment.manager import VenvManager

    made = VenvManager(environment).current()
    pins = {row.name: row.version for row in made.installed} if made is not None else {}
    try:
        age = time.time() - os.stat(path).st_mtime
    except OSError:
        age = _FORGOTTEN_S
    if find_pins(path) == pins and age < _NOTED_S:
        return
    fs.make_directories(os.path.dirname(path))
    document = {"asked": list(asked), "pins": pins}
    fs.replace_file(path, (json.dumps(document, indent=1) + "\n").encode(), durable=False)
    from blast_project.aging import forget_older

    forget_older(os.path.dirname(path), _FORGOTTEN_S)
