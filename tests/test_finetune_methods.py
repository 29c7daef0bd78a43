"""Each method trains the parameters it claims and no others; an untrained adapter is the base."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the finetune extra is not installed")

import torch

from bayes_scaling.finetune.bases import load_model, non_embedding_parameters
from bayes_scaling.finetune.config import Base, Method, Training
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.evaluation.measuring import losses_of
from bayes_scaling.finetune.inputs import read_inputs
from bayes_scaling.finetune.methods import check_method, counted, prepared, trainable_parameters

HIDDEN, MIDDLE, LAYERS, VOCABULARY = 32, 64, 2, 400
LINEAR = 4 * (HIDDEN + HIDDEN) + 3 * (HIDDEN + MIDDLE)  # in + out of a layer's attention and feed-forward
NON_EMBEDDING = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * MIDDLE + 2 * HIDDEN) + HIDDEN

PEFT = {
    "ia3": (
        {
            "peft_type": "IA3",
            "config": {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
        },
        None,
    ),
    "prefix": ({"peft_type": "PREFIX_TUNING", "sizes": (5,), "size_key": "num_virtual_tokens"}, 5),
    "dora": (
        {
            "peft_type": "LORA",
            "sizes": (4,),
            "size_key": "r",
            "config": {"use_dora": True, "target_modules": "all-linear"},
        },
        4,
    ),
}


def peft_method(name: str) -> tuple[Method, int | None]:
    keys, size = PEFT[name]
    return Method(name=name, kind="peft", **keys), size


def base(tiny: Path) -> Any:
    return load_model(Base(path="base"), tiny)


def test_non_embedding_parameters_are_counted(tiny: Path) -> None:
    model = base(tiny)
    assert non_embedding_parameters(model) == NON_EMBEDDING == 20_640
    assert sum(p.numel() for p in model.parameters()) == NON_EMBEDDING + VOCABULARY * HIDDEN  # one tied table


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2"])
def test_non_embedding_parameters_of_other_architectures(kind: str) -> None:
    """GPT-NeoX has an output layer of its own, GPT-2 learned positions: neither counts."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "gpt_neox": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128},
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
    }
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, vocab_size=100, **sizes[kind]))
    block = (3 * 32 * 32 + 3 * 32) + (32 * 32 + 32) + (32 * 128 + 128) + (128 * 32 + 32) + 4 * 32
    assert non_embedding_parameters(model) == 2 * block + 2 * 32


@pytest.mark.parametrize(
    ("method", "size", "claimed"),
    [
        ("full", None, NON_EMBEDDING + VOCABULARY * HIDDEN),
        ("lora", 4, LAYERS * 4 * LINEAR),
        ("lora", 8, LAYERS * 8 * LINEAR),
        ("prompt", 7, 7 * HIDDEN),
    ],
)
def test_exactly_the_claimed_parameters_are_trained(
    tiny: Path, tiny_run: Callable[..., Any], method: str, size: int | None, claimed: int
) -> None:
    config = tiny_run(method, size)
    model = prepared(base(tiny), config.method, size, config.training)
    assert counted(model) == claimed == trainable_parameters(config)


@pytest.mark.parametrize("method", ["full", "lora", "prompt"])
def test_a_run_changes_what_is_trained_and_nothing_else(tiny: Path, tiny_run: Callable[..., Any], method: str) -> None:
    from bayes_scaling.finetune import one_run
    from bayes_scaling.finetune.training.arguments import trainer_arguments

    config = tiny_run(method, None if method == "full" else 4, learning_rate=1e-2, max_steps=3)
    inputs, model = read_inputs(config), base(tiny)
    trainer, _ = one_run.build(
        model, inputs, config, trainer_arguments(config, tiny / "logs"), report=lambda progress: None, trimmed=True
    )
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    for name, value in trainer.model.named_parameters():
        changed = not torch.equal(before[name], value)
        assert changed == value.requires_grad, name


@pytest.mark.parametrize("method", ["lora", "dora", "ia3"])
def test_an_untrained_adapter_is_the_base(tiny: Path, tiny_run: Callable[..., Any], method: str) -> None:
    spec, size = (Method(name="lora", sizes=(4,)), 4) if method == "lora" else peft_method(method)
    config = tiny_run(spec, size)
    inputs = read_inputs(config)
    bare = losses_of(base(tiny), inputs.test, inputs, config, trimmed=True)
    adapted = losses_of(prepared(base(tiny), spec, size, Training()), inputs.test, inputs, config, trimmed=True)
    assert adapted.loss == pytest.approx(bare.loss, rel=1e-6)


def test_broken_twin_an_untrained_prompt_is_not_the_base(tiny: Path, tiny_run: Callable[..., Any]) -> None:
    """Virtual tokens change every loss from the start: the comparison above can fail."""
    config = tiny_run("prompt", 5)
    inputs = read_inputs(config)
    bare = losses_of(base(tiny), inputs.test, inputs, config, trimmed=True)
    torch.manual_seed(0)
    model = prepared(base(tiny), config.method, 5, Training())
    assert losses_of(model, inputs.test, inputs, config, trimmed=True).loss != pytest.approx(bare.loss, rel=1e-6)


def test_a_prompt_starts_from_tokens_of_the_vocabulary(tiny: Path) -> None:
    model = prepared(base(tiny), Method(name="prompt", sizes=(5,)), 5, Training())
    table = model.get_input_embeddings().weight
    prompt = model.prompt_encoder["default"].embedding.weight
    distance = torch.cdist(prompt.detach(), table.detach()).min(dim=1).values
    assert distance.max().item() < 1e-3


@pytest.mark.parametrize("name", sorted(PEFT))
def test_any_other_method_of_peft_learns(tiny_run: Callable[..., Any], name: str) -> None:
    from bayes_scaling.finetune.one_run import execute

    spec, size = peft_method(name)
    result = execute(tiny_run(spec, size, learning_rate=3e-2), lambda progress: None)
    assert result.status == "done"
    assert result.measures["loss"] < result.measures["base_loss"]
    assert result.measures["trainable_parameters"] < result.measures["total_parameters"] / 4


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"peft_type": "LORRA"}, "peft_type 'LORRA'"),
        ({"peft_type": "LORA", "config": {"ranks": 3}}, "ranks"),
        ({"peft_type": "LORA", "sizes": (4,), "size_key": "rr"}, "rr"),
    ],
)
def test_what_peft_refuses_is_one_clear_error(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said) as error:
        check_method(Method(name="odd", kind="peft", **keys))
    assert "method 'odd'" in str(error.value)


def test_a_method_that_does_not_fit_the_architecture(tiny: Path) -> None:
    method = Method(name="odd", kind="peft", peft_type="LORA", config={"target_modules": ["no_such_layer"]})
    with pytest.raises(StudyError, match=r"'odd' does not fit the base's architecture.*no_such_layer"):
        prepared(base(tiny), method, None, Training())


def test_four_bits_need_a_gpu(tiny: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(StudyError, match="needs a GPU"):
        load_model(Base(path="base"), tiny, quantize="nf4")
