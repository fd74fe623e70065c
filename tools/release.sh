#!/usr/bin/env bash
#   tools/release.sh [FOLDER [INSTALLATION]]
#
# Builds the release of the version in pyproject.toml into FOLDER, or dist: sdist, wheel, bill of materials, the version's
# section of the changelog, and SHA-256 of each. The wheel is then installed in INSTALLATION (a temporary folder, unless
# one is named), where the demo's three months run in an empty folder, away from the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

folder=${1:-dist} installation=${2:-}
uv=$(tools/uv.sh)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
extras=(aws postgres serve spark)

write_changelog_section() {
    awk -v heading="## [$version]" 'index($0, "## [") == 1 { inside = index($0, heading) == 1 } inside' CHANGELOG.md >"$1"
    [ "$(grep -c . "$1")" -gt 1 ] || fail "CHANGELOG.md has no section for version $version: write one, '## [$version] - date'."
}

# The wheel is built from the sdist, so the sdist is whole.
build_packages() {
    quietly "$uv" build --python .venv/bin/python --out-dir "$folder" || fail "Building the packages failed (above)."
    rm -f "$folder/.gitignore"
}

install_wheel() {
    local locked=$1/locked.txt IFS=,
    quietly "$uv" export --frozen --no-emit-project --no-hashes "${extras[@]/#/--extra=}" --output-file "$locked" \
        && quietly "$uv" venv --clear --python .venv/bin/python "$1/venv" \
        && quietly "$uv" pip install --python "$1/venv/bin/python" --constraint "$locked" "$wheel[${extras[*]}]" \
        || fail "Installing $wheel failed (above)."
}

# Only its own folder and the deliveries are named; the settings of this shell are not for it.
run_demo() {
    mkdir -p "$1/empty folder"
    (
        cd "$1/empty folder"
        for name in "${!I94_@}" "${!DAGSTER_@}" PYTHONPATH; do unset "$name"; done
        export I94_RAW=deliveries I94_LAST_MONTH=2016-03
        i94=../venv/bin/i94
        quietly "$i94" sample --out deliveries --from 2016-01 --to 2016-03 && quietly "$i94" run && "$i94" status
    ) || fail "The demo of the installed wheel failed (above)."
}

[ -z "$(git status --porcelain 2>/dev/null)" ] || say "There are changes that are not committed: this release is for trying out only."
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
write_changelog_section "$folder/CHANGES-$version.md"
say "Building version $version …"
build_packages
wheel=$(echo "$folder"/*.whl)
tools/sbom.sh "$folder/i94_platform-$version.sbom.json" 2>/dev/null || fail "Writing the bill of materials failed: run 'make sbom'."
[ -n "$installation" ] || { installation=$(mktemp -d) && trap 'rm -rf "$installation"' EXIT; }
say "Installing the wheel in an empty folder and loading three months there …"
install_wheel "$installation"
run_demo "$installation"
(cd "$folder" && shasum -a 256 -- * >SHA256SUMS)
say "$folder:"
ls "$folder" >&2
