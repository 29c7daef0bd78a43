"""What the ladder's design could be expected to tell: widths of the HDI of alpha[model_size] - alpha[pretrain_size].

    python benchmarks/ladder_design.py

One method, no PET size, simulated from exponents of the paper's order and from base LLMs that scatter by 1 % and fall a
tenth faster or slower. It was run after the runs were made: it says what to expect of the design, it did not choose it.
"""

import bayes_scaling as bs
from bayes_scaling.study_simulation import truth_from_loss

RANGES = {"model_size": (27e3, 1.0e6), "pretrain_size": (0.5e6, 6e6), "finetune_size": (80.0, 8000.0)}
LEVELS = {"model_size": [3, 5, 8], "pretrain_size": [3, 5, 8], "finetune_size": [4]}
EXPONENTS = ((0.15, 0.10), (0.10, 0.15), (0.12, 0.12))  # of model size and of pretraining size
BETA, LOSS, FLOOR = 0.12, 3.5, 1.5
STUDIES, WIDTH = 60, 0.03


def main() -> None:
    """Print the table of docs/ladder.md."""
    truths = [
        truth_from_loss(
            LOSS,
            FLOOR,
            {"model_size": model, "pretrain_size": pretrain, "finetune_size": BETA},
            RANGES,
            sigma=0.005,
            base_scale=0.01,
            slope_scale=0.1,
        )
        for model, pretrain in EXPONENTS
    ]
    plan = bs.plan_study(truths, ("model_size", "pretrain_size"), RANGES, LEVELS, width=WIDTH, studies=STUDIES)
    columns = ["model_size", "pretrain_size", "bases", "runs", "hdi_width", "hdi_width_mcse", "coverage"]
    print(plan.table[columns].round(3).to_string(index=False))
    print(plan.text)


if __name__ == "__main__":
    main()
