"""TartClassifier: raw rows in, probabilities out."""

from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV
from tiny_knowing import save_knowing

import sktart
from sktart import LabelledFolds, TartClassifier, TartReasoner, TartTransformer

TEXTS = ["good film", "bad film", "good plot", "bad plot", "very good", "very bad", "fine film", "the plot"]
Y = ["+", "-", "+", "-", None, None, None, None]
SAID = {"+": ["good", "fine"], "-": "bad"}
HASHING = HashingVectorizer(n_features=16)


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    return str(save_knowing(tmp_path_factory.mktemp("knowing") / "tiny"))


def test_it_is_encoder_and_reasoner(knowing):
    model = TartClassifier(HASHING, checkpoint=knowing, class_descriptions=SAID).fit(TEXTS, Y)
    encoder = TartTransformer(HASHING).fit(TEXTS)
    vectors = {
        label: encoder.transform([said] if isinstance(said, str) else said) for label, said in SAID.items()
    }
    reasoner = TartReasoner(knowing).fit(encoder.transform(TEXTS), Y, class_vectors=vectors)
    expected = reasoner.predict_proba(encoder.transform(TEXTS))
    np.testing.assert_array_equal(model.predict_proba(TEXTS), expected)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(TEXTS)), expected)
    np.testing.assert_array_equal(model.predict(TEXTS), model.classes_[expected.argmax(axis=1)])
    np.testing.assert_allclose(
        model.decision_function(TEXTS), np.log(expected[:, 1] / expected[:, 0]), rtol=1e-3, atol=1e-5
    )


def test_descriptions_change_the_answer_and_may_stand_alone(knowing):
    plain = TartClassifier(HASHING, checkpoint=knowing).fit(TEXTS, Y)
    told = TartClassifier(HASHING, checkpoint=knowing, class_descriptions=SAID).fit(TEXTS, Y)
    alone = TartClassifier(HASHING, checkpoint=knowing, class_descriptions=SAID).fit(
        TEXTS, [None] * len(TEXTS)
    )
    assert np.abs(plain.predict_proba(TEXTS) - told.predict_proba(TEXTS)).max() > 1e-3
    assert alone.classes_.tolist() == ["+", "-"]


def test_sentence_transformer(knowing, model_folder):
    model = TartClassifier(str(model_folder), checkpoint=knowing, class_descriptions=SAID).fit(TEXTS, Y)
    assert model.predict_proba(TEXTS).shape == (8, 2)


def test_images_and_sentences_in_one_space(knowing, tiny):
    images = np.random.default_rng(0).integers(0, 256, size=(6, 16, 16, 3), dtype=np.uint8)
    said = {"cat": "a photo of a cat", "dog": ["a photo of a dog", "a puppy"]}
    model = TartClassifier(str(tiny("clip")), checkpoint=knowing, class_descriptions=said)
    model.fit(list(images), ["cat", "dog", "cat", None, None, None])
    plain = TartClassifier(str(tiny("clip")), checkpoint=knowing).fit(
        list(images), ["cat", "dog", "cat"] + 3 * [None]
    )
    assert np.abs(model.predict_proba(list(images)) - plain.predict_proba(list(images))).max() > 1e-4


def test_a_transformer_with_options_of_its_own_is_cloned(knowing):
    encoder = TartTransformer(TfidfVectorizer(), n_components=2)
    model = TartClassifier(encoder, checkpoint=knowing).fit(TEXTS, Y)
    assert model.transformer_.n_features_out_ == 2
    assert not hasattr(encoder, "n_features_out_")
    with pytest.raises(
        ValueError, match=r"n_components \(=3\) must stay at its default where encoder is a TartTransf"
    ):
        TartClassifier(encoder, checkpoint=knowing, n_components=3).fit(TEXTS, Y)


