# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which finetuning method, at which data size?
#
# You have finetuned a few LLMs with a few methods on some data, and want to know how the loss falls
# with more data or a larger model, how sure that is, and which method to use where. This notebook
# goes that way once, on the runs of Zhang et al. (ICLR 2024, [arXiv
# 2402.17193](https://arxiv.org/abs/2402.17193)), translation WMT19 En-Zh, read off the paper's
# figures. It takes a minute or two.

# %%
import numpy as np

import bayes_scaling as bs

# %% [markdown]
# ## The runs
#
# One row is one finished finetuning run. `finetune_size` is the number of finetuning examples
# $D_f$, `model_size` the number of non-embedding parameters, `loss` is in nats per target token.
# The paper held some runs out of its fits, and so do we: the largest $D_f$ of every LLM, and all
# runs of the 16B LLM.

# %%
runs = bs.load_data("zhang2024_en_zh")
fitted, held_out = runs[runs["split"] == "fit"], runs[runs["split"] == "held"]
runs.groupby(["method", "split"], sort=False).agg(
    runs=("loss", "size"),
    bases=("base", lambda names: ", ".join(dict.fromkeys(names))),
    smallest=("finetune_size", "min"),
    largest=("finetune_size", "max"),
)

# %% [markdown]
# Look at the sizes before anything else. Full finetuning was run on a million examples and more,
# LoRA and prompt tuning on a hundred thousand and fewer: **no $D_f$ was measured with full
# finetuning and with one of the other two.** Whatever is said below about full finetuning against
# the others extrapolates one of the two sides. No model changes that; what a model can do is to say
# how far the extrapolation can be trusted if its law is right.

# %% [markdown]
# ## What is assumed
#
# The law is the paper's, $L = A\,X^{-\alpha} D_f^{-\beta} + E$ with $X$ the model size, one set of
# parameters a method. To it comes an effect of each base LLM, which moves all of its runs together.
# It matters: there are 120 runs but only four LLMs, and what is known of $\alpha$ comes from those
# four. Printing the model samples nothing.

# %%
model = bs.JointLaw(law="multiplicative")
print(model.describe(fitted))

# %% [markdown]
# ## The fit, and whether to believe it

# %%
fit = bs.fit(fitted, model, seed=0)
checks = fit.check()
print(checks.text)
for check in checks.table.itertuples():
    print(f"- {check.check} ({check.status}): {check.reason}")

# %% [markdown]
# *Calibration* asks of each fitted run whether it lies in the band that the other runs give it. It
# says nothing of a new LLM or of a $D_f$ far off; that is what the held-out runs are for.

# %% [markdown]
# ## The exponents, beside the paper's
#
# The open diamonds are the values of the paper's Table 4, made consistent with its figures.

# %%
published = bs.published_exponents()
axes = bs.plot_exponents(fit, ("alpha", "beta", "E"), published=published)

# %%
paper = published[(published["task"] == "WMT19 En-Zh") & published["factor"].isin(["model_size", ""])]
columns = ["method", "parameter", "mean", "hdi_low", "hdi_high"]
exponents = fit.exponents()[columns].merge(paper[["method", "parameter", "value"]]).query("parameter != 'A'")
exponents.assign(inside=exponents["value"].between(exponents["hdi_low"], exponents["hdi_high"])).round(3)

# %% [markdown]
# Those of prompt tuning agree. Of full finetuning and LoRA several lie below the 90 % intervals,
# smaller exponents with a smaller $E$: they go together, since a lower floor leaves more loss for a
# slower power law to remove. The two fits are not of the same thing. The paper's $E$ and $\beta$
# are also those of runs with other pretraining sizes, which are not in this table, and its law has
# no base effects. Both describe the same points well, so compare methods by their predictions
# rather than by the digits of an $\alpha$ that comes from four LLMs.
#
# Does loss fall faster with model size or with finetuning data? $\alpha$ minus $\beta$, each per
# unit of log size (a doubling of the one does not cost what a doubling of the other costs):

