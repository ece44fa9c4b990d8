#!/usr/bin/env bash
# tests/containers/build.sh [server|worker]...: build the images for real, without a Docker engine and without a registry
# of images: mmdebstrap makes the base that the Dockerfile's ARG BASE stands for, buildah runs the Dockerfile in a chroot.
# Then the images are run as the compose file would: read-only, as uid 10001. Ends with status 77 and a reason when a
# tool is missing or when we are not root. Needs some 8 GB of disk and ten minutes; .ci/run does not call it.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "skipped: $*"; exit 77; }
for tool in buildah mmdebstrap; do command -v "$tool" >/dev/null || skip "needs $tool (apt install buildah mmdebstrap)"; done
[ "$(id -u)" = 0 ] || skip "needs root"

export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
release=bookworm
base=localhost/deepmetal-base:$release
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(server worker)

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mmdebstrap --quiet --variant=minbase --include=ca-certificates \
        --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' "$release" "$work/base.tar"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/base.tar" / # unpacks it
    buildah commit --quiet --rm "$container" "$base"
fi

options=(--network host --layers --build-arg "BASE=$base")
if [ -n "${PIP_FIND_LINKS:-}" ]; then
    options+=(--volume "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro" --build-arg "FIND_LINKS=$PIP_FIND_LINKS")
fi
for target in "${targets[@]}"; do
    buildah bud --quiet "${options[@]}" --target "$target" --tag "localhost/deepmetal-$target" .
done

for target in "${targets[@]}"; do
    container=$(buildah from --pull-never "localhost/deepmetal-$target")
    echo "--- $target"
    buildah run "$container" -- id -u
    buildah run "$container" -- deepmetal --help >/dev/null
    case $target in
    server) buildah run "$container" -- python3 -c 'import server.main; import importlib.util as u; assert not u.find_spec("torch")' ;;
    worker) buildah run "$container" -- deepmetal doctor ;;
    esac
    buildah rm "$container" >/dev/null
done
echo "built and run: ${targets[*]}"
