# Every task of the repository. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
TESTBED := $(PYTHON) -m testbed
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Written by the set-up out of pip's configuration, so that uv asks the same index.
export UV_CONFIG_FILE := $(CURDIR)/.venv/uv.toml
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv out of the locked requirements and link the collection
	@testbed/setup

.PHONY: quickstart
quickstart: setup ## From nothing to a configured Sparkflows double and scored predictions on hosts in Docker
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@$(TESTBED) hosts up --name quickstart --host mlflow-a=debian-13 --host mlflow-b=debian-12 --host sparkflows=debian-13 --host scorer=debian-13
	@ansible-playbook tests/doubles/sparkflows/install.yml -i inventories/quickstart
	@ansible-playbook tests/doubles/scorer/install.yml -i inventories/quickstart
	@ansible-playbook playbooks/site.yml -i inventories/quickstart
	@ansible-playbook playbooks/verify.yml -i inventories/quickstart -e '{"verify_keep": true}'
	@$(TESTBED) summary

.PHONY: quickstart-down
quickstart-down: setup ## Remove all hosts, images and the engine if it was started here
	@$(TESTBED) down

.PHONY: test
test: setup ## Run every gate
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@$(TESTBED) runtimes
	@tests/gates

.PHONY: test-fast
test-fast: setup ## Run the inner loop: the gates that need no hosts
	@tests/gates --fast

.PHONY: tampering
tampering: setup ## Spoil everything that the roles leave behind, one thing at a time
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@for scenario in tampering scorer local; do TAMPERING_ROUNDS=0 molecule test -s $$scenario; done

.PHONY: kills
kills: setup ## Kill runs on hosts in Docker at 12 points drawn from a seed; SEEDS=200 takes more, SEED=17 that one again
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@$(TESTBED) runtimes
	@SEED=$(SEED) SEEDS=$(SEEDS) molecule test -s kills

.PHONY: kills-writes
kills-writes: setup ## Kill the agent and the modules at every one of their writes, not at each fourth
	@$(TESTBED) engine up
	@$(TESTBED) artifacts
	@KILL_EVERY=1 tests/gates unit agent

.PHONY: endurance
endurance: setup ## Run what takes too long for every change: one host for everything, moved, full, IPv6 only, two controllers at once
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@molecule test -s endurance

.PHONY: bench
bench: setup ## Measure the collection on a host in Docker; fails when a figure is missed
	@$(TESTBED) engine up
	@$(TESTBED) images
	@$(TESTBED) artifacts
	@$(PYTHON) -m tests.benchmarks

.PHONY: docs
docs: setup ## Build the documentation as a site: build/site/html/index.html
	@$(TESTBED) site

.PHONY: lock
lock: setup ## Resolve all requirement files anew into their locks
	@$(TESTBED) lock

.PHONY: clean
clean: setup ## Remove all that was made here, the downloads and .venv too
	@$(TESTBED) clean
	@rm -rf build .venv .collections .mypy_cache .ruff_cache .pytest_cache
