# What the set-up scripts share: talking to people, staying quiet until something fails, Debian's packages, Python and
# pip's configuration.
# Sourced, never run. Everything for people goes to standard error: standard output carries results.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Counts the seconds on a terminal until it is killed, or this script is gone.
show_seconds() {
    local start=$SECONDS
    while sleep 1 && kill -0 $$ 2>/dev/null; do printf '\r  %d s ' $((SECONDS - start)) >&2; done
}

# quietly COMMAND…: shows what the command printed only if it fails, and keeps its exit code.
quietly() {
    local log code=0 counter=
    log=$(mktemp)
    if [ -t 2 ]; then
        show_seconds &
        counter=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [ -n "$counter" ]; then
        kill "$counter" && wait "$counter" 2>/dev/null || true
        printf '\r\033[K' >&2
    fi
    [ "$code" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$code"
}

# Whether packages can be installed without asking anybody: root on Debian or a distribution made from it.
can_install_packages() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; }

is_debian() { grep -qs '^ID=debian$' /etc/os-release; }

# install_package NAME…: the first of the names that the distribution offers.
install_package() {
    local apt=(apt-get -q -y -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60) name
    export DEBIAN_FRONTEND=noninteractive
    quietly "${apt[@]}" update || return 1
    for name in "$@"; do
        if apt-cache show "$name" >/dev/null 2>&1; then
            quietly "${apt[@]}" install --no-install-recommends "$name"
            return
        fi
    done
    say "None of these packages is offered here: $*."
    return 1
}

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

# uv does not read pip's configuration. What it says of the index and its certificates is handed to uv in
# the environment, unless uv has settings of its own there.
follow_pip_configuration() {
    local configuration
    configuration=$(python3 -m pip config list 2>/dev/null || .uv/pip/bin/python -m pip config list 2>/dev/null || true)
    [ -n "${UV_INDEX_URL:-}" ] || export_pip_option UV_DEFAULT_INDEX index-url
    [ -n "${UV_EXTRA_INDEX_URL:-}" ] || export_pip_option UV_INDEX extra-index-url
    export_pip_option UV_INSECURE_HOST trusted-host
    export_pip_option SSL_CERT_FILE cert
}

# export_pip_option VARIABLE OPTION: sets VARIABLE to pip's OPTION. pip lists its environment before its files, each as
# scope.option='value'; the lines of a value are apart by \n.
export_pip_option() {
    local value
    [ -z "${!1:-}" ] || return 0
    value=$(sed -n "s/^[^=]*\\.$2='\\(.*\\)'\$/\\1/p" <<<"$configuration" | head -n 1 | sed 's/\\n/ /g')
    [ -z "$value" ] || export "$1=$value"
}
