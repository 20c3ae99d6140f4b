# `make demo` and `make test` set everything up from requirements.lock; nothing else is needed.
# Where there is a folder `wheelhouse` (`make wheelhouse`) they take every package from there and
# ask no index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WHEELHOUSE := wheelhouse
ifeq ($(origin WHEELHOUSE)$(wildcard $(WHEELHOUSE)),command line)
$(error there is no folder $(WHEELHOUSE); `make wheelhouse` collects one)
endif
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check \
  $(if $(wildcard $(WHEELHOUSE)),--no-index --find-links $(WHEELHOUSE))

.PHONY: demo test lint lock licences audit wheelhouse screenshots clean

demo: $(READY)
	$(BIN)/radsim demo

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "RadSim needs Python 3.11 or newer; name it with: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -r requirements.lock
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# Pictures of the dashboard for the README (needs Chromium, and the demo's lake).
screenshots: demo
	$(BIN)/python -m tests.flows.dashboard.screenshots radsim-demo/radsim.toml docs/dashboard

# Writes requirements.lock anew from pyproject.toml (needs uv); review the difference.
lock:
	uv pip compile pyproject.toml --extra all --extra dev --universal --python-version 3.11 \
	  --no-header --no-annotate --output-file requirements.lock

# Writes docs/LICENCES.md anew from the installed packages; after every change of the lock.
licences: $(READY)
	$(BIN)/python tools/licences.py

# Known vulnerabilities of the locked packages, asked of pypi.org (needs internet). pip-audit is no
# part of RadSim and gets an environment of its own. Fails where a package could not be asked after.
# Without internet: make audit ADVISORIES=all.zip, a copy of OSV's advisories (tools/offline_audit.py).
ADVISORIES ?=
ifneq ($(ADVISORIES),)
audit: $(READY)
	$(BIN)/python tools/offline_audit.py $(ADVISORIES)
else
audit:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet 'pip-audit>=2.10,<3'
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock
endif

# Collects a wheel of every package of the lock, the project's build tools among them, for a machine
# of the same system and Python without internet (about 4 GB). The folder appears when it is whole.
wheelhouse:
	rm -rf $(WHEELHOUSE).part
	$(PYTHON) -m venv $(WHEELHOUSE).part/venv
	$(WHEELHOUSE).part/venv/bin/python -m pip wheel --quiet --disable-pip-version-check \
	  -r requirements.lock --wheel-dir $(WHEELHOUSE).part/wheels
	rm -rf $(WHEELHOUSE)
	mv $(WHEELHOUSE).part/wheels $(WHEELHOUSE)
	rm -rf $(WHEELHOUSE).part

clean:
	rm -rf $(VENV) radsim-demo
