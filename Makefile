# DeepMetal's daily commands; `make` alone lists them. `serve` and `test` install whatever is missing first.

PORT ?= 8000
JOBS ?= 2
BIN  := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help serve test check lint format bench docs clean setup

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

serve: ## the service with its browser UI on http://127.0.0.1:8000 (PORT=...)
	@scripts/setup serve
	@exec $(BIN)/deepmetal serve --port $(PORT)

test: ## every test: Python, front end, emulator, browser, Redis, PostgreSQL
	@scripts/setup test
	@JOBS=$(JOBS) scripts/test all

check: ## the quick tests and all linters, under a minute
	@scripts/setup serve
	@JOBS=$(JOBS) scripts/test quick

lint: ## the linters and type checkers alone
	@scripts/setup serve
	@scripts/lint

format: ## rewrite the Python files in the project's format
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: ## the benchmarks; tables on the terminal, JSON under bench/results/
	@scripts/setup serve
	@status=0; for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script" || status=1; done; exit $$status

setup: ## only install what is missing
	@scripts/setup test

docs: ## docs/ anew from the code: what is supported, settings
	@scripts/setup serve
	@$(BIN)/python scripts/docs.py

clean: ## remove everything that was built or installed here
	rm -rf .venv .venv-tensorflow .setup build frontend/dist frontend/node_modules bench/results *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
