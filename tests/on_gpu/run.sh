#!/usr/bin/env bash
# `make test-gpu` on a machine without a network: what carry.sh brought goes into a folder of its own, not among the machine's packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d .on_gpu/wheels ] || { echo "error: no .on_gpu/wheels; run tests/on_gpu/carry.sh where there is a network, and copy it here" >&2; exit 1; }
rm -rf .on_gpu/packages
python3 -m pip install --disable-pip-version-check --quiet --no-index --no-deps --target .on_gpu/packages .on_gpu/wheels/*.whl
export PYTHONPATH="$PWD/src:$PWD/.on_gpu/packages"
exec python3 -m pytest -p no:cacheprovider -v -rs tests/on_gpu "$@"
