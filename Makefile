# The environment lives in .venv/; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE  # else each of the many processes that tests start compiles everything anew

FAST := $(BIN)/pytest -m "not openstack and not browser and not thorough and not guests and not cloudinit" -n 2 --dist worksteal

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.done: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "KWS needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

setup: $(VENV)/.done ## make the environment

demo: setup ## see it work in the browser: a local Slack-like page, simulated nodes
	$(BIN)/kws demo

test: setup ## the fast tests
	@bash -c 'TIMEFORMAT="processor time: %U s and %S s in the system; %R s on the clock"; time $(FAST)'

coverage: setup ## the branches of kws_core that the fast tests reach: at least 95 %
	$(FAST) -q --cov=kws_core --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

test-thorough: setup ## what draws thousands of cases, and deaths at every call
	KWS_LIFE=thorough KWS_RESTARTS=1000 KWS_CRASH=all $(BIN)/pytest -m "thorough or drawn" --ignore=tests/load -n 2 --dist worksteal
	$(BIN)/pytest tests/load  # alone: it measures how long people wait

restarts: setup ## a thousand deaths on the way of a warning
	KWS_RESTARTS=1000 $(BIN)/pytest -s tests/stories/test_restarts.py

crash-sweep: setup ## each use case with a death at each of its calls to the outside
	KWS_CRASH=all $(BIN)/pytest -n 2 tests/crash

replicas: setup ## two and four bots on one PostgreSQL, killed at random under load (about 17 minutes)
	KWS_REPLICAS=all $(BIN)/pytest -s tests/replicas

faults: setup ## every fault of nodes, Slack and database, end to end; writes the table in docs/explanation/reliability.md
	KWS_FAULTS=all $(BIN)/pytest -n 2 tests/faults

load: setup ## 200 people rent within a minute, on four simulated nodes (about 15 minutes)
	KWS_LOAD=all $(BIN)/pytest -s tests/load

audit: setup ## the dependencies: pins, licences and, where the service can be reached, known vulnerabilities
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-audit.txt || echo "pip-audit can't be installed"
	$(BIN)/python .ci/audit.py

FUZZ_SECONDS ?= 20
fuzz: setup ## every parser of what people type under a fuzzer, FUZZ_SECONDS=20 each (about 6 minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	$(BIN)/python tests/security/fuzz.py --seconds $(FUZZ_SECONDS)

bench: setup ## every benchmark in a row, then all ratios (docs/explanation/performance.md; on the real lab if there is one)
	$(BIN)/python -m benchmarks

lint: setup ## style, types, the floor plan, dead code and dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .
	@# tests that `make test` leaves out may ask for a fixture that is gone: planned here, run where the lab is
	@plan=$$($(BIN)/pytest --setup-plan -q -m "openstack or browser or guests or cloudinit or thorough" 2>&1) || { echo "$$plan"; exit 1; }

test-openstack: setup ## the contract suite and the stories on two real nodes (needs the lab kit)
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack

test-contract: setup ## of these the contract suite alone
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack tests/contract

test-real: setup ## and the stories alone
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack --ignore=tests/contract

GUESTS ?= tests/guests
test-guests: setup ## a person's whole journey on servers that really boot (needs the lab kit and root; about an hour)
	set -e; lab=$$(bash tests/lab/up-guests.sh); eval "$$lab"; $(BIN)/pytest -s -m guests $(GUESTS)

test-cloud-init: setup ## every way to log in, with cloud-init's own code of three Debian releases (needs root and apt)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-cloud-init.txt
	set -e; packages=$$(bash tests/lab/cloud-init.sh); eval "$$packages"; $(BIN)/pytest -m cloudinit -n 2 tests/cloudinit

kills: setup ## kws run killed with SIGKILL at 40 calls, on two real nodes (needs the lab kit; about 15 minutes)
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; KWS_KILLS=40 $(BIN)/pytest -s -m openstack tests/real/test_kills.py

test-browser: setup ## the demo's page in a real browser (needs chromium)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	$(BIN)/pytest -m browser tests/browser -n 2

check: lint test test-thorough test-browser test-openstack test-contract test-real ## everything

fix: setup ## what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## the documentation as a site in build/site, with every link and anchor checked
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	$(BIN)/python .ci/reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: setup ## the pictures of the documents, taken anew (needs chromium)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	$(BIN)/python tests/browser/pictures.py

reference: setup ## what the reference pages take from the code, made anew
	$(BIN)/python .ci/reference.py

messages: setup ## what has to be translated
	$(BIN)/pybabel -q extract -F babel.cfg -k N_ -k P_:1,2 -k _n:1,2 --omit-header -o - .

gallery: setup ## every view, card, notice and message in each language on one page: build/gallery.html
	mkdir -p build
	PYTHONPATH=tests $(BIN)/python -m harness.gallery_page build/gallery.html

lock: setup ## pin the dependencies anew
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --all-extras --output-file requirements.txt pyproject.toml

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info

.PHONY: help setup demo test coverage test-thorough restarts crash-sweep replicas faults load audit fuzz bench lint test-openstack test-contract test-real test-guests test-cloud-init kills test-browser check fix docs pictures reference messages gallery lock clean
