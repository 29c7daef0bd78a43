"""Runs of other tools: what their own files say becomes a runs table, and what they do not say is asked for."""

import json
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.errors import RunsError
from bayes_scaling.runs.importers.loss_of import reading
from bayes_scaling.runs.importers.naming import columns_of
from bayes_scaling.runs.schema import NAMES

DATA = Path(__file__).parent / "data" / "importers"
TRAINER = str(DATA / "trainer" / "{method}-n{finetune_size}" / "*" / "trainer_state.json")
COLUMNS = {"finetune_size": "train_examples", "method": "method", "base": "base_model"}
LM_EVAL = DATA / "lm_eval" / "results_2026-11-26.json"
PEFT = str(DATA / "peft" / "*.json")
ONE = DATA / "trainer" / "full-n16" / "checkpoint-8" / "trainer_state.json"

pytestmark = pytest.mark.filterwarnings("ignore:1 of .* runs are left out")


def losses(runs: pd.DataFrame) -> dict[tuple[str, float], float]:
    return {(row.method, row.finetune_size): row.loss for row in runs.itertuples()}


def evaluations(path: Path) -> list[float]:
    return [entry["eval_loss"] for entry in json.loads(path.read_text())["log_history"] if "eval_loss" in entry]


# transformers' Trainer


def test_a_trainer_state_is_its_last_evaluation():
    runs = bs.import_runs(ONE, "trainer", task="copy", method="full", finetune_size="16", model_size=12208)
    assert runs.loc[0, "loss"] == evaluations(ONE)[-1]
    assert runs.loc[0, ["task", "method"]].tolist() == ["copy", "full"]
    assert runs.loc[0, ["finetune_size", "model_size"]].tolist() == [16.0, 12208.0]
    assert "metric" not in runs and "loss_se" not in runs


def test_paths_say_what_files_do_not_and_an_adapter_says_its_rank():
    runs = bs.import_runs(TRAINER, "trainer", task="copy")
    assert set(losses(runs)) == {("full", 8), ("full", 16), ("lora", 8), ("lora", 16)}
    assert runs.set_index("method")["pet_size"].loc["lora"].tolist() == [4.0, 4.0]
    assert runs["pet_size"].isna().sum() == 2
    assert set(runs.loc[runs["method"] == "lora", "base"]) == {"tiny-llama"}


def test_an_unfinished_run_is_left_out_and_said():
    with pytest.warns(UserWarning, match=r"1 of 5 runs are left out, since they are not finished: .*\(step 2 of 8\)"):
        assert len(bs.import_runs(TRAINER, "trainer", task="copy")) == 4
    assert len(bs.import_runs(TRAINER, "trainer", task="copy", unfinished=True)) == 5
    with pytest.raises(RunsError, match=r"no run is finished.*step 2 of 8"):
        bs.import_runs(ONE.parents[1] / "checkpoint-2", "trainer", task="copy", method="full", finetune_size=16)


def test_early_stopping_is_an_end(tmp_path):
    state = json.loads((ONE.parents[1] / "checkpoint-2" / "trainer_state.json").read_text())
    state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"] = True
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert len(bs.import_runs(tmp_path, "trainer", task="copy", method="full", finetune_size=16)) == 1


def test_best_is_the_lowest_evaluation(tmp_path):
    state = json.loads(ONE.read_text())
    state["log_history"].insert(1, {"eval_loss": 0.5, "step": 1})
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    said = {"task": "copy", "method": "full", "finetune_size": 16}
    assert bs.import_runs(tmp_path, "trainer", at="best", **said).loc[0, "loss"] == 0.5
    assert bs.import_runs(tmp_path, "trainer", **said).loc[0, "loss"] == evaluations(ONE)[-1]


