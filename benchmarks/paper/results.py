"""A file of results, one JSON object a line, that a run adds to and the next one goes on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEYS = (
    *("dataset", "source", "encoder", "protocol", "labels", "seed", "queries", "max_chars"),
    *("method", "identity"),
)


class Results:
    """Results by what they are of; a kill at any moment costs the line that was being written.

    Parameters
    ----------
    path : Path
        Made with its folder where there is none.
    """

    def __init__(self, path: Path):
        self.path = path
        self._rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            row = json.loads(line)
            self._rows[_key(row)] = row

    def __contains__(self, cell: dict[str, Any]) -> bool:
        """Tell whether there are scores; what failed is as good as not there."""
        return "failed" not in self._rows.get(_key(cell), {"failed": ""})

    def __getitem__(self, cell: dict[str, Any]) -> dict[str, Any]:
        return self._rows[_key(cell)]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a result, in place of one that failed."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self._rows[_key(row)] = row


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in KEYS)
