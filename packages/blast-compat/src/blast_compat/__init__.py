"""Reading and writing everyone else's files: manifests, locks, pip's configuration, netrc.

Nothing is imported here: a command pays only for the file that it reads.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
