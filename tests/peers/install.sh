#!/bin/sh
# Installs the independent servers that the integration tests talk to into .peers/, at the versions pinned beside this
# script, and the runtimes they need when the machine lacks them. Quick when everything is there already.
set -eu

pins=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$pins/../.." && pwd)/.peers
stamp=$(cat "$pins/install.sh" "$pins/package.json" "$pins/requirements.txt" | sha256sum)

say() {
    echo "peers: $*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# A system package is installed only when the command it is wanted for does not work.
need() {
    package=$1
    shift
    if "$@" >/dev/null 2>&1; then
        return
    fi
    packages="$packages $package"
}

install_runtimes() {
    packages=""
    need nodejs node --version
    need npm npm --version
    need default-jre-headless java -version
    need python3-venv python3 -c 'import ensurepip, venv'
    need strace strace -V
    need faketime faketime --version
    need dnsmasq-base dnsmasq --version
    if [ -z "$packages" ]; then
        return
    fi
    say "installing the system packages$packages (apt-get)"
    as_root apt-get update -qq
    # Unquoted on purpose: a list of words.
    as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

install_node_peers() {
    say "installing WireMock, Prism, proxy-chain, telegram-test-api, maildev, smpp, sns-validator and sms-segments-calculator into .peers/ (npm)"
    cp "$pins/package.json" "$target/package.json"
    # No install script of any package runs: none of the peers needs one.
    (cd "$target" && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error)
}

install_python_peers() {
    say "installing aiosmtpd, dkimpy, moto, standardwebhooks and the SDKs of SendGrid, Sinch, Svix, Twilio and Vonage into .peers/venv (pip)"
    python3 -m venv --clear "$target/venv"
    "$target/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$pins/requirements.txt"
}

# The package is only unpacked: installing it would start a mail server on this machine.
unpack_smtp_sink() {
    say "unpacking smtp-sink into .peers/postfix (apt-get download)"
    rm -rf "$target/postfix" "$target/deb"
    mkdir -p "$target/deb"
    (cd "$target/deb" && { apt-get download -qq -o APT::Sandbox::User=root postfix || { as_root apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root postfix; }; })
    dpkg-deb -x "$target"/deb/postfix_*.deb "$target/postfix"
    libraries=$(dpkg-deb -f "$target"/deb/postfix_*.deb Depends | tr ',' '\n' | awk '$1 ~ /^lib/ { print $1 }')
    rm -rf "$target/deb"
    if LD_LIBRARY_PATH="$target/postfix/usr/lib/postfix" ldd "$target/postfix/usr/sbin/smtp-sink" | grep -q 'not found'; then
        say "installing the libraries it needs (apt-get)"
        # Unquoted on purpose: a list of words.
        as_root apt-get install -y -qq --no-install-recommends $libraries >/dev/null
    fi
}

if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
mkdir -p "$target"
rm -f "$target/stamp"
install_runtimes
install_node_peers
install_python_peers
unpack_smtp_sink
echo "$stamp" >"$target/stamp"
say "ready"
