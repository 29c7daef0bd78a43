"""The parts of a study file: bases, tasks, methods, training settings; checked as they are read.

Everything is frozen and refuses unknown keys. What a run is identified by is decided in
:mod:`bayes_scaling.finetune.planning.grid`, not here.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, field_validator, model_validator

Name = Annotated[str, Field(min_length=1, max_length=120)]
Columns = Annotated[str, Field(min_length=1)]


def no_truth(value: Any) -> Any:
    """A value that is neither true nor false, which Python takes for one and zero."""
    if isinstance(value, bool):
        raise ValueError(
            "a number is needed, no true or false, which yes, no, on and off are in YAML; write the number in digits"
        )
    return value


NO_TRUTH = BeforeValidator(no_truth)
Count = Annotated[int, Field(gt=0), NO_TRUTH]
Whole = Annotated[int, Field(ge=0), NO_TRUTH]
Positive = Annotated[float, Field(gt=0), NO_TRUTH]
NotNegative = Annotated[float, Field(ge=0), NO_TRUTH]


class Part(BaseModel):
    """A frozen piece of configuration that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Base(Part):
    """A base LLM: a local folder or a revision on a hub.

    Attributes
    ----------
    name
        Its name in the runs table; by default the last part of the path or hub id, with the revision.
    path
        Folder in the format of ``save_pretrained``, relative to the study file.
    hub, revision
        Id and revision (branch, tag or commit) on the Hugging Face hub, instead of ``path``.
    gguf_file
        Name of a GGUF file in the folder or the hub's repository, read instead of safetensors weights.
    model_size
        N, non-embedding parameters; counted where not given.
    pretrain_size
        P, tokens that it was pretrained on; read from ``pretraining.json`` in the folder where not given.
    """

    name: Name = ""
    path: str | None = None
    hub: str | None = None
    revision: str | None = None
    gguf_file: str | None = None
    model_size: Positive | None = None
    pretrain_size: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name"):
            place = str(values.get("path") or values.get("hub") or "").rstrip("/").rsplit("/", 1)[-1]
            revision = values.get("revision")
            values = values | {"name": f"{place}@{revision}" if revision else place}
        return values

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("a base has either 'path' (a local folder) or 'hub' (an id on the hub)")
        if self.revision is not None and self.hub is None:
            raise ValueError("'revision' belongs to a base with 'hub'; a local folder has none")
        return self


class HubDataset(Part):
    """A data set on the hub, read with ``datasets``: its id, configuration and revision."""

    id: Name
    config: str | None = None
    revision: str | None = None


class Task(Part):
    """A task: texts to read and text to write; the loss is on the target's tokens only.

    Attributes
    ----------
    kind
        ``parallel`` (source to target), ``summarisation`` (document to summary) or ``text`` (target only).
    train, dev, test
        Files (.jsonl, .csv, .parquet; text also as .gz), relative to the study file, or names of splits of ``hub``.
        Where ``dev`` or ``test`` is absent it is split off ``train``, by ``group`` if there is one, the same for
        every study.
    hub
        A data set on the hub instead of files.
    source, target
        Columns of the source (absent for ``text``) and the target. Dots reach into nested records
        (``translation.en``).
    group
        Column whose values stay on one side of a split (a file, a document, a package).
    template
        What stands before the target; ``{source}`` is replaced.
    max_source_tokens, max_target_tokens
        Longer texts are cut to this many tokens.
    dev_examples, test_examples
        How many examples of the dev and test set are used, a fixed choice.
    """

    name: Name
    kind: Literal["parallel", "summarisation", "text"] = "parallel"
    train: str
    dev: str | None = None
    test: str | None = None
    hub: HubDataset | None = None
    source: Columns | None = None
    target: Columns
    group: Columns | None = None
    template: str = "{source}\n=> "
    max_source_tokens: Count = 128
    max_target_tokens: Count = 128
    dev_examples: Count = 200
    test_examples: Count = 600

    @model_validator(mode="after")
    def _source_where_needed(self) -> Self:
        if (self.kind == "text") != (self.source is None):
            raise ValueError("'source' is needed for kind parallel and summarisation, and absent for kind text")
        if self.source is not None and "{source}" not in self.template:
            raise ValueError(f"template {self.template!r} has no '{{source}}' in it")
        return self


class TuneAt(Part):
    """Where a learning rate is tuned: one base, one size, one D_f."""

    base: Name
    finetune_size: Count
    pet_size: Count | None = None


class RateGrid(Part):
    """Learning rates to try, and where; the one with the lowest dev loss is used for the method everywhere."""

    grid: Annotated[tuple[Positive, ...], Field(min_length=2)]
    at: TuneAt

    @field_validator("grid")
    @classmethod
    def _rising(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(grid)) < len(grid):
            raise ValueError(f"learning rates {list(grid)} are not all different")
        return tuple(sorted(grid))


