"""Simulation-based calibration of every shipped model, and of broken twins that must fail.

    python benchmarks/calibration.py --truths 100 --ledger ranks.jsonl          # all models; resumed where it stopped
    python benchmarks/calibration.py --truths 60 --ledger ranks.jsonl --kind curve
    python benchmarks/calibration.py --table --ledger ranks.jsonl               # the table of what is there

Each quantity's ranks are tested for uniformity; with k quantities a model passes when the least of k p-values is above
.01 / k, so that a right model fails one time in a hundred. Twins run on every third truth. A truth whose sampler did
not converge is ranked as the others are, and counted.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sbc import Truths, ranked, uniform_p_value
from sbc_models import Case, curves, joints

FAILURE = 0.01
KINDS = {"curve": curves, "joint": joints}
TWIN_EVERY = 3
Key = tuple[str, str, int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Rank what the ledger lacks, then print one row a model and twin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truths", type=int, default=100)
    parser.add_argument("--ledger", type=Path, required=True, help="one JSON line a truth; made, or resumed")
    parser.add_argument("--kind", action="append", choices=tuple(KINDS))
    parser.add_argument("--case", default="", help="only models whose name holds this, such as 'slopes'")
    parser.add_argument("--table", action="store_true", help="rank nothing more")
    given = parser.parse_args(arguments)
    if not given.table:
        cases = [case for kind in given.kind or KINDS for case in KINDS[kind]() if given.case in case.name]
        run(cases, given.truths, given.ledger)
    print(table(given.ledger).to_string(index=False))


def run(cases: Sequence[Case], truths: int, ledger: Path) -> None:
    """Append to the ledger what it lacks, one model after the other: each compiles for itself."""
    done = {(r["model"], r["twin"], r["truth"]) for r in records(ledger)}
    drawn: dict[str, Truths] = {}
    for number, case, twin in _wanted(cases, truths):
        key: Key = (case.name, twin.name if twin else "", number)
        if key in done:
            continue
        if case.name not in drawn:
            drawn[case.name] = Truths(case)
        record = {"model": key[0], "twin": key[1], "truth": number} | ranked(drawn[case.name], number, twin)
        with ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def _wanted(cases: Sequence[Case], truths: int) -> Iterator[tuple[int, Case, Any]]:
    for case in cases:
        for number in range(truths):
            yield number, case, None
            if number % TWIN_EVERY == 0:
                yield number, case, case.twin


def records(ledger: Path) -> list[dict[str, Any]]:
    """The ledger's lines."""
    if not ledger.exists():
        return []
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


def table(ledger: Path) -> pd.DataFrame:
    """One row a model and twin: its worst quantity, the p-value of it, and the verdict."""
    frame = pd.DataFrame(records(ledger))
    groups = frame.sort_values("truth").groupby(["model", "twin"], sort=False)
    return pd.DataFrame([_row(model, twin, group) for (model, twin), group in groups])


def _row(model: str, twin: str, group: pd.DataFrame) -> dict[str, object]:
    ranks = pd.DataFrame(group["ranks"].tolist())
    p_values = {str(name): uniform_p_value(column.to_numpy(np.int64)) for name, column in ranks.items()}
    worst = min(p_values, key=p_values.__getitem__)
    return {
        "model": model,
        "broken twin": twin or "-",
        "truths": len(group),
        "not converged": int((~group["converged"]).sum()),
        "quantities": len(p_values),
        "least p": f"{p_values[worst]:.2g}",
        "of": worst,
        "needed": f"{FAILURE / len(p_values):.1g}",
        "verdict": "passes" if p_values[worst] > FAILURE / len(p_values) else "fails",
        "s a truth": round(group["seconds"].median(), 1),
    }


if __name__ == "__main__":
    main()
