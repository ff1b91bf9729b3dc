"""``blast tree --html``: a lock as one page that needs nothing but a browser."""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = ["page_of"]

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
section{border-top:1px solid #8884;padding:.4em 0}
section:target{background:#fd03}
h2{font-size:1em;margin:0}
ul{margin:.1em 0 .1em 1.2em;padding:0;list-style:none}
small{opacity:.7}
input{font:inherit;width:100%;box-sizing:border-box;padding:.3em}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}
"""
# Hides the packages whose name does not hold what was typed.
_SCRIPT = """
document.querySelector('input').oninput=function(){for(const s of document.querySelectorAll('section'))
s.hidden=!s.dataset.name.includes(this.value.toLowerCase())}
"""


def page_of(title: str, document: Mapping[str, Any]) -> str:
    """Return a page of every package with what it needs and who needs it, all linked to each other.

    Args:
        title: of the page.
        document: from `blast_project.tree.tree_document`.
    """
    packages = document["packages"]
    askers: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for package in packages:
        for edge in package["needs"]:
            askers.setdefault(_key(edge), []).append(_key(package))
    sections = "".join(_section(package, askers.get(_key(package), ())) for package in packages)
    where = escape(", ".join(document["targets"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{len(packages)} packages <small>for {where}</small></p>"
        f'<p><input type="search" placeholder="name" aria-label="name of a package"></p>'
        f"{sections}<script>{_SCRIPT}</script></html>\n"
    )


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return (row["name"], row["version"])


def _section(package: Mapping[str, Any], askers: Iterable[tuple[str, str]]) -> str:
    name, version = _key(package)
    latest = f" <small>latest {escape(package['latest'])}</small>" if "latest" in package else ""
    where = f" <small>if {escape(package['where'])}</small>" if package["where"] else ""
    needs = "".join(f"<li>{_link(_key(edge))} <small>{escape(_asked(edge))}</small></li>" for edge in package["needs"])
    needed = ", ".join(_link(key) for key in dict.fromkeys(askers))
    by = f"<p><small>needed by</small> {needed}</p>" if needed else ""
    return (
        f'<section id="{_anchor((name, version))}" data-name="{escape(name)}">'
        f"<h2>{escape(name)} {escape(version)}{latest}{where}</h2>{f'<ul>{needs}</ul>' if needs else ''}{by}</section>"
    )


def _asked(edge: Mapping[str, Any]) -> str:
    words = (
        edge["specifier"],
        f"[{','.join(edge['extras'])}]" if edge["extras"] else "",
        f"if {edge['marker']}" if edge["marker"] else "",
        f"extra {edge['extra']}" if edge["extra"] else "",
        f"group {edge['group']}" if edge["group"] else "",
    )
    return "; ".join(word for word in words if word)


def _link(key: tuple[str, str]) -> str:
    return f'<a href="#{_anchor(key)}">{escape(" ".join(key).strip())}</a>'


def _anchor(key: tuple[str, str]) -> str:
    return escape("-".join(key), quote=True)
