#!/bin/sh
# Installs the tools of `make lint` at pinned versions: buf from npm into .tools/, cargo-deny from Rust's registry.
set -eu

cd "$(dirname "$0")/.."
BUF=1.75.0
CARGO_DENY=0.20.2

if ! command -v npm >/dev/null 2>&1; then
    echo "lint-tools: installing nodejs and npm (apt-get)"
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
if [ "$(.tools/node_modules/.bin/buf --version 2>/dev/null)" != "$BUF" ]; then
    echo "lint-tools: installing buf $BUF into .tools/ (npm)"
    mkdir -p .tools
    npm install --prefix .tools --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error "@bufbuild/buf@$BUF" >/dev/null
fi
if [ "$(cargo deny --version 2>/dev/null)" != "cargo-deny $CARGO_DENY" ]; then
    echo "lint-tools: installing cargo-deny $CARGO_DENY (cargo install; this takes some minutes, once)"
    cargo install --quiet --locked "cargo-deny@$CARGO_DENY"
fi
