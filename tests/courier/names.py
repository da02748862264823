#!/usr/bin/env python3
"""names.py DRIVER: names that lead elsewhere the second time, that lead to several places, that are never answered.

Runs in namespaces of its own, with a name server on 127.0.0.1:53 and a public address on the loopback."""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from place import SKIPPED, Courier, HttpServer, run, until

INSIDE = "HINOMI_TEST_INSIDE"
PUBLIC = "198.41.0.4"
if INSIDE not in os.environ:
    probe = subprocess.run(["unshare", "-mn", "true"], capture_output=True) if os.geteuid() == 0 else None
    if probe is None or probe.returncode:
        print("skipped: no namespaces of mounts and networks can be made here")
        sys.exit(SKIPPED)
    os.execvpe("unshare", ["unshare", "-mn", sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})

Courier.program = sys.argv.pop(1)
FOLDER = tempfile.TemporaryDirectory(prefix="hinomi-courier-")


class NameServer:
    """names: name -> a list of answers, each a list of addresses (the last one stays), or None: silence."""

    def __init__(self):
        self.names, self.asked = {}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            name, (kind,) = ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])
            self.asked.append((name, kind))
            answers = self.names.get(name, [[]])
            addresses = answers[0] if kind != 1 or len(answers) == 1 else answers.pop(0)
            if addresses is None:
                continue
            records = [socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in addresses
                       if (":" in a) == (kind == 28)] if kind in (1, 28) else []
            data = query[:2] + struct.pack(">HHHHH", 0x8180 if name in self.names else 0x8183, 1, len(records), 0, 0) + \
                query[12:at + 5] + b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(r)) + r for r in records)
            self.socket.sendto(data, peer)


def call(*words):
    subprocess.run(words, check=True)


def put_in_place(path, text):
    with tempfile.NamedTemporaryFile("w", dir=FOLDER.name, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    call("mount", "--bind", file.name, path)


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        call("mount", "--make-rprivate", "/")
        call("ip", "link", "set", "lo", "up")
        call("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
        put_in_place("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        put_in_place("/etc/nsswitch.conf", "hosts: files dns\n")
        put_in_place("/etc/hosts", "127.0.0.1 localhost\n10.9.8.7 private.example\n")
        cls.names = NameServer()
        cls.public = HttpServer(lambda handler, body: handler.reply(200, b"public"), host=PUBLIC)
        cls.port = cls.public.server_port
        cls.private = HttpServer(lambda handler, body: handler.reply(200, b"private"), host="127.0.0.1", port=cls.port)

    def test_rebound(self):
        for other in ("127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"):
            self.names.names["turning.example"] = [[PUBLIC], [other]]
            with Courier(allow=[]) as courier:
                url = f"http://turning.example:{self.port}/"
                self.assertEqual(courier.ask(url=url)["body"], "public")
                got = courier.ask(url=url)
                self.assertEqual(got["outcome"], "refused", (other, got))
        self.assertEqual(self.private.seen, [])

    def test_private_by_name(self):
        with Courier(allow=[]) as courier:
            self.assertEqual(courier.ask(url="http://private.example/")["outcome"], "refused")
            self.names.names["inner.example"] = [["127.0.0.1"]]
            self.assertEqual(courier.ask(url=f"http://inner.example:{self.port}/")["outcome"], "refused")
            self.assertEqual(courier.ask(url=f"http://inner.example:{self.port}/", reach=1)["body"], "private")
            self.private.seen.clear()

    def test_several(self):
        self.names.names["both.example"] = [["127.0.0.1", PUBLIC, "::1"]]
        with Courier(allow=[]) as courier:
            for _ in range(3):
                self.assertEqual(courier.ask(url=f"http://both.example:{self.port}/")["body"], "public")
        self.assertEqual(self.private.seen, [])

    def test_unknown(self):
        with Courier(allow=[]) as courier:
            got = courier.ask(url="http://nobody.example/")
            self.assertEqual((got["outcome"], got["text"]), ("unreachable", "there is no such name"))

    def test_silence_holds_up_nobody(self):
        put_in_place("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
        try:
            self.names.names.update({f"silent{i}.example": [None] for i in range(8)})
            with Courier(allow=[]) as courier:
                slow = [courier.send(url=f"http://silent{i}.example/", timeout_ms=1500) for i in range(8)]
                self.assertEqual(courier.ask(url=f"http://{PUBLIC}:{self.port}/")["body"], "public")
                self.assertFalse(any(number in courier.answers for number in slow))
                for number in slow:
                    self.assertEqual(courier.answer(number)["outcome"], "timeout")
                self.assertEqual(courier.ask(url=f"http://{PUBLIC}:{self.port}/")["body"], "public")
        finally:
            call("umount", "/etc/resolv.conf")

    def test_another_name_server(self):
        self.names.names["later.example"] = [[PUBLIC]]
        put_in_place("/etc/resolv.conf", "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n")
        with Courier(allow=[]) as courier:
            url = f"http://later.example:{self.port}/"
            try:
                self.assertEqual(courier.ask(url=url)["outcome"], "unreachable")
                worker = courier.processes()[1]
            finally:
                call("umount", "/etc/resolv.conf")
            until(lambda: courier.processes()[1] != worker)
            self.assertEqual(courier.ask(url=url)["body"], "public")


sys.exit(run("courier/names"))
