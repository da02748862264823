#!/usr/bin/env python3
"""The dns sensor with a real resolver and real clients, in a network namespace of their own.
Usage: run.py DNS_WATCH HINOMI_RULES"""
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

WATCH, STOCK = sys.argv[1:3]
WAIT = 20

RULES = """
- rule: Query
  desc: d
  condition: evt.type = dns and dns.response = false
  output: QUERY %dns.question.name %dns.question.type %dns.server %evt.arg.proto %proc.name.
  priority: NOTICE
- rule: Answer
  desc: d
  condition: evt.type = dns and dns.response = true
  output: ANSWER %dns.question.name %dns.question.type %dns.rcode %dns.answers %proc.name.
  priority: NOTICE
- rule: Connection
  desc: d
  condition: evt.type = connect and fd.sip.name = web.example and fd.sport = 8099
  output: CONNECT %fd.sip.name %fd.name %proc.name.
  priority: NOTICE
- rule: Alias
  desc: d
  condition: evt.type = connect and fd.sip.name = alias.web.example
  output: CONNECT %fd.sip.name %fd.name %proc.name.
  priority: NOTICE
- rule: Hello
  desc: d
  condition: evt.type = tls
  output: HELLO %tls.sni %evt.arg.tuple %proc.name.
  priority: NOTICE
"""

WORK = pathlib.Path(tempfile.mkdtemp(prefix="hinomi-dns-"))
RULES_FILE = WORK / "rules.yaml"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def enter_namespaces():
    """Runs this program again where nothing of it meets the machine's network."""
    if os.environ.get("HINOMI_DNS_INSIDE"):
        return
    for tool in ("dnsmasq", "ip", "busybox", "unshare"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip(f"{tool} is not installed")
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode:
        skip("no right to make namespaces")
    os.environ["HINOMI_DNS_INSIDE"] = "1"
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, *sys.orig_argv[1:]])


