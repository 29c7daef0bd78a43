"""The whole job on the paper's own runs: what ``bayes-scaling demo`` computes, prints and saves.

Zhang et al. (2024) finetuned five LLMs for English to Chinese translation: full finetuning, prompt tuning and
LoRA. The law is fitted to what they fitted (1B to 8B, the largest D_f of each method held out), then asked
about the rest.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter

DATA = "zhang2024_en_zh"
Say = Callable[[str], None]
Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress]]


def run(output: Path, seed: int, *, say: Say, stage: Stage) -> None:
    """Fit, print every result, save tables and plots.

    Parameters
    ----------
    output : Path
        Folder for the files; made where it does not exist.
    seed : int
        Of the sampler.
    say : callable
        Prints a piece of text.
    stage : callable
        ``with stage("Sampling") as progress`` shows that something slow goes on.

    Raises
    ------
    BayesScalingError
        If the folder cannot be made, or matplotlib is not installed.
    """
    started = perf_counter()
    from bayes_scaling.demo import files, results, sections

    files.prepare(output)
    with stage("Fitting the joint law to 1B to 8B (ten seconds, or half a minute the first time)") as progress:
        posterior = results.fit_paper_runs(seed, progress)
    with stage("Checking the fit and computing the tables"):
        found = results.compute(posterior)
    say(sections.everything(found))
    with stage("Saving the posterior, the tables and the plots"):
        saved = files.save(found, output)
    say(f"\n{sections.file_list(output, saved)}\n\nFinished in {perf_counter() - started:.0f} seconds.")
