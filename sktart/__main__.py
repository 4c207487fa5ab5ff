"""``python -m sktart`` is the command ``sktart``."""

import sys

from sktart.cli import main

if __name__ == "__main__":
    sys.exit(main())
