"""Pretraining ladders: small causal LMs of several sizes, each pretrained on several numbers of tokens.

A ladder gives the bases of a study where no pretrained family of models is at hand. Every base is a folder that
``transformers`` loads, with ``pretraining.json`` beside the weights saying how it was made.

The learning rate is warmup-stable-decay (Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024,
arXiv:2405.18392): one *trunk* at a constant rate, and for every number of tokens a *decay leg* of its own that
starts from the trunk. A checkpoint cut out of a longer schedule is no smaller pretraining; the end of a leg is.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_scaling.finetune.pretrain.ladder import Ladder, load_ladder, parse_ladder
    from bayes_scaling.finetune.pretrain.running import pretrain_ladder

__all__ = ["Ladder", "load_ladder", "parse_ladder", "pretrain_ladder"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bayes_scaling.finetune.pretrain import ladder, running

    return getattr(running if name == "pretrain_ladder" else ladder, name)
