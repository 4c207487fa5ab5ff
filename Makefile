VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PROSE := README.md CHANGELOG.md CONTRIBUTING.md Makefile sktart tests benchmarks docs examples
READY := $(VENV)/.ready
PIP_INSTALL := bin/pip install --quiet --disable-pip-version-check
ON_ONE_THREAD := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
# What is tested with other versions of the dependencies.
LANE ?= tests/contexts tests/contracts tests/estimators tests/properties
READY_DOCS := $(VENV)/.ready-docs

.PHONY: help demo test fuzz test-oldest test-newest lint format wheel docs docs-check gallery-check release-check pretrain clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(READY)  ## the main job on real text: which library is this docstring from?
	$(BIN)/python examples/which_library.py

test: lint  ## lint, types, all tests
	$(ON_ONE_THREAD) $(BIN)/python -m pytest -n 2 --durations 5

fuzz: $(READY)  ## twenty times as many drawn inputs as `make test` tries, and others each time
	$(ON_ONE_THREAD) $(BIN)/python -m pytest -n 2 --hypothesis-profile fuzz -o faulthandler_timeout=3600 tests/properties

test-oldest:  ## tests with the lowest versions that pyproject.toml allows
	rm -rf build/oldest && $(PYTHON) -m venv build/oldest
	build/oldest/$(PIP_INSTALL) -c constraints.txt torch
	build/oldest/$(PIP_INSTALL) -c constraints-oldest.txt -e '.[test]'
	$(ON_ONE_THREAD) build/oldest/bin/python -m pytest -n 2 -W ignore::DeprecationWarning $(LANE)

test-newest:  ## tests with the newest versions that pip finds; torch stays as it is
	rm -rf build/newest && $(PYTHON) -m venv build/newest
	build/newest/$(PIP_INSTALL) -c constraints.txt torch
	build/newest/$(PIP_INSTALL) -e '.[test]'
	$(ON_ONE_THREAD) build/newest/bin/python -m pytest -n 2 $(LANE)

lint: $(READY)  ## format, lint, spelling, types, direction of imports; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell $(PROSE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## format the code, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel:  ## build the wheel, install it in a fresh environment, and classify with it
	rm -rf dist build/wheel && $(PYTHON) -m venv build/wheel
	build/wheel/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	build/wheel/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	build/wheel/bin/pip install --quiet --disable-pip-version-check -c constraints.txt dist/sktart-*.whl
	cd build/wheel && bin/python -W error -c "import sktart; print(sktart.__file__); \
		print(sktart.TartReasoner().fit([[0.0], [1.0]], ['low', 'high']).predict([[0.1]]))"

docs: $(READY_DOCS)  ## build the site in build/site; warnings are errors
	rm -rf build/site
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/sphinx-build -W --keep-going -q -d build/doctrees docs build/site
	@echo "open build/site/index.html"

docs-check: docs  ## look at each page in Chromium: width, pictures, links, console
	$(BIN)/python docs/_site/check.py build/site

gallery-check: $(READY)  ## build the wheel, install it outside of the repository, and run the gallery there
	$(BIN)/python -u .ci/release_check.py gallery

release-check: $(READY)  ## build wheel and sdist, try both outside of the repository, hold version and changelog together
	$(BIN)/python -u .ci/release_check.py

pretrain: $(READY)  ## train the default checkpoint by its recipe; the same command goes on after a stop
	$(BIN)/sktart pretrain zoo/any/any/gram-base-first/recipe.json --out runs/gram-base-first
	$(BIN)/sktart pretrain zoo/any/any/gram-base-second/recipe.json --out runs/gram-base-second
	$(BIN)/sktart pretrain zoo/any/any/gram-base-third/recipe.json --out runs/gram-base-third
	$(BIN)/sktart pretrain zoo/any/any/gram-base-fourth/recipe.json --out runs/gram-base-fourth
	$(BIN)/sktart pretrain zoo/any/any/gram-base-fifth/recipe.json --out runs/gram-base-fifth
	$(BIN)/sktart pretrain zoo/any/any/gram-base-sixth/recipe.json --out runs/gram-base-sixth
	$(BIN)/sktart pretrain zoo/any/any/gram-base-seventh/recipe.json --out runs/gram-base-seventh
	$(BIN)/sktart pretrain zoo/any/any/gram-base/recipe.json --out runs/gram-base
	$(BIN)/sktart evaluate runs/gram-base --save

clean:  ## remove the virtual environment and what tools leave behind
	rm -rf $(VENV) build dist docs/gallery docs/api/generated *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch comes first: a package that asks for "torch" alone would bring the newest build with all of CUDA.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

$(READY_DOCS): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@
