# What people do with this project. `make help` lists it; README.md has the same commands without make.

RECIPE ?= shapes
RUN ?= runs/$(RECIPE)
DATA ?=
SPLIT ?=
IMAGES ?= data/samples/shapes/images
OUTPUT ?= captions.jsonl
TEXT ?=
WEIGHTS ?=
VQA ?= vqa-heads
OPTIONS ?=
TESTS ?=
JOBS ?= auto
# What `make train` and the other commands of a user need; checks of the code need `dev` as well.
EXTRAS ?= cpu
# agreement, engines, half_precision and serving need photographs, many_machines Ray, tokenizer Java; they are run by hand.
BENCH ?= $(filter-out __init__ agreement engines half_precision many_machines serving tokenizer,$(patsubst benchmarks/%.py,%,$(wildcard benchmarks/*.py)))

# The first Python that the pinned versions are made for.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)

COMMA := ,
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := .venv/.installed
DEV := .venv/.installed-dev
FROM_DATA = $(if $(DATA),--data "$(DATA)")
FROM_SPLIT = $(if $(SPLIT),--split $(SPLIT))
FROM_WEIGHTS = $(if $(WEIGHTS),--encoder-weights "$(WEIGHTS)")
# A command that ends with 3 is done, but left out files that could not be read.
SKIPPED_SOME = || test $$? -eq 3

.DEFAULT_GOAL := help
.PHONY: help setup train caption evaluate vqa language lint test test-all bench notebooks docs clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  Settings: RECIPE=$(RECIPE) RUN=$(RUN) DATA=folder SPLIT=name IMAGES=$(IMAGES) OUTPUT=$(OUTPUT) TEXT=file"
	@echo "            VQA=$(VQA) WEIGHTS=file (of VGG16, instead of a download)"
	@echo '            OPTIONS="any other options of the command", for example'
	@echo '            make train RUN=runs/small OPTIONS="--set decoder.units=128"'

define install
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; say where it is: make PYTHON=..." >&2; exit 1; }
	@echo "Installing $(1) into .venv, once (2 GB, some minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(1)]"
	@touch $@
endef

$(READY): pyproject.toml constraints.txt
	$(call install,$(EXTRAS))

$(DEV): pyproject.toml constraints.txt
	$(call install,$(EXTRAS)$(COMMA)dev)
	@touch $(READY)

setup: $(DEV) ## install everything into .venv

train: $(READY) ## train RECIPE, evaluate it and write a report
	$(if $(filter shapes,$(RECIPE)),$(if $(DATA),,$(BIN)/captioner data shapes --out data/shapes))
	$(BIN)/captioner train $(RECIPE) --out "$(RUN)" $(FROM_DATA) $(FROM_WEIGHTS) $(OPTIONS)
	$(BIN)/captioner evaluate "$(RUN)" $(FROM_DATA) $(FROM_SPLIT) $(FROM_WEIGHTS) $(SKIPPED_SOME)
	@echo "The model is in $(RUN), the report is $(RUN)/evaluation-$(or $(SPLIT),test)/report.html"

caption: $(READY) ## caption IMAGES (a folder) with RUN into OUTPUT
	$(BIN)/captioner caption "$(IMAGES)" --model "$(RUN)" --output "$(OUTPUT)" $(FROM_WEIGHTS) $(OPTIONS) $(SKIPPED_SOME)

evaluate: $(READY) ## score RUN on SPLIT of its data (or of DATA) and write a report
	$(BIN)/captioner evaluate "$(RUN)" $(FROM_DATA) $(FROM_SPLIT) $(FROM_WEIGHTS) $(OPTIONS) $(SKIPPED_SOME)

vqa: $(READY) ## train a model that answers questions (VQA), evaluate it and write a report
	$(BIN)/captioner train $(VQA) --out "runs/$(VQA)" $(FROM_DATA) $(FROM_WEIGHTS) $(OPTIONS)
	$(BIN)/captioner evaluate "runs/$(VQA)" $(FROM_DATA) $(FROM_SPLIT) $(FROM_WEIGHTS) $(SKIPPED_SOME)
	@echo "The model is in runs/$(VQA), the report is runs/$(VQA)/evaluation-$(or $(SPLIT),test)/report.html"

language: $(READY) ## train a language model on TEXT or on Python's own sources, and let it write
	$(BIN)/captioner language train language-characters --out runs/language $(if $(TEXT),--data "$(TEXT)") $(OPTIONS)
	$(BIN)/captioner language sample runs/language

lint: $(DEV) ## check style, format and the directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Compiling takes most of the quick tests' time; what is compiled runs for moments.
test: $(DEV) ## run the quick tests; TESTS=tests/captioner/text for some of them
	XLA_FLAGS=--xla_backend_optimization_level=0 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "not long" $(TESTS)

test-all: $(DEV) ## run all tests: also kills, notebooks and benchmarks (up to an hour)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --hypothesis-profile thorough $(TESTS)

bench: $(DEV) ## measure speeds; BENCH=beam for one of them
	@for name in $(BENCH); do echo; echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

notebooks: $(DEV) ## run the notebooks; copies with their results go to build/notebooks
	$(BIN)/python -m tests.run_notebooks build/notebooks

# MkDocs warns of a version of its own that this does not use.
docs: $(DEV) ## write the documentation to build/docs
	$(BIN)/python -m tests.run_notebooks build/toy --toy
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open build/docs/index.html. To search, serve it: python -m http.server --directory build/docs"

clean: ## remove .venv and caches; data, runs and features stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
