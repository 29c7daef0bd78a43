"""The report without a browser: what it carries, says and escapes, and how it is written."""

import json
import pickle
import re
import tomllib
from base64 import b64decode
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayes_scaling as bs
from bayes_scaling import report
from bayes_scaling.checks.finding import FAILED, PASSED, Check, conclude
from bayes_scaling.cli import app
from bayes_scaling.models.laws import LAWS
from bayes_scaling.prediction import standard_noise
from bayes_scaling.report.carried import NEW_BASE, thinned
from bayes_scaling.report.checklist import YOURS, checklist
from bayes_scaling.report.explorer import explorer
from bayes_scaling.report.forest import forest
from bayes_scaling.report.markup import json_text
from bayes_scaling.report.page import explorer_parts, render
from shared.posteriors import S8, TASK, scattered

ROOT = Path(__file__).parents[1]
DEFAULT = bs.JointLaw()


@pytest.fixture
def checked(monkeypatch):
    """No fit is checked: every one passes."""
    found = conclude([Check("calibration", PASSED, "as promised"), Check("levels", FAILED, "too few", "add a size")])
    monkeypatch.setattr(bs.Posterior, "check", lambda _: found)


@pytest.fixture(scope="module")
def fitted_runs(runs):
    return runs[runs["split"] == "fit"]


@pytest.fixture(scope="module")
def made(fitted_runs):
    return scattered(fitted_runs, DEFAULT)


class Carried:
    """One law of a page, read back as another program would."""

    def __init__(self, law):
        flat = np.frombuffer(b64decode(law["columns"]), "<f4").astype(float)
        self.law, self.values = law, flat.reshape(-1, law["draws"])

    def log_mean(self, cell, base, log_x, log_d):
        """The multiplicative law with one factor, as model.js has it."""
        column, told = self.values.__getitem__, self.law["tasks"][0][cell]
        alpha = column(told["alpha"]["model_size"]) * (log_x - told["log_x0"]["model_size"])
        amplitude = column(told["log_amplitude"][told["sets"][0]["amplitudes"][0]])
        z = log_d - told["log_d0"]
        at, centre = (np.logaddexp(amplitude - alpha - column(told["beta"]) * d, column(told["log_E"])) for d in (z, 0))
        total = at + column(told["effect"][base]) + column(told["slope"][base]) * (at - centre)
        for knot in told["knots"]:
            total += column(knot["change"]) * max(knot["side"] * (z - knot["at"]), 0)
        for side, outside in (("below", told["edge"][0] - z), ("above", z - told["edge"][1])):
            for i, number in enumerate(told[side]):
                total += column(number) * max(outside - (i + 0.5) * told["stretch"], 0)
        return total


@pytest.mark.parametrize("finetune_size", [450.0, 4e4, 3e6, 1.9e8])
@pytest.mark.parametrize("base", ["2B", NEW_BASE])
def test_what_the_page_carries_is_what_predict_computes_with(made, finetune_size, base):
    told = explorer(made)
    bases = [one["name"] for one in told["tasks"][0]["bases"]] + [NEW_BASE]
    (law,), kept = told["laws"], thinned(made, told["laws"][0]["draws"])[0]
    for cell, method in enumerate(made.layout.method):
        row = {"task": TASK, "method": method, "finetune_size": finetune_size, "base": base, "model_size": 1.861e9}
        ((_, drawn),) = made.blocks(pd.DataFrame([row]))
        found = Carried(law).log_mean(cell, bases.index(base), np.log(1.861e9), np.log(finetune_size))
        np.testing.assert_allclose(found, drawn.log_mean[kept, 0], atol=2e-6)


def test_the_noise_carried_is_that_of_one_new_run(made):
    row = pd.DataFrame([{"task": TASK, "method": "lora", "finetune_size": 3e4, "base": "8B", "model_size": S8}])
    ((_, drawn),) = made.blocks(row)
    run = drawn.log_mean[:, 0] + drawn.sigma[:, 0] * standard_noise(made)
    band = made.predict(row, kind="run", prob=0.8).iloc[0]
    np.testing.assert_allclose(np.exp(np.quantile(run, [0.1, 0.9])), band[["low", "high"]].astype(float), rtol=1e-12)


def test_draws_are_thinned_evenly_along_chains_and_by_the_laws_weights(made, fitted_runs):
    (kept,) = thinned(made, 40)
    assert kept.reshape(4, 10)[:, [0, -1]].tolist() == [[0, 99], [100, 199], [200, 299], [300, 399]]
    other = scattered(fitted_runs, bs.JointLaw("additive"))
    parts = thinned(bs.average([made, other], [0.25, 0.75]), 80)
    assert [part.size for part in parts] == [20, 60]
    assert [part.size for part in thinned(bs.average([made, other], [1.0, 0.0]), 80)] == [80, 0]
    assert [law["law"] for law in explorer(bs.average([made, other], [1.0, 0.0]))["laws"]] == ["multiplicative"]


def test_many_llms_and_tasks_still_make_a_page_that_can_be_sent(checked, tmp_path):
    posterior = scattered(bs.load_data("ladder"), DEFAULT, draws=1000)
    told = explorer(posterior)
    assert sum(len(task["bases"]) for task in told["tasks"]) == 50
    assert told["laws"][0]["draws"] >= 100
    assert len(json_text(told)) < 1.5e6


