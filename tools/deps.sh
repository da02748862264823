#!/bin/bash
# Installs what is missing of the Debian packages that a task needs: deps.sh GROUP...
# Groups: build test bench screenshots demo lint fuzz cover. Quick and silent when all is there; sudo only when not root.
set -eu

# Who has node and npm from elsewhere keeps them: their packages exclude Debian's.
packages()
{
    case $1 in
    build) echo gcc g++ make meson ninja-build pkg-config python3 libyaml-dev libjson-c-dev \
        libre2-dev zlib1g-dev libisal-dev libssl-dev libmicrohttpd-dev libgnutls28-dev musl-tools \
        libsqlite3-dev \
        libcurl4-openssl-dev libcmocka-dev \
        libsodium-dev libzstd-dev libarchive-dev \
        $(command -v node >/dev/null || echo nodejs) $(command -v npm >/dev/null || echo npm) ;;
    # What the scenarios run, and the programs that must not notice that they are watched.
    test) echo sysdig gzip runc iproute2 util-linux busybox-static netcat-traditional socat curl \
        wget rsync sudo openssh-client openssh-server podman-docker gdb strace golang \
        default-jdk-headless nodejs postgresql nginx-light redis-server bubblewrap procps bash \
        make gcc redis-tools dnsmasq-base faketime \
        python3-botocore python3-yaml python3-aiosmtpd chromium fonts-noto-cjk openssl ;;
    bench) echo podman runc util-linux busybox-static nginx-light wrk redis-server redis-tools postgresql python3-flask \
        gunicorn make gcc $(command -v node >/dev/null || echo nodejs) ;;
    screenshots) echo pngquant ;;
    demo) echo runc busybox-static iproute2 util-linux dnsmasq-base python3-aiosmtpd musl-tools ;;
    lint) echo clang-14 clang-format clang-tidy cppcheck universal-ctags ;;
    fuzz) echo clang-14 libclang-rt-14-dev ;;
    cover) echo gcovr ;;
    *) echo "tools/deps.sh: no group '$1'; there are build, test, bench, screenshots, demo, lint, fuzz, cover" >&2; return 1 ;;
    esac
}

wanted=()
for group in "${@:-build}"; do
    list=$(packages "$group")
    read -ra more <<<"$list"
    wanted+=("${more[@]}")
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "tools/deps.sh: not a Debian system; going on, but these have to be there: ${wanted[*]}" >&2
    exit 0
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
    awk '$2 == "installed" { print $1 }' | tr '\n' ' ') || true
missing=()
for package in "${wanted[@]}"; do
    [[ " $installed" == *" $package "* ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "tools/deps.sh: please install, as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

install_missing()
{
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends "${missing[@]}" </dev/null
}

echo "tools/deps.sh: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq </dev/null && install_missing; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "tools/deps.sh: could not install ${missing[*]} (is there a network?)" >&2
    exit 1
fi
