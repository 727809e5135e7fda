# make run    the whole service on this machine     make test   everything that is checked
# make unit   rules alone, in under a minute        make lint   style, types, imports, templates
# make gates  may this be released?                 make drill  incidents on purpose, with their runbooks
# make faults races and failures, at length         make bench  numbers: all, or BENCH="cold-start load"
# make audit  known weaknesses                      make lock   new locks from the *.in files
# make mutants what would the tests not notice?     make clean  away with all that these made

# The deployed minor version first, so that what runs here is what runs there.
PYTHON ?= $(shell for python in python3.13 python3.14 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11)); ' 2>/dev/null \
	&& $$python -c 'import sys; print(sys.executable)' && break; done)
bin := .venv/bin
export SAM_CLI_TELEMETRY := 0
# Where it is set, every one of some hundred processes compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run unit test test-rules test-clients test-rest test-deployed test-waiting test-drills gates drill faults mutants bench lint audit lock clean
run: .venv/run $(bin)/ops
	@$(bin)/python -m ops up

# Ends at once, with `Error 69`, where DynamoDB Local cannot run: green must mean that all was tested.
test: .venv/made $(bin)/ops .venv-audit/made
	$(bin)/python -m ops.local.dynamodb
	@echo "lint, audit and six parts of the suite run four at a time; each prints what it found when it ends"
	@$(MAKE) --no-print-directory --jobs 4 --output-sync=target test-drills test-waiting test-deployed test-rest \
		test-clients test-rules lint audit
	$(bin)/slipcover --merge .coverage.rules .coverage.rest .coverage.clients --out .coverage --fail-under 95

# The rooms of the layer, each with its tests.
rooms := $(addprefix tests/,core dynamo api trust replay_guards policy requests simulation metrics incidents release agents people notifications channels)

clients := tests/sdk tests/examples tests/room tests/mistakes tests/mutants

# The inner loop: what needs neither store nor stack, and waits for nothing. `make test` draws more examples.
unit: .venv/made
	$(bin)/pytest -q $(rooms) --hypothesis-profile quick -m 'not store and not deployed and not waits'

# A third of a property's examples, of which `make faults` draws all.
cut := --hypothesis-profile cut
# The parts of the suite: rules and contract in this process; clients, the page and tests of tests; all else in this process;
# what needs the deployed stack; what waits for minutes to pass, drills by themselves. Each ends with a look at all it logged.
test-rules:
	$(bin)/slipcover --dont-wrap-pytest --out .coverage.rules -m pytest $(rooms) tests/contract tests/test_logs.py \
		$(cut) -m 'not deployed and not waits'
test-clients:
	$(bin)/slipcover --dont-wrap-pytest --out .coverage.clients -m pytest $(clients) tests/test_logs.py \
		$(cut) -m 'not deployed and not waits'
test-rest:
	$(bin)/slipcover --dont-wrap-pytest --out .coverage.rest -m pytest \
		$(rooms:%=--ignore %) $(clients:%=--ignore %) --ignore tests/contract $(cut) \
		-m 'not deployed and not waits' --durations 10
test-deployed:
	$(bin)/pytest --ignore tests/hostile --ignore tests/faults -m 'deployed and not waits' --durations 10
test-waiting:
	$(bin)/pytest tests/alarms tests/ops tests/release tests/trust --ignore tests/ops/reliability -m waits --durations 10
test-drills:
	$(bin)/pytest tests/ops/reliability -m waits

# What must hold before a release; each gate leaves a receipt in .handshake/receipts.
gates: .venv/made
	$(bin)/python -m ops.local.dynamodb
	$(bin)/python -m ops.gates all

# Incidents on purpose, on the local stack: about ten minutes, with receipts in .handshake/drills.
drill: .venv/run
	$(bin)/python -m ops drill

# Races, faults and a table-writer's attacks at length, with tables of what came of them; `make test` runs a shorter cut.
faults: .venv/made
	$(bin)/python -m ops.local.dynamodb
	$(bin)/python -m tests.faults
	$(bin)/python -m tests.hostile.table_writer
	$(bin)/python -m tests.hostile.cedar_sets
	$(bin)/python -m tests.hostile.mutated_actions
	HANDSHAKE_ATTACKS_ON_ENGINE=300 $(bin)/pytest -q tests/hostile/test_table_writer.py -k real_store
	$(bin)/pytest -q $(rooms) tests/contract -m 'not deployed and not waits'
	HANDSHAKE_AUDITS=50 $(bin)/pytest -q -rP tests/channels/test_delivery.py -k auditor
	HANDSHAKE_DIGESTS=10000 $(bin)/pytest -q tests/sdk/test_action_digest.py -k agree
	$(bin)/python -m tests.sdk.matrix

# A hundred changes of the code at random places, on a copy: at least 97 must fail a test. Some 35 minutes alone on two
# cores, an hour beside other work, eight minutes of it to learn what each test calls, which MUTANTS="--reach FILE" keeps.
# The seed is printed, and MUTANTS="--seed 7 --only policy/" draws that sample of that room.
mutants: .venv/made
	$(bin)/python -m ops.local.dynamodb
	$(bin)/python -m tests.mutants $(MUTANTS)

