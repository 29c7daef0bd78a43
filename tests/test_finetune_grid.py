"""The cross of a study, its learning-rate tuning, and the configurations that come of it. No torch needed."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import Study, parse_study
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.planning.grid import Cell, cells, trials, unused
from bayes_scaling.finetune.planning.preparing import Prepared
from bayes_scaling.finetune.planning.spelling import representatives, spell
from bayes_scaling.finetune.planning.tuning import Rate, Tried, chosen

RATES = [1e-4, 1e-3, 1e-2]


def content(**changes: Any) -> dict[str, Any]:
    return {
        "study": "s",
        "bases": [{"path": "small", "pretrain_size": 1e6}, {"path": "large", "pretrain_size": 1e6}],
        "tasks": [
            {"name": "t1", "train": "a.jsonl", "source": "x", "target": "y"},
            {"name": "t2", "train": "b.jsonl", "kind": "text", "target": "y"},
        ],
        "methods": [{"name": "full"}, {"name": "lora", "sizes": [2, 8]}, {"name": "prompt", "sizes": [5]}],
        "finetune_sizes": [100, 1000],
        "seeds": [3, 4],
    } | changes


def study(**changes: Any) -> Study:
    return parse_study(content(**changes))


def tuned(**changes: Any) -> Study:
    rate = {"grid": RATES, "at": {"base": "small", "finetune_size": 500, "pet_size": 8}}
    methods = [{"name": "full"}, {"name": "lora", "sizes": [2, 8], "training": {"learning_rate": rate}}]
    return study(methods=methods, **changes)


def prepared(of: Study) -> Prepared:
    """What ``prepare`` gives, with nothing on disk."""
    facts = {base.name: SimpleNamespace(fingerprint=base.name, model_size=7.0, pretrain_size=1e6) for base in of.bases}
    data = {task.name: SimpleNamespace(fingerprint=task.name, train=range(5000), notes=()) for task in of.tasks}
    bases, tasks = {base.name: base for base in of.bases}, {task.name: task for task in of.tasks}
    return Prepared(of, bases, tasks, facts, data)


def finished(of: Study, losses: dict[float, float | str]) -> dict[str, Tried]:
    """What the ledger would know of the tuning runs: a dev loss, or a status, for each learning rate."""
    runs = spell(prepared(of), {}).tuning
    known = {run.id: losses[run.training.learning_rate] for run in runs if run.training.learning_rate in losses}
    return {run: Tried("done", x) if isinstance(x, float) else Tried(x, None) for run, x in known.items()}


def test_without_grids_everything_is_crossed():
    found = cells(study())
    assert len(found) == len(set(found)) == 2 * 2 * (1 + 2 + 1) * 2 * 2
    assert found[0] == Cell("t1", "small", "full", None, 100, 3)


def test_grids_restrict_and_what_two_name_is_one_run():
    grids = [
        {"bases": ["small"], "methods": ["full", "lora"], "sizes": {"lora": [8]}, "tasks": ["t1"], "seeds": [3]},
        {"bases": ["small"], "methods": ["lora"], "tasks": ["t1"], "finetune_sizes": [100], "seeds": [3]},
    ]
    found = cells(study(grids=grids))
    assert found == (
        Cell("t1", "small", "full", None, 100, 3),
        Cell("t1", "small", "full", None, 1000, 3),
        Cell("t1", "small", "lora", 8, 100, 3),
        Cell("t1", "small", "lora", 8, 1000, 3),
        Cell("t1", "small", "lora", 2, 100, 3),
    )
    assert unused(study(grids=grids)) == ("base 'large'", "task 't2'", "method 'prompt'")


def test_rates_are_tried_for_every_task_in_the_cross_with_the_first_seed():
    found = trials(tuned(grids=[{"tasks": ["t2"]}, {"tasks": ["t1"], "methods": ["full"]}]))
    assert [trial.cell for trial in found] == [Cell("t2", "small", "lora", 8, 500, 3)] * 3
    assert [trial.learning_rate for trial in found] == RATES


def test_runs_wait_for_their_learning_rate_and_others_do_not():
    of = tuned(tasks=content()["tasks"][:1])
    first = spell(prepared(of), {})
    assert [run.training.learning_rate for run in first.tuning] == RATES
    assert {run.method.name for run in first.measuring} == {"full"} and len(first.measuring) == 2 * 2 * 2
    assert {cell.method for cell in first.waiting} == {"lora"} and len(first.waiting) == 2 * 2 * 2 * 2
    assert len(representatives(prepared(of), first)) == len(first.waiting)
    still = spell(prepared(of), finished(of, {1e-4: 3.0, 1e-3: "failed", 1e-2: 4.0}))
    assert len(still.waiting) == len(first.waiting), "a failed try is not finished"
    then = spell(prepared(of), finished(of, {1e-4: 3.0, 1e-3: 2.0, 1e-2: "diverged"}))
    lora = [run for run in then.measuring if run.method.name == "lora"]
    assert then.waiting == () and len(lora) == len(first.waiting)
    assert {(run.training.learning_rate, run.learning_rate_at_edge) for run in lora} == {(1e-3, False)}
    assert then.rates == {("t1", "lora"): Rate(1e-3, False)}
    assert len({run.id for run in then.runs}) == len(then.runs)


def test_the_edge_is_flagged_and_is_no_part_of_identity():
    of = tuned(tasks=content()["tasks"][:1])
    at_edge = spell(prepared(of), finished(of, {1e-4: 3.0, 1e-3: 2.0, 1e-2: 1.0}))
    (flag,) = {run.learning_rate_at_edge for run in at_edge.measuring if run.method.name == "lora"}
    assert flag is True
    run = at_edge.measuring[-1]
    assert run.id == run.model_copy(update={"learning_rate_at_edge": False}).id
    assert run.id != run.model_copy(update={"training": run.training.model_copy(update={"learning_rate": 1.0})}).id


@pytest.mark.parametrize(
    ("tries", "rate"),
    [
        ({1.0: Tried("done", 3.0), 2.0: Tried("done", 2.0), 3.0: Tried("done", 4.0)}, Rate(2.0, False)),
        ({1.0: Tried("done", 3.0), 2.0: Tried("diverged", 0.1), 3.0: Tried("diverged", None)}, Rate(1.0, True)),
        ({1.0: Tried("done", 2.0), 2.0: Tried("done", 2.0), 3.0: Tried("done", 2.0)}, Rate(1.0, True)),
        ({1.0: Tried("done", math.nan), 2.0: Tried("done", 2.0), 3.0: Tried("done", 2.5)}, Rate(2.0, False)),
        ({1.0: Tried("done", 3.0), 2.0: None, 3.0: Tried("done", 4.0)}, None),
        ({1.0: Tried("done", 3.0), 2.0: Tried("running", 1.0), 3.0: Tried("done", 4.0)}, None),
    ],
)
def test_the_lowest_dev_loss_wins(tries: dict[float, Tried | None], rate: Rate | None):
    assert chosen("here", tries) == rate


def test_where_all_rates_diverged_the_grid_is_told():
    of = tuned()
    with pytest.raises(StudyError) as error:
        spell(prepared(of), finished(of, dict.fromkeys(RATES, "diverged")))
    for part in ("task 't1'", "method 'lora'", "[0.0001, 0.001, 0.01]", "smaller"):
        assert part in str(error.value)


def test_what_a_tuning_run_does_not_need_is_not_in_its_identity():
    plain = spell(prepared(tuned()), {})
    rich = spell(prepared(tuned(metrics=["loss", "chrf"], zero_shot=True)), {})
    assert [run.id for run in plain.tuning] == [run.id for run in rich.tuning]
    assert not {run.id for run in plain.measuring} & {run.id for run in rich.measuring}
    assert [task.name for task, _ in rich.measuring[0].zero_shot] == ["t2"]


def test_generation_settings_count_only_where_texts_are_generated():
    def ids(**changes: Any) -> list[str]:
        return [run.id for run in spell(prepared(study(**changes)), {}).runs]

    short = {"generation": {"examples": 5}}
    assert ids() == ids(**short)
    assert ids(metrics=["chrf"]) != ids(metrics=["chrf"], **short)


def test_an_older_seed_or_size_keeps_its_identity_when_a_study_grows():
    before = {run.id for run in spell(prepared(study()), {}).runs}
    after = {run.id for run in spell(prepared(study(seeds=[3, 4, 5], finetune_sizes=[100, 1000, 2000])), {}).runs}
    assert before < after


def test_two_runs_of_one_identity_are_refused(monkeypatch: pytest.MonkeyPatch):
    """The broken twin: a cross that names a run twice."""
    from bayes_scaling.finetune.planning import spelling

    monkeypatch.setattr(spelling, "cells", lambda of: cells(of) + cells(of)[:1])
    with pytest.raises(StudyError, match=r"two runs have one identity: t1, small, full, D_f 100, seed 3"):
        spell(prepared(study()), {})
