"""Uploading distributions to an index: what is checked before, how it is sent, how the sender proves who it is."""

__all__: list[str] = []
