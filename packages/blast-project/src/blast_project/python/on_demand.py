"""An interpreter that is looked for when something of it is asked: most locks need none."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from blast_core.interpreter import Interpreter

__all__ = ["interpreter_on_demand"]


class _OnDemand:
    """Has every attribute of the interpreter that ``find`` returns, and is the same tuple.

    ``find`` is called once, for the first thing that is asked.
    """

    def __init__(self, find: Callable[[], Interpreter]) -> None:
        self._find = find
        self._known: Interpreter | None = None

    def _found(self) -> Interpreter:
        if self._known is None:
            self._known = self._find()
            self.__dict__.update(self._known._asdict())
        return self._known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name)

    def __getitem__(self, place: Any) -> Any:
        return self._found()[place]

    def __len__(self) -> int:
        return len(self._found())

    def __eq__(self, other: object) -> bool:
        return self._found() == (other._found() if isinstance(other, _OnDemand) else other)

    def __hash__(self) -> int:
        return hash(self._found())


def interpreter_on_demand(find: Callable[[], Interpreter]) -> Interpreter:
    """Return what stands for the interpreter that ``find`` returns; what ``find`` raises is raised where it is used."""
    made: Any = _OnDemand(find)
    return made  # type: ignore[no-any-return]  # it has all that an interpreter has
