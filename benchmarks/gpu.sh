#!/usr/bin/env bash
# Check and time the Triton kernels on this machine's GPU; writes docs/benchmarks/gpu.md.
# Usage: benchmarks/gpu.sh [FOLDER]
#   FOLDER   for the environment and logs; a new temporary one if left out
# A Python that has torch with CUDA, triton and pytest is used as it is; PYTHON names another one.
# Otherwise an environment is made and torch installed from the package index: gigabytes.
# Peers (mamba-ssm, causal-conv1d, flash-linear-attention, mlstm_kernels) are timed beside ours
# where somebody has installed them into that Python.
set -euo pipefail
cd "$(dirname "$0")/.."
root="$PWD"
folder="${1:-$(mktemp -d)}"
mkdir -p "$folder"
PYTHON="${PYTHON:-$(command -v python3.11 || command -v python3)}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
export TRITON_CACHE_DIR="${TRITON_CACHE_DIR:-$folder/cache}"

has() { "$PYTHON" -c "import $1" 2>/dev/null; }

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --list-gpus 2>/dev/null | grep -q GPU; then
    echo "This machine has no NVIDIA GPU: only what the benchmark is made of is checked."
    "$PYTHON" benchmarks/gpu_kernels.py --dry-run
    exit 0
fi
if ! has torch,triton,pytest,numpy || ! "$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo "Installing torch for CUDA into $folder/venv ..."
    "$PYTHON" -m venv "$folder/venv"
    PYTHON="$folder/venv/bin/python"
    "$PYTHON" -m pip --disable-pip-version-check install --quiet torch numpy pytest
fi

# One process for each op: most of the time goes into compiling.
ops=(scan ssd mlstm slstm convolution)
pids=()
for op in "${ops[@]}"; do
    timeout 270 "$PYTHON" -m pytest -q -p no:cacheprovider -k "test_$op" \
        tests/biosequence/kernels/triton_cases.py >"$folder/$op.log" 2>&1 &
    pids+=($!)
done
failed=()
for number in "${!ops[@]}"; do
    wait "${pids[$number]}" || failed+=("${ops[$number]}")
    echo "${ops[$number]}: $(tail -n 1 "$folder/${ops[$number]}.log")"
done
# Figures of a kernel that is wrong mean nothing: they are marked.
"$PYTHON" benchmarks/gpu_kernels.py --output docs/benchmarks/gpu.md --seconds 180 \
    --failed "${failed[*]:-}"
if [ "${#failed[@]}" -gt 0 ]; then
    for op in "${failed[@]}"; do tail -n 40 "$folder/$op.log"; done
    echo "error: wrong results: ${failed[*]}" >&2
    exit 1
fi