# %%
comparison = fit.compare_exponents("model_size", "finetune_size")
print(comparison.attrs["text"])

# %% [markdown]
# ## Bands at the held-out runs
#
# Filled markers were fitted, hollow ones were not. The dashed curve is the 16B LLM: no run of it
# was fitted, so its band also holds how far a new LLM may sit off the law.

# %%
axes = bs.plot_fit(fit, held_out)

# %%
bands = fit.predict(held_out, kind="run")
bands["inside"] = bands["loss"].between(bands["low"], bands["high"])
bands["new"] = np.where(bands["base"] == "16B", "a new LLM (16B)", "more data, fitted LLM")
bands.groupby(["new", "method"], sort=False)["inside"].agg(inside="sum", of="size")

# %%
new = bands[(bands["base"] == "16B") & (bands["method"] != "full")]
new[["method", "finetune_size", "loss", "mean", "low", "high", "inside"]].round(3)

# %% [markdown]
# A little more data on an LLM that was fitted is predicted well. The 16B LLM is another matter.
# Full finetuning of it comes out as predicted, but all six of its prompt and LoRA runs lie above
# the predicted mean, LoRA near the upper edge of its band and prompt on both sides of it. These
# runs are three sizes on *one* LLM, so they count as one surprise a method and not as six; still,
# **the bands for prompt tuning at 16B were too low, and a decision that rests on them would have
# been too hopeful.** Four LLMs from 1B to 8B do not pin the law at twice the largest.

# %% [markdown]
# ## P(each method is best)
#
# The methods are compared draw by draw, on the same LLM. The rows at the foot of each panel are the
# $D_f$ that were measured; a marker is hollow where its method was not.

# %%
sizes = {"1B": 0.956e9, "8B": 7.583e9, "16B": 14.78e9}
wins = fit.win_probability(np.geomspace(4e3, 2.5e7, 30), model_size=list(sizes.values()))
print(wins.attrs["text"])
axes = bs.plot_wins(wins, posterior=fit)

# %% [markdown]
# On the 1B LLM the order is prompt tuning, then LoRA, then full finetuning, and the change to full
# finetuning falls into the gap where nothing was measured. A probability near 1 there means: under
# this law, with these priors. At 16B the curves are flat and every marker is hollow. The held-out
# runs above say how much weight they bear.

# %% [markdown]
# ## Where full finetuning overtakes LoRA

# %%
crossover = fit.crossover("full", "lora", model_size=list(sizes.values()))
print(crossover.text)
axes = bs.plot_crossover(crossover, posterior=fit)

# %% [markdown]
# "No crossover" is an answer of its own, and for the larger LLMs the likely one within the range
# searched. A bar at the right edge of the range is a crossing that the law puts far beyond any run.
# Do not quote the median of such a panel: it is that of the few draws that cross at all.

# %% [markdown]
# ## The choice
#
# `choose` names a method where the posterior can tell, or where choosing wrongly would cost nothing
# that matters, and otherwise says what to measure. Here are a $D_f$ on the edge of what was
# measured, and one in the gap.

# %%
for finetune_size in (1e5, 3e5):
    for name in ("1B", "8B"):
        print(fit.choose(finetune_size, model_size=sizes[name]).text, end="\n\n")

# %% [markdown]
# ## What to take home
#
# - More data on an LLM you have measured: the bands hold.
# - A larger LLM than any you have measured: the bands are wide, and here still not wide enough for
#   prompt tuning.
# - Full finetuning against LoRA or prompt tuning: an extrapolation on these data, at every $D_f$.
#   LoRA runs at a million examples, or full runs at a hundred thousand, would put a measurement in
#   its place.
#
# To use your own runs, put them into a table with the columns above and call
# `bs.load_runs("runs.csv")`.
