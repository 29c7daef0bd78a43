"""The packaged runs of the ladder from the export of its ledger.

    bayes-scaling finetune export studies/ladder.yaml -o runs.csv
    python benchmarks/make_ladder_data.py runs.csv

Numbers are copied as text, digit for digit; a column ``split`` is added: ``held`` for the largest LLM and the largest
D_f, ``fit`` for the others.
"""

import argparse
import csv
from pathlib import Path

PACKAGED = Path(__file__).resolve().parents[1] / "bayes_scaling" / "data" / "ladder.csv"
COLUMNS = (
    "task",
    "method",
    "base",
    "model_size",
    "pretrain_size",
    "pet_size",
    "finetune_size",
    "seed",
    "loss",
    "metric",
    "test_loss_se",
    "split",
    "run",
    "status",
    "censored",
    "learning_rate",
    "learning_rate_at_edge",
    "hit_step_cap",
    "stopped_early",
    "base_loss",
    "bits_per_byte",
    "lm_loss_before",
    "lm_loss_after",
    "zero_shot_base_loss_en_de",
    "zero_shot_loss_en_de",
    "zero_shot_base_loss_summary",
    "zero_shot_loss_summary",
    "steps",
    "best_step",
    "trainable_parameters",
    "tokens",
)
LARGEST = ("model_size", "finetune_size")


def main() -> None:
    """Write the packaged table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="what 'bayes-scaling finetune export' wrote")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    given = parser.parse_args()
    with given.runs.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    largest = {column: max(float(row[column]) for row in rows) for column in LARGEST}
    for row in rows:
        held = any(float(row[column]) == size for column, size in largest.items())
        row["split"] = "held" if held else "fit"
    rows.sort(key=lambda row: [row["task"], row["method"], *(float(row[c] or 0) for c in COLUMNS[3:8])])
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
