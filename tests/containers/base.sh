# Sourced by build.sh and bare.sh: `base_image` makes $BASE, a bare Debian, unless it is there. Without a registry of
# images: mmdebstrap makes it from Debian's packages. Ends the script with status 77 and a reason where that cannot work.
# shellcheck shell=bash

export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
RELEASE=bookworm
BASE=localhost/deepmetal-base:$RELEASE

skip() { echo "skipped: $*"; exit 77; }

base_image() {
    local tool work container mirror=http://deb.debian.org
    for tool in buildah mmdebstrap; do
        command -v "$tool" >/dev/null || skip "needs $tool (apt install buildah mmdebstrap)"
    done
    [ "$(id -u)" = 0 ] || skip "needs root"
    ! buildah inspect --type image "$BASE" >/dev/null 2>&1 || return 0
    work=$(mktemp -d)
    # The certificates are this machine's, so that an authority of the network in between is known inside as well.
    mmdebstrap --quiet --variant=minbase --include=ca-certificates \
        --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' "$RELEASE" "$work/base.tar" \
        "deb $mirror/debian $RELEASE main" "deb $mirror/debian $RELEASE-updates main" \
        "deb $mirror/debian-security $RELEASE-security main"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/base.tar" / >/dev/null # unpacks it
    buildah commit --quiet --rm "$container" "$BASE" >/dev/null
    rm -r "$work"
}
