"""Packaged data: what they hold, and that a command rebuilds them from the readings."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_scaling.datasets import load_data, published_exponents
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.runs import validate_runs, varied_factors

ROOT = Path(__file__).resolve().parents[1]
READINGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "zhang2024"
needs_readings = pytest.mark.skipif(not READINGS.is_dir(), reason=f"the paper's readings are not at {READINGS}")


@pytest.mark.parametrize("name", ["zhang2024_en_zh", "zhang2024_pet"])
def test_packaged_runs_are_canonical(name):
    runs = load_data(name)
    pd.testing.assert_frame_equal(validate_runs(runs), runs)
    assert set(runs["metric"]) == {"nats per target token"}
    assert set(runs["split"]) == {"fit", "held"}


def test_en_zh_varies_the_model_in_every_method():
    runs = load_data("zhang2024_en_zh")
    assert {name: varied_factors(cell) for name, cell in runs.groupby("method")} == dict.fromkeys(
        ["full", "lora", "prompt"], ("model_size",)
    )
    sizes = runs.groupby("base")["model_size"].unique().explode().to_dict()
    assert sizes == {"1B": 0.956e9, "2B": 1.861e9, "4B": 3.209e9, "8B": 7.583e9, "16B": 14.78e9}
    assert set(runs.loc[runs["base"] == "16B", "split"]) == {"held"}
    assert runs.loc[0, ["finetune_size", "loss"]].tolist() == [1e6, 1.4791]


def test_pet_varies_the_pet_size_on_one_base():
    runs = load_data("zhang2024_pet")
    assert set(runs["base"]) == {"1B"}
    assert set(runs["task"]) == {"WMT19 En-Zh", "WMT14 En-De", "MLSum"}
    assert {varied_factors(cell) for _, cell in runs.groupby(["task", "method"])} == {("pet_size",)}
    assert runs["quality"].value_counts().to_dict() == {"good": 86, "ok": 62}


def test_published_exponents_hold_one_law_per_cell():
    table = published_exponents()
    assert table.columns.tolist() == ["task", "method", "parameter", "factor", "value"]
    assert table.groupby(["task", "method"]).size().tolist() == [6] * 9
    assert set(table.loc[table["factor"] == "", "parameter"]) == {"beta", "E"}
    assert table["value"].dtype == np.float64
    assert set(table["task"]) == set(load_data("zhang2024_pet")["task"])


@pytest.mark.parametrize(("method", "worst"), [("full", 0.016), ("prompt", 0.018), ("lora", 0.013)])
def test_published_exponents_predict_the_packaged_losses(method, worst):
    table = published_exponents()
    cell = table[(table["task"] == "WMT19 En-Zh") & (table["method"] == method)]
    value = cell.set_index(["parameter", "factor"])["value"].to_dict()
    runs = load_data("zhang2024_en_zh").query("method == @method and base != '16B'")
    power = runs["model_size"] ** -value["alpha", "model_size"] * runs["finetune_size"] ** -value["beta", ""]
    assert (value["A", "model_size"] * power + value["E", ""] - runs["loss"]).abs().max() < worst


@pytest.mark.parametrize(
    ("load", "known"), [(load_data, "zhang2024_en_zh, zhang2024_pet, ladder"), (published_exponents, "zhang2024")]
)
def test_an_unknown_name_lists_the_known_ones(load, known):
    with pytest.raises(BayesScalingError) as caught:
        load("zhang2025")
    assert str(caught.value) == f"no data is called 'zhang2025': the package ships {known}"


def test_the_ladder_crosses_its_factors():
    runs = load_data("ladder")
    assert len(runs) == runs["run"].nunique() == 720
    assert set(runs["status"]) == {"done"} and not runs["censored"].any()
    settings = ["task", "method", "base", "pet_size", "finetune_size", "seed"]
    assert not runs.duplicated(settings).any()
    sizes = runs.groupby("base")[["model_size", "pretrain_size"]].agg(["nunique", "first"])
    assert (sizes.xs("nunique", axis=1, level=1) == 1).all().all()  # a base has one size and one number of tokens
    crossed = sizes.xs("first", axis=1, level=1)
    assert len(crossed.drop_duplicates()) == 25 == crossed["model_size"].nunique() * crossed["pretrain_size"].nunique()
    for factor, decades in {"model_size": 1.5, "pretrain_size": 1.0, "finetune_size": 2.0}.items():
        assert np.log10(runs[factor].max() / runs[factor].min()) >= decades, factor
    pet = runs[runs["method"] != "full"].groupby(["task", "method"])["pet_size"].nunique()
    assert (pet == 4).all() and len(pet) == 4
    # a second seed draws other data
    repeated = runs.groupby(settings[:-1], dropna=False)["loss"].agg(["size", "nunique"])
    assert (repeated["size"] == 2).sum() > 100 and (repeated["nunique"] == repeated["size"]).all()


def test_the_ladder_holds_out_the_largest():
    runs = load_data("ladder")
    largest = (runs["model_size"] == runs["model_size"].max()) | (runs["finetune_size"] == runs["finetune_size"].max())
    assert (runs["split"] == np.where(largest, "held", "fit")).all()


def test_the_ladder_falls_as_it_should():
    runs = load_data("ladder")
    assert (runs["loss"] < runs["base_loss"]).all()  # finetuning helps
    full = runs[(runs["method"] == "full") & (runs["seed"] == 0)]
    for _, curve in full.sort_values("finetune_size").groupby(["task", "base"]):
        assert (curve["loss"].diff().dropna() < 2 * curve["test_loss_se"].iloc[1:]).all()  # within the test set's error


@needs_readings
def test_the_packaged_tables_are_rebuilt_byte_for_byte(tmp_path):
    script = ROOT / "benchmarks" / "make_zhang2024_data.py"
    subprocess.run([sys.executable, str(script), str(READINGS), "--out", str(tmp_path)], check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in (ROOT / "bayes_scaling" / "data").glob("zhang2024*.csv")}


@needs_readings
def test_no_two_readings_are_of_one_setting():
    figure = pd.read_csv(READINGS / "fig4_pet_digitised.csv")
    assert not figure.duplicated(["task", "method", "pet_size", "D_f_sentences"]).any()
