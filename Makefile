# Every target sets up what it needs in a virtual environment of its own; nothing else on the machine is touched.
#
#   make demo PYTHON=python3.12     choose the interpreter (3.11 or newer)
#   make test VENV=/tmp/skboost     choose the folder of the environment
#   make test PYTEST="-k tabu -x"    arguments for pytest, in place of one process for each core

PYTHON ?= python3
VENV ?= .venv
PYTEST ?= -n auto

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip
STAMPS = $(VENV)/.stamps
# The package is installed in editable mode: a change of these files, and of no others, needs a new installation.
BUILT_FROM = pyproject.toml setup.py $(shell find _ext -type f)

.PHONY: help demo test test-long lint format doc examples bench clean distclean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make demo       boosted networks, calibration, intervals and a search on real data (pictures in out/)"
	@echo "make test       run the tests"
	@echo "make test-long  run the slow tests of theory as well"
	@echo "make examples   run every example on a small scale"
	@echo "make lint       check format, style and types"
	@echo "make format     format the Python files"
	@echo "make doc        build the documentation (doc/_build/html/index.html)"
	@echo "make bench      measure boosted networks beside their peers on scikit-learn's own data"
	@echo "make clean      remove what was built; 'make distclean' removes the environment too"

demo: $(STAMPS)/demo
	for topic in networks calibration conformal tuning; do \
	  $(BIN)/python examples/$$topic/quickstart.py || exit 1; \
	done

test: $(STAMPS)/test
	$(BIN)/python -m pytest $(PYTEST)

test-long: $(STAMPS)/test
	$(BIN)/python -m pytest -m "long or not long" $(PYTEST)

examples: $(STAMPS)/examples
	for script in $$(find examples -name "[!_]*.py" -not -path "examples/benchmarks/*" | sort); do \
	  echo "== $$script"; MPLBACKEND=Agg SKBOOST_QUICK=1 $(BIN)/python $$script || exit 1; \
	done

# cython-lint calls pycodestyle, which has to be found
lint: $(STAMPS)/lint
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	PATH="$(abspath $(BIN)):$$PATH" cython-lint _ext

format: $(STAMPS)/lint
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

doc: $(STAMPS)/doc
	$(BIN)/python -m sphinx -W --keep-going -b html doc doc/_build/html

bench: $(STAMPS)/bench
	$(BIN)/python examples/benchmarks/bundled_sets.py --splits 2

clean:
	rm -rf build dist doc/_build doc/api out *.egg-info .mypy_cache .ruff_cache .pytest_cache
	rm -f skboost/_ext/*.so
	rm -f $(STAMPS)/package
	find skboost tests examples doc -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf "$(VENV)"

$(STAMPS)/environment:
	@"$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "skboost needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"
	@mkdir -p "$(STAMPS)"
	@touch $@

$(STAMPS)/package: $(STAMPS)/environment $(BUILT_FROM)
	$(PIP) install --editable .
	@touch $@

# The kernels are compiled once, above; an extra only adds packages to the installed one.
$(STAMPS)/%: $(STAMPS)/package
	$(PIP) install "skboost[$*]"
	@touch $@
