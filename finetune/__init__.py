"""Real finetuning runs: the package that will turn a study file into a runs table.

It is a placeholder that imports and says so: the runner (torch, transformers, peft) arrives with its own
release. Until then bring your runs as a table, see :func:`bayes_scaling.load_runs`.
"""

STATUS = "bayes_scaling.finetune has no runner yet; load your own table of runs with bayes_scaling.load_runs"
