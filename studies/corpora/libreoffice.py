"""LibreOffice's help: paragraphs that carry one id in every language, so that two languages' help make pairs.

A help page is HTML under ``usr/share/libreoffice/help/<language>/text``; its paragraphs are ``p, h1..h6, td, th, li``
elements whose ``id`` begins with ``par``, ``hd`` or ``tit``.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from texts import Record, tidy

PACKAGES = ("libreoffice-help-en-us", "libreoffice-help-de")
TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "li"}
HELP = Path("usr/share/libreoffice/help")
SHORTEST, LONGEST = 3, 120
MOST_UNEQUAL = 3.0


class Paragraphs(HTMLParser):
    """The paragraphs of a help page, by id."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self._open: list[tuple[str, str | None, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a paragraph."""
        if tag in TAGS:
            name = dict(attrs).get("id") or ""
            self._open.append((tag, name if name.startswith(("par", "hd", "tit")) else None, []))
        elif tag == "br" and self._open:
            self._open[-1][2].append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost paragraph of this tag, and what was left open inside it."""
        while tag in TAGS and any(tag == opened for opened, _, _ in self._open):
            opened, name, pieces = self._open.pop()
            if name is not None and tidy("".join(pieces)):
                self.found.setdefault(name, tidy("".join(pieces)))
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        """Keep text of the innermost open paragraph."""
        if self._open:
            self._open[-1][2].append(data)


def paragraphs(unpacked: Path, language: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every help page of a language, by its path: its paragraphs by id."""
    folder = unpacked / HELP / language / "text"
    for file in sorted(folder.rglob("*.html")):
        parser = Paragraphs()
        parser.feed(file.read_text(encoding="utf-8"))
        yield file.relative_to(folder).as_posix(), parser.found


def pairs(english: Path, german: Path) -> list[Record]:
    """Pairs of paragraphs from the two unpacked packages: ``en``, ``de`` and ``file``; every pair of texts once."""
    other = dict(paragraphs(german, "de"))
    seen: set[tuple[str, str]] = set()
    found: list[Record] = []
    for page, texts in paragraphs(english, "en-US"):
        for name, text in texts.items():
            translation = other.get(page, {}).get(name, "")
            if _is_pair(text, translation) and (text, translation) not in seen:
                seen.add((text, translation))
                found.append({"en": text, "de": translation, "file": page})
    return found


def _is_pair(text: str, translation: str) -> bool:
    """Whether both are prose of a moderate length and neither is the other left untranslated."""
    words, others = len(text.split()), len(translation.split())
    if min(words, others) < SHORTEST or max(words, others) > LONGEST or text == translation:
        return False
    return 1 / MOST_UNEQUAL <= len(text) / len(translation) <= MOST_UNEQUAL
