"""Building wheels from source trees through PEP 517 and PEP 660."""

__all__: list[str] = []
