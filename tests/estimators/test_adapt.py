"""An encoder that is trained on the labelled rows: TartTransformer(adapt=...) and TartClassifier(adapt=...)."""

import random
from copy import deepcopy

import numpy as np
import pytest
import torch
from conftest import WORDS, transform_elsewhere
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sktart import TartClassifier, TartReasoner, TartTransformer, load, save

QUICK = {"steps": 3, "learning_rate": 0.01}
LONG = {"steps": 100, "learning_rate": 0.01}


def made_texts(n, seed=0):
    """Return texts of five words, and their class: whether "good" or "bad" is among them."""
    rng = np.random.default_rng(seed)
    others = [word for word in WORDS if word not in ("good", "bad")]
    labels, texts = np.arange(n) % 2, []
    for label in labels:
        words = rng.choice(others, 4).tolist()
        words.insert(rng.integers(5), ("good", "bad")[label])
        texts.append(" ".join(words))
    return texts, np.array(["pos", "neg"])[labels]


@pytest.fixture(scope="module")
def rows():
    return made_texts(24)


def fitted(folder, rows, adapt=QUICK, **options):
    transformer = TartTransformer(folder, adapt=adapt, random_state=0, **options)
    return transformer, transformer.fit_transform(*rows)


# What it learns


def test_classes_come_together(model_folder):
    texts, labels = made_texts(40)
    new, truth = made_texts(300, seed=1)
    head, frozen = NearestCentroid(), TartTransformer(model_folder)
    before = head.fit(frozen.fit_transform(texts), labels).score(frozen.transform(new), truth)
    adapted, features = fitted(model_folder, (texts, labels), {**LONG, "folds": 1})
    after = head.fit(features, labels).score(adapted.transform(new), truth)
    assert after > before + 0.1


def test_vectors_of_labelled_rows_do_not_give_random_labels_away(model_folder):
    texts, _ = made_texts(16)
    labels = np.random.default_rng(0).permutation(np.arange(16) % 2)
    adapted, features = fitted(model_folder, (texts, labels), LONG)
    assert cross_val_score(NearestCentroid(), features, labels, cv=4).mean() < 0.65
    assert cross_val_score(NearestCentroid(), adapted.transform(texts), labels, cv=4).mean() > 0.9


def test_held_out_answers_stay_at_chance_with_random_labels(model_folder):
    texts, _ = made_texts(16)
    labels = np.random.default_rng(0).permutation(np.arange(16) % 2)
    right = []
    for folds in (1, 2):
        adapt = {**LONG, "folds": folds}
        model = TartClassifier(model_folder, adapt=adapt, random_state=0).fit(texts, labels)
        right.append((model.held_out_proba().argmax(axis=1) == labels).mean())
    assert right[0] > 0.9
    assert right[1] < 0.65


def test_equal_texts_do_not_give_each_other_away(model_folder, rows):
    texts, labels = rows
    twice = [*texts, *texts], [*labels, *labels]
    _, features = fitted(model_folder, twice)
    assert_allclose(features[: len(texts)], features[len(texts) :], atol=1e-6)


# Which vectors come back


def test_labelled_rows_get_other_vectors_in_fit_and_rows_without_a_label_the_same(model_folder, rows):
    texts, labels = rows
    known = [None if i % 3 == 0 else label for i, label in enumerate(labels)]
    adapted, features = fitted(model_folder, (texts, known))
    differs = np.abs(features - adapted.transform(texts)).max(axis=1) > 1e-6
    assert_array_equal(differs, [label is not None for label in known])
    assert features.dtype == np.float32


def test_rows_without_a_label_change_nothing(model_folder, rows):
    texts, labels = rows
    known, _ = fitted(model_folder, rows)
    more, _ = fitted(model_folder, ([*texts, "a fine plot", "the film"], [*labels, None, np.nan]))
    assert_array_equal(known.transform(texts), more.transform(texts))


def test_one_fold_trains_once(model_folder, rows):
    adapted, features = fitted(model_folder, rows, {**QUICK, "folds": 1})
    assert_allclose(features, adapted.transform(rows[0]), atol=1e-6)


def test_a_fold_with_one_class_alone_is_not_trained_on(model_folder):
    texts = ["good film", "bad film", "bad plot"]
    adapted, features = fitted(model_folder, (texts, [1, 0, 0]))
    frozen = TartTransformer(model_folder).fit_transform(texts)
    assert (np.abs(features - frozen).max(axis=1) < 1e-6).any()
    assert np.abs(adapted.transform(texts) - frozen).max() > 1e-3


def test_principal_components_are_those_of_the_vectors_in_fit(model_folder, rows):
    adapted, features = fitted(model_folder, rows, n_components=2)
    assert features.shape == (24, 2)
    assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    assert adapted.transform(rows[0]).shape == (24, 2)


