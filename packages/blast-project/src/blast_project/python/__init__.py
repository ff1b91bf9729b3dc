"""Finding the Python interpreters of this machine."""

__all__: list[str] = []
