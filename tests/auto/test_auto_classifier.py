"""AutoTartClassifier: what it takes, what it keeps, and what it says of the rest."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from made_columns import letters, make_frame, make_texts, words
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize
from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny_knowing import save_knowing
from tiny_models import build_text_encoder

from sktart import AutoTartClassifier, TartTransformer, load, save
from sktart.auto import BlendedClassifier, _search
from sktart.auto._texts import VECTOR
from sktart.encoders import inner_layers

TEXTS, Y = make_texts()


def wide(texts):
    return 3 * HashingVectorizer(n_features=160).transform(texts).toarray()


ENCODERS = [words, letters]
# The principal components that dense rows of sparse ones are made of know no weights.
KNOWN = {"check_sample_weight_equivalence_on_sparse_data": "components know no weights"}
# Scaled rows may differ in the last bit, and the reasoner answers in float32: see the test of weights below.
KNOWN_ON_SOME_MACHINES = {"check_sample_weight_equivalence_on_dense_data": "differences beyond 1e-9"}


def auto(**options):
    own = {"encoders": ENCODERS, "random_state": 0, "max_candidates": 3, "time_limit": None}
    return AutoTartClassifier(**own | options)


@parametrize_with_checks(
    [AutoTartClassifier(max_candidates=2, random_state=0)],
    expected_failed_checks=lambda estimator: KNOWN | KNOWN_ON_SOME_MACHINES,
    xfail_strict=False,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_weights_count_as_repeated_rows():
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 10)
    X = rng.normal(size=(30, 4)) + y[:, None]
    # As in scikit-learn's check: weights in one of two parts, each of which is held out once.
    weight = np.r_[rng.integers(1, 4, size=15), np.ones(15, dtype=int)]
    fits = []
    for times, given in ((np.ones(30, dtype=int), weight), (weight, None)):
        parts = np.repeat(np.arange(30) < 15, times)
        cv = [(np.flatnonzero(parts == part), np.flatnonzero(parts != part)) for part in (True, False)]
        model = auto(encoders="auto", max_candidates=2, cv=cv)
        fits.append(model.fit(np.repeat(X, times, axis=0), np.repeat(y, times), sample_weight=given))
    np.testing.assert_allclose(*(model.predict_proba(X) for model in fits), rtol=1e-4, atol=1e-7)


def test_all_candidates_of_texts_are_on_the_leaderboard_and_the_mixture_is_kept():
    model = auto(max_candidates=None).fit(TEXTS, Y)
    board = model.leaderboard_
    assert set(board["candidate"]) == {
        "words, TartReasoner",
        "words, LogisticRegressionCV",
        "letters, TartReasoner",
        "letters, LogisticRegressionCV",
        "words+letters, TartReasoner",
        "words+letters, LogisticRegressionCV",
        "tf-idf, LogisticRegressionCV",
    }
    assert board["score"].is_monotonic_decreasing
    assert board["weight"].sum() == pytest.approx(1.0)
    assert model.failures_ == {}
    held_out = -log_loss(Y, model.oof_proba_, labels=model.classes_)
    default = board.set_index("candidate").loc["words, TartReasoner"]
    assert held_out >= default["score"] - 1e-9
    assert default["weight"] > 0
    others, y = make_texts(seed=1)
    assert model.score(others, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(others).sum(axis=1), 1)


def test_the_same_candidates_give_the_same_bits():
    first, second = (auto(time_limit=None).fit(TEXTS, Y).predict_proba(TEXTS) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_threads_change_no_bit_of_the_model():
    one, two = (auto(max_candidates=None, n_jobs=n_jobs).fit(TEXTS, Y) for n_jobs in (None, 2))
    np.testing.assert_array_equal(one.predict_proba(TEXTS), two.predict_proba(TEXTS))
    assert one.leaderboard_["candidate"].tolist() == two.leaderboard_["candidate"].tolist()


def test_the_thorough_preset_tries_what_seldom_pays(tmp_path):
    build_text_encoder(tmp_path / "tiny", "bert")
    folder = str(tmp_path / "tiny")
    options = {"presets": "thorough", "max_candidates": None, "cv": 2}
    board = auto(encoders=[folder, wide], **options).fit(TEXTS, Y).leaderboard_.set_index("candidate")
    tried = {"wide, unit rows, TartReasoner", "wide, unit rows, LogisticRegressionCV"}
    tried |= {f"{folder}+wide, components, TartReasoner"}
    tried |= {f"{folder} layer {layer}, TartReasoner" for layer in inner_layers(folder)}
    assert inner_layers(folder)
    assert not board.loc[sorted(tried), "error"].any()
    balanced = auto(encoders=[folder, wide], max_candidates=None, cv=2).fit(TEXTS, Y).leaderboard_
    assert not tried & set(balanced["candidate"])


def test_the_thorough_preset_trains_an_encoder_inside_the_folds(model_folder, monkeypatch):
    folder = str(model_folder)
    name = f"adapted {folder}, TartReasoner"
    options = {"encoders": [words, folder], "max_candidates": None, "cv": 2}
    texts, y = TEXTS[:20], Y[:20]
    model = auto(presets="thorough", **options).fit(texts, y)
    line = model.leaderboard_.set_index("candidate").loc[name]
    assert not line["error"]
    assert np.isfinite(line["score"])
    assert name not in set(auto(**options).fit(texts, y).leaderboard_["candidate"])
    monkeypatch.setattr(_search, "ROWS_OF_TRAINING", 1e9)
    late = auto(presets="thorough", time_limit=60, **options).fit(texts, y)
    assert late.failures_[name].startswith("skipped")


def test_what_would_change_nothing_is_skipped():
    def unit(texts):
        return normalize(np.c_[np.ones(len(texts)), letters(texts)])

    model = auto(encoders=[unit], presets="thorough", max_candidates=None, cv=2).fit(TEXTS, Y)
    assert model.failures_ == {
        "unit, unit rows, TartReasoner": "skipped: rows are of unit length already",
        "unit, unit rows, LogisticRegressionCV": "skipped: rows are of unit length already",
        "unit, components, TartReasoner": "skipped: rows have no more than 128 columns",
    }


def test_one_candidate_is_kept_as_a_pipeline_of_raw_rows():
    model = auto(max_candidates=1).fit(TEXTS, Y)
    assert isinstance(model.best_estimator_, Pipeline)
    np.testing.assert_array_equal(model.best_estimator_.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_what_is_kept_can_be_fitted_again():
    # Labels by length make the two encoders differ, so that both are kept.
    model = auto(max_candidates=None, scoring="accuracy").fit(TEXTS, Y)
    again = BlendedClassifier(
        [("words", TartTransformer(words)), ("", None)],
        [("a", "words", model.leaderboard_ is None or _reasoner(), 0.5), ("b", "", _tf_idf(), 0.5)],
    ).fit(TEXTS, Y)
    assert again.score(TEXTS, Y) > 0.9
    assert cross_val_score(again, TEXTS, Y, cv=3).mean() > 0.8
    with pytest.raises(NotFittedError, match="not fitted"):
        BlendedClassifier([], []).predict(TEXTS)


def _reasoner():
    from sktart import TartReasoner

    return TartReasoner()


def _tf_idf():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(), LogisticRegression())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_mixed_columns(library, tmp_path):
    frame, y = make_frame()
    if library == "polars":
        columns = {name: [None if pd.isna(entry) else entry for entry in frame[name]] for name in frame}
        frame = pl.DataFrame(columns)
    model = auto(max_candidates=None).fit(frame, y)
    assert model.kind_ == "frame"
    assert model.failures_ == {}
    assert len(model.leaderboard_) == 10
    assert model.score(frame, y) > 0.95
    save(model, tmp_path / "model.sktart")
    np.testing.assert_array_equal(
        load(tmp_path / "model.sktart", trusted=["made_columns"]).predict_proba(frame),
        model.predict_proba(frame),
    )


def test_columns_go_by_name():
    frame, y = make_frame()
    model = auto(max_candidates=1).fit(frame, y)
    other_order = frame[["when", "kind", "price", "text"]].assign(more=1)
    np.testing.assert_array_equal(model.predict_proba(other_order), model.predict_proba(frame))
    with pytest.raises(ValueError, match=r"must have the column 'price'.*: rename 'prize' if it is that one"):
        model.predict(frame.rename(columns={"price": "prize"}))
    with pytest.raises(ValueError, match=r"must have the column 'when'.*: add it"):
        model.predict(frame.drop(columns="when"))
    with pytest.raises(ValueError, match="X must be a frame, as in fit; got list"):
        model.predict(TEXTS)
    with pytest.raises(ValueError, match="columns must have different names; got 'a' twice"):
        model.predict(pd.DataFrame([["x", None]], columns=["a", "a"]))


def test_empty_columns_are_left_out_with_a_warning():
    frame, y = make_frame()
    with pytest.warns(UserWarning, match="columns without an entry are not read: nothing; fill them"):
        auto(max_candidates=1).fit(frame.assign(nothing=None), y)
    with (
        pytest.warns(UserWarning, match="without an entry"),
        pytest.raises(ValueError, match="X must have a column with entries; all are empty"),
    ):
        auto().fit(pd.DataFrame({"a": [None, None]}), [0, 1])


def test_the_user_names_columns_of_text():
    frame, y = make_frame()
    model = auto(max_candidates=1, text_columns=["kind"]).fit(frame, y)
    assert any(f"kind{VECTOR}words" in name for name in model.best_estimator_[0].transform(frame).columns)
    with pytest.raises(ValueError, match=r"must have the column 'txt'.*: rename 'text' if it is that one"):
        auto(text_columns=["txt"]).fit(frame, y)
    with pytest.raises(ValueError, match="text_columns are columns of a frame; got rows of numbers"):
        auto(text_columns=["a"]).fit([[0.0], [1.0]], [0, 1])


def test_numbers_sparse_rows_images_and_clips():
    X, y = load_iris(return_X_y=True)
    assert auto(max_candidates=None).fit(X[::3], y[::3]).score(X, y) > 0.9
    assert auto(max_candidates=None).fit(csr_matrix(X[::3]), y[::3]).score(csr_matrix(X), y) > 0.9
    named = pd.DataFrame(X[::3], columns=list("abcd"))
    model = auto(max_candidates=1).fit(named, y[::3])
    assert model.feature_names_in_.tolist() == list("abcd")
    with_gaps = named.mask(np.eye(len(named), 4, dtype=bool))
    assert model.score(with_gaps, y[::3]) > 0.9
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(named[list("dcba")])
    images = [np.full((4, 4), 200 * (place % 2), dtype=np.uint8) for place in range(16)]

    def grey(pictures):
        return np.stack([np.asarray(picture, dtype=float).ravel() for picture in pictures])

    model = auto(encoders=[grey]).fit(images, np.arange(16) % 2)
    assert model.kind_ == "image"


def test_rows_without_a_label_and_descriptions_are_read(tmp_path):
    checkpoint = save_knowing(tmp_path / "knowing")
    assert checkpoint
    y = np.where(np.arange(len(Y)) < 24, Y, None)
    said = {"ham": "a nice shop, thanks", "spam": "broken, money back"}
    model = auto(class_descriptions=said, max_candidates=None).fit(TEXTS, y)
    assert model.failures_ == {}
    assert np.isnan(model.oof_proba_[24:]).all()
    assert not np.isnan(model.oof_proba_[:24]).any()
    assert isinstance(model.best_estimator_, BlendedClassifier)
    assert model.score(TEXTS[24:], Y[24:]) > 0.8
    marked = np.where(np.arange(len(Y)) < 24, Y, "?")
    same = auto(class_descriptions=said, max_candidates=None, unlabelled="?").fit(TEXTS, marked)
    np.testing.assert_array_equal(same.predict_proba(TEXTS), model.predict_proba(TEXTS))
    with pytest.raises(
        ValueError, match="class_descriptions go with rows whose encoder reads texts; got rows of num"
    ):
        auto(class_descriptions=said).fit([[0.0], [1.0]], ["ham", "spam"])


def test_equal_texts_are_held_out_together():
    # Each text is there twice with a label of its own, which nothing but its copy tells.
    rng = np.random.default_rng(0)
    texts = [f"{place}" for place in rng.permutation(30)] * 2
    y = np.tile(rng.integers(0, 2, 30), 2)
    board = auto(max_candidates=1, encoders=[HashingVectorizer(n_features=64)]).fit(texts, y).leaderboard_
    assert board["accuracy"][0] < 0.8


def test_groups_splits_and_weights():
    groups = np.arange(len(Y)) % 8
    model = auto().fit(TEXTS, Y, groups=groups)
    assert not np.isnan(model.oof_proba_).any()
    model = auto(cv=GroupKFold(4)).fit(TEXTS, Y, groups=groups)
    assert not np.isnan(model.oof_proba_).any()
    weight = np.r_[np.zeros(4), np.ones(len(Y) - 4)]
    with_zeros = auto(cv=4).fit(TEXTS, Y, weight)
    assert np.isnan(with_zeros.oof_proba_).all(axis=1).tolist() == [True] * 4 + [False] * (len(Y) - 4)
    with pytest.raises(ValueError, match="nconsistent"):
        auto().fit(TEXTS, Y, groups=groups[:5])


def test_a_class_without_weight_is_not_there():
    texts, y = [*TEXTS, "one more", "another"], [*Y, "aaa", "aaa"]
    model = auto(max_candidates=1).fit(texts, y, [1] * len(Y) + [0, 0])
    assert model.classes_.tolist() == ["ham", "spam"]
    assert model.score(TEXTS, Y) > 0.9


def test_where_one_class_alone_can_be_held_out_the_first_candidate_is_kept():
    with (
        pytest.warns(UserWarning, match="only ones of their class"),
        pytest.warns(UserWarning, match="no candidate could be scored"),
    ):
        model = auto(max_candidates=2).fit(TEXTS[:21], ["b"] * 20 + ["a"])
    assert model.leaderboard_["weight"].tolist() == [1.0]


def test_copies_stay_together_whatever_splits_and_whatever_stands_beside_them():
    rng = np.random.default_rng(0)
    texts = [f"number {place} of many" for place in rng.permutation(40)] * 2
    y = np.tile(rng.integers(0, 2, 40), 2)
    words_and_ids = pd.DataFrame({"text": texts, "id": [f"i{place}" for place in range(80)]})
    encoders = [HashingVectorizer(n_features=256)]
    for X, options in ((texts, {"cv": 5}), (words_and_ids, {}), (texts, {"groups": np.arange(80)})):
        groups = options.pop("groups", None)
        board = auto(max_candidates=1, encoders=encoders, **options).fit(X, y, groups=groups).leaderboard_
        assert board["accuracy"][0] < 0.75


def test_few_distinct_texts_are_searched_all_the_same():
    model = auto(max_candidates=1).fit(["yes"] * 20 + ["no"] * 20, [1] * 20 + [0] * 20)
    assert model.leaderboard_["accuracy"][0] == 1


def test_a_gap_does_not_tie_rows_together():
    frame, y = make_frame()
    frame["cabin"] = [None] * 50 + list("abcdefghij")
    model = auto(max_candidates=1).fit(frame, y)
    assert not np.isnan(model.oof_proba_).any()
    assert model.leaderboard_["accuracy"][0] > 0.9


def test_a_wrong_scorer_is_told_before_the_search():
    seen = []

    def counted(texts):
        seen.append(len(texts))
        return words(texts)

    with pytest.raises(ValueError, match="scoring"):
        auto(encoders=[counted], scoring="nope").fit(TEXTS, Y)
    assert seen == []


def test_descriptions_that_nothing_reads_are_refused():
    images = [np.full((4, 4), 200 * (place % 2), dtype=np.uint8) for place in range(16)]

    def grey(pictures):
        return np.stack([np.asarray(picture, dtype=float).ravel() for picture in pictures])

    with pytest.raises(
        ValueError, match="class_descriptions need an encoder that reads texts beside the rows"
    ):
        auto(encoders=[grey], class_descriptions={0: "dark", 1: "light"}).fit(images, np.arange(16) % 2)


def test_labels_in_an_array_of_objects():
    assert auto(max_candidates=1).fit(TEXTS, np.array([1, 0] * 20, dtype=object)).classes_.tolist() == [0, 1]


def test_a_class_with_one_row_is_never_held_out():
    texts, y = [*TEXTS, "quite another thing"], [*Y, "other"]
    with pytest.warns(UserWarning, match="1 labelled rows are the only ones of their class"):
        model = auto().fit(texts, y)
    assert model.classes_.tolist() == ["ham", "other", "spam"]
    assert np.isnan(model.oof_proba_[-1]).all()


def test_an_encoder_that_fails_is_listed_and_the_rest_goes_on():
    def broken(texts):
        raise RuntimeError("no such luck")

    model = auto(encoders=[broken, words], max_candidates=None).fit(TEXTS, Y)
    assert "no such luck" in model.failures_["broken, TartReasoner"]
    assert model.leaderboard_["error"].str.contains("no such luck").any()
    assert model.score(TEXTS, Y) > 0.9
    with pytest.raises(
        ValueError, match=r"no candidate could be fitted; name other encoders=, .*no such luck"
    ):
        auto(encoders=[broken], max_candidates=1).fit(TEXTS, Y)


def test_without_time_the_first_candidate_is_kept():
    with pytest.warns(
        UserWarning, match=r"no candidate could be scored .* kept is words, TartReasoner; allow more"
    ):
        model = auto(time_limit=0.001).fit(TEXTS, Y)
    assert model.score(TEXTS, Y) > 0.9
    assert np.isnan(model.oof_proba_).all()
    assert "skipped" in " ".join(model.failures_.values())


def test_what_would_be_downloaded_is_named_with_its_size():
    model = auto(encoders=["pythia-6.9b", "embeddinggemma-300m", words], max_candidates=None).fit(TEXTS, Y)
    assert model.score(TEXTS, Y) > 0.9
    assert "not asked for a download of unknown size" in model.failures_["pythia-6.9b, TartReasoner"]
    assert (
        "not asked for a download of about 1,155 MB" in (model.failures_["embeddinggemma-300m, TartReasoner"])
    )
    with pytest.raises(ValueError, match=r"no candidate could be fitted.*pythia-6\.9b.*unknown size"):
        auto(encoders=["pythia-6.9b", words], max_candidates=2).fit(TEXTS, Y)


@pytest.mark.parametrize(
    "learner",
    [
        TfidfVectorizer(),
        TartTransformer(words, n_components=2),
        TartTransformer("all-MiniLM-L6-v2", adapt="contrastive"),
        PCA(),
    ],
)
def test_an_encoder_that_learns_is_refused(learner):
    with pytest.raises(ValueError, match=r"encoders must be frozen; .* learns from rows"):
        auto(encoders=[learner]).fit(TEXTS, Y)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"time_limit": 0}, "time_limit must be None or a number from 0.001"),
        ({"max_candidates": 0}, "max_candidates must be None or an integer of at least 1"),
        ({"n_jobs": 0}, "n_jobs must be None or an integer other than 0"),
        ({"presets": "best"}, "presets must be one of 'fast', 'balanced', 'thorough'"),
        ({"encoders": "words"}, "encoders must be 'auto' or a list of encoders"),
        ({"text_columns": "text"}, "text_columns must be None or a list of names of columns"),
        ({"scoring": "best"}, "scoring"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        auto(**options).fit(TEXTS, Y)


def test_one_class_or_no_labels_are_refused():
    with pytest.raises(ValueError, match="labelled rows of at least two classes; got one class or none"):
        auto().fit(TEXTS, ["ham"] * len(TEXTS))


def test_other_rows_than_those_of_fit_are_refused():
    model = auto(max_candidates=1).fit(TEXTS, Y)
    with pytest.raises(ValueError, match="X must hold rows of text, as in fit; got numbers"):
        model.predict([[0.0, 1.0]])
    with pytest.raises(NotFittedError, match="not fitted"):
        auto().predict(TEXTS)
    assert not hasattr(auto(), "leaderboard_")


def test_verbose_prints_a_line_a_candidate(capsys):
    auto(verbose=1).fit(TEXTS, Y)
    printed = capsys.readouterr().out.splitlines()
    assert next(line.split(": ")[0] for line in printed) == "[AutoTartClassifier] words, TartReasoner"
    assert len(printed) == 3


def test_plot_leaderboard():
    import matplotlib

    matplotlib.use("agg")
    ax = auto().fit(TEXTS, Y).plot_leaderboard()
    assert ax.get_xlabel() == "seconds for 1,000 predictions"
    assert len(ax.texts) == 3


@pytest.mark.parametrize(
    "labels", [[Decimal(1), Decimal(2)], [b"a", b"b"], [(1, 2), (3,)], [2**70, 2**71]], ids=str
)
def test_labels_that_other_classifiers_do_not_know_are_refused(labels):
    y = pd.Series(labels * 8)
    with pytest.raises(ValueError, match=rf"must be texts, .*; got {re.escape(repr(labels[0]))}: turn them"):
        AutoTartClassifier().fit(np.eye(16), y)


@pytest.mark.parametrize("n_missing", [0, 4])
def test_dates_in_nanoseconds_are_labels(n_missing):
    y = np.array(["2020", "2021"] * 8, dtype="M8[ns]")
    X = np.arange(16)[:, None] % 2 + np.random.default_rng(0).normal(size=(16, 2)) / 9
    given = y.copy()
    given[:n_missing] = np.datetime64("NaT")
    model = AutoTartClassifier(max_candidates=2, random_state=0).fit(X, given)
    assert model.predict(X).dtype == y.dtype
    assert (model.predict(X) == y).all()
