#!/bin/sh
# Installs into .bench/ what the benchmarks need. `install.sh NAME...` installs what is named; without a name it is what
# the speed is held against: Postfix, Kannel and, where the machine has none, PostgreSQL from Debian, and notifyd from
# crates.io. The count of instructions needs valgrind from Debian, where the machine has none, and gungraun-runner from
# crates.io. Nothing is installed on the machine itself and no daemon is started: Debian's packages are only unpacked.
# What cannot be had leaves its reason in .bench/skipped-NAME, and the rest goes on. Quick when everything is there
# already.
set -eu

names=" ${*:-notifyd postfix kannel postgresql} "
notifyd=0.4.0
root=$(cd "$(dirname "$0")/../.." && pwd)
target=$root/.bench
# It must be of the very version of the library that drives it.
gungraun=$(sed -n '/^name = "gungraun-runner"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$root/Cargo.lock")

say() {
    echo "bench: $*"
}

skip() {
    say "skipped $1: $2"
    echo "$2" >"$target/skipped-$1"
}

wanted() {
    case $names in *" $1 "*) ;; *) return 1 ;; esac
}

# What apt-get can fetch without asking the machine for more rights than a download needs.
download() {
    apt-get download -qq -o APT::Sandbox::User=root "$@"
}

# The libraries among the dependencies of the packages given that this machine does not have.
missing_libraries() {
    for package in "$@"; do
        dpkg-deb -f "$package" Depends | tr ',' '\n' | awk '$1 ~ /^lib/ { print $1 }'
    done | sort -u | while read -r library; do
        dpkg -s "$library" >/dev/null 2>&1 || echo "$library"
    done
}

# Unpacks packages and the libraries they lack into .bench/NAME, all or nothing.
unpack() {
    name=$1
    shift
    say "unpacking $* into .bench/$name (apt-get download)"
    rm -rf "$target/$name" "$target/deb" "$target/unpacked"
    mkdir -p "$target/deb" "$target/unpacked"
    (
        cd "$target/deb"
        download "$@"
        # Unquoted on purpose: a list of words.
        libraries=$(missing_libraries ./*.deb)
        [ -z "$libraries" ] || download $libraries
        for package in ./*.deb; do
            dpkg-deb -x "$package" "$target/unpacked"
        done
        dpkg-deb -f "./$1"_*.deb Version >"$target/unpacked/version"
    ) && mv "$target/unpacked" "$target/$name" && rm -rf "$target/deb"
}

# A package of Debian, once: NAME, then the packages to unpack.
debian() {
    name=$1
    if [ -d "$target/$name" ]; then
        return
    fi
    rm -f "$target/skipped-$name"
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        skip "$name" "$name is taken from Debian's packages, and this machine has no apt-get"
    elif ! unpack "$@"; then
        skip "$name" "apt-get could not download $name: run apt-get update, then benches/peers/install.sh again"
    fi
}

# The machine's own PostgreSQL is used where it has one with all that is needed.
postgresql() {
    if ls /usr/lib/postgresql/*/bin/initdb /usr/lib/postgresql/*/bin/psql >/dev/null 2>&1; then
        return
    fi
    version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
    debian postgresql "postgresql-$version" "postgresql-client-$version"
}

# The machine's own valgrind is used where it has one. Debian's program would look for its tools below /usr.
unpack_valgrind() {
    if command -v valgrind >/dev/null; then
        return
    fi
    debian valgrind valgrind
    if [ -d "$target/valgrind" ]; then
        mkdir -p "$target/valgrind/bin"
        cat >"$target/valgrind/bin/valgrind" <<EOF
#!/bin/sh
VALGRIND_LIB="$target/valgrind/usr/libexec/valgrind" exec "$target/valgrind/usr/bin/valgrind.bin" "\$@"
EOF
        chmod +x "$target/valgrind/bin/valgrind"
    fi
}

compile_gungraun() {
    if [ "$("$target/gungraun-runner/bin/gungraun-runner" --version 2>/dev/null)" = "gungraun-runner $gungraun" ]; then
        return
    fi
    rm -f "$target/skipped-gungraun-runner"
    say "compiling gungraun-runner $gungraun into .bench/gungraun-runner (cargo install; about three minutes)"
    # Unoptimized, because compiling it takes longer than running it.
    nice cargo install --quiet --locked --debug --root "$target/gungraun-runner" "gungraun-runner@$gungraun" \
        >"$target/gungraun-runner.log" 2>&1 ||
        skip gungraun-runner "gungraun-runner $gungraun could not be compiled: see .bench/gungraun-runner.log"
}

# It compiles for minutes, so it begins first and the rest goes on beside it.
compile_notifyd() {
    say "compiling notifyd $notifyd into .bench/notifyd (cargo install; about ten minutes)"
    nice cargo install --quiet --locked --root "$target/notifyd" "notifyd@$notifyd" >"$target/notifyd.log" 2>&1
}

mkdir -p "$target"
compiler=""
if wanted notifyd && [ "$("$target/notifyd/bin/notifyd" --version 2>/dev/null)" != "notifyd $notifyd" ]; then
    rm -f "$target/skipped-notifyd"
    compile_notifyd &
    compiler=$!
fi
for name in $names; do
    case $name in
    postfix | kannel) debian "$name" "$name" ;;
    postgresql) postgresql ;;
    valgrind) unpack_valgrind ;;
    gungraun-runner) compile_gungraun ;;
    notifyd) ;;
    *) say "unknown: $name" && exit 1 ;;
    esac
done
if [ -n "$compiler" ] && ! wait "$compiler"; then
    skip notifyd "notifyd $notifyd could not be compiled: see .bench/notifyd.log"
fi
say "ready"
