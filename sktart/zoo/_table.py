"""A list of checkpoints that looks well in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from sktart.zoo._info import CheckpointInfo

if TYPE_CHECKING:
    import pandas as pd

TITLES = ("name", "family", "dim", "modality", "rows", "features", "MB", "licence", "here")


class CheckpointTable(list[CheckpointInfo]):
    """Rows of the registry, as a list that prints itself as a table."""

    def __init__(self, rows: Iterable[CheckpointInfo], here: set[str]) -> None:
        super().__init__(rows)
        self._here = here

    def cells(self) -> list[tuple[str, ...]]:
        """Return the text of each cell, below `TITLES`."""
        return [tuple(map(_text, self._values(row))) for row in self]

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame, one row a checkpoint, with its metrics and hash as well."""
        import pandas as pd

        return pd.DataFrame([dict(zip(TITLES, self._values(row), strict=True)) | _more(row) for row in self])

    def __repr__(self) -> str:
        lines = [TITLES, *self.cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{title}</th>" for title in TITLES)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in self.cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _values(self, row: CheckpointInfo) -> tuple[Any, ...]:
        kind = (row.name, row.family, row.dimension, row.modality)
        limits = (row.limits["rows"], row.limits["features"])
        return (*kind, *limits, round(row.bytes / 1e6, 1), row.licence, row.name in self._here)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "any" if value is None else str(value)


def _more(row: CheckpointInfo) -> dict[str, Any]:
    return {**row.metrics, "path": row.path, "commit": row.commit, "sha256": row.sha256}
