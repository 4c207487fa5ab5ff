VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint format pretrain clean

demo: $(READY)  ## the main job on real text: which library is this docstring from?
	$(BIN)/python examples/which_library.py

test: lint  ## lint, types, all tests
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --durations 5

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pretrain: $(READY)  ## rebuild the default checkpoint from its recipe; the same command goes on after a stop
	$(BIN)/sktart pretrain zoo/any/any/gram-base/recipe.json --out runs/gram-base
	$(BIN)/sktart evaluate runs/gram-base --save

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch comes first: a package that asks for "torch" alone would bring the newest build with all of CUDA.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)
