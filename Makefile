# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
export VIRTUAL_ENV := $(CURDIR)/.venv
UV := .cache/uv/bin/uv

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(UV):
	@python3 -m venv .cache/uv && .cache/uv/bin/pip install -q 'uv==0.13.9'

.cache/python.stamp: requirements.lock pyproject.toml | $(UV)
	@test -x $(PY) || $(UV) venv -q --python 3.11 .venv
	@$(UV) pip sync -q --require-hashes requirements.lock
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

setup: .cache/python.stamp ## Make .venv with .venv/bin/trackplane

lock: | $(UV) ## Resolve requirements.lock again
	@$(UV) pip compile -q --generate-hashes --universal --python-version 3.11 --no-header \
	  --no-annotate pyproject.toml --group dev -o requirements.lock

.PHONY: help setup lock
