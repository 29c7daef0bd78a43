"""New-run draws of simple-scaling-laws, a frequentist rival; runs in an environment of its own (Python 3.12+).

Reads one JSON object from standard input: ``runs`` (rows of model size, D_f, loss), ``points`` (rows of model size,
D_f) and ``seed``. Writes one to standard output: ``draws`` of a new run's loss at each point and the CPU ``seconds``
of the fit. Its multiplicative law is E + A N^-alpha D^-beta; intervals are its wild cluster bootstrap's (1,000 refits,
its default), a new run's noise included. One evaluation a run.
"""

import json
import sys
import time
import warnings

import numpy as np
import polars as pl
from simple_scaling_laws import fit

MODEL, DATA, LOSS = "model_size__n_params", "dataset_size__n_examples", "test_loss__cross_entropy"


def main() -> None:
    """One job in, one answer out."""
    warnings.simplefilter("ignore")
    job = json.load(sys.stdin)
    size, examples, loss = zip(*job["runs"], strict=True)
    names = [f"run {i}" for i in range(len(loss))]
    runs = pl.DataFrame({"training_run_id": names, "test_set_id": "one", MODEL: size, DATA: examples, LOSS: loss})
    began = time.process_time()
    model = fit(runs, law="multiplicative-power", seed=job["seed"])
    points = model.prepare_points(dict(zip((MODEL, DATA), map(list, zip(*job["points"], strict=True)), strict=True)))
    rng = np.random.default_rng(job["seed"])
    draws = model.target_draws(LOSS, model.fitting_predictors(points), kind="new-run", rng=rng)
    json.dump({"draws": draws.tolist(), "seconds": time.process_time() - began}, sys.stdout)


if __name__ == "__main__":
    main()
