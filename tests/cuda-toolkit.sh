#!/usr/bin/env bash
# CUDA's compiler, headers and libraries in a folder, from Python packages: no GPU, driver or root is needed.
# usage: cuda-toolkit.sh FOLDER
set -euo pipefail
folder=$1
version=13.0
if [ -e "$folder/complete" ]; then
    exit 0
fi
rm -rf "$folder"
mkdir -p "$folder/wheels"
echo "fetching CUDA $version (about 700 MB) into $folder" >&2
python3 -m pip download --quiet --no-deps --dest "$folder/wheels" \
    "nvidia-cuda-nvcc==$version.*" "nvidia-nvvm==$version.*" "nvidia-cuda-crt==$version.*" \
    "nvidia-cuda-cccl==$version.*" "nvidia-cuda-runtime==$version.*" "nvidia-cublas==$version.*" \
    "nvidia-cuda-nvrtc==$version.*" "nvidia-curand==10.4.*"
for wheel in "$folder"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder"
done
rm -rf "$folder/wheels"
toolkit=$folder/nvidia/cu13
chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/*
ln -sfn lib "$toolkit/lib64"
for library in "$toolkit"/lib/*.so.*; do
    ln -sf "$(basename "$library")" "${library%%.so.*}.so"
done
# The driver's library comes with the driver. To link, one with the same names is enough; should it be run, it says
# what it is (34: CUDA_ERROR_STUB_LIBRARY).
mkdir -p "$toolkit/lib/stubs"
grep -ohE '\bcu[A-Z][A-Za-z0-9_]*\b' "$toolkit/include/cuda.h" | sort -u | sed 's/.*/int &(void) { return 34; }/' |
    cc -shared -fPIC -Wl,-soname,libcuda.so.1 -x c - -o "$toolkit/lib/stubs/libcuda.so"
touch "$folder/complete"
