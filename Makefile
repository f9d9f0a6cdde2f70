# Stile. `make` alone lists the targets. Needs Python 3.11+ (with venv) and make, nothing else.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
QUICK := -p tests.in_memory --ignore=tests/bench --ignore=tests/soak
BOTH := -n 2 -p tests.parallel --dist loadfile --no-loadscope-reorder  # the browser first: it takes longest
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup dev demo run test lint spark bench soak check browser pyspark

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.app: requirements.txt | .venv/bin/python
	@echo "Installing what the app needs (once)…"
	@$(INSTALL) -r requirements.txt
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | .venv/.app
	@echo "Installing the tools for tests (once)…"
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

setup: .venv/.app ## install the app into .venv, nothing more

dev: .venv/.dev

demo: setup ## seed the demonstration if absent, start it on http://localhost:8501 with live inputs
	@exec env STILE_AUTH=demo $(BIN)/python -m core demo --start --port $(PORT)

run: setup ## start the app on your own MLflow (MLFLOW_TRACKING_URI), else on the embedded store
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

browser: dev
	@$(BIN)/python tests/browser/chromium.py

pyspark: | .venv/bin/python
	@$(BIN)/python tests/drift/pyspark_apart.py

test: ## everything: PostgreSQL, a real browser and, where there is Java, Spark
	@$(MAKE) --no-print-directory --jobs=2 browser pyspark
	@$(BIN)/python -m pytest $(BOTH) $(QUICK)

lint: dev ## ruff, formatting, mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy

spark: dev ## the same counts on Spark as on DuckDB; needs Java 17 or newer
	@$(BIN)/python tests/drift/pyspark_apart.py --required
	@$(BIN)/python -m pytest tests/drift/test_spark.py

bench: dev browser ## the budgets, as ratios beside the real peers
	@$(BIN)/python -m pytest tests/bench -s

soak: dev ## the long ones: workers killed by the hundred, a failing network, full size
	@$(BIN)/python -m pytest tests/soak -s

check: lint ## lint, and the tests of values: no store, server, browser or model
	@$(BIN)/python -m pytest $(BOTH) $(QUICK) -m "not world and not slow and not browser and not spark"
