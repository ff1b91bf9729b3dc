"""Programs in ``bin``: a shell script and a Python script in one file, which finds its environment by itself.

Nothing of an environment's place stands in them. They run after the environment was moved, from paths with blanks, and
through a symbolic link from anywhere; and because they are the same in every environment, they are made once.

The shell part finds the interpreter beside the script with parameter expansion alone. Only when the script was called
through a symbolic link it starts a program, ``readlink``, to find out where it really is; a path into a generation is
then brought back to the environment, so that ``sys.prefix`` is the environment's.
"""

from __future__ import annotations

from blast_core.errors import InstallError

__all__ = ["entry_point_module", "entry_point_script", "rewrite_script"]

# To Python it is one string, from ''' to '''; it holds no backslash, which would be an escape there. To the shell the
# second line is the empty word and ":", and the last one is never read.
_HEAD = b"#!/bin/sh\n"
_FIND = b"""''':'
s=$0
case $s in */*) ;; *) s=./$s ;; esac
d=${s%/*}
if [ -h "$s" ]; then
d=$(readlink -f "$s") || d=$(realpath "$s")
d=${d%/*}
case $d in */.blast/generations/*/bin) d=${d%/.blast/generations/*}/bin ;; esac
fi
exec "$d/python" "$0" "$@"
' '''"""

_ENTRY_POINT = """
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({attribute}())
"""


def entry_point_script(reference: str) -> bytes:
    """Return the program of an entry point; see `entry_point_module`."""
    return _HEAD + _FIND + b"\n" + entry_point_module(reference)


def entry_point_module(reference: str) -> bytes:
    """Return Python's part of the program of an entry point.

    Args:
        reference: ``module:object``, dotted names both.

    Raises:
        InstallError: it is anything else; nothing but identifiers goes into a program.
    """
    module, colon, attribute = (part.strip() for part in reference.partition(":"))
    if not colon or not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise InstallError(f"the entry point {reference[:80]!r} is not module:object")
    text = _ENTRY_POINT.format(module=module, first=attribute.partition(".")[0], attribute=attribute)
    return text.encode()


def rewrite_script(content: bytes) -> bytes:
    """Return a script of a wheel, whose first line is ``#!python``, as a program for any environment.

    Any other content comes back as it is. A declared encoding stays in the first two lines, where alone it counts; a
    docstring, which programs print for their help, stays ``__doc__``.
    """
    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"#!python"):
        return content
    rest = _keep_docstring(rest)
    second, _, below = rest.partition(b"\n")
    cookie = b""
    if second.startswith(b"#") and b"coding" in second:
        cookie, rest = second + b"\n", below
    return _HEAD + cookie + _FIND + b"\n" + rest


def _keep_docstring(text: bytes) -> bytes:
    """Assign the docstring as soon as anything may be done: after imports from ``__future__``.

    Those allow one string before them, which our head is: the docstring itself then makes way for empty lines.
    """
    import ast

    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Written for a Python with another grammar, or nested beyond what the parser can take.
        return text
    docstring = ast.get_docstring(module, clean=False)
    if docstring is None:
        return text
    first, last = module.body[0].lineno, module.body[0].end_lineno or 0
    lines = text.split(b"\n")
    after = last
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            after = node.end_lineno or after
    if after != last:
        lines[first - 1 : last] = [b""] * (last - first + 1)
    return b"\n".join([*lines[:after], b"__doc__ = " + ascii(docstring).encode(), *lines[after:]])
