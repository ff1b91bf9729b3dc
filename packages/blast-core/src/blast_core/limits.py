"""Bounds on what Blast reads, each with the reason for its size."""

__all__: list[str] = []
