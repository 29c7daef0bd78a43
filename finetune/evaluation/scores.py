"""Scores of generated texts: ROUGE-L, chrF, BLEURT."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from bayes_scaling.finetune.errors import MissingExtraError

WORDS = re.compile(r"[㐀-鿿豈-﫿぀-ヿ]|[^\W_]+", re.UNICODE)
"""Words of any script; Chinese and Japanese characters one by one."""


class _Words:
    """ROUGE's own tokenizer keeps a-z and 0-9 only: it drops umlauts and Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return WORDS.findall(text.lower())


def rouge_l(written: Sequence[str], references: Sequence[str]) -> float:
    """Mean ROUGE-L F-measure, 0 to 100 (Lin 2004), by the package rouge-score with a tokenizer for every script."""
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise _missing("rouge_l", "rouge-score") from error
    scorer = RougeScorer(["rougeL"], tokenizer=_Words())
    pairs = zip(references, written, strict=True)
    return 100 * float(np.mean([scorer.score(wanted, given)["rougeL"].fmeasure for wanted, given in pairs]))


def chrf(written: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF2, 0 to 100 (Popovic 2015), by sacrebleu."""
    try:
        import sacrebleu
    except ImportError as error:
        raise _missing("chrf", "sacrebleu") from error
    return float(sacrebleu.corpus_chrf(list(written), [list(references)]).score)


SCORES: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {"rouge_l": rouge_l, "chrf": chrf}
"""The scores that need nothing but texts."""


def _missing(metric: str, package: str) -> MissingExtraError:
    return MissingExtraError(
        f'metric {metric!r} needs the package {package}; install it with pip install "bayes_scaling[finetune]", '
        f"or take {metric!r} out of 'metrics'"
    )
