"""Paragraphs of manuals: HTML or XML pages, man pages, dictionaries and fortune files."""

import gzip
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from texts import tidy

BLOCKS = {"p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "title", "item", "para", "desc"}
SILENT = {"head", "script", "style", "pre", "nav", "code", "screen", "programlisting", "math", "info"}
BREAKS = (".PP", ".P", ".LP", ".TP", ".IP", ".HP", ".sp", ".SH", ".SS", ".RS", ".RE")
FONTS = (".B", ".I", ".BR", ".BI", ".IR", ".IB", ".RB", ".RI", ".SM", ".SB")
UNSET = {".nf": ".fi", ".EX": ".EE", ".TS": ".TE", ".de": "..", ".ig": ".."}
ROFF = {
    "(aq": "'", "(dq": '"', "(em": "—", "(en": "–", "(lq": "“", "(rq": "”", "(oq": "‘", "(cq": "’", "(Bq": "„",
    "(bu": "•", "(co": "©", ":a": "ä", ":o": "ö", ":u": "ü", ":A": "Ä", ":O": "Ö", ":U": "Ü", "ss": "ß", "(ti": "~",
}  # fmt: skip
ENTRY = 30
"""Short pieces (fortunes, glosses) that make one document."""


class Blocks(HTMLParser):
    """The text of block elements, in order; code, scripts and navigation are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._pieces: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A block ends what was before it."""
        if tag in BLOCKS:
            self._close()
        if tag in SILENT:
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """A block ends."""
        if tag in BLOCKS:
            self._close()
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]

    def handle_data(self, data: str) -> None:
        """Keep text outside silent elements; inline code is kept as it stands in a sentence."""
        if all(tag == "code" for tag in self._silent):
            self._pieces.append(data)

    def close(self) -> None:
        """The page ends."""
        super().close()
        self._close()

    def _close(self) -> None:
        self.found.append(tidy("".join(self._pieces)))
        self._pieces = []


def page(file: Path) -> Iterator[list[str]]:
    """One document: the paragraphs of an HTML or XML page."""
    parser = Blocks()
    parser.feed(_text(file))
    parser.close()
    yield parser.found


def man(file: Path) -> Iterator[list[str]]:
    """One document: the running text of a man page in the ``man`` macros."""
    found: list[list[str]] = [[]]
    until = ""
    for line in _text(file).splitlines():
        macro, _, rest = line.partition(" ")
        if until:
            until = "" if macro == until else until
        elif macro in UNSET:
            until = UNSET[macro]
        elif macro in BREAKS or not line.strip():
            found.append([])
        elif macro in FONTS:
            found[-1].append(_font(macro, rest))
        elif not line.startswith((".", "'")):
            found[-1].append(line)
    yield [tidy(_unescaped(" ".join(lines))) for lines in found]


def _font(macro: str, rest: str) -> str:
    words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', rest)]
    return ("" if len(macro) == 3 and macro not in (".SM", ".SB") else " ").join(words)


def _unescaped(text: str) -> str:
    text = re.sub(r'\\"[^\n]*$', "", text)
    text = re.sub(r"\\(f(\[\w*\]|\(..|.)|s[-+]?\d|[&|^%/,c)])", "", text)
    text = re.sub(r"\\\[u([0-9A-F]{4})\]", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\\[([^\]]*)\]", lambda found: ROFF.get(found[1], ROFF.get("(" + found[1], "")), text)
    text = re.sub(r"\\(\(..)", lambda found: ROFF.get(found[1], ""), text)
    text = re.sub(r"\\\*(\[[^\]]*\]|\(..|.)", "", text)
    return text.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ").replace("\\~", " ").replace("\\:", "")


def dictionary(file: Path) -> Iterator[list[str]]:
    """Documents of a dictd dictionary: some paragraphs each."""
    text = re.sub(r"\{([^}]*)\}|<[^>]*>", r"\1", _text(file))
    yield from _chunks([tidy(piece) for piece in re.split(r"\n\s*\n", text)])


def wordnet(file: Path) -> Iterator[list[str]]:
    """Documents of WordNet: some glosses each, with the first word that a gloss stands under."""
    glosses: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", _text(file)):
        word, _, body = entry.partition("\n")
        text = re.sub(r"\[(syn|ant|also):[^\]]*\]", "", tidy(body))
        for gloss in re.split(r"(?:^|\s)(?:n |v |adj |adv )?\d+: ", text):
            if gloss:
                glosses.setdefault(tidy(gloss), tidy(word))
    yield from _chunks([f"{word}: {gloss}" for gloss, word in glosses.items()])


def fortunes(file: Path) -> Iterator[list[str]]:
    """Documents of a fortune file: some fortunes each."""
    yield from _chunks([tidy(piece) for piece in _text(file).split("\n%\n")])


def _chunks(pieces: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(pieces), ENTRY):
        yield pieces[start : start + ENTRY]


def _text(file: Path) -> str:
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


READERS: dict[str, Callable[[Path], Iterator[list[str]]]] = {
    "page": page,
    "man": man,
    "dictionary": dictionary,
    "wordnet": wordnet,
    "fortunes": fortunes,
}
