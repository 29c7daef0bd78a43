"""Wrong command lines: exit code 2, one message on stderr, no traceback, and no file."""

import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayes_scaling.cli import app
from shared.bad_commands import COMMANDS, TEXTS
from shared.posteriors import saved

FEWEST = 60
RUNNER = all(find_spec(name) for name in ("torch", "transformers", "peft", "pydantic", "yaml"))


@pytest.fixture(scope="module")
def posterior(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(runs, tmp_path_factory.mktemp("posterior"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:80])
def test_a_command_gets_what_the_table_says(command: tuple[str, ...], posterior: Path, tmp_path: Path) -> None:
    if command[0] == "finetune" and not RUNNER:
        pytest.skip("the finetune extra is not installed")
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    before = sorted(tmp_path.rglob("*"))
    arguments = [part.format(posterior=posterior, folder=tmp_path) for part in command]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert COMMANDS[command] in " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.stderr).split())
    assert len(re.findall(r"(?i)\berror\b", result.stderr)) == 1, result.stderr
    assert "Traceback" not in result.stderr and "np.float64" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written"


def test_the_table_is_as_long_as_it_should_be() -> None:
    print(f"\n{len(COMMANDS)} command lines")
    assert len(COMMANDS) >= FEWEST
