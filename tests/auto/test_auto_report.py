"""The report: what is on the page, and that it needs nothing else."""

import re

import numpy as np
import pytest
from made_columns import letters, make_frame, make_texts, words

from sktart import AutoTartClassifier
from sktart.auto import write_report

TEXTS, Y = make_texts(60)
PARTLY = np.where(np.arange(60) < 48, Y, None)


@pytest.fixture(scope="module")
def model():
    return AutoTartClassifier(encoders=[words, letters], random_state=0, time_limit=None).fit(TEXTS, PARTLY)


def _page(model, X, y, tmp_path):
    write_report(model, X, y, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def _titles(page):
    return re.findall("<h2>(.*?)</h2>", page)


def test_rows_of_the_fit_are_judged_by_answers_of_folds(model, tmp_path):
    page = _page(model, TEXTS, PARTLY, tmp_path)
    assert _titles(page) == [
        "What the data are",
        "What was tried",
        "How good it is",
        "Labels to check",
        "What more labels would bring",
        "Rows to label next",
        "The same in Python",
    ]
    assert "60 texts, 48 of them labelled." in page
    assert page.count("<svg") == 3
    right = np.mean(model.oof_proba_[:48].argmax(axis=1) == np.searchsorted(model.classes_, Y[:48]))
    assert f"{right:.1%} are answered right" in page
    assert "words+letters, TartReasoner" in page
    # Nothing is fetched: the only addresses name formats.
    assert not re.search(r"(src|href)=\"http", page)
    # Unlabelled rows are listed by their place.
    listed = re.findall("<tr><td>(\\d+)</td>", page.split("Rows to label next")[1])
    assert len(listed) == 10
    assert all(int(place) >= 48 for place in listed)


def test_candidates_without_a_score_have_a_table_of_their_own(tmp_path):
    def broken(texts):
        raise RuntimeError("neither here nor there, and nobody knows why")

    model = AutoTartClassifier(encoders=[words, broken], random_state=0, time_limit=None, cv=2).fit(TEXTS, Y)
    scored, failed = _page(model, TEXTS, Y, tmp_path).split("why it has no score")
    assert "neither here nor there" not in scored
    assert '<td>broken, TartReasoner</td><td class="text">RuntimeError: neither here' in failed


def test_a_wrong_label_is_the_first_to_check(tmp_path):
    texts, y = make_texts(60, seed=2)
    wrong = y.copy()
    wrong[7] = "ham" if y[7] == "spam" else "spam"
    model = AutoTartClassifier(encoders=[words], random_state=0, max_candidates=2).fit(texts, wrong)
    page = _page(model, texts, wrong, tmp_path)
    first = re.search(r"<tr><td>(\d+)</td><td.*?>(.*?)</td>", page.split("Labels to check")[1])
    assert first.group(1) == "7"
    assert first.group(2) == texts[7]


def test_other_rows_are_judged_by_the_model(model, tmp_path):
    others, y = make_texts(30, seed=5)
    others = [f"{text} at last" for text in others]
    page = _page(model, others, y, tmp_path)
    assert "The model has never seen 30 of them." in page
    assert "What more labels would bring" not in _titles(page)
    assert "All rows have a label." in page
    with pytest.raises(
        ValueError, match=r"y must have labels that the model knows, .* got 'eggs': fit again"
    ):
        write_report(model, others, ["eggs", *y[1:]], tmp_path / "no.html")
    assert not (tmp_path / "no.html").exists()


def test_a_corrected_label_is_still_judged_by_the_answer_of_a_fold(model, tmp_path):
    corrected = PARTLY.copy()
    corrected[3] = "ham" if Y[3] == "spam" else "spam"
    page = _page(model, TEXTS[::-1], corrected[::-1], tmp_path)
    right = np.mean(model.classes_[model.oof_proba_[:48].argmax(axis=1)] == corrected[:48])
    assert f"{right:.1%} are answered right" in page
    assert "never seen" not in page


def test_frames_and_few_rows_and_texts_that_look_like_tags(tmp_path):
    frame, y = make_frame(20)
    frame.loc[0, "text"] = "<script>alert(1)</script> " * 20
    model = AutoTartClassifier(encoders=[words], random_state=0, max_candidates=1).fit(frame, y)
    page = _page(model, frame, y, tmp_path)
    assert "<script>" not in page
    assert "20 rows of a table" in page
    few = AutoTartClassifier(encoders=[words], random_state=0, max_candidates=1).fit(TEXTS[:9], Y[:9])
    assert "There are too few labelled rows to tell." in _page(few, TEXTS[:9], Y[:9], tmp_path)
