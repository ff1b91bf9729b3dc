"""``python -m blast_cli``."""

import _signal  # type: ignore[import-not-found]  # the part of it that is there since the start

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    # Until a command works there is nothing to clean up: Ctrl-C ends the process, without a traceback.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import sys

from blast_cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main(sys.argv[1:])
