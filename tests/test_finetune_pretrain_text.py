"""The text of a ladder: documents, what is held out, token ids, windows."""

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("pydantic", reason="the extra 'finetune' is not installed")
pytest.importorskip("tokenizers", reason="the extra 'finetune' is not installed")
pytest.importorskip("transformers", reason="the extra 'finetune' is not installed")

from transformers import AutoTokenizer

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain.documents import check_files, documents, is_held_out
from bayes_scaling.finetune.pretrain.ladder import parse_ladder
from bayes_scaling.finetune.pretrain.tokens import TOKENIZER, tokenise
from bayes_scaling.finetune.pretrain.windows import Windows, in_order

SIZE = {"name": "a", "hidden_size": 8, "layers": 1, "heads": 2, "intermediate_size": 8}
LENGTH = 16


def ladder_of(folder, *names, corpus=None, **keys):
    content = {
        "ladder": "try",
        "output": "out",
        "corpus": {"files": list(names), "validation_share": 0.2} | (corpus or {}),
        "sizes": [SIZE],
        "tokens": [1_000],
        "learning_rate": 1e-3,
        "vocabulary": 300,
        "batch": {"sequences": 2, "length": LENGTH},
    }
    ladder = parse_ladder(content | keys)
    ladder._file = folder / "ladder.yaml"
    return ladder


@pytest.fixture
def texts():
    random = np.random.default_rng(0)
    words = [f"{first}{second}ä" for first in "abcdefgh" for second in "xyzuvw"]
    return [" ".join(random.choice(words, size=random.integers(3, 40))) for _ in range(200)]


@pytest.fixture
def ladder(texts, tmp_path):
    (tmp_path / "text.txt").write_text("\n\n".join(texts), encoding="utf-8")
    return ladder_of(tmp_path, "text.txt")


# --- documents


def test_paragraphs_rows_and_zipped_files_are_documents(tmp_path):
    (tmp_path / "a.txt").write_text("\none\ntwo\n  \n\nthree\n", encoding="utf-8")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in ({"en": "four", "de": "fünf"}, {"en": "six", "de": ""}))
    ladder = ladder_of(tmp_path, "a.txt", "b.jsonl.gz", corpus={"text": ["en", "de"]})
    assert list(documents(ladder)) == ["one\ntwo", "three", "four", "fünf", "six"]


def test_a_repeated_document_is_read_once(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n\none", encoding="utf-8")
    assert list(documents(ladder_of(tmp_path, "a.txt", "a.txt"))) == ["one", "two"]


def test_what_is_held_out_depends_on_text_and_seed_only(texts):
    held = {text for text in texts if is_held_out(text, 0, 0.2)}
    assert held == {text for text in reversed(texts) if is_held_out(text, 0, 0.2)}
    assert held != {text for text in texts if is_held_out(text, 1, 0.2)}
    # 200 draws of probability 0.2: outside 16..66 with probability below 1e-4
    assert 16 < len(held) < 66
    assert held <= {text for text in texts if is_held_out(text, 0, 0.4)}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "one"}\n{"other": 1}', "line 2: there is no column 'text'; it has 'other'"),
        ("a.jsonl", b'{"text": 3}', "line 1: column 'text' holds 3, not a text"),
        ("a.jsonl", b'{"text"', "line 1: not JSON"),
        ("a.txt", b"\xff\xfe\xff", "cannot be read as UTF-8 text"),
        ("a.txt.gz", b"not zipped", "cannot be read as UTF-8 text"),
    ],
)
def test_a_broken_file_gets_one_clear_error(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=said):
        list(documents(ladder_of(tmp_path, name)))


def test_files_that_cannot_be_read_are_told_before_anything_else(tmp_path):
    with pytest.raises(StudyError, match=r"corpus\.files: there is no file .*no\.txt"):
        check_files(ladder_of(tmp_path, "no.txt"))
    with pytest.raises(StudyError, match=r"'a\.docx' is none of \.txt, \.jsonl"):
        check_files(ladder_of(tmp_path, "a.docx"))


# --- token ids


@pytest.fixture
def corpus(ladder, tmp_path):
    return tokenise(ladder, tmp_path, print)


@pytest.fixture
def tokenizer(corpus):
    return AutoTokenizer.from_pretrained(str(corpus.folder / TOKENIZER))


