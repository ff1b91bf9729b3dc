"""How ``blast COMMAND -h`` looks: a short usage, names of options once, long lists of choices in the text."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from blast_cli.help_pages import usage_width

if TYPE_CHECKING:
    from collections.abc import Callable

    _Metavars = Callable[[int], tuple[str, ...]]

__all__ = ["HelpFormatter", "usage_line"]

# Longer lists of choices make columns that no terminal holds.
_LONGEST_CHOICES = 24


class HelpFormatter(argparse.HelpFormatter):
    """Formats help in the width of the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=usage_width(), max_help_position=26)

    def _split_lines(self, text: str, width: int) -> list[str]:
        # Names of choices have hyphens and stay whole.
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Return such as ``-i, --index-url URL``: what takes a value says so once."""
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        if action.nargs == 0:
            return names
        return f"{names} {self._format_args(action, self._get_default_metavar_for_optional(action))}"

    def _metavar_formatter(self, action: argparse.Action, default_metavar: str) -> _Metavars:
        if action.metavar is None and _are_long(action):
            return lambda count: ((default_metavar or "WORD").rpartition("_")[2],) * count
        return super()._metavar_formatter(action, default_metavar)

    def _expand_help(self, action: argparse.Action) -> str:
        text = super()._expand_help(action)
        return f"{text}: {', '.join(map(str, action.choices or ()))}" if _are_long(action) else text


def usage_line(parser: argparse.ArgumentParser) -> str:
    """Return such as ``blast add [OPTIONS] [REQ…]``."""
    words = [_positional(action) for action in parser._actions if not action.option_strings]  # noqa: SLF001 - no other way
    return " ".join([parser.prog, "[OPTIONS]", *words])


def _positional(action: argparse.Action) -> str:
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices and not _are_long(action) else ""
    name = str(action.metavar or choices or action.dest)
    if action.nargs == argparse.REMAINDER:
        return f"{name}…"
    return {"*": f"[{name}…]", "+": f"{name}…", "?": f"[{name}]"}.get(str(action.nargs), name)


def _are_long(action: argparse.Action) -> bool:
    return bool(action.choices) and len(",".join(map(str, action.choices or ()))) > _LONGEST_CHOICES
