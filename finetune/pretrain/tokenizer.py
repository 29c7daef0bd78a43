"""The tokenizer of a ladder: a byte-level BPE trained on its text."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from bayes_scaling.finetune.errors import StudyError

START, END, PADDING = "<|start|>", "<|end|>", "<|pad|>"
"""No text says these by chance, as HTML may say <s>."""


def train_tokenizer(texts: Iterable[str], vocabulary: int, positions: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE; it reads any text and puts ``<|start|>`` before it.

    Raises
    ------
    StudyError
        If the texts do not give that many pieces.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(texts, trainer=_trainer(vocabulary))
    if core.get_vocab_size() < vocabulary:
        raise StudyError(
            f"vocabulary: the training text gives {core.get_vocab_size()} different pieces, {vocabulary} were asked "
            "for; lower 'vocabulary' or give more text"
        )
    core.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", pair=f"{START} $A {START} $B", special_tokens=[(START, core.token_to_id(START))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=START,
        eos_token=END,
        pad_token=PADDING,
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )


def _trainer(vocabulary: int) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START, END, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )


def load_core(folder: Path) -> Tokenizer:
    """The tokenizer of a folder without the wrapper of transformers: many texts at once, fast."""
    core: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    core.no_padding()
    core.no_truncation()
    return core
