"""``python -m benchmarks.paper``."""

from benchmarks.paper.run import main

main()
