#!/bin/sh
# box.sh KIND WORK BIND... -- COMMAND...
#
# Runs a command as root where it can do no harm: mount, network and IPC namespaces of its own, and an overlay
# over this machine's root with the fixture's files in it. WORK holds the fixture (lower/; more in
# BOX_MORE) and has room for a mount (root/) and for the name of the box's network namespace; each BIND, a folder, is visible under its own path.
#
#   host       the overlay becomes the root of the mount namespace; the control group stays
#   container  the overlay becomes a container's root: COMMAND starts it (WORK/bundle), outside of it
#
# 203.0.113.7 and 169.254.169.254 are addresses of the network namespace's own loopback.
set -eu

kind=$1 work=$2
shift 2

if [ "${BOXED:-}" != 1 ]; then
    exec env BOXED=1 unshare --mount --net --ipc --propagation private -- "$0" "$kind" "$work" "$@"
fi
unset BOXED
readlink /proc/self/ns/net >"$work/namespace"

ip link set lo up
ip address add 203.0.113.7/32 dev lo
ip address add 169.254.169.254/32 dev lo

mount -t tmpfs -o mode=755 box "$work/root"
root=$work/root/merged
mkdir "$work/root/upper" "$work/root/work" "$root"
cp -a "$work/lower/." "$work/root/upper"
[ -z "${BOX_MORE:-}" ] || cp -a "$BOX_MORE/." "$work/root/upper"
mount -t overlay -o "lowerdir=/,upperdir=$work/root/upper,workdir=$work/root/work" box "$root"

if [ "$kind" = host ]; then
    mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for name in null zero full random urandom tty userfaultfd; do
        [ -e "/dev/$name" ] || continue
        : >"$root/dev/$name"
        mount --bind "/dev/$name" "$root/dev/$name"
    done
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount --bind /dev/pts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    mount -t tmpfs -o mode=1777 tmp "$root/tmp"
    cp -p "$work/lower/tmp/boxed" "$root/tmp/boxed"
fi

while [ "$1" != -- ]; do
    if [ "$kind" = host ]; then
        mkdir -p "$root$1"
        mount --bind "$1" "$root$1"
    fi
    shift
done
shift

if [ "$kind" = host ]; then
    mkdir -p "$root/.outside"
    cd "$root"
    pivot_root . .outside
    umount -l /.outside
    rmdir /.outside
fi
exec "$@"
