#!/usr/bin/env bash
# What `make test-gpu` needs, for a machine without a network that has torch, transformers, accelerate, pandas, pyarrow and sympy:
#   tests/on_gpu/carry.sh [VERSION OF PYTHON THERE]      fills .on_gpu/wheels, of what .venv holds
# Then copy the checkout, with .on_gpu, and start tests/on_gpu/run.sh there.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
version="${1:-$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')}"
limit=64 # MiB

rm -rf .on_gpu
mkdir -p .on_gpu/wheels
# The closure of what the tests import, without that of what is there. pydantic and its own are carried in any case: which
# of the libraries there needs it changes with their versions.
$python - <<'END' | xargs $python -m pip download --disable-pip-version-check --quiet --constraint constraints.txt \
    --no-deps --only-binary :all: --python-version "$version" --dest .on_gpu/wheels
from importlib.metadata import PackageNotFoundError, requires
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

def closure(*names):
    found, todo = set(), [(name, "") for name in names]
    while todo:
        name, extra = asked = todo.pop()
        if asked in found:
            continue
        try:
            needs = map(Requirement, requires(name) or [])
        except PackageNotFoundError:  # for another platform, or in torch's case for CUDA
            continue
        found.add(asked)
        for need in needs:
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(need.name), one) for one in ("", *need.extras)]
    return {name for name, _ in found}

there = closure("torch", "transformers", "accelerate", "pandas", "pyarrow", "sympy") - closure("pydantic", "typer")
print(*sorted(closure("trl", "datasets", "math-verify", "pandera", "pydantic", "typer", "pytest", "pytest-timeout") - there))
END
size=$(du -sm .on_gpu/wheels | cut -f1)
echo "$(ls .on_gpu/wheels | wc -l) wheels for Python $version in .on_gpu/wheels, $size MiB"
if [ "$size" -gt "$limit" ]; then
    echo "error: more than $limit MiB; see which wheel is large (du -h .on_gpu/wheels/*) and whether tests/on_gpu needs it" >&2
    exit 1
fi
