"""Which law predicts left-out runs, or that the runs cannot tell: stacking weights on measured runs.

    python benchmarks/which_law.py lin2024                     # 60 curves of D_f, each fitted alone
    python benchmarks/which_law.py lin2024 --no-discrepancy    # laws at their word
    python benchmarks/which_law.py zhang2024_pet               # En-Zh by LoRA rank and prompt length (Figure 4)
    python benchmarks/which_law.py zhang2024_en_zh             # LoRA and prompt tuning on 1B to 8B (Figure 2)

Of lin2024, the multiplicative law (which is a power law in D_f alone) and the rectified one of the data's authors; of
En-Zh, the two laws of the paper.
"""

import argparse
import time
import warnings
from collections.abc import Sequence

from real_data import CURVE, lin2024, some

import bayes_scaling as bs

PET, EN_ZH = ("lora", "prompt"), "WMT19 En-Zh"
PAPER = ("zhang2024_pet", "zhang2024_en_zh")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one comparison a data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["lin2024", *PAPER])
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth curve of lin2024")
    parser.add_argument("--no-discrepancy", action="store_true", help="laws at their word, without the drift")
    parser.add_argument("--draws", type=int, default=400, help="of each chain or population")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", bs.ConvergenceWarning)
    for name in given.data:
        began = time.monotonic()
        drifts = not given.no_discrepancy
        found = (
            _paper(name, drifts, given.draws, given.seed)
            if name in PAPER
            else _curves(given.every, drifts, given.draws, given.seed)
        )
        print(
            f"\n{name}: {len(found.fits)} groups of runs, {len(found.pointwise)} runs, {time.monotonic() - began:.0f} s"
        )
        print(found.table.drop(columns="held_out").round(3).to_string(index=False))
        print(found.text)


def _curves(every: int, drifts: bool, draws: int, seed: int) -> bs.LawComparison:
    runs = some(lin2024(), every).runs.drop(columns="held")
    laws = [
        bs.JointLaw(law, base_effects=False, factors=(), discrepancy=drifts) for law in ("multiplicative", "rectified")
    ]
    return bs.compare_laws(runs, laws, holdout=None, by=CURVE, seed=seed, draws=draws)


def _paper(name: str, drifts: bool, draws: int, seed: int) -> bs.LawComparison:
    runs = bs.load_data(name)
    runs = runs[(runs["task"] == EN_ZH) & runs["method"].isin(PET)]
    fitted = runs[runs["split"] == "fit"] if "split" in runs else runs
    laws = [bs.JointLaw(law, discrepancy=drifts) for law in ("multiplicative", "additive")]
    return bs.compare_laws(fitted, laws, holdout=None, seed=seed, draws=draws)


if __name__ == "__main__":
    main()
