#!/usr/bin/env bash
# Makes the virtual environment in .venv and installs the project into it.
#
#   tools/setup.sh base     the platform on its embedded default (no Spark)
#   tools/setup.sh spark    base and Spark
#   tools/setup.sh serve    base, the web API and the dashboard
#   tools/setup.sh dev      everything: base, Spark, AWS, the web API, and the tools for tests and linters
#
# A stamp file .venv/.<what> says that it is done; make compares the stamps with pyproject.toml and constraints.txt.
# Versions are exactly those of constraints.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        "$name" -c 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    fail "Python 3.11 or newer is needed, and none of python3.13, python3.12, python3.11, python3 is: install one and run this again."
}

# Debian splits the module that makes virtual environments from Python itself.
ensure_venv_module() {
    local package
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    can_install_packages || fail "$1 cannot make virtual environments: install its venv module (on Debian the package $package) and run this again."
    say "Installing $package, which Debian keeps apart from Python …"
    install_package "$package" || fail "Installing $package failed (above): install it by hand and run this again."
}

# A .venv that does not start (its Python was removed or replaced, the folder was moved) is made anew.
ensure_environment() {
    local python
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    python=$(find_python)
    ensure_venv_module "$python"
    say "Making the virtual environment .venv with $("$python" --version) …"
    quietly "$python" -m venv --clear .venv || fail "Making .venv with $python failed (above)."
}

install() {
    local target=$1 description=$2
    say "Installing $description into .venv (a minute or two, once) …"
    quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        --constraint constraints.txt --editable "$target" \
        || fail "Installing failed (above). Once the cause is gone, run the same command again: it carries on."
    # pip compiles what it installs, but not what it only points to: each start would, where Python may write no bytecode
    .venv/bin/python -m compileall -q i94_platform i94_platform_tests
}

what=${1:-}
case $what in
    base) target=. description="the platform" stamps="base" ;;
    spark) target=.[spark] description="the platform with Spark" stamps="base spark" ;;
    serve) target=.[serve] description="the platform with its web API" stamps="base serve" ;;
    dev) target=.[spark,aws,postgres,serve,dev] description="the platform with Spark, AWS, its web API and the tools for tests and linters" stamps="base spark serve dev" ;;
    *) fail "usage: tools/setup.sh base|spark|serve|dev" ;;
esac

ensure_environment
install "$target" "$description"
for stamp in $stamps; do touch ".venv/.$stamp"; done