def test_the_words_before_each_text_are_there_in_training(model_folder, rows):
    texts, labels = rows
    _, features = fitted(model_folder, rows, text_prefix="very ")
    _, same = fitted(model_folder, ([f"very {text}" for text in texts], labels))
    assert_allclose(features, same, atol=1e-6)


def test_its_cost_does_not_depend_on_the_number_of_rows(model_folder, rows, monkeypatch):
    from sktart.encoders.models import _contrastive

    texts, labels = rows
    seen = []
    loss = _contrastive.contrastive_loss
    monkeypatch.setattr(
        _contrastive, "contrastive_loss", lambda *args: seen.append(len(args[1])) or loss(*args)
    )
    for n in (6, 24):
        fitted(model_folder, (texts[:n], labels[:n]))
        assert seen == 9 * [16]  # three steps on all rows, and on all but those of either fold
        seen.clear()


# Repeatable, and without side effects


def test_same_seed_same_bits(model_folder, rows):
    texts, _ = rows
    first, features = fitted(model_folder, rows)
    again, same = fitted(model_folder, rows)
    assert_array_equal(features, same)
    assert_array_equal(first.transform(texts), again.transform(texts))
    other = TartTransformer(model_folder, adapt=QUICK, random_state=1).fit(*rows)
    assert (first.transform(texts) != other.transform(texts)).any()


