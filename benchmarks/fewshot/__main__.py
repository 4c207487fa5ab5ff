"""``python -m benchmarks.fewshot``."""

from benchmarks.fewshot.run import main

main()
