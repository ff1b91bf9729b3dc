"""``blast config set``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="in the user's config.toml")
    where.add_argument("--in-project", action="store_true", help="in blast.toml, or in [tool.blast] of pyproject.toml")
    parser.add_argument("--unset", action="store_true", help="take the setting out")
    parser.add_argument("key", metavar="KEY", help="name of a setting")
    parser.add_argument("value", nargs="*", metavar="VALUE", help="its value; several for a list")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Write one setting where it belongs, or where the options say."""
    from blast_compat.settings_table import PROJECT, USER
    from blast_core import fs
    from blast_core.errors import UsageError
    from blast_project.configuration import find_setting, set_value

    setting = find_setting(arguments.key)
    if bool(arguments.value) == arguments.unset:
        raise UsageError(
            "there is a value and --unset" if arguments.unset else f"'{setting.name}' needs a value",
            hint=f"'blast config set {setting.name} VALUE', or 'blast config set --unset {setting.name}'",
        )
    of_user = arguments.user or (setting.scope != PROJECT and not arguments.in_project)
    path, is_manifest = (_user_path(context), False) if of_user else _project_path(context)
    try:
        with open(path, encoding="utf-8") as file:
            before = file.read()
    except FileNotFoundError:
        before = ""
    after = set_value(before, setting, arguments.value, USER if of_user else PROJECT, is_manifest=is_manifest)
    if not of_user:
        _check(after, path, is_manifest=is_manifest)
    if after != before:
        fs.make_directories(os.path.dirname(path))
        fs.replace_file(path, after.encode())
    document = {"name": setting.name, "path": path, "changed": after != before}
    if after == before:
        return Outcome(document, (f"{path} says so already",))
    words = f"Took {setting.name} out of {path}" if arguments.unset else f"Wrote {setting.name} into {path}"
    return Outcome(document, (words,))


def _user_path(context: Context) -> str:
    from blast_core.errors import UsageError
    from blast_project.hot_key import config_paths

    paths = config_paths(context.settings.environ)
    if not paths:
        raise UsageError("there is no config.toml to write", reason="BLAST_NO_CONFIG or --no-config forbids it")
    return paths[-1]


def _project_path(context: Context) -> tuple[str, bool]:
    """Return where a project's setting goes, and whether that is its pyproject.toml."""
    from blast_core.errors import UsageError
    from blast_project.project import MANIFEST_NAME, SETTINGS_NAME, find_root

    root = find_root(context.settings.directory)
    if root is None:
        raise UsageError("there is no project here", hint="--user writes the setting into config.toml")
    beside = os.path.join(root, SETTINGS_NAME)
    return (beside, False) if os.path.exists(beside) else (os.path.join(root, MANIFEST_NAME), True)


def _check(text: str, path: str, *, is_manifest: bool) -> None:
    """Check what a project's file would say, before it says it."""
    from blast_compat.pyproject import parse_manifest

    if is_manifest:
        parse_manifest(text, path)
    else:
        parse_manifest("", path, (text, path))
