# Everything starts here; `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The transform's kernel for this machine, by the name that src/clickstream_lake/transform/rules/native/library.py
# loads it by. What runs the transform needs it.
NATIVE := src/clickstream_lake/transform/rules/native
KERNEL := $(NATIVE)/kernel-$(shell uname -sm | tr 'A-Z ' 'a-z-' | sed 's/arm64/aarch64/').so
TERRAFORM ?= terraform
ARGS ?=

.PHONY: help setup demo test test-all lint format package lock deploy destroy bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(KERNEL) ## Make the virtual environment with everything that the other targets need

$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (a minute or two, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(KERNEL): $(READY) $(wildcard $(NATIVE)/*.[ch]) dev/kernel.py
	@$(BIN)/python -m dev.package --kernel

demo: $(KERNEL) ## Watch events go producer -> Firehose -> transform -> tables -> SQL, on this machine
	@$(BIN)/clickstream demo $(ARGS)

test: $(KERNEL) ## Run the tests that take minutes at most
	@$(BIN)/pytest -q -n 2 -m "not slow and not e2e and not soak" $(ARGS)

test-all: $(KERNEL) ## Run every test but the soak, Terraform and the whole pipeline included
	@$(BIN)/pytest -q -n 2 -m "not soak" $(ARGS)

lint: $(READY) ## Check style, types and Terraform
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(TERRAFORM) fmt -check -recursive terraform

format: $(READY) ## Format Python and Terraform
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(TERRAFORM) fmt -recursive terraform

package: $(READY) ## Build dist/: a zip per function and the dependency layers
	@$(BIN)/python -m dev.package $(ARGS)

lock: $(READY) ## Resolve requirements/ anew from pyproject.toml
	@$(BIN)/python -m dev.package --lock

deploy: package ## Deploy to AWS with the credentials of the environment
	@$(TERRAFORM) -chdir=terraform init -input=false
	@$(TERRAFORM) -chdir=terraform apply $(ARGS)

destroy: ## Remove the deployment from AWS
	@$(TERRAFORM) -chdir=terraform destroy $(ARGS)

bench: $(KERNEL) ## Run the benchmarks for five minutes and write their reports (ARGS=--full for all)
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove what was built (not the virtual environment)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
