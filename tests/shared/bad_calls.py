"""Calls of the public functions with wrong arguments: what is called, on a posterior, and what must come.

Nothing here samples: every call is refused before that, or answered from draws that are there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from shared.bad_inputs import Refused, refused
from shared.bad_plots import IMPORTS, PLOTS
from shared.posteriors import S8, design

Call = Callable[[bs.Posterior], Any]
Case = tuple[Call, Refused]
NAN, INF = float("nan"), float("inf")
CELL = bs.CellTruth(alpha={"model_size": 0.3}, beta=0.1, E=1.0, A=1000.0)
SIZED = pd.DataFrame({"method": "full", "model_size": [1e9, 2e9], "finetune_size": 1e5})


def of(call: Callable[..., Any], error: type[bs.BayesScalingError], *words: str) -> Case:
    """A call of a posterior's method and what must come."""
    return call, refused(*words, error=error)


def design_case(words: Sequence[str], **cells: Any) -> Case:
    """A prediction at a design with other cells."""
    return of(lambda fit: fit.predict(design(**cells)), bs.DesignError, *words)


def chosen(words: Sequence[str], error: type[bs.BayesScalingError] = bs.BayesScalingError, **options: Any) -> Case:
    """A choice with other options."""
    given = {"finetune_size": 1e5, "model_size": S8} | options
    return of(lambda fit: fit.choose(**given), error, *words)


def fitted(words: Sequence[str], **options: Any) -> Case:
    """A fit of the posterior's own runs with other options."""
    return of(lambda fit: bs.fit(**{"runs": fit.runs, **options}), bs.ModelError, *words)


def simulated(words: Sequence[str], error: type[bs.BayesScalingError] = bs.ModelError, **options: Any) -> Case:
    """Simulated runs with other options; those of a cell's truth are called ``cell``."""
    cell = bs.CellTruth(**{**vars(CELL), **options.pop("cell", {})})
    truth = bs.Truth({"full": cell}, **options.pop("truth", {}))
    return of(lambda fit: bs.simulate_runs(**{"design": SIZED, "truth": truth, **options}), error, *words)


def planned(words: Sequence[str], **options: Any) -> Case:
    """A plan of a study with other options."""
    good = {
        "truth": bs.Truth({"full": CELL}),
        "contrast": ("model_size", "finetune_size"),
        "ranges": {"model_size": (1e8, 1e10), "finetune_size": (1e3, 1e6)},
        "levels": {"model_size": [3], "finetune_size": [4]},
        "studies": 2,
    }
    return of(lambda fit: bs.plan_study(**good | options), bs.BayesScalingError, *words)


COSTS = {"full": 10.0, "lora": 1.0, "prompt": 1.0}
TWO = pd.DataFrame({"method": ["lora", "full"], "model_size": S8, "finetune_size": 1e5, "cost": [1.0, 2.0]})

