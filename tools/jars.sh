#!/usr/bin/env bash
# Copies the jars with which Spark reads and writes s3:// addresses into .jars, with Maven, as tools/pom.xml names them.
# Done once: a second run, and one after a change that does not concern them, finds the copy of tools/pom.xml beside
# them and says nothing. Where there is no Maven, Debian's is installed if we are root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

without="Spark on s3:// addresses waits for them; everything else works without."

cmp -s tools/pom.xml .jars/pom.xml && exit
JAVA_HOME=$(tools/java.sh)
export JAVA_HOME
[ -n "$JAVA_HOME" ] || fail "$without"
if ! command -v mvn >/dev/null && can_install_packages; then
    say "Installing Maven to fetch the jars for Spark on S3 (about half a minute, once) …"
    install_package maven || true # what it printed says why; the next line says what that means
fi
command -v mvn >/dev/null || fail "The jars for Spark on S3 are fetched with Maven, which is not installed (Debian," \
    "Ubuntu: apt-get install maven; macOS: brew install maven). $without"
say "Fetching the jars for Spark on S3 into .jars (9 MB, once) …"
rm -rf .jars
quietly mvn --batch-mode --no-transfer-progress --file tools/pom.xml dependency:copy-dependencies \
    -DoutputDirectory="$PWD/.jars" \
    || fail "Maven could not fetch the jars for Spark on S3 (above): once it reaches Maven Central or a mirror of it," \
        "run: make jars. $without"
cp tools/pom.xml .jars/pom.xml
