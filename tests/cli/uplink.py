#!/usr/bin/env python3
"""hinomi-agent with a server: enrolment, alerts that arrive once whatever happens, rules and lists that come live, and
what is refused; against a strict server of the tests' own, and the real one. Usage: uplink.py AGENT SHIM|- SERVER|-"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import uplink_server as stub  # noqa: E402

AGENT, SHIM, SERVER = (os.path.abspath(sys.argv.pop(1)) for _ in range(3))
HAS_SHIM = os.access(SHIM, os.X_OK)
LIMIT_S = 60
RULES = """- list: names
  items: [{items}]
- rule: {rule}
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename in (names)
  output: {rule} %fd.name
  priority: {priority}
"""


def rules(items="marker", rule="made", priority="WARNING"):
    return RULES.format(items=items, rule=rule, priority=priority)


def until(condition, seconds=LIMIT_S / 2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come about")


class Agent:
    def __init__(self, folder, *arguments, ready="ready:", **env):
        self.socket = os.path.join(folder, "agent.sock")
        self.out, self.err = (os.path.join(folder, name) for name in ("out", "err"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HINOMI_")}
        with open(self.out, "ab") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([AGENT, "--socket", self.socket, "--output", "json", *arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**kept, **env})
        until(lambda: self.process.poll() is not None or ready in self.said())

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def until_said(self, text):
        until(lambda: text in self.said())

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT_S)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                words = file.read().rsplit(") ", 1)[1].split()
        except (OSError, IndexError):
            continue
        if name.isdigit() and words[1] == str(pid):
            found.append(int(name))
    return found


def uplink_processes(agent):
    """keeper, worker"""
    for keeper in children(agent.process.pid):
        with open(f"/proc/{keeper}/comm", encoding="utf-8") as file:
            if file.read().strip() == "hinomi-uplinks":
                workers = children(keeper)
                if workers:
                    return keeper, workers[0]
    return None


class Base(unittest.TestCase):
    tls = True

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="hinomi-uplink-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.server = stub.UplinkServer(self.folder, self.tls)
        self.addCleanup(self.server.__exit__)
        self.token = self.write("token", self.server.token + "\n")
        self.rules = self.write("r.yaml", rules())
        self.spool = os.path.join(self.folder, "spool")
        self.made = 0

    def tearDown(self):
        self.assertEqual(self.server.faults, [])
        self.assertEqual(self.server.duplicates, 0)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return file.name

    def agent(self, *arguments, rules_too=True, **env):
        settings = {"HINOMI_SERVER_URL": self.server.url, "HINOMI_SERVER_TOKEN_FILE": self.token,
                    "HINOMI_SPOOL_DIR": self.spool, "HINOMI_ACTIVITY_ENABLED": "false", "HINOMI_DNS": "false"}
        if self.tls:
            settings["HINOMI_SERVER_CA_SHA256"] = self.server.ca_sha256
        words = ("--rules", self.rules) if rules_too else ()
        agent = Agent(self.folder, *words, *arguments, **{**settings, **env})
        self.addCleanup(agent.__exit__)
        return agent

    def touch(self, agent, n=1, name="marker"):
        """So many files of that name are made by one watched program."""
        if not HAS_SHIM:
            self.skipTest("there is no shim")
        target = os.path.join(self.folder, name)
        done = subprocess.run([SHIM, "--socket", agent.socket, "--", "/bin/sh", "-c",
                               f"i=0; while [ $i -lt {n} ]; do : > {target}; i=$((i+1)); done"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.made += n

    @staticmethod
    def printed(agent):
        with open(agent.out, encoding="utf-8") as file:
            return sum('"rule":"made"' in line for line in file)

    def arrived(self, n=None):
        wanted = self.made if n is None else n
        self.server.wait(lambda s: len(s.alerts) >= wanted)
        self.assertEqual(len(self.server.alerts), wanted)


class Delivery(Base):
    def test_enrols_and_sends(self):
        agent = self.agent()
        agent.until_said("connected to the server as " + self.server.agent)
        with open(os.path.join(self.spool, "identity.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["id"], self.server.agent)
        self.assertEqual(os.stat(file.name).st_mode & 0o777, 0o600)
        self.touch(agent, 20)
        self.arrived()
        alert = next(iter(self.server.alerts.values()))
        self.assertEqual((alert["rule"], alert["priority"]), ("made", "Warning"))
        fields = alert["output_fields"]  # also those that exceptions are made of, and that the condition uses
        self.assertEqual((fields["proc.name"], fields["fd.name"], fields["evt.is_open_write"]), ("sh", f"{self.folder}/marker", True))
        self.assertLessEqual({"proc.exepath", "proc.pname", "proc.cmdline", "user.name", "container.image.repository", "evt.type"}, set(fields))
        self.server.wait(lambda s: s.heartbeats)
        beat = self.server.heartbeats[0]
        self.assertEqual((beat["health"]["ok"], beat["rules"]), (True, 1))
        self.assertEqual(agent.stop(), 0)
        with open(f"{self.folder}/err", encoding="utf-8") as file:
            text = file.read()
        for secret in (self.server.token, self.server.credential):
            self.assertNotIn(secret, text)
        again = self.agent(HINOMI_SERVER_TOKEN_FILE="/nonexistent")
        again.until_said("connected")
        self.touch(again, 3)
        self.arrived()
        self.assertEqual((len(self.server.enrolments), len(self.server.instances)), (1, 2))

    def test_one_connection(self):
        """Heartbeats go over the connection that polls; the one of a batch is closed when nothing uses it."""
        agent = self.agent()
        agent.until_said("connected")
        self.touch(agent, 2)
        self.arrived()
        self.server.wait(lambda s: len(s.heartbeats) >= 2)
        self.server.wait(lambda s: len(s.connections) == 1, seconds=5)
        self.server.wait(lambda s: s.requests[-1][1].split("?")[0].endswith("/bundle"))
        last = [(path.split("?")[0].rsplit("/", 1)[-1], peer) for _, path, peer in self.server.requests[-2:]]
        self.assertEqual([what for what, _ in last], ["heartbeat", "bundle"])
        self.assertEqual(len({peer for _, peer in last} | self.server.connections), 1)

    def test_killed_and_server_away(self):
        """All that was made before a kill arrives, with no gap."""
        agent = self.agent()
        agent.until_said("connected")
        self.server.stall.set()
        for _ in range(4):
            self.touch(agent, 150)
            agent.kill()
            agent = self.agent()
        self.server.stall.clear()
        self.arrived()
        self.assertEqual(self.server.gaps, [])

    def test_before_enrolment(self):
        """What is found before there is an id carries it when it is sent."""
        self.server.answer["agents"] = (503, {}, {"code": "starting"}, 2)
        agent = self.agent()
        self.touch(agent, 10)
        self.arrived()

    def test_lost_acknowledgements(self):
        agent = self.agent()
        agent.until_said("connected")
        self.server.lose_acks = 3
        self.touch(agent, 100)
        self.server.wait(lambda s: s.lose_acks == 0)
        self.touch(agent, 5)
        self.arrived()
        self.assertEqual(self.server.gaps, [])

    def test_overload_and_errors(self):
        agent = self.agent()
        agent.until_said("connected")
        for answer in ((429, {"Retry-After": "1"}, {"code": "busy"}, 1), (500, {}, {"code": "x"}, 1),
                       (413, {}, {"code": "large"}, 1), (502, {"Content-Type": "text/html"}, b"<html>", 1)):
            self.server.answer["batches"] = answer
            self.touch(agent, 30)
            self.server.wait(lambda s: "batches" not in s.answer)
            self.arrived()

    def test_refused_record(self):
        agent = self.agent()
        agent.until_said("connected")
        self.server.refuse = lambda record: "no" if record["n"] in (3, 7) and "alert" in record else None
        self.touch(agent, 10)
        self.server.wait(lambda s: len(s.alerts) == 8 and len(s.gaps) == 2)
        self.assertEqual([(gap["kind"], gap["n"], gap["count"]) for gap in self.server.gaps],
                         [("refused", 3, 1), ("refused", 7, 1)])

    def test_server_lost_its_data(self):
        agent = self.agent()
        agent.until_said("connected")
        self.touch(agent, 10)
        self.arrived()
        with self.server.lock:
            self.server.cursors = {spool: 4 for spool in self.server.cursors}
            self.server.alerts = dict(list(self.server.alerts.items())[:4])
        self.touch(agent, 2)
        self.server.wait(lambda s: len(s.alerts) == 12)
        self.assertEqual(self.server.gaps, [])

    def test_older_copy_of_the_spool(self):
        agent = self.agent()
        agent.until_said("connected")
        self.touch(agent, 5)
        self.arrived()
        agent.stop()
        shutil.copytree(self.spool, self.spool + ".old")
        agent = self.agent()
        self.touch(agent, 5)
        self.arrived()
        agent.stop()
        shutil.rmtree(self.spool)
        os.rename(self.spool + ".old", self.spool)
        agent = self.agent()
        self.touch(agent, 3)
        self.arrived()
        self.assertEqual(len(self.server.cursors), 2)

    def test_revoked(self):
        agent = self.agent(HINOMI_METRICS_LISTEN="127.0.0.1:0")
        agent.until_said("connected")
        self.server.credential = "ha_other"
        self.touch(agent, 5)
        agent.until_said("refuses this agent (revoked)")
        self.touch(agent, 5)
        self.assertEqual(len(self.server.alerts), 0)
        until(lambda: self.printed(agent) == 10)

    def test_cloned(self):
        self.server.answer["heartbeat"] = (409, {}, {"code": "agent_cloned", "detail": "two of them"}, None)
        agent = self.agent()
        agent.until_said("refuses this agent (cloned)")

    def test_bad_token(self):
        self.server.answer["agents"] = (401, {}, {"code": "token", "detail": "expired"}, None)
        agent = self.agent()
        agent.until_said("refuses this agent (token refused), which goes on with the rules it has: expired")
        self.touch(agent, 2)

    def test_worker_killed(self):
        agent = self.agent()
        agent.until_said("connected")
        keeper, worker = until(lambda: uplink_processes(agent))
        os.kill(worker, signal.SIGKILL)
        self.touch(agent, 20)
        self.arrived()
        self.assertNotEqual(until(lambda: uplink_processes(agent)), (keeper, worker))

    def test_worker_has_nothing(self):
        agent = self.agent()
        agent.until_said("connected")
        for pid in until(lambda: uplink_processes(agent)):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            self.assertEqual(status["Uid"].split(), ["65531"] * 4)
            self.assertEqual(int(status["CapEff"], 16), 0)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            kinds = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertFalse([name for name in kinds if name.startswith(self.folder) and not name.endswith("/err")])
        self.touch(agent, 1)
        self.arrived()
        agent.kill()
        until(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_unusable_spool(self):
        self.spool = "/proc/nowhere"
        agent = self.agent()
        agent.until_said("the spool /proc/nowhere cannot be made")
        self.touch(agent, 2)
        until(lambda: self.printed(agent) == 2)

    def test_two_agents(self):
        first = self.agent()
        first.until_said("connected")
        second = self.agent("--socket", os.path.join(self.folder, "other.sock"))
        second.until_said("is another agent's, which is running")


class FirstStart(Base):
    """An agent that was never enrolled begins while there is no server."""
    tls = False

    def setUp(self):
        super().setUp()
        self.away()

    def away(self):
        self.server.http.shutdown()
        self.server.http.server_close()

    def appear(self):
        self.server = stub.UplinkServer(self.folder, False, self.server.port)
        self.addCleanup(self.server.__exit__)
        self.server.offer_rules(3, {"rules/10-x.yaml": rules()})

    @unittest.skipUnless(HAS_SHIM, "there is no shim")
    def test_without_rules(self):
        """It says that it detects nothing, and then gets rules, also for a program that began before them."""
        go = os.path.join(self.folder, "go")
        agent = self.agent(rules_too=False)
        agent.until_said("there are no rules: nothing is detected until the server sends some")
        agent.until_said("the server cannot be reached")
        with subprocess.Popen([SHIM, "--socket", agent.socket, "--", "/bin/sh", "-c",
                               f"while [ ! -e {go} ]; do sleep 0.1; done; : > {self.folder}/marker"],
                              stdin=subprocess.DEVNULL) as early:
            self.appear()
            agent.until_said("rules of the server, version 3, are in force")
            self.server.wait(lambda s: any(b["rules"] == 1 and b["health"]["ok"] for b in s.heartbeats))
            self.touch(agent, 1)
            self.arrived()
            self.write("go", "")
            self.made += 1
            self.assertEqual(early.wait(LIMIT_S), 0)
        self.arrived()

    def test_with_rules(self):
        agent = self.agent()
        agent.until_said("the server cannot be reached")
        self.assertNotIn("there are no rules", agent.said())
        self.touch(agent, 2)
        until(lambda: self.printed(agent) == 2)
        self.appear()
        agent.until_said("rules of the server, version 3, are in force")
        self.arrived()


class Certificates(Base):
    def test_wrong_ca(self):
        agent = self.agent(HINOMI_SERVER_CA_SHA256="0" * 64)
        agent.until_said("is not the one of `server.ca_sha256`")
        self.assertEqual({path for _, path, _ in self.server.requests}, {"/v1/ca"})

    def test_no_ca(self):
        agent = self.agent(HINOMI_SERVER_CA_SHA256="")
        agent.until_said("the server cannot be reached")
        self.assertEqual(self.server.requests, [])

    def test_ca_file(self):
        agent = self.agent(HINOMI_SERVER_CA_SHA256="", HINOMI_SERVER_CA=os.path.join(self.folder, "ca.pem"))
        agent.until_said("connected")

    def test_settings(self):
        for name, value, said in (("URL", "http://example.com", "`server.url` is https"),
                                  ("URL", "https://user@example.com", "`server.url` is https"),
                                  ("CA_SHA256", "12", "64 hex digits"),
                                  ("CA", "/nonexistent", "/nonexistent")):
            agent = self.agent(**{"HINOMI_SERVER_" + name: value})
            self.assertNotEqual(agent.process.wait(LIMIT_S), 0)
            self.assertIn(said, agent.said())


class Rules(Base):
    tls = False

    def rules_are(self, version):
        self.server.wait(lambda s: s.heartbeats and s.heartbeats[-1]["bundle"]["version"] == version)

    def refused(self, version, text):
        self.server.wait(lambda s: s.heartbeats and not s.heartbeats[-1]["bundle"]["ok"] and
                         text in (s.heartbeats[-1]["bundle"]["error"] or ""))
        self.assertEqual(self.server.heartbeats[-1]["bundle"]["version"], version)

    def test_bundle_delta_restart(self):
        agent = self.agent(rules_too=False)
        agent.until_said("ready: 0 of 0 rules")
        self.server.offer_rules(5, {"rules/10-a.yaml": rules("kinsing"), "lists/names.txt": "two words\n"})
        self.rules_are(5)
        self.touch(agent, 1, "kinsing")
        self.arrived()
        self.server.offer_delta(5, 6, [{"list": "names", "append": ["test.txt", "back\\slash", "new\nline"]}])
        self.rules_are(6)
        for name in ("test.txt", "two\\ words", "back\\\\slash"):
            self.touch(agent, 1, name)
        self.arrived()
        evidence = [alert["hinomi"]["evidence"][0]["item"] for alert in self.server.alerts.values()]
        self.assertEqual(evidence, ["kinsing", "test.txt", "two words", "back\\slash"])
        agent.stop()
        self.server.stall.set()
        again = self.agent(rules_too=False, HINOMI_SERVER_URL="http://127.0.0.1:9")
        again.until_said("ready: 1 of 1 rules")
        self.touch(again, 1, "test.txt")
        until(lambda: self.printed(again) == 5)
        self.made = 0

    def test_refused(self):
        agent = self.agent()
        agent.until_said("connected")
        good = {"rules/10-a.yaml": rules("kinsing")}
        self.server.offer_rules(3, good)
        self.rules_are(3)
        link = tarfile.TarInfo("rules/link.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        wrong = bytes(stub.bundle(12, good))
        server = self.server
        for number, (offer, said) in enumerate((
                (lambda: server.offer_rules(4, {"rules/a.yaml": "- rule: x\n  condition: nofield = 1\n"}), "errors"),
                (lambda: server.offer_rules(5, good, hashes={"rules/10-a.yaml": "0" * 64}), "not what its manifest says"),
                (lambda: server.offer_rules(6, good, hashes={"rules/b.yaml": "0" * 64}), "lacks"),
                (lambda: server.offer_rules(7, {"../a.yaml": "x"}), "may not be in it"),
                (lambda: server.offer_rules(8, good, extra=[(link, b"")]), "may not be in it"),
                (lambda: server.offer_rules(9, good, extra=[(tarfile.TarInfo("rules/c.yaml"), b"")]), "does not name"),
                (lambda: server.offer(10, stub.BUNDLE, b"junk"), "cannot be unpacked"),
                (lambda: server.offer(11, stub.BUNDLE, wrong), "of another version"),
                (lambda: server.offer(12, stub.BUNDLE, wrong, signature="A" * 86 + "=="), "signature is not the server's"),
                (lambda: server.offer(13, "text/html", b"<html>"), "something else"))):
            with self.subTest(number):
                offer()
                self.refused(3, said)
        self.touch(agent, 1, "kinsing")
        self.arrived()
        server.offer_rules(20, {"rules/10-a.yaml": rules("other")})
        self.rules_are(20)
        self.touch(agent, 1, "other")
        self.arrived()

    def test_proxy(self):
        agent = self.agent(HINOMI_SERVER_URL="http://127.0.0.1:9", HINOMI_SERVER_PROXY=self.server.url)
        agent.until_said("connected")
        self.touch(agent, 3)
        self.arrived()
        self.assertGreater(self.server.proxied, 2)

    def test_orders(self):
        agent = self.agent(HINOMI_RESPOND_ALLOW_HOST="true")
        agent.until_said("connected")
        if not HAS_SHIM:
            self.skipTest("there is no shim")
        victim = subprocess.Popen([SHIM, "--socket", agent.socket, "--", "/bin/sleep", "60"], stdin=subprocess.DEVNULL)
        agent.until_said("watched")
        time.sleep(0.3)
        body = {"agent": self.server.agent, "orders": [
            {"id": 7, "kind": "kill", "container": "", "pid": victim.pid, "start_ns": 0, "finding": "f1",
             "expires_ms": int(time.time() * 1000) + 60000}]}
        other = dict(body, agent="a1111111111111111")
        self.server.offer(1, stub.ORDERS, json.dumps(other).encode())
        agent.until_said("orders that are not for this agent")
        self.assertIsNone(victim.poll())
        self.server.offer(1, stub.ORDERS, json.dumps(body).encode())
        self.assertEqual(victim.wait(LIMIT_S), -signal.SIGKILL)
        self.server.wait(lambda s: any(a["rule"] == "Hinomi response" for a in s.alerts.values()))
        self.server.wait(lambda s: s.polls and s.polls[-1][1] == 7)
        self.server.wait(lambda s: s.orders_done)
        self.assertEqual(self.server.orders_done, [(7, {"ok": True, "result": "done"})])

    def test_latency(self):
        """Said, not asserted: from the offer of a delta until the heartbeat that reports it."""
        agent = self.agent()
        agent.until_said("connected")
        self.server.offer_rules(1, {"rules/10-a.yaml": rules("kinsing")})
        self.rules_are(1)
        took = []
        for version in range(2, 12):
            start = time.monotonic()
            self.server.offer_delta(version - 1, version, [{"list": "names", "append": [f"n{version}"]}])
            self.rules_are(version)
            took.append((time.monotonic() - start) * 1000)
        print(f"delta in force and reported: {min(took):.0f} to {max(took):.0f} ms", file=sys.stderr)


class Activity(Base):
    tls = False

    def test_records_and_losses(self):
        agent = self.agent(HINOMI_ACTIVITY_ENABLED="true", HINOMI_ACTIVITY_PER_CONTAINER="20",
                           HINOMI_METRICS_LISTEN="127.0.0.1:19464")
        agent.until_said("connected")
        self.touch(agent, 200, "plain")
        self.made = 0
        self.server.wait(lambda s: len([a for a in s.activity if a["kind"] == "write"]) >= 10)
        kinds = {a["kind"] for a in self.server.activity}
        self.assertLessEqual({"exec", "write"}, kinds)
        fields = next(a for a in self.server.activity if a["kind"] == "write" and "plain" in
                      a["fields"].get("fd.name", ""))["fields"]
        self.assertEqual((fields["fd.filename"], fields["proc.name"]), ("plain", "sh"))
        self.assertLess(len(self.server.activity), 150)
        with urllib.request.urlopen("http://127.0.0.1:19464/metrics", timeout=LIMIT_S) as answer:
            text = answer.read().decode()
        self.assertIn('hinomi_activity_total{kind="write",result="sent"}', text)
        agent.stop()
        gaps = [gap for gap in self.server.gaps if gap["kind"] == "activity"]
        self.assertEqual(len(gaps), 1)
        self.assertGreater(gaps[0]["where"]["write"], 50)


PASSWORD = "a long enough one, 42"


class Real(unittest.TestCase):
    """The agent and hinomi-server, through its API."""

    def setUp(self):
        if not os.access(SERVER, os.X_OK) or not HAS_SHIM:
            self.skipTest("there is no server, or no shim")
        holder = tempfile.TemporaryDirectory(prefix="hinomi-uplink-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.port = 0
        self.start_server()
        with open(self.folder + "/data/setup-link", encoding="utf-8") as file:
            token = file.read().strip().split("#")[1]
        self.admin = None
        self.ask("POST", "/v1/setup", {"token": token, "name": "admin", "password": PASSWORD})
        self.admin = self.ask("POST", "/v1/session", {"name": "admin", "password": PASSWORD, "cookie": False})["token"]
        self.token = self.ask("POST", "/v1/enrolments", {"name": "e"})["token"]

    def start_server(self):
        log = open(self.folder + "/server.err", "ab")
        begin = log.tell()
        self.server = subprocess.Popen([SERVER, "--listen", f"127.0.0.1:{self.port}", "--dir", self.folder + "/data"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**os.environ, "HINOMI_RATE_PER_ADDRESS": "100000",
                                            "HINOMI_RATE_PER_PRINCIPAL": "100000"})
        log.close()
        self.addCleanup(self.stop_server, self.server)

        def listening():
            with open(self.folder + "/server.err", "rb") as file:
                return re.search(rb"listening on \S+?:(\d+)", file.read()[begin:])
        self.port = int(until(listening).group(1))

    @staticmethod
    def stop_server(process):
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT_S)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        headers = {"Content-Type": "application/json"}
        if self.admin:
            headers["Authorization"] = "Bearer " + self.admin
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        self.assertLess(answer.status, 300, f"{method} {path}: {text}")
        return json.loads(text) if text else None

    def agent(self):
        agent = Agent(self.folder, HINOMI_SERVER_URL=f"http://127.0.0.1:{self.port}", HINOMI_SERVER_TOKEN=self.token,
                      HINOMI_SPOOL_DIR=self.folder + "/spool", HINOMI_DNS="false")
        self.addCleanup(agent.__exit__)
        return agent

    def touch(self, agent, name, n=1):
        done = subprocess.run([SHIM, "--socket", agent.socket, "--", "/bin/sh", "-c",
                               f"i=0; while [ $i -lt {n} ]; do : > {self.folder}/{name}; i=$((i+1)); done"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 0, done.stderr)

    def alerts(self):
        return self.ask("GET", "/v1/stats")["stored"]["alerts"]

    def test_story(self):
        agent = self.agent()
        agent.until_said("connected")
        self.ask("POST", "/v1/lists", {"name": "uplink_names", "items": ["marker"]})
        text = rules("x").split("- rule:")[1].replace("names", "uplink_names")
        self.ask("POST", "/v1/rules", {"text": "- rule:" + text})
        agent.until_said("are in force")

        def found(name, n):
            self.touch(agent, name)
            return self.alerts() >= n
        until(lambda: found("marker", 1))
        before = self.alerts()
        start = time.monotonic()
        self.ask("POST", "/v1/lists/uplink_names/append", {"items": ["other"]})
        answered = time.monotonic()
        until(lambda: found("other", before + 1))
        print(f"append: answered after {(answered - start) * 1000:.0f} ms, found after another "
              f"{(time.monotonic() - answered) * 1000:.0f} ms", file=sys.stderr)
        tried = {"rule": "made", "fields": [{"field": "proc.name", "value": "sh"}, {"field": "container.image.repository", "value": "no"}]}
        effect = self.ask("POST", "/v1/exceptions/preview", tried)
        self.assertEqual((effect["hidden"], effect["undecided"], effect["missing"]), (0, 0, []))
        tried["fields"][1:] = [{"field": "proc.pname", "op": "!=", "value": "nobody"}, {"field": "fd.filename", "value": "marker"}]
        effect = self.ask("POST", "/v1/exceptions/preview", tried)
        self.assertEqual((effect["undecided"], effect["hidden"] > 0), (0, True), effect)
        told = [line for line in agent.said().splitlines() if "in force" in line]
        print("\n".join(told), file=sys.stderr)

    def test_killed_servers(self):
        """Each alert once, though server and agent are killed all the time."""
        agent = self.agent()
        agent.until_said("connected")
        self.ask("POST", "/v1/rules", {"text": "- rule:" + rules().split("- rule:")[1].replace("in (names)", "= marker")})
        agent.until_said("are in force")
        made = 0
        for turn in range(6):
            self.touch(agent, "marker", 200)
            made += 200
            if turn % 2:
                agent.kill()
                agent = self.agent()
            else:
                self.server.kill()
                self.server.wait(LIMIT_S)
                self.start_server()
        until(lambda: self.alerts() >= made)
        self.assertEqual(self.alerts(), made)


if __name__ == "__main__":
    unittest.main()
