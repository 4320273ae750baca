# Everything starts here; `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is set up: the package with its sandbox, for the demo; and all else, for the other targets.
DEMO := $(VENV)/.demo
READY := $(VENV)/.ready
# The transform's kernel for this machine, by the name that src/clickstream_lake/transform/rules/native/library.py
# loads it by. What runs the transform needs it.
NATIVE := src/clickstream_lake/transform/rules/native
KERNEL := $(NATIVE)/kernel-$(shell uname -sm | tr 'A-Z ' 'a-z-' | sed 's/arm64/aarch64/').so
TERRAFORM ?= terraform
ARGS ?=

.PHONY: help setup demo test test-all test-install lint format package wheels lock deploy destroy bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) $(KERNEL) ## Set up everything that the other targets need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# uv, which takes seconds where pip takes minutes: from the PATH, or a wheel of 20 MB.
$(VENV)/.uv: dev/locks/uv.txt | $(BIN)/python
	@command -v uv >$@ || { \
	  echo "Getting uv ..."; \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $< \
	    && echo $(BIN)/uv >$@ || echo "uv cannot be had here: pip it is" >$@; }

# Install some locks, with the package itself where its build takes the compiler from: uv gets it
# for the build alone, pip into the environment.
define install
	@uv=$$(cat $(VENV)/.uv); \
	if [ -x "$$uv" ]; then \
	  $$uv pip install --python $(BIN)/python --require-hashes $(1:%=-r %); \
	  echo "Compiling the kernel ..."; \
	  $$uv pip install --python $(BIN)/python --build-constraints dev/locks/build.txt --no-deps -e .; \
	else \
	  $(BIN)/python -m pip install --require-hashes $(1:%=-r %) -r dev/locks/build.txt; \
	  echo "Compiling the kernel ..."; \
	  $(BIN)/python -m pip install --no-build-isolation --no-deps -e .; \
	fi
endef

$(DEMO): pyproject.toml dev/locks/demo.txt dev/locks/build.txt $(VENV)/.uv
	@echo "Setting up $(VENV): what the demo needs, 350 MB ..."
	$(call install,dev/locks/demo.txt)
	@touch $@

$(READY): pyproject.toml dev/locks/test.txt dev/locks/build.txt $(VENV)/.uv
	@echo "Setting up $(VENV): what tests and packages need, 1.3 GB ..."
	$(call install,dev/locks/test.txt)
	@touch $(DEMO) $@

# Setting up compiles it, too; this is for sources that changed since.
$(KERNEL): $(wildcard $(NATIVE)/*.[ch]) dev/kernel.py | $(DEMO)
	@$(BIN)/python -c "import ziglang" 2>/dev/null || $(MAKE) $(READY)
	@$(BIN)/python -m dev.kernel

demo: $(DEMO) $(KERNEL) ## Watch events go producer -> Firehose -> transform -> tables -> SQL, on this machine
	@$(BIN)/clickstream demo $(ARGS)

test: $(READY) $(KERNEL) ## Run the tests that take minutes at most
	@$(BIN)/pytest -q -n 2 -m "not slow and not e2e and not soak and not install and not nightly" $(ARGS)

test-all: $(READY) $(KERNEL) ## Run every test but the soak, Terraform and the whole pipeline included
	@$(BIN)/pytest -q -n 2 -m "not soak and not install and not nightly" $(ARGS)

test-install: $(READY) $(KERNEL) ## Install the built package into fresh environments and run it there
	@$(BIN)/pytest -q -n 2 -m "install and not nightly" $(ARGS)

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

wheels: $(READY) ## Build dist/python/: the package for every platform
	@$(BIN)/python -m dev.package --wheels

lock: $(READY) ## Resolve every lock anew from pyproject.toml
	@$(BIN)/python -m dev.package --lock

deploy: package ## Deploy to AWS with the credentials of the environment
	@$(TERRAFORM) -chdir=terraform init -input=false
	@$(TERRAFORM) -chdir=terraform apply $(ARGS)

destroy: ## Remove the deployment from AWS
	@$(TERRAFORM) -chdir=terraform destroy $(ARGS)

bench: $(READY) $(KERNEL) ## Run the benchmarks for five minutes and write their reports (ARGS=--full for all)
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove what was built (not the virtual environment)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
