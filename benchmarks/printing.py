"""What scripts print: the machine that they ran on, and tables of Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("sktart", "numpy", "scipy", "scikit-learn", "torch", "sentence-transformers")


def markdown(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Write a table of Markdown; numbers get three decimals.

    >>> print(markdown(["labels", "accuracy"], [[8, 0.5]]))
    | labels | accuracy |
    | --- | --- |
    | 8 | 0.500 |
    """
    cells = [
        [f"{x:.3f}" if isinstance(x, float) else str(x).replace("|", "\\|") for x in row] for row in rows
    ]
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [[*map(str, header)], ["---"] * len(header), *cells]
    )


def machine() -> str:
    """Describe what the run ran on."""
    names = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            names.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            names.append(f"{package} from source")
    return f"{os.cpu_count()} cores, {_processor()}; {', '.join(names)}"


def _processor() -> str:
    """Name the processor as far as the platform tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