class Training(Part):
    """How a run is trained. One setting each, passed to the Trainer of transformers.

    Attributes
    ----------
    learning_rate
        A number, or a grid to tune on a stated size.
    batch_size, gradient_accumulation
        Examples in one step of the optimiser are their product, shared by the processes of a run; how a product is
        split changes speed and memory, not the loss.
    epochs, max_steps, min_steps
        Passes over the D_f examples, lengthened to at least ``min_steps`` and cut at ``max_steps`` optimiser steps.
    schedule, warmup
        Learning-rate schedule by its name in transformers, and the share of steps that warm up.
    eval_every
        Optimiser steps between looks at the dev loss; by default a tenth of the run.
    patience
        Looks without a better dev loss before a run stops; 0 never stops early.
    precision
        ``auto``: bf16 on a GPU that has it, else fp32.
    quantize
        ``nf4`` loads the base in 4 bits (QLoRA; a GPU and bitsandbytes needed; not for full-model tuning).
    report_to
        Names of trackers that the Trainer knows: tensorboard, wandb, mlflow.
    fsdp
        FSDP settings of the Trainer for a base that needs several GPUs (see ``engine.processes_per_run``).
    """

    learning_rate: PositiveFloat | RateGrid = 5e-4
    batch_size: Count = 16
    eval_batch_size: Count = 32
    gradient_accumulation: Count = 1
    epochs: Positive = 3.0
    min_steps: Whole = 0
    max_steps: Count | None = None
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"] = "linear"
    warmup: Annotated[float, Field(ge=0, lt=1), NO_TRUTH] = 0.05
    weight_decay: NotNegative = 0.0
    max_grad_norm: Positive = 1.0
    eval_every: Count | None = None
    patience: Whole = 3
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    quantize: Literal["nf4"] | None = None
    gradient_checkpointing: bool = False
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    fsdp: dict[str, Any] | None = None

    @field_validator("learning_rate", mode="before")
    @classmethod
    def _number_or_grid(cls, rate: Any) -> Any:
        return no_truth(rate)


class Method(Part):
    """A finetuning method and the sizes to try.

    Attributes
    ----------
    name
        Its name in the runs table.
    kind
        ``full``, ``lora`` (``sizes`` are ranks), ``prompt`` (``sizes`` are lengths) or ``peft``.
    sizes
        T for each run; absent for ``full`` and optional for ``peft``.
    peft_type
        For ``peft``: the name of a method in the peft library, such as IA3, PREFIX_TUNING, LORA (with ``use_dora``).
    size_key
        For ``peft`` with ``sizes``: the key of its config that a size is written to, such as r or num_virtual_tokens.
    config
        More keys for the method's config in the peft library.
    training
        Settings that differ from the study's.
    """

    name: Name
    kind: Literal["full", "lora", "prompt", "peft"]
    sizes: tuple[Count, ...] = ()
    peft_type: Name | None = None
    size_key: Name | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _kind_of_name(cls, values: Any) -> Any:
        if isinstance(values, dict) and "kind" not in values and values.get("name") in ("full", "lora", "prompt"):
            values = values | {"kind": values["name"]}
        return values

    @model_validator(mode="after")
    def _sizes_where_needed(self) -> Self:
        if self.kind in ("lora", "prompt") and not self.sizes:
            raise ValueError(f"method {self.name!r} needs 'sizes' (ranks for lora, lengths for prompt)")
        if self.kind == "full" and (self.sizes or self.config):
            raise ValueError(f"method {self.name!r} tunes the full model: it has neither 'sizes' nor 'config'")
        if (self.kind == "peft") != (self.peft_type is not None):
            raise ValueError(f"method {self.name!r}: 'peft_type' belongs to kind peft, and kind peft needs it")
        if self.kind == "peft" and bool(self.sizes) != (self.size_key is not None):
            raise ValueError(f"method {self.name!r}: 'sizes' and 'size_key' go together")
        if len(set(self.sizes)) < len(self.sizes):
            raise ValueError(f"method {self.name!r}: sizes {list(self.sizes)} are not all different")
        return self


class Generation(Part):
    """How texts are generated for the metrics that read them: greedily, for the first ``examples`` test examples."""

    examples: Count = 100
    max_new_tokens: Count = 64


class Engine(Part):
    """Where runs are run.

    Attributes
    ----------
    kind
        ``local``: a process per worker on this machine; ``ray``: the same on a Ray cluster.
    workers
        Runs at one time; by default the number of GPUs, or of cores divided by ``threads``.
    threads
        CPU threads of one run.
    processes_per_run
        Processes of one run, started by torchrun (data parallel, or FSDP by ``training.fsdp``).
    address
        Of the Ray cluster; by default the one that Ray finds, or a local one.
    price_per_hour
        Price of one worker for an hour, in the user's unit; the ledger's ``cost`` is wall time times it.
    retry_smaller
        How often a run that is out of memory is repeated with half the examples at a time and twice
        ``gradient_accumulation``: as many in a step, and the same run. By default it fails at once.
    """

    kind: Literal["local", "ray"] = "local"
    workers: Count | None = None
    threads: Count = 1
    processes_per_run: Count = 1
    address: str | None = None
    price_per_hour: Positive | None = None
    retry_smaller: Whole = 0
