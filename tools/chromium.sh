#!/usr/bin/env bash
# Prints the path of a Chromium (or Chrome) for the browser tests. Where there is none, Debian's is installed if we are
# root; elsewhere nothing is printed, and a sentence says what to do. Never fails: the browser tests skip without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

find_chromium() {
    local candidate
    for candidate in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
        # Ubuntu's chromium-browser is a pointer to a snap that may not be there, so ask it for its version.
        "$candidate" --version >/dev/null 2>&1 || continue
        command -v "$candidate"
        return
    done
    return 1
}

find_chromium && exit
if can_install_packages && is_debian; then
    say "Installing Chromium for the browser tests (about a minute, once) …"
    if install_package chromium && find_chromium; then exit; fi
fi
say "The browser tests need Chromium or Chrome and none was found, so they are skipped: install one (Debian: apt-get install" \
    "chromium) and run this again."
