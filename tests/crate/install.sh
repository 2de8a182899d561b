#!/usr/bin/env bash
# The validator of RO-Crates for tests/workflow/test_manifests.py, in .venv-crate: it wants an older rich than the library's.
# Made once for each state of the pins.
#
# It takes the words of RO-Crate 1.1 from the network; here, out of the cache that it has for that, filled from the release of
# rocrate that brings them.
set -euo pipefail
cd "$(dirname "$0")/../.."
pins="$(sha256sum <tests/crate/install.sh)"
[ "$(cat .venv-crate/installed 2>/dev/null)" = "$pins" ] && exit

rm -rf .venv-crate
"${PYTHON:-python3}" -m venv .venv-crate
.venv-crate/bin/python -m pip --disable-pip-version-check install --quiet roc-validator==0.13.0 rocrate==0.13.0
.venv-crate/bin/python - <<'EOF'
from importlib.resources import files

import requests
from requests_cache import CachedResponse, CachedSession

ADDRESS = "https://w3id.org/ro/crate/1.1/context"
session = CachedSession(".venv-crate/contexts", backend="sqlite", expire_after=-1)
words = (files("rocrate") / "data/ro-crate.jsonld").read_bytes()
key = session.cache.create_key(requests.Request("GET", ADDRESS))
kind = {"Content-Type": "application/ld+json"}
session.cache.responses[key] = CachedResponse(url=ADDRESS, status_code=200, content=words, headers=kind)
assert "@context" in session.get(ADDRESS, only_if_cached=True).json()
EOF
echo "$pins" >.venv-crate/installed
