#!/bin/sh
# Installs the lint tools into .tools/, at the versions pinned here. Quick when everything is there already.
set -eu

cargo_deny=0.20.2
cargo_machete=0.9.2
buf=1.75.0

target=$(cd "$(dirname "$0")/.." && pwd)/.tools
stamp=$(sha256sum <"$0")

say() {
    echo "tools: $*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
mkdir -p "$target"
rm -f "$target/stamp"

if ! npm --version >/dev/null 2>&1; then
    say "installing the system packages nodejs npm (apt-get)"
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
say "installing buf $buf into .tools/ (npm)"
# No install script runs: the program comes as a package of its own.
npm install --prefix "$target" --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error "@bufbuild/buf@$buf"

# A program of the right version that the machine has already is used as it is.
cargo_tool() {
    if [ "$("$1" --version 2>/dev/null)" = "$1 $2" ]; then
        mkdir -p "$target/bin"
        ln -sf "$(command -v "$1")" "$target/bin/$1"
        return
    fi
    say "building $1 $2 into .tools/ (cargo install)"
    # Unoptimized, because building it takes longer than running it.
    cargo install --quiet --locked --debug --root "$target" "$1@$2"
}

cargo_tool cargo-machete "$cargo_machete"
cargo_tool cargo-deny "$cargo_deny"

echo "$stamp" >"$target/stamp"
say "ready"
