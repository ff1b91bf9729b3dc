"""What the user set for one command, read once at the edge and passed down as a value."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LINK_MODES", "Settings"]

LINK_MODES = ("fold", "hardlink", "copy")


class Settings(NamedTuple):
    """Options that every command shares.

    Attributes:
        directory: absolute path where the search for a project begins.
        home: absolute path of the store, BLAST_HOME.
        environ: the process's environment variables.
        offline: never use the network.
        refresh: ask the index again even where an answer is remembered.
        index_url: the index asked for on the command line or by BLAST_INDEX_URL; empty for none.
        python: the interpreter asked for on the command line or by BLAST_PYTHON; empty for none.
        link_mode: one of ``LINK_MODES``; empty for the project's own or the default.
        environment: path of the environment when it is not ``.venv``; empty for that.
        allow_overwrite: of two distributions that bring different files for one path, take one and say so.
    """

    directory: str
    home: str
    environ: Mapping[str, str]
    offline: bool = False
    refresh: bool = False
    index_url: str = ""
    python: str = ""
    link_mode: str = ""
    environment: str = ""
    allow_overwrite: bool = False
