"""From a lock to an environment: choose, fetch, compose a generation beside, switch."""

from __future__ import annotations

__all__: list[str] = []
