"""Which paragraphs are prose of their language, for pretraining."""

import re

SHORTEST = 4
LETTERS = 0.7
COMMON = {
    "en": {"the", "of", "and", "is", "to", "in", "for", "with", "that", "this", "are", "be", "or", "by", "you", "an"},
    "de": {"der", "die", "das", "und", "ist", "zu", "den", "für", "mit", "von", "ein", "eine", "nicht", "sie", "wird"},
}
OTHER = {"en": "de", "de": "en"}


def is_prose(text: str, language: str) -> bool:
    """Whether a paragraph has words enough, mostly letters, and is not in the other language."""
    if len(text.split()) < SHORTEST:
        return False
    if sum(letter.isalpha() or letter.isspace() for letter in text) < LETTERS * len(text):
        return False
    return _common(text, language) >= _common(text, OTHER[language])


def _common(text: str, language: str) -> int:
    return sum(word in COMMON[language] for word in re.findall(r"\w+", text.casefold()))
