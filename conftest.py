"""Modules whose optional libraries are not installed have no doctests to collect."""

from importlib.util import find_spec

RUNNER = ("torch", "transformers", "peft", "pydantic", "yaml")

collect_ignore_glob = [] if all(find_spec(name) for name in RUNNER) else ["bayes_scaling/finetune/*"]