def test_the_page_says_the_verdict_first(made, checked):
    text = render(made)
    order = [text.index(part) for part in ("REVIEW", "levels: too few", "120 finetuning runs", 'id="explore"')]
    assert order == sorted(order)
    for part in ("Which method when", "What to run next", "Exponents", "Reporting checklist", "Model and priors"):
        assert f">{part}</h2>" in text


def test_the_page_needs_nothing_from_the_network(made, checked):
    text = render(made)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", text)
    assert not re.search(r"@import|url\(", text.split("<script", maxsplit=1)[0].replace("url(#", ""))
    assert "default-src 'none'" in text


def test_names_are_escaped_wherever_they_stand(fitted_runs, checked):
    evil = "</script><script>alert(1)</script>"
    named = fitted_runs.assign(task=evil, base="<b>" + fitted_runs["base"], metric="<i>nats</i>")
    text = render(scattered(named, DEFAULT))
    assert "alert(1)</script>" not in text
    assert "<b>" not in text and "<i>" not in text
    told = re.search(r'id="told">(.*?)</script>', text, re.DOTALL)
    assert json.loads(told[1])["tasks"][0]["name"] == evil


def test_json_in_a_script_element_cannot_end_it_and_has_no_nan():
    text = json_text({"a": "</script><!--&\u2028"})
    assert json.loads(text) == {"a": "</script><!--&\u2028"}
    assert not set("<>&\u2028") & set(text)
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})


def test_an_average_reports_every_law(made, fitted_runs, checked):
    both = bs.average([made, scattered(fitted_runs, bs.JointLaw("rectified"))], [0.6, 0.4])
    text = render(both)
    assert "An average of 2 laws with weights multiplicative 0.60 and rectified 0.40." in text
    assert "multiplicative law, levels: too few" in text and "rectified law, levels: too few" in text
    assert text.count('class="forest"') == 2


def test_one_method_is_reported_without_a_choice(fitted_runs, checked):
    text = render(scattered(fitted_runs[fitted_runs["method"] == "lora"], DEFAULT))
    assert "has runs of one method only" in text
    assert "likeliest best" not in text.split("<script", maxsplit=1)[0]


def test_a_law_of_ones_own_is_reported_without_an_explorer(fitted_runs):
    law = bs.Law("mine", "L = ours", "us", LAWS["multiplicative"].log_mean)
    shown, told, script = explorer_parts(scattered(fitted_runs, bs.JointLaw(law)))
    assert "The law 'mine' is one of your own" in shown.replace("&#x27;", "'")
    assert told == script == ""


def test_a_fit_too_large_for_a_page_is_reported_without_an_explorer(made, monkeypatch):
    monkeypatch.setattr("bayes_scaling.report.page.MOST_CHARACTERS", 1000)
    shown, told, script = explorer_parts(made)
    assert "too large for a page" in shown
    assert told == script == ""


def test_the_forest_places_every_exponent_on_one_axis(made):
    table = made.exponents()
    table = table[table["parameter"].isin(["alpha", "beta"])].sort_values(["parameter", "factor"], kind="stable")
    drawn = forest(made)
    centres = np.array([float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)])
    slope, offset = np.polyfit(table["mean"], centres, 1)
    np.testing.assert_allclose(offset + slope * table["mean"], centres, atol=0.1)
    ends = [float(x) for x in re.findall(r'class="thin" x1="([\d.]+)"', drawn)]
    np.testing.assert_allclose(offset + slope * table["hdi_low"], ends, atol=0.1)
    assert "full: alpha[model_size]" in drawn


def test_the_checklist_is_filled_in_and_says_what_only_the_author_knows(made):
    found = {item.question: item for item in checklist(made, conclude([Check("calibration", PASSED, "86 %")]))}
    assert {item.part for item in found.values()} == {"Hypothesis", "Training setup", "Data collected", "Fit"}
    assert LAWS["multiplicative"].formula in found["What is the form of the law?"].answer
    assert "120 runs on 4 base LLMs" in found["How many models were trained, at which sizes?"].answer
    assert "4 chains of 100 draws" in found["Which algorithm, with which settings?"].answer
    assert found["How good is the fit, and where was it validated?"].answer.startswith("86 %")
    assert next(item.answer for item in found.values() if item.open) == YOURS.capitalize()
    assert found["On which data, and is any repeated?"].open
    assert not found["Which objective?"].open


def test_a_page_is_written_whole_or_not_at_all(made, checked, monkeypatch, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("what was there")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(bs.BayesScalingError, match=r"cannot write .*No space left"):
            made.report(target)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert target.read_text() == "what was there"
    with pytest.raises(bs.BayesScalingError, match="cannot write"):
        report.write(made, tmp_path / "no" / "report.html")
    made.report(target)
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_command_writes_the_page_of_a_saved_posterior(posterior_file, checked, tmp_path):
    done = CliRunner().invoke(app, ["report", str(posterior_file), "-o", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert "The report is saved in" in done.output
    assert (tmp_path / "page.html").stat().st_size < 1e6


def test_a_wheel_holds_what_the_page_is_made_of():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    parts = [path.name for path in Path(report.__file__).parent.iterdir() if path.is_file() and path.suffix != ".py"]
    assert {"page.html", "page.css", "model.js", "settings.js", "chart.js", "page.js", "explorer.html"} == set(parts)
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in parts)


def test_a_copied_posterior_keeps_its_explorer(made):
    copy = pickle.loads(pickle.dumps(made))
    assert explorer_parts(copy) == explorer_parts(made) != ("", "", "")
