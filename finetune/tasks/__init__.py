"""Tasks: texts to finetune and test on, read, checked, split, drawn by D_f and seed, and turned into tokens."""

from bayes_scaling.finetune.tasks.encoding import Encoded, encode
from bayes_scaling.finetune.tasks.examples import Example, TaskData
from bayes_scaling.finetune.tasks.loading import load_task
from bayes_scaling.finetune.tasks.subsets import subset

__all__ = ["Encoded", "Example", "TaskData", "encode", "load_task", "subset"]
