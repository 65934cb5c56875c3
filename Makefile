# make demo       set up, rebuild the paper at the scale of handwritten digits, print the tables, verify the numbers
# make test       set up, run the tests: some minutes, and nothing needed but Python
# make test-all   all tests, also those that take minutes each: workflows that are killed, DVC, Slurm
# make bench      time the steps beside those of diffusers; benchmarks/README.md
# make lint       check style, types and the workflow
# make clean      remove the caches of tests and checks, after asking (YES=1: without); results stay
PYTHON ?= python3
VENV ?= .venv
# Where pip looks for torch besides its usual index, for a build without CUDA: https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
INSTALLED := $(VENV)/installed
DEVELOPMENT := $(VENV)/development
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check $(addprefix --extra-index-url ,$(TORCH_INDEX))
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Threads that wait should sleep, not spin: several jobs share the cores.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-slow test-all bench lint format clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make /make /p' Makefile

# What the demo and all studies need.
$(INSTALLED): envs/requirements.txt envs/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo "Installing into $(VENV): some minutes, 0.5 GB to download, 2 GB of disk. Torch for CUDA: about 3 GB more to download."
	@[ -n "$(TORCH_INDEX)" ] || [ "$$(uname)" != Linux ] || command -v nvidia-smi >/dev/null || \
		echo "No NVIDIA GPU was found. For torch without CUDA: make TORCH_INDEX=https://download.pytorch.org/whl/cpu ..."
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r envs/requirements.txt
	$(PIP) --no-deps --editable .
	@touch $@
	@echo "Installed into $(VENV)."

# What tests, benchmarks and checks need besides.
$(DEVELOPMENT): $(INSTALLED) envs/development.txt
	$(PIP) -r envs/development.txt
	@touch $@

demo: $(INSTALLED)
	@start=$$(date +%s); snakemake && ddpm show config/demo.yaml && { \
		echo "elapsed  $$((($$(date +%s) - start) / 60)) min $$((($$(date +%s) - start) % 60)) s: this run of make demo"; \
		ddpm verify config/demo.yaml; verified=$$?; \
		echo "open     $(CURDIR)/results/demo/report.html"; \
		[ $$verified = 0 ] || [ $$verified = 9 ]; } # 9: all is built, and a number is not the expected one

# Two workers share the cores: a thread each. Of the slow tests some wait, for Slurm above all: three workers.
PYTEST := OMP_NUM_THREADS=1 python -m pytest --dist loadfile

test: $(DEVELOPMENT)
	$(PYTEST) -n 2 -m "not slow"

# What `make test` leaves out.
test-slow: $(DEVELOPMENT)
	$(PYTEST) -n 3 --no-loadscope-reorder -m slow

test-all: $(DEVELOPMENT)
	$(PYTEST) -n 2

BENCH ?=

bench: $(DEVELOPMENT)
	python benchmarks/steps.py $(BENCH)

lint: $(DEVELOPMENT)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	python workflow/lint.py

format: $(DEVELOPMENT)
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# What tests and checks leave behind; no result, no saved state, no environment.
CACHES := .pytest_cache .hypothesis .mypy_cache .ruff_cache build dist dvc_plots

clean:
	@caches="$$(ls -d $(CACHES) 2>/dev/null; find src tests benchmarks workflow -name __pycache__ -type d -prune)"; \
	if [ -z "$$caches" ]; then echo "There is nothing to remove."; exit; fi; \
	echo "Caches, no results:"; echo "$$caches" | sed 's/^/  /'; \
	if [ "$(YES)" != 1 ]; then \
		[ -t 0 ] || { echo "Nothing was removed. To remove them without being asked: make clean YES=1"; exit 1; }; \
		printf "Remove them? [y/N] "; read answer; \
		[ "$$answer" = y ] || { echo "Nothing was removed."; exit 1; }; \
	fi; \
	echo "$$caches" | tr '\n' '\0' | xargs -0 rm -rf
