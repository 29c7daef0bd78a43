"""A corpus as token ids: read, held out, tokenised once, kept as 16-bit arrays for all sizes of a ladder."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_scaling.finetune.errors import StudyError
from bayes_scaling.finetune.pretrain import files
from bayes_scaling.finetune.pretrain.documents import corpus_hashes, documents, is_held_out
from bayes_scaling.finetune.pretrain.ladder import Ladder
from bayes_scaling.finetune.pretrain.tokenizer import END, START, load_core, train_tokenizer

Ids = NDArray[np.uint16]

FORMAT = 1
TOKENIZER, TRAINING, VALIDATION, FACTS = "tokenizer", "training.npy", "validation.npy", "corpus.json"
AT_ONCE = 2_000


@dataclass(frozen=True)
class TokenisedCorpus:
    """What was made of a corpus.

    Attributes
    ----------
    folder
        Holds the tokenizer and the two arrays.
    sha256
        Of the files, the columns read, the held-out share and the seed that draws it.
    files
        SHA-256 by file.
    training_documents, validation_documents, training_tokens, validation_tokens
        Counts; tokens include the one before and the one after each document.
    """

    folder: Path
    sha256: str
    files: dict[str, str]
    training_documents: int
    validation_documents: int
    training_tokens: int
    validation_tokens: int

    def training(self) -> Ids:
        """Token ids of the training documents, one after the other, read from disk as needed."""
        return _load(self.folder / TRAINING)

    def validation(self) -> Ids:
        """Token ids of the held-out documents."""
        return _load(self.folder / VALIDATION)


def tokenise(ladder: Ladder, folder: Path, show: Callable[[str], None]) -> TokenisedCorpus:
    """Tokenise a ladder's corpus into a folder, or read what an earlier call left there.

    Raises
    ------
    StudyError
        If the corpus cannot be read, gives too few pieces for the vocabulary, or has nothing to hold out.
    """
    hashes = corpus_hashes(ladder)
    target = folder / f"corpus-{_key(ladder, hashes)}"
    if not target.is_dir():
        show(f"tokenising {', '.join(hashes)} into {ladder.vocabulary:,} pieces")
        files.write_folder(target, lambda place: _prepare(ladder, hashes, place))
    return _facts(target)


def _key(ladder: Ladder, hashes: dict[str, str]) -> str:
    settings = [corpus_identity(ladder, hashes), ladder.vocabulary, ladder.positions, FORMAT]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


def corpus_identity(ladder: Ladder, hashes: dict[str, str]) -> str:
    """SHA-256 of everything that decides which documents are trained on."""
    corpus = ladder.corpus
    parts = [sorted(hashes.items()), corpus.columns, corpus.validation_share, ladder.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _prepare(ladder: Ladder, hashes: dict[str, str], place: Path) -> None:
    tokenizer = train_tokenizer(_side(ladder, held_out=False), ladder.vocabulary, ladder.positions)
    tokenizer.save_pretrained(str(place / TOKENIZER))
    training, training_documents = _encoded(place, _side(ladder, held_out=False))
    validation, validation_documents = _encoded(place, _side(ladder, held_out=True))
    if len(validation) <= ladder.batch.length:
        raise StudyError(
            f"corpus.validation_share: {ladder.corpus.validation_share:g} of the documents holds out "
            f"{len(validation)} tokens, more than batch.length {ladder.batch.length} are needed; raise it"
        )
    np.save(place / TRAINING, training, allow_pickle=False)
    np.save(place / VALIDATION, validation, allow_pickle=False)
    facts = TokenisedCorpus(
        folder=place,
        sha256=corpus_identity(ladder, hashes),
        files=hashes,
        training_documents=training_documents,
        validation_documents=validation_documents,
        training_tokens=len(training),
        validation_tokens=len(validation),
    )
    kept = {key: value for key, value in asdict(facts).items() if key != "folder"}
    (place / FACTS).write_text(json.dumps(kept, indent=1), encoding="utf-8")


def _side(ladder: Ladder, held_out: bool) -> Iterator[str]:
    share = ladder.corpus.validation_share
    return (text for text in documents(ladder) if is_held_out(text, ladder.seed, share) == held_out)


def _encoded(place: Path, texts: Iterator[str]) -> tuple[Ids, int]:
    core = load_core(place / TOKENIZER)
    start, end = core.token_to_id(START), core.token_to_id(END)
    pieces: list[Ids] = [np.empty(0, np.uint16)]
    count = 0
    while several := list(islice(texts, AT_ONCE)):
        count += len(several)
        encodings = core.encode_batch(several, add_special_tokens=False)
        ids = [token for encoding in encodings for token in (start, *encoding.ids, end)]
        pieces.append(np.array(ids, np.uint16))
    return np.concatenate(pieces), count


def _load(file: Path) -> Ids:
    ids: Ids = np.load(file, mmap_mode="r", allow_pickle=False)
    return ids


def _facts(folder: Path) -> TokenisedCorpus:
    content: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return TokenisedCorpus(folder=folder, **content)
