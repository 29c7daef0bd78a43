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
# # Plan the next runs
#
# LoRA or prompt tuning for a 16B LLM with a hundred thousand examples? Measured are the LLMs from 1B to 8B (Zhang et
# al. 2024, En-Zh). Which runs would help most with *this* choice, for what they cost?

# %%
import bayes_scaling as bs

runs = bs.load_data("zhang2024_en_zh")
runs = runs[runs["method"] != "full"]
measured = runs[runs["split"] == "fit"]
measured.groupby(["method", "base"], sort=False)["finetune_size"].agg(["size", "min", "max"]).unstack("method")

# %%
fit = bs.fit(measured, seed=0, draws=300, warmup=300)
print(fit.check().text)
question = {"finetune_size": 1e5, "model_size": 14.78e9, "base": "16B"}
print(fit.choose(**question).text)

# %% [markdown]
# The choice declines. `expected_regret` is what choosing now would cost on average, in nats, against knowing which
# method is best.
#
# ## What a run would teach
#
# Candidates are a table: runs that could be made, each with its cost, here in units of 10,000 examples on the 16B LLM.
# A run's value is the expected fall in regret when the choice is made after it rather than now (the expected value of
# sample information), averaged over what the posterior thinks it would measure.

# %%
candidates = runs.loc[runs["base"] == "16B", ["task", "method", "base", "model_size", "finetune_size"]]
candidates = candidates.assign(cost=candidates["finetune_size"] / 1e4)
plan = fit.next_runs(candidates, budget=5, **question)
print(plan.attrs["text"])
plan[["method", "finetune_size", "cost", "value", "value_per_cost", "rank", "buy"]].round(5)

# %%
axes = bs.plot_next_runs(plan)

# %% [markdown]
# Values do not add up: after one run the next teaches less. The order within the budget counts that, each run by what
# it adds to those before.
#
# ## Making them
#
# Here the paper has done it. Each run beside what the fit, which knew nothing of this LLM, expected of it:

# %%
expected = fit.predict(candidates, kind="run")[["method", "finetune_size", "mean", "low", "high"]]
expected.assign(measured=runs.loc[candidates.index, "loss"].to_numpy()).round(3)

# %% [markdown]
# Every run came out above its mean: the 16B LLM is worse than its size promised, which is what a base effect is for. A
# plan is made of what the posterior thinks it would measure, so that surprise is not in it. It is in the next fit: add
# the rows to the table, `bs.fit` again, and ask `choose` again. A small regret then says that a wrong choice would
# cost little, and not that the choice is right.
#
# ## Other questions
#
# With `contrast=("model_size", "finetune_size")` runs are ranked by what they teach of the difference of two exponents.

# %%
other = fit.next_runs(candidates, contrast=("model_size", "finetune_size"))
print(other.attrs["text"])
