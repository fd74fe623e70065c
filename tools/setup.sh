#!/usr/bin/env bash
# Makes the virtual environment in .venv and installs the project into it, with the packages that uv.lock names.
#
#   tools/setup.sh base     the platform on its embedded default (no Spark)
#   tools/setup.sh spark    base and Spark
#   tools/setup.sh serve    base, the web API and the dashboard
#   tools/setup.sh dev      everything: base, Spark, AWS, the web API, and the tools for tests and linters
#
# A stamp file .venv/.<what> says that it is done; make compares the stamps with pyproject.toml and uv.lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

# A .venv that does not start (its Python was removed or replaced, the folder was moved) is made anew.
ensure_environment() {
    local python
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    python=$(find_python)
    say "Making the virtual environment .venv with $("$python" --version) …"
    quietly "$uv" venv --clear --python "$python" .venv || fail "Making .venv with $python failed (above)."
}

# The locked versions and hashes are exported without the addresses of uv.lock, so that a mirror of PyPI serves them too.
# Packages that are installed and not asked for stay: "make demo" takes nothing from a developer's environment.
install() {
    local description=$1 requirements=.venv/requirements.txt
    shift
    say "Installing $description into .venv (less than a minute, once) …"
    quietly "$uv" export --frozen --no-emit-project --output-file "$requirements" "$@" \
        && quietly "$uv" pip install --python .venv/bin/python --require-hashes --requirement "$requirements" \
        && quietly "$uv" pip install --python .venv/bin/python --no-deps --editable . \
        || fail "Installing failed (above). Once the cause is gone, run the same command again: it carries on."
    # Where Python may write no bytecode, each start would compile again. The tests of packages, a third of all, are left
    # out; a file that does not compile is a package's template for another Python.
    quietly .venv/bin/python -m compileall -qq -j 0 -x '/tests/' .venv/lib i94_platform i94_platform_tests || true
}

what=${1:-}
case $what in
    base) extras=() description="the platform" stamps="base" ;;
    spark) extras=(spark) description="the platform with Spark" stamps="base spark" ;;
    serve) extras=(serve) description="the platform with its web API" stamps="base serve" ;;
    dev) extras=(spark aws postgres serve dev notebook) description="the platform with Spark, AWS, its web API and the tools for tests and linters" stamps="base spark serve dev" ;;
    *) fail "usage: tools/setup.sh base|spark|serve|dev" ;;
esac

uv=$(tools/uv.sh)
follow_pip_configuration
export UV_PYTHON_DOWNLOADS=never
ensure_environment
install "$description" ${extras[@]+"${extras[@]/#/--extra=}"}
for stamp in $stamps; do touch ".venv/.$stamp"; done
