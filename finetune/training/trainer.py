"""The Trainer of transformers with our batches, our loss and our dev loss."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch.utils.data import Dataset, Sampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from bayes_scaling.finetune.batches import LengthBuckets, collate, mean_nll
from bayes_scaling.finetune.evaluation.losses import document_losses
from bayes_scaling.finetune.tasks import Encoded
from bayes_scaling.finetune.training.callbacks import BestByDev


class Examples(Dataset[Encoded]):
    """Encoded examples, as a data set of torch."""

    def __init__(self, examples: Sequence[Encoded]) -> None:
        self.examples = list(examples)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Encoded:
        return self.examples[index]


class FinetuneTrainer(Trainer):
    """A Trainer whose loss is nats per target token.

    Parameters
    ----------
    model
        Prepared for its method.
    arguments
        Of the Trainer.
    train, dev
        Encoded examples.
    pad
        Id of the padding token.
    trimmed
        Whether the model takes ``logits_to_keep``.
    best
        Told of every dev loss.
    eval_batch_size
        Examples in one batch of the dev set.
    """

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        *,
        train: Sequence[Encoded],
        dev: Sequence[Encoded],
        pad: int,
        trimmed: bool,
        best: BestByDev,
        eval_batch_size: int,
    ) -> None:
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=Examples(train),
            eval_dataset=Examples(dev),
            data_collator=partial(collate, pad=pad, trimmed=trimmed),
            compute_loss_func=mean_nll,
            callbacks=[best],
        )
        self.remove_callback(PrinterCallback)  # progress is told through the ledger
        self._train, self._dev, self._pad = train, dev, pad
        self._trimmed, self._eval_batch_size = trimmed, eval_batch_size

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        lengths = [len(example.input_ids) for example in self._train]
        a_step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthBuckets(lengths, a_step, self.args.seed)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The dev loss over all target tokens, not a mean of batch means."""
        with self.compute_loss_context_manager():
            found = document_losses(
                self.model_wrapped, self._dev, self._pad, batch_size=self._eval_batch_size, trimmed=self._trimmed
            )
        metrics = {"eval_loss": found.loss}
        self.log(metrics)
        told = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        self.control = told
        return metrics
