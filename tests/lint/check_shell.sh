#!/bin/sh
# Runs shellcheck on every shell script. Exit status 77 where that is not installed.
set -eu
cd "${1:-.}"
if ! command -v shellcheck >/dev/null; then
    echo "SKIP: shellcheck is not installed"
    exit 77
fi
grep -rlE --exclude='*.md' '^#!(/usr/bin/env |/bin/)(ba)?sh' .ci docs base format postgres profile dump replay doctor tools tests | xargs shellcheck --severity=warning
