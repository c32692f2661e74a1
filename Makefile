# Everything that one does with this tree. `make demo` and `make test` set up all that they need.
.DELETE_ON_ERROR:
.PHONY: help demo test test-rust test-python check dashboard fmt wheel bench nightly screenshots build clean
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
# maturin installs into the environment that these name; it is to be ours, whatever the caller has active.
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin

help:            ## This list
	@grep -hE '^[a-z-]+: .*##' Makefile | sed -E 's/: .*##/\t/' | expand -t 16

demo: build      ## The main job: an agent that crashes, resumes, asks a human and finishes
	@$(PY) examples/deep_research/demo.py

test: test-rust test-python   ## All tests

test-rust: .prerequisites .postgres $(VENV)-moto/.ready
ifdef NEXTEST
	cargo nextest run --release --workspace --exclude kitaru-py
else
	cargo test --release --workspace --exclude kitaru-py
endif

# What is held against a sealed store and one behind a server too, and against one that is killed all the time; `make nightly`: all.
REMOTE := tests/promises/test_seed.py tests/promises/test_crash_at_38.py tests/promises/test_replay.py \
	tests/promises/test_fleet_waiting.py tests/promises/test_breakpoints.py
KILLED := tests/promises/test_seed.py tests/promises/test_crash_at_38.py tests/promises/test_fleet.py \
	tests/promises/test_fleet_keys.py
# And in PostgreSQL.
POSTGRES := tests/promises/test_seed.py tests/promises/test_crash_at_38.py tests/promises/test_replay_of_a_replay.py \
	tests/promises/test_fleet_keys.py tests/promises/test_held.py

test-python: build wheel .postgres $(VENV)/.dev $(VENV)-mcp1/.ready $(VENV)-mcp2/.ready .browser
	$(PY) -m pytest
	KITARU_TEST_STORE=postgres $(PY) -m pytest $(POSTGRES)
	KITARU_TEST_STORE=sealed $(PY) -m pytest $(REMOTE)
	KITARU_TEST_STORE=remote $(PY) -m pytest $(REMOTE)
	KITARU_TEST_STORE=killed $(PY) -m pytest $(KILLED)

check: build $(VENV)/.dev     ## Formatting, lints, types, licences, house rules
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo run --release --quiet -p xtask -- tidy
	xtask/deny.sh
	dashboard/check.sh
	$(PY) -m ruff format --check .ci python tests examples bench
	$(PY) -m ruff check .ci python tests examples bench
	$(PY) -m mypy
	$(PY) -m mypy.stubtest kitaru._native

dashboard:       ## The dashboard's own checks: client, types, lints, tests, dist/ (needs Node, else they are skipped)
	dashboard/check.sh

fmt: $(VENV)/.dev             ## Formats everything
	cargo fmt --all
	$(PY) -m ruff format .ci python tests examples bench
	$(PY) -m ruff check --fix .ci python tests examples bench

wheel: $(VENV)/.ready         ## A release wheel in dist/
	$(MATURIN) build --release --strip --out dist

bench: build .postgres $(VENV)/.dev $(VENV)-bench/.ready .browser   ## Figures beside raw baselines and peers; rewrites docs/performance.md
	$(PY) bench/run.py

screenshots: build $(VENV)/.dev .browser   ## Pictures of every screen, for the README and the guide
	$(PY) tests/dashboard/pictures.py docs/images

