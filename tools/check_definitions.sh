#!/usr/bin/env bash
# Lets Dagster load the code location named in pyproject.toml, in a home of its own; quiet unless that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

DAGSTER_HOME=$(mktemp -d)
export DAGSTER_HOME
trap 'rm -rf "$DAGSTER_HOME"' EXIT
echo 'telemetry: {enabled: false}' >"$DAGSTER_HOME/dagster.yaml"
quietly .venv/bin/dg check defs --no-check-yaml || fail "Dagster cannot load the definitions (above)."