def test_a_fresh_trainer_is_read(tiny, tmp_path):
    transformers = pytest.importorskip("transformers")
    rows = [{"input_ids": [3 + i, 4, 5, 6], "labels": [3 + i, 4, 5, 6]} for i in range(8)]
    trainer = transformers.Trainer(
        model=transformers.LlamaForCausalLM.from_pretrained(tiny / "base"),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path), max_steps=2, eval_strategy="steps", eval_steps=1, save_steps=2, report_to=[],
            use_cpu=True, disable_tqdm=True, per_device_train_batch_size=2, dataloader_pin_memory=False,
        ),
        train_dataset=rows, eval_dataset=rows,
    )  # fmt: skip
    trainer.train()
    source = str(tmp_path / "checkpoint-*" / "trainer_state.json")
    runs = bs.import_runs(source, "trainer", task="copy", method="full", finetune_size=8)
    assert runs.loc[0, "loss"] == pytest.approx(trainer.evaluate()["eval_loss"], rel=1e-5)


# Weights & Biases and MLflow: the same four runs, of which full-4000 crashed

FOUR = {("full", 1000.0): 1.87, ("lora", 1000.0): 2.05, ("lora", 4000.0): 1.93}
TABLES = [("wandb", "wandb/runs.csv"), ("mlflow", "mlflow/mlruns"), ("mlflow", "mlflow/search_runs.csv")]


@pytest.mark.parametrize(("kind", "path"), TABLES)
def test_a_table_of_runs_has_their_configuration(kind, path):
    with pytest.warns(UserWarning, match=r"1 of 4 runs are left out.*full-4000 \((crashed|failed)\)"):
        runs = bs.import_runs(DATA / path, kind, columns=COLUMNS, task="sum")
    assert losses(runs) == FOUR
    assert set(runs["base"]) == {"tiny-llama"}
    assert set(runs["run"]) == {"full-1000", "lora-1000", "lora-4000"}
    assert [name for name in runs if name in NAMES] == [name for name in NAMES if name in runs]
    pd.testing.assert_frame_equal(bs.load_runs(runs), runs)


def test_mlflow_has_histories():
    runs = bs.import_runs(DATA / "mlflow" / "mlruns", "mlflow", columns=COLUMNS, task="sum", at="best")
    assert losses(runs) == FOUR | {("lora", 4000): 1.90}


def test_mlflow_orders_a_history_by_step(tmp_path):
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    for file in tmp_path.rglob("metrics/eval_loss"):
        file.write_text("\n".join(reversed(file.read_text().splitlines())))
    assert losses(bs.import_runs(tmp_path / "mlruns", "mlflow", columns=COLUMNS, task="sum")) == FOUR


def test_mlflow_leaves_deleted_runs_alone(tmp_path):
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    for file in tmp_path.rglob("meta.yaml"):
        if "run_name: lora-4000" in file.read_text():
            file.write_text(file.read_text().replace("lifecycle_stage: active", "lifecycle_stage: deleted"))
    runs = bs.import_runs(tmp_path / "mlruns", "mlflow", columns=COLUMNS, task="sum")
    assert set(runs["run"]) == {"full-1000", "lora-1000"}


def test_a_chart_has_curves_whose_names_say_the_rest():
    source = DATA / "wandb" / "chart.csv"
    runs = bs.import_runs(source, "wandb", names="{method}-{finetune_size}", task="sum", at="best")
    assert losses(runs) == FOUR | {("lora", 4000): 1.90, ("full", 4000): 2.5}


def test_one_history_is_one_run():
    runs = bs.import_runs(DATA / "wandb" / "lora-4000.csv", "wandb", names="{method}-{finetune_size}", task="sum")
    assert losses(runs) == {("lora", 4000): 1.93}


def test_a_table_of_last_values_has_no_best():
    with pytest.raises(RunsError, match="keeps the last value of a metric only"):
        bs.import_runs(DATA / "wandb" / "runs.csv", "wandb", columns=COLUMNS, task="sum", at="best")


def test_a_run_without_a_finite_loss_is_left_out_and_said(tmp_path):
    table = pd.read_csv(DATA / "wandb" / "runs.csv").query("State == 'finished'")
    table.assign(**{"eval/loss": [math.nan, math.inf, 1.87]}).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.warns(UserWarning, match="2 of 3 runs are left out, since they have no finite value of 'eval/loss'"):
        runs = bs.import_runs(tmp_path / "runs.csv", "wandb", columns=COLUMNS, task="sum")
    assert losses(runs) == {("full", 1000): 1.87}


# lm-evaluation-harness and peft


