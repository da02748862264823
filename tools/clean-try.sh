#!/bin/bash
# Tries the README in a Debian 12 that has nothing: clean-try.sh DIRECTORY [COMMAND...]
# Makes a minimal Debian below DIRECTORY with debootstrap (when there is none yet), puts a clone of the last commit into
# it, and runs there, as root, what the README says has to be there first, then COMMANDs, by default the README's own
# two. Needs root, debootstrap and a network. DIRECTORY stays, for a second look: remove it by hand.
set -euo pipefail
source_root=$(cd "$(dirname "$0")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}

if [[ $# -lt 1 || $1 == --help ]]; then
    echo "usage: tools/clean-try.sh DIRECTORY [COMMAND...]" >&2
    exit 2
fi
mkdir -p "$1"
root=$(cd "$1" && pwd)/root
shift

# readme_block N: the commands of the README's Nth block
readme_block()
{
    awk -v wanted="$1" '/^```sh$/ { n++; inside = n == wanted; next } /^```/ { inside = 0 } inside' "$source_root/README.md" |
        sed 's/ *# .*//'
}

if [[ ! -e $root/etc/debian_version ]]; then
    debootstrap --variant=minbase bookworm "$root" "$mirror"
fi
rm -rf "$root/root/hinomi"
git clone --quiet --depth 1 "file://$source_root" "$root/root/hinomi"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Proxies and their certificate authorities are the network's, not the machine's.
if [[ -n ${EXTRA_CA:-} ]]; then
    install -D -m 644 "$EXTRA_CA" "$root/usr/local/share/ca-certificates/extra.crt"
fi

commands=("$@")
if [[ ${#commands[@]} -eq 0 ]]; then
    mapfile -t commands < <(readme_block 2)
fi
{
    echo "set -ex"
    readme_block 1 | grep -v '^git clone\|^cd '
    [[ -z ${EXTRA_CA:-} ]] || echo "update-ca-certificates"
    echo "cd /root/hinomi"
    printf '%s\n' "${commands[@]}"
} >"$root/root/try.sh"
cat "$root/root/try.sh"

# Namespaces of its own, so that nothing that a test leaves behind outlives it; its control groups are the machine's.
exec unshare --mount --pid --fork --kill-child bash -euc '
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LC_ALL=C.UTF-8 \
    bash /root/try.sh </dev/null' bash "$root"
