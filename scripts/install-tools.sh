#!/bin/sh
# Installs what the build needs besides Rust, when the machine lacks it: a C compiler, for the cryptography of TLS.
set -eu

if ! command -v cargo >/dev/null 2>&1; then
    echo "tools: cargo is missing: install Rust 1.89 or newer, from your system's packages or with rustup" >&2
    exit 1
fi
if command -v cc >/dev/null 2>&1; then
    exit 0
fi
echo "tools: installing a C compiler (apt-get install gcc libc6-dev)"
as_root=""
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
