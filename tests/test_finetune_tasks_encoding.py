"""Examples as tokens: what is predicted is the target and its end, nothing else, cut where the study says."""

import pytest

pytest.importorskip("transformers", reason="the finetune extra is not installed")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from bayes_scaling.finetune.config import Task
from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.tasks import Example, encode

TEXTS = ["Wählen Sie Extras – Größe ändern…", "Choose Tools - Change Size", "an example of a longer text to cut"]
PAIR = Example("Choose Tools", "Wählen Sie Extras – Größe")


def make(bos=False, eos=False, adds_bos=False):
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bare.train_from_iterator(TEXTS, trainer)
    if adds_bos:
        bare.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    names = ({"bos_token": "<s>"} if bos else {}) | ({"eos_token": "</s>"} if eos else {})
    return PreTrainedTokenizerFast(tokenizer_object=bare, **names)


def task(**changes):
    return Task(**{"name": "t", "train": "a.jsonl", "source": "en", "target": "de"} | changes)


PLAIN = Task(name="t", kind="text", train="a.jsonl", target="de")


def one(example, tokenizer, chosen):
    (encoded,) = encode([example], tokenizer, chosen)
    assert 1 <= encoded.target_start < len(encoded.input_ids)
    return encoded


@pytest.mark.parametrize("adds_bos", [False, True])
@pytest.mark.parametrize("eos", [False, True])
def test_prompt_then_target_then_the_end_where_there_is_one(adds_bos, eos):
    tokenizer = make(bos=adds_bos, eos=eos, adds_bos=adds_bos)
    encoded = one(PAIR, tokenizer, task())
    prompt, target = encoded.input_ids[: encoded.target_start], encoded.input_ids[encoded.target_start :]
    assert tokenizer.decode(prompt) == ("<s>" if adds_bos else "") + "Choose Tools\n=> "
    assert tokenizer.decode(target) == PAIR.target + ("</s>" if eos else "")
    assert encoded.target_bytes == len(PAIR.target.encode())


def test_one_result_for_each_example_in_order():
    tokenizer = make(eos=True)
    examples = [Example(text, text.upper()) for text in TEXTS]
    assert encode(examples, tokenizer, task()) == [one(example, tokenizer, task()) for example in examples]
    assert encode([], tokenizer, task()) == []


def test_the_template_is_filled_literally():
    tokenizer = make()
    encoded = one(Example("a {target} \\1 %s", "b"), tokenizer, task(template="<{source}> twice {source}: "))
    assert (
        tokenizer.decode(encoded.input_ids[: encoded.target_start]) == "<a {target} \\1 %s> twice a {target} \\1 %s: "
    )


def test_a_long_source_is_cut_alone_and_the_template_stays():
    tokenizer = make(eos=True)
    encoded = one(Example("word " * 500, "b"), tokenizer, task(max_source_tokens=9))
    prompt = tokenizer.decode(encoded.input_ids[: encoded.target_start])
    source = prompt.removesuffix("\n=> ")
    assert prompt.endswith("\n=> ") and len(tokenizer(source)["input_ids"]) <= 9 and ("word " * 9).startswith(source)


@pytest.mark.parametrize("most", [1, 2, 5, 9])
def test_a_long_target_is_cut_and_its_bytes_are_those_it_has_left(most):
    tokenizer = make(eos=True)
    encoded = one(PAIR, tokenizer, task(max_target_tokens=most))
    kept = encoded.input_ids[encoded.target_start :]
    assert len(kept) == most and tokenizer.eos_token_id not in kept
    text = tokenizer.decode(kept).rstrip("\ufffd")  # half a character counts as the whole of it
    assert PAIR.target.startswith(text)
    assert 0 <= encoded.target_bytes - len(text.encode()) <= 4


def test_a_target_of_just_the_limit_has_no_room_for_its_end():
    tokenizer = make(eos=True)
    length = len(tokenizer(PAIR.target)["input_ids"])
    without = one(PAIR, tokenizer, task(max_target_tokens=length))
    whole = one(PAIR, tokenizer, task(max_target_tokens=length + 1))
    assert whole.input_ids == (*without.input_ids, tokenizer.eos_token_id)
    assert whole.target_bytes == without.target_bytes == len(PAIR.target.encode())


@pytest.mark.parametrize(
    ("marks", "first"),
    [({"bos": True, "eos": True}, 0), ({"bos": True, "eos": True, "adds_bos": True}, 0), ({"eos": True}, 1)],
)
def test_plain_text_starts_with_one_mark_and_all_of_it_is_predicted(marks, first):
    tokenizer = make(**marks)
    encoded = one(Example(None, TEXTS[0]), tokenizer, PLAIN)
    assert encoded.input_ids[0] == first and encoded.target_start == 1
    assert tokenizer.decode(encoded.input_ids[1:]) == TEXTS[0] + "</s>"
    assert encoded.target_bytes == len(TEXTS[0].encode())


def test_plain_text_without_any_mark_leaves_its_first_token_unpredicted():
    tokenizer = make()
    encoded = one(Example(None, TEXTS[1]), tokenizer, PLAIN)
    assert tokenizer.decode(encoded.input_ids) == TEXTS[1] and encoded.target_start == 1
    assert encoded.target_bytes == len(tokenizer.decode(encoded.input_ids[1:]).encode())
    with pytest.raises(StudyError, match="neither BOS nor EOS"):
        encode([Example(None, "a")], tokenizer, PLAIN)


def test_special_tokens_are_marks_in_a_template_and_letters_in_a_target():
    tokenizer = make(eos=True)
    encoded = one(Example("a", "b</s>c"), tokenizer, task(template="{source}</s>"))
    prompt, target = encoded.input_ids[: encoded.target_start], encoded.input_ids[encoded.target_start :]
    assert prompt[-1] == tokenizer.eos_token_id and len(prompt) == 2
    assert target.index(tokenizer.eos_token_id) == len(target) - 1
    assert encoded.target_bytes == len("b</s>c")
