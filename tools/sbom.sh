#!/usr/bin/env bash
#   tools/sbom.sh [FILE]
#
# Writes FILE, or build/sbom.json, the bill of materials in CycloneDX: each package of uv.lock that an installation with all of its
# extras has, but the tools of developers, with its hashes. The same lock gives the same file; it needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

uv=$(tools/uv.sh)
file=${1:-build/sbom.json}
mkdir -p "$(dirname "$file")"
quietly "$uv" export --frozen --offline --quiet --preview-features sbom-export --format cyclonedx1.5 --all-extras \
    --no-extra dev --output-file "$file" || fail "uv could not export uv.lock (above)."
# a number and a time of its own would make each file another one
.venv/bin/python - "$file" <<'PYTHON'
import json, pathlib, sys, uuid

path = pathlib.Path(sys.argv[1])
document = json.loads(path.read_text("utf-8"))
del document["serialNumber"], document["metadata"]["timestamp"]
number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
path.write_text(json.dumps({"serialNumber": f"urn:uuid:{number}", **document}, indent=2) + "\n", "utf-8")
PYTHON
say "$file"
