"""Sizes of models: their shape, their parameters counted on paper, and their learning rate."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bayes_scaling.finetune.config.parts import Count, Part, Positive

Architecture = Literal["llama", "gpt_neox"]

HEAD_MULTIPLE = {"llama": 2, "gpt_neox": 8}
"""A head is rotated in pairs of dimensions; GPT-NeoX rotates a quarter of it."""


class Size(Part):
    """The shape of one model.

    Attributes
    ----------
    name
        Part of the name of its folders.
    hidden_size, layers, heads, intermediate_size
        Width, blocks, attention heads of each, and width of the feed-forward block.
    learning_rate
        Its peak learning rate, instead of the ladder's.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=60)]
    hidden_size: Count
    layers: Count
    heads: Count
    intermediate_size: Count
    learning_rate: Positive | None = None

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not divisible by heads {self.heads}")
        return self

    def check_heads(self, architecture: Architecture) -> None:
        """Raise a ValueError where an architecture cannot rotate heads of this width."""
        width, multiple = self.hidden_size // self.heads, HEAD_MULTIPLE[architecture]
        if width % multiple:
            raise ValueError(
                f"size {self.name!r}: a head has {width} dimensions (hidden_size / heads); {architecture} needs a "
                f"multiple of {multiple}"
            )

    def non_embedding(self, architecture: Architecture) -> int:
        """N: parameters without token embedding and output layer."""
        width, inner = self.hidden_size, self.intermediate_size
        if architecture == "llama":  # four attention matrices, three feed-forward, two norms; a last norm
            return self.layers * (4 * width**2 + 3 * width * inner + 2 * width) + width
        attention = 4 * width**2 + 4 * width  # with biases
        feed_forward = 2 * width * inner + inner + width
        return self.layers * (attention + feed_forward + 4 * width) + 2 * width


class RateRule(Part):
    """Peak learning rates that fall with width: ``rate * at_hidden_size / hidden_size``."""

    rate: Positive
    at_hidden_size: Count

    def of(self, size: Size) -> float:
        """The rate of a size."""
        return self.rate * self.at_hidden_size / size.hidden_size
