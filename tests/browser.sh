#!/bin/sh
# The browser that the tests of pages run in: there, or installed by Debian's packages where that can be done.
set -e
if command -v chromium > /dev/null; then exit 0; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "error: the tests of the report need Chromium; install it: sudo apt-get install chromium" >&2
  exit 1
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium
