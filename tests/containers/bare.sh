#!/usr/bin/env bash
# tests/containers/bare.sh [make target]: what a newcomer does, on a bare Debian: only `make` is installed, then the
# committed state of this repository runs `make test` (or the given target). Needs root and 10 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/containers/base.sh
. tests/containers/base.sh
base_image

container=$(buildah from --pull-never "$BASE")
trap 'buildah rm "$container" >/dev/null' EXIT
git archive --format=tar --prefix=deepmetal/ HEAD >"/tmp/$container.tar"
buildah add --quiet "$container" "/tmp/$container.tar" /home >/dev/null
rm "/tmp/$container.tar"

options=(--env "CI=${CI:-}")
[ ! -d ../shared ] || options+=(--volume "$(realpath ../shared):/home/shared:ro")
[ -z "${PIP_FIND_LINKS:-}" ] || options+=(--env "PIP_FIND_LINKS=$PIP_FIND_LINKS" --volume "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro")
# shellcheck disable=SC2016 # $0 is the inner shell's
buildah run "${options[@]}" "$container" -- bash -c '
    apt-get update -qq && apt-get install -y -qq --no-install-recommends make >/dev/null
    cd /home/deepmetal && time make "$0"' "${1:-test}"
