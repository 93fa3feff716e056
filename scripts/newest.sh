#!/usr/bin/env bash
# Runs the tests that start a player with the newest ones: mpv, ffmpeg, libplacebo and Mesa of Debian's unstable branch,
# in a folder of its own. `make test-newest` calls it; words that follow are for pytest:
#
#     scripts/newest.sh -k mpv
#
# The folder, $SHADERGEN_NEWEST_ROOT or /var/cache/shadergen/newest, takes 1.6 GB and one to four minutes the first time.
# It is made anew when it is older than a week, so that the newest stay the newest. Needs root (or sudo), and changes
# nothing of this system but that folder.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${SHADERGEN_NEWEST_ROOT:-/var/cache/shadergen/newest}
if [ "$(id -u)" != 0 ]; then
    exec sudo --preserve-env=SHADERGEN_NEWEST_ROOT,DEBIAN_MIRROR "$0" "$@"
fi

packages="mpv ffmpeg mesa-vulkan-drivers vulkan-validationlayers libegl1 libgl1 libgles2 libgl1-mesa-dri glslang-tools xvfb
    python3-click python3-hypothesis python3-jinja2 python3-moderngl python3-numpy python3-onnx python3-onnxruntime
    python3-pil python3-pytest python3-rich python3-safetensors"
stamp=$root/stamp-newest
if [ "$(cat "$stamp" 2>/dev/null)" != "$(cksum <<<"$packages")" ] || [ -n "$(find "$stamp" -mtime +7)" ]; then
    rm -rf --one-file-system "$root"
    # shellcheck disable=SC2086  # a list of words
    scripts/debian_root.sh "$root" sid $packages
    cksum <<<"$packages" >"$stamp"
fi

# shellcheck disable=SC2016  # for the shell in the namespace
exec unshare --mount -- bash -c '
    root=$0 repository=$1
    shift
    mkdir -p "$root/shadergen"
    mount --bind "$repository" "$root/shadergen"
    mount -o remount,ro,bind "$root/shadergen"
    for folder in dev proc sys; do mount --rbind "/$folder" "$root/$folder"; done
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" env -i HOME=/tmp XDG_RUNTIME_DIR=/tmp PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 \
        PYTHONPATH=/shadergen PYTHONDONTWRITEBYTECODE=1 CI="$CI" SHADERGEN_ALL_PLAYS=1 \
        SHADERGEN_REQUIRE_GPU=1 SHADERGEN_REQUIRE_LIBPLACEBO=1 SHADERGEN_REQUIRE_MPV=1 SHADERGEN_REQUIRE_GLSLANG=1 \
        sh -c "cd /shadergen && exec python3 -m pytest -p no:cacheprovider \"\$@\"" pytest "$@"
' "$root" "$PWD" -m player "$@"
