"""The scripts that build corpora: near-duplicates, splits, help pages and man pages, on small true cases."""

import importlib
import random
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "studies" / "corpora"
MODULES = ("near_duplicates", "splits", "libreoffice", "markup", "prose", "pretraining", "descriptions")


@pytest.fixture
def scripts(monkeypatch):
    if not SCRIPTS.is_dir():
        pytest.skip("studies/ is not part of an installed package")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    yield {name: importlib.import_module(name) for name in MODULES}
    for name in set(sys.modules) - before:
        if str(SCRIPTS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_similarity_is_jaccard_of_word_three_grams(scripts):
    near = scripts["near_duplicates"]
    held_out = near.HeldOut(["a b c d e", "Click OK.", "x y z"])
    assert held_out.similarity("A, b c d q") == pytest.approx(2 / 4)  # shares abc, bcd; abc bcd cde + cdq
    assert held_out.similarity("click ok") == 1
    assert held_out.similarity("nothing of it here") == 0
    assert held_out.has("a b c d q") and not held_out.has("a b c q r")


def test_splits_keep_groups_whole_and_near_duplicates_out_of_train(scripts):
    draw = random.Random(0)
    records = [
        {"en": " ".join(f"word{draw.randrange(5000)}" for _ in range(10)), "file": f"{page}"}
        for page in range(60)
        for _ in range(3)
    ]
    boilerplate = [{"en": "choose the command that you want to run now", "file": f"{page}"} for page in range(60)]
    parts = scripts["splits"].split(records + boilerplate, "file", "en", 16, 24)
    pages = [{record["file"] for record in part} for part in (parts.train, parts.dev, parts.test)]
    assert not pages[0] & pages[1] and not pages[0] & pages[2] and not pages[1] & pages[2]
    held_out = scripts["near_duplicates"].HeldOut(record["en"] for record in parts.held_out)
    assert not any(held_out.has(record["en"]) for record in parts.train)
    assert parts.removed > 0
    assert 16 <= len(parts.dev) < 20 and 24 <= len(parts.test) < 28


def test_a_help_page_gives_paragraphs_by_id_and_pairs_by_equal_ids(scripts, tmp_path):
    pages = {
        "en-US": '<h1 id="hd_1"><a name="x"></a>Insert a table</h1><td id="par_2"><p id="par_3">Choose <b>Tools</b> '
        '&amp; go<br>on</p></td><p id="other">not this</p><p id="par_4">Left as it is</p>',
        "de": '<h1 id="hd_1">Eine Tabelle einfügen</h1><p id="par_3">Wählen Sie Extras</p>'
        '<p id="par_4">Left as it is</p>',
    }
    for language, text in pages.items():
        folder = tmp_path / "usr/share/libreoffice/help" / language / "text" / "swriter"
        folder.mkdir(parents=True)
        (folder / "a.html").write_text(f"<html><body>{text}</body></html>", encoding="utf-8")
    assert scripts["libreoffice"].pairs(tmp_path, tmp_path) == [
        {"en": "Insert a table", "de": "Eine Tabelle einfügen", "file": "swriter/a.html"},
        {"en": "Choose Tools & go on", "de": "Wählen Sie Extras", "file": "swriter/a.html"},
    ]


def test_a_man_page_gives_its_running_text(scripts, tmp_path):
    lines = [r".\" comment", ".TH X 1", ".SH NAME", r"x \- do \fBthings\fP", ".PP", "Use", '.BR open (2) ", or"']
    lines += [r"\(lqthis\(rq.", ".nf", "code here", ".fi", ".PP", r"\[u00E4]ndern"]
    (tmp_path / "x.1").write_text("\n".join(lines), encoding="utf-8")
    (found,) = scripts["markup"].man(tmp_path / "x.1")
    assert [text for text in found if text] == ["x - do things", "Use open(2), or “this”.", "ändern"]


def test_code_and_scripts_of_a_page_are_left_out(scripts, tmp_path):
    (tmp_path / "x.html").write_text(
        "<head><title>No</title></head><p>Type <code>ls</code> now</p><pre>code</pre><script>x()</script><li>Two</li>"
    )
    (found,) = scripts["markup"].page(tmp_path / "x.html")
    assert [text for text in found if text] == ["Type ls now", "Two"]


def test_prose_is_long_enough_and_of_its_language(scripts):
    is_prose = scripts["prose"].is_prose
    assert is_prose("Die Datei wird nicht gespeichert", "de") and not is_prose("The file is not saved", "de")
    assert not is_prose("Zu kurz", "de") and not is_prose("0x12 0x34 == 0x56 && 7 | 8", "en")


def test_pretraining_text_has_no_held_out_paragraph_and_none_twice(scripts):
    held_out = scripts["near_duplicates"].HeldOut(["this very sentence is kept for the test set"])
    texts = ["This sentence is free to be used", "This very sentence is kept for the test set!"]
    documents = [("manual", "en", f"page {n}", [*texts, f"Page number {n} has its own text here"]) for n in range(300)]
    plain = scripts["pretraining"].collect(documents, held_out)
    together = "\n".join(record["text"] for record in plain.train + plain.held_out)
    assert "very sentence" not in together and together.count("free to be used") == 1
    assert 0 < len(plain.held_out) < 15 and plain.near_duplicates == 1


def test_english_is_cut_to_a_multiple_of_german(scripts):
    pretraining = scripts["pretraining"]
    documents = [("m", "de", f"{n}", [f"Das ist der Text von Seite {n} für alle"]) for n in range(50)]
    documents += [("m", "en", f"{n}", [f"This is the text of page {n} for all"]) for n in range(500)]
    plain = pretraining.collect(documents, scripts["near_duplicates"].HeldOut([]))
    pretraining.balance(plain)
    size = {language: 0 for language in ("en", "de")}
    for (_, language), count in pretraining.sizes(plain.train).items():
        size[language] += count
    assert 1.4 < size["en"] / size["de"] <= 1.5


def test_summaries_leave_out_templates_and_near_duplicates_of_a_source_package(scripts):
    make = scripts["descriptions"].Description
    text = " ".join(f"word{n}" for n in range(40))
    found = [
        make("tool", "does useful things", (text,)),
        make("tool-data", "does useful things (data)", (f"{text} more",)),
        make("other", "does useful things too", (text,)),
        make("old", "transitional package only", (text + " old",)),
        make("tiny", "much too short", ("few words",)),
    ]
    kept = scripts["descriptions"].summaries(found, {"tool-data": "tool"})
    assert [record["package"] for record in kept] == ["tool", "other"]