NUMBERS: dict[str, Case] = {
    **{
        f"prob {shown}": of(
            lambda fit, p=value: fit.predict(design(), prob=p), bs.BayesScalingError, f"prob={shown}: must"
        )
        for shown, value in {
            "'90%'": "90%",
            "None": None,
            "90": 90,
            "0": 0,
            "1": 1,
            "-0.5": -0.5,
            "nan": NAN,
            "inf": INF,
            "True": True,
            "[0.9]": [0.9],
            "1.5": np.float64(1.5),
            "a ndarray of shape (2,)": np.array([0.5, 0.9]),
        }.items()
    },
    "prob of bands": of(lambda fit: fit.predict(design(), prob="90%"), bs.BayesScalingError, "prob='90%'"),
    "prob of a crossover": of(
        lambda fit: fit.crossover("full", "lora", model_size=S8, prob=None), bs.BayesScalingError, "prob=None"
    ),
    "a rope that is NaN": of(
        lambda fit: fit.compare_exponents("model_size", rope=np.float64("nan")), bs.BayesScalingError, "rope=nan: half"
    ),
    "a target of text": of(lambda fit: fit.required("1.2", "lora", model_size=S8), bs.DesignError, "target='1.2'"),
    "a target beyond floats": of(lambda fit: fit.required(10**400, "lora", model_size=S8), bs.DesignError, "target=1"),
    "a factor of nothing": of(
        lambda fit: fit.worth_in_data(times=0.5, model_size=1e9, finetune_size=1e5), bs.BayesScalingError, "times=0.5"
    ),
    "limits the wrong way round": of(
        lambda fit: fit.crossover("full", "lora", model_size=S8, limits=(1e6, 1e3)), bs.DesignError, "limits=(1000000.0"
    ),
    "limits below one example": of(
        lambda fit: fit.crossover("full", "lora", model_size=S8, limits=(0.1, 1e6)), bs.DesignError, "limits=(0.1"
    ),
    "a margin below zero": chosen(["margin=-0.1: a regret"], margin=-0.1),
    "a margin that is NaN": chosen(["margin=nan: a regret"], margin=NAN),
    "a cost below zero": chosen(["cost['lora']=-1: what a method costs is at least 0"], cost=COSTS | {"lora": -1}),
    "a cost that is NaN": chosen(["no finite cost of method 'lora'"], cost=COSTS | {"lora": NAN}),
    "a cost of text": chosen(["no finite cost of method 'lora'"], cost=COSTS | {"lora": "1"}),
    "a cost for all": chosen(["cost=3 has no finite cost of method 'full'"], cost=3),
    "ends of a cost the wrong way round": chosen(["cost['lora']=(2, 1): the two ends"], cost=COSTS | {"lora": (2, 1)}),
    "a utility of text": chosen(["utility='loss': a function"], utility="loss"),
    "a utility that is NaN": chosen(["it must give one finite number"], utility=lambda loss, cost: loss * NAN),
    "a budget of nothing": of(lambda fit: fit.next_runs(TWO, 0), bs.BayesScalingError, "budget=0: what may be spent"),
    "a contrast of one": of(
        lambda fit: fit.next_runs(TWO, contrast=("model_size",)), bs.BayesScalingError, "contrast=('model_size',): name"
    ),
    "a cost of a candidate": of(
        lambda fit: fit.next_runs(TWO.assign(cost=[1.0, -2.0])), bs.BayesScalingError, "-2.0 in row 1 is not a positive"
    ),
}

