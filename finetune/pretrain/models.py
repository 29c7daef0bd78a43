r"""Models of a ladder, from their configuration, with random weights.

Weights start normal with standard deviation :math:`\sqrt{2 / (5 h)}` for width :math:`h` (Nguyen and Salazar 2019,
arXiv:1910.05895, section 2.2); those that write to the residual stream of :math:`n` layers are divided by
:math:`\sqrt{2 n}` (Radford et al. 2019, section 2.3), as in GPT-NeoX. The usual 0.02 is meant for widths near 1,000: at
width 64 and 150,000 tokens it costs half a nat.
"""

import math
from typing import Any

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.sizes import Size

RESIDUAL = ("o_proj.weight", "down_proj.weight", "attention.dense.weight", "dense_4h_to_h.weight")
"""Names of the matrices that write to the residual stream."""


def new_model(ladder: Ladder, size: Size, special_tokens: dict[str, int]) -> Any:
    """A model with initial weights drawn by the ladder's seed; on the CPU, in float32.

    Parameters
    ----------
    ladder, size
        What to build.
    special_tokens
        ``bos_token_id``, ``eos_token_id`` and ``pad_token_id``.
    """
    shape: dict[str, Any] = {
        "vocab_size": ladder.vocabulary,
        "hidden_size": size.hidden_size,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "intermediate_size": size.intermediate_size,
        "max_position_embeddings": ladder.positions,
        "tie_word_embeddings": ladder.tie_embeddings,
        "initializer_range": math.sqrt(2 / (5 * size.hidden_size)),
    }
    torch.manual_seed(ladder.seed)
    model = _built(ladder, shape | special_tokens)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(RESIDUAL):
                parameter.div_(math.sqrt(2 * size.layers))
    return model


def _built(ladder: Ladder, settings: dict[str, Any]) -> Any:
    if ladder.architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(**settings))
    return GPTNeoXForCausalLM(GPTNeoXConfig(**settings))


def token_losses(model: Any, block: torch.Tensor) -> torch.Tensor:
    """Mean loss of a block of windows, nats per token; shape of the block (sequences, length + 1)."""
    hidden = model.base_model(input_ids=block[:, :-1], use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden).float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), block[:, 1:].flatten())
