"""Registry client, resolver, store and installer of the Blast package manager.

Nothing is imported here: a command pays only for the part that it uses.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