SIZES: dict[str, Case] = {
    "a D_f of text": chosen(["finetune_size='10k': sizes are positive numbers"], bs.DesignError, finetune_size="10k"),
    "a D_f of half an example": chosen(["less than one example"], bs.DesignError, finetune_size=0.5),
    "a D_f beyond all": chosen(["above 1e+18"], bs.DesignError, finetune_size=1e308),
    "a D_f beyond floats": chosen(["sizes are positive numbers"], bs.DesignError, finetune_size=10**400),
    "a D_f that is NaN": chosen(["finetune_size=nan: sizes"], bs.DesignError, finetune_size=np.float64("nan")),
    "a D_f that is true": chosen(["finetune_size=True: sizes"], bs.DesignError, finetune_size=True),
    "no D_f": chosen(["finetune_size"], bs.DesignError, finetune_size=[]),
    "two D_f for a choice": chosen(["for one D_f"], bs.DesignError, finetune_size=[1e4, 1e5]),
    "a model of nothing": chosen(["model_size=0: sizes are positive"], bs.DesignError, model_size=0),
    "FLOPs for a model": chosen(["model_size=3e+23: a size is above 1e+18"], bs.DesignError, model_size=3e23),
    "a model below zero": chosen(["model_size=-1.0: sizes"], bs.DesignError, model_size=np.float64(-1)),
    "no model": chosen(["model_size is missing"], bs.DesignError, model_size=None),
    "two models": of(
        lambda fit: fit.required(1.2, "lora", model_size=(1e9, 2e9)),
        bs.DesignError,
        "model_size=(1000000000.0",
        "one size",
    ),
    "ranks that no run has": of(
        lambda fit: fit.predict(pd.concat([design(pet_size=8), design(pet_size=16)])), bs.DesignError, "from 8 to 16"
    ),
    "a cell of text": design_case(["'many' in row 0 is not a positive number"], finetune_size="many"),
    "a cell that is inf": design_case(["inf in row 0 is not a positive number"], model_size=INF),
    "a cell that is NaN": design_case(["nan in row 0 is not a positive number"], finetune_size=NAN),
    "a cell below zero": design_case(["-5 in row 0 is not a positive number"], finetune_size=-5),
    "a cell of zero": design_case(["row 0 is zero-shot (0)"], finetune_size=0.0),
    "a cell of half an example": design_case(["0.5 in row 0 is less than one example"], finetune_size=0.5),
    "a cell beyond all": design_case(["in row 0 is above 1e+18"], model_size=1e300),
    "a cell of a date": design_case(["in row 0 is not a positive"], finetune_size=pd.Timestamp("2024-01-01")),
    "a list in a cell": design_case(["row 0 is not a positive number"], finetune_size=[[1e5]]),
    "a list for a method": design_case(["column 'method': ['lora'] in row 0 is no name"], method=[["lora"]]),
    "a list for a base": design_case(["column 'base': ['1B'] in row 0 is no name"], base=[["1B"]]),
    "a method of another fit": design_case(["method 'adapter' was not fitted"], method="adapter"),
    "no task": design_case(["was not fitted"], task=pd.NA),
    "no design": of(lambda fit: fit.predict(None), bs.DesignError, "design must be a DataFrame", "NoneType"),
    "an empty design": of(lambda fit: fit.predict(design()[:0]), bs.DesignError, "at least one row"),
    "another kind": of(lambda fit: fit.predict(design(), kind="median"), bs.BayesScalingError, "kind='median'"),
    "no kind": of(lambda fit: fit.predict(design(), kind=["mean"]), bs.BayesScalingError, "kind=['mean']"),
    "one candidate": of(lambda fit: fit.rank_candidates(TWO[:1], 1e5), bs.DesignError, "two or more rows"),
    "candidates at no D_f": of(lambda fit: fit.rank_candidates(TWO, None), bs.DesignError, "finetune_size=None"),
    "one candidate twice": of(
        lambda fit: fit.rank_candidates(pd.concat([TWO, TWO]), 1e5), bs.DesignError, "is there twice"
    ),
    "a cost that is no function": of(
        lambda fit: fit.compare_per_cost("model_size", "finetune_size", cost=6.0, model_size=1e9, finetune_size=1e5),
        bs.BayesScalingError,
        "cost=6.0: a function",
    ),
}

NAMES: dict[str, Case] = {
    "an unknown task": chosen(["task='MLSum' was not fitted"], bs.DesignError, task="MLSum"),
    "a list for a task": chosen(["task=['a']: give the name of a task"], bs.DesignError, task=["a"]),
    "a number for a base": chosen(["base=3: give the name of a base LLM"], bs.DesignError, base=3),
    "a method with itself": of(
        lambda fit: fit.crossover("lora", "lora", model_size=S8), bs.DesignError, "no task has two such methods"
    ),
    "a list for methods": of(
        lambda fit: fit.crossover(["full"], "lora", model_size=S8), bs.DesignError, "first=['full']: give the name"
    ),
    "an unknown method": of(
        lambda fit: fit.required(1.2, "adapter", model_size=S8), bs.DesignError, "method='adapter' was not fitted"
    ),
    "an unknown size": of(lambda fit: fit.required(1.2, "lora", of="depth"), bs.DesignError, "of='depth'"),
    "a factor with itself": of(
        lambda fit: fit.compare_exponents("model_size", "model_size"), bs.BayesScalingError, "from itself"
    ),
    "a factor of no exponent": of(
        lambda fit: fit.compare_exponents("pet_size"), bs.BayesScalingError, "exponents of both 'pet_size'"
    ),
    "a list for a factor": of(lambda fit: fit.compare_exponents(["a"]), bs.DesignError, "first=['a']: give the name"),
    "unknown data": of(lambda fit: bs.load_data("zhang2025"), bs.BayesScalingError, "no data is called 'zhang2025'"),
    "no name of data": of(lambda fit: bs.load_data(None), bs.BayesScalingError, "no data is called None"),
    "an unknown preset": of(lambda fit: bs.prior_preset(["a"]), bs.ModelError, "priors=['a']: no such preset"),
    "tasks as a text": of(lambda fit: fit.knowing("sum"), bs.DesignError, "tasks='sum': give names of tasks"),
}

