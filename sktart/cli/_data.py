"""Read rows from files: tables, and folders of images or of clips by class."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sktart.exceptions import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LINES = {".jsonl", ".ndjson"}
COMPRESSED = {".gz", ".bz2", ".xz", ".zip"}


def read_table(path: Path, target: str | None = None) -> pd.DataFrame:
    """Read a whole table; labels of the column `target` stay the texts that are in the file.

    Raises
    ------
    ValueError
        If the file is of another kind, empty, or in another encoding than UTF-8.
    """
    import pandas as pd

    frame = pd.concat(read_parts(path, None, target), ignore_index=True)
    if target in frame and _suffix(path) in SEPARATORS:
        # As they are written: "NA" and "007" are labels.
        raw = _read_csv(path, dtype=str, usecols=[target], keep_default_na=False)
        frame[target] = _with_texts(raw, target)[target]
    return frame


def read_parts(
    path: Path, n_rows: int | None, target: str | None = None, words: Collection[str] = ()
) -> Iterator[pd.DataFrame]:
    """Read a table in parts of so many rows, so that it need not fit in memory; None reads all at once.

    Columns in `words` are read as texts, whatever is in them.
    """
    suffix = _suffix(path)
    try:
        import pandas as pd

        if suffix in SEPARATORS:
            found = _read_csv(path, chunksize=n_rows, dtype=dict.fromkeys(words, str))
        elif suffix in LINES:
            found = pd.read_json(path, lines=True, chunksize=n_rows, dtype=False)
        elif suffix == ".parquet":
            yield from _read_parquet(path, n_rows or 2**16, target)
            return
        else:
            known = ", ".join([*SEPARATORS, *sorted(LINES), ".parquet"])
            raise ValueError(f"{path} must be a folder, or a table that ends in {known}: export it as CSV")
        n_read = 0
        with nullcontext([found]) if n_rows is None else found as parts:
            for part in parts:
                n_read += len(part)
                yield _with_texts(part, target)
        if not n_read:
            raise ValueError(f"{path} has no rows: pass a file with a line of names and a line for each row")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be text in UTF-8; byte {error.start} is not: convert it, or save it as UTF-8"
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"{path} cannot be read ({error}); run pip install 'sktart[auto]'") from error
    except ValueError as error:
        if type(error).__name__ in ("EmptyDataError", "ParserError"):
            raise ValueError(f"{path} cannot be read as a table: {error}; look at its first lines") from error
        raise


def _read_parquet(path: Path, n_rows: int, target: str | None) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(n_rows):
        yield _with_texts(batch.to_pandas(), target)


def _with_texts(part: pd.DataFrame, target: str | None) -> pd.DataFrame:
    """Turn labels into texts, and leave missing ones."""
    import numpy as np

    if target in part.columns:
        part[target] = np.array([_label(entry) for entry in part[target]], dtype=object)
    return part


def _label(entry: Any) -> str | None:
    if entry is None or entry != entry or entry == "":
        return None
    # Whole numbers become floats where a label is missing.
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry)


def _read_csv(path: Path, **options: Any) -> Any:
    import pandas as pd

    return pd.read_csv(path, sep=SEPARATORS[_suffix(path)], encoding="utf-8-sig", **options)


def _suffix(path: Path) -> str:
    endings = [suffix.lower() for suffix in path.suffixes]
    return next((suffix for suffix in reversed(endings) if suffix not in COMPRESSED), "")


def take_column(frame: pd.DataFrame, name: str, path: Path) -> Any:
    """Return a column.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in frame.columns:
        near = get_close_matches(name, map(str, frame.columns), n=1)
        guess = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(str, frame.columns))}"
        raise ValueError(f"{path} has no column {name!r}; {guess}")
    return frame[name]


def read_folder(path: Path) -> tuple[list[str], list[str]]:
    """Return files of images or of clips below a folder, sorted, and the name of the folder that each is in.

    Raises
    ------
    ValueError
        If there are none, or files of both kinds.
    """
    from sktart.rows._modality import SUFFIXES

    files = sorted(file for file in path.rglob("*") if file.is_file())
    kinds = {
        kind: [file for file in files if file.suffix.lower() in suffixes]
        for kind, suffixes in SUFFIXES.items()
    }
    found = {kind: members for kind, members in kinds.items() if members}
    if len(found) != 1:
        raise ValueError(
            f"{path} must hold images or clips, in a folder for each class; it holds "
            f"{' and '.join(found) or 'neither'}: pass a folder of one kind"
        )
    (members,) = found.values()
    return [str(file) for file in members], [file.parent.name for file in members]
