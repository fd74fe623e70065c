#!/usr/bin/env bash
# Lets the linters of CloudFormation, Dockerfiles and compose files look at the deployment, with every rule on, the
# informational ones too, and compares what the host of the repository reads with its schemas; quiet unless one of them
# finds something.
#
#   tools/check_deployment.sh [FOLDER]     deploy/ unless another folder is named
set -euo pipefail
deploy=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../deploy}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

schema() {
    quietly .venv/bin/check-jsonschema --builtin-schema "vendor.$1" "${@:2}" || fail "${*:2} does not fit its schema (above)."
}

schema compose-spec "$deploy/compose.yaml"
quietly .venv/bin/hadolint --no-color "$deploy/Dockerfile" || fail "hadolint objects to the Dockerfile (above)."
quietly .venv/bin/cfn-lint --include-checks I --regions us-east-1 us-west-2 us-gov-west-1 -- \
    "$deploy/cloudformation.yaml" || fail "cfn-lint objects to cloudformation.yaml (above)."
schema github-workflows .github/workflows/*.yml
schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
schema github-issue-forms .github/ISSUE_TEMPLATE/fault.yml .github/ISSUE_TEMPLATE/proposal.yml
