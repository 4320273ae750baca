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

.PHONY: help setup demo test test-all test-install test-engine test-nightly lint format package wheels lock deploy destroy bench clean

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
	@$(BIN)/pytest -q -n 2 -m "not slow and not e2e and not soak and not install and not nightly and not engine" $(ARGS)

test-all: $(READY) $(KERNEL) ## Run every test but the soak, Terraform and the whole pipeline included
	@$(BIN)/pytest -q -n 2 -m "not soak and not install and not nightly and not engine" $(ARGS)

test-install: $(READY) $(KERNEL) ## Install the built package into fresh environments and run it there
	@$(BIN)/pytest -q -n 2 -m "install and not nightly and not engine" $(ARGS)

test-engine: $(READY) $(KERNEL) ## Bring a Trino (820 MB, once), and run what asks it
	@$(BIN)/clickstream engine install
	@$(BIN)/pytest -q -m "engine and not nightly" $(ARGS)

test-nightly: $(READY) $(KERNEL) ## The rarer of these: each installer, the oldest dependencies
	@$(BIN)/pytest -q -n 2 -m "nightly" $(ARGS)

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
	@test -e terraform/.terraform.lock.hcl || cp terraform/provider.lock.hcl terraform/.terraform.lock.hcl
	@$(TERRAFORM) -chdir=terraform init -input=false
	@$(TERRAFORM) -chdir=terraform apply $(ARGS)

destroy: ## Remove the deployment from AWS
	@$(TERRAFORM) -chdir=terraform destroy $(ARGS)

bench: $(READY) $(KERNEL) ## Run the benchmarks for five minutes and write their reports (ARGS=--full for all)
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove what was built (not the virtual environment)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# What looks after the repository itself. Its tools have a lock of their own, and join .venv only here.
DOCS := $(VENV)/.docs
# Drawn by the site's own copy, so that reading it asks no other server.
MERMAID := build/mermaid.min.js
MERMAID_VERSION := 11.12.1
MERMAID_SHA256 := 3bd65ddefe97fb2e01d976a01d4078f8d773bfc56c6a75a9abf08b564ce0f8b2
ACTIONLINT ?= go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: check soak fuzz search coverage docs docs-serve hooks lint-workflows lint-c format-c
.PHONY: release release-github release-pypi

$(DOCS): $(READY) dev/locks/docs.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r dev/locks/docs.txt
	@touch $@

$(MERMAID): Makefile
	@mkdir -p build
	@cd build && npm pack --silent mermaid@$(MERMAID_VERSION) >/dev/null
	@echo "$(MERMAID_SHA256)  build/mermaid-$(MERMAID_VERSION).tgz" | sha256sum --check --quiet
	@tar -xzmf build/mermaid-$(MERMAID_VERSION).tgz -C build --strip-components=2 package/dist/mermaid.min.js
	@rm build/mermaid-$(MERMAID_VERSION).tgz

check: ## The whole check, as CI runs it
	@bash .ci/run

soak: $(READY) $(KERNEL) ## Ten minutes of load and faults at once
	@$(BIN)/pytest -q -m soak tests/soak $(ARGS)

fuzz: export CLICKSTREAM_FUZZ_LINES ?= 1000000
fuzz: $(READY) $(KERNEL) ## A million hostile lines against the oracle
	@$(BIN)/pytest -q -m slow tests/fuzz $(ARGS)

search: $(READY) $(KERNEL) ## Search for objects that cost much per byte (ARGS='--seconds 3600 --seed 1')
	@$(BIN)/python -m tests.fuzz.costly $(ARGS)

coverage: $(READY) $(KERNEL) $(DOCS) ## The default tests, and which lines and branches they reach
	@rm -rf build/coverage
	@$(BIN)/coverage run -m pytest -q -n 2 \
		-m "not slow and not e2e and not soak and not install and not nightly and not engine" $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage html --quiet
	@$(BIN)/coverage report

docs: $(DOCS) $(MERMAID) ## The documentation as a site: build/site/index.html; a broken link fails (needs npm)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean

docs-serve: $(DOCS) $(MERMAID) ## The same, served on 127.0.0.1:8000 and built anew at each change
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

hooks: $(DOCS) ## Let git run the checks of .pre-commit-config.yaml before each commit
	@$(BIN)/pre-commit install

lint-workflows: $(DOCS) ## Check .github/ with zizmor and actionlint (which needs Go)
	@$(BIN)/zizmor --offline --quiet --pedantic .github
	@$(ACTIONLINT)

lint-c: $(DOCS) ## Check the style of the C code
	@$(BIN)/clang-format --dry-run --Werror $(wildcard $(NATIVE)/*.[ch])

format-c: $(DOCS) ## Format the C code
	@$(BIN)/clang-format -i $(wildcard $(NATIVE)/*.[ch])

release: package wheels $(DOCS) ## Gather dist/release/: all that a release has (TAG=v1.2.3 is checked)
	@$(BIN)/cyclonedx-py requirements --output-reproducible --output-file dist/layer.cdx.json \
		--pyproject pyproject.toml functions/transform/requirements.txt
	@$(BIN)/python -m dev.release $${TAG:+--tag "$$TAG"}

release-github: # Make a GitHub release of TAG of what the workflow's first job built
	@gh run download "$$GITHUB_RUN_ID" --name release --dir dist/release
	@cd dist/release && sha256sum --check --quiet SHA256SUMS
	@gh release create "$$TAG" --verify-tag --title "$$TAG" \
		--notes-file dist/release/NOTES.md dist/release/*

release-pypi: $(READY) # Publish what the workflow's first job built, trusted by PyPI without a token
	@gh run download "$$GITHUB_RUN_ID" --name release --dir dist/release
	@cd dist/release && sha256sum --check --quiet SHA256SUMS
	@$(BIN)/uv publish --trusted-publishing always dist/release/clickstream_lake-*
