#!/usr/bin/env bash
# service.sh start|stop TERROIR DATA LISTEN: the service in the background, as `make up` runs it.
set -euo pipefail
action=$1 terroir=$2 data=$3 listen=$4
pid_file=$data/serve.pid
log=$data/serve.log

running() { [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }

start() {
    if running && [ "$terroir" -nt "$pid_file" ]; then
        echo "the service runs an older build: starting it again"
        stop
    fi
    if running; then
        echo "the service is already running (process $(cat "$pid_file"))"
        return
    fi
    mkdir -p "$data"
    setsid nohup "$terroir" --data "$data" serve --listen "$listen" >>"$log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for _ in $(seq 300); do
        if curl --silent --fail --output /dev/null "http://$listen/readyz"; then return; fi
        if ! running; then break; fi
        sleep 0.2
    done
    echo "the service did not start; the end of $log:" >&2
    tail -n 20 "$log" >&2
    rm -f "$pid_file"
    exit 1
}

stop() {
    if running; then
        pid=$(cat "$pid_file")
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        echo "stopped"
    else
        echo "the service is not running"
    fi
    rm -f "$pid_file"
}

"$action"
