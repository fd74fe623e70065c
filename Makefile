# Every target sets up what it needs, also in a fresh clone: a virtual environment in .venv, and Java, Chromium and
# PostgreSQL for the tests where we may install them. A second run finds it done. `make` alone lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo dev serve jars test test-slow test-servers lint docs format bench sbom notebook release clean

BIN := .venv/bin
DEMO := $(CURDIR)/.i94/demo

# The engine decides what running the platform takes: the embedded default neither Spark nor Java.
ENGINE := $(or $(I94_ENGINE),duckdb)
RUNTIME := $(if $(filter duckdb,$(ENGINE)),.venv/.base,.venv/.spark)
WITH_JAVA := JAVA_HOME="$$(tools/java.sh)"
# Spark in this process, and the Spark Connect server that `make dev` starts, need Java here.
NEEDS_JAVA := local% spark://% yarn sc://localhost% sc://127.0.0.1%
ENGINE_ENV := $(if $(filter $(NEEDS_JAVA),$(ENGINE)),$(WITH_JAVA))

# The demo has its own home and hears of no other address: it can touch neither your data nor your warehouse.
DEMO_I94 := $(ENGINE_ENV) env -u I94_LAKE -u I94_WAREHOUSE -u DAGSTER_HOME I94_FIRST_MONTH=2016-01 I94_LAST_MONTH=2016-03 \
	I94_HOME="$(DEMO)" I94_RAW="$(DEMO)/raw" $(BIN)/i94

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## three synthetic months through the whole graph, then a summary (I94_ENGINE='local[*]' for Spark)
	@$(DEMO_I94) sample --out "$(DEMO)/raw" --from 2016-01 --to 2016-03
	@$(DEMO_I94) run --from 2016-01 --to 2016-03
	@$(DEMO_I94) status
	@printf '\n%s\n' 'That was the whole graph, kept in .i94/demo. Next:'
	@printf '  %s\n' \
		'I94_HOME=.i94/demo $(BIN)/i94 query "SELECT i94yr, i94mon, count(*) FROM i94.immigration GROUP BY 1, 2 ORDER BY 1, 2"' \
		'make dev                                               the lineage UI on these months' \
		'make serve                                             the API and the dashboard on these months' \
		'$(BIN)/i94 --help                                        every command'

dev: $(RUNTIME) ## lineage UI and daemon (schedules, sensors, backfills), of the demo where it was run, else of I94_HOME
	@if [ -d "$(DEMO)" ] && [ -z "$$I94_HOME$$I94_LAKE" ]; then \
		echo 'Showing the demo, .i94/demo; I94_HOME or I94_LAKE name another.'; $(DEMO_I94) dev $(ARGS); \
	else $(ENGINE_ENV) $(BIN)/i94 dev $(ARGS); fi

serve: .venv/.serve ## dashboard and API on http://127.0.0.1:8094 (ARGS='--port 0' for a free port), of the demo where it was run, else of I94_HOME
	@if [ -d "$(DEMO)" ] && [ -z "$$I94_HOME$$I94_LAKE" ]; then \
		echo 'Serving the demo, .i94/demo; I94_HOME or I94_LAKE name another.'; $(DEMO_I94) serve $(ARGS); \
	else $(BIN)/i94 serve $(ARGS); fi

jars: ## what Spark needs for s3:// addresses, into .jars
	@tools/jars.sh

# The tests of a file stay in one process: they share its servers and sessions. A process that dies ends the run, which
# would else wait for its tests for ever.
PYTEST := $(WITH_JAVA) PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: .venv/.dev test-servers ## every part of the platform at least once (ARGS='-k labels' for some tests)
	@$(PYTEST) -m 'not slow' $(ARGS)

test-slow: .venv/.dev test-servers ## the long tests: whole days, clusters, kills, load, the wheel
	@$(PYTEST) -m slow $(ARGS)

test-servers:
	@tools/chromium.sh >/dev/null
	@tools/jars.sh || true # it says why not; the tests that need them are skipped
	@tools/postgres.sh >/dev/null

lint: .venv/.dev ## every check of code, SQL, docs, lock, definitions and deployment; says nothing where all is well
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/sqlfluff lint --quiet --disable-progress-bar --nocolor i94_platform
	@$(BIN)/python tools/check_docs.py
	@$(BIN)/python tools/check_names.py
	@$(BIN)/python tools/check_private_imports.py
	@$(BIN)/python tools/check_functions.py
	@tools/check_lock.sh
	@tools/check_secrets.sh
	@tools/check_definitions.sh
	@tools/check_deployment.sh
	@$(BIN)/i94 dictionary --check
	@$(BIN)/i94 lineage --check
	@$(BIN)/python tools/reference_pages.py --check
	@$(BIN)/codespell
	@$(BUILD_SITE)

# The variable silences a notice of the theme that there will be a successor.
BUILD_SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: .venv/.dev ## write what is generated (dictionary, column lineage, reference), and build the site into build/site
	@echo 'Writing the generated pages …'
	@$(BIN)/i94 dictionary --write
	@$(BIN)/i94 lineage --write
	@$(BIN)/python tools/reference_pages.py
	@$(BIN)/python tools/check_docs.py
	@echo 'Building the site …'
	@$(BUILD_SITE)
	@echo 'build/site/index.html is the documentation; a browser opens it without a server.'

format: .venv/.dev ## sort imports, apply ruff's safe fixes and its format (declarations of tables are laid out by hand)
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

sbom: .venv/.base ## the bill of materials of an installation (CycloneDX), from uv.lock, into build/sbom.json
	@tools/sbom.sh

release: .venv/.base ## build wheel, sdist, bill of materials and changelog section into dist/, and run the demo from the wheel
	@tools/release.sh $(ARGS)

bench: .venv/.dev ## measure, and write docs/benchmarks.md (PARTS="month rows" for some; bench/__main__.py lists them)
	@$(WITH_JAVA) $(BIN)/python -W ignore -m bench $(PARTS)

notebook: .venv/.dev ## execute notebooks/april_2016.ipynb on the real April, and render it into the documentation
	@$(BIN)/python -W ignore -m notebooks.render

clean: ## remove the virtual environment, the demo and every cache (your own .i94 stays)
	@rm -rf .venv .uv .i94/demo .jars .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info \
		derby.log metastore_db spark-warehouse
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.base .venv/.spark .venv/.serve .venv/.dev: pyproject.toml uv.lock
	@tools/setup.sh $(@:.venv/.%=%)
