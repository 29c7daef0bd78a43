"""Finished runs of a study, picked at random and run again: is each loss the same?

    python benchmarks/rerun.py studies/ladder.yaml --runs 3

The study's ledger is copied, the picked runs are put back to ``planned`` in the copy, and the study's own command runs
what is missing there. The study needs its texts and bases.
"""

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

AGAIN = "-again"


def main() -> None:
    """Run some again and print both losses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study file whose ledger has finished runs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    study = shutil.copy(given.study, given.study.with_stem(given.study.stem + AGAIN))
    ledger = copied(given.study.with_suffix(".ledger"), Path(study).with_suffix(".ledger"))
    try:
        before = put_back(ledger, given.runs, given.seed)
        subprocess.run([Path(sys.executable).with_name("bayes-scaling"), "finetune", "run", study], check=True)
        table = before.join(losses(ledger).rename(columns={"loss": "again"})["again"])
        table["difference"] = table["again"] - table["loss"]
        print(table.to_string(index=False, float_format="%.12g"))
        print(f"{(table['difference'] == 0).sum()} of {len(table)} losses are the same to the last digit")
    finally:
        for path in Path(study).parent.glob(f"{Path(study).stem}.*"):
            path.unlink()


def copied(ledger: Path, to: Path) -> Path:
    """A copy by SQLite's own backup, with what its write-ahead log holds."""
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


def losses(ledger: Path) -> pd.DataFrame:
    """Label and test loss of each measured run that is done, by id."""
    with closing(sqlite3.connect(ledger)) as database:
        rows = database.execute("SELECT id, label, measures FROM runs WHERE purpose = 'measure' AND status = 'done'")
        table = pd.DataFrame(rows.fetchall(), columns=["id", "run", "loss"]).set_index("id")
    return table.assign(loss=[json.loads(measures)["loss"] for measures in table["loss"]])


def put_back(ledger: Path, count: int, seed: int) -> pd.DataFrame:
    """Make some finished runs planned again; their losses until now."""
    table = losses(ledger)
    picked = random.Random(seed).sample(sorted(table.index), count)
    with closing(sqlite3.connect(ledger)) as database, database:
        database.executemany(
            "UPDATE runs SET status = 'planned', attempts = 0, measures = NULL, history = NULL WHERE id = ?",
            [(run,) for run in picked],
        )
    return table.loc[picked]


if __name__ == "__main__":
    main()
