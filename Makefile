# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check install lock bench conformance fuzz clean

demo: install
	$(BIN)/edgefaas demo $(ARGS)

test: check
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy edgefaas sandbox router cli benchmarks tests

bench: install   # a first look in four minutes; everything: make bench ARGS='--rounds 5'
	$(BIN)/edgefaas bench $(if $(ARGS),$(ARGS),--quick)

conformance: install
	$(BIN)/python -m benchmarks.conformance $(ARGS)

fuzz: install    # a minute of hostile bytes; longer: make fuzz ARGS='--seconds 3600'
	$(BIN)/python -m tests.fuzz $(ARGS)

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml hatch_build.py sandbox/capi/calls.c sandbox/capi/images.h $(wildcard sandbox/js/*.[ch]) $(wildcard sandbox/python/*.[ch])
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is needed: apt-get install python3.11-venv (or make PYTHON=python3.12 ...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python sandbox/js/engine_build.py
	@$(BIN)/python sandbox/python/shim_build.py
	@$(BIN)/python sandbox/capi/calls_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock:            # needs uv; hashes only, no addresses
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) dist build .cache .demo
