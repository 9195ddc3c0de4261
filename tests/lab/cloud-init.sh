#!/bin/bash
# cloud-init's own code of three Debian releases, for `make test-cloud-init`:   eval "$(tests/lab/cloud-init.sh)"
# Needs apt on Debian or Ubuntu; nothing is installed. The line to evaluate goes to stdout.
#   CLOUD_INIT_CACHE  where it is kept (default ~/.cache/kws-cloud-init)
set -euo pipefail
RELEASES="bullseye bookworm trixie" # cloud-init 20.4, 22.4 and 25.1
FOLDER=${CLOUD_INIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kws-cloud-init}
MIRROR=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m 1 '/debian$' || true)
[ -n "$MIRROR" ] || { echo "apt has no Debian archive in its sources" >&2 && exit 1; }

mkdir -p "$FOLDER/lists/partial" "$FOLDER/cache/archives/partial"
cd "$FOLDER"
for release in $RELEASES; do
  [ ! -d "$release" ] || continue
  echo "deb [trusted=yes] $MIRROR $release main" >sources.list
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$FOLDER/sources.list" -o Dir::Etc::sourceparts=/nonexistent
    -o "Dir::State::lists=$FOLDER/lists" -o "Dir::Cache=$FOLDER/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  "${apt[@]}" download "cloud-init/$release" >&2
  dpkg -x cloud-init_*.deb "$release.part"
  rm cloud-init_*.deb
  mv "$release.part" "$release"
done
echo "export KWS_CLOUD_INIT=$FOLDER"
