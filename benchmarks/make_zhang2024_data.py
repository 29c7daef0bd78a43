"""Rebuild the packaged Zhang et al. 2024 data from the numbers read off the paper.

    python benchmarks/make_zhang2024_data.py ../shared/data/zhang2024

Numbers are copied as text, digit for digit; ``bayes_scaling/data/PROVENANCE.md`` says what changes and why.
"""

import argparse
import csv
import json
from pathlib import Path

PACKAGED = Path(__file__).resolve().parents[1] / "bayes_scaling" / "data"
METHODS = {"FMT": "full", "Prompt": "prompt", "LoRA": "lora"}
TASKS = {"En-De": "WMT14 En-De", "En-Zh": "WMT19 En-Zh", "MLSum": "MLSum"}
# Non-embedding parameters: with the nominal sizes the paper's own fit does not come back.
MODEL_SIZES = {"1B": 956e6, "2B": 1861e6, "4B": 3209e6, "8B": 7583e6, "16B": 14780e6}
METRIC = "nats per target token"
LAW = (
    ("A_m", "A", "model_size"),
    ("A_p", "A", "pretrain_size"),
    ("alpha_m", "alpha", "model_size"),
    ("alpha_p", "alpha", "pretrain_size"),
    ("beta", "beta", ""),
    ("E", "E", ""),
)
Row = dict[str, object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with the two digitised figures and table4_derounded.json")
    parser.add_argument("--out", type=Path, default=PACKAGED, help="folder to write to (the package's data)")
    args = parser.parse_args()
    write(args.out / "zhang2024_en_zh.csv", en_zh_rows(args.source / "fig2_en_zh_digitised.csv"))
    write(args.out / "zhang2024_pet.csv", pet_rows(args.source / "fig4_pet_digitised.csv"))
    write(args.out / "zhang2024_table4.csv", table4_rows(args.source / "table4_derounded.json"))


def en_zh_rows(path: Path) -> list[Row]:
    return [run(row, row["model_size"], {}, {"split": row["set"]}) for row in read(path)]


def pet_rows(path: Path) -> list[Row]:
    return [
        run(row, "1B", {"pet_size": row["pet_size"]}, {"split": row["marker"], "quality": row["quality"]})
        for row in read(path)
        if row["quality"] in ("good", "ok")
    ]


def run(row: dict[str, str], base: str, factors: Row, extra: Row) -> Row:
    return {
        "task": row["task"],
        "method": METHODS[row["method"]],
        "base": base,
        "model_size": f"{MODEL_SIZES[base]:.0f}",
        **factors,
        "finetune_size": row["D_f_sentences"],
        "loss": row["test_ppl"],
        "metric": METRIC,
        **extra,
    }


def table4_rows(path: Path) -> list[Row]:
    cells = json.loads(path.read_text(encoding="utf-8"))
    return [
        {
            "task": TASKS[cell.split("/")[0]],
            "method": METHODS[cell.split("/")[1]],
            "parameter": parameter,
            "factor": factor,
            "value": values[key],
        }
        for cell, values in cells.items()
        for key, parameter, factor in LAW
    ]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
