#!/bin/bash
# Real OpenStack nodes for the tests, on this machine:   eval "$(tests/lab/up.sh)"
# Starts two unless they already answer; progress goes to stderr, the line to evaluate to stdout.
#   KWS_LAB_KIT  the lab kit (default: ../shared/lab beside this repository)
#   LAB          work folder (default: in the user's cache, or /var/tmp where services of other users can't enter that)
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
KIT=${KWS_LAB_KIT:-$ROOT/../shared/lab}
NODES=2

say() { echo "$*" >&2; }

# The databases run as their own user: every folder above the work folder must let it through.
passable() {
  local folder=$1
  while [ "$folder" != / ]; do
    if [ -e "$folder" ] && [ $((0$(stat -c %a "$folder") & 1)) -eq 0 ]; then return 1; fi
    folder=$(dirname "$folder")
  done
}

work_folder() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/kws-lab/openstack
  if passable "$cache"; then echo "$cache"; else echo /var/tmp/kws-lab/openstack; fi
}

# Keystone keeps the keys of its receipts here unless told otherwise, which the kit does not do,
# and does not start without them.
receipt_keys() {
  local folder=/etc/keystone/fernet-keys number
  [ -e "$folder" ] && return
  mkdir -p "$folder"
  chmod 700 "$folder"
  for number in 0 1; do head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$folder/$number"; done
}

answers() { curl --silent --fail --max-time 3 --output /dev/null "http://127.0.$1.1:5000/v3"; }

all_answer() {
  local node
  for node in $(seq $NODES); do answers "$node" || return 1; done
}

export LAB=${LAB:-$(work_folder)}
CLOUDS=$LAB/clouds.yaml
if [ -e "$CLOUDS" ] && all_answer; then
  say "lab: $NODES nodes already answer"
else
  if [ ! -e "$KIT/openstack/lab.sh" ]; then
    say "lab: no kit at $KIT (set KWS_LAB_KIT)"
    exit 1
  fi
  say "lab: starting $NODES nodes in $LAB"
  receipt_keys
  bash "$KIT/openstack/lab.sh" up $NODES >&2
fi
echo "export OS_CLIENT_CONFIG_FILE=$CLOUDS"
