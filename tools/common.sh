# What the set-up scripts share: talking to people, staying quiet until something fails, and Debian's packages.
# Sourced, never run. Everything for people goes to standard error: standard output carries results.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# quietly COMMAND…: shows what the command printed only if it fails, and keeps its exit code.
quietly() {
    local log code=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
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
