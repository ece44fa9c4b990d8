#!/usr/bin/env bash
# tests/containers/build.sh [server|worker]...: build the images for real, without a Docker engine: buildah runs the
# Dockerfile in a chroot, over a base of our own. Then podman runs each as the compose file would: read-only, without
# capabilities, as uid 10001, without network. The server must become healthy, the worker must compile a sample.
# Needs root, some 15 GB of disk and ten minutes; `make test` does not call it.
# shellcheck disable=SC2016 # what stands in single quotes is for the shells inside
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/containers/base.sh
. tests/containers/base.sh
base_image
command -v podman >/dev/null || skip "needs podman (apt install podman crun)"

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(server worker)
options=(--network host --format docker --build-arg "BASE=$BASE")
if [ -n "${PIP_FIND_LINKS:-}" ]; then
    options+=(--volume "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro" --build-arg "FIND_LINKS=$PIP_FIND_LINKS")
fi
for target in "${targets[@]}"; do
    buildah bud "${options[@]}" --target "$target" --tag "localhost/deepmetal-$target" .
done

hardened() { # target, shell script: podman wants cgroups to be mounted, so it gets a mount namespace of its own
    unshare --mount bash -c 'mount -t cgroup2 none /sys/fs/cgroup && exec podman run "$@"' -- \
        --rm --read-only --tmpfs /tmp:size=2g,mode=1777,exec --cap-drop ALL --security-opt no-new-privileges \
        --cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --network none \
        "localhost/deepmetal-$1" bash -euc "$2"
}

for target in "${targets[@]}"; do
    case $target in
    server)
        hardened server '
            test "$(id -u)" = 10001
            python3 -c "import importlib.util as u; assert not u.find_spec(\"torch\")"
            deepmetal serve --no-worker --host 0.0.0.0 --port 8000 &
            healthy() { python3 -c "import urllib.request as u; u.urlopen(\"http://127.0.0.1:8000/api/v1/health/live\")"; }
            for _ in $(seq 60); do ! healthy 2>/dev/null || break; sleep 0.5; done
            healthy
            python3 -c "import urllib.request as u; assert b\"<div\" in u.urlopen(\"http://127.0.0.1:8000/\").read()"
            kill -TERM $!
            wait $!'
        ;;
    worker)
        hardened worker '
            test "$(id -u)" = 10001
            deepmetal doctor
            samples=$(python3 -c "import compiler.samples as s; print(s.__path__[0])")
            deepmetal compile "$samples/data/conv.pth" -o /tmp/out
            test -s /tmp/out.zip'
        ;;
    esac
    echo "$target: built, and works hardened"
done
