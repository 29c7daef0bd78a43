"""A study: which runs to make. Read from one YAML file by :func:`bayes_scaling.finetune.load_study`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from bayes_scaling.finetune.config import faults
from bayes_scaling.finetune.config.parts import (
    Base,
    Count,
    Engine,
    Generation,
    Method,
    Name,
    Part,
    RateGrid,
    Task,
    Training,
    Whole,
)

Metric = Literal["loss", "rouge_l", "chrf", "bleurt"]


class Grid(Part):
    """A part of the full cross of a study: what is named here, everything where nothing is named.

    Attributes
    ----------
    bases, tasks, methods
        Names.
    sizes
        PET sizes by method name; absent, every size of the method.
    finetune_sizes, seeds
        Values of the study's lists.
    """

    bases: tuple[Name, ...] | None = None
    tasks: tuple[Name, ...] | None = None
    methods: tuple[Name, ...] | None = None
    sizes: dict[str, tuple[Count, ...]] = Field(default_factory=dict)
    finetune_sizes: tuple[Count, ...] | None = None
    seeds: tuple[Whole, ...] | None = None


class Study(Part):
    """Everything that a study file says.

    Attributes
    ----------
    study
        Its name.
    bases, tasks, methods
        What is crossed.
    finetune_sizes
        D_f, numbers of examples; the subset of a smaller one lies inside that of a larger one.
    seeds
        Each draws its own subset, initial weights and order.
    grids
        Parts of the full cross to run; absent, all of it.
    training
        Settings for every method, unless a method says otherwise.
    metrics
        Beside the loss: rouge_l, chrf, bleurt on generated texts.
    bleurt_checkpoint
        Folder of a BLEURT checkpoint, needed for bleurt.
    generation
        How texts are generated for them.
    zero_shot
        Whether the test loss on every other task is recorded as well.
    forgetting
        A text file (.txt, or .jsonl with a column ``text``): the language-modelling loss on it is recorded before
        and after.
    engine
        Where runs are run.
    ledger
        Path of the ledger, relative to the study file; by default the study file's name with ``.ledger``.
    """

    study: Name
    bases: Annotated[tuple[Base, ...], Field(min_length=1)]
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    finetune_sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Whole, ...], Field(min_length=1)] = (0,)
    grids: tuple[Grid, ...] = ()
    training: Training = Training()
    metrics: tuple[Metric, ...] = ("loss",)
    bleurt_checkpoint: str | None = None
    generation: Generation = Generation()
    zero_shot: bool = False
    forgetting: str | None = None
    engine: Engine = Engine()
    ledger: str | None = None

    _file: Path = PrivateAttr(default=Path("study.yaml"))

    @property
    def file(self) -> Path:
        """The study file."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self._file.parent

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is."""
        return self.folder / (self.ledger or f"{self._file.stem}.ledger")

    def base(self, name: str) -> Base:
        """The base of a name."""
        return next(base for base in self.bases if base.name == name)

    def task(self, name: str) -> Task:
        """The task of a name."""
        return next(task for task in self.tasks if task.name == name)

    def method(self, name: str) -> Method:
        """The method of a name."""
        return next(method for method in self.methods if method.name == name)

    def training_of(self, method: Method) -> Training:
        """A method's training settings: the study's, with its own over them."""
        try:
            return Training.model_validate(self.training.model_dump() | method.training)
        except ValidationError as error:  # raised as text, so that pydantic does not lose the place
            raise ValueError(faults.told(error, f"method {method.name!r}, training")) from None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind in ("bases", "tasks", "methods"):
            names = [part.name for part in getattr(self, kind)]
            _all_different(kind, names)
        _all_different("finetune_sizes", list(self.finetune_sizes))
        _all_different("seeds", list(self.seeds))
        for method in self.methods:
            rate = self.training_of(method).learning_rate
            if isinstance(rate, RateGrid):
                self._check_tuning(method, rate)
            if self.training_of(method).quantize and method.kind == "full":
                raise ValueError(
                    f"method {method.name!r}: 'quantize' freezes the base; use it with lora or another PET"
                )
        for number, grid in enumerate(self.grids):
            self._check_grid(f"grids[{number}]", grid)
        self._check_processes()
        if ("bleurt" in self.metrics) != (self.bleurt_checkpoint is not None):
            raise ValueError("metric 'bleurt' and 'bleurt_checkpoint' go together")
        return self

    def _check_tuning(self, method: Method, rate: RateGrid) -> None:
        where = f"method {method.name!r}, learning_rate.at"
        _known(f"{where}.base", [rate.at.base], [base.name for base in self.bases])
        if method.sizes:
            _known(f"{where}.pet_size", [rate.at.pet_size], list(method.sizes))
        elif rate.at.pet_size is not None:
            raise ValueError(f"{where}.pet_size is {rate.at.pet_size}, but the method has no sizes")

    def _check_processes(self) -> None:
        processes = self.engine.processes_per_run
        for method in self.methods:
            training = self.training_of(method)
            if training.batch_size % processes:
                raise ValueError(
                    f"engine.processes_per_run is {processes}, which does not divide batch_size {training.batch_size} "
                    f"of method {method.name!r}; the processes of a run share its batch"
                )
            if training.fsdp is not None and self.metrics != ("loss",):
                raise ValueError(f"method {method.name!r}: with 'fsdp' only the metric 'loss' is measured")

    def _check_grid(self, where: str, grid: Grid) -> None:
        for kind in ("bases", "tasks", "methods"):
            _known(f"{where}.{kind}", getattr(grid, kind) or (), [part.name for part in getattr(self, kind)])
        _known(f"{where}.finetune_sizes", grid.finetune_sizes or (), list(self.finetune_sizes))
        _known(f"{where}.seeds", grid.seeds or (), list(self.seeds))
        _known(f"{where}.sizes", list(grid.sizes), [method.name for method in self.methods])
        for name, sizes in grid.sizes.items():
            _known(f"{where}.sizes.{name}", list(sizes), list(self.method(name).sizes))


def _all_different(where: str, values: list[object]) -> None:
    twice = sorted({str(value) for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(twice)} appears twice; give every one its own")


def _known(where: str, values: object, known: list[object]) -> None:
    unknown = [value for value in values if value not in known]  # type: ignore[attr-defined]
    if unknown:
        raise ValueError(f"{where}: {unknown[0]!r} is not in the study; it has {', '.join(map(repr, known))}")
