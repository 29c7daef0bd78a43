"""Ladder files: what they mean, the schedule they give, and one clear error for each that is wrong."""

from itertools import pairwise

import pytest

pytest.importorskip("pydantic", reason="the extra 'finetune' is not installed")
pytest.importorskip("yaml", reason="the extra 'finetune' is not installed")

import yaml

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.ladder import load_ladder, parse_ladder, short_count
from bayes_scaling.finetune.pretrain.stages import Stages, leg_rate, trunk_rate

SIZE = {"name": "a", "hidden_size": 32, "layers": 2, "heads": 2, "intermediate_size": 96}
GOOD = {
    "ladder": "try",
    "output": "bases",
    "corpus": {"files": ["text.txt"]},
    "sizes": [SIZE],
    "tokens": [20_000, 100_000],
    "learning_rate": 1e-3,
}


def changed(**keys):
    return GOOD | keys


def sized(**keys):
    return changed(sizes=[SIZE | keys])


# --- what a file means


def test_a_file_is_read_and_its_paths_start_from_it(tmp_path):
    file = tmp_path / "ladder.yaml"
    file.write_text(yaml.safe_dump(GOOD))
    ladder = load_ladder(file)
    assert ladder.corpus_files == (tmp_path / "text.txt",)
    assert ladder.folder(ladder.sizes[0], 100_000) == tmp_path / "bases" / "a-100k"


@pytest.mark.parametrize(
    ("number", "text"),
    [(150_000, "150k"), (1_500_000, "1.5M"), (12_000_000, "12M"), (999, "999"), (1_234_567, "1234567")],
)
def test_counts_are_short_and_never_rounded(number, text):
    assert short_count(number) == text


def test_short_counts_are_different_for_different_counts():
    assert len({short_count(number) for number in range(9_990, 1_100_000, 7)}) == len(range(9_990, 1_100_000, 7))


def test_a_rule_makes_the_rate_fall_with_width_and_a_size_may_have_its_own():
    sizes = [SIZE, SIZE | {"name": "b", "hidden_size": 128}, SIZE | {"name": "c", "learning_rate": 0.5}]
    ladder = parse_ladder(changed(sizes=sizes, learning_rate={"rate": 8e-3, "at_hidden_size": 32}))
    assert [ladder.rate(size) for size in ladder.sizes] == [8e-3, 2e-3, 0.5]


# --- the schedule


@pytest.mark.parametrize("tokens", [2_048, 20_000, 123_456, 9_600_000])
@pytest.mark.parametrize("decay", [0.01, 0.2, 0.5])
def test_trunk_and_leg_are_the_tokens_asked_for(tokens, decay):
    stages = Stages.of(tokens, 1_024, decay)
    assert abs(stages.steps * 1_024 - tokens) <= 512
    assert stages.leg >= 1
    assert abs(stages.leg - decay * stages.steps) <= 1


def test_the_rate_rises_stays_and_falls():
    stages = Stages(trunk=80, leg=20)
    trunk = [trunk_rate(step, 3e-3, warmup_steps=10) for step in range(80)]
    leg = [leg_rate(step, 3e-3, stages) for step in range(80, 100)]
    assert trunk[:10] == pytest.approx([3e-4 * (step + 1) for step in range(10)])
    assert trunk[9:] == pytest.approx([3e-3] * 71)
    assert leg == pytest.approx([3e-3 * (20 - k) / 21 for k in range(20)])
    assert all(0 < later < sooner < 3e-3 for sooner, later in pairwise(leg))


def test_without_warmup_the_first_step_has_the_peak_rate():
    assert trunk_rate(0, 1e-3, warmup_steps=0) == 1e-3


# --- files that are wrong

NUMBERS = ("vocabulary", "seed", "decay", "weight_decay", "max_grad_norm", "learning_rate", "save_minutes")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("just text", "a ladder file is a mapping"),
        (changed(sises=[]), "sises: unknown key"),
        ({key: value for key, value in GOOD.items() if key != "tokens"}, "tokens: this key is needed"),
        (changed(sizes=[]), "sizes: .*at least 1"),
        (changed(tokens=[0]), r"tokens\[0\]: .*greater than 0, got 0"),
        (changed(tokens=[True]), r"tokens\[0\]: a number is needed, .*got True"),
        (changed(sizes=[SIZE | {"layers": True}]), r"sizes\[0\].layers: a number is needed"),
        *((changed(**{key: True}), f"{key}.*: a number is needed, .*got True") for key in NUMBERS),
        (changed(batch={"length": True}), "batch.length: a number is needed"),
        (changed(learning_rate={"rate": True, "at_hidden_size": 32}), "learning_rate.*rate: a number is needed"),
        (changed(tokens=[20_000, 20_000]), "tokens: 20k appears twice"),
        (changed(tokens=[20_000, 20_100]), r"tokens \[20000, 20100\] are not all different in steps of 2048"),
        (changed(tokens=[2_000]), "tokens 2000 leave a trunk of 0 steps"),
        (changed(warmup=17_000), "warmup takes 17000: raise the smallest of 'tokens'"),
        (changed(learning_rate=None), "size 'a' has no 'learning_rate'"),
        (changed(learning_rate=float("nan")), "learning_rate.*finite"),
        (changed(vocabulary=200), "vocabulary: .*300, got 200"),
        (changed(vocabulary=70_000), "vocabulary: .*65536, got 70000"),
        (changed(decay=1.0), r"decay: .*less than 1, got 1\.0"),
        (changed(positions=64), "positions is 64, less than batch.length 128"),
        (changed(architecture="gpt2"), "architecture: .*'llama' or 'gpt_neox', got 'gpt2'"),
        (changed(sizes=[SIZE, SIZE]), "sizes: a appears twice"),
        (changed(corpus={"files": []}), "corpus.files: .*at least 1"),
        (sized(heads=3), "hidden_size 32 is not divisible by heads 3"),
        (sized(heads=32), "a head has 1 dimensions .* llama needs a multiple of 2"),
        (sized(name="../a"), "name: .*pattern.*got '../a'"),
        (changed(architecture="gpt_neox", sizes=[SIZE | {"heads": 8}]), "gpt_neox needs a multiple of 8"),
    ],
)
def test_a_wrong_ladder_gets_one_clear_error(content, said):
    with pytest.raises(StudyError, match=said):
        parse_ladder(content)


def test_the_good_file_is_good():  # the twin of the wrong ones: each differs from it in one thing
    assert parse_ladder(GOOD).tokens == (20_000, 100_000)


def test_a_file_that_is_not_there_or_not_yaml_is_told(tmp_path):
    with pytest.raises(StudyError, match="there is no such file; name a ladder file"):
        load_ladder(tmp_path / "no.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(StudyError, match="is not YAML"):
        load_ladder(tmp_path / "bad.yaml")
