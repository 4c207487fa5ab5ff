"""``sktart fit`` and ``sktart predict``, on tables and folders."""

import json

import numpy as np
import pandas as pd
import pytest
from command_line import assert_fails, run, run_json
from made_columns import make_frame, make_texts
from PIL import Image

from sktart import TartReasoner, load, save
from sktart.cli import _auto, main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table with 60 labelled rows and 5 without, and the same rows without labels."""
    path = tmp_path_factory.mktemp("tables")
    frame, y = make_frame(65)
    rows = frame.drop(columns="text")
    rows.assign(label=[*y[:60], *[None] * 5]).to_csv(path / "labelled.csv", index=False)
    for name, separator in (("new.csv", ","), ("new.tsv", "\t")):
        rows.to_csv(path / name, index=False, sep=separator)
    rows.to_json(path / "new.jsonl", orient="records", lines=True, date_format="iso", double_precision=15)
    return path


@pytest.fixture(scope="module")
def model(folder):
    out = folder / "model.sktart"
    from sktart.cli import main

    assert main(["fit", str(folder / "labelled.csv"), "--target", "label", "--out", str(out), "--json"]) == 0
    return out


@pytest.mark.parametrize("name", ["new.csv", "new.tsv", "new.jsonl"])
def test_answers_of_tables_come_part_by_part(folder, model, name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_auto, "CHUNK", 20)
    out = tmp_path / "answers.csv"
    assert run_json(capsys, "predict", model, folder / name, "--out", out, "--proba")["rows"] == 65
    answers = pd.read_csv(out)
    assert answers["row"].tolist() == list(range(65))
    fitted = load(model)
    proba = fitted.predict_proba(pd.read_csv(folder / "new.csv"))
    np.testing.assert_allclose(answers[["p(ham)", "p(spam)"]], proba, atol=1e-12)
    assert answers["label"].tolist() == fitted.classes_[proba.argmax(axis=1)].tolist()
    assert list(tmp_path.iterdir()) == [out]


def test_columns_can_be_copied_beside_the_answers(folder, model, tmp_path, capsys):
    ids = [f"{number:03d}" for number in range(65)]
    table, out = tmp_path / "new.csv", tmp_path / "answers.csv"
    pd.read_csv(folder / "new.csv").assign(id=ids, label="?").to_csv(table, index=False)
    run_json(capsys, "predict", model, table, "--out", out, "--keep", "id", "--keep", "kind")
    answers = pd.read_csv(out, dtype={"id": str})
    assert answers.columns.tolist() == ["row", "id", "kind", "label"]
    assert answers["id"].tolist() == ids
    predict = ("predict", model, "--out", out)
    assert_fails(
        capsys,
        "--keep must be no column that the answers have themselves; got 'label'",
        *predict,
        table,
        "--keep",
        "label",
    )
    assert_fails(capsys, "--keep names a column of a table, and", *predict, tmp_path, "--keep", "id")
    assert_fails(capsys, "has no column 'ids'; did you mean 'id'", *predict, table, "--keep", "ids")


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_without_our_code(tmp_path, capsys):
    rows = pd.DataFrame({"a": np.arange(21.0), "y": [*np.resize(["low", "high"], 20), "alone"]})
    rows.to_csv(tmp_path / "t.csv", index=False)
    assert (
        main(["fit", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "m"), "--json"]) == 0
    )
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line.lower()]
    assert len(lines) == 1
    assert lines[0].startswith("sktart: warning: ")
    assert ".py" not in lines[0]


def test_summary_in_the_terminal(folder, tmp_path, capsys):
    printed = run(
        capsys, "fit --target label --preset fast", folder / "labelled.csv", "--out", tmp_path / "m.sktart"
    )
    assert "[AutoTartClassifier] table, TartReasoner: done" in printed
    assert "log-loss" in printed
    assert printed.splitlines()[-1].startswith("65 rows, 2 classes; saved: ")


def test_descriptions_and_markers_go_to_the_search(tmp_path, capsys, monkeypatch):
    seen = {}
    from sktart import AutoTartClassifier

    def remember(self, X, y):
        seen.update(self.get_params(), y=y)
        raise ValueError("enough")

    monkeypatch.setattr(AutoTartClassifier, "fit", remember)
    texts, y = make_texts(10)
    pd.DataFrame({"text": texts, "label": y}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "said.json").write_text(json.dumps({"ham": "fine", "spam": ["bad", "worse"]}))
    words = "fit --target label --unlabelled ? --time 5 --text text --seed 3 --encoder e5"
    more = ["--describe", tmp_path / "said.json", "--out", tmp_path / "m.sktart"]
    assert_fails(capsys, "enough", words, tmp_path / "t.csv", *more)
    assert seen["class_descriptions"] == {"ham": "fine", "spam": ["bad", "worse"]}
    assert (seen["unlabelled"], seen["time_limit"], seen["random_state"]) == ("?", 5.0, 3)
    assert (seen["text_columns"], seen["encoders"]) == (["text"], ["e5"])
    assert seen["y"].tolist() == y.tolist()


def test_labels_stay_the_texts_of_the_file(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = np.resize(["007", "1"], 40)
    pd.DataFrame({"a": (y == "1") + rng.normal(0, 0.1, 40), "y": y}).to_csv(tmp_path / "t.csv", index=False)
    run_json(capsys, "fit --target y --preset fast", tmp_path / "t.csv", "--out", tmp_path / "m.sktart")
    assert load(tmp_path / "m.sktart").classes_.tolist() == ["007", "1"]


def test_words_such_as_none_are_labels_and_whole_numbers_stay_whole(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = np.resize(["None", "NA"], 40)
    rows = pd.DataFrame({"a": (y == "NA") + rng.normal(0, 0.1, 40), "y": y})
    rows.to_csv(tmp_path / "t.csv", index=False)
    run_json(capsys, "fit --target y --preset fast", tmp_path / "t.csv", "--out", tmp_path / "m.sktart")
    assert load(tmp_path / "m.sktart").classes_.tolist() == ["NA", "None"]
    numbered = rows.assign(y=[*np.resize([0, 1], 38), None, None])
    numbered.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    run_json(capsys, "fit --target y --preset fast", tmp_path / "t.jsonl", "--out", tmp_path / "m.sktart")
    assert load(tmp_path / "m.sktart").classes_.tolist() == ["0", "1"]


def test_texts_of_digits_are_texts_to_a_model_of_texts(tmp_path, capsys):
    texts, y = make_texts(20)
    pd.DataFrame({"text": texts, "y": y}).to_csv(tmp_path / "t.csv", index=False)
    run_json(
        capsys,
        "fit --target y --encoder wordllama --preset fast",
        tmp_path / "t.csv",
        "--out",
        tmp_path / "m.sktart",
    )
    (tmp_path / "new.csv").write_text("text\n123\n456\n")
    printed = run_json(
        capsys, "predict", tmp_path / "m.sktart", tmp_path / "new.csv", "--out", tmp_path / "a.csv"
    )
    assert printed["rows"] == 2


def test_parquet(tmp_path, capsys):
    frame, y = make_frame(40)
    frame.drop(columns="text").assign(y=y).to_parquet(tmp_path / "t.parquet")
    run_json(capsys, "fit --target y --preset fast", tmp_path / "t.parquet", "--out", tmp_path / "m.sktart")
    out = tmp_path / "a.csv"
    assert (
        run_json(capsys, "predict", tmp_path / "m.sktart", tmp_path / "t.parquet", "--out", out)["rows"] == 40
    )


def test_a_folder_of_images_by_class(tmp_path, capsys, monkeypatch):
    for place in range(12):
        file = tmp_path / "images" / ("dark", "light")[place % 2] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 + 200 * (place % 2) + place, dtype=np.uint8)).save(file)
    from sktart import AutoTartClassifier

    seen = {}

    def remember(self, X, y):
        seen.update(X=X, y=y)
        raise ValueError("enough")

    monkeypatch.setattr(AutoTartClassifier, "fit", remember)
    assert_fails(capsys, "enough", "fit", tmp_path / "images", "--out", tmp_path / "m.sktart")
    assert sorted(set(seen["y"])) == ["dark", "light"]
    assert all(name in file for file, name in zip(seen["X"], seen["y"], strict=True))
    assert_fails(
        capsys,
        "--target names a column of a table",
        "fit --target x",
        tmp_path / "images",
        "--out",
        tmp_path / "m",
    )
    (tmp_path / "none").mkdir()
    assert_fails(
        capsys,
        "must hold images or clips, in a folder for each class; it holds neither",
        "fit",
        tmp_path / "none",
        "--out",
        tmp_path / "m",
    )


@pytest.mark.parametrize(
    "name, content, words, message",
    [
        ("t.csv", b"a,label\n1,x\n2,y\n", "--target labeel", "has no column 'labeel'; did you mean 'label'?"),
        ("t.csv", b"a,label\n1,x\n2,y\n", "--target zzz", "has no column 'zzz'; it has a, label"),
        ("t.csv", b"a,label\n1,x\n", "", "--target must name the column of labels"),
        ("t.csv", b"label\nx\ny\n", "--target label", "must have a column beside 'label'"),
        ("t.csv", b"", "--target label", "cannot be read as a table"),
        ("t.csv", b"a,label\n", "--target label", "has no rows"),
        ("t.csv", "a,label\nschön,x\n".encode("latin-1"), "--target label", "must be text in UTF-8; byte"),
        ("t.xls", b"", "--target label", "must be a folder, or a table that ends in .csv, .tsv"),
    ],
)
def test_bad_tables_get_one_line(tmp_path, capsys, name, content, words, message):
    (tmp_path / name).write_bytes(content)
    assert_fails(capsys, message, f"fit {words}", tmp_path / name, "--out", tmp_path / "m.sktart")
    assert not (tmp_path / "m.sktart").exists()


def test_bad_places_and_models(folder, model, tmp_path, capsys):
    table = folder / "labelled.csv"
    nowhere = tmp_path / "no" / "m"
    for command in (["fit", "--target", "label"], ["predict", str(table)], ["report", str(table)]):
        assert main([*command, str(table), "--out", str(nowhere)]) == 2
        assert "must be in a folder that exists" in " ".join(capsys.readouterr().err.split())
        assert main([*command, str(table), "--out", str(folder)]) == 2
        assert "must be a file" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "said.json").write_text("{")
    assert_fails(
        capsys,
        "--describe must be a JSON file such as",
        "fit --target label",
        table,
        "--describe",
        tmp_path / "said.json",
        "--out",
        tmp_path / "m",
    )
    save(TartReasoner().fit([[0.0], [1.0]], [0, 1]), tmp_path / "other.sktart")
    assert_fails(
        capsys,
        "must be written by sktart fit; it holds a TartReasoner",
        "predict",
        tmp_path / "other.sktart",
        table,
        "--out",
        tmp_path / "a.csv",
    )
    (tmp_path / "few.csv").write_text("price\n1\n")
    assert_fails(
        capsys,
        "must have the column 'kind'",
        "predict",
        model,
        tmp_path / "few.csv",
        "--out",
        tmp_path / "a.csv",
    )
    assert not (tmp_path / "a.csv").exists()


def test_report(folder, model, tmp_path, capsys):
    out = tmp_path / "report.html"
    words = ["report", model, folder / "labelled.csv", "--target", "label", "--out", out]
    assert run_json(capsys, *words) == {"report": str(out)}
    assert "Rows to label next" in out.read_text()
