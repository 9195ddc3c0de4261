#!/bin/bash
# A real Zun with real Docker containers in node1's catalogue:   eval "$(tests/lab/up-zun.sh)"
# Starts the nodes (up.sh) and Zun unless they already answer; needs root. Progress goes to stderr, the
# lines to evaluate to stdout.
#   KWS_LAB_KIT  the lab kit, as for up.sh
#   LAB          the nodes' work folder, as for up.sh
#   ZUNLAB       Zun's work folder (default: beside LAB)
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
KIT=${KWS_LAB_KIT:-$ROOT/../shared/lab}
NODE=node1
ADDRESS=127.0.1.1

say() { echo "$*" >&2; }

answers() { curl --silent --fail --max-time 3 --noproxy '*' --output /dev/null "http://$ADDRESS:9517/"; }

# A compute service that died leaves an API that answers.
alive() { [ -e "$ZUNLAB/run/$1.pid" ] && kill -0 "$(cat "$ZUNLAB/run/$1.pid")" 2>/dev/null; }

works() { answers && alive "$NODE-compute" && alive "$NODE-kuryr" && alive dockerd; }

installed() { [ -x "$ZUNLAB/venv/bin/zun-api" ] && [ -x "$ZUNLAB/client/bin/python" ] && [ -x /usr/sbin/dockerd ]; }

NODES=$("$ROOT/tests/lab/up.sh")
eval "$NODES"
LAB=$(dirname "$OS_CLIENT_CONFIG_FILE")
export LAB ZUNLAB=${ZUNLAB:-$(dirname "$LAB")/zun}
if works; then
  say "zun: $NODE's already answers"
else
  if [ ! -e "$KIT/zun/zun.sh" ]; then
    say "zun: no kit at $KIT (set KWS_LAB_KIT)"
    exit 1
  fi
  mkdir -p "$ZUNLAB"
  if ! installed; then
    say "zun: installing in $ZUNLAB, about two minutes"
    bash "$KIT/zun/zun.sh" install >&2
  fi
  say "zun: attaching to $NODE"
  bash "$KIT/zun/zun.sh" attach "$NODE" "$LAB/keystone.env" "$ADDRESS" >&2
  works || { say "zun: it does not run; see $ZUNLAB/log"; exit 1; }
fi
echo "$NODES"
echo "export KWS_TEST_DOCKER=unix://$ZUNLAB/run/docker.sock"
