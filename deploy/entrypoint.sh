#!/bin/sh
# Runs a command with secrets in its environment. Each file /run/secrets/I94_* becomes a variable, such as
# I94_HISTORY_PASSWORD. No image and no container configuration holds a secret.
set -eu
umask "${I94_UMASK:-077}"
for file in "${SECRETS:-/run/secrets}"/I94_*; do
    [ -f "$file" ] || continue
    value=$(cat "$file")
    export "$(basename "$file")=$value"
done
# dagster.yaml has one limit for all pools; the database of the instance holds that of staging
if [ "${1:-} ${2:-}" = "dagster-daemon run" ]; then
    dagster instance concurrency set staging "${I94_STAGING_CONCURRENCY:-2}"
fi
exec "$@"