FITS: dict[str, Case] = {
    **{
        f"seed {shown}": fitted([f"seed={shown}: a whole number from 0"], seed=value)
        for shown, value in {"'a'": "a", "-1": -1, "1.5": 1.5, "None": None, "True": True, str(2**70): 2**70}.items()
    },
    "a law for a model": fitted(["model='additive': give a JointLaw", "bs.JointLaw('additive')"], model="additive"),
    "a number for a model": fitted(["model=3: give a JointLaw"], model=3),
    "draws as text": fitted(["draws='1000': iterations come in hundreds"], draws="1000"),
    "draws that are no hundreds": fitted(["draws=250: iterations"], draws=250),
    "draws without end": fitted(["draws=1", "iterations"], draws=10**12),
    "draws that are NaN": fitted(["draws=nan: iterations"], draws=NAN),
    "no warm-up": fitted(["warmup=0: iterations"], warmup=0),
    "one chain": fitted(["chains=1: convergence needs two chains"], chains=1),
    "chains that are inf": fitted(["chains=inf: convergence"], chains=INF),
    "an unknown engine": fitted(["engine='stan': use one of 'auto', 'nuts'"], engine="stan"),
    "a list of engines": fitted(["engine=['nuts']: use one of"], engine=["nuts"]),
    "conditioned by a word": fitted(["conditioned='yes': give True or False"], conditioned="yes"),
    "keep_on_interrupt by a word": fitted(["keep_on_interrupt='yes': give True or False"], keep_on_interrupt="yes"),
    "progress that is no function": fitted(["progress=3: a function"], progress=3),
    "no runs": of(lambda fit: bs.fit(None), bs.RunsError, "runs=None is a NoneType: give a DataFrame"),
    "a file for runs": of(lambda fit: bs.fit("runs.csv"), bs.RunsError, "bs.load_runs('runs.csv')"),
    "runs without rows": of(lambda fit: bs.fit(fit.runs[:0]), bs.RunsError, "the runs table is empty"),
    "one run": of(lambda fit: bs.fit(fit.runs[:1]), bs.RunsError, "the runs table has one row"),
    "runs as arrays": of(lambda fit: bs.fit(fit.runs.to_numpy()), bs.RunsError, "is a ndarray: give a DataFrame"),
    "one level of the only factor": of(
        lambda fit: bs.fit(fit.runs[(fit.runs["method"] == "lora") & (fit.runs["base"] == "1B")]),
        bs.RunsError,
        "column 'model_size': it takes one value, 956M",
        "add runs at a second value of 'model_size'",
    ),
    "a factor left out": of(
        lambda fit: bs.fit(fit.runs, bs.JointLaw(factors=())), bs.ModelError, "leaves out 'model_size'"
    ),
    "a law that is infinite at zero": of(
        lambda fit: bs.fit(fit.runs.assign(finetune_size=0.0, seed=range(len(fit.runs)))),
        bs.RunsError,
        "infinite at D_f = 0",
    ),
    "groups by nothing": of(lambda fit: bs.fit_many(fit.runs, ()), bs.RunsError, "by=(): name one or more"),
    "groups by what is not there": of(lambda fit: bs.fit_many(fit.runs, ("family",)), bs.RunsError, "by=('family',)"),
    "a seed of many": of(lambda fit: bs.fit_many(fit.runs, seed="a"), bs.ModelError, "seed='a'"),
    "one law to compare": of(lambda fit: bs.compare_laws(fit.runs, ["additive"]), bs.ModelError, "give two or more"),
    "an unknown law": of(
        lambda fit: bs.compare_laws(fit.runs, ["additive", "cubic"]), bs.ModelError, "law='cubic': no such law"
    ),
    "a holdout of a comparison": of(
        lambda fit: bs.compare_laws(fit.runs, holdout="random"), bs.BayesScalingError, "holdout='random': use one of"
    ),
    "an unknown holdout": of(
        lambda fit: bs.backtest(fit.runs, holdout="random"), bs.BayesScalingError, "holdout='random': use one of"
    ),
    "a backtest by nothing": of(lambda fit: bs.backtest(fit.runs, by=()), bs.RunsError, "by=(): give columns"),
    "a backtest of a law's name": of(lambda fit: bs.backtest(fit.runs, "additive"), bs.ModelError, "model='additive'"),
    "one posterior to average": of(lambda fit: bs.average([fit]), bs.BayesScalingError, "give two or more posteriors"),
    "no posterior to average": of(lambda fit: bs.average(None), bs.BayesScalingError, "fits=['NoneType']"),
    "weights as text": of(lambda fit: bs.average([fit, fit], "ab"), bs.BayesScalingError, "weights='ab': give one"),
    "weights that are NaN": of(
        lambda fit: bs.average([fit, fit], [np.float64("nan"), 1.0]), bs.BayesScalingError, "weights=[nan, 1.0]"
    ),
    "weights below zero": of(lambda fit: bs.average([fit, fit], [2, -1]), bs.BayesScalingError, "weights=[2, -1]"),
}

