#!/bin/sh
# Installs what is missing, says what and why. Use: deps.sh GROUP… (build, test). Asks
# nothing when all is there; elsewhere than on Debian it only says what is needed.
set -eu

# Debian 12 has the C sources of llhttp in node-llhttp, later ones the library.
llhttp=libllhttp-dev
apt-cache show libllhttp-dev >/dev/null 2>&1 || llhttp=node-llhttp

wanted() {
    case $1 in
    build) cat <<EOT
gcc the C compiler
libc6-dev the C library's headers
meson the build system
ninja-build runs what Meson plans
pkg-config finds the libraries
python3 turns src/sql into C
libsqlite3-dev the database
sqlite3 looks into it
libpq-dev the database for several machines
libhiredis-dev Redis, for customers' states
libssl-dev HMAC and random numbers
libcurl4-openssl-dev HTTPS to Stripe
libjansson-dev JSON documents of the emulator
libinih-dev brindle.conf
libsystemd-dev readiness and watchdog under systemd
$llhttp HTTP/1.1 parsing
EOT
        ;;
    test) cat <<EOT
libcmocka-dev unit tests
clang a second compiler, and fuzzing
postgresql a server of the tests' own
redis-server likewise
mandoc checks the manual pages
nodejs runs Stripe's own libraries against us
npm fetches them
EOT
        [ -z "$(apt-cache search --names-only '^libclang-rt-14-dev$' 2>/dev/null)" ] ||
            echo "libclang-rt-14-dev the sanitizers of clang"
        ;;
    *) echo "deps.sh: there is no group $1" >&2; exit 2 ;;
    esac
}

# nodejs from elsewhere than Debian often brings npm along.
has() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in
    *" installed") return 0 ;;
    esac
    [ "$1" = npm ] && command -v npm >/dev/null 2>&1
}

list=$(for group in "$@"; do wanted "$group"; done)
if ! command -v dpkg-query >/dev/null 2>&1; then
    command -v meson >/dev/null 2>&1 && exit 0
    echo "This is no Debian: install what stands for these packages, then run make again." >&2
    echo "$list" | sed 's/^\([^ ]*\) /  \1: /' >&2
    exit 1
fi

missing=
while read -r package why; do
    has "$package" && continue
    [ -n "$missing" ] || echo "Brindle needs packages that are not installed yet:"
    echo "  $package: $why"
    missing="$missing $package"
done <<EOT
$list
EOT
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "Neither root nor sudo: ask somebody to run apt-get install$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "Installing them with apt-get."
$sudo apt-get update -qq
# shellcheck disable=SC2086 # several packages
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
    >/dev/null
