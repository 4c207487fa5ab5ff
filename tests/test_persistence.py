"""Fitted models in pickles and files: the same bits afterwards, and exactly what is missing where something is."""

import copy
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tiny_decoder import TINY_DECODER, write_decoder

import sktart.contexts._fitted
from sktart import Prompt, TartReasoner, TartTransformer, load, load_checkpoint, persistence, save
from sktart.encoders._locate import HubModel
from sktart.encoders._options import ModelOptions
from sktart.encoders.in_context._encoder import InContextEncoder
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.exceptions import CheckpointError, CheckpointIntegrityError, EncoderError, SavedModelError
from sktart.zoo._networks import NETWORKS

PACKAGE = Path(persistence.__file__).parent
TEXTS = ["good film", "bad film", "good plot", "bad plot"]

pytestmark = pytest.mark.usefixtures("no_networks")


@pytest.fixture
def folder(tmp_path):
    """Return a decoder's folder that a test may change."""
    return write_decoder(tmp_path / "tiny")


def draw(n_classes=3, n_features=4):
    rng = np.random.default_rng(0)
    codes = np.arange(31) % n_classes
    X = rng.normal(size=(31, n_features)) + codes[:, None]
    return X, np.array(["a", "b", "c"])[codes], rng.normal(size=(50, n_features))


def fit(checkpoint="auto", n_classes=3, **options):
    X, y, queries = draw(n_classes)
    model = TartReasoner(checkpoint, **options).fit(X, y)
    return model, queries, model.predict_proba(queries)


def stored(model, **options):
    """Save and load through a file, without the networks of this process."""
    content = saved(model, **options)
    NETWORKS.clear()
    return load(content)


def saved(model, **options):
    path = Path(os.environ["PYTEST_SAVED"]) / "model.sktart"
    save(model, path, **options)
    return path


@pytest.fixture(autouse=True)
def _place_of_files(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_SAVED", str(tmp_path))


def pickled(model):
    content = pickle.dumps(model)
    NETWORKS.clear()
    return pickle.loads(content)


@pytest.mark.parametrize("travel", [pickled, stored])
@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"dtype": "float64", "class_weight": {"a": 3}, "temperature": 2}], ids=str
)
@pytest.mark.parametrize("family", ["gram", "decoder"])
def test_predictions_are_the_same_to_the_bit(travel, folder, family, n_classes, options):
    if n_classes == 1 and options:
        options = options | {"class_weight": None}
    checkpoint = folder if family == "decoder" else "auto"
    model, queries, expected = fit(checkpoint, n_classes, n_permutations=2, random_state=0, **options)
    again = travel(model)
    assert np.array_equal(again.predict_proba(queries), expected)
    assert np.array_equal(travel(again).predict_proba(queries), expected)
    assert again.checkpoint_ == model.checkpoint_
    assert [rows.tolist() for rows in again.context_rows_] == [rows.tolist() for rows in model.context_rows_]


def test_layout_of_the_context_is_the_same_before_and_after(folder):
    for checkpoint in ("auto", folder):
        model, queries, _ = fit(checkpoint)
        again = pickled(model)
        again.predict(queries)
        assert again._fitted._restore_net() is again._fitted._net  # for a thread that comes second
        layers = (one._fitted._net.module_.contexts[0].layers for one in (model, again))
        for a, b in zip(*layers, strict=True):
            tensors = [name for name, value in vars(a).items() if isinstance(value, torch.Tensor)]
            assert [vars(a)[name].stride() for name in tensors] == [
                vars(b)[name].stride() for name in tensors
            ]
            assert all(vars(b)[name].data_ptr() % 64 == 0 for name in tensors)


def test_pickle_holds_the_context_and_no_weights():
    model, *_ = fit()
    weights = sum(p.nbytes for p in model._fitted._net.module_.reasoner.parameters())
    size = len(pickle.dumps(model))
    assert size < weights / 2
    assert abs(len(pickle.dumps(pickled(model))) - size) < 100  # before the first prediction