MODELS: dict[str, Case] = {
    shown: of(lambda fit, given=options: bs.JointLaw(**given), bs.ModelError, *words)
    for shown, options, *words in (
        ("an unknown law", {"law": "cubic"}, "law='cubic': no such law"),
        ("a list of laws", {"law": ["additive"]}, "law=['additive']: no such law"),
        ("priors of a number", {"priors": 3}, "priors=3: give a mapping"),
        ("an unknown preset", {"priors": "mine"}, "priors='mine': no such preset"),
        ("a prior of text", {"priors": {"beta": "normal"}}, "a prior must be a number", "'normal'"),
        ("a complex prior", {"priors": {"beta": 1j}}, "a prior must be a number"),
        ("base effects of a word", {"base_effects": "yes"}, "base_effects='yes': give True or False"),
        ("slopes without effects", {"base_effects": False, "base_slopes": True}, "base_slopes=True"),
        ("an unknown factor", {"factors": ("depth",)}, "'depth' is no factor"),
        ("a word for factors", {"factors": "model_size"}, "factors='model_size': give a tuple"),
        ("a number for factors", {"factors": 3}, "factors=3: give a tuple"),
        ("an unknown sharing", {"sharing": "all"}, "sharing='all': use one of"),
        ("a drift of a word", {"discrepancy": "no"}, "discrepancy='no': give True or False"),
        ("a ceiling of zero", {"ceiling": 0}, "ceiling=0: give a positive number"),
        ("a ceiling in per cent", {"ceiling": "50%"}, "ceiling='50%': give a positive number"),
        ("a ceiling that is NaN", {"ceiling": np.float64("nan")}, "ceiling=nan: give"),
        ("a ceiling beyond floats", {"ceiling": 10**400}, "ceiling=1000", "give a positive number"),
        ("a pool of a word", {"pool": "task"}, "pool='task': give a tuple"),
        ("an unknown noise", {"noise": "normal"}, "noise='normal'"),
        ("a list of noises", {"noise": ["loss"]}, "noise=['loss']"),
    )
}

