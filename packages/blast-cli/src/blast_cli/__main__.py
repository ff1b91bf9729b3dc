"""``python -m blast_cli``."""

import sys

from blast_cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main(sys.argv[1:])
