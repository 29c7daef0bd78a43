"""The README's Python example runs as it stands."""

import re
from pathlib import Path

import pytest

import bayes_scaling as bs

README = Path(__file__).resolve().parents[1] / "README.md"


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
