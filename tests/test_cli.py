"""The command line: what it prints, as text and as JSON, and what it says when something is wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import bayes_scaling as bs
from bayes_scaling.cli import app
from bayes_scaling.cli.output import answer as print_answer


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def answer(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(*arguments: object) -> tuple[pd.DataFrame, str]:
    found = json.loads(answer(*arguments, "--json"), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert set(found) == {"table", "text"}
    return pd.DataFrame(found["table"]), found["text"]


def complaint(*arguments: object) -> str:
    """Message of a command that fails on purpose: on stderr, one message, no traceback, exit code 2."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    _, error, message = result.stderr.partition("error: ")
    assert error and "Traceback" not in message
    return message


@pytest.fixture
def csv(tmp_path, runs) -> Path:
    path = tmp_path / "runs.csv"
    runs.to_csv(path, index=False)
    return path


def test_check_shows_the_model_before_any_sampling(csv):
    text = answer("check", csv)
    assert "147 runs, and they pass every check" in text
    assert "lora    51" in text
    assert "LogNormal(loc=-2.996, scale=1)" in text


def test_what_reading_and_fitting_warn_of_is_told_once(csv, tmp_path, monkeypatch):
    def stopped(*args, **kwargs):
        raise bs.ModelError("nothing is sampled here")

    monkeypatch.setattr("bayes_scaling.fitting.sample_posterior", stopped)
    runs = pd.read_csv(csv)
    runs.assign(loss=np.exp(2.0 + runs["loss"])).drop(columns="metric").to_csv(csv, index=False)
    result = run("fit", csv, "-o", tmp_path / "posterior.nc")
    assert result.stderr.count("natural logarithm of a perplexity") == 1 == result.stderr.count("warning: ")


def test_check_as_json_counts_the_cells(csv):
    table, text = rows("check", csv, "--law", "additive")
    assert table.set_index("method")["runs"].to_dict() == {"full": 45, "prompt": 51, "lora": 51}
    assert "Joint law: additive" in text


def test_check_knows_the_shipped_data():
    assert "WMT14 En-De" in answer("check", "zhang2024_pet")


def test_a_preset_of_priors_is_shown(tmp_path):
    path = tmp_path / "runs.csv"
    sizes = [(n, p, d) for n in ("1B", "2B", "4B") for p in ("100B", "200B", "400B") for d in ("1k", "10k")]
    lines = [f"sum,full,{n},{p},{d},{2 - 0.01 * i}" for i, (n, p, d) in enumerate(sizes)]
    path.write_text("\n".join(["task,method,model_size,pretrain_size,finetune_size,loss", *lines]))
    text = answer("check", path, "--priors", "besiroglu2024")
    assert all(f" {spec}\n" in text for spec in bs.prior_preset("besiroglu2024").values())


def test_check_of_a_posterior_gives_the_verdict(posterior_file, fit):
    table, text = rows("check", posterior_file)
    assert text == fit.check().text
    assert set(table["status"]) <= {"passed", "failed", "informational"}


def test_columns_are_renamed(tmp_path, runs):
    path = tmp_path / "runs.csv"
    runs.rename(columns={"loss": "eval_loss", "model_size": "params"}).to_csv(path, index=False)
    text = answer("check", path, "--column", "loss=eval_loss", "--column", "model_size=params")
    assert "956M to 14.8B (5)" in text


def test_fit_saves_a_posterior_that_the_others_read(tmp_path, runs):
    one_curve, saved = tmp_path / "runs.jsonl", tmp_path / "posterior.nc"
    runs[(runs.method == "lora") & (runs.base == "1B")].to_json(one_curve, orient="records", lines=True)
    result = run("fit", one_curve, "-o", saved, "--factors", "none", "--noise", "loss", "--seed", 3, "--draws", 900)
    assert result.exit_code == 0, result.stderr
    assert "Joint law: multiplicative" in result.stdout
    assert "sigma * median loss / L" in result.stdout
    assert f"saved in {saved}" in " ".join(result.stdout.split())
    assert "Fitting 12 runs" in result.stderr
    posterior = bs.load_posterior(saved)
    assert (posterior.seed, posterior.settings.draws, posterior.model.noise) == (3, 900, "loss")