# About 25 minutes; ratios hold on a busy machine, milliseconds do not.
bench: .venv/made
	$(bin)/python -m ops.local.dynamodb
	$(bin)/python -m tests.bench $(BENCH)

lint: .venv/made
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/python -m ops.openapi --check
	$(bin)/cfn-lint examples/eventbridge/template.yaml template.yaml state/template.yaml alarms/template.yaml alarms/dashboard.yaml alarms/audit.yaml room/template.yaml
	$(bin)/sam validate --lint --region us-east-1
	$(bin)/sam validate --lint --region us-east-1 --template state/template.yaml
	$(bin)/sam validate --lint --region us-east-1 --template alarms/template.yaml
	$(bin)/sam validate --lint --region us-east-1 --template alarms/dashboard.yaml

# Known weaknesses in the code, the template, the history's text and the dependencies.
audit_bin := .venv-audit/bin
# Lines that only look like secrets: where the trust secret is named, a service billed for, the access log's format, published digests.
no_secrets := TrustSecret|secretsmanager:|"Secrets Manager |GenerateSecret|PasswordLength|"requestId":"\$$context|_SHA256|"hash": "|"previousHash": "
audit: .venv-audit/made
	$(audit_bin)/bandit --quiet --configfile pyproject.toml --recursive shared functions ops sdk migrations
	@$(bin)/python -m ops.local.translation .handshake/checkov # it knows neither loops nor conditions
	LOG_LEVEL=ERROR $(audit_bin)/checkov --config-file .checkov.yaml
	git ls-files -z -- ':!*requirements*.txt' ':!tests' ':!sdk/typescript/test' ':!examples/policies/*.test.json' \
		| xargs -0 $(bin)/detect-secrets-hook --exclude-lines '$(no_secrets)'
	@mkdir -p .handshake
	$(audit_bin)/pip-audit --disable-pip --require-hashes --progress-spinner off \
		-r requirements-dev.txt -r shared/requirements.txt --format json --output .handshake/pip-audit.json
	@$(bin)/python -c 'import json; found = json.load(open(".handshake/pip-audit.json"))["dependencies"]; \
		known = [one for one in found if "skip_reason" not in one]; \
		print(f"advisories: {len(known)} of {len(found)} dependencies are known to this index")'

.venv-audit/made: requirements-audit.txt .venv/made
	@rm -rf .venv-audit
	@$(bin)/python -m venv .venv-audit
	@$(bin)/uv pip install -q --python $(audit_bin)/python --no-deps --require-hashes -r requirements-audit.txt \
		|| $(audit_bin)/python -m pip install -q --no-deps --require-hashes -r requirements-audit.txt
	@touch $@

# uv takes seconds where pip takes a minute; pip still does it where uv cannot reach its index.
install = $(bin)/uv pip install -q --python $(bin)/python --no-deps --require-hashes -r $(1) \
	|| $(bin)/python -m pip install -q --no-compile --no-deps --require-hashes -r $(1)

# What runs and deploys, alone: whoever runs the service waits for no checker.
.venv/run: requirements-run.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer with venv is needed; name it with PYTHON=..." >&2; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' $< > .venv/uv.txt
	@$(bin)/python -m pip install -qq --no-deps --require-hashes -r .venv/uv.txt
	@$(call install,$<)
	@# Relative, so ASCII: in the locale C, Python ends at a .pth file that is not.
	@$(bin)/python -c 'import os, pathlib, site; packages = site.getsitepackages()[0]; \
		paths = "\n".join(os.path.relpath(one, packages) for one in ("shared", "sdk/python/src")); \
		pathlib.Path(packages, "handshake.pth").write_text(paths)'
	@touch $@

# What checks and tests, on top of it.
.venv/made: requirements-dev.txt .venv/run
	@$(call install,$<)
	@touch $@

# `ops` as a command of its own, which a shell can complete: .venv/bin/ops --install-completion
$(bin)/ops: Makefile .venv/run
	@printf '%s\n' '#!/bin/sh' 'exec "$(CURDIR)/$(bin)/python" -c "import sys; sys.path.insert(0, sys.argv.pop(1));' \
		'from ops.commands.app import app; app(prog_name=\"ops\")" "$(CURDIR)" "$$@"' > $@
	@chmod +x $@

compile = $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url
lock: .venv/made
	$(compile) $(LOCK_OPTIONS) requirements-run.in -o requirements-run.txt
	$(compile) $(LOCK_OPTIONS) -c requirements-run.txt requirements-dev.in -o requirements-dev.txt
	$(compile) $(LOCK_OPTIONS) -c requirements-run.txt shared/requirements.in -o shared/requirements.txt
	$(compile) $(LOCK_OPTIONS) -c requirements-run.txt shared/cedar.in -o shared/cedar.txt
	$(compile) $(LOCK_OPTIONS) -c requirements-run.txt shared/sign_in.in -o shared/sign_in.txt
	$(compile) $(LOCK_OPTIONS) requirements-audit.in -o requirements-audit.txt
	$(compile) $(LOCK_OPTIONS) requirements-generators.in -o requirements-generators.txt

clean:
	rm -rf .venv .venv-audit .venv-generators .handshake .aws-sam .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
