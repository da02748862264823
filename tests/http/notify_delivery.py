#!/usr/bin/env python3
"""Notifications that arrive: by mail over TLS with a password, as a signed webhook, in Slack and in Falcosidekick; at least
once however often the server is killed; throttled; with one channel that hangs and one that refuses.
Usage: notify_delivery.py SERVER CONTENT. HINOMI_KEEP: a folder to keep mails in, to look at"""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as shared  # noqa: E402
from server import run, until  # noqa: E402

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult
except ImportError:
    Controller = None

SERVER, CONTENT = (os.path.abspath(path) for path in sys.argv[1:3])
KEEP = os.environ.get("HINOMI_KEEP")
del sys.argv[1:3]
CHANNELS, RULES, LOG = (f"/v1/notifications/{part}" for part in ("channels", "rules", "deliveries"))
SECRET, PASSWORD = "a secret of 16 bytes or more", "pässword of the relay"
MINER = "Known miner run"
HOSTILE = "x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script>\u202egpj.exe\u200b"


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes what is posted. A path /hang never answers, /refuse says 422, /busy says 503 twice, then 200."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sink = self.server
        with sink.lock:
            sink.seen.append((self.path, dict(self.headers), body, time.monotonic()))
            count = sum(1 for path, *_ in sink.seen if path == self.path)
        if self.path.startswith("/hang"):
            sink.over.wait(shared.LIMIT_S)
        status = 422 if self.path.startswith("/refuse") else 503 if self.path.startswith("/busy") and count <= 2 else 200
        answer = b"ok" if self.path != "/" else b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass  # it was killed meanwhile


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Those who are killed hang up."""


class Post:
    def __init__(self):
        self.http = Quiet(("127.0.0.1", 0), Sink)
        self.http.daemon_threads = True
        self.http.seen, self.http.lock, self.http.over = [], threading.Lock(), threading.Event()
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def seen(self, path):
        with self.http.lock:
            return [(headers, body, at) for where, headers, body, at in self.http.seen if where == path]

    def stop(self):
        self.http.over.set()
        self.http.shutdown()
        self.http.server_close()


class Relay:
    """A mail server that wants TLS and a password."""

    def __init__(self):
        self.mails, self.folder = [], tempfile.mkdtemp(prefix="hinomi-mail-")
        key, self.certificate = os.path.join(self.folder, "key"), os.path.join(self.folder, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", self.certificate, "-days", "2", "-subj", "/CN=relay",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(self.certificate, key)
        relay = self

        class Handler:
            async def handle_DATA(self, _server, _session, envelope):
                if any("refused" in to for to in envelope.rcpt_tos):
                    return "550 5.7.1 not for you"
                relay.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
                return "250 2.0.0 taken over"

        def login(_server, _session, _envelope, _mechanism, data):
            return AuthResult(success=(data.login, data.password) == (b"hinomi", PASSWORD.encode()), handled=False)

        class Starting(Controller):
            def factory(self):
                return SMTP(self.handler, require_starttls=True, tls_context=relay.context, auth_required=True,
                            authenticator=login, decode_data=False)

        class Inside(Controller):
            def factory(self):
                return SMTP(self.handler, auth_required=True, authenticator=login, auth_require_tls=False, decode_data=False)
        self.starting = Starting(Handler(), hostname="127.0.0.1", port=free_port())
        self.inside = Inside(Handler(), hostname="127.0.0.1", port=free_port(), ssl_context=self.context)
        self.starting.start()
        self.inside.start()

    def ca(self):
        with open(self.certificate, encoding="ascii") as file:
            return file.read()

    def stop(self):
        self.starting.stop()
        self.inside.stop()


def free_port():
    import socket
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Agent:
    def __init__(self, server, admin):
        self.server, self.n = server, 0
        made = server.enrol(admin, "a" + os.urandom(3).hex(), "a" * 16)
        self.id, self.headers = made["id"], made["headers"]

    def send(self, *alerts):
        first, lines = self.n + 1, []
        for alert in alerts:
            self.n += 1
            alert["hinomi"]["id"] = f"{self.id}:b007:{self.n}"
            lines.append(json.dumps({"n": self.n, "alert": alert}) + "\n")
        answer = self.server.ask("POST", f"/v1/agents/{self.id}/batches", "".join(lines), {
            **self.headers, "Content-Type": "application/x-ndjson", "Hinomi-Spool": "00000000000000c3",
            "Hinomi-First": str(first)})
        assert (answer.status, answer.json) == (200, {"ack": self.n}), answer


def alert(container, rule="Shell", severity=5.0, **fields):
    return {
        "hostname": "box", "output": f"{rule} in {container}", "priority": "Warning", "rule": rule, "source": "syscall",
        "tags": ["T1496"], "time": int(time.time() * 1000),
        "output_fields": {"proc.name": "cnrig", "proc.pname": "sh", "proc.cmdline": "cnrig -o stratum+tcp://pool.example:3333",
                          "proc.exepath": "/tmp/cnrig", "proc.pid": 4711, "container.id": container,
                          "container.name": "web", "container.image.repository": "registry.example/web",
                          "container.image.tag": "1", "container.image.digest": "sha256:" + "ab" * 32,
                          "dns.question.name": "pool.example", "user.name": "root", **fields},
        "hinomi": {"severity": severity, "container": {"id": container}, "ecs": {
            "cluster": "blue", "task_id": "0123456789abcdef", "family": "shop", "revision": "7"}, "lineage": [
            {"pid": 4711, "name": "cnrig", "exe": "/tmp/cnrig", "args": "-o stratum+tcp://pool.example:3333"},
            {"pid": 33, "name": "sh", "exe": "/bin/sh", "args": "-c ./cnrig"},
            {"pid": 12, "name": "node", "exe": "/usr/bin/node", "args": "server.js"},
            {"pid": 1, "name": "init", "exe": "/sbin/init", "args": ""}]}}


class Case(unittest.TestCase):
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.post = Post()
        cls.server = shared.Server(
            SERVER, f"content: {{dir: {CONTENT}}}\noutbound: {{allow_private: true}}\n"
            f"aws: {{region: eu-central-1, access_key_id: AKIDEXAMPLE, secret_access_key: sEcReT, sns_endpoint: {cls.post.url('')},"
            f" events_endpoint: {cls.post.url('')}}}\n"
            "public_url: https://hinomi.example\nlimits: {findings_per_agent: 100000, rate_per_address: 100000}\n")
        cls.admin = cls.server.administrator()
        cls.agent = Agent(cls.server, cls.admin)

    @classmethod
    def tearDownClass(cls):
        cls.post.stop()
        cls.server.remove()

    def ask(self, method, path, body=None):
        return self.server.ask(method, path, body, bearer=self.admin)

    def sure(self, method, path, body=None):
        return self.server.sure(method, path, body, bearer=self.admin)

    def hook(self, path, **more):
        return self.sure("POST", CHANNELS, {"name": path, "kind": "webhook", "config": {"url": self.post.url(path)},
                                            "secrets": {"secret": SECRET}, **more})["id"]

    def rule(self, text, *channels, **more):
        return self.sure("POST", RULES, {"name": uuid.uuid4().hex, "filter": text, "channels": list(channels),
                                         "throttle_s": 0, **more})["id"]

    def log(self, **query):
        return self.sure("GET", f"{LOG}?" + urllib.parse.urlencode(query))["items"]

    def bodies(self, path):
        return [json.loads(body) for _, body, _ in self.post.seen(path)]


class Hooks(Case):
    def test_signed(self):
        channel = self.hook("/signed")
        rule = self.rule("severity >= 7.0 and severity <= 8.9", channel)
        self.agent.send(alert("c10", MINER, 8.0), alert("c11", MINER, 6.9), alert("c12", MINER, 9.0))
        headers, body, _ = until(lambda: self.post.seen("/signed"))[0]
        stamp, signature = headers["Hinomi-Timestamp"], headers["Hinomi-Signature"]
        mac = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        self.assertEqual(signature, "v1=" + mac)
        self.assertLess(abs(time.time() - int(stamp)), 60)
        told = json.loads(body)
        self.assertEqual((told["cause"], told["finding"]["container_id"], told["finding"]["severity"], told["held"]),
                         ("new", "c10", 8.0, 0))
        self.assertEqual(told["link"], "https://hinomi.example/findings/" + told["finding"]["id"])
        self.assertEqual(told["alert"]["output_fields"]["proc.pid"], 4711)
        one = until(lambda: self.log(channel=channel, state="delivered"))[0]
        self.assertEqual((one["rule"], one["finding"], one["attempts"], one["status"], one["result"]),
                         (rule, told["finding"]["id"], 1, 200, "200: ok"))
        self.assertEqual(len(self.post.seen("/signed")), 1)

    def test_once_for_a_finding_until_it_is_reopened_or_raised(self):
        channel = self.hook("/again")
        self.rule("container.id = c20 and severity >= 7", channel)
        self.agent.send(alert("c20", severity=5.0))
        self.agent.send(alert("c20", severity=7.5))
        until(lambda: len(self.post.seen("/again")) == 1)
        self.agent.send(alert("c20", severity=7.5))
        self.agent.send(alert("c20", severity=8.0))
        self.agent.send(alert("c20", severity=9.5))
        until(lambda: len(self.post.seen("/again")) == 2)
        finding = self.bodies("/again")[0]["finding"]["id"]
        self.sure("PATCH", f"/v1/findings/{finding}", {"status": "archived"})
        self.agent.send(alert("c20"))
        until(lambda: len(self.post.seen("/again")) == 3)
        self.assertEqual([told["cause"] for told in self.bodies("/again")], ["raised", "raised", "reopened"])
        self.assertEqual(len(self.log(finding=finding)), 3)

    def test_a_policy_names_channels(self):
        """Each of its findings, once at each channel, whatever rules say, and at once when the policy changes."""
        def policy(names):
            return {"text": f"- policy: Told\n  channels: [{names}]\n  rules: [{{name: Miner started}}]\n"}

        def told(container, severity=5.0):
            one = alert(container, severity=severity)
            one["hinomi"]["policy"] = "Told"
            return one
        self.hook("/policy")
        self.rule("container.id = c29", self.hook("/both"))
        self.sure("POST", "/v1/policies", policy("/policy, /both, /nowhere"))
        time.sleep(1.5)  # it is looked at each second
        self.agent.send(told("c28"), told("c29"), alert("c27"))
        until(lambda: len(self.post.seen("/policy")) == 2 and len(self.post.seen("/both")) == 2)
        self.agent.send(told("c28", 5.5), told("c28", 7.5))
        until(lambda: len(self.post.seen("/policy")) == 3)
        self.assertEqual(sorted((body["finding"]["container_id"], body["cause"]) for body in self.bodies("/policy")),
                         [("c28", "new"), ("c28", "raised"), ("c29", "new")])
        self.assertEqual(sorted(body["finding"]["container_id"] for body in self.bodies("/both")), ["c28", "c28", "c29"])
        self.sure("PUT", "/v1/policies/Told", policy("/both"))
        time.sleep(1.5)
        self.agent.send(told("c24"))
        until(lambda: len(self.post.seen("/both")) == 4)
        self.assertEqual(len(self.post.seen("/policy")), 3)

    def test_what_is_suppressed_is_not_told(self):
        channel = self.hook("/quiet")
        self.rule("container.id in (c25, c26)", channel)
        self.sure("POST", "/v1/suppressions", {"name": "quiet", "filter": "container.id = c25", "reason": "known"})
        self.agent.send(alert("c25"), alert("c26"))
        until(lambda: self.post.seen("/quiet"))
        time.sleep(0.3)
        self.assertEqual([told["finding"]["container_id"] for told in self.bodies("/quiet")], ["c26"])

    def test_a_channel_that_hangs_delays_no_other(self):
        self.rule("container.id = c30", self.hook("/hang"), self.hook("/runs"))
        self.agent.send(*[alert("c30", f"rule {n}") for n in range(40)])
        until(lambda: len(self.post.seen("/runs")) == 40, 20)
        self.assertLessEqual(len(self.post.seen("/hang")), 4)

    def test_refused_is_dead_and_may_be_tried_again(self):
        channel = self.hook("/refuse")
        self.rule("container.id = c40", channel)
        self.agent.send(alert("c40"))
        dead = until(lambda: self.log(channel=channel, state="dead"))[0]
        self.assertEqual((dead["attempts"], dead["status"]), (1, 422))
        self.assertEqual(self.sure("GET", f"{CHANNELS}/{channel}")["dead"], 1)
        self.sure("PATCH", f"{CHANNELS}/{channel}", {"config": {"url": self.post.url("/mended")}, "secrets": {"secret": SECRET}})
        self.assertEqual(self.sure("POST", f"{LOG}/{dead['id']}/retry")["state"], "queued")
        until(lambda: self.post.seen("/mended"))
        until(lambda: self.sure("GET", f"{LOG}/{dead['id']}")["state"] == "delivered")
        self.assertEqual(self.ask("POST", f"{LOG}/{dead['id']}/retry").status, 409)

    def test_busy_is_tried_again_later(self):
        channel = self.hook("/busy")
        self.rule("container.id = c45", channel)
        self.agent.send(alert("c45"))
        self.assertEqual(until(lambda: self.log(channel=channel, state="delivered"))[0]["attempts"], 3)
        at = [at for _, _, at in self.post.seen("/busy")]
        self.assertGreaterEqual(at[1] - at[0], 1.9)
        self.assertGreaterEqual(at[2] - at[1], 9.9)

    def test_throttle(self):
        channel = self.hook("/throttled")
        self.rule("container.id = c50", channel, throttle_s=3)
        self.agent.send(alert("c50", "first", 3.0))
        until(lambda: len(self.post.seen("/throttled")) == 1)
        self.agent.send(*[alert("c50", f"rule {n}", 4.0 + n / 10) for n in range(9)])
        until(lambda: len(self.post.seen("/throttled")) == 2)
        first, second = self.bodies("/throttled")
        self.assertEqual((first["held"], second["held"], second["finding"]["severity"]), (0, 8, 4.8))
        until(lambda: len(self.log(channel=channel, state="delivered")) == 2)
        held = self.log(channel=channel, state="held")
        self.assertEqual({one["told_by"] for one in held}, {second["id"]})
        self.assertEqual(len(held), 8)

    def test_channels_that_are_off_keep_what_waits(self):
        channel = self.hook("/off", enabled=False)
        self.rule("container.id = c60", channel)
        self.agent.send(alert("c60"))
        until(lambda: self.sure("GET", f"{CHANNELS}/{channel}")["queued"] == 1)
        test = self.sure("POST", f"{CHANNELS}/{channel}/test")
        self.assertEqual((test["cause"], test["state"], test["finding"]), ("test", "delivered", None))
        self.assertEqual([told["cause"] for told in self.bodies("/off")], ["test"])
        self.sure("PATCH", f"{CHANNELS}/{channel}", {"enabled": True})
        until(lambda: len(self.post.seen("/off")) == 2)

    def test_a_test_says_what_is_wrong(self):
        gone = free_port()
        channel = self.sure("POST", CHANNELS, {"name": "gone", "kind": "falcosidekick",
                                               "config": {"url": f"http://127.0.0.1:{gone}/"}})["id"]
        test = self.sure("POST", f"{CHANNELS}/{channel}/test")
        self.assertEqual((test["state"], test["attempts"]), ("dead", 1))
        self.assertIn("refused", test["result"].lower())
        self.assertIn("refused", self.sure("GET", f"{CHANNELS}/{channel}")["error"].lower())
        self.assertEqual(self.ask("POST", f"{CHANNELS}/999/test").status, 404)

    def test_falcosidekick(self):
        channel = self.sure("POST", CHANNELS, {"name": "sidekick", "kind": "falcosidekick",
                                               "config": {"url": self.post.url("/falco")}})["id"]
        self.rule("container.id = c70", channel)
        self.agent.send({**alert("c70"), "output_fields": {"container.id": "c70"}})
        self.sure("POST", f"{CHANNELS}/{channel}/test")
        for told in until(lambda: len(self.post.seen("/falco")) == 2 and self.bodies("/falco")):
            self.assertTrue(told["output_fields"])
            self.assertTrue(all(told[key] for key in ("rule", "time", "output", "priority", "source", "hostname")), told)
            uuid.UUID(told["uuid"])
        kept = [told for told in self.bodies("/falco") if told["rule"] == "Shell"][0]
        self.assertEqual((kept["output_fields"]["container.id"], kept["tags"]), ("c70", ["T1496"]))

    def test_topic_and_bus(self):
        topic = "arn:aws:sns:eu-central-1:123456789012:alerts"
        sns = self.sure("POST", CHANNELS, {"name": "topic", "kind": "sns", "config": {"topic_arn": topic}})["id"]
        bus = self.sure("POST", CHANNELS, {"name": "bus", "kind": "eventbridge", "config": {"bus": "findings"}})["id"]
        self.rule("container.id = c90", sns, bus)
        self.agent.send(alert("c90", MINER, 8.0))
        until(lambda: not self.log(state="queued", channel=sns) and not self.log(state="queued", channel=bus))
        for channel in (sns, bus):
            self.assertEqual([one["state"] for one in self.log(channel=channel)], ["delivered"], self.log(channel=channel))
        seen = self.post.seen("/")
        (publish,) = [urllib.parse.parse_qs(body.decode()) for headers, body, _ in seen if b"Action=Publish" in body]
        self.assertEqual(publish["TopicArn"], [topic])
        told = json.loads(publish["Message"][0])
        self.assertIn("Known miner", told["default"] if "default" in told else publish["Message"][0])
        (event,) = [json.loads(body)["Entries"][0] for headers, body, _ in seen if b"Entries" in body]
        detail = json.loads(event["Detail"])
        self.assertEqual((event["EventBusName"], event["Source"], event["DetailType"]), ("findings", "hinomi", "Hinomi Finding"))
        self.assertEqual(detail["resource"]["ecsClusterDetails"]["name"], "blue")
        self.assertEqual(self.ask("POST", CHANNELS, {"name": "x", "kind": "sns", "config": {"topic_arn": "x"}}).status, 422)
        self.assertEqual(self.ask("POST", CHANNELS, {"name": "x", "kind": "eventbridge", "config": {"source": "aws.x"}}).status, 422)

    def test_slack(self):
        channel = self.sure("POST", CHANNELS, {"name": "slack", "kind": "slack", "language": "ja", "config": {},
                                               "secrets": {"url": self.post.url("/slack")}})["id"]
        self.rule("container.id = c80", channel)
        hostile = "<!channel> <https://evil.example|safe> & *bold*" + "<" * 3000
        self.agent.send(alert("c80", MINER, 8.0, **{"proc.cmdline": hostile}))
        told = until(lambda: self.bodies("/slack"))[0]
        kinds = [block["type"] for block in told["blocks"]]
        self.assertEqual((kinds[0], kinds[-1]), ("header", "actions"))
        self.assertLessEqual(len(told["blocks"]), 50)
        text = json.dumps(told, ensure_ascii=False)
        self.assertNotIn("<", text)
        self.assertNotIn("mrkdwn", text)
        self.assertIn("&lt;!channel&gt;", text)
        for block in told["blocks"]:
            for field in block.get("fields", []):
                self.assertLessEqual(len(field["text"]), 2000)
            if block["type"] == "section" and "text" in block:
                self.assertLessEqual(len(block["text"]["text"]), 3000)
        self.assertRegex(text, r"重大度|詳細|確認すること")


@unittest.skipUnless(Controller, "python3-aiosmtpd is missing")
class Mail(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.relay = Relay()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.relay.stop()

    def channel(self, security, language="en", to=("ops@example.net",), password=PASSWORD, name=None):
        port = (self.relay.inside if security == "tls" else self.relay.starting).port
        return self.sure("POST", CHANNELS, {
            "name": name or f"mail {security} {language} {len(self.relay.mails)} {to[0]}", "kind": "email", "language": language,
            "config": {"host": "127.0.0.1", "port": port, "security": security, "from": "火の見 <hinomi@example.net>",
                       "to": list(to), "user": "hinomi", "ca": self.relay.ca()},
            "secrets": {"password": password}})["id"]

    def mail(self, container, n=1):
        def found():
            return [mail for mail in map(self.parsed, self.relay.mails) if container in mail[2]]
        return until(lambda: len(found()) >= n and found())

    @staticmethod
    def parsed(mail):
        message = email.message_from_bytes(mail[2], policy=email.policy.default)
        plain, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
        return mail, message, plain + html, plain, html

    def keep(self, name, mail):
        if KEEP:
            with open(os.path.join(KEEP, name + ".html"), "w", encoding="utf-8") as file:
                file.write(mail[4])
            with open(os.path.join(KEEP, name + ".eml"), "wb") as file:
                file.write(mail[0][2])

    def test_in_both_languages(self):
        for n, (security, language, summary) in enumerate((("tls", "en", "miner"), ("starttls", "ja", "マイナー"))):
            container = f"c10{n}abcdef"
            self.rule(f"container.id = {container}", self.channel(security, language))
            self.agent.send(alert(container, MINER, 8.0))
            mail = self.mail(container)[0]
            self.keep(language, mail)
            (sender, to, raw), message, _, plain, html = mail
            self.assertEqual((sender, to), ("hinomi@example.net", ["ops@example.net"]))
            self.assertEqual(message["From"].addresses[0].display_name, "火の見")
            self.assertIn("8.0", message["Subject"])
            self.assertEqual(message["Content-Language"], language)
            self.assertTrue(all(len(line) <= 78 for line in raw.split(b"\r\n")), max(raw.split(b"\r\n"), key=len))
            self.assertNotRegex(raw, rb"[^\r]\n|\r[^\n]|[^\x00-\x7f]")
            self.assertIn(summary, plain.lower())
            for fact in ("blue", "0123456789abcdef", "shop:7", "web", "registry.example/web:1", "sha256:" + "ab" * 32,
                         "/tmp/cnrig", "4711", "pool.example", "https://hinomi.example/findings/f"):
                self.assertIn(fact, plain)
                self.assertIn(fact, html)
            self.assertIn("init (1)", plain)
            self.assertRegex(plain, r"\n +└─ cnrig \(4711\)")

    def test_hostile_text(self):
        self.rule("container.id = c200abcdef", self.channel("tls"))
        self.agent.send(alert("c200abcdef", HOSTILE, **{"container.name": HOSTILE, "proc.cmdline": HOSTILE, "proc.name": HOSTILE}))
        (_, to, raw), message, both, plain, html = self.mail("c200abcdef")[0]
        self.assertEqual(to, ["ops@example.net"])
        self.assertIsNone(message["Bcc"])
        self.assertNotIn("Bcc", raw.split(b"\r\n\r\n")[0].decode())
        self.assertNotIn("<script", html)
        self.assertIn("&lt;script&gt;", html)
        for hidden in "\u202e\u200b\r":
            self.assertNotIn(hidden, both.replace("\r\n", "\n"))
        link = re.search(r"https://hinomi.example/findings/\w+", plain).group()
        self.assertEqual(set(re.findall(r'(?:href|src)="([^"]*)"', html)), {link})

    def test_wrong_password_is_tried_again_and_a_refused_mail_is_not(self):
        test = self.sure("POST", f"{CHANNELS}/{self.channel('tls', password='wrong')}/test")
        self.assertEqual(test["state"], "dead")
        self.assertIn("password", test["result"])
        refused = self.channel("tls", to=("refused@example.net",))
        self.rule("container.id = c300", refused)
        self.agent.send(alert("c300"))
        dead = until(lambda: self.log(channel=refused, state="dead"))[0]
        self.assertEqual((dead["status"], dead["attempts"]), (550, 1))
        self.assertIn("not for you", dead["result"])

    def test_an_untrusted_relay_gets_nothing(self):
        channel = self.sure("POST", CHANNELS, {
            "name": "untrusted", "kind": "email", "secrets": {"password": PASSWORD},
            "config": {"host": "127.0.0.1", "port": self.relay.inside.port, "from": "a@example.net", "to": ["b@example.net"],
                       "user": "hinomi"}})["id"]
        test = self.sure("POST", f"{CHANNELS}/{channel}/test")
        self.assertEqual(test["state"], "dead")
        self.assertIn("untrusted", test["result"])


class Kills(Case):
    FINDINGS = 2000

    def test_each_at_least_once(self):
        self.rule("", self.hook("/kill"))
        for n in range(0, self.FINDINGS, 500):
            self.agent.send(*[alert("c1", f"rule {i}") for i in range(n, n + 500)])
        kills = 0
        while len({told["finding"]["id"] for told in self.bodies("/kill")}) < self.FINDINGS * 0.9 and kills < 8:
            before = len(self.post.seen("/kill"))
            until(lambda: len(self.post.seen("/kill")) >= min(before + 200, self.FINDINGS))
            if kills % 4 == 3:
                self.assertEqual(self.server.stop(), 0)  # nothing is given up by an orderly end
            else:
                self.server.kill()
            kills += 1
            self.server.start()
        arrived = until(lambda: (lambda all_: len(all_) == self.FINDINGS and all_)(
            {told["finding"]["id"] for told in self.bodies("/kill")}))
        until(lambda: not self.log(state="queued"))
        print(f"{kills} kills, {len(self.post.seen('/kill'))} arrivals of {len(arrived)}", file=sys.stderr)
        self.assertGreaterEqual(kills, 2)
        self.assertEqual(self.log(state="dead"), [])
        ids = {told["id"] for told in self.bodies("/kill")}
        self.assertEqual(len(ids), self.FINDINGS)


if __name__ == "__main__":
    sys.exit(run("notify_delivery"))
