"""Study files with something wrong, or only unusual, about them: the text of the file, and what must come."""

from bayes_scaling.finetune.errors import StudyError
from shared.bad_inputs import Refused, refused

GOOD = """study: small
bases: [{path: base}]
tasks: [{name: sum, train: train.jsonl, source: a, target: b}]
methods: [{name: full}]
finetune_sizes: [50, 100]
"""


def without(old: str, new: str) -> str:
    """The good study with one thing replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


def size(text: str) -> str:
    """The good study with another second D_f."""
    return without("[50, 100]", f"[50, {text}]")


def wrong(*words: str) -> Refused:
    """One error about the study file."""
    return refused("study.yaml", *words, error=StudyError)


ALIASES = "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 10)
)

RATES = "training: {learning_rate: {grid: [1.0e-3, 1.0e-2], at: {base: base, finetune_size: 50}}}\n"


def also(part: str, key: str) -> str:
    """The good study with true for a number of a part that it leaves out."""
    return f"{GOOD}{part}: {{{key}: yes}}\n"


def truth(place: str) -> Refused:
    """The error of a true where a number is asked for."""
    return wrong(f"{place}: a number is needed", "yes, no, on and off", "write the number in digits", "got True")


TRUTHS = {
    "finetune_sizes[1]": size("yes"),
    "seeds[1]": GOOD + "seeds: [0, on]\n",
    "grids[0].finetune_sizes[0]": GOOD + "grids: [{finetune_sizes: [yes]}]\n",
    "grids[0].seeds[0]": GOOD + "grids: [{seeds: [yes]}]\n",
    "grids[0].sizes.lora[0]": GOOD + "grids: [{sizes: {lora: [yes]}}]\n",
    "methods[0].sizes[1]": without("name: full", "name: lora, sizes: [2, yes]"),
    "training.learning_rate": also("training", "learning_rate"),
    "training.learning_rate.grid[0]": GOOD + RATES.replace("1.0e-3", "yes"),
    "training.learning_rate.at.finetune_size": GOOD + RATES.replace("50", "yes"),
    "training.learning_rate.at.pet_size": GOOD + RATES.replace("50", "50, pet_size: yes"),
    "method 'full', training.epochs": without("name: full", "name: full, training: {epochs: yes}"),
    **{
        f"{part}.{key}": also(part, key)
        for part, keys in {
            "training": (
                *("batch_size", "eval_batch_size", "gradient_accumulation", "epochs", "min_steps", "max_steps"),
                *("warmup", "weight_decay", "max_grad_norm", "eval_every", "patience"),
            ),
            "generation": ("examples", "max_new_tokens"),
            "engine": ("workers", "threads", "processes_per_run", "price_per_hour", "retry_smaller"),
        }.items()
        for key in keys
    },
    **{f"bases[0].{key}": without("path: base", f"path: base, {key}: yes") for key in ("model_size", "pretrain_size")},
    **{
        f"tasks[0].{key}": without("name: sum", f"name: sum, {key}: yes")
        for key in ("max_source_tokens", "max_target_tokens", "dev_examples", "test_examples")
    },
}

STUDIES: dict[str, tuple[str | bytes, Refused]] = {
    "empty": ("", wrong("a study file is a mapping of keys, this is NoneType")),
    "a list": ("- a\n- b\n", wrong("a study file is a mapping of keys, this is list")),
    "tabs": (GOOD + "\tseeds: [1]\n", wrong("is not YAML", "cannot start any token")),
    "a bracket that never ends": (GOOD + "seeds: [1", wrong("is not YAML", "line 6")),
    "brackets without end": ("[" * 3000, wrong("is not YAML", "recursion")),
    "Latin-1": (GOOD.replace("small", "très").encode("latin-1"), wrong("is not YAML", "0xe8")),
    "UTF-16": (GOOD.encode("utf-16"), wrong("is not YAML", "0xff")),
    "two documents": (f"{GOOD}---\n{GOOD}", wrong("is not YAML", "another document")),
    "a key twice": (GOOD + "finetune_sizes: [5]\n", wrong("'finetune_sizes' appears twice")),
    "a list for a key": (GOOD + "? [1, 2]\n: 3\n", wrong("is not YAML", "unhashable key")),
    "a number for a key": (GOOD + "3: 3\n", wrong("Keys should be strings, got 3")),
    "an object of Python": (GOOD + "seeds: !!python/name:os.system x\n", wrong("is not YAML", "constructor")),
    "aliases of aliases": (ALIASES + GOOD, wrong("more than 100,000 parts")),
    "an alias of itself": (GOOD + "training: {fsdp: &a {b: *a}}\n", wrong("more than 100,000 parts")),
    "an alias that is none": (GOOD + "seeds: *gone\n", wrong("is not YAML", "undefined alias")),
    "a month too many": (size("2024-13-45"), wrong("is not YAML", "month must be in 1..12")),
    "a date": (size("2024-01-01"), wrong("finetune_sizes[1]", "valid integer")),
    "no integer under its tag": (size("!!int x"), wrong("is not YAML", "'x'")),
    "no time under its tag": (size("!!timestamp x"), wrong("is not YAML")),
    "no bytes under their tag": (size("!!binary x"), wrong("is not YAML", "base64")),
    "a suffix": (size("10k"), wrong("finetune_sizes[1]", "valid integer", "'10k'")),
    "thousands": (size("'10,000'"), wrong("finetune_sizes[1]", "valid integer", "'10,000'")),
    "half an example": (size("1.5"), wrong("finetune_sizes[1]", "fractional part", "1.5")),
    "no example": (size("0"), wrong("finetune_sizes[1]", "greater than 0")),
    "a negative D_f": (size("-5"), wrong("finetune_sizes[1]", "greater than 0", "-5")),
    "inf": (size(".inf"), wrong("finetune_sizes[1]", "finite number")),
    "NaN": (size(".nan"), wrong("finetune_sizes[1]", "finite number")),
    "null": (size("null"), wrong("finetune_sizes[1]", "valid integer")),
    "one D_f twice": (size("50"), wrong("finetune_sizes", "50 appears twice")),
    "no list of D_f": (without("[50, 100]", "50"), wrong("finetune_sizes", "valid tuple", "got 50")),
    "no D_f": (without("[50, 100]", "[]"), wrong("finetune_sizes", "at least 1")),
    "an infinite learning rate": (GOOD + "training: {learning_rate: .inf}\n", wrong("learning_rate", "finite")),
    "a learning rate that is NaN": (GOOD + "training: {learning_rate: .nan}\n", wrong("learning_rate", "finite")),
    "a learning rate in per cent": (GOOD + "training: {learning_rate: 5%}\n", wrong("learning_rate", "'5%'")),
    "an infinite LLM": (without("{path: base}", "{path: base, model_size: .inf}"), wrong("model_size", "finite")),
    "an LLM with a suffix": (without("{path: base}", "{path: base, model_size: 1B}"), wrong("model_size", "'1B'")),
    "half a letter": (without("name: sum", 'name: "\\ud800"'), wrong("tasks[0].name", "unicode")),
    "a name too long": (without("small", "x" * 5000), wrong("study", "at most 120")),
    "a misspelt key": (GOOD + "sedes: [1]\n", wrong("sedes: unknown key", "spelling")),
    **{f"true for {place}": (text, truth(place)) for place, text in TRUTHS.items()},
    "false, no and off": (
        without("[50, 100]", "[no, off, 'no']") + "seeds: [false]\n",
        wrong(
            "finetune_sizes[0]: a number is needed", "finetune_sizes[1]", "[2]", "valid integer", "seeds[0]", "False"
        ),
    ),
    "a folder for a list": (without("[{path: base}]", "base"), wrong("bases", "valid tuple", "'base'")),
}
