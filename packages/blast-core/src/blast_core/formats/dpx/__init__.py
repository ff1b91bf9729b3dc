"""DPX, a compiled manifest: ``encode`` and ``decode`` any TOML document, ``DpxFile`` to ask about its source first."""

from blast_core.formats.dpx.decoder import DpxFile, decode
from blast_core.formats.dpx.encoder import encode

__all__ = ["DpxFile", "decode", "encode"]
