#!/usr/bin/env bash
# clients.sh TERROIR CACHE: the clients that people use for OpenAI's API, against a service of their own.
# Their packages are kept in CACHE. CLIENTS_PYTHON names a Python that has openai and langchain-openai.
set -euo pipefail
terroir=$1 cache=$2
here=$(cd "$(dirname "$0")" && pwd)
model=SmolLM2-135M-Instruct
listen=${CLIENTS_LISTEN:-127.0.0.1:8191}

mkdir -p "$cache"
data=$(mktemp -d)
trap '"$here/service.sh" stop "$terroir" "$data" "$listen"; rm -rf "$data"' EXIT
"$here/service.sh" start "$terroir" "$data" "$listen"

python=${CLIENTS_PYTHON:-$cache/python/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$cache/python"
    "$cache/python/bin/pip" install --quiet --disable-pip-version-check openai langchain-openai
fi
[ -d "$cache/node_modules/openai" ] || (cd "$cache" && npm install --no-audit --no-fund --silent openai)

"$python" "$here/clients/openai_client.py" "http://$listen" "$model"
(cd "$cache" && node "$here/clients/openai_client.mjs" "http://$listen" "$model")
"$python" "$here/clients/langchain_client.py" "http://$listen" "$model"
