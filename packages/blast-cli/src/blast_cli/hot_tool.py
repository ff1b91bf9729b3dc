"""``blast tool run`` and ``bx`` where the same was run before: a look at what decided it, then the tool.

Whatever is not plain goes the long way: ``answer_tool`` returns None. A test holds what is imported.
"""

import os

__all__ = ["answer_tool", "question_that_was_asked"]

_OFF = ("", "0", "false", "no", "off")
_VALUES = frozenset(("--from", "--package", "--with", "-p", "--python"))
_FLAGS = frozenset(("-q", "--quiet", "--offline"))
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_NAME = frozenset(_LETTERS + "-_.")
# Of requirements on an index: an address has a slash or a colon, and so has a path.
_REQUIREMENT = frozenset(_LETTERS + "-_.[],<>=!~*+ ")

# Of this process: what it asks and nothing answered.
_asked = b""


def answer_tool(words: list[str]) -> int | None:
    """Become the tool that words name, if it is known where it is; None when the command must go the long way."""
    global _asked  # noqa: PLW0603 - one process is one command
    count = _own_words(words)
    if not count or os.name == "nt":
        return None
    from blast_project.hot_key import has_unknown_options

    environ = os.environ
    if has_unknown_options(environ):
        return None
    from blast_core.home import find_home
    from blast_project.tool_answers import find_tool_answer, question_of

    own = words[:count]
    question = question_of(tuple(own), environ)
    offline = "--offline" in own or environ.get("BLAST_OFFLINE", "").lower() not in _OFF
    found = find_tool_answer(find_home(environ), question, offline=offline)
    if found is None:
        _asked = question
        return None
    from blast_cli.hot import become

    return become(found[0], [found[1], *words[count:]])


def question_that_was_asked() -> bytes:
    """Return the question to which this process found no answer; b"" where it asked none."""
    return _asked


def _own_words(words: list[str]) -> int:
    """Return how many words are options and the command, before that one's arguments; 0 where they are not plain."""
    at = 0
    while at < len(words) and words[at][:1] == "-":
        if words[at] in _VALUES and at + 1 < len(words):
            if not _is_plain(words[at], words[at + 1]):
                return 0
            at += 2
        elif words[at] in _FLAGS:
            at += 1
        else:
            return 0
    if at >= len(words):
        return 0
    name, _, version = words[at].partition("@")
    is_plain = name[:1] in _LETTERS and _NAME.issuperset(name) and _NAME.issuperset(version.replace("+", ""))
    # Of a version that is to be the latest, an index is asked.
    return at + 1 if name and is_plain and version != "latest" and not name.endswith((".py", ".pyw")) else 0


def _is_plain(option: str, value: str) -> bool:
    if option in {"-p", "--python"}:
        return value[:1] == os.sep or _NAME.issuperset(value.replace("+", ""))
    return value[:1] in _LETTERS and _REQUIREMENT.issuperset(value)
