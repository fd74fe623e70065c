#!/usr/bin/env bash
# Checks that uv.lock fits pyproject.toml and names no index but PyPI; needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

quietly env -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS "$(tools/uv.sh)" lock --check --offline \
    --default-index https://pypi.org/simple || fail "uv.lock does not fit pyproject.toml (above): run .uv/bin/uv lock, or uv lock."
others=$(grep -oE 'https?://[^/"]+' uv.lock | sort -u | grep -vxE 'https://(pypi\.org|files\.pythonhosted\.org)' || true)
[ -z "$others" ] || fail "uv.lock names other hosts than PyPI's: $others. Lock again with --default-index https://pypi.org/simple."
