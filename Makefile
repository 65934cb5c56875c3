# make demo       set up, rebuild the paper at the scale of handwritten digits, print the tables
# make test       set up, run the tests: some minutes, and nothing needed but Python
# make test-all   all tests, also those that take minutes each: workflows that are killed, DVC, Slurm
# make bench      time the steps beside those of diffusers; benchmarks/README.md
# make lint       check style, types and the workflow
# make clean      remove the caches of tests and checks; results stay
PYTHON ?= python3
VENV ?= .venv
INSTALLED := $(VENV)/installed
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Threads that wait should sleep, not spin: several jobs share the cores.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-slow test-all bench lint format clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make /make /p' Makefile

$(INSTALLED): envs/requirements.txt envs/constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: $(INSTALLED)
	@start=$$(date +%s); snakemake && ddpm show config/demo.yaml && \
		echo "elapsed  $$((($$(date +%s) - start) / 60)) min $$((($$(date +%s) - start) % 60)) s: this run of make demo"

# Two workers share the cores: a thread each.
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

test: $(INSTALLED)
	$(PYTEST) -m "not slow"

# What `make test` leaves out.
test-slow: $(INSTALLED)
	$(PYTEST) -m slow

test-all: $(INSTALLED)
	$(PYTEST)

BENCH ?=

bench: $(INSTALLED)
	python benchmarks/steps.py $(BENCH)

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint

format: $(INSTALLED)
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# What tests and checks leave behind; no result, no saved state, no environment.
clean:
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache build dist
	-find src tests benchmarks workflow -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null
