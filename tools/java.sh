#!/usr/bin/env bash
# Prints the home of a Java that Spark runs on (17 or 21): that of JAVA_HOME, of PATH, or of a usual folder. Where there
# is none, Debian's is installed if we are root; elsewhere nothing is printed, and a sentence says what to do. Never
# fails: what needs Java says so itself, everything else works without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

# The home of the Java given by the path of its program, as that Java itself reports it; fails unless it is 17 or 21.
home_if_suitable() {
    local properties
    properties=$("$1" -XshowSettings:properties -version 2>&1) || return 1
    grep -Eq '^ *java\.specification\.version = (17|21)$' <<<"$properties" || return 1
    sed -n 's/^ *java\.home = //p' <<<"$properties"
}

find_java() {
    local candidate
    for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java /usr/lib/jvm/*/bin/java \
        /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java /opt/homebrew/opt/openjdk@*/bin/java; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        home_if_suitable "$candidate" && return
    done
    return 1
}

find_java && exit
if can_install_packages; then
    say "Installing Java for Spark (about half a minute, once) …"
    if install_package openjdk-17-jre-headless openjdk-21-jre-headless && find_java; then exit; fi
fi
say "Spark needs Java 17 or 21 and none was found: install one (Debian, Ubuntu: apt-get install openjdk-17-jre-headless;" \
    "macOS: brew install openjdk@17) or point JAVA_HOME to it. Everything that runs on DuckDB works without."
