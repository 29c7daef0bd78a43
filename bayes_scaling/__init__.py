"""Bayesian scaling laws for LLM finetuning.

``import bayes_scaling as bs`` is light: every public name is imported on first use.
"""
