"""The README's Python examples run as they stand, and print what it says they print."""

import doctest
import re
from pathlib import Path

import pytest

import bayes_scaling as bs

README = Path(__file__).resolve().parents[1] / "README.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class SameWords(doctest.OutputChecker):
    """What was printed, with numbers as close as posterior draws of two machines are."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Words are the same, and each number is within 10 % or .03."""
        wanted, found = ([float(number) for number in NUMBER.findall(text)] for text in (want, got))
        words = [NUMBER.sub("#", text).split() for text in (want, got)]
        return words[0] == words[1] and found == pytest.approx(wanted, rel=0.1, abs=0.03)


def test_python_example(
    fit: bs.Posterior, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bs, "fit", lambda *_args, **_kwargs: fit)  # the session's fit is this very one
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "PASS" in printed
    assert "P(no crossover of full and lora" in printed
    assert (tmp_path / "posterior.nc").stat().st_size > 0


def test_printed_example(fit: bs.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bs, "fit", lambda *_args, **_kwargs: fit)
    (example,) = re.findall(r"```pycon\n(.*?)```", README.read_text(), flags=re.DOTALL)
    told = doctest.DocTestParser().get_doctest(example, {}, "README", str(README), 0)
    heard: list[str] = []
    done = doctest.DocTestRunner(SameWords()).run(told, out=heard.append)
    assert done.attempted == 6 and done.failed == 0, "".join(heard)


def test_another_number_or_word_is_noticed() -> None:
    same = SameWords().check_output
    assert same("takes D_f 434k of 0.72\n", "takes D_f\n 440k of 0.70\n", 0)
    assert not same("takes D_f 434k", "takes D_f 534k", 0)
    assert not same("use lora", "use full", 0)