def test_an_accuracy_is_read_as_an_error_with_its_standard_error():
    runs = bs.import_runs(LM_EVAL, "lm_eval", loss="1 - acc", method="full", finetune_size=0)
    result = json.loads(LM_EVAL.read_text())["results"]["menus"]
    assert runs.loc[0, ["task", "base", "metric"]].tolist() == ["menus", "tiny-llama", "1 - acc"]
    assert runs.loc[0, "loss"] == 1 - result["acc,none"]
    assert runs.loc[0, "loss_se"] == result["acc_stderr,none"] > 0


def test_a_perplexity_is_read_as_its_logarithm():
    nats = bs.import_runs(LM_EVAL, "lm_eval", loss="log byte_perplexity", method="full", finetune_size=0)
    bits = bs.import_runs(LM_EVAL, "lm_eval", loss="bits_per_byte", method="full", finetune_size=0)
    assert nats.loc[0, "loss"] == pytest.approx(bits.loc[0, "loss"] * math.log(2), rel=1e-12)
    assert nats["metric"].tolist() == ["log byte_perplexity"]


def test_lm_eval_of_older_versions_writes_its_arguments_as_text(tmp_path):
    found = json.loads(LM_EVAL.read_text())
    found["config"]["model_args"] = "pretrained=EleutherAI/pythia-70m,peft=out/lora"
    found["results"]["menus"]["acc_stderr,none"] = "N/A"
    (tmp_path / "results.json").write_text(json.dumps(found))
    runs = bs.import_runs(tmp_path / "results.json", "lm_eval", loss="1 - acc", method="lora", finetune_size=100)
    assert runs["base"].tolist() == ["EleutherAI/pythia-70m"] and "loss_se" not in runs


def test_lm_eval_asks_which_metric():
    with pytest.raises(RunsError, match=r"loss is missing.*acc, acc_norm, bits_per_byte, byte_perplexity"):
        bs.import_runs(LM_EVAL, "lm_eval", method="full", finetune_size=0)


def test_peft_says_all_but_the_task():
    runs = bs.import_runs(PEFT, "peft", task="MetaMathQA")
    assert losses(runs) == {("full", 20000): 1 - 0.5003790750568613, ("lora", 20000): 1 - 0.48218347232752085}
    assert runs["pet_size"].tolist()[1] == 32 and runs["seed"].tolist() == [0, 0]
    assert set(runs["base"]) == {"meta-llama/Llama-3.2-3B"} and set(runs["metric"]) == {"1 - test accuracy"}


def test_the_users_word_goes_before_the_files():
    runs = bs.import_runs(PEFT, "peft", task="MetaMathQA", base="Llama", finetune_size="10k")
    assert set(runs["base"]) == {"Llama"} and set(runs["finetune_size"]) == {10_000.0}


def test_the_spread_of_a_chart_is_no_metric():
    with pytest.raises(RunsError, match=r"there are _step, eval/loss$"):
        bs.import_runs(DATA / "wandb" / "chart.csv", "wandb", loss="loss", task="sum", method="full", finetune_size=1)


def test_peft_can_give_the_loss_of_training():
    runs = bs.import_runs(PEFT, "peft", loss="train loss", task="MetaMathQA")
    assert losses(runs)["lora", 20000] == 0.6069052599668503 and set(runs["metric"]) == {"train loss"}


def test_a_failed_experiment_is_not_a_run(tmp_path):
    found = json.loads(next((DATA / "peft").glob("lora*")).read_text())
    found["train_info"]["status"] = "canceled"
    (tmp_path / "lora.json").write_text(json.dumps(found))
    with pytest.raises(RunsError, match=r"no run is finished: lora/llama-3.2-3B-rank32 \(canceled\)"):
        bs.import_runs(tmp_path / "lora.json", "peft", task="MetaMathQA")


# what is asked for, and what is refused


def test_what_no_file_says_is_asked_for():
    with pytest.raises(RunsError, match=r"column 'task' is missing.*these files do not say it"):
        bs.import_runs(ONE, "trainer", method="full", finetune_size=16)
    with pytest.raises(RunsError, match=r"'finetune_size' is missing \(D_f, number of finetuning examples.*") as caught:
        bs.import_runs(DATA / "wandb" / "runs.csv", "wandb", columns={"method": "method"}, task="sum")
    assert "train_examples" in str(caught.value)


