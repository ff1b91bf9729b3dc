"""Formats, versions, hashing, limits and errors shared by every Blast package.

Nothing is imported here: a reader of one format must not pay for the others.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
