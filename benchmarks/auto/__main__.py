"""``python -m benchmarks.auto``."""

from benchmarks.auto.run import main

main()
