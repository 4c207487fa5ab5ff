"""Columns of frames: numbers, dates, categories and texts."""

import numpy as np
import pandas as pd
import pytest
from made_columns import make_frame, words

from sktart import TartTransformer
from sktart.auto._preparations import UnitRadius
from sktart.auto._rows import kind_of
from sktart.auto._table import MOST_CATEGORIES, TableVectors
from sktart.auto._texts import VECTOR, TextColumns, find_text_columns


def test_roles_of_columns():
    frame = pd.DataFrame(
        {
            "number": [1.5, None, 3.0],
            "number as text": ["1.5", None, "3"],
            "flag": [True, False, True],
            "date": pd.to_datetime(["2024-01-01", None, "2024-03-02"]),
            "date as text": ["2024-01-01", None, "2024-03-02"],
            "kind": ["a", None, "b"],
        }
    )
    table = TableVectors().fit(frame)
    roles = ["number", "number", "number", "date", "ISO8601", "category"]
    assert list(table.roles_.values()) == roles
    rows = table.transform(frame)
    # 1970 began on a Thursday: 2024-01-01 was a Monday, 19,723 days later.
    np.testing.assert_array_equal(rows[0], [1.5, 1.5, 1, 19723, 0, 0, 19723, 0, 0, 0, 1, 0])
    assert np.isnan(rows[1, [0, 1, 3, 4, 5]]).all()
    assert rows[1, -3:].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "entries",
    [
        ["1st", "2nd", "3rd"],
        ["may", "june", "april"],
        ["x", "01", "02"],
        ["1-2", "3-4", "5-6"],
        ["T1", "T2", "T3"],
        ["10:30", "11:45", "today"],
    ],
)
def test_what_is_not_surely_a_date_is_a_category(entries):
    frame = pd.DataFrame({"a": entries * 5})
    table = TableVectors().fit(frame)
    assert table.roles_ == {"a": "category"}
    assert table.transform(frame).shape == (15, 3)


def test_the_order_of_day_and_month_is_that_of_the_fit():
    days = pd.Series(["13/02/2024", "01/03/2024", "05/12/2023"])
    table = TableVectors().fit(days.to_frame("day"))
    assert table.roles_ == {"day": "%d/%m/%Y"}
    together = table.transform(days.to_frame("day"))
    alone = np.vstack([table.transform(pd.DataFrame({"day": [each]})) for each in days])
    np.testing.assert_array_equal(alone, together)
    assert together[:, 1].tolist() == [1, 2, 11]


def test_far_dates_durations_and_infinite_numbers():
    frame = pd.DataFrame(
        {
            "end": np.array(["2024-01-01", "9999-12-31", "1066-10-14"], dtype="datetime64[us]"),
            "took": pd.to_timedelta([1, 2, None], unit="h"),
            "ratio": [1.0, np.inf, -np.inf],
            "zone": pd.to_datetime(["2024-01-01T12:00:00+02:00"] * 3),
        }
    )
    rows = TableVectors().fit_transform(frame)
    assert rows[1, 0] == 2932896
    assert rows[:2, 3].tolist() == [3600, 7200]
    assert np.isnan(rows[2, 3])
    assert np.isnan(rows[1:, 4]).all()
    assert rows[0, 5] == pytest.approx(19723 + 10 / 24)


def test_rare_and_unknown_categories_have_a_column():
    names = [f"n{place}" for place in range(100)] + ["often"] * 50
    table = TableVectors().fit(pd.DataFrame({"name": names}))
    rows = table.transform(pd.DataFrame({"name": ["often", "never seen", None]}))
    assert rows.shape == (3, MOST_CATEGORIES)
    assert rows.sum(axis=1).tolist() == [1, 1, 1]
    assert rows[1].argmax() == rows[2].argmax() != rows[0].argmax()


def test_texts_are_told_from_categories():
    frame, _ = make_frame()
    assert find_text_columns(frame) == ["text"]
    again = pd.DataFrame({"state": ["in the middle of it", "at the very end"] * 50})
    assert find_text_columns(again) == []


def test_texts_become_columns_and_missing_ones_are_empty():
    frame, _ = make_frame()
    made = TextColumns([("words", TartTransformer(words))], ["text"]).fit(frame).transform(frame)
    vectors = made[[name for name in made if name.startswith(f"text{VECTOR}words{VECTOR}")]]
    assert vectors.shape == (60, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors.drop(index=3), axis=1), 1, rtol=1e-6)
    assert not vectors.loc[3].any()
    assert made.columns[:3].tolist() == ["price", "kind", "when"]


def test_unit_radius():
    rows = np.random.default_rng(0).normal(3, 5, size=(50, 4))
    scaled = UnitRadius().fit_transform(rows)
    assert np.square(scaled).sum(axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    assert not UnitRadius().fit_transform(np.ones((3, 2))).any()


@pytest.mark.parametrize(
    "X, kind",
    [
        (["it never came", "works"], "text"),
        (pd.DataFrame({"text": ["it never came", "works"]}), "text"),
        (pd.Series(["it never came", "works"]), "text"),
        ([[1.0, 2.0]], "numbers"),
        (pd.DataFrame({"a": [1, 2]}), "frame"),
        (pd.DataFrame({"a": [1.0, None]}), "frame"),
        (pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), "frame"),
        (np.zeros((3, 8, 8), dtype=np.uint8), "image"),
        ([np.zeros(3), np.zeros(4)], "audio"),
    ],
)
def test_kind_of_rows(X, kind):
    assert kind_of(X) == kind