def test_a_search_over_encoders(knowing):
    y = [0, 1, 0, 1, 0, 1, 0, -1]
    model = TartClassifier(checkpoint=knowing, unlabelled=-1)
    grid = {"encoder": [HASHING, TfidfVectorizer()], "class_descriptions": [None, {0: "good", 1: "bad"}]}
    search = GridSearchCV(model, grid, cv=LabelledFolds(2), scoring="neg_log_loss").fit(TEXTS, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.classes_.tolist() == [0, 1]


def test_parameters_reach_their_part(knowing):
    given = {"n_components": 2, "temperature": 2.0, "max_unlabelled": 3, "random_state": 0}
    model = TartClassifier(HASHING, checkpoint=knowing, **given)
    assert repr(clone(model)) == repr(model)
    with pytest.warns(UserWarning, match="read 3 of 4 rows without a label"):
        model.fit(TEXTS, Y)
    assert model.transformer_.n_components == 2
    assert (model.reasoner_.temperature, model.reasoner_.max_unlabelled) == (2.0, 3)


@pytest.mark.parametrize("selection", ["random", "recent"])
def test_only_rows_that_are_read_are_encoded(selection, monkeypatch):
    encoded = []
    transform = TartTransformer.fit_transform

    def spy(self, X, y=None):
        encoded.extend(X)
        return transform(self, X, y)

    monkeypatch.setattr(TartTransformer, "fit_transform", spy)
    texts = [f"a good film no. {i}" if i % 2 else f"a bad play no. {i}" for i in range(30)]
    labels = [i % 2 if i < 8 else None for i in range(30)]
    model = TartClassifier("all-MiniLM-L6-v2", max_unlabelled=5, context_selection=selection, random_state=0)
    with pytest.warns(match="read 5 of 22 rows without") if selection == "random" else nullcontext():
        model.fit(texts, labels)
    read = [*model.labelled_rows_, *model.reasoner_.unlabelled_rows_]
    assert encoded == [texts[row] for row in sorted(read)]
    assert len(read) == 13
    if selection == "recent":
        assert read[8:] == [25, 26, 27, 28, 29]


def test_numbers():
    X, y = load_iris(return_X_y=True)
    model = TartClassifier(None).fit(X[::2], y[::2], sample_weight=np.ones(75))
    assert model.n_features_in_ == 4
    assert model.score(X[1::2], y[1::2]) > 0.9


def test_a_fitted_model_comes_back_from_a_file(knowing, tmp_path):
    model = TartClassifier(HASHING, checkpoint=knowing, class_descriptions=SAID).fit(TEXTS, Y)
    sktart.save(model, tmp_path / "model.sktart")
    again = sktart.load(tmp_path / "model.sktart")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


WRONG = [
    ("good or bad", "class_descriptions must be a dict from labels to texts; got str: pass"),
    ({"+": "good", "-": 3}, "must hold a text, or a list of texts, for each label; '-' has 3: write what"),
    ({"+": "good", "-": []}, r"'-' has \[\]"),
    ({"+": "good", "-": " "}, "'-' has ' '"),
    ({"+": "good"}, "must describe at least two classes"),
]


@pytest.mark.parametrize(("said", "message"), WRONG, ids=str)
def test_descriptions_that_break_a_rule(knowing, said, message):
    with pytest.raises(ValueError, match=message):
        TartClassifier(HASHING, checkpoint=knowing, class_descriptions=said).fit(TEXTS, Y)


def test_descriptions_for_an_encoder_that_reads_no_text(knowing):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(
        ValueError, match=r"are texts, which encoder .* does not read: take an encoder that puts both"
    ):
        TartClassifier(None, checkpoint=knowing, class_descriptions={0: "a", 1: "b"}).fit(X, y)


def test_descriptions_without_a_known_word(knowing):
    said = {"+": ["good", "wonderful"], "-": "bad"}
    TartClassifier(TfidfVectorizer(), checkpoint=knowing, class_descriptions=said).fit(TEXTS, Y)
    said["+"] = "wonderful"
    message = r"makes nothing of the class_descriptions of '\+', \['wonderful'\]: use words that occur in X"
    with pytest.raises(ValueError, match=message):
        TartClassifier(TfidfVectorizer(), checkpoint=knowing, class_descriptions=said).fit(TEXTS, Y)


@pytest.mark.parametrize(
    ("given", "y", "message"),
    [
        ({"temperature": -1}, Y, "temperature must be a number"),
        ({"class_descriptions": {"+": "good", None: "bad"}}, Y, "must not describe None"),
        ({}, Y[:-1], "inconsistent numbers of samples"),
    ],
    ids=str,
)
def test_what_can_be_checked_is_checked_before_rows_are_encoded(knowing, given, y, message):
    def refuse(texts):
        raise AssertionError("encoded too early")

    with pytest.raises(ValueError, match=message):
        TartClassifier(refuse, checkpoint=knowing, **given).fit(TEXTS, y)


def test_an_encoder_that_learns_from_labels(knowing):
    X, y = load_iris(return_X_y=True)
    assert TartClassifier(SelectKBest(k=2), checkpoint=knowing).fit(X, y).transformer_.n_features_out_ == 2


def test_names_of_columns():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = TartClassifier(None).fit(X, y)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    with pytest.raises(AttributeError, match="'TartClassifier' object has no attribute 'feature_names_in_'"):
        _ = TartClassifier(None).feature_names_in_


def test_a_fit_that_fails_leaves_no_answer(knowing):
    model = TartClassifier(HASHING, checkpoint=knowing).fit(TEXTS, Y)
    with pytest.raises(ValueError, match="class_descriptions must hold a text"):
        model.set_params(class_descriptions={"+": 3}).fit(TEXTS, Y)
    with pytest.raises(NotFittedError):
        model.predict(TEXTS)
