"""Pretraining a ladder: what is missing, one process per size, several at one time."""

import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from bayes_scaling.finetune.errors import MissingExtraError, StudyError
from bayes_scaling.finetune.installed import has
from bayes_scaling.finetune.pretrain import files
from bayes_scaling.finetune.pretrain.documents import check_files
from bayes_scaling.finetune.pretrain.identity import is_done, settings_of
from bayes_scaling.finetune.pretrain.ladder import Ladder, load_ladder, short_count
from bayes_scaling.finetune.pretrain.sizes import Size
from bayes_scaling.finetune.pretrain.tokens import TokenisedCorpus, tokenise

STATE, LOCK = ".state", "lock"
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")

Missing = dict[str, tuple[int, ...]]
"""Numbers of tokens that are still to be done, by size."""


def pretrain_ladder(
    path: str | PathLike[str], workers: int | None = None, show: Callable[[str], None] = print
) -> list[Path]:
    """Pretrain the bases of a ladder file that are not there yet.

    Can be killed at any time and called again: it goes on where it was, to the same weights.

    Parameters
    ----------
    path : str or path
        A ladder file.
    workers : int, optional
        Sizes trained at one time; by default the file's, else one per GPU, else one per core.
    show : callable
        Takes lines of text that say how far it is.

    Returns
    -------
    list of Path
        The folder of every base, size by size, fewest tokens first.

    Raises
    ------
    StudyError
        If the file, its corpus or its output folder breaks a rule, or a size could not be pretrained.
    MissingExtraError
        If the extra ``finetune`` is not installed.
    """
    _need_libraries()
    ladder = load_ladder(path)
    check_files(ladder)
    _describe(ladder, show)
    state = ladder.output_folder / STATE
    files.make_folder(state)
    with files.locked(state / LOCK):
        files.sweep(ladder.output_folder)
        files.sweep(state)
        corpus = tokenise(ladder, state, show)
        _check_epochs(ladder, corpus, show)
        missing = _missing(ladder, corpus)
        if missing:
            _train(ladder, corpus, missing, workers, show)
    return [ladder.folder(size, tokens) for size in ladder.sizes for tokens in sorted(ladder.tokens)]


def _need_libraries() -> None:
    absent = [name for name in LIBRARIES if not has(name)]
    if absent:
        raise MissingExtraError(f"pretraining needs {', '.join(absent)}: pip install 'bayes_scaling[finetune]'")


def _describe(ladder: Ladder, show: Callable[[str], None]) -> None:
    counts = ", ".join(short_count(tokens) for tokens in sorted(ladder.tokens))
    show(f"ladder {ladder.ladder!r}: {len(ladder.sizes)} sizes x {len(ladder.tokens)} numbers of tokens ({counts})")
    for size in ladder.sizes:
        count = size.non_embedding(ladder.architecture)
        show(f"{size.name}: {count:,} non-embedding parameters, peak learning rate {ladder.rate(size):g}")


def _check_epochs(ladder: Ladder, corpus: TokenisedCorpus, show: Callable[[str], None]) -> None:
    tokens, most = max(ladder.tokens), ladder.corpus.max_epochs
    epochs = tokens / corpus.training_tokens
    show(
        f"corpus: {corpus.training_tokens:,} tokens in {corpus.training_documents:,} documents, "
        f"{corpus.validation_tokens:,} held out; {short_count(tokens)} tokens are {epochs:.2g} epochs"
    )
    if corpus.training_tokens < 2 * ladder.batch.length + 1:
        raise StudyError(f"corpus: {corpus.training_tokens} tokens are fewer than two windows of {ladder.batch.length}")
    if epochs > most:
        raise StudyError(
            f"tokens: {tokens:,} are {epochs:.1f} epochs of the corpus "
            f"({corpus.training_tokens:,} tokens), corpus.max_epochs allows {most:g}; give more text, ask for fewer "
            "tokens, or raise corpus.max_epochs (repeated text is worth less than new text)"
        )


def _missing(ladder: Ladder, corpus: TokenisedCorpus) -> Missing:
    missing = {}
    for size in ladder.sizes:
        settings = settings_of(ladder, size, corpus.sha256)
        left = tuple(tokens for tokens in sorted(ladder.tokens) if not is_done(ladder.folder(size, tokens), settings))
        if left:
            missing[size.name] = left
    return missing


def _train(
    ladder: Ladder, corpus: TokenisedCorpus, missing: Missing, workers: int | None, show: Callable[[str], None]
) -> None:
    from bayes_scaling.finetune.pretrain.processes import Job, run_jobs

    jobs = [
        Job(ladder, ladder.size(name), tokens, corpus, ladder.output_folder / STATE)
        for name, tokens in sorted(missing.items(), key=lambda pair: -_cost(ladder, ladder.size(pair[0])))
    ]
    devices = _devices()
    at_once = workers or ladder.workers or (len(devices) if devices else _cores() // ladder.threads)
    failures = run_jobs(jobs, max(1, min(at_once, len(jobs))), devices or ["cpu"], show)
    if failures:
        raise StudyError(f"{len(failures)} of {len(jobs)} sizes were not pretrained: {'; '.join(failures)}")


def _cost(ladder: Ladder, size: Size) -> int:
    return size.non_embedding(ladder.architecture)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _devices() -> list[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
