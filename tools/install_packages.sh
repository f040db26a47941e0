#!/bin/bash
# Install what it takes to build and try Valise on Debian 12 or later, with --tests also what its tests need. Does
# nothing where all of it is there. No service is started and no database cluster is made.
set -euo pipefail

packages=(
    # build
    gcc libc6-dev meson ninja-build pkg-config
    libsqlite3-dev libpq-dev libzstd-dev libxxhash-dev libssl-dev libyaml-dev libcmocka-dev libncurses-dev lowdown
    # tools/quickstart; python3-dev and -venv for a Synapse from PyPI
    postgresql zstd git ca-certificates python3 python3-dev python3-venv python3-psycopg2
)
for_tests=(
    pgbouncer sqlite3 python3-pytest python3-pytest-xdist python3-yaml python3-xxhash python3-zstandard
    tmux strace locales shellcheck clang-format-14 mandoc man-db zsh fish
)
seldom=clang-format-14   # not in every release; the test that needs it says SKIP
case ${1:-} in
    --tests) packages+=("${for_tests[@]}") ;;
    "") ;;
    *) echo "install_packages.sh: unknown option $1; there is only --tests" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
        installed) ;;
        *) missing+=("$package") ;;
    esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

can_be_had() {
    apt-cache show "$1" > /dev/null 2>&1
}

if [ "${missing[*]}" = "$seldom" ] && ! can_be_had "$seldom"; then
    exit 0
fi

die() {
    echo "install_packages.sh: $*" >&2
    exit 1
}

command -v apt-get >/dev/null || die "not a Debian system; install what corresponds to: ${packages[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; ask for these packages: ${missing[*]}"
    as_root=(sudo)
fi

log=$(mktemp)
settings=/etc/postgresql-common/createcluster.conf
has_changed_settings=""

policy=/usr/sbin/policy-rc.d
has_made_policy=""

cleanup() {  # called by the trap
    [ -z "$has_made_policy" ] || "${as_root[@]}" rm -f "$policy"
    [ -z "$has_changed_settings" ] || "${as_root[@]}" mv -f "$settings.valise" "$settings"
    rm -f "$log"
}
trap cleanup EXIT

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0 "$@" \
        < /dev/null > "$log" 2>&1 || { cat "$log" >&2; die "apt-get $1 failed"; }
}

echo "Installing ${#missing[@]} packages: ${missing[*]}"
apt update
wanted=()
for package in "${missing[@]}"; do
    if [ "$package" != "$seldom" ] || can_be_had "$seldom"; then
        wanted+=("$package")
    fi
done
case " ${missing[*]} " in
    *" postgresql "*)   # Debian's package would make a cluster and start it
        apt install --no-install-recommends postgresql-common
        "${as_root[@]}" cp -p "$settings" "$settings.valise"
        has_changed_settings=yes
        "${as_root[@]}" sed -i 's/^#*create_main_cluster *=.*/create_main_cluster = false/' "$settings" ;;
esac
if [ ! -e "$policy" ]; then   # asked before a package starts its service
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
    has_made_policy=yes
    "${as_root[@]}" chmod 755 "$policy"
fi
apt install --no-install-recommends "${wanted[@]}"
case " ${missing[*]} " in
    *" pgbouncer "*)   # nor at the next start of the system
        "${as_root[@]}" update-rc.d pgbouncer disable > /dev/null 2>&1 || true ;;
esac
