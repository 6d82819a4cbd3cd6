#!/usr/bin/env bash
# Runs tests/web/*.test.js, or those named, with Node.js; what they need of npm's registry (the lock
# file says it to the byte) goes to $BUILD/web. Where they cannot run it says why, and ends with 0.
# usage: BUILD=DIR tests/web/run.sh [FILE...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
modules=${BUILD:?expected the directory for what is built}/web

skip() {
    echo "test-web: skipped: $1"
    exit
}

find_browser() {
    CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser)}
}

install_modules() {
    cmp -s "$here/package-lock.json" "$modules/installed" && return
    mkdir -p "$modules"
    cp "$here/package.json" "$here/package-lock.json" "$modules"
    if ! (cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund) >"$modules/npm.log" 2>&1
    then
        ! grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT' "$modules/npm.log" ||
            skip "npm's registry cannot be reached ($modules/npm.log)"
        cat "$modules/npm.log"
        return 1
    fi
    cp "$here/package-lock.json" "$modules/installed"
}

for need in node npm; do
    command -v "$need" >/dev/null || skip "no $need here (scripts/install-deps.sh --web)"
done
find_browser || skip 'no chromium here (scripts/install-deps.sh --web)'
install_modules

[ $# -gt 0 ] || set -- "$here"/*.test.js
export CHROMIUM NODE_PATH=$modules/node_modules OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_pml=ob1
exec timeout 600 node --test --test-reporter=spec "$@"
