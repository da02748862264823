#!/usr/bin/env python3
"""hinomi-agent against a server that is not its own, or was taken over: it refuses, says so, and goes on: what it knew
stays in force, what it has to tell stays in its spool, and the right server is obeyed again.
Usage: rogue.py AGENT SHIM|-"""
import base64
import hashlib
import http.server
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]
from server import LIMIT_S, environment, run, until  # noqa: E402
import uplink_server as stub  # noqa: E402

AGENT, SHIM = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
RULES = """- rule: {name}
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename = marker
  output: {name} %fd.name
  priority: WARNING
"""


def good(name="better"):
    return {"rules/10-x.yaml": RULES.format(name=name)}


class Agent:
    def __init__(self, folder, **env):
        self.err, self.socket = os.path.join(folder, "err"), os.path.join(folder, "agent.sock")
        with open(self.err, "ab") as err:
            self.process = subprocess.Popen(
                [AGENT, "--socket", self.socket, "--output", "json", "--rules", os.path.join(folder, "r.yaml")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env={
                    **environment(), "HINOMI_SPOOL_DIR": os.path.join(folder, "spool"), "HINOMI_DNS": "false",
                    "HINOMI_ACTIVITY_ENABLED": "false", **env})

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Canary(http.server.BaseHTTPRequestHandler):
    """Where nobody should ever come."""
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_response(404)
        self.end_headers()
    do_POST = do_GET

    def log_message(self, *_):
        pass


class Rogue(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="hinomi-rogue-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.server = stub.UplinkServer(self.folder)
        self.addCleanup(self.server.__exit__)
        for name, text in (("token", self.server.token), ("r.yaml", RULES.format(name="made"))):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def agent(self, **env):
        agent = Agent(self.folder, **{"HINOMI_SERVER_URL": self.server.url, "HINOMI_SERVER_CA_SHA256": self.server.ca_sha256,
                                      "HINOMI_SERVER_TOKEN_FILE": os.path.join(self.folder, "token"), **env})
        self.addCleanup(agent.end)
        until(lambda: agent.process.poll() is not None or "ready:" in agent.said())
        return agent

    def says(self, agent, text, seconds=LIMIT_S / 2):
        try:
            until(lambda: text in agent.said(), seconds)
        except AssertionError:
            self.fail(f"it does not say {text!r}: {agent.said()}")

    def goes_on(self, agent, version, name="better"):
        """The right rules are taken as ever."""
        self.server.offer_rules(version, good(name))
        self.says(agent, f"version {version}, are in force")
        self.assertIsNone(agent.process.poll())

    def handles(self, **methods):
        """Other answers than the strict server's."""
        for name, method in methods.items():
            setattr(self.server.http.RequestHandlerClass, name, method)  # connections that are there have it, too

    def another_server(self):
        """Of somebody in the middle, with a CA of its own; what it is asked is all that is known of the agent."""
        holder = tempfile.TemporaryDirectory(prefix="hinomi-rogue-")
        self.addCleanup(holder.cleanup)
        other = stub.UplinkServer(holder.name)
        self.addCleanup(other.__exit__)
        return other

    def knows_nothing(self, other):
        self.assertEqual((other.enrolments, other.heartbeats), ([], []))
        self.assertEqual({asked[1] for asked in other.requests} - {"/v1/ca"}, set())

    def test_other_authority(self):
        other = self.another_server()
        agent = self.agent(HINOMI_SERVER_URL=other.url)
        self.says(agent, "not the one of `server.ca_sha256`")
        self.assertIsNone(agent.process.poll())
        self.knows_nothing(other)

    def test_right_authority_and_one_more(self):
        """The right CA is shown, with another behind it which signed the certificate: only the right one counts."""
        other = self.another_server()
        with open(os.path.join(self.folder, "ca.pem"), encoding="ascii") as right, \
                open(os.path.join(other.folder, "ca.pem"), "r+", encoding="ascii") as shown:
            both = right.read() + shown.read()
            shown.seek(0)
            shown.write(both)
        agent = self.agent(HINOMI_SERVER_URL=other.url)
        self.says(agent, "certificate")
        time.sleep(1)
        self.assertIsNone(agent.process.poll())
        self.knows_nothing(other)

    def test_plain_elsewhere(self):
        """Credentials go without TLS to the loopback only, and to no name that looks like it."""
        for url in ("http://127.evil.example:1", "http://localhost.evil.example/", "http://[::1].evil.example/",
                    "http://127.0.0.1.evil.example/", "http://127.0.0.1@evil.example/", "http://evil.example/127.0.0.1",
                    "http://localhost\\@evil.example/", "ftp://127.0.0.1/", "HTTP://evil.example/", "https://", "//127.0.0.1/"):
            agent = self.agent(HINOMI_SERVER_URL=url)
            self.assertEqual(agent.process.wait(LIMIT_S), 2, url)
            self.assertIn("`server.url` is https://HOST", agent.said())

    def test_bundles(self):
        """Everything that a bundle must not be: refused with its reason, nothing written elsewhere, and on it goes."""
        agent = self.agent()
        self.goes_on(agent, 10, "first")
        server, version = self.server, 11

        def entry(name, kind=tarfile.REGTYPE, content=b"x", link=""):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
            return info, content if kind == tarfile.REGTYPE else b""
        extras = [entry(name) for name in ("../escaped", "/tmp/escaped", "rules/../../escaped", "rules//x.yaml", "rules/a/b.yaml",
                                           "./rules/x.yaml", "identity.json", "rules/.x.yaml", "lists/x\n.txt", "orders", "rules/x.yaml\\")]
        extras += [entry("rules/10-x.yaml", content=b"other"), entry("manifest.json", content=b"{}"),
                   entry("rules/l.yaml", tarfile.SYMTYPE, link="/etc/passwd"), entry("rules/l.yaml", tarfile.LNKTYPE, link="rules/10-x.yaml"),
                   entry("rules", tarfile.DIRTYPE), entry("rules/f.yaml", tarfile.FIFOTYPE), entry("rules/c.yaml", tarfile.CHRTYPE)]
        for extra in extras:
            server.offer_rules(version, good(), extra=(extra,))
            self.says(agent, f"not taken, the old ones go on: version {version}: the bundle")
            version += 1
        for name in ("rules/../../escaped.yaml", "lists/../../escaped.txt", "rules/../../../escaped.yaml", "rules/a/b.yaml", "rules/.x.yaml",
                     "rules/a\\b.yaml"):
            server.offer_rules(version, {**good(), name: "- list: x\n  items: [a]\n"})  # named by the manifest, too
            self.says(agent, f"not taken, the old ones go on: version {version}: the bundle has an entry")
            version += 1
        huge = tarfile.TarInfo("rules/huge.yaml")
        huge.size = 1 << 40
        out = io.BytesIO(huge.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096)
        whole = stub.bundle(version + 9, good())
        cases = [
            (lambda v: server.offer(v, stub.BUNDLE, stub.pack(out.getvalue())), "larger than it may be"),
            (lambda v: server.offer_rules(v, {f"rules/{i}.yaml": "" for i in range(5000)}), "more than"),
            (lambda v: server.offer_rules(v, good(), hashes={"rules/10-x.yaml": "0" * 64}), "not what its manifest says"),
            (lambda v: server.offer_rules(v, good(), hashes={"../../x": hashlib.sha256(b"").hexdigest()}), "manifest is not one"),
            (lambda v: server.offer_rules(v, good(), hashes={"rules/y.yaml": hashlib.sha256(b"").hexdigest()}), "lacks"),
            (lambda v: server.offer(v, stub.BUNDLE, whole), "another version"),
            (lambda v: server.offer(v, stub.BUNDLE, stub.bundle(v, good())[:-20]), "cannot be unpacked"),
            (lambda v: server.offer(v, stub.BUNDLE, b""), "the bundle"),
            (lambda v: server.offer_rules(v, {"rules/10-x.yaml": "- rule: broken\n  condition: nonsense =\n"}), ""),
        ]
        for offer, why in cases:
            offer(version)
            self.says(agent, f"version {version}: ")
            self.assertRegex(agent.said(), f"old ones go on: version {version}: .*{why}")
            version += 1
        self.goes_on(agent, version)
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "spool", "bundle"))), ["lists", "manifest.json", "rules"])
        for place in (self.folder, os.path.join(self.folder, "spool"), "/tmp"):
            self.assertFalse([name for name in os.listdir(place) if name.startswith("escaped")])

    def test_signatures(self):
        """Who took the server over but has not its key: neither rules nor orders, nor older ones again."""
        agent = self.agent()
        self.goes_on(agent, 10, "first")
        server, other = self.server, stub.Key()
        older = stub.bundle(9, good("older"))
        orders = json.dumps({"agent": server.agent, "orders": [{"id": 1, "kind": "kill", "container": "", "pid": os.getpid(),
                                                                "start_ns": 0, "finding": "f"}]}).encode()
        right, rules, wants = server.key, stub.BUNDLE, stub.ORDERS
        for version, (kind, content, sign) in enumerate((
                (rules, None, lambda v, b: other.sign(rules, v, b)), (rules, None, lambda v, b: right.sign(rules, v + 1, b)),
                (rules, None, lambda v, b: right.sign(stub.DELTA, v, b)), (rules, None, lambda v, b: "none"),
                (rules, None, lambda v, b: right.sign(rules, v, b + b" ")), (wants, orders, lambda v, b: other.sign(wants, v, b)),
                (wants, orders, lambda v, b: right.sign(rules, v, b))), 11):
            before = agent.said().count("signature")
            content = content or stub.bundle(version, good())
            server.offer(version, kind, content, sign(version, content))
            try:
                until(lambda: agent.said().count("signature") > before, 30)
            except AssertionError:
                self.fail((kind, agent.said()[-3000:]))
            self.goes_on(agent, version)
        for version in (9, 10):
            self.handles(do=lambda handler, data, v=version: self.replayed(handler, data, v, older))
            self.says(agent, f"version {version}: not newer than version 17")
            self.handles(do=stub.Handler.do)
        self.goes_on(agent, 18)
        self.assertEqual(server.orders_done, [])

    def replayed(self, handler, data, version, body):
        if "/bundle" in handler.path:
            return 200, {"Content-Type": stub.BUNDLE, "Hinomi-Version": str(version),
                         "Hinomi-Signature": self.server.key.sign(stub.BUNDLE, version, body)}, body
        return stub.Handler.do(handler, data)

    def test_older_after_damage(self):
        """What is kept was damaged: an older version, as genuine as it is, is still older. The same one is taken."""
        agent = self.agent()
        older = stub.bundle(9, good("older"))
        self.goes_on(agent, 10, "first")
        bundle = os.path.join(self.folder, "spool", "bundle")
        for name in ("rules/10-x.yaml", "manifest.json"):
            agent.stop()
            with open(os.path.join(bundle, name), "w", encoding="utf-8") as file:
                file.write("damaged")
            self.server.offer(9, stub.BUNDLE, older, self.server.key.sign(stub.BUNDLE, 9, older))
            said = len(agent.said())
            agent = self.agent()
            until(lambda: "that were kept cannot be used" in agent.said()[said:], LIMIT_S / 2)
            until(lambda: "version 9: older than version 10, which was in force" in agent.said()[said:], LIMIT_S / 2)
            self.server.offer_rules(10, good("first"))
            until(lambda: "version 10, are in force" in agent.said()[said:], LIMIT_S / 2)
        self.goes_on(agent, 11)

    def test_orders_of_another(self):
        agent = self.agent()
        self.goes_on(agent, 10)
        orders = json.dumps({"agent": "a" + "f" * 16, "orders": [{"id": 1, "kind": "kill", "container": "", "pid": os.getpid(),
                                                                  "start_ns": 0, "finding": "f"}]}).encode()
        self.server.offer(1, stub.ORDERS, orders)
        self.says(agent, "orders that are not for this agent")
        self.assertEqual(self.server.orders_done, [])
        self.goes_on(agent, 11)

    def test_endless_answers(self):
        """Answers without an end, and headers: given up at the limit of each."""
        given = {}

        def endless(handler, what, piece):
            given[what] = 0
            handler.send_response(200)
            handler.send_header("Content-Type", stub.BUNDLE)
            handler.end_headers()
            try:
                while given[what] < 1 << 30:
                    handler.wfile.write(piece)
                    given[what] += len(piece)
            except OSError:
                pass
            handler.close_connection = True

        def get(handler):
            endless(handler, handler.path.partition("?")[0].rsplit("/", 1)[-1], b"x" * 65536)

        def post(handler):
            handler.rfile.read(int(handler.headers["Content-Length"]))
            endless(handler, handler.path.rsplit("/", 1)[-1], b"{" * 65536)
        agent = self.agent()
        self.goes_on(agent, 10, "first")
        before = self.resident(agent)
        self.handles(do_GET=get, do_POST=post)
        self.says(agent, "the answer is too large", 40)
        until(lambda: "bundle" in given, 40)
        time.sleep(1)
        self.assertLess(max(given.values()), 100 << 20)
        self.assertLess(self.resident(agent) - before, 64 << 20)
        self.handles(do_GET=stub.Handler.do_GET, do_POST=stub.Handler.do_POST)
        self.goes_on(agent, 11)

    @staticmethod
    def resident(agent):
        with open(f"/proc/{agent.process.pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) << 10

    def test_redirects(self):
        """Are not followed: the credential would go along."""
        canary = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
        canary.seen = []
        threading.Thread(target=canary.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(canary.server_close)
        self.addCleanup(canary.shutdown)
        agent = self.agent()
        self.goes_on(agent, 10, "first")
        there = {"Location": f"http://127.0.0.1:{canary.server_address[1]}/stolen"}
        for status in (301, 302, 303, 307, 308):
            for what in ("heartbeat", "bundle", "batches"):
                self.server.answer[what] = (status, there, b"", 1)
        self.server.offers.append((10, stub.BUNDLE, b"", ""))  # wakes the one that waits
        beats = len(self.server.heartbeats)
        self.server.wait(lambda s: len(s.heartbeats) > beats, 40)
        self.goes_on(agent, 12)
        self.assertEqual(canary.seen, [])

    @unittest.skipUnless(os.access(SHIM, os.X_OK), "there is no shim")
    def test_answers_of_no_server(self):
        """Somebody in between answers for the server: no record is given up for that, and the spool stays as it is."""
        agent = self.agent()
        self.says(agent, "connected to the server")
        self.server.wait(lambda s: s.heartbeats)
        answers = [(302, {"Location": "/login"}, b""), (404, {}, b"nothing here"), (421, {}, {"code": "not_this_host"}),
                   (200, {"Content-Type": "text/html"}, b"<html>Log in, please</html>"), (200, {}, {"ack": -5}), (204, {}, b""),
                   (405, {}, b""), (409, {}, b"conflict"), (200, {}, {"ack": "1"})]
        for n, (status, headers, body) in enumerate(answers, 1):
            self.server.answer["batches"] = (status, headers, body, 1)
            done = subprocess.run([SHIM, "--socket", agent.socket, "--", "/bin/sh", "-c", f": > {self.folder}/marker"],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            try:
                self.server.wait(lambda s, n=n: len(s.alerts) >= n, 30)
            except AssertionError:
                self.fail((status, body, self.server.gaps, agent.said()[-2000:]))
        self.assertEqual((self.server.gaps, self.server.duplicates, len(self.server.cursors)), ([], 0, 1))
        self.assertNotIn("refuses record", agent.said())
        self.assertNotIn("another spool", agent.said())

    def test_words_of_a_server(self):
        """What it says of a refusal is one line of the log, without anything that a terminal would act on."""
        forged = "no\r\nhinomi-agent: error: forged\x1b[2J"
        for what in ("agents", "heartbeat", "bundle"):
            self.server.answer[what] = (403, {}, {"code": forged, "detail": forged}, 2)
        agent = self.agent()
        self.says(agent, "forged")
        for line in agent.said().rstrip("\n").split("\n"):
            self.assertFalse(line.startswith("hinomi-agent: error: forged"))
            self.assertFalse(any(c < " " for c in line), repr(line))

    def test_identities(self):
        """An id or a credential that would go into a path or a header as something else is none."""
        for member, value in (("id", "../../v1/x"), ("id", "a/b"), ("id", "a\r\nX: y"), ("credential", "x\r\nX-Evil: 1"), ("id", ""),
                              ("credential", "a b"), ("sign_key", "AAAA"), ("sign_key", ""), ("id", "a" * 64), ("credential", "a" * 5000),
                              ("sign_key", "A" * 5000)):
            answer = {"id": self.server.agent, "credential": self.server.credential,
                      "sign_key": base64.b64encode(self.server.key.public.raw).decode(), member: value}
            self.server.answer["agents"] = (201, {}, answer, None)
            agent = self.agent()
            self.says(agent, f"the answer's `{member}` has {len(value)} bytes" if len(value) >= 64 else "the server answered")
            agent.end()
            self.assertFalse(os.path.exists(os.path.join(self.folder, "spool", "identity.json")))
            os.unlink(agent.err)
        self.assertEqual({asked[1] for asked in self.server.requests}, {"/v1/ca", "/v1/agents"})


sys.exit(run("rogue"))
