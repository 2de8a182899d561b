# make reproduce    from nothing to results/organism/report.html
# make headline     the part of it that carries the argument, to results/organism/headline/report.html; make reproduce goes on from there
# make resume       go on after a crash of any kind
# make smoke        most of the stages on a cut-down suite, in minutes; its digits must be the published ones
# make laptop       a real language model on two cores, to results/laptop/report.html (config/suites/laptop.yaml), in 80 minutes on two cores
# make test         the tests, without those that take long and seldom fail
# make test-all     all of them; CI runs lint, docs, smoke, these, test-vllm and test-slurm (.ci/run)
# make lint         ruff, mypy, import-linter, snakefmt, snakemake --lint
# make test-vllm    the same code with a real vLLM on the CPU, in an environment of its own
# make test-gpu     what only a GPU can show, in minutes; skipped where there is none (docs/how-to/gpus.md)
# make test-slurm   the workflow through a real SLURM on this machine (as root)
# make fuzz         thousands of suites, model folders, data files, results and answers with one wrong thing; about an hour on two cores
# make chaos        a run that is killed at random moments comes to the same results; KILLS=20, a minute each
# make null-studies  the claims ledger on studies in which nothing was learned; STUDIES=20 of each kind
# make docs         the manual, to site/index.html: docs/ as a website that opens from disk
# make benchmarks   the speed table of docs/benchmarks.md

PYTHON ?= python3
KILLS ?= 20
STUDIES ?= 20
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake --cores all

.PHONY: reproduce headline resume smoke laptop test test-all test-vllm test-gpu test-slurm fuzz chaos null-studies lint docs benchmarks schema

reproduce: $(VENV)/installed
	$(SNAKEMAKE)
	$(BIN)/spurious-rewards verify

headline: $(VENV)/installed
	$(SNAKEMAKE) headline

resume: $(VENV)/installed
	$(BIN)/spurious-rewards recover
	$(SNAKEMAKE)

smoke: $(VENV)/installed
	$(SNAKEMAKE) --config suite=smoke
	$(BIN)/spurious-rewards verify --config suite=smoke

laptop: $(VENV)/installed
	$(BIN)/spurious-rewards smollm2
	$(SNAKEMAKE) --config suite=laptop threads=2

test: $(VENV)/installed-test
	$(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder -m 'not rare'

test-all: $(VENV)/installed-test
	$(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

test-vllm:
	PYTHON=$(PYTHON) tests/with_vllm/install.sh
	VLLM_CPU_KVCACHE_SPACE=2 .venv-vllm/bin/python -m pytest tests/with_vllm

test-gpu: $(VENV)/installed-dev
	$(BIN)/pytest -v -rs tests/on_gpu

test-slurm: $(VENV)/installed-dev
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev,slurm]'
	tests/workflow/slurm/lab.sh install
	$(BIN)/pytest --numprocesses 2 --dist worksteal tests/workflow/slurm

fuzz: $(VENV)/installed-dev
	$(BIN)/python tests/fuzz/run.py --seed $(SEED)

chaos: $(VENV)/installed-dev
	$(BIN)/python tests/workflow/chaos.py $(KILLS) --seed $(SEED)

null-studies: $(VENV)/installed-dev
	$(BIN)/python tests/null_studies/run.py --studies $(STUDIES)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: $(VENV)/installed .venv-docs/installed
	$(BIN)/python docs/tools/generate.py
	.venv-docs/bin/python docs/tools/assemble.py

benchmarks: $(VENV)/installed-dev
	PYTHON=$(PYTHON) tests/with_vllm/install.sh
	$(BIN)/python benchmarks/run.py

schema: $(VENV)/installed
	$(BIN)/spurious-rewards schema > config/schema.yaml

# Installed once for each state of the pins; the second file adds the tools of tests and lint.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("error: $(PYTHON) is Python %d.%d; 3.11 or newer is needed: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed-dev tests/browser.sh tests/crate/install.sh
	tests/browser.sh
	PYTHON=$(PYTHON) tests/crate/install.sh
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# What builds the manual has an environment of its own: the pins of others stay as they are.
.venv-docs/installed: docs/tools/requirements.txt
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --disable-pip-version-check --quiet --requirement docs/tools/requirements.txt
	touch $@
