# "make lab" and "make test" each do everything from a fresh clone. Needed: make and Python 3.11 or later.
# Without make: "python scripts/bootstrap.py --test", then the commands below by hand.

# PYTHON is the interpreter that .venv is made from: python3 when it is new enough, otherwise the newest
# python3.x found. Each is tried by running it, because a version manager's python3.x may be on the PATH
# and still refuse to start. To choose yourself: make lab PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && exit; \
	done; echo python3)

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

.PHONY: help python setup setup-test lab test soak awkward notebooks bench constraints clean

help:
	@echo "make lab          open the lessons in JupyterLab (sets up .venv first)"
	@echo "make test         run the linter and all tests, notebooks included (sets up .venv first)"
	@echo "make soak         kill receivers, stores, relays and workers hundreds of times, and send ten thousand malformed requests"
	@echo "make awkward      run the quick tests in awkward places: a read-only home, a dead proxy, and so on"
	@echo "make notebooks    run every notebook from a fresh kernel and save its outputs"
	@echo "make bench        run the benchmarks"
	@echo "make constraints  resolve all dependencies afresh and write constraints.txt"
	@echo "make setup        only set up .venv (what 'make lab' does first)"
	@echo "make clean        remove .venv and everything else that was made here"

# Without this line, a PYTHON that is not there gives make's own error and no word on what to do.
python:
	@$(PYTHON) -c "" >/dev/null 2>&1 || { \
	echo "There is no Python that starts at '$(PYTHON)': install Python 3.11 or later, or name one you have," \
	"as in: make lab PYTHON=/path/to/python3" >&2; exit 1; }

# Both end at once when .venv is up to date.
setup: python
	@$(PYTHON) scripts/bootstrap.py

setup-test: python
	@$(PYTHON) scripts/bootstrap.py --test

lab: setup
	@$(BIN)/python scripts/lab.py

test: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/pytest --nbval
	$(BIN)/pytest -m "thorough and not (browser or kill or node or go or network)" -rs
	$(BIN)/pytest -m "browser or kill or node or go or network" -rs --numprocesses=0

soak: setup-test
	SOAK=1 $(BIN)/pytest -m kill --numprocesses=0
	SOAK=1 $(BIN)/pytest -m "" tests/lab/test_fuzz.py tests/durable/test_fuzz_api.py tests/signing/test_doctor.py

awkward: setup-test
	$(BIN)/python scripts/awkward.py

notebooks: setup-test
	$(BIN)/python scripts/run_notebooks.py

bench: setup-test
	$(BIN)/python benchmarks/run.py

constraints: python
	@$(PYTHON) scripts/bootstrap.py --constraints

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +
