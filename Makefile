# Tasks of this repository; `make help` lists them. Needs make and Python 3.11 or newer with venv.

# The first Python that is new enough; choose another with PYTHON=/path/to/python3.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
CHROMIUM := $(shell command -v chromium || command -v chromium-browser)
NODE := $(shell command -v node 2>/dev/null)
GO := $(shell command -v go 2>/dev/null)
CURL := $(if $(shell command -v jq 2>/dev/null),$(shell command -v curl 2>/dev/null))
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
STARTOS := packaging/startos
STARTOS_MODULES := $(STARTOS)/node_modules/.package-lock.json
# The tests of the package for StartOS mount things in namespaces of their own.
STARTOS_TOOLS := $(shell test "$$(id -u)" = 0 && for tool in node npm rsync ip unshare; do \
  command -v $$tool >/dev/null || exit; done && echo yes)
# Extra arguments of a task: make test ARGS="-k license -x"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-btcpay run test lint format types cov bench integrate-check browser-test screenshots schema docs docs-check lock check clean wheel startos-check s9pk x86 arm print-TARGETS simulate soak years image-rootfs image-check

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.stamp-server ## Sell a license on this machine with pretend money, from a fresh clone
	@$(BIN)/keysat demo $(ARGS)

demo-btcpay: $(VENV)/.stamp-dev ## The same sale, paid at a double of BTCPay Server
	@$(BIN)/python -m tests.simulators.demo $(ARGS)

run: $(VENV)/.stamp-server ## Start the server; settings come from the environment and .env
	@$(BIN)/keysat serve $(ARGS)

test: $(VENV)/.stamp-dev ## Run the whole test suite; browser tests where there is a chromium
	@test -n "$(CHROMIUM)" || echo "No chromium here: tests/browser is left out. Install it to run them too."
	@test -n "$(NODE)" || echo "No node here: the tests of clients in JavaScript are left out. Install Node 18 or later to run them too."
	@test -n "$(GO)" || echo "No go here: the tests of clients in Go are left out. Install Go 1.21 or later to run them too."
	@test -n "$(CURL)" || echo "No curl or no jq here: the page docs/integrate/curl.md is not run. Install both to run it too."
	@test -n "$(STARTOS_TOOLS)" || echo "No node, npm, rsync, ip or unshare here, or not root: tests/packaging/test_startos.py is left out."
	@$(if $(ARGS),$(BIN)/python -m pytest $(NO_BROWSER) $(NO_CLIENTS) $(NO_STARTOS) $(ARGS),$(IN_HALVES))

lint: $(VENV)/.stamp-dev ## Check style, types, layers, dependencies and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/keysat schema check
	$(BIN)/cog --check --check-fail-msg "run make docs" -p "$(COG_PROLOGUE)" $(GENERATED_DOCS)

format: $(VENV)/.stamp-dev ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.stamp-dev ## Check types only
	$(BIN)/mypy

cov: $(VENV)/.stamp-dev ## Measure branch coverage; the core must be covered whole
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage report --include='keysat_core/*' --fail-under=100

bench: $(VENV)/.stamp-dev ## Run every benchmark under tests/bench
	@set -e; for script in tests/bench/*.py; do \
	  test -e "$$script" || { echo "No benchmarks under tests/bench."; exit 1; }; \
	  echo "== $$script"; name="$${script##*/}"; \
	  $(BIN)/python -m "tests.bench.$${name%.py}" $(ARGS); done

# make simulate SECONDS=60, or SEEDS=500 STEPS=5000, or as a failure says: SEED=7 STEPS=120
simulate: $(VENV)/.stamp-dev ## Trade through years of faults: SEEDS= or SECONDS= of them, or SEED= again
	@$(BIN)/python -m tests.simulation.simulate $(if $(SEED),--seed=$(SEED)) $(if $(STEPS),--steps=$(STEPS)) \
	  $(if $(SEEDS),--seeds=$(SEEDS)) $(if $(SECONDS),--seconds=$(SECONDS)) $(ARGS)

# make soak SEEDS=100, or PURCHASES=2000, or as a failure says: SEED=7 PURCHASES=10000
soak: $(VENV)/.stamp-dev ## Make 10 000 purchases a seed at BTCPay's double, faults and all: SEEDS=, or SEED= again
	@$(BIN)/python -m tests.simulation.soak $(if $(SEED),--seed=$(SEED)) \
	  $(if $(PURCHASES),--purchases=$(PURCHASES)) $(if $(SEEDS),--seeds=$(SEEDS)) $(ARGS)

# make years SEEDS=10, or as a failure says: SEED=7 BUYERS=1000
years: $(VENV)/.stamp-dev ## Trade for two years with 1 000 buyers a seed: SEEDS=, or SEED= again
	@$(BIN)/python -m tests.simulation.years $(if $(SEED),--seed=$(SEED)) \
	  $(if $(BUYERS),--buyers=$(BUYERS)) $(if $(SEEDS),--seeds=$(SEEDS)) $(ARGS)

integrate-check: $(VENV)/.stamp-dev ## Run the code of every page under docs/integrate, that in Rust too
	@for tool in node go cargo curl jq; do command -v $$tool >/dev/null || { echo "This needs $$tool."; exit 1; }; done
	$(BIN)/python -m pytest $(addprefix tests/conformance/,test_python_pages.py test_node_client.py test_curl_page.py \
	  test_go_client.py rust_client.py) $(ARGS)

browser-test: $(VENV)/.stamp-dev ## Run the tests that drive a browser
	@test -n "$(CHROMIUM)" || { echo "These tests drive chromium: install it (Debian, Ubuntu: apt install chromium)."; exit 1; }
	$(BIN)/python -m pytest tests/browser $(ARGS)

screenshots: $(VENV)/.stamp-dev ## Photograph the main pages into docs/images
	@test -n "$(CHROMIUM)" || { echo "Pictures are taken with chromium: install it (Debian, Ubuntu: apt install chromium)."; exit 1; }
	@$(BIN)/python -m tests.screenshots $(ARGS)

schema: $(VENV)/.stamp-dev ## Write the generated files under schema/
	$(BIN)/keysat schema write

docs: $(VENV)/.stamp-dev ## Write the generated parts of docs/
	$(BIN)/cog -r -p "$(COG_PROLOGUE)" $(GENERATED_DOCS)

docs-check: $(VENV)/.stamp-dev ## Check the documentation: links, nothing missing, nothing invented, every block run
	$(BIN)/cog --check --check-fail-msg "run make docs" -p "$(COG_PROLOGUE)" $(GENERATED_DOCS)
	$(BIN)/python -m pytest tests/docs $$($(BIN)/python -m tests.support.docs.runners) $(ARGS)

check: lint test ## Do what CI does

wheel: $(VENV)/.stamp-dev ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

startos-check: $(VENV)/.stamp-dev $(STARTOS_MODULES) ## Check, bundle and try the StartOS package; needs node, npm and root
	@test -n "$(STARTOS_TOOLS)" || { echo "This needs root, node, npm, rsync, ip and unshare."; exit 1; }
	cd $(STARTOS) && npm run --silent verify

s9pk: x86 arm ## Build both StartOS packages; needs start-cli and Docker

# Changed Python does not make the package's own rules build anew, so what was packed is removed first.
x86 arm: $(STARTOS_MODULES)
	@command -v start-cli >/dev/null || { echo "This needs start-cli: see docs/startos.md."; exit 1; }
	rm -f $(STARTOS)/*.s9pk
	$(MAKE) -C $(STARTOS) $@
	mv $(STARTOS)/*.s9pk .

# What release workflows ask for: the packages there are.
print-TARGETS:
	@echo x86 arm

image-rootfs: $(VENV)/.stamp-dev ## Build the image without Docker: build/image/rootfs and its config.json
	@PYTHON=$(BIN)/python packaging/oci/build-rootfs build/image $(ARGS)

image-check: $(VENV)/.stamp-dev ## Build the image twice and compare; fetch the wheels of both architectures; weigh
	@PYTHON=$(BIN)/python packaging/oci/check-image

# Pins stay as they are unless asked: make lock ARGS=--upgrade
lock: $(VENV)/.stamp-dev ## Write the lock files from pyproject.toml
	$(LOCK) --extra=server --output-file=requirements.lock $(ARGS)
	$(LOCK) --extra=server --extra=test --extra=dev --constraint=requirements.lock \
	  --output-file=requirements-dev.lock $(ARGS)

clean: ## Remove caches and built files; .venv and data stay
	rm -rf build dist $(STARTOS)/javascript *.s9pk htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis .schemathesis
	find keysat_core keysat_adapters keysat_http keysat_cli tests -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK := CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe \
  --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
  --build-deps-for=editable pyproject.toml

NO_CLIENTS := $(if $(NODE),,--ignore=tests/conformance/test_node_client.py) \
  $(if $(GO),,--ignore=tests/conformance/test_go_client.py) \
  $(if $(CURL),,--ignore=tests/conformance/test_curl_page.py)
NO_BROWSER := $(if $(CHROMIUM),,--ignore=tests/browser)
NO_STARTOS := $(if $(STARTOS_TOOLS),,--ignore=tests/packaging/test_startos.py)
# What starts servers and programs, beside everything else: each half waits much and computes much.
# What uses every core by itself comes last of the other half, which is the shorter one. Programs that
# tests start keep their byte code, wherever one is told not to: to compile it is half of most starts.
SHELLS := tests/http tests/cli tests/conformance tests/embedding tests/property
test cov: export PYTHONDONTWRITEBYTECODE :=
LONG := tests/simulation/test_long_soak.py tests/simulation/test_long_years.py
IN_HALVES = said=$$(mktemp); { \
    $(BIN)/python -m pytest -p no:cacheprovider $(NO_BROWSER) $(NO_STARTOS) $(foreach part,$(SHELLS) $(LONG),--ignore=$(part)); rest=$$?; \
    $(BIN)/python -m pytest -p no:cacheprovider $(LONG); exit $$((rest | $$?)); } >$$said 2>&1 & \
  other=$$!; trap 'kill $$other; rm -f $$said; exit 130' INT TERM; \
  $(BIN)/python -m pytest $(NO_CLIENTS) $(SHELLS); shells=$$?; wait $$other; others=$$?; \
  cat $$said; rm -f $$said; exit $$((shells | others))

# Pages whose tables and diagrams are made from the code.
GENERATED_DOCS := docs/agents.md docs/architecture.md docs/state-machines.md docs/reference/errors.md docs/reference/events.md \
  docs/reference/settings.md docs/reference/routes.md docs/reference/cli.md docs/reference/limits.md docs/reference/scopes.md \
  docs/reference/metrics.md
COG_PROLOGUE := import cog

# Both stamps say: this lock is installed, and Keysat in place over it. The locks agree on every
# version they share, and the build's own needs are in both, so nothing is fetched unhashed.
$(VENV)/.stamp-server: requirements.lock pyproject.toml | $(VENV)/.stamp-venv
	@echo "Installing Keysat into $(VENV) (once)."
	@$(PIP) install --quiet --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.lock pyproject.toml | $(VENV)/.stamp-venv
	@echo "Installing Keysat and its tools into $(VENV) (once)."
	@$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.stamp-server $@

$(STARTOS_MODULES): $(STARTOS)/package-lock.json $(STARTOS)/package.json
	cd $(STARTOS) && npm ci --silent
	@touch $@

$(VENV)/.stamp-venv:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Keysat needs Python 3.11 or newer. Install it and run make again:"; \
	  echo "  Debian 12, Ubuntu 24.04   apt install python3 python3-venv"; \
	  echo "  Fedora                    dnf install python3"; \
	  echo "  macOS with Homebrew       brew install python"; \
	  echo "or name one you have:       make demo PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -m venv "$(VENV)" || { \
	  echo "This Python cannot make virtual environments (Debian, Ubuntu: apt install python3-venv)."; exit 1; }
	@touch $@
