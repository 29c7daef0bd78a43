# Two commands on a fresh machine with Python and make:
#   make demo    the whole job on the paper's own runs
#   make test    everything the tests need, and the tests
# and, where runs of your own are wanted:
#   make ladder-small   pretrain, finetune and fit, on this machine
# The documentation: make docs
# A stamp file says what a venv was installed from: nothing is installed twice.

PYTHON ?= python3
VENV ?= .venv
OUTPUT ?= demo-output
DIST ?= dist
LOWEST ?= $(VENV)-lowest
NEWEST ?= $(VENV)-newest

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
CORE := $(VENV)/.installed-core
DEV := $(VENV)/.installed-dev
RUNNER := $(VENV)/.installed-finetune
SITE := $(VENV)/.installed-docs
AUDIT := $(VENV)/.installed-audit
LADDER := studies/ladder-small
SOURCES := pyproject.toml constraints.txt

PYTEST := python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder
CORE_TESTS := $(PYTEST) -m "not slow and not numbers"

IMPORT := import bayes_scaling as bs, bayes_scaling.finetune; \
	assert bs.__file__.startswith(__import__('os').getcwd()), bs.__file__; \
	[getattr(bs, name) for name in bs.__all__]; print(len(bs.load_data('ladder')), 'runs from', bs.__file__)

.PHONY: help demo test test-lowest test-newest coverage ladder-small dist audit docs clean

help:
	@echo "make demo    install the core (no torch) into $(VENV) and run 'bayes-scaling demo' into $(OUTPUT)/"
	@echo "make test    install what the tests need (torch too) into $(VENV), then lint, type check and test"
	@echo "make test-lowest, test-newest   core tests with the lowest and the newest releases of what the core needs"
	@echo "make coverage   the tests of make test, and which lines and branches they reach"
	@echo "make ladder-small   install torch, pretrain two tiny LLMs, finetune them 72 times, fit their runs: 10 minutes"
	@echo "make dist    sdist and wheel into $(DIST)/, looked through and imported from where they land"
	@echo "make audit   licences of everything that is installed, and known vulnerabilities where a service answers"
	@echo "make docs    install what the site needs (torch too), run the notebooks and build site/html: a quarter of an hour"
	@echo "make clean   remove $(VENV), $(OUTPUT), the small ladder, the site and caches"
	@echo "Settings: PYTHON=$(PYTHON) VENV=$(VENV) OUTPUT=$(OUTPUT)"

demo: $(CORE)
	$(VENV)/bin/bayes-scaling demo --output $(OUTPUT)

test: $(DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/$(PYTEST)

# Old releases with a new one of what they need in turn: they warn of each other. Python 3.11.
test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/$(CORE_TESTS) -W ignore::DeprecationWarning

# Anew each time: what pip takes today, with no constraints. Without torch, whose newest build is no small one.
test-newest:
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip --disable-pip-version-check -qq install -e ".[dev]"
	$(NEWEST)/bin/$(CORE_TESTS)

# Every Python that a test starts is measured too; fails below what pyproject.toml says
coverage: $(DEV)
	$(VENV)/bin/python -m coverage erase
	$(VENV)/bin/python -m coverage run -m $(wordlist 3,99,$(PYTEST))
	$(VENV)/bin/python -m coverage combine -q
	$(VENV)/bin/python -m coverage report

ladder-small: $(RUNNER)
	$(VENV)/bin/bayes-scaling finetune pretrain $(LADDER)-bases.yaml
	$(VENV)/bin/bayes-scaling finetune run $(LADDER).yaml
	$(VENV)/bin/bayes-scaling finetune export $(LADDER).yaml -o $(LADDER)-runs.csv
	$(VENV)/bin/bayes-scaling fit $(LADDER)-runs.csv -o $(LADDER)-posterior.nc
	$(VENV)/bin/bayes-scaling exponents $(LADDER)-posterior.nc

# The wheel is built from the sdist, so that neither lacks a file of the other's
dist: $(DEV)
	rm -rf $(DIST)
	$(VENV)/bin/python -m build -o $(DIST) . >$(VENV)/build.log || { cat $(VENV)/build.log; exit 1; }
	$(VENV)/bin/check-wheel-contents $(DIST)/*.whl
	$(PIP) install --no-deps --target $(DIST)/installed $(DIST)/*.whl
	cd $(DIST) && PYTHONPATH=installed $(abspath $(VENV)/bin/python) -c "$(IMPORT)"

# pip-audit has a venv of its own: what it needs is none of ours
audit: $(AUDIT)
	$(VENV)/bin/python .ci/audit.py --pip-audit $(VENV)/audit/bin/pip-audit

# Warnings are errors. DOCS_NOTEBOOKS=off builds in seconds, with notebooks as they are written.
docs: $(SITE)
	PYTHONWARNINGS="ignore:IProgress" $(VENV)/bin/python -m sphinx -q -W --keep-going -d site/doctrees -b html docs site/html

clean:
	rm -rf site
	rm -rf $(LADDER)-bases $(LADDER).ledger* $(LADDER)-runs* $(LADDER)-posterior.nc
	rm -rf $(VENV) $(LOWEST) $(NEWEST) .coverage* $(OUTPUT) $(DIST) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

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

$(SITE): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bayes_scaling with what its site needs into $(VENV): about two minutes"
	$(PIP) install -c constraints.txt -e ".[docs,finetune]"
	@touch $@ $(CORE) $(RUNNER)

$(AUDIT): $(DEV)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip --disable-pip-version-check -qq install -c constraints.txt pip-audit
	@touch $@

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip --disable-pip-version-check -qq install -c constraints-lowest.txt -e ".[dev]"
	@touch $@

$(DEV): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bayes_scaling with what its tests need into $(VENV): about two minutes"
	$(PIP) install -c constraints.txt -e ".[dev,finetune,cluster]"
	@touch $@ $(CORE) $(RUNNER)
