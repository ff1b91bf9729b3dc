"""Processes beside a program.

Nothing is imported here, so that a command loads only what it uses.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
