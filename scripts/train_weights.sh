#!/bin/sh
# Trains the weights of this project: scripts/train_weights.sh KIND ARCH STEPS PICTURES OUTPUT [more options of train].
# KIND is neutral, ds or chroma. PICTURES is a folder with a subfolder per source, as weights/README.md lists them.
# Sources under the GPL and CC-BY-SA are left out, and of taisei's the figures that stand before such a picture: the
# weights are to be MIT.
set -eu
kind=$1 arch=$2 steps=$3 pictures=$4 output=$5
shift 5
often='*-photos/*=12,met-nasa/*=6,taisei/*=20,peppercarrot/*=10,sachi/*=15,gdquest/*=10,crawl-titles/*=4,procedural/*=2'
case $kind in
neutral)
	# Vector drawings seldom, and of them the smaller network has fewer: docs/training.md has what each mixture gives.
	often='*-photos/*=14,pexels-cc0/*=14,met-nasa/*=6,gdquest/*=15,crawl-titles/*=4'
	case $arch in
	*C8F32*)
		often='*-photos/*=18,pexels-cc0/*=18,met-nasa/*=9,gdquest/*=15,crawl-titles/*=4,taisei/*=25,peppercarrot/*=15'
		often="$often,sachi/*=20,procedural/*=1.6,openclipart/*=1,dicebear/*=1,gophers/*=0.9,tenniel/*=0.9" ;;
	*F12*|*F8*) often="$often,taisei/*=25,peppercarrot/*=15,sachi/*=20,procedural/*=2,openclipart/*=1.5,dicebear/*=1.5,gophers/*=1.2,tenniel/*=0.9" ;;
	*C4F32*) often="$often,taisei/*=25,peppercarrot/*=15,sachi/*=20,procedural/*=1.2,openclipart/*=0.6,dicebear/*=0.6,gophers/*=0.6,tenniel/*=0.6" ;;
	*) often="$often,taisei/*=30,peppercarrot/*=20,sachi/*=25,procedural/*=0.4,openclipart/*=0.15,dicebear/*=0.2,gophers/*=0.2,tenniel/*=0.3" ;;
	esac
	set -- --plane luma --degradation neutral --patch 48 --downscale box=0.94,bicubic=0.02,lanczos=0.02,linear=0.02 \
		--range full8=0.6,limited8=0.2,limited10=0.2 --flats 0.03 "$@" ;;
ds)
	set -- --plane luma --degradation ds --patch 48 --downscale box=0.85,bicubic=0.08,lanczos=0.07 \
		--range limited8=0.5,limited10=0.2,full8=0.3 --clean 0.3 \
		--clean-downscale box=0.2,bicubic=0.55,lanczos=0.25 --flats 0.03 "$@" ;;
chroma)
	# A network by name needs --guide as well (docs/chroma.md); a file has it or not.
	# With half of the patches made small by bicubic and Lanczos, line art has 0.1 to 0.2 dB less (docs/chroma.md).
	set -- --plane chroma --patch 96 --downscale box=0.8,bicubic=0.1,lanczos=0.1 \
		--range limited8=0.6,limited10=0.4 --flats 0.03 "$@" ;;
*)
	echo "$0: found kind $kind, expected neutral, ds or chroma" >&2
	exit 2 ;;
esac
# Elsewhere it is emulated, at seven times the time of fp32 (docs/training.md).
precision=fp32
if grep -qw avx512_bf16 /proc/cpuinfo || command -v nvidia-smi >/dev/null; then precision=bf16; fi
exec python -m shadergen train --arch "$arch" --steps "$steps" --data "$pictures" -o "$output" --licence MIT \
	--optimiser soap --loss psnr --rate 3e-3 --batch 16 --precision "$precision" --threads 1 \
	--soften '*-photos/*=0.5' --weight "$often" \
	--exclude 'wesnoth/*' --exclude 'hedgewars/*' --exclude 'supertux/*' --exclude 'plasma-*' --exclude 'mate-photos/*' \
	--exclude 'gcompris/*' --exclude 'pop-kate-hazen/*' \
	--exclude 'taisei/0[234679]*' --exclude 'taisei/1[013469]*' --exclude 'taisei/2[0124567]*' \
	--exclude 'taisei/3[02]*' --exclude 'taisei/scene[2357]*' \
	"$@"