def test_joblib_takes_it_and_sees_that_it_is_the_same(tmp_path):
    model, queries, expected = fit()
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert joblib.hash(again) == joblib.hash(model)
    assert np.array_equal(again.predict_proba(queries), expected)


def test_a_deep_copy_shares_what_never_changes():
    model, *_ = fit()
    assert copy.deepcopy(model)._fitted is model._fitted


def test_a_new_process_reads_nothing_before_the_first_prediction(tmp_path):
    model, queries, expected = fit()
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(make_pipeline(model)))
    np.save(tmp_path / "queries.npy", queries)
    code = (
        "import copy, pickle, sys, numpy as np; from pathlib import Path; folder = Path(sys.argv[1])\n"
        "from sklearn.base import clone; from sktart.zoo._networks import NETWORKS\n"
        "pipeline = pickle.loads((folder / 'model.pkl').read_bytes())\n"
        "for model in (pipeline, pipeline[0]):\n"
        "    dir(model); repr(model); model._repr_html_(); model.get_params(); clone(model); copy.deepcopy(model)\n"
        "assert 'torch' not in sys.modules\n"
        "model = pickle.loads(pickle.dumps(pipeline))\n"
        "assert NETWORKS.n_built == 0\n"
        "np.save(folder / 'answers.npy', model.predict_proba(np.load(folder / 'queries.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[1], check=True)
    assert np.array_equal(np.load(tmp_path / "answers.npy"), expected)


@pytest.mark.parametrize("travel", [pickled, stored])
def test_a_folder_of_weights_that_is_gone_is_named_wherever_the_process_runs(travel, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    model, queries, expected = fit("tiny")
    sha256 = load_checkpoint(folder).identity.sha256
    moved = folder.rename(folder.with_name("moved"))
    monkeypatch.chdir("/")
    again = travel(model)
    gone = f"fitted with checkpoint '{folder}', sha256 {sha256}, .*there is no folder at '{folder}'"
    cures = r"copy the folder back to that place, .*load_checkpoint\(folder\),.*weights=True"
    with pytest.raises(CheckpointError, match=f"{gone}; {cures}"):
        again.predict(queries)
    folder.mkdir()
    with pytest.raises(
        CheckpointError, match=f"{folder} is no complete checkpoint: .*missing; fetch.*{cures}"
    ):
        again.predict(queries)
    second = travel(again)
    # The cures that it names: a copy that was loaded from elsewhere, and one at that place.
    load_checkpoint(moved)
    assert np.array_equal(again.predict_proba(queries), expected)
    NETWORKS.clear()
    folder.rmdir()
    moved.rename(folder)
    assert np.array_equal(second.predict_proba(queries), expected)


def test_a_folder_of_an_encoder_that_is_gone_is_named(model_folder, tmp_path):
    encoder = shutil.copytree(model_folder, tmp_path / "encoder")
    model = make_pipeline(TartTransformer(encoder, n_components=2), TartReasoner()).fit(TEXTS, [0, 1, 0, 1])
    expected = model.predict_proba(TEXTS)
    path = saved(model)
    assert path.stat().st_size < 100_000
    encoder.rename(tmp_path / "elsewhere")
    again = load(path)
    with pytest.raises(EncoderError, match=f"the encoder's folder '{encoder}' is not there: copy it to that"):
        again.predict(TEXTS)
    (tmp_path / "elsewhere").rename(encoder)
    assert np.array_equal(again.predict_proba(TEXTS), expected)


def test_other_weights_under_the_name_are_refused(folder):
    model, queries, _ = fit(folder)
    former = load_checkpoint(folder).identity.sha256
    other = load_checkpoint(write_decoder(folder, seed=1)).identity.sha256
    message = f"{former}.*here it has sha256 {other}.*would answer differently"
    with pytest.raises(CheckpointIntegrityError, match=message):
        pickled(model).predict(queries)
    assert model.predict(queries).shape == (50,)  # it has its network


def test_another_config_for_the_same_weights_is_refused(folder):
    model, queries, _ = fit(folder)
    write_decoder(folder, n_heads=4)
    with pytest.raises(CheckpointIntegrityError, match=r"'n_heads': 2.*here it has.*'n_heads': 4"):
        pickled(model).predict(queries)


def test_a_pickle_of_another_format_is_refused(monkeypatch):
    content = pickle.dumps(fit()[0])
    monkeypatch.setattr(sktart.contexts._fitted, "FORMAT", 4)
    with pytest.raises(SavedModelError, match=r"in format 3; sktart .* reads format 4: load it with sktart"):
        pickle.loads(content)


def test_weights_travel_only_if_asked(folder):
    model, queries, expected = fit(folder)
    without = saved(model).stat().st_size
    path = saved(model, weights=True)
    assert path.stat().st_size - without > (folder / "model.safetensors").stat().st_size * 0.9
    shutil.rmtree(folder)
    NETWORKS.clear()
    again = load(path)
    assert np.array_equal(pickled(again).predict_proba(queries), expected)  # they stay with it
    assert np.array_equal(again.predict_proba(queries), expected)
    assert np.array_equal(stored(again, weights=True).predict_proba(queries), expected)
    with pytest.raises(CheckpointError, match="cannot answer without it"):
        stored(again).predict(queries)


def change_file(path, change):
    """Rewrite a saved file: `change` gets its parts by name, and returns those to write."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in change(parts).items():
            archive.writestr(name, content)


def in_schema(old, new):
    """Return a change of what says how the parts belong together."""

    def change(parts):
        assert old in parts["schema.json"]
        return parts | {"schema.json": parts["schema.json"].replace(old, new)}

    return change


def test_weights_from_a_file_do_not_pass_for_the_checkpoint_they_name(folder):
    model, queries, _ = fit(folder)
    places = folder, write_decoder(folder.with_name("b"), seed=1)
    own, other = ((place / "model.safetensors").read_bytes() for place in places)
    path = saved(model, weights=True)
    change_file(path, lambda parts: {name: other if part == own else part for name, part in parts.items()})
    NETWORKS.clear()
    load(path).predict(queries)
    assert NETWORKS.find(model._fitted.identity.sha256, TINY_DECODER.to_dict(), "cpu", torch.float32) is None


def test_a_pipeline_from_texts_to_labels():
    model = make_pipeline(TartTransformer(TfidfVectorizer(), n_components=2), TartReasoner())
    expected = model.fit(TEXTS, [0, 1, 0, 1]).predict_proba(TEXTS)
    assert np.array_equal(stored(model).predict_proba(TEXTS), expected)


def test_context_can_be_promised_to_stay_out_only_where_it_can(folder):
    with pytest.raises(
        SavedModelError, match=r"context=False cannot be: FittedContext\('gram-base'\) needs the lab"
    ):
        saved(fit()[0], context=False)
    model, queries, expected = fit(folder)
    assert np.array_equal(stored(model, context=False).predict_proba(queries), expected)
    X = draw()[0].astype(np.float32)
    held = saved(model, context=False).read_bytes()
    assert not any(row.tobytes() in held or row.astype(float).tobytes() in held for row in X)
    transformer = TartTransformer().fit(draw()[0])
    transformer.encoder_ = InContextEncoder(HubModel("a/b"), "mine", "loo", Prompt(), ModelOptions())
    with pytest.raises(SavedModelError, match=r"InContextEncoder\(mine, 'loo'\) needs the labelled rows"):
        saved(make_pipeline(FunctionTransformer(transformer.transform), model), context=False)


def test_rows_can_be_computed_back_from_a_decoders_keys_as_the_documentation_warns(folder):
    model, *_ = fit(folder, dtype="float64")
    module = model._fitted._net.module_
    reasoner, keys = module.reasoner, module.contexts[0].layers[0].keys
    block, n = reasoner.blocks[0], 31
    width = TINY_DECODER.width
    key_weight, key_bias = (part[width : 2 * width] for part in block.query_key_value.parameters())
    tokens = keys[0, :, : 2 * n : 2].transpose(0, 1).flatten(1)  # (N, W), those of the rows
    normed = torch.linalg.solve(key_weight, (tokens - key_bias).T).T
    normed = (normed - block.norm.bias) / block.norm.weight
    known = reasoner.read_in.bias + reasoner.positions.weight[: 2 * n : 2]
    for row, expected, offset in zip(normed, draw()[0], known, strict=True):
        # read_in(x) + position = deviation * normed + mean, linear in x, deviation and mean
        system = torch.column_stack([reasoner.read_in.weight, -row, -torch.ones(width, dtype=row.dtype)])
        found = torch.linalg.lstsq(system, -offset[:, None]).solution[:4, 0]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", [TartReasoner(), LogisticRegression(), 3], ids=str)
def test_what_holds_no_fitted_reasoner_is_refused(model):
    with pytest.raises(SavedModelError, match="model must be a fitted estimator of sktart, or hold one; got"):
        saved(model)


def test_a_failed_save_leaves_the_former_file():
    model, queries, expected = fit()
    path = saved(model)
    with pytest.raises(SavedModelError, match="a part of the model cannot be saved"):
        saved(make_pipeline(FunctionTransformer(lambda rows: rows), model))
    assert np.array_equal(load(path).predict_proba(queries), expected)


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(TartReasoner(), {"temperature": [1.0]}, cv=2),
        GridSearchCV(TartReasoner(), {"temperature": [1.0]}, cv=StratifiedKFold(2), scoring="neg_log_loss"),
        GridSearchCV(
            TartReasoner(), {"temperature": [1.0]}, cv=ShuffleSplit(2, random_state=0), scoring="f1_macro"
        ),
        CalibratedClassifierCV(TartReasoner(), cv=2),
        VotingClassifier([("mine", TartReasoner()), ("other", LogisticRegression())], voting="soft"),
        make_pipeline(SelectKBest(k=2), TartReasoner()),
        make_pipeline(SelectKBest(mutual_info_classif, k=2), TartReasoner()),
    ],
    ids=["grid", "grid, folds", "grid, area", "calibrated", "vote", "select", "select by information"],
)
def test_what_the_documentation_says_a_file_may_hold(model):
    X, y, queries = draw()
    expected = model.fit(X, y).predict_proba(queries)
    assert np.array_equal(stored(model).predict_proba(queries), expected)


# How a file names the function of the step that the next tests change.
ABSOLUTE = b'"absolute", "__module__": "numpy"'
WRITE_TEXT = b"""
"PosixPath", "__module__": "pathlib", "__loader__": "MethodNode", "content": {"func": "write_text",
"obj": {"__class__": "PosixPath", "__module__": "pathlib", "__loader__": "ObjectNode", "__id__": 1}}
"""


def double(rows):
    return 2 * rows


def test_other_code_is_used_only_if_trusted():
    X, y, queries = draw()
    model = make_pipeline(FunctionTransformer(double), StandardScaler(), TartReasoner()).fit(X, y)
    path = saved(model)
    with pytest.raises(
        SavedModelError, match=r"needs test_persistence.double, not .* trusted=\['test_persistence.double'\]"
    ):
        load(path)
    for trusted in (["test_persistence.double"], {"test_persistence"}):
        again = load(path, trusted=trusted)
        assert np.array_equal(again.predict_proba(queries), model.predict_proba(queries))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda parts: {"readme.txt": b"hello"}, "is no file .*KeyError"),
        (lambda parts: {"schema.json": b"{}"}, "is no file .*KeyError"),
        (lambda parts: {"schema.json": b"null"}, "is no file .*TypeError"),
        (lambda parts: {"schema.json": parts["schema.json"]}, "is no file .*KeyError"),
        (
            in_schema(b'"format": 2', b'"format": 9'),
            r"saved by sktart .* in format 9; sktart .* reads format 2: load it with",
        ),
        (in_schema(b'"FittedContext"', b'"FittedContent"'), r"needs sktart\.persistence\.FittedContent, not"),
        (in_schema(b'"Pipeline"', b'"Pipelines"'), r"needs sklearn\.pipeline\.Pipelines, not known to be"),
        (in_schema(ABSOLUTE, b'"system", "__module__": "os"'), "needs os.system, not known to be harmless"),
        (in_schema(ABSOLUTE, b'"eval", "__module__": "builtins"'), "needs builtins.eval, not known to be"),
        (
            in_schema(ABSOLUTE, b'"import_module", "__module__": "sktart.persistence"'),
            r"needs sktart\.persistence\.import_module, not",
        ),
        # A module that holds harmless types holds others, and what it imports.
        (
            in_schema(ABSOLUTE, b'"np", "__module__": "sklearn.calibration"'),
            r"needs sklearn\.calibration\.np, not",
        ),
        (
            in_schema(ABSOLUTE, b'"pytest", "__module__": "sklearn.calibration.tests.test_calibration"'),
            r"needs sklearn\.calibration\.tests\.test_calibration\.pytest, not",
        ),
        (
            in_schema(ABSOLUTE + b', "__loader__": "FunctionNode"', WRITE_TEXT),
            r"needs pathlib\.PosixPath\.write_text, not",
        ),
        (lambda parts: {"sktart.json": b"{}"}, r"saved by sktart 0\.1\.0 in format 1; sktart"),
    ],
)
def test_a_file_that_is_made_up_or_of_the_future_is_refused(change, message):
    X, y, _ = draw()
    path = saved(make_pipeline(FunctionTransformer(np.abs), TartReasoner()).fit(X, y))
    change_file(path, change)
    with pytest.raises(SavedModelError, match=rf"(?s)model\.sktart .*{message}"):
        load(path)


@pytest.mark.parametrize(
    "source, options",
    [
        (HubModel("a/b"), ModelOptions(trust_remote_code=True)),
        (HubModel("a/b", package="antigravity"), ModelOptions()),
    ],
    ids=["code of the Hub", "package"],
)
def test_encoders_that_run_code_from_elsewhere_need_trust(source, options):
    X, y, _ = draw()
    model = make_pipeline(TartTransformer(), TartReasoner()).fit(X, y)
    model[0].encoder_ = SentenceEncoder(source, "mine", options)
    path = saved(model)
    with pytest.raises(
        SavedModelError, match=r"runs code which is not in the file.*trusted=\['trust_remote_code'\]"
    ):
        load(path)
    assert load(path, trusted=["trust_remote_code"])[0].encoder_.source == source


def test_whatever_passes_for_a_model_of_a_package_needs_trust():
    model = make_pipeline(TartTransformer(), TartReasoner()).fit(*draw()[:2])
    source = LinearRegression()
    source.package = "antigravity"
    model[0].encoder_ = SentenceEncoder(source, "mine", ModelOptions())
    with pytest.raises(
        SavedModelError, match="has a LinearRegression that runs code which is not in the file"
    ):
        load(saved(model))


@pytest.mark.parametrize("keys", [(False, True), (1, "1")])
def test_keys_that_would_come_back_as_others_are_refused(keys):
    model = fit()[0].set_params(class_weight=dict.fromkeys(keys, 2))
    with pytest.raises(SavedModelError, match=r"a dict in the model has keys that skops does not keep, \["):
        saved(model)


@pytest.mark.parametrize("place", [".", "nowhere/model.sktart"])
def test_a_place_where_no_file_can_be_is_refused_before_the_work(tmp_path, place):
    with pytest.raises(
        SavedModelError, match=r"path must be a file in a folder that exists; got .*make the folder"
    ):
        save(fit()[0], tmp_path / place)


def test_public_names_of_parts_are_those_of_classes():
    for name in persistence._PARTS:
        assert isinstance(getattr(persistence, name), type)
    with pytest.raises(AttributeError, match=r"module 'sktart\.persistence' has no attribute 'Other'"):
        persistence.Other  # noqa: B018


def test_a_file_outlives_a_rename_of_any_private_module(tmp_path, model_folder):
    options = {"memory": str(tmp_path / "cache"), "prompt": Prompt(max_chars=9), "n_components": 2}
    model = make_pipeline(TartTransformer(model_folder, **options), TartReasoner()).fit(TEXTS, [0, 1, 0, 1])
    path = saved(model)
    with zipfile.ZipFile(path) as archive:
        assert not re.findall(r"sktart\.[\w.]*\._", archive.read("schema.json").decode())
    package = shutil.copytree(
        PACKAGE, tmp_path / "renamed" / "sktart", ignore=shutil.ignore_patterns("__pycache__")
    )
    modules = [file for file in package.rglob("_*.py") if not file.name.startswith("__")]
    names = "|".join(sorted({file.stem for file in modules}, key=len, reverse=True))
    for file in package.rglob("*.py"):
        text = re.sub(
            rf"(?<=sktart)((?:\.\w+)*)\.({names})\b", r"\1.\2_new", file.read_text(encoding="utf-8")
        )
        text = re.sub(rf"(from sktart[\w.]* import )({names})\b", r"\1\2_new", text)
        file.write_text(text, encoding="utf-8")
    for file in modules:
        file.rename(file.with_name(f"{file.stem}_new.py"))
    code = (
        "import sys, numpy as np, sktart; from pathlib import Path\n"
        "assert 'renamed' in sktart.__file__ and not hasattr(sktart, '_files')\n"
        "model = sktart.load(sys.argv[1]); np.save(sys.argv[2], model.predict_proba(sys.argv[3:]))"
    )
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "answers.npy"), *TEXTS]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)
    assert np.array_equal(np.load(tmp_path / "answers.npy"), model.predict_proba(TEXTS))


def test_damage_anywhere_is_said_to_be_or_does_not_matter():
    model, queries, expected = fit("auto", 2)
    path = saved(model)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [content[100:], pickle.dumps("something else")]
    for place in [*range(0, 60, 9), *rng.integers(len(content), size=40)]:
        change = bytes([content[place] ^ 1 << int(rng.integers(8))])
        damaged += [content[:place], content[:place] + change + content[place + 1 :]]
    message = re.compile(
        f"(?s){path} is no file that sktart.save wrote .* or it is damaged .*; save it again"
    )
    for written in damaged:
        path.write_bytes(written)
        try:
            again = load(path)
        except SavedModelError as error:
            assert message.match(str(error))  # noqa: PT017
        else:  # a time stamp, say
            assert np.array_equal(again.predict_proba(queries), expected)


def test_a_folder_is_no_saved_model(folder):
    with pytest.raises(SavedModelError, match=r"tiny is a folder; load takes a file .*load_checkpoint the"):
        load(folder)
    with pytest.raises(FileNotFoundError):
        load(folder / "nothing")


@pytest.mark.parametrize("part", ["contexts", "weights"])
def test_damaged_parts_are_named_when_used(part):
    model = load(saved(fit()[0], weights=True))
    setattr(model._fitted, part, b"x")
    NETWORKS.clear()
    with pytest.raises(SavedModelError, match=f"the saved {part.removesuffix('s')}s? (is|are) damaged"):
        model.predict(draw()[2])


def test_a_device_that_is_not_here_can_be_replaced():
    model, queries, expected = fit()
    model._fitted.device = "cuda:77"
    path = saved(model)
    with pytest.raises(ValueError, match="a device that torch finds here"):
        load(path).predict(queries)
    assert np.array_equal(load(path, device="cpu").predict_proba(queries), expected)
