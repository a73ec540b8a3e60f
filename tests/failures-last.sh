#!/usr/bin/env bash
# Runs a command of tests; if it fails, says once more at the end which tests failed and why, because what a long
# run prints in between is not kept everywhere.
#   tests/failures-last.sh COMMAND…
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" 2>&1 | tee "$log"
status=$?
if [ "$status" -ne 0 ]; then
    echo
    echo "What failed:"
    # The sections that the test programs print at their ends: what each failed test said, then the names.
    sed -n '/^failures:$/,/^test result: FAILED/p' "$log" | tail -n 200
    grep -E '^error(\[|:)|^test .* FAILED$' "$log" | tail -n 50
fi
exit "$status"
