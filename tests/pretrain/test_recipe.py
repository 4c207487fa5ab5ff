"""Recipes are strict: what is wrong with one is said before anything runs, and all of it at once."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from tiny_recipe import COMPONENT, VALUES

from sktart.exceptions import CheckpointError, RecipeError
from sktart.pretrain._recipe import read_recipe, recipe_from_dict
from sktart.priors import Component, sample_tasks
from sktart.reasoners._config import DecoderConfig, GramConfig, config_from_dict
from sktart.zoo._registry import PACKAGE

ZOO = Path(__file__).parents[2] / "zoo"
DEFAULTS = {"start": "", "initialise": "random", "optimizer": "muon", "curriculum": {}}


def test_round_trip_through_a_file(tmp_path):
    recipe = recipe_from_dict(VALUES)
    assert recipe.to_dict() | {"prior": VALUES["prior"], "context_rows": [4, 8]} == {**DEFAULTS, **VALUES}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.to_dict()), encoding="utf-8")
    assert read_recipe(path) == recipe
    assert read_recipe(str(path)).fingerprint() == recipe.fingerprint()
    assert recipe.network == GramConfig(width=8, n_layers=1, n_heads=2, mlp_ratio=1, message_width=2)


CHANGES = {
    "name": "other",
    "seed": 4,
    "network": {**VALUES["network"], "width": 16},
    "prior": [{**COMPONENT, "weight": 0.5}],
    "context_rows": [4, 9],
    "query_rows": 5,
    "steps": 6,
    "steps_per_epoch": 1,
    "groups": 1,
    "max_tasks": 5,
    "max_tokens": 401,
    "muon_learning_rate": 0.02,
    "adamw_learning_rate": 0.02,
    "warmup_steps": 2,
    "weight_decay": 0.1,
    "precision": "bfloat16",
    "start": "elsewhere",
    "optimizer": "adam",
    "curriculum": {"context_rows": [2, 8, 2, 5]},
    "knowledge": {"pool": 0.5},
    "keeps_labels_only": True,
    "only_sureness": True,
    "start_share": 0.5,
    "share_of": "elsewhere",
}
KNOWING = {**VALUES["network"], "pool_message_width": 2}
SURE_KNOWING = {**KNOWING, "sureness_width": 3}
NEEDED = {
    "start_share": {"start": "elsewhere"},
    "share_of": {"start": "there", "start_share": 0.5},
    "keeps_labels_only": {"start": "elsewhere", "network": KNOWING, "knowledge": {"pool": 0.25}},
    "only_sureness": {"start": "elsewhere", "network": {**VALUES["network"], "sureness_width": 3}},
    "knowledge": {"network": KNOWING},
}
LATER = {"knowledge", "keeps_labels_only", "only_sureness", "start_share", "share_of"}


def test_fingerprint_changes_with_each_value_and_not_with_the_order_of_keys():
    assert set(CHANGES) == (set(VALUES) | set(DEFAULTS) | LATER) - {"initialise"}  # one choice only here
    reference = recipe_from_dict(VALUES).fingerprint()
    prints = {
        recipe_from_dict({**VALUES, key: value} | NEEDED.get(key, {})).fingerprint()
        for key, value in CHANGES.items()
    }
    assert len(prints) == len(CHANGES)
    assert reference not in prints
    assert recipe_from_dict(dict(reversed(VALUES.items()))).fingerprint() == reference


def test_a_recipe_without_knowledge_keeps_the_fingerprint_that_it_had_before_there_was_any():
    assert not LATER & set(recipe_from_dict(VALUES).to_dict())
    assert recipe_from_dict({**VALUES, "knowledge": {}}) == recipe_from_dict(VALUES)


def test_a_component_is_written_as_it_was_given():
    every = {
        **COMPONENT,
        **{
            "from_step": 0,
            "each_class": True,
            "labels_only": False,
            "context_rows": [4, 6],
            "options": {"scale": [1, 2]},
        },
        **{"balanced": 0.5, "warped": 0.2, "unit_rows": 1, "label_noise": 0, "projected": 0.1},
    }
    priors = [[COMPONENT], [{**COMPONENT, "options": {}}], [every], [{**every, "options": {"scale": [1, 3]}}]]
    recipes = [recipe_from_dict({**VALUES, "prior": prior}) for prior in priors]
    assert [list(recipe.to_dict()["prior"]) for recipe in recipes] == priors
    assert len({recipe.fingerprint() for recipe in recipes}) == 4
    assert recipes[0].components == recipes[1].components
    assert asdict(recipes[2].components[0]) == {**every, "n_classes": (2, 3), "context_rows": (4, 6)}


COMPONENT_KEYS = r"a component has the keys \['balanced', .*\]: missing "
WRONG = [
    ({"start_share": 0.5}, r"start_share \(=0.5\) needs a start"),
    ({"share_of": "y", "start": "x"}, r"share_of \(='y'\) needs a start_share"),
    ({"start_share": 1.5, "start": "x"}, "start_share must be a number from 0 to 1, got 1.5"),
    ({"keeps_labels_only": True}, r"keeps_labels_only \(=True\) needs a start"),
    ({"keeps_labels_only": True, "start": "x"}, "keeps_labels_only needs knowledge, as nothing is left"),
    ({"keeps_labels_only": 1, "start": "x"}, "keeps_labels_only must be true or false, got 1"),
    ({"only_sureness": True}, r"only_sureness \(=True\) needs a start"),
    ({"only_sureness": True, "start": "x"}, "only_sureness needs a gram network with a sureness_width"),
    (
        {"only_sureness": True, "keeps_labels_only": True, "start": "x", "network": SURE_KNOWING}
        | {"knowledge": {"pool": 0.5}},
        "only_sureness and keeps_labels_only cannot both be true",
    ),
    ({"query_rows": 0}, "query_rows must be a positive integer, got 0"),
    ({"steps": 4.0}, "steps must be a positive integer, got 4.0"),
    ({"groups": True}, "groups must be a positive integer, got True"),
    ({"max_tasks": "8"}, "max_tasks must be a positive integer, got '8'"),
    ({"steps_per_epoch": 3}, r"steps_per_epoch \(=3\) must divide steps \(=4\)"),
    ({"seed": -1}, "seed must be an integer from 0 up to 2147483647, got -1"),
    ({"seed": 2**31}, "seed must be an integer from 0 up to 2147483647, got 2147483648"),
    ({"warmup_steps": -1}, "warmup_steps must be an integer from 0, got -1"),
    ({"muon_learning_rate": "fast"}, "muon_learning_rate must be a finite number from 0, got 'fast'"),
    ({"adamw_learning_rate": math.nan}, "adamw_learning_rate must be a finite number from 0, got nan"),
    ({"weight_decay": -0.1}, "weight_decay must be a finite number from 0, got -0.1"),
    ({"name": 7}, "name must be a string, got 7"),
    ({"context_rows": [8, 4]}, r"context_rows must be two rising positive integers, got \(8, 4\)"),
    ({"context_rows": [0, 4]}, r"context_rows .* got \(0, 4\)"),
    ({"context_rows": [4]}, r"context_rows .* got \(4,\)"),
    ({"context_rows": ["4", "8"]}, r"context_rows .* got \('4', '8'\)"),
    ({"context_rows": 8}, "context_rows .* got 8"),
    ({"precision": "float16"}, "precision must be 'float32' or 'bfloat16', got 'float16'"),
    ({"optimizer": "sgd"}, "optimizer must be 'muon' or 'adam', got 'sgd'"),
    ({"initialise": "nearest-mean"}, r"initialise must be one of \('random',\) for a gram reasoner, got"),
    ({"curriculum": [1]}, r"curriculum must be an object that may have \['n_features', 'context_rows'\]"),
    ({"curriculum": {"steps": [1, 2, 1, 1]}}, "curriculum must be an object that may have"),
    ({"curriculum": {"n_features": [1, 2, 1]}}, r"n_features of curriculum must be \[start, end, increment"),
    ({"curriculum": {"n_features": [1, 2, 1, 0]}}, "positive integers, got"),
    ({"knowledge": [1]}, r"knowledge must be an object, got \(1,\)"),
    (
        {"knowledge": {"pool": 0.5}},
        "knowledge needs a gram network with a pool_message_width, as others read",
    ),
    ({"knowledge": {"pol": 1}, "network": KNOWING}, r"knowledge has the keys .* unknown \['pol'\]"),
    ({"knowledge": {"pool": 2}, "network": KNOWING}, "pool of knowledge must be a number from 0 to 1, got 2"),
    ({"network": "gram"}, "network must be an object, got 'gram'"),
    ({"network": {**VALUES["network"], "width": 7}}, r"network: width \(=7\) must be divisible"),
    ({"network": {"family": "gram"}}, "network: .*missing .*'width'"),
    ({"prior": []}, r"prior must be a list of components, got \[\]"),
    ({"prior": COMPONENT}, "prior must be a list of components, got {"),
    ({"prior": ["linear"]}, "a component of prior must be an object, got 'linear'"),
    ({"prior": [{"family": "linear"}]}, COMPONENT_KEYS + r"\['n_classes', 'weight'\], unknown \[\]"),
    ({"prior": [{**COMPONENT, "from_step": 1}]}, "prior must have a component without from_step, to begin"),
]
WRONG_COMPONENT = [
    ({"family": "quadratic"}, r"unknown family 'quadratic', known are \['clusters', 'linear', 'logistic'"),
    ({"family": ["linear"]}, "unknown family .*linear"),
    ({"wieght": 1}, COMPONENT_KEYS + r"\[\], unknown \['wieght'\]"),
    ({"weight": 0}, "weight of linear must be a positive number, got 0"),
    ({"weight": "much"}, "weight of linear must be a positive number, got 'much'"),
    ({"weight": math.inf}, "weight of linear must be a positive number, got inf"),
    ({"n_classes": [1, 2]}, r"n_classes of linear must be two rising integers from 2 to inf, got \(1, 2\)"),
    ({"n_classes": [4, 2]}, r"n_classes of linear .* got \(4, 2\)"),
    ({"n_classes": 2}, "n_classes of linear .* got 2"),
    ({"family": "logistic"}, r"n_classes of logistic must be two .* from 2 to 2, got \(2, 3\)"),
    ({"from_step": -1}, "from_step of linear must be an integer from 0, got -1"),
    ({"from_step": "late"}, "from_step of linear must be an integer from 0, got 'late'"),
    ({"each_class": 1}, "each_class of linear must be true or false, got 1"),
    ({"label_noise": 1.5}, "label_noise of linear must be a number from 0 to 1, got 1.5"),
    ({"unit_rows": "all"}, "unit_rows of linear must be a number from 0 to 1, got 'all'"),
    ({"balanced": -0.1}, "balanced of linear must be a number from 0 to 1, got -0.1"),
    ({"projected": True}, "projected of linear must be a number from 0 to 1, got True"),
    ({"context_rows": [8, 4]}, r"context_rows of linear must be two rising positive .*, got \(8, 4\)"),
    ({"context_rows": []}, r"context_rows of linear .* got \[\]"),
    ({"context_rows": None}, "context_rows of linear .* got None"),
    (
        {"options": {"spectra": [0, 1]}},
        "options of linear must be .* may have .*'spectrum'.*, got .*'spectra'",
    ),
    ({"options": {"n_tasks": 3}}, "options of linear must be an object that may have"),
    ({"options": None}, "options of linear .* got None"),
]


@pytest.mark.parametrize(
    "change, message",
    WRONG + [({"prior": [COMPONENT, {**COMPONENT, **part}]}, message) for part, message in WRONG_COMPONENT],
    ids=str,
)
def test_a_value_that_breaks_its_rule_is_named(change, message):
    with pytest.raises(RecipeError, match=f"recipe .*{message}"):
        recipe_from_dict({**VALUES, **change})


def test_unknown_and_missing_keys_are_named():
    values = {key: value for key, value in VALUES.items() if key not in ("seed", "steps")} | {"step": 4}
    with pytest.raises(
        RecipeError, match=r"a recipe has .*: missing \['seed', 'steps'\], unknown \['step'\]"
    ):
        recipe_from_dict(values)


def test_all_problems_are_said_at_once():
    bad = {**VALUES, "steps": 0, "precision": "int8", "prior": [{**COMPONENT, "weight": -1, "n_classes": 0}]}
    with pytest.raises(
        RecipeError, match=r"recipe 'tiny': steps .*; precision .*; weight .*; n_classes .* got 0$"
    ):
        recipe_from_dict(bad)


def test_what_is_made_in_python_obeys_the_same_rules():
    with pytest.raises(RecipeError, match="recipe 'tiny': steps must be a positive integer, got -2"):
        replace(recipe_from_dict(VALUES), steps=-2)
    with pytest.raises(RecipeError, match=r"^weight of mlp must be .*; projected of mlp must be .*, got 2$"):
        Component("mlp", -1, (2, 2), projected=2)


def test_no_file(tmp_path):
    with pytest.raises(RecipeError, match=r"no recipe can be read at .*none\.json: No such file"):
        read_recipe(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content, message",
    [(content, "is not JSON: ") for content in (b"{", b"", b"\xff\xfe{}")]
    + [
        (b"[]", "must hold a JSON object; it holds a list"),
        (b"null", "must hold a JSON object; it holds a NoneType"),
    ],
    ids=str,
)
def test_a_file_that_is_no_json_object(tmp_path, content, message):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(RecipeError, match=rf"recipe\.json {message}"):
        read_recipe(tmp_path / "recipe.json")


@pytest.mark.parametrize(
    "path",
    [*ZOO.rglob("recipe.json"), PACKAGE / "default" / "recipe.json"],
    ids=lambda path: path.parent.name,
)
def test_recipes_of_the_zoo_are_read_and_each_component_can_be_drawn(path):
    recipe = read_recipe(path)
    assert recipe.name == json.loads(path.read_text(encoding="utf-8"))["name"]
    for component in recipe.prior:
        tasks = sample_tasks(
            torch.Generator().manual_seed(0),
            [component],
            context_rows=recipe.context_rows,
            query_rows=recipe.query_rows,
            max_tasks=4,
            max_tokens=recipe.max_tokens,
            knowledge=recipe.beside,
        )
        assert torch.isfinite(tasks.context_x).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"width": 0}, "width must be a positive integer; got 0"),
        ({"n_layers": 1.5}, "n_layers must be a positive integer; got 1.5"),
        ({"mlp_ratio": True}, "mlp_ratio must be a positive integer; got True"),
        ({"n_heads": 3}, r"width \(=8\) must be divisible by n_heads \(=3\)"),
        ({"pool_message_width": -1}, "pool_message_width must be an integer from 0; got -1"),
        ({"sureness_width": -1}, "sureness_width must be an integer from 0; got -1"),
        ({"pool_metric": 1}, "pool_metric must be 0, or 1 where there is a .*; got 1 and a .* of 0"),
        ({"pool_metric": 2, "pool_message_width": 2}, "pool_metric must be 0, or 1 .*; got 2 and"),
        (
            {"family": "recurrent"},
            "unknown reasoner family 'recurrent' in config.json; this version knows 'gram', 'decoder'",
        ),
        ({"depth": 3}, r"missing \[\], unknown \['depth'\]"),
    ],
    ids=str,
)
def test_config_of_the_network_is_strict(change, message):
    with pytest.raises(CheckpointError, match=message):
        config_from_dict({**VALUES["network"], **change})


def test_a_network_from_before_there_were_pools_keeps_its_config():
    old = VALUES["network"]
    assert config_from_dict(old).to_dict() == old
    assert config_from_dict({**old, "pool_message_width": 0}).to_dict() == old
    assert config_from_dict(KNOWING).to_dict() == KNOWING


def test_curriculum_rises_in_steps_to_its_end():
    recipe = recipe_from_dict({**VALUES, "curriculum": {"n_features": [4, 16, 4, 1000]}})
    limits = [recipe.limit("n_features", step) for step in (0, 999, 1000, 2999, 3000, 10**6)]
    assert limits == [4, 4, 8, 12, 16, 16]
    assert recipe.limit("context_rows", 0) is None


def decoder_values(**component):
    network = DecoderConfig(width=8, n_layers=1, n_heads=2, n_features=4, n_pairs=12).to_dict()
    part = {"family": "logistic", "weight": 1.0, "n_classes": [2, 2], "each_class": False}
    part["options"] = {"n_features": [1, 4]}
    return {**VALUES, "network": network, "prior": [part | component]}


@pytest.mark.parametrize(
    "component",
    [{}, {"balanced": 0}, {"projected": 0.5}, {"context_rows": [2, 8]}, {"label_noise": 1}],
    ids=str,
)
def test_recipe_of_a_decoder(component):
    assert recipe_from_dict(decoder_values(**component)).network.family == "decoder"


def test_context_rows_of_a_decoder_are_those_of_its_components():
    values = decoder_values(context_rows=[4, 8]) | {"context_rows": [4, 100]}
    assert recipe_from_dict(values).network.n_pairs == 12


OF_DECODER = "of a component for a decoder must be"


@pytest.mark.parametrize(
    "values, message",
    [
        (decoder_values(context_rows=[4, 9]), r"at most n_pairs - query_rows \(=8\), got \(4, 9\)"),
        (decoder_values() | {"query_rows": 5}, r"at most n_pairs - query_rows \(=7\), got \(4, 8\)"),
        (decoder_values(balanced=0.5), f"balanced {OF_DECODER} 0, as a label would tell the next, got 0.5"),
        (
            decoder_values(options={"n_features": [1, 5]}),
            rf"n_features {OF_DECODER} .*network's 4, got \[1, 5\]",
        ),
        (decoder_values(options={}), rf"n_features {OF_DECODER} at most the network's 4, got \(1, inf\)"),
        (decoder_values(each_class=True), f"each_class {OF_DECODER} false"),
        (decoder_values(family="linear", n_classes=[2, 3]), rf"n_classes {OF_DECODER} \[2, 2\]"),
    ],
    ids=["own length", "length", "balanced", "features", "open", "each class", "classes"],
)
def test_rules_for_a_decoder(values, message):
    with pytest.raises(RecipeError, match=message):
        recipe_from_dict(values)