def test_exponents_are_those_of_the_library(posterior_file, fit, tmp_path):
    output = tmp_path / "exponents.csv"
    table, _ = rows("exponents", posterior_file, "-o", output)
    pd.testing.assert_frame_equal(table, fit.exponents(), check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_csv(output, keep_default_na=False), fit.exponents(), check_dtype=False)


def test_a_plain_table_is_narrow_and_aligned(posterior_file):
    lines = answer("exponents", posterior_file).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "task: WMT19 En-Zh"
    start = lines[1].index("90 % HDI")
    assert all(line[start - 1] == " " and line[start] != " " for line in lines[2:14])


def test_compare_says_how_sure_it_is(posterior_file):
    table, text = rows("compare", posterior_file, "model_size", "finetune_size")
    assert (table["p_greater"] > 0.99).all()
    assert "P(model_size > finetune_size)" in text


def test_predict_reads_sizes_as_people_write_them(posterior_file, fit, tmp_path):
    design = tmp_path / "design.csv"
    design.write_text("method,model_size,finetune_size\nlora,1.5B,100k\nfull,7.583B,2M\n")
    table, text = rows("predict", posterior_file, design, "--kind", "run", "--prob", 0.5)
    points = pd.DataFrame({"method": ["lora", "full"], "model_size": [1.5e9, 7.583e9], "finetune_size": [1e5, 2e6]})
    wanted = fit.predict(points, kind="run", prob=0.5)
    pd.testing.assert_frame_equal(table[wanted.columns], wanted, check_dtype=False)
    assert text.startswith("50 % bands of one new run")
    assert "50 % band" in answer("predict", posterior_file, design, "--prob", 0.5)


def test_wins_at_several_sizes(posterior_file, fit):
    sizes = ("--finetune-size", "10k", "--finetune-size", "100k", "--model-size", "1.5B")
    table, text = rows("wins", posterior_file, *sizes)
    assert table["finetune_size"].unique().tolist() == [1e4, 1e5]
    assert table.groupby("finetune_size")["p_best"].sum().tolist() == pytest.approx([1, 1])
    assert text == fit.win_probability([1e4, 1e5], model_size=1.5e9).attrs["text"]


def test_crossover_at_several_sizes(posterior_file):
    table, text = rows("crossover", posterior_file, "full", "lora", "--model-size", "956M", "--model-size", "8B")
    assert table["model_size"].tolist() == [9.56e8, 8e9]
    assert "P(no crossover of full and lora" in text


def test_required_size_of_a_target_loss(posterior_file):
    asked = ("required", posterior_file, "lora", "--loss", "1.0", "--model-size", "8B")
    table, text = rows(*asked)
    assert table["target"].tolist() == [1.0] and table["model_size"].tolist() == [8e9]
    assert "P(reachable between 400 and 900k)" in text


