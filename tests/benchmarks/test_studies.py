import copy
import json
from pathlib import Path

import pytest

from benchmarks.studies import variants as studies
from sktart.pretrain._recipe import recipe_from_dict

RECIPE = json.loads(
    (Path(__file__).parents[2] / "zoo" / "any" / "any" / "gram-labelled" / "recipe.json").read_text()
)
VARIANTS = [(study, name) for study, variants in studies.STUDIES.items() for name in variants]


@pytest.mark.parametrize(("study", "name"), VARIANTS, ids=str)
def test_variant_is_a_valid_recipe_with_one_change(study, name):
    whole, changed = studies.short(RECIPE, 100), studies.short(RECIPE, 100)
    studies.STUDIES[study][name](changed)
    assert recipe_from_dict(changed).network.family == "gram"
    assert (changed == whole) == (name == "whole")


def test_short_training_is_short_and_leaves_the_recipe_alone():
    before = copy.deepcopy(RECIPE)
    recipe = studies.short(RECIPE, 100)
    assert RECIPE == before
    assert (recipe["steps"], recipe["start"]) == (100, "")
    assert max(part.get("context_rows", [0, 0])[1] for part in recipe["prior"]) == studies.MOST_ROWS
    assert max(part.get("context_rows", [0, 0])[1] for part in RECIPE["prior"]) > studies.MOST_ROWS


def test_option_is_set_only_where_it_is_named():
    parts = ("topics", {"tails": [0, 1]}), ("topics", {}), ("clusters", {"tails": [0, 1]})
    recipe = {"prior": [{"family": family, "options": options} for family, options in parts]}
    studies.option("topics", {"tails": None})(recipe)
    assert [part["options"] for part in recipe["prior"]] == [{}, {}, {"tails": [0, 1]}]
