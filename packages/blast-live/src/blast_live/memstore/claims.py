"""Transactions of a memory store: who installs which keys, and who waits for them.

Keys are claimed all at once, when a transaction begins, so no two transactions hold what the other still wants. Who has
a transaction and yet waits for another's keys could close a circle; that is seen and refused. No I/O happens here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.errors import StoreError, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Claims"]


class Claims:
    """Which owner's transaction claims which keys; an owner has at most one."""

    def __init__(self) -> None:
        self._owners: dict[str, int] = {}
        self._keys: dict[int, frozenset[str]] = {}
        self._waits: dict[int, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def owner_of(self, key: str) -> int | None:
        """Return who installs a key, or None."""
        return self._owners.get(key)

    def keys_of(self, owner: int) -> frozenset[str] | None:
        """Return the keys of an owner's transaction, or None without one."""
        return self._keys.get(owner)

    def busy(self, owner: int, keys: Iterable[str]) -> frozenset[str]:
        """Return those of the keys that somebody else installs now."""
        return frozenset(key for key in keys if self._owners.get(key, owner) != owner)

    def begin(self, owner: int, keys: Iterable[str]) -> None:
        """Begin a transaction that claims these keys, which nobody claims.

        Raises:
            StoreError: the owner has one already.
        """
        if owner in self._keys:
            raise StoreError("a transaction is open already", hint="commit it or roll it back first")
        self._keys[owner] = frozenset(keys)
        for key in self._keys[owner]:
            if key in self._owners:
                message = f"{key} is claimed twice"
                raise AssertionError(message)
            self._owners[key] = owner

    def get_open(self, owner: int) -> frozenset[str]:
        """Return the keys of the owner's transaction.

        Raises:
            StoreError: it has none; it may have been rolled back for its age.
        """
        keys = self._keys.get(owner)
        if keys is None:
            raise StoreError(
                "no transaction is open", reason="it was never begun, or took too long and was rolled back"
            )
        return keys

    def end(self, owner: int) -> frozenset[str]:
        """End the owner's transaction, if it has one; return its keys, which are free then."""
        keys = self._keys.pop(owner, frozenset())
        for key in keys:
            del self._owners[key]
        return keys

    def wait(self, owner: int, keys: Iterable[str]) -> None:
        """Note that ``owner`` waits for these keys.

        Raises:
            StoreLocked: somebody waits, directly or not, for the owner's own transaction to end.
        """
        wanted = frozenset(keys)
        if self._leads_to(owner, wanted):
            raise StoreLocked(
                "two installs wait for each other",
                reason=f"this one wants {min(wanted)}, whose installer waits for what this one has begun",
                hint="commit before you wait for others",
            )
        self._waits[owner] = wanted

    def stop_waiting(self, owner: int) -> None:
        """Note that ``owner`` waits no more."""
        self._waits.pop(owner, None)

    def _leads_to(self, goal: int, wanted: frozenset[str]) -> bool:
        seen: set[int] = set()
        pending = [wanted]
        while pending:
            for key in pending.pop():
                owner = self._owners.get(key)
                if owner is None or owner in seen:
                    continue
                if owner == goal:
                    return True
                seen.add(owner)
                pending.append(self._waits.get(owner, frozenset()))
        return False
