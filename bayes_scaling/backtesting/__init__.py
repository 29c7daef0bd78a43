"""Backtests: fit some runs, predict the others, count how often the bands told the truth."""

from bayes_scaling.backtesting.run import Backtest, backtest

__all__ = ["Backtest", "backtest"]
