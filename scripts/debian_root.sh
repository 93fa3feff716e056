#!/usr/bin/env bash
# Makes a folder with a small Debian in it, for what this system's packages are too old for:
#
#     scripts/debian_root.sh FOLDER SUITE PACKAGE...
#
# SUITE is trixie, sid, ... Run again, it adds the packages that are missing; what is there already keeps its version.
# The packages come from $DEBIAN_MIRROR, else from where this system's own come from if it is a Debian, else from
# deb.debian.org. Needs root.
set -euo pipefail

root=${1:?usage: scripts/debian_root.sh FOLDER SUITE PACKAGE...}
suite=${2:?usage: scripts/debian_root.sh FOLDER SUITE PACKAGE...}
shift 2

say() { printf 'debian_root: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "failed: $*"; }; }

# The first mirror of /etc/apt that has all suites: those of security updates have no more than that.
own_mirror() {
    grep -q '^ID=debian' /etc/os-release 2>/dev/null || return 0
    cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' | head -n 1 || true
}

[ "$(id -u)" = 0 ] || fail "found user $(id -un), expected root: debootstrap and chroot need it"
mirror=${DEBIAN_MIRROR:-$(own_mirror)}
mirror=${mirror:-http://deb.debian.org/debian}
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || fail "found no debootstrap, expected it; install debootstrap"
    say "installing debootstrap"
    quietly apt-get update
    quietly apt-get install -y --no-install-recommends debootstrap debian-archive-keyring
fi

# A mount namespace of its own: nothing stays mounted, however this ends.
inside() {
    unshare --mount -- bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
        env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

if [ ! -e "$root/etc/debian_version" ] || [ -d "$root/debootstrap" ]; then # the folder stays where it was interrupted
    say "installing Debian $suite into $root from $mirror"
    mkdir -p "$root"
    quietly debootstrap --variant=minbase "$suite" "$root" "$mirror"
    # Nobody boots this system: what would have to be synced, unpacked for reading or kept for reinstalling is not.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/no-docs"
fi
say "installing $*"
packages() { inside apt-get install -y --no-install-recommends "$@"; }
# The package lists are debootstrap's; where they are of another day, packages are missing.
packages "$@" >"$log" 2>&1 || { quietly inside apt-get update && quietly packages "$@"; }
