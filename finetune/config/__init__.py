"""Study files: what can be said in one, and reading it."""

from bayes_scaling.finetune.config.parts import (
    Base,
    Engine,
    Generation,
    HubDataset,
    Method,
    RateGrid,
    Task,
    Training,
    TuneAt,
)
from bayes_scaling.finetune.config.reading import load_study, parse_study
from bayes_scaling.finetune.config.study import Grid, Study

__all__ = [
    "Base",
    "Engine",
    "Generation",
    "Grid",
    "HubDataset",
    "Method",
    "RateGrid",
    "Study",
    "Task",
    "Training",
    "TuneAt",
    "load_study",
    "parse_study",
]
