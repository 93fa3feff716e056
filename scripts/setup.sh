#!/usr/bin/env bash
# Sets up what `make demo` (setup.sh demo) or `make test` (setup.sh test) needs, and does nothing when it is all there:
# Python >= 3.11, .venv with this package, an OpenGL driver; for the tests also development tools and, so that fewer of
# them skip, ffmpeg with a Vulkan driver, mpv with an X server that needs no screen, glslang, spirv-cross and a headless
# Chromium. Remove .venv (`make clean`) to start over.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?usage: scripts/setup.sh demo|test}
venv=.venv
python=$venv/bin/python

say() { printf 'setup: %s\n' "$*" >&2; }

if command -v apt-get >/dev/null; then
    manager=apt-get
    gl_packages="libegl1 libgl1 libgl1-mesa-dri"
    player_packages="ffmpeg mesa-vulkan-drivers"
    mpv_packages="mpv xvfb"
    glslang_packages="glslang-tools"
elif command -v dnf >/dev/null; then
    manager=dnf
    gl_packages="mesa-libEGL mesa-libGL mesa-dri-drivers"
    player_packages="ffmpeg-free mesa-vulkan-drivers"
    mpv_packages="mpv xorg-x11-server-Xvfb"
    glslang_packages="glslang"
else
    manager=
    gl_packages="Mesa's OpenGL and EGL"
    player_packages="ffmpeg with libplacebo, and Mesa's Vulkan driver"
    mpv_packages="mpv and Xvfb"
    glslang_packages="glslang"
fi

# Whether this user may install packages, and with what in front.
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    manager_denied=1
fi

by_hand() {
    if [ -n "$manager" ]; then echo "sudo $manager install $*"; else echo "install $*"; fi
}

# install PACKAGE...: through the system's package manager; 1, having said the command to run, where that cannot be.
install() {
    if [ -z "$manager" ] || [ -n "${manager_denied-}" ]; then
        say "may not install packages here; run: $(by_hand "$@")"
        return 1
    fi
    say "installing $* ($manager)"
    # Package lists may be missing (containers) or out of date, so a first failure is worth an update.
    case $manager in
    apt-get) apt_install "$@" || { "${as_root[@]}" apt-get update -qq && apt_install "$@"; } ;;
    dnf) "${as_root[@]}" dnf install -y -q "$@" ;;
    esac >/dev/null 2>"$log" && return
    tail -n 3 "$log" >&2
    say "$manager could not install $*; run: $(by_hand "$@")"
    return 1
}

apt_install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# --- Python and the virtual environment

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local system version
    if ! command -v python3 >/dev/null; then
        install python3 || exit 1
    fi
    if ! system=$(find_python); then
        say "found $(python3 --version), expected Python >= 3.11; install a newer one, for example: $(by_hand python3.12)"
        exit 1
    fi
    if ! "$system" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$system" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        case $manager in
        dnf) install python3-pip || exit 1 ;;
        *) install "python$version-venv" || exit 1 ;;
        esac
    fi
    say "making $venv with $("$system" --version)"
    "$system" -m venv --clear "$venv"
}

# A stamp holds the checksum of pyproject.toml that it was made from.
stamped() { [ -f "$venv/stamp-$1" ] && [ "$(cat "$venv/stamp-$1")" = "$(cksum <pyproject.toml)" ]; }
stamp() { cksum <pyproject.toml >"$venv/stamp-$1"; }

new_enough "$python" || make_venv

if [ "$kind" = test ] && ! stamped dev; then
    say "installing the package and its development tools into $venv"
    "$python" -m pip install -qq --editable '.[dev]'
    stamp dev
elif ! stamped dev && ! stamped package; then
    say "installing the package into $venv"
    "$python" -m pip install -qq --editable .
    stamp package
fi

# --- What Python cannot install

have_gl() { "$python" -c 'from shadergen.runtime import context; context.open_context().release()' 2>"$log"; }
have_browser() {
    local name
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    return 1
}
have_player() { "$python" -c 'import sys; from shadergen.runtime import libplacebo as l; sys.exit(l.unavailable())'; }

if ! stamped gl; then
    if ! have_gl; then
        # shellcheck disable=SC2086  # a list of words
        install $gl_packages || true
    fi
    if have_gl; then
        stamp gl
    else
        tail -n 1 "$log" >&2
        say "found no working OpenGL: shaders are built, but not run"
    fi
fi

if [ "$kind" = test ] && ! stamped extras; then
    extras=
    have_player 2>/dev/null || extras=$player_packages
    command -v glslangValidator >/dev/null || command -v glslang >/dev/null || extras="$extras $glslang_packages"
    { command -v mpv && command -v Xvfb; } >/dev/null || extras="$extras $mpv_packages"
    # Installed but not working (an ffmpeg without libplacebo, say) is not tried again.
    # shellcheck disable=SC2086  # a list of words
    if [ -z "$extras" ] || install $extras; then
        stamp extras
        have_player || say "tests of the real libplacebo will skip"
    else
        say "the tests that need them will skip"
    fi
    # By themselves: not every distribution has them, and their few tests are the least that may skip.
    command -v spirv-cross >/dev/null || install spirv-cross || true
    command -v spirv-opt >/dev/null || install spirv-tools || true
    have_browser || install chromium-headless-shell || true
fi