def test_it_leaves_the_shared_model_generators_and_folder_alone(model_folder, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frozen = TartTransformer(model_folder)
    before = frozen.fit_transform(rows[0])
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    with torch.no_grad():
        fitted(model_folder, rows)
    assert_array_equal(frozen.transform(rows[0]), before)
    assert (torch.get_rng_state() == states[0]).all()
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()  # noqa: NPY002
    assert not list(tmp_path.iterdir())


def test_an_instance_is_copied(model_folder, rows):
    from sentence_transformers import SentenceTransformer

    instance = SentenceTransformer(str(model_folder), device="cpu")
    before = {name: weight.clone() for name, weight in instance.named_parameters()}
    adapted, features = fitted(instance, rows)
    assert all(
        weight.requires_grad and (weight == before[name]).all()
        for name, weight in instance.named_parameters()
    )
    named, same = fitted(model_folder, rows)
    assert_array_equal(features, same)
    assert_array_equal(adapted.transform(rows[0]), named.transform(rows[0]))


def test_a_pickle_gives_the_same_bits_in_another_process(model_folder, rows, tmp_path):
    import pickle

    adapted, _ = fitted(model_folder, rows)
    features = adapted.transform(rows[0])
    assert_array_equal(transform_elsewhere(pickle.dumps(adapted), tmp_path, rows[0]), features)
    assert_array_equal(deepcopy(adapted).transform(rows[0]), features)


def test_a_saved_model_has_the_trained_weights(model_folder, rows, tmp_path):
    model = TartClassifier(model_folder, adapt=QUICK, random_state=0).fit(*rows)
    save(model, tmp_path / "model.sktart")
    loaded = load(tmp_path / "model.sktart")
    assert_array_equal(loaded.predict_proba(rows[0]), model.predict_proba(rows[0]))
    # What follows a fit is up to it alone.
    model.fit(rows[0], rows[1][::-1])
    assert (loaded.predict_proba(rows[0]) != model.predict_proba(rows[0])).any()


def test_a_memory_changes_no_bit(model_folder, rows, tmp_path):
    adapted, features = fitted(model_folder, rows)
    for _ in range(2):
        cached, same = fitted(model_folder, rows, memory=tmp_path)
        assert_array_equal(same, features)
        assert_array_equal(cached.transform(rows[0]), adapted.transform(rows[0]))
    other = TartTransformer(model_folder, adapt=QUICK, random_state=1, memory=tmp_path).fit(*rows)
    assert (other.transform(rows[0]) != adapted.transform(rows[0])).any()


# In other estimators


def test_a_classifier_reads_descriptions_by_the_adapted_encoder(model_folder, rows):
    texts, labels = rows
    said = {"pos": "a good film", "neg": "a bad film"}
    known = [label if i % 2 else "?" for i, label in enumerate(np.repeat(labels[:12], 2))]
    options = {"adapt": QUICK, "random_state": 0}
    model = TartClassifier(model_folder, class_descriptions=said, unlabelled="?", **options).fit(texts, known)
    by_hand = TartTransformer(model_folder, **options)
    features = by_hand.fit_transform(texts, [None if label == "?" else label for label in known])
    vectors = {label: by_hand.transform([text])[0] for label, text in said.items()}
    reasoner = TartReasoner(unlabelled="?").fit(features, known, class_vectors=vectors)
    assert_array_equal(model.predict_proba(texts), reasoner.predict_proba(by_hand.transform(texts)))


def test_a_classifier_that_leaves_rows_without_a_label_out_trains_alike(model_folder, rows):
    texts, labels = rows
    more, known = [*texts, "a fine plot", "the film", "the plot"], [*labels, None, None, None]
    options = {"adapt": QUICK, "random_state": 0, "context_selection": "recent"}
    model = TartClassifier(str(model_folder), max_unlabelled=1, **options).fit(more, known)
    same = TartTransformer(str(model_folder), adapt=QUICK, random_state=0).fit(texts, labels)
    assert_array_equal(model.transformer_.transform(texts), same.transform(texts))


def test_a_classifier_does_not_train_on_rows_of_weight_zero(model_folder, rows):
    texts, labels = rows
    model = TartClassifier(model_folder, adapt=QUICK, random_state=0)
    weight = np.ones(24)
    weight[:8] = 0
    model.fit(texts, labels, sample_weight=weight)
    same = TartTransformer(model_folder, adapt=QUICK, random_state=0).fit(texts[8:], labels[8:])
    assert_array_equal(model.transformer_.transform(texts), same.transform(texts))


def test_rows_that_come_later_are_read_by_the_encoder_as_it_is(model_folder, rows):
    texts, labels = rows
    model = TartClassifier(model_folder, adapt=QUICK, random_state=0).fit(texts[:12], labels[:12])
    features = model.transformer_.transform(texts)
    model.partial_fit(texts[12:], labels[12:])
    assert_array_equal(model.transformer_.transform(texts), features)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_over_adapt(model_folder, rows, n_jobs):
    pipeline = make_pipeline(TartTransformer(str(model_folder), random_state=0), LogisticRegression())
    grid = {"tarttransformer__adapt": [None, QUICK]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(*rows)
    assert search.predict(rows[0]).shape == (24,)


def test_threads_that_share_an_adapted_encoder(model_folder, rows):
    adapted, _ = fitted(model_folder, rows)
    expected = fitted(model_folder, rows)[0].transform(rows[0])
    found = Parallel(4, backend="threading")(delayed(adapted.transform)(rows[0]) for _ in range(8))
    for features in found:
        assert_array_equal(features, expected)


def test_only_with_adapt_are_labels_required(model_folder):
    required = [
        get_tags(TartTransformer(model_folder, adapt=adapt)).target_tags.required for adapt in (None, QUICK)
    ]
    assert required == [False, True]


# What is refused


@pytest.mark.parametrize(
    "adapt, message",
    [
        ("setfit", r"adapt must be None, 'contrastive' or a dict of its settings, .*; got 'setfit'"),
        (True, "adapt must be None, 'contrastive' or a dict"),
        ({"epochs": 3}, "adapt must have settings out of steps, learning_rate, folds; got 'epochs'"),
        ({"steps": 0}, r"adapt\['steps'\] must be an integer of at least 1; got 0"),
        ({"learning_rate": "fast"}, r"adapt\['learning_rate'\] must be a number from 1e-08 to 1; got 'fast'"),
    ],
)
def test_settings_that_are_none(adapt, message, model_folder, rows):
    with pytest.raises(ValueError, match=message):
        TartTransformer(model_folder, adapt=adapt).fit(*rows)


def test_labels_are_needed(model_folder, rows):
    with pytest.raises(ValueError, match=r"adapt needs labels .*: call fit\(X, y\), or pass adapt=None"):
        TartTransformer(model_folder, adapt="contrastive").fit(rows[0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TartTransformer(model_folder, adapt="contrastive").fit(rows[0], rows[1][1:])


@pytest.mark.parametrize(
    "labels, message",
    [
        (["pos"] * 24, r"at least two classes; got 24 of \['pos'\]: label rows of another class"),
        ([None] * 24, r"at least two classes; got 0 of \[\]"),
        (np.zeros((24, 2)), r"y must hold one label a row where adapt is not None; got shape \(24, 2\)"),
    ],
)
def test_two_classes_are_needed(labels, message, model_folder, rows):
    with pytest.raises(ValueError, match=message):
        TartTransformer(model_folder, adapt="contrastive").fit(rows[0], labels)


def test_what_cannot_be_trained(tiny, rows):
    for encoder in (TfidfVectorizer(), tiny("bert"), len):
        with pytest.raises(
            ValueError, match=r"adapt must stay None for .*, as only models of sentence-trans"
        ):
            TartTransformer(encoder, adapt="contrastive").fit(*rows)


def test_tables_of_tokens_alone_cannot_be_trained(rows):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tiny_models import build_tokenizer

    static = StaticEmbedding(build_tokenizer("bert").backend_tokenizer, embedding_dim=4)
    model = SentenceTransformer(modules=[static], device="cpu")
    with pytest.raises(ValueError, match=r"weights that torch can train, .*; SentenceTransformer has none"):
        TartTransformer(model, adapt="contrastive").fit(*rows)


def test_half_precision_is_refused(model_folder, rows):
    with pytest.raises(
        ValueError, match=r"dtype must be 'float32' or 'float64' where adapt .*; got 'bfloat16'"
    ):
        TartTransformer(model_folder, adapt="contrastive", dtype="bfloat16").fit(*rows)
