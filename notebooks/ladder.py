# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A measured ladder: model size or pretraining data?
#
# Nobody has published finetuning losses over model size, pretraining size, PET size and $D_f$ at once.
# `bs.load_data("ladder")` has 720 of them, measured with `bayes_scaling.finetune` on 25 LLMs that it
# pretrained: five model sizes times five numbers of pretraining tokens. They are tiny (27 thousand to a
# million parameters), so exponents are about this scale; what carries over is how to ask. Here is one
# (task, method): LoRA on En-De translation. `docs/ladder.md` has all six, with the paper's findings.

# %%
import numpy as np

import bayes_scaling as bs

# %%
ladder = bs.load_data("ladder")
runs = ladder[(ladder["task"] == "en_de") & (ladder["method"] == "lora")]
losses = runs[(runs["seed"] == 0) & (runs["pet_size"] == 8) & (runs["finetune_size"] == 1600)]
losses.pivot_table(index="model_size", columns="pretrain_size", values="loss").round(3)

# %% [markdown]
# Loss falls along both, and neither is a stand-in for the other: every size was pretrained on every
# number of tokens. Seeds draw other finetuning examples, and their losses differ by a few thousandths.
#
# ## Before the largest are fitted
#
# `split` holds out the LLM of a million parameters and the largest $D_f$.

# %%
fitted, held_out = runs[runs["split"] == "fit"], runs[runs["split"] == "held"]
early = bs.fit(fitted, seed=0, draws=600, warmup=600)
print(early.check().text)

# %%
bands = early.predict(held_out, kind="run")
bands["inside"] = bands["loss"].between(bands["low"], bands["high"])
bands["new"] = np.where(bands["model_size"] > fitted["model_size"].max(), "larger LLM", "more data, fitted LLM")
bands["error"] = bands["mean"] / bands["loss"] - 1
bands["width"] = (bands["high"] - bands["low"]) / bands["mean"]
bands.groupby("new").agg(
    runs=("inside", "size"), inside=("inside", "mean"), error=("error", "mean"), width=("width", "mean")
)

# %% [markdown]
# ## All runs: the exponents

# %%
fit = bs.fit(runs, seed=0, draws=600, warmup=600)
print(fit.check().text)
columns = ["parameter", "factor", "mean", "hdi_low", "hdi_high", "prob_positive"]
fit.exponents()[columns].round(3)

# %%
axes = bs.plot_exponents(fit, ("alpha", "beta"))

# %% [markdown]
# The paper found that finetuning gains more from a larger LLM than from more pretraining data. Per unit
# of log size:

# %%
comparison = fit.compare_exponents("model_size", "pretrain_size")
print(comparison.attrs["text"])

# %% [markdown]
# Both factors cost the same pretraining FLOPs a doubling (about six times parameters times tokens), so
# this is also the order per FLOP of pretraining. To finetune and to serve, only a larger model costs
# more, which is one more reason for tokens here.
#
# PET size, the paper's third finding: does the rank matter?

# %%
alpha = fit.family("alpha")[:, fit.layout.terms_of_cell[0]["pet_size"]]
for rope in (0.01, 0.02, 0.05):
    print(f"P(|alpha[pet_size]| < {rope}) = {np.mean(np.abs(alpha) < rope):.2f}")
print(f"16 times the rank takes {100 * (1 - 16 ** -alpha.mean()):.1f} % off the reducible loss")

# %% [markdown]
# ## What this does not say
#
# - One learning rate a task and method, tuned at one LLM and one $D_f$: others may be worse tuned.
# - Two epochs, at least 40 steps: the smallest $D_f$ are seen more often.
# - One tokenizer with a small vocabulary, one architecture, one run of pretraining for each size, whose
#   five numbers of tokens are checkpoints of one run.
# - Five sizes over a decade and a half: an exponent far beyond is this law's word alone.
