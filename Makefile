# Every target makes the virtual environment first, on Debian's Python 3.11 or newer with make, git and python3-venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Half of the tests' time is waiting: for browsers, servers and clocks.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
READY := $(VENV)/.ready

.PHONY: demo demo-now test references torture audit airflow schedule screenshots portal deliver verify lab bench lint clean help

help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed. To fix: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv is missing. To fix: apt install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

demo: $(READY) ## book, mail and prove 200 sample candidates in a sandbox
	@$(BIN)/python -m notebooks.demo

demo-now: $(READY) ## book one candidate two minutes ahead and watch the portal
	@$(BIN)/python -m notebooks.demo_now

test: $(READY) ## all tests (pytest, and nbval on the executed references)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

LAB_READY := $(VENV)/.lab-ready
$(LAB_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lab]'
	@touch $(LAB_READY)

torture: $(LAB_READY) ## the tests that take minutes
	$(BIN)/python -m pytest -m long -s

AUDITS := tests/audits
AUDIT_READY := .venv-audit/.ready
$(AUDIT_READY): $(READY) $(AUDITS)/package-lock.json $(wildcard $(AUDITS)/requirements-*.txt)
	npm ci --prefix $(AUDITS) --silent --no-audit --no-fund --ignore-scripts
	@for name in schemathesis wapiti; do \
	  $(PYTHON) -m venv .venv-audit/$$name && \
	  .venv-audit/$$name/bin/python -m pip install --quiet --disable-pip-version-check -r $(AUDITS)/requirements-$$name.txt || exit 1; \
	done
	@touch $(AUDIT_READY)

references: $(READY) ## execute the notebooks anew into tests/references/, to be looked at as a difference
	@cd tests && ../$(BIN)/python -m make_references

audit: $(AUDIT_READY) ## the portal under axe, Lighthouse, html-validate, schemathesis and wapiti (Node.js, Chromium)
	$(BIN)/python -m pytest -m audit $(AUDITS)

AIRFLOW := tests/airflow
AIRFLOW_READY := .venv-airflow/.ready
$(AIRFLOW_READY): $(READY) $(AIRFLOW)/requirements.txt
	$(PYTHON) -m venv .venv-airflow
	.venv-airflow/bin/python -m pip install --quiet --disable-pip-version-check -r $(AIRFLOW)/requirements.txt
	@touch $(AIRFLOW_READY)

airflow: $(AIRFLOW_READY) ## the DAGs under a real Airflow, in a virtual environment of its own
	$(BIN)/python -m pytest -m airflow $(AIRFLOW)

schedule: $(READY) ## write the files in deploy/ from deploy/schedule.toml, and tell when each job runs next
	@$(BIN)/python -m notebooks schedule --cron >deploy/cron.d/interview-ops.new && \
	  mv deploy/cron.d/interview-ops.new deploy/cron.d/interview-ops || { rm -f deploy/cron.d/interview-ops.new; exit 2; }
	@$(BIN)/python -m notebooks schedule --systemd deploy/systemd
	@$(BIN)/python -m notebooks schedule

screenshots: $(READY) ## a picture of every page, mail and executed notebook in var/screenshots/ (Chromium)
	@cd tests && ../$(BIN)/python -m audits.screenshots && ../$(BIN)/python -m audits.mail_screenshots && ../$(BIN)/python -m audits.notebook_screenshots

portal: $(READY) ## serve the portal at PORTAL_HOST:PORTAL_PORT
	@$(BIN)/python portal.py

deliver: $(READY) ## send mails as they fall due, until stopped
	@$(BIN)/python -m mailer deliver --follow

verify: $(READY) ## prove stage by stage that mail works, or say what to change
	@$(BIN)/python -m mailer verify

lab: $(LAB_READY) ## open JupyterLab at the notebook that says which is for what
	@$(BIN)/python -m notebooks.lab

bench: $(READY) ## speed and memory against their limits (the portal's needs wrk and nginx-light)
	$(BIN)/python benchmarks/booking.py
	$(BIN)/python benchmarks/compose.py
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/runner.py
	$(BIN)/python benchmarks/logging_lines.py
	$(BIN)/python benchmarks/portal.py

lint: $(READY) ## ruff, and notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean: ## remove the virtual environment and caches (data in var/, runs/, secrets/ stays)
	rm -rf $(VENV) .venv-audit .venv-airflow .venv-bench $(AUDITS)/node_modules build *.egg-info .pytest_cache .ruff_cache .hypothesis
