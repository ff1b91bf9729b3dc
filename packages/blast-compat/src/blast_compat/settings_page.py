"""The table of settings as Markdown, for the page of the guide.

``python -m blast_compat.settings_page docs/guide/configuration.md`` writes it between its marks there, which a test
holds.
"""

from __future__ import annotations

import sys

from blast_compat.settings_table import BOTH, PROJECT, SETTINGS, Setting

__all__ = ["BEGIN", "END", "settings_page", "with_settings"]

BEGIN = "<!-- made by python -m blast_compat.settings_page -->"
END = "<!-- end -->"
_PLACES = {PROJECT: "project", BOTH: "both"}
_KINDS = {"switch": "`true`, `false`", "texts": "list of texts", "tables": "list of tables", "array": "list"}


def settings_page() -> str:
    """Return the table."""
    rows = ["| setting | where | what | default | before it |", "|---|---|---|---|---|"]
    rows += [_row(setting) for setting in SETTINGS]
    return "\n".join(rows) + "\n"


def with_settings(text: str) -> str:
    """Return a page with the table between its marks."""
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n{settings_page()}{END}{tail}"


def _row(setting: Setting) -> str:
    kind = ", ".join(f"`{choice}`" for choice in setting.choices) or _KINDS.get(setting.kind, "")
    help_ = setting.help + (f" ({kind})" if kind else "")
    before = ", ".join(f"`{word}`" for word in (setting.option, setting.variable) if word)
    place = _PLACES.get(setting.scope, "user")
    return f"| `{setting.name}` | {place} | {help_} | {setting.default} | {before} |"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        page = file.read()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(with_settings(page))
