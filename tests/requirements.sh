#!/usr/bin/env bash
# Sees to it that commands are there. Each argument is COMMAND:PACKAGE (Debian's name). As root on a
# machine with apt the missing ones are installed; otherwise it says exactly what to install.
set -euo pipefail

present() {
    case "$1" in
        pip) python3 -m pip --version >/dev/null 2>&1 ;;
        # PostgreSQL's server programs are not on the PATH of Debian.
        initdb) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ;;
        # Data for a language, not a command.
        tesseract-*) tesseract --list-langs 2>/dev/null | grep -qx "${1#tesseract-}" ;;
        node) command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing=()
commands=()
for pair in "$@"; do
    present "${pair%%:*}" || { missing+=("${pair#*:}"); commands+=("${pair%%:*}"); }
done

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it with rustup (the pinned version is in rust-toolchain.toml)" >&2
    exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    for pair in "$@"; do
        present "${pair%%:*}" || { echo "${pair%%:*} is still missing after installing ${pair#*:} (Node must be 20 or newer)" >&2; exit 1; }
    done
    exit 0
fi
echo "missing: ${commands[*]} (Node must be 20 or newer). Install them, on Debian or Ubuntu with:" >&2
echo "  sudo apt-get install ${missing[*]}" >&2
exit 1
