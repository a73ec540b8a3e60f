#!/usr/bin/env bash
# browser.sh TERROIR FILE…: a service on a fresh data folder with FILEs in it, used in a real browser.
set -euo pipefail
terroir=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
data=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
"$terroir" --data "$data" serve --listen "127.0.0.1:$port" 2>"$data/serve.log" &
service=$!
stop() {
    kill "$service" 2>/dev/null || true
    wait "$service" 2>/dev/null || true
    rm -rf "$data"
}
trap stop EXIT
for _ in $(seq 300); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:$port/readyz" && break
    kill -0 "$service" || { cat "$data/serve.log" >&2; exit 1; }
    sleep 0.2
done
"$terroir" --data "$data" ingest "$@"
screenshots=${SCREENSHOTS:-$data/screenshots}
mkdir -p "$screenshots"
BASE_URL="http://127.0.0.1:$port" SCREENSHOTS="$screenshots" \
    FIRST_QUESTION="How does Terroir prove an answer?" node "$root/web/ui/e2e/run.mjs"
