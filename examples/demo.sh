#!/bin/sh
# Runs `mobb demo` from a checkout, on a machine with Python 3.11 or newer and nothing else; what follows is passed on to it.
#
#   sh examples/demo.sh [OPTIONS OF mobb demo]
#
# not run by tests/run_docs.py: it installs the checkout, and there the wheel is tried.
set -eu
cd "$(dirname "$0")/.."
. ./examples/venv.sh
make_venv cli
exec .venv/bin/mobb demo "$@"
