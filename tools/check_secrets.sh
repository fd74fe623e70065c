#!/usr/bin/env bash
#   tools/check_secrets.sh [FILE…]
#
# Checks that no file of the repository, or none of these files, holds a secret. One that a test plants has "planted" or
# "pa55" in it; a line that only looks like one says so: "pragma: allowlist secret". The charts of a notebook are Base64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

list_files() { if [ $# -gt 0 ]; then printf '%s\0' "$@"; else git ls-files -z; fi; }

list_files "$@" | xargs -0 .venv/bin/detect-secrets-hook --exclude-secrets '(?i:planted|pa55)|^I94_[A-Z_]+$' \
    --exclude-lines '^ *"image/png": ' \
    || fail "A file holds what looks like a secret (above). Take it out and revoke it; if it is none, see tools/check_secrets.sh."
