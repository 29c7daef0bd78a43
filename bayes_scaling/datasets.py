"""Measured runs and published exponents that ship with the package; ``data/PROVENANCE.md`` says whence."""

from importlib.resources import as_file, files

import pandas as pd

from bayes_scaling.arguments import shown
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.runs import load_runs

_RUNS = ("zhang2024_en_zh", "zhang2024_pet", "ladder")
_EXPONENTS = {"zhang2024": "zhang2024_table4"}


def load_data(name: str) -> pd.DataFrame:
    """Load measured runs that ship with the package.

    Parameters
    ----------
    name : str
        ``zhang2024_en_zh``: full finetuning, prompt and LoRA on five LLM sizes, one task (147 runs).
        ``zhang2024_pet``: LoRA ranks and prompt lengths on the 1B LLM, three tasks (148 runs).
        ``ladder``: full finetuning, prompt and LoRA on 25 small LLMs of our own (five sizes x five numbers of
        pretraining tokens), En-De translation and summarisation, made by ``studies/ladder.yaml``.

    Returns
    -------
    DataFrame
        A canonical runs table, as from ``load_runs``. ``loss`` is in nats per target token, ``model_size``
        counts non-embedding parameters. ``split`` is ``fit`` or ``held`` (the paper's held-out points; of the ladder
        the largest LLM and the largest D_f).

    Raises
    ------
    BayesScalingError
        The package has no data of that name.

    References
    ----------
    Zhang et al. 2024, arXiv 2402.17193, Figures 2 and 4, read off the figures (error about 0.001 to 0.002). The ladder
    was measured with :mod:`bayes_scaling.finetune`, see ``docs/ladder.md``.

    Examples
    --------
    >>> load_data("zhang2024_en_zh")["method"].value_counts().to_dict()
    {'prompt': 51, 'lora': 51, 'full': 45}
    """
    _check_known(name, _RUNS)
    with as_file(files("bayes_scaling") / "data" / f"{name}.csv") as path:
        return load_runs(path)


def published_exponents(name: str = "zhang2024") -> pd.DataFrame:
    """Load published parameters of the multiplicative law ``A * X**-alpha * D_f**-beta + E``.

    They are one set of parameters consistent with every rounded value of Tables 4 and 5 of the paper and with
    the points read off its figures. They are not the authors' own digits: the paper prints two, which shift
    the loss by 10 to 50 times the error of the fit.

    Parameters
    ----------
    name : str
        ``zhang2024``.

    Returns
    -------
    DataFrame
        ``task, method, parameter, factor, value``. ``factor`` is empty text for ``beta`` and ``E``, which the
        factors share. ``A`` and ``E`` give nats per target token, sizes in units.

    Raises
    ------
    BayesScalingError
        The package has no parameters of that name.

    References
    ----------
    Zhang et al. 2024, arXiv 2402.17193, Equation 1, Tables 4 and 5.

    Examples
    --------
    >>> table = published_exponents()
    >>> table[table["parameter"] == "beta"].shape
    (9, 5)
    """
    _check_known(name, tuple(_EXPONENTS))
    with (files("bayes_scaling") / "data" / f"{_EXPONENTS[name]}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, converters={"value": float})


def _check_known(name: str, known: tuple[str, ...]) -> None:
    if not isinstance(name, str) or name not in known:
        raise BayesScalingError(f"no data is called {shown(name)}: the package ships {', '.join(known)}")
