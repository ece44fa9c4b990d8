#!/usr/bin/env bash
# tests/containers/build.sh [server|worker]...: build the images for real, without a Docker engine: buildah runs the
# Dockerfile in a chroot, over a base of our own. Then runs each image's command as its unprivileged user.
# Needs root, some 15 GB of disk and ten minutes; `make test` does not call it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/containers/base.sh
. tests/containers/base.sh
base_image

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(server worker)
options=(--network host --format docker --build-arg "BASE=$BASE")
if [ -n "${PIP_FIND_LINKS:-}" ]; then
    options+=(--volume "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro" --build-arg "FIND_LINKS=$PIP_FIND_LINKS")
fi
for target in "${targets[@]}"; do
    buildah bud "${options[@]}" --target "$target" --tag "localhost/deepmetal-$target" .
done

for target in "${targets[@]}"; do
    container=$(buildah from --pull-never "localhost/deepmetal-$target")
    inside() { buildah run "$container" -- "$@"; }
    [ "$(inside id -u)" = 10001 ]
    inside deepmetal --version
    case $target in
    server)
        inside python3 -c 'import server.main, importlib.util as u; assert not u.find_spec("torch")'
        inside python3 -c 'import server, pathlib as p; assert (p.Path(server.__file__).parent / "ui/index.html").exists()'
        ;;
    worker)
        inside deepmetal doctor
        inside python3 -c 'import worker.child, torch; print("torch", torch.__version__)'
        ;;
    esac
    buildah rm "$container" >/dev/null
    echo "$target: built, and its programs start"
done
