"""What scripts say of their requirements in other ways than by PEP 723; nothing is executed.

__requires__ = ["rich", "httpx>=0.27", ...]      pip-run; ``...`` stands for what the imports tell
__requires__ = "rich"                            its older form, a line each
__index_url__ = "https://host/simple/"

# Script Dependencies:                           PEP 722, which was rejected for PEP 723
#    rich
#    httpx>=0.27  # a remark
# Requirements:                                  the same in pip-run 9 to 14
"""

from __future__ import annotations

import ast

from blast_core.errors import InvalidManifest, InvalidRequirement
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Declaration", "read_comments", "read_requires"]

_REQUIRES, _INDEX = "__requires__", "__index_url__"
_HEADINGS = frozenset(("script dependencies:", "requirements:"))
# A statement of more lines is no list of requirements.
_MOST_LINES = 2000


class Declaration(NamedTuple):
    """What a script asks for.

    Attributes:
        requirements: as written.
        index_url: where from; "" where it does not say.
        infers: what it imports is asked for, too.
        kind: in which way it says so.
    """

    requirements: tuple[str, ...]
    index_url: str = ""
    infers: bool = False
    kind: str = _REQUIRES


def read_requires(text: str, path: str) -> Declaration | None:
    """Return what ``__requires__`` and ``__index_url__`` say at the top level of a script; None where neither stands.

    Raises:
        InvalidManifest: one of them is assigned twice, or is no list of requirements.
    """
    if _REQUIRES not in text and _INDEX not in text:
        return None
    found: dict[str, tuple[int, object]] = {}
    for name, node in _assignments(text):
        if name in found:
            raise _wrong(path, node.lineno, f"a second {name}", "which of them counts?")
        found[name] = node.lineno, _value(node.value, name, path)
    if not found:
        return None
    requirements, infers = _requirements(*found.get(_REQUIRES, (0, ())), path=path)
    line, index_url = found.get(_INDEX, (0, ""))
    if not isinstance(index_url, str):
        raise _wrong(path, line, f"{_INDEX} is no address", f"it is {index_url!r}")
    return Declaration(requirements, index_url, infers or _REQUIRES not in found)


def read_comments(text: str) -> Declaration | None:
    """Return what the first block of comments under a known heading asks for; None where there is none.

    A line of it that is no requirement makes it prose, which asks for nothing.
    """
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("#") or line.lstrip("#").strip().lower() not in _HEADINGS:
            continue
        found = []
        for below in lines:
            words = below.lstrip("#").partition(" # ")[0].strip()
            if not below.startswith("#") or not words:
                break
            try:
                parse_requirement(words)
            except InvalidRequirement:
                return None
            found.append(words)
        return Declaration(tuple(found), kind="comments") if found else None
    return None


def _assignments(text: str) -> Iterator[tuple[str, ast.Assign]]:
    """Yield the assignments to names that mean something, in order."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        # Of a newer Python than this one, or wrong, as its own interpreter will say.
        body = list(_statements(text))
    for node in body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id in (_REQUIRES, _INDEX):
            yield target.id, node


def _statements(text: str) -> Iterator[ast.stmt]:
    """Yield the statements that begin, at the beginning of a line, with a name that means something."""
    lines = text.splitlines()
    for first, line in enumerate(lines):
        if not line.startswith((_REQUIRES, _INDEX)):
            continue
        for last in range(first + 1, min(len(lines), first + _MOST_LINES) + 1):
            try:
                body = ast.parse("\n" * first + "\n".join(lines[first:last])).body
            except (SyntaxError, ValueError):
                continue
            yield from body
            break


def _value(node: ast.expr, name: str, path: str) -> object:
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _wrong(
            path, node.lineno, f"{name} can't be read", "it is read without running the script, so it must be literal"
        ) from error
    return value


def _requirements(line: int, value: object, *, path: str) -> tuple[tuple[str, ...], bool]:
    if isinstance(value, str):
        # pkg_resources' form, in which a line may be a comment.
        value = [row.strip() for row in value.splitlines() if row.strip() and not row.strip().startswith("#")]
    if not isinstance(value, (list, tuple, set)) or not all(isinstance(row, str) or row is ... for row in value):
        raise _wrong(path, line, f"{_REQUIRES} is no list of requirements", "a text each, or ... for what is imported")
    texts = tuple(row for row in value if isinstance(row, str))
    for text in texts:
        try:
            parse_requirement(text)
        except InvalidRequirement as error:
            raise _wrong(path, line, f"{_REQUIRES} has '{text}'", error.reason or str(error)) from error
    return texts, len(texts) < len(value)


def _wrong(path: str, line: int, what: str, reason: str) -> InvalidManifest:
    return InvalidManifest(
        f"{path}:{line}: {what}", reason=reason, hint=f'such as {_REQUIRES} = ["rich>=13"]', file=path, line=line
    )
