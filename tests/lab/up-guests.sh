#!/bin/bash
# The lab's node whose servers boot, for `make test-guests`:   eval "$(tests/lab/up-guests.sh)"
# Needs root; the first time takes about ten minutes. Progress goes to stderr, the line to evaluate to stdout.
#   KWS_LAB_KIT, LAB  as in up.sh
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
KIT=${KWS_LAB_KIT:-$ROOT/../shared/lab}

line=$(bash "$ROOT/tests/lab/up.sh")
eval "$line"
LAB=$(dirname "$OS_CLIENT_CONFIG_FILE")
export LAB
if ! curl --silent --fail --max-time 3 --output /dev/null http://127.0.9.1:5000/v3; then
  bash "$KIT/real/real.sh" up >&2
fi
echo "$line"
