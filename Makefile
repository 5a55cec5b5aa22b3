# demo: triage the sample letters.  test: everything.  quick: without the slow ones.  bundle: models/base from data/.
# audit: known faults of the libraries, where the index of them is reached.
# bench: every figure of docs/performance.md, ten minutes; MILLION=1 for a million letters, half an hour.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
TEST_STAMP = $(VENV)/.installed-test

.PHONY: demo test quick audit bundle lint bench clean

demo: $(STAMP)
	@$(BIN)/triage classify data/samples/letters.csv --format table
	@$(BIN)/triage batch data/samples/letters.csv ledger.xlsx
	@echo
	@echo "The ledger is in ledger.xlsx. Next:"
	@echo "  $(BIN)/triage classify \"村里把我家的承包地收回去了，要求归还。\""
	@echo "  $(BIN)/triage explain \"包工头跑了，欠我们八个人三个月工资。\""
	@echo "  $(BIN)/triage batch YOUR_FILE.xlsx ledger.xlsx"

test: $(TEST_STAMP) lint
	@$(BIN)/python -m pytest -n auto --dist loadfile --ignore=tests/web
	@$(BIN)/python -m pytest tests/web

quick: $(TEST_STAMP)
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

lint: $(TEST_STAMP)
	@$(BIN)/ruff check triage service tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(TEST_STAMP)
	@$(BIN)/python tests/bench/bench.py $(if $(MILLION),--million)
	@$(BIN)/python docs/figures.py

audit: $(TEST_STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/pip-audit --skip-editable

bundle: $(STAMP)
	@$(BIN)/python -m triage.training.base

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(TEST_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,ocr,scale,charts]"
	@touch $@

clean:
	rm -rf $(VENV) ledger.xlsx .mypy_cache .ruff_cache .pytest_cache
