"""Study files: what is wrong with one is a single error that names its place, whatever it is."""

from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.config import load_study
from bayes_scaling.finetune.errors import StudyError
from shared.bad_studies import GOOD, STUDIES

FEWEST = 30


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_gets_what_the_table_says(name: str, tmp_path: Path) -> None:
    content, must = STUDIES[name]
    file = tmp_path / "study.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    must.holds(lambda: load_study(file))
    assert list(tmp_path.iterdir()) == [file], "reading writes nothing"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a" * 5000 + ".yaml", "cannot be read: File name too long"),
        ("a\0b.yaml", "there is no such file"),
        ("", "there is no such file"),
        (None, "path=None: give the path"),
        (b"study.yaml", "give the path of a study file as text"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(path: str, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        load_study(path)


@pytest.mark.parametrize("text", [GOOD, "\ufeff" + GOOD, GOOD.replace("small", "学習 🎉"), GOOD.replace("100", "1_00")])
def test_its_good_twins_are_read(text: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_study(file).finetune_sizes == (50, 100)


def test_the_table_is_as_long_as_it_should_be() -> None:
    print(f"\n{len(STUDIES)} study files")
    assert len(STUDIES) >= FEWEST
