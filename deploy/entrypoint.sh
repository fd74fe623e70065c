#!/bin/sh
# Runs a command with the secrets in its environment: each file of /run/secrets that is named like one of the platform's
# variables, such as I94_HISTORY_PASSWORD. They stand in no image and in no container's configuration.
set -eu
for file in "${SECRETS:-/run/secrets}"/I94_*; do
    [ -f "$file" ] || continue
    value=$(cat "$file")
    export "$(basename "$file")=$value"
done
# dagster.yaml has one limit for all pools; that of staging is kept in the history
if [ "${1:-} ${2:-}" = "dagster-daemon run" ]; then
    dagster instance concurrency set staging "${I94_STAGING_CONCURRENCY:-2}"
fi
exec "$@"