nightly: build .postgres $(VENV)-moto/.ready $(VENV)/.nightly $(VENV)-mcp1/.ready $(VENV)-mcp2/.ready .browser   ## Long soaks, bounded to an hour
	KITARU_CRASHES=3000 KITARU_SIM_SEEDS=5000 KITARU_EXAMPLES=300 KITARU_HOSTILE=2000 timeout 3600 $(PY) -m pytest -m "nightly or not nightly" tests
	KITARU_TEST_STORE=postgres timeout 1800 $(PY) -m pytest tests/promises tests/traps
	KITARU_CRASHES=60 KITARU_SEEDS=200 cargo test --release -p kitaru-store --test postgres --test conformance postgres
	KITARU_TEST_STORE=sealed timeout 1800 $(PY) -m pytest tests/promises tests/traps
	KITARU_TEST_STORE=remote timeout 1800 $(PY) -m pytest tests/promises tests/traps
	KITARU_TEST_STORE=killed timeout 1800 $(PY) -m pytest tests/promises tests/traps
	KITARU_SIM_SEEDS=5000 cargo test --release -p kitaru-sim
	KITARU_FUZZ_ROUNDS=20000 timeout 1800 cargo test --release -p kitaru-fuzz
	KITARU_SOAK=180 cargo test --release -p kitaru-store --test collect
	KITARU_SEEDS=40000 timeout 1800 cargo test --release -p kitaru-core --test random

# Tests look at the dashboard in a real browser. Debian's is installed where that may be done, else it is asked for.
.PHONY: .browser
.browser:
	@command -v chromium >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "make: chromium is missing; install it (Debian: apt-get install chromium)" >&2; exit 1; }; \
		echo "installing chromium, which the dashboard's tests need"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq >/dev/null && apt-get install -qq --yes --no-install-recommends chromium >/dev/null; \
	}

build: $(VENV)/.ready         ## The extension, built in place
	@$(MATURIN) develop --release --skip-install --quiet >$(VENV)/build.log 2>&1 || { cat $(VENV)/build.log >&2; exit 1; }

clean:           ## Removes what was built
	rm -rf target dist $(VENV) $(VENV)-bench $(VENV)-moto $(VENV)-mcp1 $(VENV)-mcp2

# --- set-up ---------------------------------------------------------------------------------------------

.PHONY: .prerequisites
.prerequisites:
	@command -v cargo >/dev/null || { echo "make: cargo is missing; install a Rust toolchain (1.89 or newer) from your system's packages or rustup" >&2; exit 1; }
	@cargo --version | { read -r _ v _; printf '1.89\n%s\n' "$$v" | sort -VC; } || { echo "make: this cargo is older than 1.89; install a newer Rust toolchain (rustup update, or https://rustup.rs)" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "make: a C compiler is missing; install gcc (Debian: apt-get install gcc)" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.10 or newer (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is older than 3.10; install a newer Python, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: Python's venv module is missing; install it (Debian: apt-get install python3-venv)" >&2; exit 1; }

# Tests start a PostgreSQL of their own. Debian's package would start one for the machine: it is told not to.
.PHONY: .postgres
.postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "make: PostgreSQL is missing, which tests start for themselves; install it (Debian: apt-get install postgresql)" >&2; exit 1; }; \
		echo "installing PostgreSQL, which tests start for themselves"; \
		mkdir -p /etc/postgresql-common/createcluster.d && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/kitaru.conf; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y postgresql >/dev/null; }

$(VENV)/.ready: pyproject.toml | .prerequisites
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2' pydantic
	@echo "building the engine: some minutes the first time"
	$(MATURIN) develop --release --quiet >$(VENV)/build.log 2>&1 || { cat $(VENV)/build.log >&2; exit 1; }
	touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt requirements/frameworks.txt | $(VENV)/.ready
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements/dev.txt -r requirements/frameworks.txt
	touch $@

$(VENV)/.nightly: requirements/nightly.txt | $(VENV)/.dev
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements/nightly.txt
	touch $@

$(VENV)-bench/.ready: requirements/bench.txt | .prerequisites
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	touch $@

$(VENV)-moto/.ready: requirements/moto.txt | .prerequisites
	$(PYTHON) -m venv $(VENV)-moto
	$(VENV)-moto/bin/pip install --quiet --disable-pip-version-check -r requirements/moto.txt
	touch $@

$(VENV)-mcp%/.ready: requirements/mcp%.txt | .prerequisites
	$(PYTHON) -m venv $(VENV)-mcp$*
	$(VENV)-mcp$*/bin/pip install --quiet --disable-pip-version-check -r requirements/mcp$*.txt
	touch $@
