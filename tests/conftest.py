"""Fits that many tests read, made once a session."""

from pathlib import Path

import pandas as pd
import pytest

import bayes_scaling as bs


@pytest.fixture(scope="session")
def runs() -> pd.DataFrame:
    return bs.load_data("zhang2024_en_zh")


@pytest.fixture(scope="session")
def fit(runs: pd.DataFrame) -> bs.Posterior:
    return bs.fit(runs[runs.split == "fit"], seed=0)


@pytest.fixture(scope="session")
def held_out(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs.split == "held"]


@pytest.fixture(scope="session")
def posterior_file(fit: bs.Posterior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("posterior") / "posterior.nc"
    fit.save(path)
    return path
