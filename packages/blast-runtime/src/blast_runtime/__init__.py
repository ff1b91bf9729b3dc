"""What runs inside a program's interpreter: standard library alone, Python 3.9 and newer.

Nothing is imported here, so that a program pays for what it uses.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
