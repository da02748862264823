#!/bin/bash
# Before a page's commands of Docker: `docker` becomes Podman without a network and with what a copy of the machine
# has, and there are two images, hinomi-agent:0.1 with what is installed, and shop:1.4.2, which touches /tmp/kinsing.
set -eu
cat >/usr/local/bin/docker <<'END'
#!/bin/bash
words=("$@")
[[ $1 != run ]] || words=(run --network=none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 "${@:2}")
exec podman --root /tmp/containers --runroot /run/containers --storage-driver vfs --runtime runc --cgroup-manager cgroupfs "${words[@]}"
END
chmod +x /usr/local/bin/docker
cd "$(mktemp -d)"

mkdir -p agent/usr/bin agent/usr/share agent/bin
cp /usr/local/bin/hinomi-agent /usr/local/bin/hinomi-shim agent/usr/bin/
cp -r /usr/local/share/hinomi agent/usr/share/
for library in $(ldd agent/usr/bin/hinomi-agent | grep -o '/[^ ]*'); do
    install -D "$library" "agent$library"
done
cp /bin/busybox agent/bin/cp

mkdir -p shop/usr/local/bin shop/bin shop/tmp
cp /bin/busybox shop/bin/sh
cp /bin/busybox shop/bin/touch
printf '#!/bin/sh\ntouch /tmp/kinsing\n' >shop/usr/local/bin/shop
chmod +x shop/usr/local/bin/shop

tar -C agent -c . | docker import - localhost/hinomi-agent:0.1
tar -C shop -c . | docker import - localhost/shop:1.4.2
