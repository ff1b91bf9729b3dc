"""The ``blast`` command: arguments, progress, output and exit codes. It decides nothing."""

__all__ = ["__version__"]

__version__ = "0.1.0"
