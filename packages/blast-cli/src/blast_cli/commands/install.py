"""``blast install``: lock and sync; the same as ``sync``, which locks first where it must."""

from blast_cli.commands.sync import configure, execute

__all__ = ["configure", "execute"]
