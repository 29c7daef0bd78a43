"""Calls of the plots and of ``import_runs`` with wrong arguments, and what must come."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from shared.bad_inputs import Refused, refused
from shared.posteriors import S8

Case = tuple[Callable[[bs.Posterior], Any], Refused]
NAN = float("nan")
OTHER: dict[str, object] = {
    "None": None,
    "3": 3,
    "nan": NAN,
    "'fit.nc'": "fit.nc",
    "[]": [],
    "{}": {},
    "DataFrame": pd.DataFrame(),
    "ndarray": np.ones(3),
}
WINS = pd.DataFrame(
    {"task": "sum", "method": ["full", "lora"], "finetune_size": 1e4, "p_best": [0.4, 0.6], "mcse": 0.01}
)
WINS = WINS.assign(expected_regret=0.1, expected_loss=1.0, region="interior")
STATE = (
    Path(__file__).parents[1] / "data" / "importers" / "trainer" / "full-n16" / "checkpoint-8" / "trainer_state.json"
)
DRAWS = {"lora": np.array([1e4, 2e4, np.inf])}


def plotted(name: str, *words: str, error: type[bs.BayesScalingError] = bs.BayesScalingError, **options: Any) -> Case:
    """A plot by its name."""
    return lambda fit: getattr(bs, name)(**options), refused(*words, error=error)


def of_fit(name: str, *words: str, **options: Any) -> Case:
    """A plot of the posterior."""
    return lambda fit: getattr(bs, name)(fit, **options), refused(*words, error=bs.BayesScalingError)


def imported(*words: str, **options: Any) -> Case:
    """Runs of a Trainer with other options."""
    good = {"source": STATE, "kind": "trainer", "task": "copy", "method": "full", "finetune_size": 16}
    return lambda fit: bs.import_runs(**good | options), refused(*words, error=bs.RunsError)


POSTERIORS = {
    "plot_base_effects": {},
    "plot_contrast": {"first": "model_size"},
    "plot_fit": {},
    "plot_exponents": {},
    "plot_priors": {},
    "plot_residuals": {},
}
RESULTS = {
    "plot_crossover": ("crossover", "fit.crossover(...)"),
    "plot_law_weights": ("comparison", "bs.compare_laws(...)"),
    "plot_reliability": ("backtest", "bs.backtest(...)"),
    "plot_study_plan": ("plan", "bs.plan_study(...)"),
}
TABLES = {
    "plot_wins": ("p_best", "fit.win_probability(...)"),
    "plot_win_map": ("p_best", "fit.win_probability(...)"),
    "plot_regret": ("expected_regret", "fit.choose(...).table"),
    "plot_next_runs": (None, "fit.next_runs(...)"),
}

PLOTS: dict[str, Case] = {
    **{
        f"{name} of {shown}": plotted(name, f"posterior={shown}: give what bs.fit(...)", posterior=value, **options)
        for name, options in POSTERIORS.items()
        for shown, value in OTHER.items()
    },
    **{
        f"{name} of {shown}": plotted(name, f"{argument}={shown}: give what {maker}", **{argument: value})
        for name, (argument, maker) in RESULTS.items()
        for shown, value in OTHER.items()
    },
    **{
        f"{name} of {shown}": plotted(name, f"table={shown} is no DataFrame: give", maker, table=value)
        for name, (_, maker) in TABLES.items()
        for shown, value in OTHER.items()
        if shown != "DataFrame"
    },
    **{
        f"{name} of no rows": plotted(name, "table has no", maker, table=WINS[:0])
        for name, (_, maker) in TABLES.items()
    },
    **{
        f"{name} of {what}": plotted(
            name, f"table has a column {column!r} that is not all numbers", maker, table=WINS.assign(**{column: value})
        )
        for name, (column, maker) in TABLES.items()
        if column is not None
        for what, value in {"text": "high", "NaN": NAN}.items()
    },
    **{
        f"{name} with prob {shown}": of_fit(name, f"prob={shown}: must lie between 0 and 1", prob=value, **options)
        for name, options in POSTERIORS.items()
        if name not in ("plot_priors", "plot_residuals")
        for shown, value in {"3": 3, "'90%'": "90%", "nan": NAN, "None": None}.items()
    },
    **{
        f"{name} on {shown}": of_fit(name, "axes", **{"axes" if name == "plot_fit" else "ax": value}, **options)
        for name, options in POSTERIORS.items()
        for shown, value in OTHER.items()
        if value is not None
    },
    **{
        f"{name} of parameters {shown}": of_fit(name, f"parameters={shown}: give one name or more", parameters=value)
        for name in ("plot_exponents", "plot_priors")
        for shown, value in {"None": None, "3": 3, "nan": NAN, "('alpha', 3)": ("alpha", 3)}.items()
    },
    "no parameters": of_fit("plot_exponents", "parameters is empty: give one name or more", parameters=()),
    "no parameters of priors": of_fit("plot_priors", "parameters is empty: give one name", parameters=[]),
    "an unknown parameter": of_fit("plot_exponents", "gamma", parameters=("gamma",)),
    "an unknown parameter of priors": of_fit("plot_priors", "parameters=['gamma']: none has", parameters="gamma"),
    "published numbers of a name": of_fit("plot_exponents", "published='zhang'", published="zhang"),
    "published numbers that are none": of_fit("plot_exponents", "published=3: give bs.published", published=3),
    "base effects of what is none": of_fit("plot_base_effects", "of='height'", of="height"),
    "base effects of a list": of_fit("plot_base_effects", "of=['level']: give a text", of=["level"]),
    "a contrast with itself": of_fit("plot_contrast", "from itself", first="model_size", second="model_size"),
    "a contrast of a list": of_fit("plot_contrast", "first=['a']: give the name", first=["a"]),
    "a contrast with a rope of text": of_fit("plot_contrast", "rope='a'", first="model_size", rope="a"),
    "a fit of an unknown task": of_fit("plot_fit", "task='MLSum'", task="MLSum"),
    "a fit of another kind": of_fit("plot_fit", "kind='median'", kind="median"),
    "held-out runs of a number": of_fit("plot_fit", "DataFrame", held_out=3),
    "residuals of an unknown task": of_fit("plot_residuals", "task='MLSum'", task="MLSum"),
    "wins with a posterior of text": plotted("plot_wins", "posterior='fit.nc'", table=WINS, posterior="fit.nc"),
    "regret in a unit of none": plotted("plot_regret", "unit=None: give a text", table=WINS, unit=None),
    **{
        f"sizes of {shown}": plotted("plot_sizes", "draws", "give a mapping of a method", draws=value, label="D_f")
        for shown, value in {**OTHER, **{f"draws {k}": {"lora": v} for k, v in OTHER.items()}}.items()
        if shown != "draws ndarray"
    },
    "sizes below zero": plotted("plot_sizes", "draws['lora']=ndarray", draws={"lora": -np.ones(3)}, label="D_f"),
    "sizes that are NaN": plotted("plot_sizes", "any size", draws={"lora": np.full(3, NAN)}, label="D_f"),
    "sizes that never are enough": plotted("plot_sizes", "any size", draws={"lora": np.full(3, np.inf)}, label="D_f"),
    "sizes without a label": plotted("plot_sizes", "label=None: give a text", draws=DRAWS, label=None),
    "sizes with a probability in per cent": plotted("plot_sizes", "prob=90: must", draws=DRAWS, label="D_f", prob=90),
    "a required size's axes": (
        lambda fit: fit.required(1.2, "lora", model_size=S8).plot(ax=3),
        refused("3 is no matplotlib Axes", error=bs.BayesScalingError),
    ),
    "a choice's axes": (
        lambda fit: fit.choose(finetune_size=1e5, model_size=S8).plot(ax="here"),
        refused("'here' is no matplotlib Axes", error=bs.BayesScalingError),
    ),
}

IMPORTS: dict[str, Case] = {
    **{
        f"source {shown}": imported(f"source={shown}: give the path of a file as text", source=value)
        for shown, value in {**OTHER, "b'x'": b"x", "''": "", "True": True}.items()
        if shown != "'fit.nc'"
    },
    "a source with a zero byte": imported("give the path of a file as text", source="a\0"),
    "a source too long": imported("cannot be looked for", source="a" * 5000),
    **{
        f"{name} {shown}": imported(f"{name}={shown}: give", **{name: value})
        for name in ("kind", "loss", "at", "columns", "names", "unfinished")
        for shown, value in OTHER.items()
        if not (value is None and name in ("loss", "columns", "names"))
        and not (isinstance(value, str) and name not in ("columns", "unfinished"))
        and not (value == {} and name == "columns" if isinstance(value, dict) else False)
    },
    "an unknown kind": imported("kind='keras' is no tool that is read", kind="keras"),
    "an unknown evaluation": imported("at='first': it is 'last'", at="first"),
    "columns of numbers": imported("columns={'seed': 3}: give a mapping", columns={"seed": 3}),
    "a column's name of a number": imported("columns={3: 'seed'}: give a mapping", columns={3: "seed"}),
    **{
        f"{name} {shown}": imported(f"{name}={shown}: this column is needed", **{name: value})
        for name in ("task", "method", "finetune_size")
        for shown, value in {"None": None, "nan": NAN}.items()
    },
    **{
        f"{name} {shown}": imported(f"{name}={shown}: give the one text or number", **{name: value})
        for name in ("task", "method", "base", "finetune_size", "model_size", "seed")
        for shown, value in {"[]": [], "DataFrame": pd.DataFrame(), "True": True, "ndarray": np.ones(2)}.items()
    },
}
