#!/usr/bin/env bash
# Makes a folder with a small Debian whose Mesa compiles for AMD's, NVIDIA's and Intel's GPUs without any, for
# `shadergen cost --root FOLDER` (docs/cost.md):
#
#     sudo scripts/vulkan_root.sh FOLDER [SUITE]
#
# SUITE is trixie (default: Mesa 25.0, which takes RADV_FORCE_FAMILY) or a newer one, for its NVK and ANV: from 26.2 on
# RADV wants a shim, too. About 1.5 GB and a few minutes; run again, it goes on where it stopped. The no-op shims that
# stand in for the kernels of NVIDIA and Intel are built from Debian's source of Mesa.
set -euo pipefail

root=${1:?usage: scripts/vulkan_root.sh FOLDER [SUITE]}
suite=${2:-trixie}

say() { printf 'vulkan_root: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "failed: $*"; }; }

"$(dirname "$0")/debian_root.sh" "$root" "$suite" mesa-vulkan-drivers libvulkan1 python3
[ -e "$root/proc/self" ] || mount -t proc proc "$root/proc"
trap 'rm -f "$log"; umount "$root/proc" 2>/dev/null || true' EXIT

lib=$root/usr/local/lib
if [ -e "$lib/libnouveau_noop_drm_shim.so" ] && [ -e "$lib/libintel_noop_drm_shim.so" ]; then
    say "the shims are there"
    exit
fi

say "building the shims"
sed 's/^deb /deb-src /' "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/source.list"
quietly inside apt-get update
quietly inside apt-get install -y --no-install-recommends dpkg-dev meson ninja-build bison flex gcc g++ pkgconf \
    python3-mako python3-packaging python3-yaml libdrm-dev zlib1g-dev libexpat1-dev libzstd-dev libudev-dev libelf-dev \
    libxml2-dev glslang-tools spirv-tools
cat >"$root/var/tmp/shims.sh" <<'BUILD'
set -e
mkdir -p /var/tmp/mesa && cd /var/tmp/mesa
ls -d mesa-*/ >/dev/null 2>&1 || apt-get source mesa
cd mesa-*/
# Of all of Mesa the two libraries and what they are made of: no driver, no window system, no LLVM.
off=disabled
[ -e ../build/build.ninja ] || meson setup ../build --buildtype=release -Dtools=drm-shim,intel -Dvulkan-drivers= \
    -Dgallium-drivers=nouveau,crocus -Dplatforms= -Dglx=$off -Degl=$off -Dgbm=$off -Dgles1=$off -Dgles2=$off \
    -Dopengl=true -Dllvm=$off -Dvalgrind=$off -Dlibunwind=$off -Dshader-cache=$off -Dgallium-va=$off -Dvideo-codecs=
ninja -C ../build src/nouveau/drm-shim/libnouveau_noop_drm_shim.so src/intel/tools/libintel_noop_drm_shim.so
install -m 755 ../build/src/nouveau/drm-shim/libnouveau_noop_drm_shim.so /usr/local/lib/
install -m 755 ../build/src/intel/tools/libintel_noop_drm_shim.so /usr/local/lib/
BUILD
quietly inside bash /var/tmp/shims.sh
say "done: SHADERGEN_VULKAN_ROOT=$root"
