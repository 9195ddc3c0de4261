# The environment lives in .venv/; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE  # else each of the many processes that tests start compiles everything anew

FAST := $(BIN)/pytest -m "not openstack and not browser and not thorough and not guests and not cloudinit and not caddy" -n 2 --dist worksteal

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.done: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "KWS needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

setup: $(VENV)/.done ## create the environment

demo: setup ## run the demo in a browser: a local Slack-like page with simulated nodes
	$(BIN)/kws demo

test: setup ## run the fast tests
	@bash -c 'TIMEFORMAT="processor time: %U s and %S s in the system; %R s on the clock"; time $(FAST)'

coverage: setup ## measure branch coverage of kws_core by the fast tests: at least 95%
	$(FAST) -q --cov=kws_core --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

test-thorough: setup ## run tests with thousands of random cases, and crashes at every call
	KWS_LIFE=thorough KWS_RESTARTS=1000 KWS_CRASH=all $(BIN)/pytest -m "thorough or drawn" --ignore=tests/load -n 2 --dist worksteal
	$(BIN)/pytest tests/load  # alone: it measures how long people wait

restarts: setup ## crash a thousand times while sending a reminder
	KWS_RESTARTS=1000 $(BIN)/pytest -s tests/stories/test_restarts.py

crash-sweep: setup ## crash each use case at each of its calls to the outside (about 9 minutes)
	KWS_CRASH=all $(BIN)/pytest -n 2 tests/crash

replicas: setup ## run two and four bots on one PostgreSQL, and kill them at random under load (about 17 minutes)
	KWS_REPLICAS=all $(BIN)/pytest -s tests/replicas

faults: setup ## test every fault of nodes, Slack, and the database; writes the table in docs/explanation/reliability.md (about 10 minutes)
	KWS_FAULTS=all $(BIN)/pytest -n 2 tests/faults

load: setup ## 200 people rent within a minute on four simulated nodes (about half an hour)
	KWS_LOAD=all $(BIN)/pytest -s tests/load

audit: setup ## check dependencies: pins, licenses, and known vulnerabilities if the service can be reached
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-audit.txt || echo "pip-audit can't be installed"
	$(BIN)/python .ci/audit.py

FUZZ_SECONDS ?= 20
fuzz: setup ## fuzz every parser of user input, FUZZ_SECONDS=20 each (about 6 minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	$(BIN)/python tests/security/fuzz.py --seconds $(FUZZ_SECONDS)

bench: setup ## run all benchmarks, then print all ratios (under an hour); QUICK=1: in 10 minutes, WRITE=1: docs/explanation/performance.md too
	@if [ -z "$$OS_CLIENT_CONFIG_FILE" ]; then lab=$$(bash tests/lab/up.sh) && eval "$$lab" || echo "no nodes: what needs them is skipped (docs/contributing/development.md#the-real-lab)"; fi; \
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(WRITE),--write)

LOOSE := --no-warn-unused-ignores --no-warn-return-any --allow-untyped-calls --disable-error-code misc --disable-error-code func-returns-value
lint: setup ## check style, types, import order, dead code, and dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# what a wrong argument breaks in these tests would only be seen where the lab is
	MYPYPATH=tests:tests/real $(BIN)/mypy $(LOOSE) tests/contract tests/real
	MYPYPATH=tests:tests/real $(BIN)/mypy $(LOOSE) -p guests
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .
	@# tests that `make test` leaves out may ask for a fixture that is gone: planned here, run where the lab is
	@plan=$$($(BIN)/pytest --setup-plan -q -m "openstack or browser or guests or cloudinit or caddy or thorough" 2>&1) || { echo "$$plan"; exit 1; }

test-openstack: setup ## run the contract tests and the stories on two real nodes (needs the lab kit)
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack

test-contract: setup ## run only the contract tests on real nodes
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack tests/contract

test-real: setup ## run only the stories on real nodes
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; $(BIN)/pytest -m openstack --ignore=tests/contract

GUESTS ?= tests/guests
test-guests: setup ## run a person's whole journey on servers that really boot (needs the lab kit and root; about an hour)
	set -e; lab=$$(bash tests/lab/up-guests.sh); eval "$$lab"; $(BIN)/pytest -s -m guests $(GUESTS)

test-cloud-init: setup ## test every login method with cloud-init's own code from three Debian releases (needs root and apt)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-cloud-init.txt
	set -e; packages=$$(bash tests/lab/cloud-init.sh); eval "$$packages"; $(BIN)/pytest -m cloudinit -n 2 tests/cloudinit

kills: setup ## kill kws run with SIGKILL at 40 calls on two real nodes (needs the lab kit; about 15 minutes)
	set -e; lab=$$(bash tests/lab/up.sh); eval "$$lab"; KWS_KILLS=40 $(BIN)/pytest -s -m openstack tests/real/test_kills.py

test-web: setup ## test web addresses through a real Caddy (needs Debian's caddy)
	$(BIN)/pytest -m caddy -n 2 tests/web

test-browser: setup ## test the demo's page in a real browser (needs chromium)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	$(BIN)/pytest -m browser tests/browser -n 2

check: lint test test-thorough test-web test-browser test-openstack test-contract test-real ## run everything

fix: setup ## fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## build the documentation in build/site, and check every link and anchor
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	$(BIN)/python .ci/reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: setup ## take the screenshots of the documentation (needs chromium)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	$(BIN)/python tests/browser/pictures.py

reference: setup ## update the generated parts of the reference pages
	$(BIN)/python .ci/reference.py

messages: setup ## print all messages as a catalog to translate
	$(BIN)/pybabel -q extract -F babel.cfg -k N_ -k P_:1,2 -k _n:1,2 --omit-header -o - .

gallery: setup ## draw every view, card, notice, and message in each language on one page: build/gallery.html
	mkdir -p build
	PYTHONPATH=tests $(BIN)/python -m harness.gallery_page build/gallery.html

lock: setup ## pin the dependencies
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --all-extras --output-file requirements.txt pyproject.toml

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info

.PHONY: help setup demo test coverage test-thorough restarts crash-sweep replicas faults load audit fuzz bench lint test-openstack test-contract test-real test-guests test-cloud-init kills test-web test-browser check fix docs pictures reference messages gallery lock clean
