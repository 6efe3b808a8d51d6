#!/usr/bin/env bash
# Everything that is to be measured on a real GPU, in one command, in a built checkout (npm ci, npm run build):
#   bash tools/gpu/bench.sh OUTPUT_FOLDER [PYTHON]
# First the suite, because a figure of something wrong is worth nothing; then doctor, kernels, an LTX 2B layer at the
# token counts of 3,570, 8,160, 25,200 and 57,600 (in f32, and in f16 on the card's matrix units), the decoder, a training step, and mini
# from end to end. Doctor finds the peaks first: copies, and matrix units by a loop in registers. Each case in turn with
# ONNX Runtime's own WebGPU provider and, where PYTHON is an interpreter with torch and diffusers, with PyTorch (bf16 and
# torch.compile on CUDA). Reports are gathered in OUTPUT_FOLDER/results.json, in the form of bench/results.
# TINY=1 rehearses it with the smallest sizes.
set -uo pipefail
out="${1:?where the figures go}"
python="${2:-}"
mkdir -p "$out/cases"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
cli=dist/cli/main.js
[ -e "$cli" ] || { echo "build first: npm ci && npm run build"; exit 1; }

against=(onnxruntime)
if [ -z "$python" ]; then
  echo "without PyTorch: no interpreter was named"
elif "$python" -c "import torch, diffusers" 2> /dev/null; then
  against+=(python)
else
  echo "without PyTorch: $python lacks torch or diffusers (tools/parity/requirements.txt)"
fi

# bench NAME CASE [SHAPE [PRECISION]]
bench() {
  local size=(--rounds 3 --reps 5 ${3:+--shape "$3"})
  [ -n "${TINY:-}" ] && size=(--rounds 1 --reps 1 --tiny)
  local ours=(node "$cli" bench --device webgpu --precision "${4:-f32}" --case "$2" "${size[@]}" -o "$out/cases/$1.json")
  "${ours[@]}" --against "${against[@]}" ${python:+--python "$python"} ||
    { echo "$1 once more, with nothing beside it" && "${ours[@]}"; } || echo "failed: $1"
}

node "$cli" doctor --json > "$out/doctor.json" || exit 1
[ -n "${TINY:-}" ] || npx vitest run src/runtimes src/cli/webgpu.test.ts 2>&1 | tee "$out/tests.txt" | tail -5
bench matmul matmul
bench matmul-25200 matmul 25200,2048,8192
bench matmul-f16 matmul "" f16
bench matmul-f16-25200 matmul 25200,2048,8192 f16
bench matmul-w8a8 matmul-w8a8
bench matmul-w8a8-25200 matmul-w8a8 25200,2048,8192
bench attention attention
bench attention-25200 attention 1,32,25200,64
bench attention-f16 attention "" f16
bench attention-f16-25200 attention 1,32,25200,64 f16
bench attention-training attention-training
bench attention-training-14400 attention-training 1,32,14400,64
bench conv3d conv3d
bench conv3d-f16 conv3d "" f16
bench block-3570 block 1,7,17,30,128
bench block-8160 block 1,4,34,60,128
bench block-25200 block 1,7,45,80,128
bench block-57600 block 1,16,45,80,128
bench block-f16-3570 block 1,7,17,30,128 f16
bench block-f16-8160 block 1,4,34,60,128 f16
bench block-f16-25200 block 1,7,45,80,128 f16
bench block-f16-57600 block 1,16,45,80,128 f16
bench block-w8a8-25200 block-w8a8 1,7,45,80,128
bench decode vae-decode
bench decode-f16 vae-decode "" f16
bench train-transformer train-transformer
bench train-vae train-vae
mini=(--seed 5 --device webgpu --force --json -o "$out/mini.mp4")
[ -n "${TINY:-}" ] && mini+=(--size 128x96 --frames 9 --steps 2)
node "$cli" generate "a red ball moving left" "${mini[@]}" > "$out/mini.json" || echo "failed: mini"
node tools/gpu/gather.js "$out"