def test_json_has_null_where_there_is_no_number(capsys):
    table = pd.DataFrame({"median": [1.5, np.nan, np.inf], "seed": pd.array([1, 2, pd.NA], dtype="Int64")})
    print_answer(table, "text", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["table"] == [
        {"median": 1.5, "seed": 1},
        {"median": None, "seed": 2},
        {"median": None, "seed": None},
    ]


def test_choose_takes_costs_and_a_margin(posterior_file):
    costs = ("--cost", "full=10", "--cost", "lora=1", "--cost", "prompt=2.5")
    table, text = rows("choose", posterior_file, "--finetune-size", "100k", "--model-size", "8B", *costs, "--margin", 1)
    assert table.set_index("method")["cost"].to_dict() == {"full": 10, "lora": 1, "prompt": 2.5}
    assert "use lora" in text and "lora is the cheapest" in text


@pytest.mark.parametrize(
    "command", ["exponents", "compare", "predict", "wins", "crossover", "choose", "required", "check", "fit"]
)
def test_every_command_has_help(command):
    assert "--json" in answer(command, "--help")


def test_errors_of_the_runs_table_are_one_message(csv, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(csv.read_text().replace("1.4791", "-1.4791"))
    message = complaint("check", broken)
    assert "column 'loss'" in message and "-1.4791" in message


def test_unknown_names_are_named(posterior_file, csv, tmp_path):
    assert "'zhang2023'" in complaint("check", "zhang2023")
    assert "nothere.csv' does not exist" in complaint("check", tmp_path / "nothere.csv")
    assert "law='cubic'" in complaint("check", csv, "--law", "cubic")
    assert "priors='mine'" in complaint("check", csv, "--priors", "mine")
    assert "'depth'" in complaint("check", csv, "--factors", "depth")
    assert "'gone.nc'" in complaint("exponents", "gone.nc")
    assert "'pet_size'" in complaint("compare", posterior_file, "pet_size", "model_size")
    assert "'adapter'" in complaint("crossover", posterior_file, "full", "adapter", "--model-size", "8B")
    assert "task='MLSum'" in complaint(
        "wins", posterior_file, "--finetune-size", "1k", "--model-size", "8B", "--task", "MLSum"
    )


def test_wrong_values_are_shown(posterior_file, csv, tmp_path):
    sized = ("choose", posterior_file, "--model-size", "8B", "--finetune-size")
    assert "size '10m'" in complaint(*sized, "10m")
    assert "--cost 'full'" in complaint(*sized, "10k", "--cost", "full")
    assert "'dear' is not a number" in complaint(*sized, "10k", "--cost", "full=dear")
    assert "was given before, as '1'" in complaint(*sized, "10k", "--cost", "full=1", "--cost", "full=2")
    assert "method 'prompt'" in complaint(*sized, "10k", "--cost", "full=10")
    assert "prob=1.5" in complaint("exponents", posterior_file, "--prob", 1.5)
    assert "--column 'loss'" in complaint("check", csv, "--column", "loss")
    design = tmp_path / "design.csv"
    design.write_text("method,model_size,finetune_size\nlora,1.5B,many\n")
    assert "many" in complaint("predict", posterior_file, design)
    design.write_text("method,model_size,finetune_size\nlora,1.5B,100k\n")
    assert "kind='median'" in complaint("predict", posterior_file, design, "--kind", "median")


def test_a_bad_output_is_told_before_sampling(csv, tmp_path, posterior_file):
    assert "there is no folder" in complaint("fit", csv, "-o", tmp_path / "none" / "posterior.nc")
    assert "it is a folder" in complaint("fit", csv, "-o", tmp_path)
    assert "draws=250" in complaint("fit", csv, "-o", tmp_path / "p.nc", "--draws", 250, "--json")
    assert "cannot write" in complaint("exponents", posterior_file, "-o", tmp_path / "none" / "table.csv")


def test_warnings_are_text_on_stderr(tmp_path, runs):
    path = tmp_path / "runs.csv"
    pd.concat([runs, runs.head(1)]).to_csv(path, index=False)
    result = run("check", path)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: 1 of 148 runs repeat another")


def test_import_writes_a_runs_table_that_can_be_checked(tmp_path):
    table = Path(__file__).parent / "data" / "importers" / "wandb" / "runs.csv"
    written = tmp_path / "runs.csv"
    known = ("--column", "finetune_size=train_examples", "--column", "method=method", "--set", "task=sum")
    result = run("import", table, "--kind", "wandb", "-o", written, *known)
    assert result.exit_code == 0
    assert "3 runs written to" in result.stdout
    assert "warning: 1 of 4 runs are left out, since they are not finished: full-4000 (crashed)" in result.stderr
    assert sorted(bs.load_runs(written)["loss"]) == [1.87, 1.93, 2.05]
    assert "column 'task' is missing" in complaint("import", table, "--kind", "wandb", "-o", written, *known[:4])
