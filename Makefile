# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Where Python is told not to keep what it compiles, every worker of pytest would rewrite every test.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-system demo test check lint types compiled format bench lock clean

help:
	@echo "make demo     install into $(VENV) and watch a queue, a schedule, a function and tasks drain a backlog"
	@echo "make test     install everything and run all that CI runs"
	@echo "make setup    install everything a developer needs into $(VENV)"
	@echo "make setup-system  install the Debian packages that tests of the oci and docker runners need (as root)"
	@echo "make check    format, lint, types, layout rules and unit tests (under a minute)"
	@echo "make bench    measure the speeds we promise"

# The locked dependencies carry hashes; the package itself is then installed without looking at any index.
$(VENV)/ready-demo: requirements-build.txt requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements-build.txt -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/ready-dev: requirements-build.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements-build.txt -r requirements-dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/ready-demo

# pip compiles what it installs, but not what it links (-e). Without, each process compiles its modules again where
# Python may not write: a plane took half as long again to start.
BYTECODE := $(BIN)/python -m compileall -q src

setup: $(VENV)/ready-dev
	$(BYTECODE)

# The oci runner needs an OCI runtime; its tests make images of busybox, those of joined machines network namespaces
# and certificates. Tests of the docker runner start daemons of their own: a policy-rc.d keeps Debian from starting
# the system's. Debian's names, root's work.
PACKAGES := crun busybox-static tini conmon docker.io docker-registry git libnftables1 iproute2 nftables nodejs openssl haproxy
POLICY := /usr/sbin/policy-rc.d
setup-system:
	apt-get update -q
	if [ ! -e $(POLICY) ]; then printf '#!/bin/sh\nexit 101\n' >$(POLICY); chmod 755 $(POLICY); made=yes; fi; \
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES); code=$$?; \
	if [ "$$made" ]; then rm -f $(POLICY); fi; exit $$code

demo: $(VENV)/ready-demo
	$(BYTECODE)
	$(BIN)/windlass demo backlog

lint: setup
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench

types: setup
	$(BIN)/mypy

# Pytest compiles tests itself. One process does it for all workers, beside mypy, which keeps one core busy.
compiled: setup
	$(BIN)/pytest tests --collect-only -q >/dev/null

check: lint types
	$(BIN)/pytest tests/tidy tests/unit -n 2

# Three workers on two cores: tests wait a third of their time. docs/checklists/test-cost.md
test: lint
	$(MAKE) --no-print-directory -j 2 types compiled
	$(BIN)/pytest tests -n 3 --dist worksteal

format: setup
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

bench: setup
	$(BIN)/python -m bench

# Needs pip-tools in the environment. Writes hashes and no index address.
LOCK := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock:
	$(LOCK) -o requirements.txt pyproject.toml
	$(LOCK) --extra dev -o requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) .windlass build dist
