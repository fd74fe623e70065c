#!/usr/bin/env bash
# Prints the folder of a PostgreSQL server's programs, on which the tests' Redshift emulator stands. Where there is none,
# Debian's is installed if we are root; elsewhere nothing is printed, and a sentence says what to do. Never fails: the
# tests that need it skip without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

find_postgres() {
    local candidate
    for candidate in "$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v initdb || true)")" \
        /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin; do
        [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ] || continue
        printf '%s\n' "$candidate"
        return
    done
    return 1
}

find_postgres && exit
if can_install_packages; then
    say "Installing PostgreSQL for the warehouse's tests (about half a minute, once) …"
    # only the programs are wanted: the tests start servers of their own
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
    if install_package postgresql && find_postgres; then exit; fi
fi
say "The tests of the Redshift warehouse need a PostgreSQL server and none was found, so they are skipped: install one" \
    "(Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) and run this again."