REFUSED = [
    ({"kind": "hf"}, r"kind='hf' is no tool that is read.*trainer, wandb"),
    ({"kind": "peft"}, r"is not a result of peft's method_comparison: it has no 'run_info', 'train_info'"),
    ({"loss": "eval_accuracy"}, r"'eval_accuracy' is better when higher.*write loss='1 - eval_accuracy'"),
    ({"loss": "eval_los"}, r"no run has a finite value of 'eval_los'; did you mean 'eval_loss'\?"),
    ({"loss": "1 - eval_loss"}, r"is 5\.\d+, not between 0 and 1"),
    ({"loss": "log epoch", "at": "best"}, r"is 0\.5, and a perplexity is above 1"),
    ({"at": "first"}, r"at='first': it is 'last'"),
    ({"columns": {"seed": "sede"}}, r"'seed' is called 'sede', which no run has"),
    ({"columns": {"method": "epoch"}}, r"column 'method' is said in two places"),
    ({"model_sise": 5}, r"'model_sise' is no column that can be given: did you mean 'model_size'\?"),
    ({"names": "{metod}"}, r"{metod} is no column of a runs table; write {method}"),
    ({"names": "{seed}.yaml"}, r"run .* does not match"),
    ({"source": "nowhere/trainer_state.json"}, r"does not exist: check the path"),
    ({"source": "nowhere/*.json"}, r"matches no file"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[str(changes) for changes, _ in REFUSED])
def test_what_is_refused(changes, message):
    said = {"source": ONE, "kind": "trainer", "task": "copy", "method": "full", "finetune_size": 16}
    with pytest.raises(RunsError, match=message):
        bs.import_runs(**said | changes)


def test_a_score_that_the_file_calls_one_is_refused_as_a_loss():
    with pytest.raises(RunsError, match="'acc_norm' is better when higher"):
        bs.import_runs(LM_EVAL, "lm_eval", loss="acc_norm", method="full", finetune_size=0)


DAMAGED = [
    ("trainer", {"log_history": [3], "global_step": 2}),
    ("trainer", {"log_history": [], "global_step": None, "max_steps": 2}),
    ("lm_eval", {"results": {"a": 3}, "config": {}}),
    ("peft", {"run_info": None, "train_info": {}}),
]


@pytest.mark.parametrize(("kind", "found"), DAMAGED)
def test_a_damaged_file_is_one_error(kind, found, tmp_path):
    (tmp_path / "file.json").write_text(json.dumps(found))
    with pytest.raises(RunsError, match="is damaged, or of a version of its tool that is not known"):
        bs.import_runs(tmp_path / "file.json", kind, task="sum", method="full", finetune_size=1)


def test_text_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "file.json").write_text("{")
    with pytest.raises(RunsError, match=r"is not JSON .*: a trainer_state.json of transformers' Trainer is"):
        bs.import_runs(tmp_path / "file.json", "trainer", task="sum", method="full", finetune_size=1)


@pytest.mark.parametrize("kind", ["wandb", "mlflow"])
def test_another_csv_is_refused(kind, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunsError, match=r"is no .*it has the columns a, b"):
        bs.import_runs(tmp_path / "other.csv", kind, task="sum")


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(RunsError, match="has no runs of MLflow"):
        bs.import_runs(tmp_path, "mlflow", task="sum")


def test_patterns_and_readings():
    assert columns_of("a/b/lora-n10k", "**/{method}-n{finetune_size}") == {"method": "lora", "finetune_size": "10k"}
    assert columns_of("lora-n10k", "**/{method}-n{finetune_size}") == {"method": "lora", "finetune_size": "10k"}
    assert columns_of("a/b", "{task}") is None
    assert re.sub(r" ", "", reading("log word_perplexity").text) == "logword_perplexity"
    assert reading("1-gram loss") == ("", "1-gram loss")


def test_no_tool_is_needed():
    for path in (Path(bs.__file__).parent / "runs" / "importers").glob("*.py"):
        assert not re.search(
            r"^\s*(import|from) (wandb|mlflow|lm_eval|peft|transformers|yaml)\b", path.read_text(), re.M
        )
