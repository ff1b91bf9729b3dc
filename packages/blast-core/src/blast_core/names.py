"""Project names as the index and metadata normalise them."""

__all__ = ["is_valid_name", "normalize_name"]

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_SEPARATORS = "-_."


def normalize_name(name: str) -> str:
    """Return the normalised name: lower case, runs of ``-``, ``_`` and ``.`` as one ``-``.

    Spec: PEP 503, normalized names. Cost: no ``re``, because the hot path calls it.
    """
    text = name.lower().replace("_", "-").replace(".", "-")
    while "--" in text:
        text = text.replace("--", "-")
    return text


def is_valid_name(name: str) -> bool:
    """Tell whether ``name`` is a legal project name: ASCII letters, digits, ``-_.``, ends alphanumeric.

    Spec: core metadata 2.1, Name (PEP 508).
    """
    return bool(name) and _ALLOWED.issuperset(name) and name[0] not in _SEPARATORS and name[-1] not in _SEPARATORS
