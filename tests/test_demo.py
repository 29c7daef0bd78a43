"""The demo, run once: its files are there, and what it prints is what the files say."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.demo import results

FILES = {
    "posterior.nc",
    "checks.csv",
    "exponents.csv",
    "comparison.csv",
    "heldout_bands.csv",
    "win_probability.csv",
    "crossover.csv",
    "choice.csv",
    "fit.png",
    "exponents.png",
    "win_probability.png",
    "crossover.png",
}
SECTIONS = (
    "VERDICT",
    "The data by method and size",
    "The model and its priors",
    "Exponents, beside the paper's Table 4",
    "What is worth more",
    "90 % bands at the held-out points",
    "Probability that each method has the lowest expected loss",
    "The crossover",
    "The choice",
    "Files",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "made"


@pytest.fixture(scope="module")
def printed(folder: Path, fit: bs.Posterior) -> str:
    """What the demo says. The fit it asks for is checked to be the session's, and is not sampled again."""

    def fitted(runs: pd.DataFrame, *, seed: int, progress: Callable[[int, int], None]) -> bs.Posterior:
        pd.testing.assert_frame_equal(bs.load_runs(runs), fit.runs)
        assert seed == fit.seed
        progress(1, 1)
        return fit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "fit", fitted)
        result = CliRunner().invoke(app, ["demo", "--output", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0].startswith("Fitting the joint law")
    return result.stdout


@pytest.fixture(scope="module")
def table(printed, folder):
    return lambda name: pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])


def section(printed: str, title: str) -> str:
    """One section's text, from its title to the next one's, with single spaces."""
    start = printed.index(title)
    ends = [printed.find(other, start + 1) for other in SECTIONS if other != title]
    return " ".join(printed[start : min((e for e in ends if e > 0), default=len(printed))].split())


def test_every_file_is_there(printed, folder):
    assert {path.name for path in folder.iterdir()} == FILES
    assert all(path.stat().st_size > 0 for path in folder.iterdir())
    assert all(str(folder / name) in printed for name in FILES)


def test_the_verdict_comes_first_and_the_rest_in_order(printed, folder):
    assert re.match(r"VERDICT  (PASS|REVIEW): ", printed)
    starts = [printed.index(title) for title in SECTIONS]
    assert starts == sorted(starts)
    assert re.search(r"Finished in \d+ seconds\.\n$", printed)


def test_nothing_is_wider_than_100_columns(printed):
    listed = printed.index("Files\n")  # the test's folder has a long name
    assert [line for line in printed[:listed].splitlines() if len(line) > 100] == []


def test_the_verdict_is_the_one_of_the_saved_posterior(printed, folder, table):
    posterior = bs.load_posterior(folder / "posterior.nc")
    assert posterior.check().text in section(printed, "VERDICT")
    assert table("checks")["reason"].tolist() == posterior.check().table["reason"].tolist()


def test_priors_are_printed_with_their_numbers(printed, folder):
    told = bs.load_posterior(folder / "posterior.nc").describe()
    assert told in printed


def test_coverage_is_what_the_bands_say(printed, table):
    bands = table("heldout_bands")
    inside = bands["loss"].between(bands["low"], bands["high"])
    new = bands["base"] == "16B"
    text = section(printed, "90 % bands at the held-out points")
    assert f"Coverage: {inside.sum()} of {len(bands)} held-out points" in text
    assert f"{inside[new].sum()} of {new.sum()} ({100 * inside[new].mean():.0f} %)" in text
    mae = np.abs(bands["mean"] - bands["loss"])[~new].mean()
    assert f"{mae:.4f} nats ({(~new).sum()} points)" in text


def test_held_out_runs_are_predicted(table):
    bands = table("heldout_bands")
    new = bands["base"] == "16B"
    assert len(bands) == 27 and new.sum() == 15
    assert bands["inside"].mean() >= 0.8
    assert bands.loc[new, "inside"].mean() >= 0.6
    assert np.abs(bands["mean"] - bands["loss"])[~new].mean() <= 0.006


def test_exponents_stand_beside_the_paper(printed, table):
    exponents = table("exponents")
    published = bs.published_exponents().query("task == 'WMT19 En-Zh' and factor != 'pretrain_size'")
    published = published[published["factor"] != "pet_size"]
    assert sorted(exponents["published"]) == pytest.approx(sorted(published["value"]))
    inside = exponents["published"].between(exponents["hdi_low"], exponents["hdi_high"])
    text = section(printed, "Exponents, beside the paper's Table 4")
    assert f"{inside.sum()} of the paper's {len(exponents)} values" in text
    assert "Table 4, de-rounded" in text


def test_win_probabilities_sum_to_one_and_are_printed(printed, table):
    wins = table("win_probability")
    assert wins.groupby(["model_size", "finetune_size"])["p_best"].sum().to_numpy() == pytest.approx(np.ones(45))
    text = section(printed, "Probability that each method has the lowest expected loss")
    at = wins[(wins["model_size"] == 9.56e8) & (wins["finetune_size"] == 1e4)].set_index("method")
    starred = at["region"].eq("beyond").map({True: r"\*", False: ""})
    p = at["p_best"].map(lambda x: "<0.01" if x < 0.005 else f"{x:.2f}")
    assert re.search(r"1B 10k " + " ".join((p + starred)[["full", "prompt", "lora"]]), text)
    assert "every comparison across these groups extrapolates" in text


def test_the_crossover_is_printed_for_every_llm(printed, table):
    crossover = table("crossover")
    text = section(printed, "The crossover")
    assert len(crossover) == 5
    for llm, row in zip(("1B", "2B", "4B", "8B", "16B"), crossover.to_dict("records"), strict=True):
        said = "they meet at about" if row["p_none"] < 0.5 else "probably never"
        assert f"{llm}: {said}" in text


def test_the_choice_is_one_of_the_methods(printed, table):
    choice = table("choice")
    text = section(printed, "The choice")
    assert set(choice["method"]) == {"full", "prompt", "lora"}
    best = choice.loc[choice["expected_regret"].idxmin(), "method"]
    assert f"use {best} (P(best) = " in text


def test_a_folder_that_cannot_be_made_is_told_before_sampling(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    result = CliRunner().invoke(app, ["demo", "--output", str(taken)], catch_exceptions=False)
    assert result.exit_code == 2
    assert "taken" in result.stderr and "name another one" in result.stderr
