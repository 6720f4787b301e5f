# Everything runs in a virtual environment of its own, .venv, with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many tests start processes, none of which is to compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALLED := $(VENV)/.installed

MODELS := $(VENV)/models

.PHONY: demo test faults models docs generated lint bench gpu clean

demo: $(INSTALLED)
	$(BIN)/archbuilder build specs/googlenet.yaml
	$(BIN)/archbuilder flops specs/googlenet.yaml
	$(BIN)/archbuilder search studies/digits_widths.yaml
	@echo "to see it and change it: $(BIN)/archbuilder play digits_widths"

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# What takes minutes of real failures: killed workers, a restarted scheduler, full disks, networks that are cut.
# Three processes, the longest files first: those that cut a network mostly wait.
faults: $(INSTALLED)
	OMP_NUM_THREADS=1 ARCHBUILDER_TESTS_FAULTS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder \
		tests/executors/test_executors_contract.py tests/executors/test_executors_cut.py \
		tests/storage/test_storage_cut.py tests/searching/test_searching_cluster.py \
		tests/searching/test_searching_killed_workers.py tests/executors tests/searching/test_searching_full_disk.py

# torchvision and timm for the tests of networks that others wrote: ARCHBUILDER_TESTS_MODELS=$PWD/.venv/models make test.
# They lie in a folder of their own, since no code of ours may need them; the versions go with torch's of constraints.txt.
models: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(MODELS) torchvision==0.28.0 timm==1.0.31

# Guides and library reference as pages: build/docs/index.html. No network access.
docs: $(INSTALLED)
	$(BIN)/python -m sphinx --fail-on-warning --quiet -b html -d build/doctrees docs build/docs

# What is written from the code: the reference, the guides of lint and GoogLeNet, and both schemas.
generated: $(INSTALLED)
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_lint.py
	$(BIN)/python docs/make_googlenet.py
	$(BIN)/python docs/make_drawing.py
	$(BIN)/archbuilder schema -o specs/archbuilder.schema.json
	$(BIN)/archbuilder schema study -o studies/archbuilder-study.schema.json

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks --write

# Uses .venv, whose torch from PyPI has CUDA on Linux; or, with nothing installed, a Python that has all: GPU_PYTHON=python3.
ifdef GPU_PYTHON
gpu:
else
GPU_PYTHON := $(BIN)/python
gpu: $(INSTALLED)
endif
	PYTHONPATH=. $(GPU_PYTHON) -m pytest -m gpu tests/gpu
	PYTHONPATH=. $(GPU_PYTHON) -m benchmarks.gpu

# torch comes first, so that nothing else asks for another build of it.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "archbuilder needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist
