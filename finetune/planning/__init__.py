"""A study as runs: which there are, what they cost, what is done; tuning runs before the runs that wait for them."""

from bayes_scaling.finetune.planning.study_plan import Plan, plan

__all__ = ["Plan", "plan"]
