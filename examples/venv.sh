# shellcheck shell=sh
# Read by examples/demo.sh and tests/run.sh: makes .venv in the checkout, and installs Debian's packages where it may.
# Nothing here asks a question; what a command says is shown when it fails.

say() { printf '%s\n' "$*" >&2; }

quietly() {
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        status=$?
        cat "$log" >&2
        rm -f "$log"
        return "$status"
    fi
}

# install_debian PACKAGE ...: as root where there is apt-get; fails elsewhere, having done nothing.
install_debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    say "installing from Debian's packages: $*"
    quietly env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# make_venv EXTRA: leaves .venv with this checkout and the extra in it, made anew when it is not whole or was moved.
make_venv() {
    python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "mobb_client needs Python 3.11 or newer, as python3 or named by PYTHON=..."
        exit 2
    fi
    stamp=.venv/.mobb-$1
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || [ "$(cat .venv/.mobb-where 2>/dev/null)" != "$PWD" ]; then
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && ! install_debian python3-venv; then
            say "Python cannot make a virtual environment here. Run this, and then the same command again:"
            say "    sudo apt-get install -y python3-venv"
            exit 2
        fi
        rm -rf .venv
        quietly "$python" -m venv .venv
        pwd >.venv/.mobb-where
    fi
    if [ ! -e "$stamp" ] || [ -n "$(find pyproject.toml -newer "$stamp")" ]; then
        say "installing mobb_client[$1] in .venv"
        quietly .venv/bin/python -m pip install --disable-pip-version-check --no-input -e ".[$1]"
        touch "$stamp"
    fi
}
