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
# # Your own runs, from a CSV file to a choice
#
# One row is one finished finetuning run. Here 46 runs of the measured ladder (`bs.load_data("ladder")`) stand in for
# yours: LoRA and full finetuning of five small LLMs on one task, in a file with somebody's own column names.

# %%
import pandas as pd

import bayes_scaling as bs

ladder = bs.load_data("ladder")
ours = ladder[(ladder["task"] == "en_de") & (ladder["pretrain_size"] > 5e6) & ~ladder["pet_size"].isin([2, 4, 32])]
ours = ours[ours["method"] != "prompt"].rename(columns={"loss": "eval_loss", "finetune_size": "train_examples"})
names = ["task", "method", "base", "model_size", "train_examples", "seed", "eval_loss"]
ours[names].to_csv("our_runs.csv", index=False)
print(pd.read_csv("our_runs.csv").head(4).to_string(index=False))

# %% [markdown]
# ## Reading it
#
# A table is checked when it is read. What is wrong is said once, with the column, the rule and what to do:

# %%
try:
    bs.load_runs("our_runs.csv")
except bs.RunsError as error:
    print(error)

# %%
runs = bs.load_runs("our_runs.csv", columns={"loss": "eval_loss", "finetune_size": "train_examples"})
runs.groupby("method").agg(runs=("loss", "size"), bases=("base", "nunique"), largest=("finetune_size", "max"))

# %% [markdown]
# Runs that transformers' Trainer, W&B, MLflow, lm-evaluation-harness or peft recorded are read with `bs.import_runs`.
#
# `model_size` counts parameters without embeddings. A `seed` tells repeated runs of one setting apart; without it,
# two losses of one setting are an error, since something unsaid must differ.
#
# ## What is assumed
#
# Read this before any sampling. Every prior in it can be replaced alone.

# %%
model = bs.JointLaw()
print(model.describe(runs))

# %% [markdown]
# ## The fit, and whether to believe it

# %%
fit = bs.fit(runs, model, seed=0, draws=300, warmup=300)
print(fit.check().text)

# %%
axes = bs.plot_fit(fit)

# %%
fit.exponents()[["method", "parameter", "factor", "mean", "hdi_low", "hdi_high"]].round(3)

# %% [markdown]
# ## The choice
#
# Between methods on one LLM most of what is uncertain cancels, so a choice can be surer than either band. `cost` is in
# any unit: here a full run costs three times a LoRA run.

# %%
largest = {"base": "1.0M-6M", "model_size": runs["model_size"].max()}
for finetune_size in (80, 8_000):
    print(fit.choose(finetune_size, **largest, cost={"full": 3.0, "lora": 1.0}).text, end="\n\n")

# %%
wins = fit.win_probability([50, 100, 200, 400, 800, 1600, 8000], **largest)
axes = bs.plot_wins(wins, posterior=fit)

# %% [markdown]
# ## Keeping it
#
# The file holds the draws, the model and the runs; `bs.load_posterior` reads it, and so does ArviZ.

# %%
fit.save("posterior.nc")
again = bs.load_posterior("posterior.nc")
design = pd.DataFrame({"method": ["full", "lora"], "model_size": 2e6, "finetune_size": 8_000})
again.predict(design, kind="run").round(3)

# %% [markdown]
# `region` says where each band stands: `interior` or `edge` of what was measured, or `beyond` it, where the law alone
# speaks. No run started from an LLM of this size, so these bands also hold how far a new LLM may sit off the law. The
# same on the command line:
#
#     bayes-scaling fit our_runs.csv --column loss=eval_loss --column finetune_size=train_examples -o posterior.nc
#     bayes-scaling choose posterior.nc --finetune-size 8k --model-size 1M --cost full=3 --cost lora=1
