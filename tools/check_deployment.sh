#!/usr/bin/env bash
# Lets the linters of CloudFormation, Dockerfiles and compose files look at the deployment, with every rule on, the
# informational ones too; quiet unless one of them finds something.
#
#   tools/check_deployment.sh [FOLDER]     deploy/ unless another folder is named
set -euo pipefail
deploy=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../deploy}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

quietly .venv/bin/check-jsonschema --builtin-schema vendor.compose-spec "$deploy/compose.yaml" ||
    fail "compose.yaml is not a valid compose file (above)."
quietly .venv/bin/hadolint --no-color "$deploy/Dockerfile" || fail "hadolint objects to the Dockerfile (above)."
quietly .venv/bin/cfn-lint --include-checks I --regions us-east-1 us-west-2 us-gov-west-1 -- \
    "$deploy/cloudformation.yaml" || fail "cfn-lint objects to cloudformation.yaml (above)."
