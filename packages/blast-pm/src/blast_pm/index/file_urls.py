"""``file:`` addresses and paths, by hand: ``urllib.request`` costs 25 ms to import, and a warm command needs them.

Spec: RFC 8089.
"""

from __future__ import annotations

import os

__all__ = ["path_of_url", "url_of_path"]

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:+!@,=")


def url_of_path(path: str) -> str:
    """Return the address of a path, which is made absolute."""
    text = os.path.abspath(path)
    if os.sep == "\\":
        text = text.replace("\\", "/")
        text = text if text.startswith("//") else f"///{text}"
        return f"file:{_quote(text)}"
    return f"file://{_quote(text)}"


def _quote(text: str) -> str:
    return "".join([chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in os.fsencode(text)])


def path_of_url(url: str) -> str:
    """Return the path that a ``file:`` address means, without query and fragment.

    The host part is left out: Blast reads files of this machine only.
    """
    text = url.partition(":")[2].partition("#")[0].partition("?")[0]
    if text.startswith("//"):
        host, slash, rest = text[2:].partition("/")
        text = f"//{host}{slash}{rest}" if os.sep == "\\" and host not in ("", "localhost") else slash + rest
    if "%" in text:
        text = _unquote(text)
    if os.sep == "\\":
        text = text[1:] if text[2:3] == ":" else text
        return text.replace("/", "\\")
    return text


def _unquote(text: str) -> str:
    first, *parts = os.fsencode(text).split(b"%")
    decoded = [first]
    for part in parts:
        try:
            decoded.append(bytes([int(part[:2], 16)]) + part[2:] if len(part) >= 2 else b"%" + part)
        except ValueError:
            decoded.append(b"%" + part)
    return os.fsdecode(b"".join(decoded))
