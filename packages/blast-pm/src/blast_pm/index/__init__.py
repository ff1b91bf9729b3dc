"""Package indexes: where they are, what they can, what they offer, and fetching it.

Nothing is imported here: a warm command reads only the plain values of ``model``.
"""

__all__: list[str] = []
