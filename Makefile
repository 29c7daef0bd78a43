# Two commands on a fresh machine with Python and make:
#   make demo    the whole job on the paper's own runs
#   make test    everything the tests need, and the tests
# and, where runs of your own are wanted:
#   make ladder-small   pretrain, finetune and fit, on this machine
# A stamp file says what a venv was installed from: nothing is installed twice.

PYTHON ?= python3
VENV ?= .venv
OUTPUT ?= demo-output

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
CORE := $(VENV)/.installed-core
DEV := $(VENV)/.installed-dev
RUNNER := $(VENV)/.installed-finetune
LADDER := studies/ladder-small
SOURCES := pyproject.toml constraints.txt

.PHONY: help demo test ladder-small clean

help:
	@echo "make demo    install the core (no torch) into $(VENV) and run 'bayes-scaling demo' into $(OUTPUT)/"
	@echo "make test    install what the tests need (torch too) into $(VENV), then lint, type check and test"
	@echo "make ladder-small   install torch, pretrain two tiny LLMs, finetune them 72 times, fit their runs: 10 minutes"
	@echo "make clean   remove $(VENV), $(OUTPUT), the small ladder and caches"
	@echo "Settings: PYTHON=$(PYTHON) VENV=$(VENV) OUTPUT=$(OUTPUT)"

demo: $(CORE)
	$(VENV)/bin/bayes-scaling demo --output $(OUTPUT)

test: $(DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

ladder-small: $(RUNNER)
	$(VENV)/bin/bayes-scaling finetune pretrain $(LADDER)-bases.yaml
	$(VENV)/bin/bayes-scaling finetune run $(LADDER).yaml
	$(VENV)/bin/bayes-scaling finetune export $(LADDER).yaml -o $(LADDER)-runs.csv
	$(VENV)/bin/bayes-scaling fit $(LADDER)-runs.csv -o $(LADDER)-posterior.nc
	$(VENV)/bin/bayes-scaling exponents $(LADDER)-posterior.nc

clean:
	rm -rf $(LADDER)-bases $(LADDER).ledger* $(LADDER)-runs* $(LADDER)-posterior.nc
	rm -rf $(VENV) $(OUTPUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version)"
	$(PYTHON) -m venv $(VENV)

# Editable, since models/ and finetune/ are linked into the package; only ever the core and what one target needs.
$(CORE): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bayes_scaling with its plots into $(VENV): about a minute"
	$(PIP) install -c constraints.txt -e ".[report]"
	@touch $@

$(RUNNER): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bayes_scaling with torch, transformers and peft into $(VENV): about two minutes"
	$(PIP) install -c constraints.txt -e ".[report,finetune]"
	@touch $@ $(CORE)

$(DEV): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bayes_scaling with what its tests need into $(VENV): about two minutes"
	$(PIP) install -c constraints.txt -e ".[dev,finetune,cluster]"
	@touch $@ $(CORE) $(RUNNER)
