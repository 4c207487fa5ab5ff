"""``sktart fit``, ``predict`` and ``report``: from a table, or a folder of files by class, to answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sktart.cli._data import read_folder, read_parts, read_table, take_column
from sktart.cli._output import Json, in_a_folder, print_json, print_result
from sktart.exceptions import SavedModelError

Data = Annotated[
    Path, typer.Argument(help="CSV, TSV, Parquet or JSON lines; or a folder of images or clips by class.")
]
Model = Annotated[Path, typer.Argument(help="File that sktart fit wrote.")]
# Rows of a table that are answered at once.
CHUNK = 2000


def fit(
    data: Data,
    out: Annotated[Path, typer.Option(help="File for the model.", callback=in_a_folder)],
    target: Annotated[str | None, typer.Option(help="Column of labels; empty ones are unlabelled.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Column of texts; repeat for more.")] = None,
    unlabelled: Annotated[str | None, typer.Option(help="Label of rows without a label.")] = None,
    describe: Annotated[
        Path | None, typer.Option(help="JSON file: a sentence, or a list of them, for each label.")
    ] = None,
    encoder: Annotated[list[str] | None, typer.Option(help="Name of an encoder; repeat for more.")] = None,
    time: Annotated[float, typer.Option(help="Seconds for the search.", min=0.1)] = 60.0,
    preset: Annotated[str, typer.Option(help="fast, balanced or thorough.")] = "balanced",
    seed: Annotated[int, typer.Option(help="Seed of the folds and models.")] = 0,
    as_json: Json = False,
) -> None:
    """Find the best classifier for labelled rows.

    Columns beside the target are texts, numbers, dates and categories. The
    model knows them by name.

    Example: sktart fit tickets.csv --target label --out model.sktart
    """
    from sktart import AutoTartClassifier, save

    X, y = _read_labelled(data, target)
    model = AutoTartClassifier(
        time_limit=time,
        encoders=encoder or "auto",
        presets=preset,
        class_descriptions=None if describe is None else _read_descriptions(describe),
        unlabelled=unlabelled or None,
        text_columns=text or None,
        random_state=seed,
        verbose=0 if as_json else 1,
    ).fit(X, y)
    save(model, out)
    board = model.leaderboard_
    if as_json:
        print_json({"model": str(out), "leaderboard": json.loads(board.to_json(orient="records"))})
        return
    lines = [
        [
            row["candidate"],
            *(["", "", "", row["error"][:60]] if row["error"] else _numbers(row)),
        ]
        for row in board.to_dict("records")
    ]
    print_result(None, ["candidate", "log-loss", "accuracy", "weight", ""], lines, as_json=False)
    typer.echo(f"{len(X)} rows, {len(model.classes_)} classes; saved: {out}")


def _numbers(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['log_loss']:.3f}",
        f"{row['accuracy']:.3f}",
        f"{row['weight']:.2f}" if row["weight"] else "",
        "",
    ]


def predict(
    model: Model,
    data: Data,
    out: Annotated[
        Path, typer.Option(help="CSV file for the answers, a line for each row.", callback=in_a_folder)
    ],
    proba: Annotated[bool, typer.Option("--proba", help="Add the probability of each class.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column of the table to copy beside the answers; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer rows with a fitted model.

    Tables are read in parts, so they need not fit in memory.

    Example: sktart predict model.sktart new.csv --out answers.csv --keep id
    """
    import pandas as pd

    fitted = _load(model)
    temporary = out.with_name(f".{out.name}.tmp")
    n_rows = 0
    try:
        for names, part in _parts(data, fitted, keep or []):
            answers = pd.DataFrame(names)
            found = fitted.predict_proba(part)
            answers["label"] = fitted.classes_[found.argmax(axis=1)]
            if proba:
                for label, column in zip(fitted.classes_, found.T, strict=True):
                    answers[f"p({label})"] = column
            answers.to_csv(temporary, mode="a" if n_rows else "w", header=not n_rows, index=False)
            n_rows += len(answers)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    if as_json:
        print_json({"answers": str(out), "rows": n_rows})
    else:
        typer.echo(f"{n_rows} rows; answers: {out}")


def report(
    model: Model,
    data: Data,
    out: Annotated[Path, typer.Option(help="HTML file for the report.", callback=in_a_folder)],
    target: Annotated[str | None, typer.Option(help="Column of labels; empty ones are unlabelled.")] = None,
    as_json: Json = False,
) -> None:
    """Write a page on a fitted model: scores, labels to check, rows to label.

    The rows of the fit are judged by answers of folds that had not seen them;
    other rows by the model.

    Example: sktart report model.sktart tickets.csv --target label --out r.html
    """
    from sktart.auto import write_report

    fitted = _load(model)
    write_report(fitted, *_read_labelled(data, target), out)
    if as_json:
        print_json({"report": str(out)})
    else:
        typer.echo(f"report: {out}")


def _load(model: Path) -> Any:
    from sktart import AutoTartClassifier, load

    fitted = load(model)
    if not isinstance(fitted, AutoTartClassifier):
        raise SavedModelError(f"{model} must be written by sktart fit; it holds a {type(fitted).__name__}")
    return fitted


def _parts(data: Path, fitted: Any, keep: list[str]) -> Any:
    """Yield what names rows in the answers, and the rows, part by part."""
    if data.is_dir():
        if keep:
            raise ValueError(f"--keep names a column of a table, and {data} is a folder: leave it out")
        files, _ = read_folder(data)
        for start in range(0, len(files), CHUNK):
            yield {"file": files[start : start + CHUNK]}, files[start : start + CHUNK]
        return
    for name in keep:
        if name in ("row", "label"):
            raise ValueError(
                f"--keep must be no column that the answers have themselves; got {name!r}: rename it"
            )
    wanted = getattr(fitted, "feature_names_in_", None)
    # What is only copied stays as it is written.
    copied = [name for name in keep if wanted is None or name not in wanted]
    begun = 0
    for part in read_parts(data, CHUNK, words=[*fitted._reader.word_columns, *copied]):
        kept = {name: take_column(part, name, data).to_numpy() for name in keep}
        if wanted is not None:
            for name in wanted:
                take_column(part, name, data)
            part = part[list(wanted)]
        yield {"row": range(begun, begun + len(part))} | kept, part
        begun += len(part)


def _read_labelled(data: Path, target: str | None) -> tuple[Any, Any]:
    if data.is_dir():
        if target is not None:
            raise ValueError(f"--target names a column of a table, and {data} is a folder: leave it out")
        return read_folder(data)
    if target is None:
        raise ValueError("--target must name the column of labels: add it")
    frame = read_table(data, target)
    labels = take_column(frame, target, data)
    rows = frame.drop(columns=target)
    if not rows.shape[1]:
        raise ValueError(f"{data} must have a column beside {target!r}: add what rows are told apart by")
    return rows, labels.astype(object).where(labels.notna(), None).to_numpy()


def _read_descriptions(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f'--describe must be a JSON file such as {{"label": "a sentence"}}; {path}: {error}'
        ) from error
