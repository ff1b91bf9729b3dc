"""An interpreter that is looked for when something of it is asked: most locks need none."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from blast_core.interpreter import Interpreter

__all__ = ["interpreter_on_demand"]


class _OnDemand:
    """Has every attribute of the interpreter that ``find`` returns, which is called for the first of them."""

    def __init__(self, find: Callable[[], Interpreter]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        found = self._find()
        self.__dict__.update(found._asdict())
        return getattr(found, name)


def interpreter_on_demand(find: Callable[[], Interpreter]) -> Interpreter:
    """Return what stands for the interpreter that ``find`` returns; what ``find`` raises is raised where it is used."""
    made: Any = _OnDemand(find)
    return made  # type: ignore[no-any-return]  # it has all that an interpreter has
