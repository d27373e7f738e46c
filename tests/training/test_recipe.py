"""Recipes: every mistake at once, near names, overrides, one source for form and documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadRecipe, BadUsage
from training import recipe as recipes
from training.fields import RATES
from training.recipe import Recipe


def test_the_defaults_are_those_of_the_seed_recipe():
    recipe = Recipe()
    assert (recipe.r, recipe.lora_alpha, recipe.lora_dropout) == (16, 32, 0.05)
    assert recipe.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (recipe.learning_rate, recipe.num_train_epochs, recipe.rows_per_step) == (2e-4, 3, 16)
    assert recipe.lr_scheduler_type == "cosine"


def test_every_mistake_is_reported_at_once_with_the_nearest_key():
    with pytest.raises(BadRecipe) as caught:
        recipes.parse({"r": 0, "lora_alfa": 32, "learning_rate": "fast", "seed": True})
    message = caught.value.message
    assert message.startswith("4 mistakes")
    assert "did you mean `lora_alpha`" in message
    assert "learning_rate" in message and "'fast'" in message
    assert "seed: expected a number" in message
    assert caught.value.exit_code == 2


def test_a_name_from_another_tool_is_not_accepted_but_translated():
    with pytest.raises(BadRecipe) as caught:
        recipes.parse({"lr": 1e-3, "warmup_ratio": 0.1})
    assert "`lr` is called `learning_rate` here" in caught.value.hint
    assert "`warmup_ratio` is called `warmup_steps` here" in caught.value.hint


def test_settings_win_over_the_file_and_are_read_as_yaml(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("r: 8\nlearning_rate: 2e-4\nmax_rows: 100\n", "utf-8")
    recipe = recipes.load(path, ["learning_rate=1e-3", "max_rows=none", "target_modules=q_proj, v_proj"])
    assert (recipe.r, recipe.learning_rate, recipe.max_rows) == (8, 1e-3, None)
    assert recipe.target_modules == ("q_proj", "v_proj")


@pytest.mark.parametrize("setting", ["r", "=3", "rank=4"])
def test_a_setting_that_cannot_be_meant_is_bad_usage(tmp_path: Path, setting: str):
    (tmp_path / "mine.yaml").write_text("", "utf-8")
    with pytest.raises(BadRecipe):
        recipes.load(tmp_path / "mine.yaml", [setting])


def test_a_file_that_is_not_yaml_is_a_bad_recipe(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("r: [8", "utf-8")
    with pytest.raises(BadRecipe):
        recipes.load(tmp_path / "mine.yaml")


def test_a_recipe_that_does_not_exist_is_bad_usage():
    with pytest.raises(BadUsage):
        recipes.load("sead")


def test_the_output_layer_cannot_carry_an_adapter():
    with pytest.raises(BadRecipe, match="lm_head"):
        recipes.parse({"target_modules": ["q_proj", "lm_head"]})


def test_the_seed_recipe_writes_the_defaults_out():
    assert recipes.load("seed") == Recipe()


def test_every_shipped_recipe_can_be_read_and_the_demo_is_a_short_one():
    read = {name: recipes.load(name) for name in recipes.shipped_names()}
    assert {"seed", "demo"} <= set(read)
    assert read["demo"].max_rows is not None and read["demo"].max_tokens is not None


def test_a_saved_recipe_has_every_default_written_out_and_reads_back_the_same(tmp_path: Path):
    recipe = recipes.parse({"r": 8, "target_modules": "all-linear"})
    recipes.save(recipe, tmp_path / "recipe.yaml")
    assert (tmp_path / "recipe.yaml").read_text("utf-8").count("\n") >= len(Recipe.model_fields)
    assert recipes.load(tmp_path / "recipe.yaml") == recipe


@given(st.integers(1, 512), st.floats(1e-7, 0.1), st.one_of(st.none(), st.integers(1, 10**9)))
def test_equal_recipes_and_only_those_have_the_same_hash(r: int, rate: float, rows: int | None):
    recipe = recipes.parse({"r": r, "learning_rate": rate, "max_rows": rows})
    assert recipe.hash == recipes.parse(recipe.model_dump(mode="json")).hash
    assert (recipe.hash == Recipe().hash) == (recipe == Recipe())


def test_changes_name_the_fields_that_differ():
    changed = recipes.changes(Recipe(), recipes.parse({"learning_rate": 1e-3}))
    assert [str(change) for change in changed] == ["learning_rate 0.0002 -> 0.001"]


def test_every_field_has_what_the_form_and_the_documentation_need():
    fields = recipes.fields()
    assert [field.name for field in fields] == list(Recipe.model_fields)
    for field in fields:
        assert field.label and field.help and field.why and field.group
        assert (field.kind == "choice") == bool(field.choices) or field.name == "target_modules"
    by_name = {field.name: field for field in fields}
    assert (by_name["r"].kind, by_name["r"].low, by_name["r"].high) == ("integer", 1, 512)
    assert by_name["max_rows"].optional and not by_name["r"].optional
    assert by_name["gradient_checkpointing"].kind == "switch"
    assert by_name["target_modules"].kind == "names"
    assert all(f"`{field.name}`" in recipes.reference() for field in fields)


def test_a_share_of_the_run_becomes_steps():
    assert [recipes.every(0.1, steps) for steps in (3, 50, 1000)] == [1, 5, 100]
    assert recipes.every(25, 1000) == 25
    assert recipes.warmup(recipes.parse({"warmup_steps": 0.03}), 50) == 2
    assert recipes.warmup(recipes.parse({"warmup_steps": 7}), 50) == 7
    assert recipes.warmup(recipes.parse({"warmup_steps": 0}), 50) == 0


def test_a_field_says_beside_which_values_it_matters():
    by_name = {field.name: field for field in recipes.fields()}
    plain, whole = Recipe().model_dump(), recipes.parse({"tuning": "full"}).model_dump()
    pairs = recipes.parse({"method": "dpo"}).model_dump()
    assert by_name["r"].applies(plain) and not by_name["r"].applies(whole)
    assert by_name["quantization"].applies(plain) and not by_name["quantization"].applies(whole)
    assert by_name["beta"].applies(pairs) and not by_name["beta"].applies(plain)
    assert by_name["learning_rate"].applies(whole) and by_name["learning_rate"].when == ""
    assert "Only where method is dpo." in recipes.reference()


@pytest.mark.parametrize(
    ("values", "rate"),
    [({}, 2e-4), ({"tuning": "full"}, 2e-5), ({"method": "dpo"}, 5e-6),
     ({"method": "dpo", "tuning": "full"}, 5e-7), ({"method": "dpo", "learning_rate": 1e-4}, 1e-4)],
)  # fmt: skip
def test_a_learning_rate_that_is_not_given_is_the_method_s_own(values: dict[str, object], rate: float):
    assert recipes.parse(values).learning_rate == rate


def test_each_shipped_recipe_trains_at_a_rate_known_to_work_and_names_its_method():
    read = {name: recipes.load(name) for name in recipes.shipped_names()}
    assert {(one.method, one.tuning, one.quantization) for one in read.values()} == {
        ("sft", "lora", "none"), ("sft", "lora", "nf4"), ("sft", "full", "none"), ("dpo", "lora", "none")
    }  # fmt: skip
    for one in read.values():
        _, low, high = RATES[one.method, one.tuning]
        assert low <= one.learning_rate <= high
