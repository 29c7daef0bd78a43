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
# # A measured ladder: the paper's three findings, small
#
# Nobody has published finetuning losses over model size, pretraining size, PET size and $D_f$ at once.
# `bs.load_data("ladder")` has 720 of them, measured with `bayes_scaling.finetune` on 25 LLMs that it
# pretrained: five model sizes times five numbers of pretraining tokens, by full finetuning, LoRA and
# prompt tuning, on En-De translation and summarisation. The LLMs are tiny (27 thousand to a million
# parameters), so exponents are about this scale; what carries over is how to ask. Posteriors here are
# of few draws, of each (task, method) by itself, and of the LLMs of every second number of tokens.
# `docs/ladder.md` has those of all runs, all methods of a task in one fit.

# %%
import numpy as np
import pandas as pd

import bayes_scaling as bs

# %%
ladder = bs.load_data("ladder")
lora = ladder[(ladder["task"] == "en_de") & (ladder["method"] == "lora")]
losses = lora[(lora["seed"] == 0) & (lora["pet_size"] == 8) & (lora["finetune_size"] == 1600)]
losses.pivot_table(index="model_size", columns="pretrain_size", values="loss").round(3)

# %% [markdown]
# Loss falls along both, and neither is a stand-in for the other: every size was pretrained on every
# number of tokens. Seeds draw other finetuning examples, and their losses differ by a few thousandths.

# %%
tokens = sorted(ladder["pretrain_size"].unique())[::2]
of_tokens = ladder[ladder["pretrain_size"].isin(tokens)]
groups = {name: runs for name, runs in of_tokens.groupby(["task", "method"], sort=False)}
pd.Series({name: len(runs) for name, runs in groups.items()}, name="runs").to_frame()

# %% [markdown]
# ## Before the largest are fitted
#
# `split` holds out the LLM of a million parameters and the largest $D_f$. LoRA on En-De:

# %%
runs = groups["en_de", "lora"]
fitted, held_out = runs[runs["split"] == "fit"], runs[runs["split"] == "held"]
early = bs.fit(fitted, seed=0, draws=300)
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
few = {"seed": 0, "draws": 500}
fits = {name: bs.fit(runs, **few) for name, runs in groups.items() if name[0] == "en_de"}

# %%
fits |= {name: bs.fit(runs, **few) for name, runs in groups.items() if name[0] == "summary"}
for name, fit in fits.items():
    print(*name, "|", fit.check().text)

# %%
columns = ["task", "method", "parameter", "factor", "mean", "hdi_low", "hdi_high"]
exponents = pd.concat([fit.exponents() for fit in fits.values()], ignore_index=True)
exponents.loc[exponents["parameter"] != "A", columns].round(3)

# %%
axes = bs.plot_exponents(fits["en_de", "lora"], ("alpha", "beta"))

# %% [markdown]
# ## Finding 1: multiplicative or additive?
#
# The paper's law multiplies model size and $D_f$; the other adds them. Which one predicts runs that it
# has not seen, by leave-one-out? Full finetuning on En-De, of the LLMs of the largest number of tokens:

# %%
chosen = (ladder["task"] == "en_de") & (ladder["method"] == "full") & (ladder["pretrain_size"] == tokens[-1])
both_laws = [bs.JointLaw(law, factors=("model_size",)) for law in ("multiplicative", "additive")]
print(bs.compare_laws(ladder[chosen], both_laws, holdout=None, refit=False, draws=300).text)

# %% [markdown]
# ## Finding 2: a larger LLM, or more pretraining data?
#
# The paper found that finetuning gains more from a larger LLM. The exponents' difference, P(model size has
# the larger), and the share of the reducible loss that a doubling of either takes off:

# %%
compared = pd.concat([fit.compare_exponents("model_size", "pretrain_size") for fit in fits.values()])
columns = ["task", "method", "difference", "hdi_low", "hdi_high", "p_greater", "doubling_first", "doubling_second"]
compared[columns].round(3)

# %% [markdown]
# Per FLOP of pretraining (6 N P) both cost alike, so the order is the same. To finetune and to serve,
# only a larger model costs more, which is one more reason for tokens here. It is the opposite of what
# the paper found, at sizes four orders of magnitude above these.

# %%
at = {"model_size": 360_096.0, "pretrain_size": tokens[1]}
print(fits["en_de", "full"].compare_per_cost("model_size", "pretrain_size", **at).attrs["text"])

# %% [markdown]
# ## Finding 3: does PET size matter?
#
# P(|alpha| inside a region of practical equivalence), and what 16 times the rank or the length takes off
# the reducible loss:

# %%
rows = []
for (task, method), fit in fits.items():
    terms = fit.layout.terms_of_cell[0]
    if "pet_size" not in terms:
        continue
    alpha = fit.family("alpha")[:, terms["pet_size"]]
    inside = {f"P(|alpha| < {rope})": np.mean(np.abs(alpha) < rope) for rope in (0.01, 0.02, 0.05)}
    rows.append(
        {"task": task, "method": method, "alpha": alpha.mean(), **inside, "% off": 100 * (1 - 16 ** -alpha.mean())}
    )
pd.DataFrame(rows).round(3)

# %% [markdown]
# As in the paper, a larger adapter is of little use.
#
# ## Which method, and where they cross
#
# Methods on one LLM are compared in one fit, which knows what they share of it. Summarisation, LLMs of
# the largest number of tokens, full finetuning against LoRA of rank 8:

# %%
summary = ladder[(ladder["task"] == "summary") & (ladder["pretrain_size"] == tokens[-1])]
pair = summary[(summary["method"] == "full") | (summary["method"].eq("lora") & summary["pet_size"].eq(8))]
model = bs.JointLaw(factors=("model_size",))
both = bs.fit(pair, model, seed=0)
print(both.check().text)

# %%
sizes = sorted(pair["model_size"].unique())
print(both.crossover("full", "lora", model_size=sizes).text)

# %%
wins = both.win_probability([80, 400, 1600, 8000], model_size=sizes)
full = wins[wins["method"] == "full"]
full.pivot_table(index="model_size", columns="finetune_size", values="p_best").round(2)

# %%
print(both.choose(1600, model_size=sizes[-1]).text)

# %% [markdown]
# ## What this does not say
#
# - One learning rate a task and method, tuned at one LLM and one $D_f$: others may be worse tuned.
# - Two epochs, at least 40 steps: the smallest $D_f$ are seen more often.
# - One tokenizer with a small vocabulary, one architecture, one run of pretraining for each size, whose
#   five numbers of tokens are checkpoints of one run.
# - Five sizes over a decade and a half: an exponent far beyond is this law's word alone.
