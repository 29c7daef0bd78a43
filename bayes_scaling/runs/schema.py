"""The columns of a runs table: one row per finished finetuning run.

A *factor* is what a law scales besides the finetuning size: model size N, pretraining size P or PET size T.
It is *varied* in a (task, method) group when it takes two or more values there.
"""

from typing import Literal, NamedTuple

Kind = Literal["text", "size", "error", "seed"]


class Column(NamedTuple):
    """One canonical column.

    Attributes
    ----------
    name
        The canonical name.
    kind
        What the cells hold: ``text``, a ``size`` (positive, or 0 for finetune_size; "100k" is understood), an
        ``error`` (loss or its standard error, a plain number) or a ``seed`` (a whole number).
    required
        Whether every runs table has it, filled in every row.
    meaning
        What it means, with its unit.
    """

    name: str
    kind: Kind
    required: bool
    meaning: str


COLUMNS = (
    Column("task", "text", True, "name of the task"),
    Column("method", "text", True, "name of the finetuning method, such as full, lora or prompt"),
    Column("base", "text", False, "name of the base LLM that the run started from"),
    Column("model_size", "size", False, "N, non-embedding parameters of the base LLM"),
    Column("pretrain_size", "size", False, "P, tokens that the base LLM was pretrained on"),
    Column("pet_size", "size", False, "T, LoRA rank or prompt length"),
    Column("finetune_size", "size", True, "D_f, number of finetuning examples, 0 for zero-shot"),
    Column("loss", "error", True, "held-out loss in nats per target token"),
    Column("loss_se", "error", False, "standard error of the loss, same unit, independent from run to run"),
    Column("seed", "seed", False, "seed that tells repeated runs of one setting apart"),
    Column("metric", "text", False, "what the loss is; one metric per table"),
)
"""Every canonical column, in the order that a canonical table has them."""

NAMES = tuple(column.name for column in COLUMNS)
"""The canonical names, in order."""

FACTORS = ("model_size", "pretrain_size", "pet_size")
"""The factors that a law can scale, in order."""

SETTING = ("task", "method", "base", *FACTORS, "finetune_size")
"""What makes two runs the same setting; they may then differ in nothing but their seed."""
