"""``NamedTuple`` without ``typing``: the same records, for modules that commands with little to do import.

``typing`` imports ``re``, ``enum``, ``contextlib`` and ``functools``: 9 ms of processor time, where a bare interpreter
takes 10 in all. This module imports nothing, and a class costs a fifth of what it does there: the function that makes
its instances is compiled when the first is made, and of most classes that a command imports none ever is.

    from blast_core.tuples import NamedTuple

A type checker sees ``typing.NamedTuple``. What comes out is as there: a plain subclass of ``tuple`` with ``_fields``,
``_field_defaults``, ``_make``, ``_replace``, ``_asdict`` and ``__match_args__``. A module that uses it needs
``from __future__ import annotations``.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]  # typeshed leaves it out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple, Self

__all__ = ["NamedTuple"]


class _Signature:
    """Stands where ``inspect`` looks for a signature: has the class's ``__new__`` made, so that it is found there."""

    __slots__ = ()

    def __get__(self, _: object, kind: type[_Record]) -> Any:
        _settle(kind)
        raise AttributeError


class _Record(tuple):  # type: ignore[type-arg]  # what it holds, each class says
    """What all records share."""

    __slots__ = ()
    __signature__ = _Signature()
    if TYPE_CHECKING:
        _fields: tuple[str, ...]
        _field_defaults: dict[str, Any]

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Self:
        made = tuple.__new__(cls, values)
        if len(made) != len(cls._fields):
            message = f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}"
            raise TypeError(message)
        return made

    def _replace(self, **changes: Any) -> Self:
        replaced = self._make([changes.pop(name, value) for name, value in zip(self._fields, self, strict=True)])
        if changes:
            message = f"{type(self).__name__} has no field {', '.join(changes)}"
            raise TypeError(message)
        return replaced

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        fields = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({', '.join(fields)})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        # For copy and pickle.
        return tuple(self)


class _Maker(type):
    """Turns the body of ``class X(NamedTuple)`` into a class like any other: no instance is left of this type."""

    def __new__(cls, name: str, _: tuple[type, ...], body: dict[str, Any]) -> type:
        fields = tuple(body.get("__annotations__", ()))
        defaults = {field: body.pop(field) for field in fields if field in body}
        body.update((field, _tuplegetter(index, None)) for index, field in enumerate(fields))
        owner: list[type[_Record]] = []

        def first_new(_cls: type, *values: Any, **named: Any) -> Any:
            _settle(owner[0])
            return owner[0].__new__(_cls, *values, **named)

        made = type(
            name,
            (_Record,),
            {
                **body,
                "__slots__": (),
                "__new__": first_new,
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
            },
        )
        owner.append(made)
        return made


def _settle(kind: type[_Record]) -> None:
    """Give a class, or the record that it is made from, the ``__new__`` that knows the fields' names."""
    record: type[_Record] = next(base for base in kind.__mro__ if "_fields" in base.__dict__)
    fields, defaults = record._fields, record._field_defaults
    if len(fields) < len(_TEMPLATES) and fields[len(fields) - len(defaults) :] == tuple(defaults):
        code = _TEMPLATES[len(fields)].__code__.replace(co_varnames=("_cls", *fields))
        new = _Function(code, globals(), "__new__", tuple(defaults.values()))
    else:
        arguments = "".join(f", {field}={field}" if field in defaults else f", {field}" for field in fields)
        text = f"lambda _cls{arguments}: _new(_cls, ({''.join(f'{field}, ' for field in fields)}))"
        new = eval(text, {"_new": _new, **defaults})  # noqa: S307 - of identifiers alone
    new.__name__, new.__qualname__ = "__new__", f"{record.__name__}.__new__"
    new.__annotations__ = record.__annotations__
    record.__new__ = staticmethod(new)  # type: ignore[method-assign]


# What makes a record, by the number of its fields. Compiling one takes 70 microseconds and renaming its arguments 3;
# larger records are few.
_new: Any = tuple.__new__
_TEMPLATES: tuple[Any, ...] = (
    lambda _cls: _new(_cls, ()),
    lambda _cls, a: _new(_cls, (a,)),
    lambda _cls, a, b: _new(_cls, (a, b)),
    lambda _cls, a, b, c: _new(_cls, (a, b, c)),
    lambda _cls, a, b, c, d: _new(_cls, (a, b, c, d)),
    lambda _cls, a, b, c, d, e: _new(_cls, (a, b, c, d, e)),
    lambda _cls, a, b, c, d, e, f: _new(_cls, (a, b, c, d, e, f)),
    lambda _cls, a, b, c, d, e, f, g: _new(_cls, (a, b, c, d, e, f, g)),
    lambda _cls, a, b, c, d, e, f, g, h: _new(_cls, (a, b, c, d, e, f, g, h)),
    lambda _cls, a, b, c, d, e, f, g, h, i: _new(_cls, (a, b, c, d, e, f, g, h, i)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j: _new(_cls, (a, b, c, d, e, f, g, h, i, j)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p: _new(_cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p)),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r)
    ),
    lambda _cls, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s: _new(
        _cls, (a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s)
    ),
)
_Function: Any = type(_TEMPLATES[0])


class _Base:
    """Stands where a class names its base, and leads to `_Maker`."""

    __slots__ = ()

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[type, ...]:
        return (_made_by_maker,)


_made_by_maker = type.__new__(_Maker, "_NamedTuple", (), {})

if not TYPE_CHECKING:
    NamedTuple = _Base()
