#!/bin/sh
# Everything that has to be well before a change is: style, types, documents, speed, the documentation's code, tests, coverage.
#
#   sh tests/run.sh
#
# Needs Python 3.11 or newer and git. Makes .venv in the checkout; as root on Debian it installs what the outside judges need,
# elsewhere it says which tests are skipped without them. Stops at the first check that fails.
set -eu
cd "$(dirname "$0")/.."
. ./examples/venv.sh

step() { printf '\n== %s\n' "$*"; }

need() { # need COMMAND PACKAGE WHY
    command -v "$1" >/dev/null 2>&1 || install_debian "$2" || say "no $1 ($2): $3"
}

step "install"
make_venv dev
PATH=$PWD/.venv/bin:$PATH
export PATH
need xmlsec1 xmlsec1 "the tests that ask xmlsec1 about our signatures are skipped"
need openssl openssl "the tests that read key stores made by openssl are skipped"
need xmllint libxml2-utils "the test that asks another libxml2 about our schemas is skipped"
need strace strace "the tests of the order of syncs are skipped"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || install_debian postgresql ||
    say "no PostgreSQL server (postgresql): the tests of that outbox, and its documentation's code, are skipped"
need nginx nginx "the tests of our endpoint behind a proxy are skipped"
need java default-jre-headless "the tests that ask PDFBox about our documents are skipped"

step "style"
ruff format --check .
ruff check .

step "types"
mypy

step "documents"
status=0
log=$(mktemp) # what apt says while it brings the judge
sh tests/judge_documents.sh --install 2>"$log" || status=$?
[ "$status" = 0 ] || tail -n 20 "$log" >&2
rm -f "$log"
[ "$status" = 0 ] || [ "$status" = 2 ] || exit "$status" # 2: the judge is not here, which it has said

if [ -e benchmarks/run.py ]; then
    step "speed, a quick look"
    python benchmarks/run.py --quick
fi

step "the documentation's code, from the wheel"
python tests/run_docs.py

step "tests"
# as many processes as there are cores; each starts a PostgreSQL server of its own
exec python -m pytest -q -n auto --dist worksteal --cov --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95
