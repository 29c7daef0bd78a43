"""Is honesty bought by vagueness? Widths and coverages of bands on simulated data, where the law is true.

    python benchmarks/widths.py curves --truths 20 --ledger widths.jsonl     # the average beside the true law
    python benchmarks/widths.py grid --truths 20 --ledger widths.jsonl --rival ENV/bin/python
    python benchmarks/widths.py default --truths 5 --ledger widths.jsonl     # the grid by the default model (NUTS) too
    python benchmarks/widths.py curves grid --truths 0 --ledger widths.jsonl # tables of what is there

The rival of the 4 x 4 grid, simple-scaling-laws, has an environment of its own:

    python3.12 -m venv ENV && ENV/bin/pip install simple-scaling-laws

Stopped, it goes on where it was: each finished truth is one JSON line of the ledger.
"""

import argparse
import json
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import width_curves
import width_grid

import bayes_scaling as bs

PARTS = {"curves": width_curves, "grid": width_grid, "default": width_grid}


def main(arguments: Sequence[str] | None = None) -> None:
    """Score what the ledger lacks, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="+", choices=tuple(PARTS))
    parser.add_argument("--truths", type=int, default=20)
    parser.add_argument("--ledger", type=Path, required=True, help="made, or resumed")
    parser.add_argument("--rival", type=Path, help="python of the environment that has simple-scaling-laws")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    for part in given.part if given.truths else ():
        run(part, given)
    for module in dict.fromkeys(PARTS[part] for part in given.part):
        report(module, given.ledger)


def run(part: str, given: argparse.Namespace) -> None:
    """Append to the ledger what it lacks of one part."""
    if part == "grid":
        _check_rival(given.rival)
    done = {_key(record) for record in records(given.ledger)}
    for number in range(given.truths):
        for setting in PARTS[part].settings():
            record: dict[str, Any] = {"part": part, "truth": number, "setting": setting}
            if _key(record) in done:
                continue
            options = {"rival": given.rival} if part == "grid" else {}
            points = PARTS[part].default_points if part == "default" else PARTS[part].points
            record["points"] = list(points(number, **setting, **options))
            with given.ledger.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _check_rival(python: Path | None) -> None:
    imports = [str(python), "-c", "import simple_scaling_laws"]
    if python is None or not python.is_file() or subprocess.run(imports, capture_output=True, check=False).returncode:
        raise SystemExit(
            f"--rival={python}: give the python of an environment that has simple-scaling-laws; to make one:\n"
            "    python3.12 -m venv ENV && ENV/bin/pip install simple-scaling-laws\nthen --rival ENV/bin/python"
        )


def _key(record: dict[str, Any]) -> tuple[str, int, str]:
    return record["part"], record["truth"], json.dumps(record["setting"])


def records(ledger: Path) -> list[dict[str, Any]]:
    """The ledger's lines."""
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()] if ledger.exists() else []


def report(module: ModuleType, ledger: Path) -> None:
    """Print the tables of what the ledger has for one module."""
    rows = [
        {"truth": record["truth"]} | record["setting"] | point
        for record in records(ledger)
        if PARTS[record["part"]] is module
        for point in record["points"]
    ]
    if not rows:
        raise SystemExit(f"{ledger} has nothing of this yet; give --truths")
    for title, table in module.tables(pd.DataFrame(rows)):
        print(f"\n{title}\n{table.round(4).to_string(index=False)}")


if __name__ == "__main__":
    main()
