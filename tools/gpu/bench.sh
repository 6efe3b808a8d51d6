#!/usr/bin/env bash
# Everything that is to be measured on a real GPU, in one command, in a built checkout (npm ci, npm run build):
#   bash tools/gpu/bench.sh OUTPUT_FOLDER
# First the suite, because a figure of something wrong is worth nothing; then doctor, kernels, an LTX 2B layer at the
# token counts of 3,570, 8,160, 25,200 and 57,600, the decoder, a training step, and mini from end to end.
set -uo pipefail
out="${1:?where the figures go}"
mkdir -p "$out"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
cli=dist/cli/main.js
bench() { node "$cli" bench --device webgpu --rounds 3 --reps 5 -o "$out/$1.json" "${@:2}" || echo "failed: $1"; }

node "$cli" doctor --json > "$out/doctor.json" || exit 1
npx vitest run src/runtimes src/cli/webgpu.test.ts 2>&1 | tee "$out/tests.txt" | tail -5
bench matmul --case matmul
bench matmul-25200 --case matmul --shape 25200,2048,8192
bench attention --case attention
bench attention-25200 --case attention --shape 1,32,25200,64
bench conv3d --case conv3d
bench block-3570 --case block --shape 1,7,17,30,128
bench block-8160 --case block --shape 1,4,34,60,128
bench block-25200 --case block --shape 1,7,45,80,128
bench block-57600 --case block --shape 1,16,45,80,128
bench decode --case vae-decode
bench training --case train-transformer,train-vae
node "$cli" generate "a red ball moving left" --device webgpu --seed 5 --json -o "$out/mini.mp4" > "$out/mini.json"
ls -l "$out"