STUDIES: dict[str, Case] = {
    "no truth": of(lambda fit: bs.simulate_runs(SIZED, None), bs.ModelError, "truth=None: give a bs.Truth"),
    "no repeats": simulated(["repeats=0: must be a whole number"], repeats=0),
    "repeats without end": simulated(["repeats=1", "must be a whole number"], repeats=10**12),
    "a seed": simulated(["seed=-1: a whole number from 0"], seed=-1),
    "a beta of text": simulated(["beta='0.1' of 'full': must be a number"], cell={"beta": "0.1"}),
    "a floor below zero": simulated(["E=-1 of 'full': must be a number of at least 0"], cell={"E": -1}),
    "a noise that is NaN": simulated(["sigma=nan of 'full'"], cell={"sigma": NAN}),
    "an exponent of what is not there": simulated(
        ["has 'pet_size', which is no factor"], cell={"alpha": {"pet_size": 1}}
    ),
    "a share above one": simulated(["base_share=2: must be between 0 and 1"], truth={"base_share": 2}),
    "a scale of text": simulated(["base_scale='a': must be at least 0"], truth={"base_scale": "a"}),
    "a law": simulated(["law=['power']: no such law"], truth={"law": ["power"]}),
    "a design": simulated(["design must be a DataFrame"], bs.DesignError, design=None),
    "a plan of nothing": planned(["truth=[None]: give one bs.Truth"], truth=None),
    "a plan of one size": planned(["contrast=('model_size',): name two"], contrast=("model_size",)),
    "ranges the wrong way round": planned(
        ["ranges['model_size']=(2, 1)"], ranges={"model_size": (2, 1), "finetune_size": (1e3, 1e6)}
    ),
    "ranges of a list": planned(["ranges=[1]: give a mapping"], ranges=[1]),
    "one level": planned(
        ["model_size=[1]: whole numbers of at least 2"], levels={"model_size": [1], "finetune_size": [4]}
    ),
    "half a level": planned(["model_size=[2.5]"], levels={"model_size": [2.5], "finetune_size": [4]}),
    "a power above one": planned(["power=90: must lie between 0 and 1"], power=90),
    "a width of zero": planned(["width=0: a width of the HDI"], width=0),
    "one study": planned(["studies=1: simulated studies"], studies=1),
    "a cost of a number": planned(["cost=3: a function"], cost=3),
}

PATHS: dict[str, Case] = {
    "a number": of(lambda fit: bs.load_posterior(3), bs.PosteriorFileError, "path=3: give the path of a file"),
    "nothing": of(lambda fit: bs.load_posterior(None), bs.PosteriorFileError, "path=None: give the path"),
    "a zero byte": of(lambda fit: bs.load_posterior("a\0.nc"), bs.PosteriorFileError, "give the path of a file"),
    "a name too long": of(lambda fit: bs.load_posterior("a" * 5000), bs.PosteriorFileError, "cannot be looked for"),
    "a folder": of(lambda fit: bs.load_posterior("/"), bs.PosteriorFileError, "is a folder"),
    "no file": of(lambda fit: bs.load_posterior("gone.nc"), bs.PosteriorFileError, "there is no such file"),
    "saved in a number": of(lambda fit: fit.save(3), bs.PosteriorFileError, "path=3: give the path"),
    "a report in a zero byte": of(lambda fit: fit.report("a\0.html"), bs.PosteriorFileError, "give the path"),
}

CALLS = {
    f"{kind}: {name}": case
    for kind, cases in (
        ("number", NUMBERS),
        ("size", SIZES),
        ("name", NAMES),
        ("fit", FITS),
        ("model", MODELS),
        ("study", STUDIES),
        ("path", PATHS),
        ("plot", PLOTS),
        ("import", IMPORTS),
    )
    for name, case in cases.items()
}
