#!/usr/bin/env bash
# Prints the program uv, which installs the locked packages. A uv on PATH is used if it reads this project's uv.lock;
# otherwise uv is installed from PyPI into .uv, in the version and with the hashes of tools/uv-requirements.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.sh

can_read_lock() { command -v "$1" >/dev/null 2>&1 && "$1" export --frozen --quiet >/dev/null 2>&1; }

find_uv() {
    local candidate
    for candidate in uv .uv/bin/uv; do
        can_read_lock "$candidate" || continue
        command -v "$candidate"
        return
    done
    return 1
}

# install_uv PYTHON: with pip, so that pip's own configuration (index, certificates, proxy) applies.
install_uv() {
    local pip_python=$1
    if ! "$pip_python" -m pip --version >/dev/null 2>&1; then
        ensure_venv_module "$1"
        quietly "$1" -m venv --clear .uv/pip || return 1
        pip_python=.uv/pip/bin/python
    fi
    rm -rf .uv/bin
    quietly "$pip_python" -m pip install --quiet --disable-pip-version-check --no-input --target .uv --upgrade \
        --require-hashes --requirement tools/uv-requirements.txt
}

find_uv && exit
say "Installing uv, which installs the packages, into .uv (a few seconds, once) …"
python=$(find_python)
install_uv "$python" || fail "Installing uv failed (above). Once the cause is gone, run the same command again."
find_uv || fail "The uv in .uv cannot read uv.lock: run '.uv/bin/uv export --frozen' to see why."