def written(tokenizer, ids):
    """The documents in token ids: each starts with the first special token and ends with the second."""
    ids = np.asarray(ids)
    starts, ends = np.flatnonzero(ids == tokenizer.bos_token_id), np.flatnonzero(ids == tokenizer.eos_token_id)
    return [tokenizer.decode(ids[start + 1 : end]) for start, end in zip(starts, ends, strict=True)]


def test_the_arrays_hold_every_document_once_and_none_on_both_sides(ladder, corpus, tokenizer, texts):
    training, validation = (written(tokenizer, ids) for ids in (corpus.training(), corpus.validation()))
    assert training == [text for text in texts if not is_held_out(text, ladder.seed, 0.2)]
    assert validation == [text for text in texts if is_held_out(text, ladder.seed, 0.2)]
    assert (len(training), len(validation)) == (corpus.training_documents, corpus.validation_documents)
    assert corpus.training().dtype == np.uint16


def test_the_tokenizer_reads_any_text_starts_it_and_can_end_and_pad(tokenizer):
    text = "Größe \u4f60\u597d \U0001f600 <s> x</s>\n\ttab"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids[1:]) == text
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    assert len(tokenizer) == 300
    assert tokenizer.is_fast


def test_tokenising_twice_reads_what_is_there_and_a_changed_text_is_tokenised_anew(ladder, corpus, tmp_path):
    lines: list[str] = []
    assert tokenise(ladder, tmp_path, lines.append) == corpus
    assert not lines
    with ladder.corpus_files[0].open("a", encoding="utf-8") as file:
        file.write("\n\nmore")
    changed = tokenise(ladder, tmp_path, lines.append)
    assert lines
    assert changed.sha256 != corpus.sha256
    assert changed.training_documents + changed.validation_documents == 201


def test_a_text_too_small_for_its_vocabulary_or_to_hold_out_is_refused(tmp_path, ladder):
    (tmp_path / "small.txt").write_text("ab ab ab\n\nabab", encoding="utf-8")
    with pytest.raises(StudyError, match=r"vocabulary: the training text gives 26\d different pieces, 300 were asked"):
        tokenise(ladder_of(tmp_path, "small.txt"), tmp_path, print)
    with pytest.raises(StudyError, match=r"validation_share: 1e-06 .* holds out 0 tokens"):
        tokenise(ladder_of(tmp_path, "text.txt", corpus={"validation_share": 1e-6}), tmp_path, print)
    assert not [left.name for left in tmp_path.iterdir() if left.is_dir()]


# --- windows


def test_an_epoch_reads_every_window_once_each_token_predicted_by_the_one_before():
    ids = np.arange(1_000, dtype=np.uint16)
    windows = Windows(ids, LENGTH, seed=3)
    epoch = windows.batch(0, windows.per_epoch)
    assert epoch.shape == (windows.per_epoch, LENGTH + 1)
    targets = np.sort(epoch[:, 1:].ravel())
    assert np.array_equal(targets, np.arange(targets[0], targets[0] + len(targets)))  # contiguous, none twice
    assert len(ids) - len(targets) <= 2 * LENGTH
    assert np.array_equal(epoch[:, 1:], epoch[:, :-1] + 1)


def test_the_order_is_the_seeds_and_a_step_does_not_depend_on_those_before():
    ids = np.arange(1_000, dtype=np.uint16)
    one, two, other = Windows(ids, LENGTH, 3), Windows(ids, LENGTH, 3), Windows(ids, LENGTH, 4)
    for step in range(40):
        two.batch(step, 5)
    assert np.array_equal(one.batch(30, 5), two.batch(30, 5))
    assert not np.array_equal(one.batch(30, 5), other.batch(30, 5))
    assert not np.array_equal(one.batch(0, one.per_epoch), one.batch(1, one.per_epoch))


def test_validation_windows_follow_each_other():
    ids = np.arange(100, dtype=np.uint16)
    blocks = list(in_order(ids, LENGTH, 4, most_tokens=1_000))
    assert [len(block) for block in blocks] == [4, 2]
    assert np.array_equal(np.concatenate(blocks)[:, 1:].ravel(), np.arange(1, 97))
    assert sum(len(block) for block in in_order(ids, LENGTH, 4, most_tokens=40)) == 2
