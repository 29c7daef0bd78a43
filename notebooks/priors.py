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
# # Priors, and what hangs on them
#
# Every prior is printed before sampling, scaled to the data, and replaced alone. What matters is whether the answer
# would move. LoRA runs of Zhang et al. (2024) on four LLMs: four LLMs say little of alpha.

# %%
import numpyro.distributions as dist
import pandas as pd

import bayes_scaling as bs

runs = bs.load_data("zhang2024_en_zh")
runs = runs[(runs["method"] == "lora") & (runs["split"] == "fit")]
default = bs.JointLaw()
print(default.describe(runs).partition("Priors")[2])

# %%
fit = bs.fit(runs, default, seed=0, draws=300, warmup=300)
checks = fit.check()
print(checks.text)

# %%
axes = bs.plot_priors(fit)

# %% [markdown]
# Where the posterior (filled) is much narrower than the prior, the runs have spoken. Where the two are alike, the runs
# said nothing, and what you read there is the prior.
#
# ## Sensitivity without another fit
#
# `check` raises the priors to the powers 0.8 and 1.25 by weighting the draws (power scaling, Kallioinen et al. 2023),
# for every parameter and, which matters more, for the decision.

# %%
prior_checks = checks.table[checks.table["check"].str.contains("prior")]
for row in prior_checks.itertuples():
    print(f"- {row.check} ({row.status}): {row.reason}")

# %% [markdown]
# ## Another prior
#
# Keys name a parameter and may narrow it: `"beta"`, `"alpha[model_size]"`, `"E[lora]"`. A number holds a parameter
# fixed. The default of alpha is Gamma(2, 8), mean .25; here is half of that.

# %%
smaller = bs.fit(runs, bs.JointLaw(priors={"alpha": dist.Gamma(2.0, 16.0)}), draws=300, warmup=300)
fits = {"alpha around .25 (default)": fit, "alpha around .125": smaller}


def alpha(posterior):
    table = posterior.exponents().query("parameter == 'alpha'")
    return table[["mean", "hdi_low", "hdi_high"]].iloc[0]


pd.DataFrame({name: alpha(posterior) for name, posterior in fits.items()}).T.round(3)

# %% [markdown]
# alpha moves with its prior: say so where you report it. What it is for moves less. The loss of a new LLM between
# those that were measured, and of one twice the largest:

# %%
design = pd.DataFrame(
    {"method": "lora", "model_size": [5e9, 15e9], "finetune_size": 3e4, "base": ["new 5B", "new 15B"]}
)
bands = {name: posterior.predict(design, kind="run").set_index("base") for name, posterior in fits.items()}
pd.concat(bands, names=["prior"])[["mean", "low", "high", "region"]].round(3)

# %% [markdown]
# ## Published exponents as a prior
#
# A preset takes its priors from published fits, each with a source. It is a statement that your runs are of that kind.

# %%
print(bs.JointLaw(priors="besiroglu2024").describe(runs).partition("Preset")[2])
