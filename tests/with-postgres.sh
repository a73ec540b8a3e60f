#!/usr/bin/env bash
# with-postgres.sh COMMAND…: runs COMMAND with TERROIR_TEST_POSTGRES_URL naming a PostgreSQL server that
# lives in a private folder for as long as the command runs. A URL that is already set is left alone.
set -euo pipefail
if [ -n "${TERROIR_TEST_POSTGRES_URL:-}" ]; then exec "$@"; fi

binaries=$(dirname "$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
folder=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
# PostgreSQL refuses to run as root.
as_owner() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [ "$(id -u)" -eq 0 ]; then chown postgres "$folder"; fi

stop() {
    as_owner "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
cd_back=$PWD
cd "$folder"
as_owner "$binaries/initdb" -D "$folder/data" -U terroir --auth=trust -E UTF8 --locale=C >/dev/null
as_owner "$binaries/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
    -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200" start >/dev/null
cd "$cd_back"
export TERROIR_TEST_POSTGRES_URL="postgres://terroir@127.0.0.1:$port/postgres"
"$@"
