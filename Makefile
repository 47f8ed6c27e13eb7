# Two commands matter: `make run` and `make test`. Everything lives in .venv and var.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
.DELETE_ON_ERROR:

BIN := .venv/bin
TESTS := $(BIN)/python -m pytest -q
LOCK := $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11
# Checks read the settings, and settings make secrets: not in the data folder of a running system.
CHECK := CTS_VAR_DIR=$(CURDIR)/.venv/check-data REDIS_URL=redis://127.0.0.1:6379/0 $(BIN)/python

.PHONY: run test test-fast test-slow bench lint format lock clean

run: .venv/installed
	@exec $(BIN)/python manage.py up

test: lint test-fast test-slow

# Exit code 5 of pytest, "no tests collected", fails here like any other.
test-fast: .venv/installed-dev
	$(TESTS) -m "not slow" -n 2

test-slow: .venv/installed-dev
	$(TESTS) -m slow -n 2 --dist loadfile --durations=12

bench: .venv/installed-dev
	$(BIN)/python -m tests.benchmarks.bench_book

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(CHECK) -m mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(CHECK) manage.py makemigrations --check --dry-run
	$(CHECK) manage.py check --fail-level WARNING

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/installed-dev
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

# The environment, the data folder stays: it holds the keys.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: requirements.txt | .venv/made
	@echo "Installing what CTS runs on"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what tests need"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv/made:
	@python=""; \
	for candidate in python3.11 python3; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	    python="$$candidate"; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "cts: expected Python 3.11 as python3.11 or python3 on the PATH, was: $$(python3 --version 2>&1 || true)." >&2; \
	  echo "cts: on Debian 12: apt-get install python3 python3-venv" >&2; \
	  exit 2; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "cts: expected Python's venv module with pip, $$python lacks it." >&2; \
	  echo "cts: on Debian: apt-get install python3-venv" >&2; \
	  exit 2; \
	fi; \
	"$$python" -m venv .venv
	@touch $@
