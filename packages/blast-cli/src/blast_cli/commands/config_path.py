"""``blast config path``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""


def execute(_: argparse.Namespace, context: Context) -> Outcome:
    """Print the files of settings, the weightier first, and which of them are there."""
    from blast_project.hot_key import config_paths
    from blast_project.project import MANIFEST_NAME, SETTINGS_NAME, find_root

    paths = list(reversed(config_paths(context.settings.environ)))
    root = find_root(context.settings.directory)
    if root is not None:
        paths += [os.path.join(root, SETTINGS_NAME), os.path.join(root, MANIFEST_NAME)]
    rows = [{"path": path, "exists": os.path.exists(path)} for path in paths]
    data = "".join(f"{row['path']}{'' if row['exists'] else '  (is not there)'}\n" for row in rows)
    return Outcome({"files": rows}, data=data)