def dnsmasq(address, *options):
    return subprocess.Popen(
        ["dnsmasq", "--keep-in-foreground", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
         "--user=root", "--bind-interfaces", f"--listen-address={address}", *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def question(name, kind=1, number=7, flags=0x100):
    labels = b"".join(bytes([len(x)]) + x for x in name.encode().split(b"."))
    return struct.pack(">HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(
        ">HH", kind, 1)


def answer(query, address):
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return query[:2] + b"\x81\x80\0\1\0\1" + query[8:] + record


def wait_for_resolver(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        for _ in range(100):
            try:
                s.sendto(question("web.example"), (address, 53))
                s.recv(512)
                return
            except OSError:
                time.sleep(0.05)
    raise RuntimeError("no resolver")


class Watch:
    """The sensor while the block runs; then .out and .stats."""

    def __init__(self, *arguments, rules=RULES_FILE):
        self.process = subprocess.Popen([WATCH, str(rules), "0", *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        if not first.startswith("ready"):
            raise RuntimeError(first)
        self.parser = int(first.split("parser=")[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.out, err = self.process.communicate(timeout=WAIT)
        self.status = self.process.returncode
        self.stats = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", err.strip().split("\n")[-1])}
        self.err = err


class Dns(unittest.TestCase):
    def setUp(self):
        self.started = []

    def tearDown(self):
        for process in self.started:
            process.kill()
            process.wait()

    def expect(self, watch, *texts):
        for text in texts:
            self.assertIn(text, watch.out, watch.err)

    def run_client(self, *command):
        with Watch(*command) as watch:
            pass
        self.assertEqual(watch.status, 0, watch.err)
        return watch

    def test_busybox(self):
        watch = self.run_client("busybox", "nslookup", "-type=a", "pool.example", "127.0.0.1")
        self.expect(watch, "QUERY pool.example A 127.0.0.1 17 busybox.",
                    "ANSWER pool.example A NOERROR (10.9.8.7) busybox.")
        self.assertEqual(watch.stats["unowned"], 0)

    def test_libc(self):
        """getent; a name that the list of hosts does not have; upper case."""
        watch = self.run_client("getent", "ahosts", "WEB.example")
        self.expect(watch, "QUERY web.example A 127.0.0.1 17 getent.",
                    "ANSWER web.example A NOERROR (127.0.0.1) getent.")

    def test_unknown_name(self):
        code = "import socket\ntry: socket.getaddrinfo('no.example', 1)\nexcept OSError: pass"
        watch = self.run_client(sys.executable, "-c", code)
        self.assertRegex(watch.out, r"ANSWER no.example A NXDOMAIN <NA> python3?[0-9.]*\.")

    def test_connection(self):
        """The connection right after the answer carries the name, however fast; also by an alias."""
        code = ("import socket\nfor n in ('web.example', 'alias.web.example'):\n"
                "    try: socket.create_connection((n, 8099), 1)\n    except OSError: pass")
        with socket.create_server(("127.0.0.1", 8099)):
            watch = self.run_client(sys.executable, "-c", code)
        self.assertRegex(watch.out, r"CONNECT web.example 127.0.0.1:\d+->127.0.0.1:8099 python")
        self.assertRegex(watch.out, r"CONNECT alias.web.example 127.0.0.1:\d+->127.0.0.1:8099 python")
        self.assertIn("(web.example,127.0.0.1)", watch.out)

    def ask_slowly(self, kind, address, name):
        """A client whose socket stays for a while, found without its calls."""
        tcp = kind == socket.SOCK_STREAM
        code = (f"import socket, time, struct\n"
                f"s = socket.socket({int(socket.AF_INET6 if ':' in address else socket.AF_INET)}, {int(kind)})\n"
                f"s.connect(('{address}', 53))\n"
                f"q = {question(name)!r}\n"
                + ("m = struct.pack('>H', len(q)) + q\n"
                   "s.setsockopt(6, 1, 1)\n"
                   "for i in range(len(m)): s.send(m[i:i+1])\n" if tcp else "s.send(q)\n") +
                "s.recv(512)\ntime.sleep(1)")
        return subprocess.run([sys.executable, "-c", code], timeout=WAIT, check=True)

    def test_protocols(self):
        """UDP and TCP, IPv4 and IPv6; a query sent byte by byte."""
        with Watch() as watch:
            self.ask_slowly(socket.SOCK_DGRAM, "127.0.0.1", "web.example")
            self.ask_slowly(socket.SOCK_DGRAM, "::1", "six.example")
            self.ask_slowly(socket.SOCK_STREAM, "127.0.0.1", "pool.example")
            self.ask_slowly(socket.SOCK_STREAM, "::1", "stream.example")
        for text in ("web.example A 127.0.0.1 17", "six.example A ::1 17",
                     "pool.example A 127.0.0.1 6", "stream.example A ::1 6"):
            self.assertRegex(watch.out, f"QUERY {text} python")
        self.assertRegex(watch.out, r"ANSWER pool.example A NOERROR \(10.9.8.7\) python")
        self.assertEqual((watch.stats["queries"], watch.stats["answers"]), (4, 4))
        self.assertEqual(watch.stats["unowned"] + watch.stats["malformed"], 0)

    def test_forwarder(self):
        """A resolver that asks another: each query is its own event, told once."""
        self.started.append(dnsmasq("127.0.0.3", "--no-resolv", "--server=127.0.0.4",
                                    "--host-record=web.example,127.0.0.1", "--cache-size=0"))
        wait_for_resolver("127.0.0.3")
        upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        upstream.bind(("127.0.0.4", 53))
        upstream.settimeout(WAIT)

        def serve():
            query, sender = upstream.recvfrom(512)
            time.sleep(0.5)
            upstream.sendto(answer(query, "10.9.8.7"), sender)

        with upstream, Watch() as watch:
            server = threading.Thread(target=serve)
            server.start()
            self.ask_slowly(socket.SOCK_DGRAM, "127.0.0.3", "far.example")
            server.join()
        self.assertRegex(watch.out, "QUERY far.example A 127.0.0.3 17 python")
        self.expect(watch, "QUERY far.example A 127.0.0.4 17 dnsmasq.",
                    "ANSWER far.example A NOERROR (10.9.8.7) dnsmasq.")
        self.assertEqual(watch.stats["queries"], 2)

    def test_docker(self):
        """Docker's resolver, whose port is another one by the time packets are seen."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.11", 41234))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 0))
        with server, client, Watch() as watch:
            client.sendto(question("docker.example"), ("127.0.0.11", 41234))
            query, sender = server.recvfrom(512)
            server.sendto(answer(query, "10.1.1.1"), sender)
            client.recv(512)
            time.sleep(0.5)
        self.assertRegex(watch.out, r"QUERY docker.example A 127.0.0.11 17 python")
        self.assertRegex(watch.out, r"ANSWER docker.example A NOERROR \(10.1.1.1\) python")
        self.assertEqual(watch.stats["learned"], 1)

    def test_forged(self):
        """Nobody's word is taken who was not asked."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.5", 53))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 0))
        with server, client, Watch() as watch:
            server.sendto(answer(question("good.example"), "10.6.6.6"), client.getsockname())
            client.recv(512)
        self.assertEqual((watch.stats["answers"], watch.stats["unasked"]), (1, 1))
        self.assertEqual(watch.stats["learned"], 0)

    def test_hostile(self):
        """Packets that are none; the parser lives on."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.6", 53))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        good = question("web.example")
        with server, client, Watch() as watch:
            client.connect(("127.0.0.6", 53))
            for n in range(len(good)):
                client.send(good[:n])
            client.send(b"\0\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xc0\x0c" * 600)
            client.send(os.urandom(60000))
            client.send(good[:12] + b"\xc0\x0c\0\1\0\1")
            client.send(good[:12] + b"\x04a.\n\xff\0\0\1\0\1")
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                for offset in (0x2000, 1, 0x2001):
                    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 60, 1, offset, 64, 17, 0,
                                         b"\x7f\0\0\1", b"\x7f\0\0\6")
                    raw.sendto(header + struct.pack(">HHHH", 5000, 53, 500, 0) + good, ("127.0.0.6", 0))
            self.ask_slowly(socket.SOCK_DGRAM, "127.0.0.1", "pool.example")
        self.assertRegex(watch.out, "QUERY pool.example A 127.0.0.1 17 python")
        self.assertIn("QUERY a\\.\\010\\255 A", watch.out)
        self.assertGreaterEqual(watch.stats["malformed"], len(good))
        self.assertGreaterEqual(watch.stats["fragments"], 1)
        self.assertEqual((watch.stats["restarts"], watch.stats["refused"]), (0, 0))

    def test_flood(self):
        """More than can be handled: counted, and it goes on afterwards."""
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client, Watch() as watch:
            for n in range(20000):
                client.sendto(question(f"n{n}.example", number=n & 0xffff), ("127.0.0.7", 53))
            time.sleep(0.5)
            self.ask_slowly(socket.SOCK_DGRAM, "127.0.0.1", "pool.example")
        s = watch.stats
        self.assertGreaterEqual(s["queries"] + s["dropped"] + s["unsent"], 20001)
        self.assertRegex(watch.out, "ANSWER pool.example A NOERROR")

    def test_parser(self):
        """Who parses may nothing; when it is killed, another takes its place."""
        with Watch() as watch:
            status = pathlib.Path(f"/proc/{watch.parser}/status").read_text()
            self.assertRegex(status, r"Uid:\t65534\t65534\t65534\t65534")
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertRegex(status, rf"{name}:\t0000000000000000")
            self.assertRegex(status, r"NoNewPrivs:\t1")
            self.assertRegex(status, r"Seccomp:\t2")
            self.assertEqual(sorted(os.listdir(f"/proc/{watch.parser}/fd")), ["3", "4"])
            os.kill(watch.parser, 9)
            time.sleep(0.5)
            self.ask_slowly(socket.SOCK_DGRAM, "127.0.0.1", "pool.example")
        self.assertEqual(watch.stats["restarts"], 1)
        self.assertRegex(watch.out, "QUERY pool.example A 127.0.0.1 17 python")

    def test_rules(self):
        """Hinomi's own rules about names: what they are for, and what is near it."""
        long = "a" * 30 + "." + "b" * 40
        code = f"""
import socket, ssl, struct, time
def ask(name, kind=1):
    labels = b"".join(bytes([len(x)]) + x for x in name.encode().split(b"."))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", 53))
    s.send(struct.pack(">HHHHHH", 9, 0x100, 1, 0, 0, 0) + labels + bytes(1) + struct.pack(">HH", kind, 1))
    s.recv(512)
    time.sleep(0.02)
for name in ("xmr.SupportXMR.com", "notsupportxmr.com", "c2.guarddutyc2activityb.com", "web.example",
             "crypto.guarddutyc2activityb.com", "rebind.example", "metadata.google.internal"):
    ask(name)
ask("{long}.x.example", 16)
ask("short.x.example", 16)
ask("{long}.x.example", 1)
try: socket.create_connection(("pool.supportxmr.com", 8099), 1)
except OSError: pass
for name in ("eth.2miners.com", "not2miners.com"):
    try:
        s = socket.create_connection(("127.0.0.1", 8099), 1)
        s.settimeout(0.3)
        ssl.create_default_context().wrap_socket(s, server_hostname=name)
    except OSError: pass
"""
        with socket.create_server(("127.0.0.1", 8099)):
            with Watch("--tls", sys.executable, "-c", code, rules=STOCK) as watch:
                pass
        self.assertEqual(watch.status, 0, watch.err)
        for text in ("mining pool was asked for (name=xmr.supportxmr.com type=A",
                     "mining pool was asked for (name=crypto.guarddutyc2activityb.com",
                     "mining pool was asked for (name=pool.supportxmr.com",
                     "command and control server was asked for (name=c2.guarddutyc2activityb.com",
                     "metadata service (name=rebind.example answers=(169.254.169.254)",
                     f"carry data (name={long}.x.example type=TXT",
                     "connection to a mining pool was made (name=pool.supportxmr.com",
                     "server=eth.2miners.com"):
            self.expect(watch, text)
        for text in ("notsupportxmr", "not2miners", "web.example", "short.x", "google", f"{long}.x.example type=A "):
            self.assertNotIn(text, re.sub("process=.*", "", watch.out))

    def test_hello(self):
        """The name that a TLS client asks for; not where it is not wanted."""
        listener = socket.create_server(("127.0.0.1", 0))
        code = (f"import socket, ssl, time\ns = socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}))\n"
                "s.settimeout(1)\n"
                "try: ssl.create_default_context().wrap_socket(s, server_hostname='Sni.example')\n"
                "except OSError: pass")
        for options, seen in ((("--tls",), 1), ((), 0)):
            with Watch(*options) as watch:
                subprocess.run([sys.executable, "-c", code], timeout=WAIT, check=True)
            self.assertEqual(watch.stats["hellos"], seen)
            if seen:
                self.assertRegex(watch.out, r"HELLO sni.example 127.0.0.1:\d+->127.0.0.1:\d+ python")
        listener.close()


def main():
    enter_namespaces()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    RULES_FILE.write_text(RULES)
    resolv = WORK / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)
    done = subprocess.run([WATCH, str(RULES_FILE), "0"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    if done.returncode == 77:
        skip(done.stderr.strip())
    options = ["--no-resolv", "--address=/pool.example/10.9.8.7", "--host-record=web.example,127.0.0.1",
               "--cname=alias.web.example,web.example", "--address=/no.example/",
               "--address=/supportxmr.com/127.0.0.1", "--address=/rebind.example/169.254.169.254",
               "--address=/metadata.google.internal/169.254.169.254",
               "--host-record=six.example,127.0.0.1", "--host-record=stream.example,127.0.0.1"]
    resolvers = [dnsmasq("127.0.0.1", *options), dnsmasq("::1", *options)]
    try:
        wait_for_resolver("127.0.0.1")
        wait_for_resolver("::1", socket.AF_INET6)
        result = unittest.TextTestRunner(verbosity=2).run(
            unittest.defaultTestLoader.loadTestsFromTestCase(Dns))
    finally:
        for process in resolvers:
            process.kill()
            process.wait()
        shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(not result.wasSuccessful())


main()
