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
# # Finetune on this machine: from a study file to a posterior
#
# `bayes_scaling.finetune` makes the runs that laws are fitted to. This needs the extra `finetune` (torch, transformers,
# peft) and no GPU: the LLM is pretrained here too, in seconds, and is as bad as that sounds. What carries over to a
# real study is every step; `studies/smollm2.yaml` is one of a real pretrained LLM.

# %%
from importlib.resources import files
from pathlib import Path

import bayes_scaling as bs
from bayes_scaling.finetune import export_runs, load_study, plan, pretrain_ladder
from bayes_scaling.finetune.running import run_study

texts = files("bayes_scaling.finetune") / "data" / "libreoffice_help"

# %% [markdown]
# ## A base LLM
#
# 27 thousand parameters, 60 thousand tokens of help pages in English and German.

# %%
Path("bases.yaml").write_text(f"""
ladder: tiny
output: bases
corpus: {{files: ["{texts / "text.jsonl.gz"}"], validation_share: 0.05}}
vocabulary: 512
architecture: llama
sizes: [{{name: 27k, hidden_size: 32, layers: 2, heads: 2, intermediate_size: 96, learning_rate: 1.0e-2}}]
tokens: [60_000]
batch: {{sequences: 8, length: 128}}
warmup: 10_000
seed: 0
""")
(base,) = pretrain_ladder("bases.yaml", show=lambda line: None)
base.name

# %% [markdown]
# ## The study
#
# A file of one page: bases, tasks, methods, D_f, seeds. Every combination is one run, and a run's identity is a hash of
# all that decides its numbers.

# %%
Path("study.yaml").write_text(f"""
study: tiny
bases: [{{path: bases/{base.name}}}]
tasks:
  - name: en_de
    train: {texts / "train.jsonl.gz"}
    dev: {texts / "dev.jsonl.gz"}
    test: {texts / "test.jsonl.gz"}
    source: en
    target: de
    max_source_tokens: 64
    max_target_tokens: 64
    dev_examples: 32
    test_examples: 128
methods:
  - {{name: full, training: {{learning_rate: 3.0e-3}}}}
  - {{name: lora, sizes: [8], training: {{learning_rate: 1.0e-2}}}}
finetune_sizes: [50, 100, 200, 400, 800]
seeds: [0]
training: {{epochs: 1, min_steps: 20, batch_size: 16, eval_batch_size: 64}}
engine: {{workers: 1, threads: 1}}
""")
study = load_study("study.yaml")
planned = plan(study, calibrate=False)
print(planned.text)

# %%
planned.runs[["method", "pet_size", "finetune_size", "steps"]]

# %% [markdown]
# `bayes-scaling finetune plan study.yaml` says the same and times a few steps first. Now run it. Stop it at any time,
# with kill -9 if you like: what is in the ledger stays, and the next call runs what is missing.

# %%
outcome = run_study(study)
print(outcome.text)

# %%
again = run_study(study)
print(again.text)

# %% [markdown]
# ## The runs table

# %%
runs = bs.load_runs(export_runs(study.ledger_path))
runs[["method", "base", "model_size", "pet_size", "finetune_size", "loss"]].round(4)

# %% [markdown]
# ## A posterior
#
# One base LLM and one rank: nothing is known of how loss falls with either, and `factors=()` fits D_f alone. Five runs
# say little of a curve with a floor, and the bands say so.

# %%
full = runs[runs["method"] == "full"]
posterior = bs.fit(full, bs.JointLaw(factors=()), seed=0)
print(posterior.check().text)

# %%
axes = bs.plot_fit(posterior)

# %%
far = full.head(1).assign(finetune_size=8_000)
posterior.predict(far, kind="run")[["finetune_size", "mean", "low", "high", "region"]].round(3)

# %% [markdown]
# Ten times beyond the largest run, the band is as wide as five runs deserve. Several LLMs in one study give the
# exponents of model size and pretraining size: `studies/ladder.yaml` is such a study, and its 720 runs ship with the
# package (`bs.load_data("ladder")`, notebook `ladder`).
