"""Ladder files: which small causal LMs to pretrain, on how many tokens of which text."""

from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from bayes_scaling.finetune.config.parts import NO_TRUTH, Count, NotNegative, Part, Positive, Whole
from bayes_scaling.finetune.config.reading import read_yaml, told
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.sizes import Architecture, RateRule, Size
from bayes_scaling.finetune.pretrain.stages import Stages

LARGEST_VOCABULARY = 65_536
"""Token ids are kept as unsigned 16-bit integers."""
SMALLEST_VOCABULARY = 300
"""256 bytes, the special tokens, and something learned."""

Share = Annotated[float, Field(gt=0, lt=1), NO_TRUTH]


class Corpus(Part):
    """The text to pretrain on.

    Attributes
    ----------
    files
        ``.txt`` (documents are paragraphs between blank lines), ``.jsonl`` or ``.csv``, each also ``.gz``, or
        ``.parquet``; relative to the ladder file.
    text
        Column of a table that holds a document, or several columns with one document each.
    validation_share
        Share of documents held out; drawn by the hash of a document's text, so that none is on both sides.
    validation_tokens
        At most this many held-out tokens are used for a validation loss.
    max_epochs
        Most passes over the training text that the largest number of tokens may take.
    licence
        Where the text comes from and under which terms; kept with every base.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    text: str | tuple[str, ...] = "text"
    validation_share: Share = 0.02
    validation_tokens: Count = 65_536
    max_epochs: Positive = 4.0
    licence: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold documents."""
        return (self.text,) if isinstance(self.text, str) else self.text


class Batch(Part):
    """One step of the optimiser: ``sequences`` windows of ``length`` tokens."""

    sequences: Count = 16
    length: Annotated[int, Field(ge=2), NO_TRUTH] = 128

    @property
    def tokens(self) -> int:
        """Tokens in one step."""
        return self.sequences * self.length


class Ladder(Part):
    """Everything that a ladder file says.

    Attributes
    ----------
    ladder
        Its name.
    output
        Folder of the bases ``SIZE-TOKENS``, relative to the ladder file.
    corpus, batch
        The text, and how much of it a step reads.
    vocabulary
        Pieces of the byte-level BPE that is trained on the text and shared by all bases.
    architecture
        ``llama`` or ``gpt_neox``.
    tie_embeddings
        Whether the output layer is the token embedding.
    positions
        Longest text the models take, tokens (positions are rotary); at least ``batch.length``.
    sizes, tokens
        What is crossed: models, and numbers of pretraining tokens.
    learning_rate
        Peak rate of sizes that have none of their own: a number, or a rule.
    warmup
        Tokens over which the rate rises.
    decay
        Share of each number of tokens that its decay leg takes, linearly down to zero.
    weight_decay, max_grad_norm
        Of AdamW (on matrices only), and the gradient's largest norm.
    seed
        Of initial weights and order of the text.
    workers, threads
        Sizes trained at one time, and CPU threads of each; by default all cores (or GPUs) and one thread.
    save_minutes
        A killed ladder loses at most this much.
    """

    ladder: Annotated[str, Field(min_length=1, max_length=120)]
    output: Annotated[str, Field(min_length=1)]
    corpus: Corpus
    vocabulary: Annotated[int, Field(ge=SMALLEST_VOCABULARY, le=LARGEST_VOCABULARY), NO_TRUTH] = 2_048
    architecture: Architecture = "llama"
    tie_embeddings: bool = True
    positions: Count = 512
    sizes: Annotated[tuple[Size, ...], Field(min_length=1)]
    tokens: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Batch = Batch()
    learning_rate: Positive | RateRule | None = None
    warmup: Whole = 0
    decay: Share = 0.2
    weight_decay: NotNegative = 0.1
    max_grad_norm: Positive = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**32), NO_TRUTH] = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    workers: Count | None = None
    threads: Count = 1
    save_minutes: Positive = 2.0

    _file: Path = PrivateAttr(default=Path("ladder.yaml"))

    @property
    def file(self) -> Path:
        """The ladder file."""
        return self._file

    @property
    def corpus_files(self) -> tuple[Path, ...]:
        """The files of the corpus."""
        return tuple(self._file.parent / name for name in self.corpus.files)

    @property
    def output_folder(self) -> Path:
        """The folder of the bases."""
        return self._file.parent / self.output

    def folder(self, size: Size, tokens: int) -> Path:
        """The folder of one base."""
        return self.output_folder / f"{size.name}-{short_count(tokens)}"

    def size(self, name: str) -> Size:
        """The size of a name."""
        return next(size for size in self.sizes if size.name == name)

    def rate(self, size: Size) -> float:
        """The peak learning rate of a size."""
        rate = size.learning_rate or self.learning_rate
        if rate is None:
            raise ValueError(f"size {size.name!r} has no 'learning_rate', and the ladder has none for all sizes")
        return rate.of(size) if isinstance(rate, RateRule) else rate

    def stages(self, tokens: int) -> Stages:
        """The steps of trunk and leg for a number of tokens."""
        return Stages.of(tokens, self.batch.tokens, self.decay)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _all_different("sizes", [size.name for size in self.sizes])
        _all_different("tokens", [short_count(tokens) for tokens in self.tokens])
        if self.positions < self.batch.length:
            raise ValueError(f"positions is {self.positions}, less than batch.length {self.batch.length}")
        for size in self.sizes:
            size.check_heads(self.architecture)
            self.rate(size)
        self._check_steps()
        return self

    def _check_steps(self) -> None:
        stages = {tokens: self.stages(tokens) for tokens in sorted(self.tokens)}
        if len({stage.steps for stage in stages.values()}) < len(stages):
            raise ValueError(f"tokens {sorted(stages)} are not all different in steps of {self.batch.tokens} tokens")
        smallest, stage = next(iter(stages.items()))
        if stage.trunk * self.batch.tokens < max(self.warmup, 1):
            raise ValueError(
                f"tokens {smallest} leave a trunk of {stage.trunk} steps of {self.batch.tokens} tokens before "
                f"the decay; warmup takes {self.warmup}: raise the smallest of 'tokens', or lower 'warmup' or 'batch'"
            )


def load_ladder(path: str | PathLike[str]) -> Ladder:
    """Read a ladder file.

    Parameters
    ----------
    path : str or path
        A YAML file of one page.

    Raises
    ------
    StudyError
        If the file is not there, is not YAML, or breaks a rule; every fault is named by its key.
    """
    file = Path(path)
    ladder = parse_ladder(read_yaml(file, "ladder"), str(path))
    ladder._file = file.resolve()
    return ladder


def parse_ladder(content: Any, name: str = "ladder") -> Ladder:
    """Check the content of a ladder file.

    Raises
    ------
    StudyError
        If it breaks a rule.
    """
    if not isinstance(content, dict):
        raise StudyError(f"{name}: a ladder file is a mapping of keys, this is {type(content).__name__}")
    try:
        return Ladder.model_validate(content)
    except ValidationError as error:
        raise StudyError(told(name, error)) from None


def short_count(number: int) -> str:
    """A count as in folder names, never rounded: 600000 is ``600k``, 1500000 is ``1.5M``."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        short = f"{number / unit:.9g}"
        if number >= unit and "e" not in short and len(short) <= 5 and float(short) * unit == number:
            return short + letter
    return str(number)


def _all_different(where: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(twice)} appears twice; give every one its own")
