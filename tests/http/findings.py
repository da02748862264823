#!/usr/bin/env python3
"""Findings over HTTP: triage that collides, what belongs to others, rules that suppress, exceptions that are tried, saved
and taken back, dry runs, exports that a spreadsheet does not run, tasks that are stopped by a signed call.
Usage: findings.py SERVER"""
import csv
import hashlib
import hmac
import http.server
import io
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as shared  # noqa: E402
from server import run, until  # noqa: E402

SERVER = os.path.abspath(sys.argv.pop(1))
RULE = "Shell in a container"
RULES = f"""- rule: {RULE}
  desc: A shell.
  condition: evt.type = execve and proc.name in (sh, bash)
  output: shell %proc.name %proc.cmdline %container.image.repository
  priority: WARNING
"""
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TASK = "arn:aws:ecs:eu-central-1:123456789012:task/blue/0123456789abcdef0123456789abcdef"


class Ecs(http.server.BaseHTTPRequestHandler):
    """StopTask, strictly: whatever is not exactly signed is refused. /away answers with a redirect."""
    protocol_version = "HTTP/1.1"
    seen = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.seen.append(("GET", self.path))
        self.answer(404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        problem = self.problem(body)
        self.seen.append(("POST", self.path, problem, json.loads(body)))
        if json.loads(body).get("reason") == "go away":
            self.send_response(307)
            self.send_header("Location", "/away")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif problem:
            self.answer(403, {"__type": "InvalidSignatureException", "message": problem})
        else:
            self.answer(200, {"task": {"taskArn": TASK, "desiredStatus": "STOPPED"}})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def problem(self, body):
        if self.path != "/" or self.headers["X-Amz-Target"] != "AmazonEC2ContainerServiceV20141113.StopTask" or \
                self.headers["Content-Type"] != "application/x-amz-json-1.1":
            return "not StopTask"
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/ecs/aws4_request, "
                             r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})", self.headers["Authorization"])
        if not found or found[1] != KEY or found[3] != "eu-central-1":
            return "another scope"
        date, names = self.headers["X-Amz-Date"], found[4].split(";")
        if date[:8] != found[2] or names != sorted(names) or not {"host", "x-amz-date", "x-amz-target"} <= set(names):
            return "headers are missing"
        canonical = "\n".join(["POST", "/", ""] + [f"{n}:{self.headers[n].strip()}" for n in names] +
                              ["", found[4], hashlib.sha256(body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", date, f"{found[2]}/{found[3]}/ecs/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in (found[2], found[3], "ecs", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        wanted = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return self.botocore(body, names, found[5]) if wanted == found[5] else "another signature"

    def botocore(self, body, names, signature):
        """The same by AWS's own signer, where it is installed."""
        try:
            from botocore import auth, awsrequest, credentials
        except ImportError:
            return None
        request = awsrequest.AWSRequest("POST", f"http://{self.headers['Host']}/", data=body,
                                        headers={n: self.headers[n] for n in names})
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = auth.SigV4Auth(credentials.Credentials(KEY, SECRET), "ecs", "eu-central-1")
        theirs = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return None if theirs == signature else "not as botocore signs"


class Server(shared.Server):
    """With an administrator, no content, and answers as (status, what it says: an object, or bytes)."""

    def __init__(self, settings):
        self.content, self.admin = tempfile.mkdtemp(prefix="hinomi-content-"), None
        super().__init__(SERVER, settings + f"content: {{dir: {self.content}}}\n")
        self.admin = self.administrator()

    def remove(self):
        super().remove()
        shutil.rmtree(self.content)

    def ask(self, method, path, body=None, who="admin", headers=None, bearer=None):
        answer = super().ask(method, path, body, headers, bearer=bearer or (self.admin if who == "admin" else who))
        is_json = re.search(r"json$", answer.headers["Content-Type"] or "") and answer.body
        return answer.status, answer.json if is_json and "ndjson" not in answer.headers["Content-Type"] else answer.body

    def sure(self, *arguments, **more):
        status, answer = self.ask(*arguments, **{"who": None, **more})
        assert status in (200, 201, 204), (arguments, status, answer)
        return answer

    def user(self, name, role):
        return super().user(self.admin, name, role)


class Agent:
    """Sends alerts and activity as an agent does."""

    def __init__(self, server):
        self.server, self.n = server, 0
        made = server.enrol(server.admin, "a" + os.urandom(3).hex(), "a" * 16)
        self.id, self.headers = made["id"], made["headers"]

    def send(self, *records):
        first, lines = self.n + 1, []
        for record in records:
            self.n += 1
            if "alert" in record:
                record["alert"].setdefault("hinomi", {})["id"] = f"{self.id}:b007:{self.n}"
            lines.append(json.dumps({"n": self.n, **record}) + "\n")
        status, answer = self.server.ask(
            "POST", f"/v1/agents/{self.id}/batches", "".join(lines), None,
            {**self.headers, "Content-Type": "application/x-ndjson", "Hinomi-Spool": "00000000000000c3",
             "Hinomi-First": str(first)})
        assert (status, answer) == (200, {"ack": self.n}), (status, answer)

    @staticmethod
    def alert(container, rule=RULE, fields=None, **hinomi):
        return {"alert": {
            "hostname": "box", "output": "o", "priority": "Warning", "rule": rule, "source": "syscall", "tags": [],
            "time": int(time.time() * 1000), "output_fields": {
                "proc.name": "sh", "proc.cmdline": "sh -c id", "container.image.repository": "nginx",
                "container.id": container, **(fields or {})},
            "hinomi": {"container": {"id": container}, "lineage": [
                {"pid": 4711, "name": "sh", "exe": "/bin/sh", "start": "2026-11-22T10:00:00.123456789Z"}], **hinomi}}}

    def orders(self):
        status, answer = self.server.ask("GET", f"/v1/agents/{self.id}/bundle?after=0&orders=0", None, None,
                                         self.headers)
        assert status == 200, status
        return answer["orders"]


class Findings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ecs = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ecs)
        threading.Thread(target=cls.ecs.serve_forever, daemon=True).start()
        cls.server = Server(
            "aws:\n  region: eu-central-1\n"
            f"  endpoint: http://127.0.0.1:{cls.ecs.server_port}\n  access_key_id: {KEY}\n"
            f"  secret_access_key: {SECRET}\n")
        cls.ask = cls.server.ask
        cls.viewer = cls.server.user("vera", "viewer")
        cls.analyst = cls.server.user("anna", "analyst")
        cls.agent = Agent(cls.server)
        status, made = cls.ask("POST", "/v1/rules", {"text": RULES})
        assert status == 201, (status, made)

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()
        cls.ecs.shutdown()
        cls.ecs.server_close()

    def list(self, text):
        status, answer = self.ask("GET", "/v1/findings?filter=" + urllib.parse.quote(text))
        self.assertEqual(status, 200, answer)
        return answer["items"]

    def finding(self, container, **more):
        """A finding of one alert in a container of its own."""
        self.agent.send(Agent.alert(container, **more))
        items = self.list(f"container.id = {container}")
        self.assertEqual(len(items), 1)
        return items[0]

    def audited(self, action):
        status, answer = self.ask("GET", f"/v1/audit?action={action}&limit=100")
        self.assertEqual(status, 200, answer)
        return answer["items"]

    def test_stale(self):
        one = self.finding("stale")
        path = "/v1/findings/" + one["id"]
        status, changed = self.ask("PATCH", path, {"status": "acknowledged", "version": one["version"]}, self.analyst)
        self.assertEqual((status, changed["status"]), (200, "acknowledged"))
        status, answer = self.ask("PATCH", path, {"status": "archived", "version": one["version"]}, self.analyst)
        self.assertEqual(status, 409, answer)
        self.assertEqual(self.ask("GET", path)[1]["status"], "acknowledged")
        self.assertEqual(self.ask("PATCH", path, {"status": "archived"}, self.viewer)[0], 403)
        bulk = {"filter": "container.id = stale", "expected": 2, "status": "archived"}
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", bulk)[1]["code"], "count_changed")

    def test_bulk_of_words_and_times(self):
        """What a list with words and times selects, many are changed by."""
        ids = [self.finding(f"words{i}")["id"] for i in range(3)]
        now = self.ask("GET", "/v1/findings/" + ids[2])[1]["last_seen_ms"]
        new = {"filter": "status = new", "text": "words", "from": "-1h", "expected": 3, "status": "archived"}
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", {**new, "to": str(now - 3600000)}, self.analyst)[1]["code"],
                         "count_changed")
        for bad in ({"from": "soon"}, {"text": "a b c d e f g h"}, {"filter": "nonsense = 1"}):
            self.assertEqual(self.ask("POST", "/v1/findings/bulk", {**new, **bad}, self.analyst)[0], 400, bad)
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", {**new, "text": 3}, self.analyst)[0], 422)
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", {**new, "text": "w" * 257}, self.analyst)[0], 422)
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", new, self.analyst), (200, {"changed": 3}))
        for one in ids:
            self.assertEqual(self.ask("GET", "/v1/findings/" + one)[1]["status"], "archived")

    def test_offset(self):
        """A page after so many is the page that cursors lead to."""
        for i in range(7):
            self.finding(f"offset{i}")
        path = "/v1/findings?text=offset&limit=2"
        status, all_of = self.ask("GET", "/v1/findings?text=offset&limit=500")
        self.assertEqual((status, all_of["total"]), (200, 7))
        ids = [f["id"] for f in all_of["items"]]
        for at in range(9):
            status, page = self.ask("GET", f"{path}&offset={at}")
            self.assertEqual((status, page["total"]), (200, 7))
            self.assertEqual([f["id"] for f in page["items"]], ids[at:at + 2], at)
            self.assertEqual(page["next"] is not None, at + 2 < 7, at)
            if page["next"]:
                page = self.ask("GET", f"{path}&cursor={page['next']}")[1]
                self.assertEqual([f["id"] for f in page["items"]], ids[at + 2:at + 4])
        self.assertEqual(self.ask("GET", path + "&offset=500000")[1]["items"], [])
        for bad in ("-1", "500001", "x"):
            self.assertEqual(self.ask("GET", f"{path}&offset={bad}")[0], 400, bad)

    def test_notes(self):
        path = f"/v1/findings/{self.finding('notes')['id']}/notes"
        text = "<script>alert(1)</script>\nsecond line 火の見"
        status, made = self.ask("POST", path, {"text": text}, self.analyst)
        self.assertEqual((status, made["author"], made["text"]), (201, "anna", text))
        status, answer = self.ask("GET", path, None, self.viewer)
        self.assertEqual([(n["id"], n["text"]) for n in answer["items"]], [(made["id"], text)])
        self.assertEqual(self.ask("POST", path, {"text": "no"}, self.viewer)[0], 403)
        for bad in ("", "  ", "a\u0000b", "x" * 10001):
            self.assertEqual(self.ask("POST", path, {"text": bad}, self.analyst)[0], 422, bad[:9])
        self.assertEqual(self.ask("POST", "/v1/findings/f0/notes", {"text": "t"}, self.analyst)[0], 404)
        self.assertTrue(self.audited("finding.note"))

    def test_history(self):
        """What was done with one finding, and only with that one; without what only the audit log tells."""
        one, other = self.finding("history1"), self.finding("history2")
        path = "/v1/findings/" + one["id"]
        for change in ({"status": "acknowledged"}, {"assignee": "anna"}, {"assignee": None}):
            self.assertEqual(self.ask("PATCH", path, change, self.analyst)[0], 200)
        self.ask("POST", path + "/notes", {"text": "seen"}, self.analyst)
        self.ask("POST", "/v1/findings/bulk", {"ids": [one["id"], other["id"]], "status": "archived"})
        status, answer = self.ask("GET", path + "/audit", None, self.viewer)
        self.assertEqual(status, 200, answer)
        self.assertEqual([(e["actor"], e["action"], e["detail"]) for e in answer["items"]],
                         [("admin", "finding.status", {"status": "archived"}), ("anna", "finding.note", None),
                          ("anna", "finding.assign", {"assignee": None}), ("anna", "finding.assign", {"assignee": "anna"}),
                          ("anna", "finding.status", {"status": "acknowledged"})])
        self.assertFalse({"address", "request"} & set(answer["items"][0]))
        self.assertEqual(len(self.ask("GET", f"/v1/findings/{other['id']}/audit")[1]["items"]), 1)
        first = self.ask("GET", path + "/audit?limit=3")[1]
        rest = self.ask("GET", f"{path}/audit?limit=3&cursor={first['next']}")[1]
        self.assertEqual([e["id"] for e in first["items"] + rest["items"]], [e["id"] for e in answer["items"]])
        self.assertIsNone(rest["next"])
        many = {"filter": "container.id startswith history", "expected": 2, "status": "new"}
        self.assertEqual(self.ask("POST", "/v1/findings/bulk", many)[0], 200)
        self.assertEqual([e["detail"] for e in self.audited("finding.status") if e["object"] == "finding:many"][0],
                         {"status": "new", "count": 2})
        self.assertEqual(self.ask("GET", "/v1/findings/f0/audit")[0], 404)
        self.assertEqual(self.ask("GET", path + "/audit?cursor=x")[0], 400)

    def test_filters(self):
        """Somebody else's is not there, unless it is shared; and then it is not to be changed."""
        new = {"name": "mine", "filter": "severity >= 7.0 and status = new", "default": True}
        status, mine = self.ask("POST", "/v1/filters", new, self.analyst)
        self.assertEqual((status, mine["own"], mine["default"], mine["view"]), (201, True, True, ""))
        path = f"/v1/filters/{mine['id']}"
        self.assertEqual(self.ask("PATCH", path, {"view": "time=24h&columns=what"}, self.analyst)[1]["view"],
                         "time=24h&columns=what")
        self.assertEqual(self.ask("PATCH", path, {"shared": False}, self.analyst)[1]["view"], "time=24h&columns=what")
        self.assertEqual(self.ask("GET", "/v1/filters", None, self.analyst)[1]["items"][0]["view"], "time=24h&columns=what")
        self.assertEqual(self.ask("GET", "/v1/filters", None, self.viewer)[1]["items"], [])
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            self.assertEqual(self.ask(method, path, body, self.viewer)[0], 404)
            self.assertEqual(self.ask(method, path, body)[0], 404)  # an administrator sees no more of it
        self.assertEqual(self.ask("POST", "/v1/filters", new, self.analyst)[0], 409)
        self.assertEqual(self.ask("POST", "/v1/filters", {**new, "filter": "nonsense = 1"}, self.viewer)[0], 400)
        status, second = self.ask("POST", "/v1/filters", {**new, "name": "second"}, self.analyst)
        self.assertEqual(status, 201)
        own = {f["name"]: f["default"] for f in self.ask("GET", "/v1/filters", None, self.analyst)[1]["items"]}
        self.assertEqual(own, {"mine": False, "second": True})
        self.assertEqual(self.ask("PATCH", path, {"shared": True}, self.analyst)[0], 200)
        seen = self.ask("GET", "/v1/filters", None, self.viewer)[1]["items"]
        self.assertEqual([(f["name"], f["own"], f["owner"], f["default"]) for f in seen],
                         [("mine", False, "anna", False)])
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            self.assertEqual(self.ask(method, path, body, self.viewer)[0], 404)
        self.assertEqual(self.ask("DELETE", path)[0], 204)  # shared: an administrator may
        self.assertEqual(self.ask("DELETE", f"/v1/filters/{second['id']}", None, self.analyst)[0], 204)
        for bad in ("0", "x", "-1", "99999999999999999999", "1%20or%201"):
            self.assertEqual(self.ask("DELETE", "/v1/filters/" + bad, None, self.analyst)[0], 404, bad)

    def test_suppression(self):
        before = self.finding("quiet1")
        new = {"name": "quiet ones", "filter": 'container.id startswith quiet and proc.pid = 7', "reason": "known"}
        self.assertEqual(self.ask("POST", "/v1/suppressions", new, self.viewer)[0], 403)
        for bad in ({"filter": ""}, {"reason": ""}, {"expires_ms": 1}, {"name": "a\nb"}, {"more": 1}):
            self.assertEqual(self.ask("POST", "/v1/suppressions", {**new, **bad}, self.analyst)[0], 422, bad)
        self.assertEqual(self.ask("POST", "/v1/suppressions", {**new, "filter": "proc.nam = x"}, self.analyst)[0], 400)
        status, made = self.ask("POST", "/v1/suppressions", new, self.analyst)
        self.assertEqual((status, made["changed"]), (201, 0))
        self.assertEqual(self.finding("quiet2", fields={"proc.pid": 7})["status"], "suppressed")
        self.assertEqual(self.finding("quiet3", fields={"proc.pid": 8})["status"], "new")
        mine = until(lambda: [s for s in self.ask("GET", "/v1/suppressions")[1]["items"]
                              if s["id"] == made["id"] and s["hits"] == 1])[0]
        self.assertEqual((mine["author"], mine["expired"], mine["error"]), ("anna", False, None))
        self.assertEqual(self.ask("POST", "/v1/suppressions", new, self.analyst)[0], 409)
        both = {**new, "name": "all of them", "filter": "container.id startswith quiet", "existing": True,
                "expires_ms": int(time.time() * 1000) + 2000}
        status, other = self.ask("POST", "/v1/suppressions", both, self.analyst)
        self.assertEqual((status, other["changed"]), (201, 2))
        self.assertEqual(self.ask("GET", "/v1/findings/" + before["id"])[1]["status"], "suppressed")
        path = f"/v1/suppressions/{made['id']}"
        for body, status in (({"filter": ""}, 422), ({"filter": "proc.nam = x"}, 400), ({"name": "all of them"}, 409),
                             ({"reason": ""}, 422), ({"expires_ms": 1}, 422), ({"author": "x"}, 422)):
            self.assertEqual(self.ask("PATCH", path, body, self.analyst)[0], status, body)
        self.assertEqual(self.ask("PATCH", path, {"reason": "x"}, self.viewer)[0], 403)
        self.assertEqual(self.ask("PATCH", "/v1/suppressions/99999", {"reason": "x"}, self.analyst)[0], 404)
        later = int(time.time() * 1000) + 60_000
        status, changed = self.ask("PATCH", path, {"filter": new["filter"] + " and count >= 0", "expires_ms": later}, self.analyst)
        self.assertEqual((status, changed["name"], changed["expires_ms"], changed["reason"]), (200, new["name"], later, "known"))
        status, changed = self.ask("PATCH", path, {"expires_ms": None, "reason": "still"}, self.analyst)
        self.assertEqual((status, changed["expires_ms"], changed["reason"], changed["hits"] >= 1), (200, None, "still", True))
        self.assertEqual(self.ask("DELETE", path, None, self.viewer)[0], 403)
        self.assertEqual(self.ask("DELETE", path, None, self.analyst)[0], 204)
        self.assertEqual(self.ask("DELETE", path, None, self.analyst)[0], 404)
        self.assertEqual(self.finding("quiet4")["status"], "suppressed")
        until(lambda: [s for s in self.ask("GET", "/v1/suppressions")[1]["items"] if s["expired"]])
        self.assertEqual(self.finding("quiet5", fields={"proc.pid": 7})["status"], "new")
        self.assertEqual([e["action"] for e in self.audited("suppression")].count("suppression.change"), 2)
        self.assertEqual(len(self.audited("suppression")), 5)

    def rule_text(self):
        status, answer = self.ask("GET", "/v1/rules/" + urllib.parse.quote(RULE))
        self.assertEqual(status, 200, answer)
        return json.dumps(answer)

    def test_exception(self):
        one = self.finding("exc1", fields={"proc.pname": "cron"})
        self.finding("exc2", fields={"proc.pname": "sshd"})
        self.finding("exc3")
        fields = [{"field": "container.image.repository", "value": "nginx"},
                  {"field": "proc.pname", "op": "in", "value": ["cron", "at\"d, \\x) or (evt.num > 0"]},
                  {"field": "container.id", "op": "startswith", "value": "exc"}]
        body = {"finding": one["id"], "fields": fields}
        status, effect = self.ask("POST", "/v1/exceptions/preview", body, self.viewer)
        self.assertEqual(status, 200, effect)
        self.assertIn({"field": "proc.pname", "value": "cron", "usual": True}, effect["proposed"])
        self.assertEqual((effect["rule"], effect["hidden"], effect["undecided"]), (RULE, 1, 1))
        self.assertEqual(effect["missing"], [{"field": "proc.pname", "alerts": 1}])
        self.assertEqual([s["hidden"] for s in effect["samples"]], [True])
        self.assertEqual(self.ask("POST", "/v1/exceptions/preview", {"finding": one["id"]})[1]["condition"], None)
        save = {**body, "reason": "cron does this"}
        self.assertEqual(self.ask("POST", "/v1/exceptions", save, self.viewer)[0], 403)
        for bad in ([], [{"field": "proc.name"}], [{"field": "x or 1", "value": "a"}], [{"field": "nope", "value": "a"}],
                    [{"field": "proc.name", "op": "exists", "value": "a"}], [{"field": "proc.name", "value": "a\nb"}],
                    [{"field": "proc.name", "op": "in", "value": []}], [{"field": "proc.pid", "value": "many"}]):
            self.assertEqual(self.ask("POST", "/v1/exceptions", {**save, "fields": bad}, self.analyst)[0], 422, bad)
        self.assertEqual(self.ask("POST", "/v1/exceptions", {"rule": "Not here", "fields": fields[:1], "reason": "r"},
                                  self.analyst)[1]["code"], "no_such_rule")
        before = self.rule_text()
        status, made = self.ask("POST", "/v1/exceptions", save, self.analyst)
        self.assertEqual(status, 201, made)
        item = [e for e in self.ask("GET", "/v1/exceptions?active=true")[1]["items"] if e["id"] == made["id"]][0]
        self.assertEqual((item["rule"], item["author"], item["state"], item["fields"][1]["value"][0]),
                         (RULE, "anna", "active", "cron"))
        self.assertIn(item["name"], self.rule_text())
        # The value with a parenthesis is a value: what is not excepted still matches.
        base = {"evt.type": "execve", "proc.name": "sh", "container.id": "exc9", "container.image.repository": "nginx"}
        self.agent.send(*[{"activity": {"time_ms": int(time.time() * 1000), "kind": "exec", "fields": {**base, **more}}}
                          for more in ({"proc.pname": "cron"}, {"proc.pname": "x", "evt.num": 7},
                                       {"proc.pname": 'at"d, \\x) or (evt.num > 0'})])
        status, dry = self.ask("POST", "/v1/content/dry-run", {"rule": RULE, "samples": 100})
        self.assertEqual(status, 200, dry)
        self.assertEqual([s["record"]["fields"]["proc.pname"] for s in dry["samples"] if s["over"] == "activity"
                          and s["matched"] and s["record"]["fields"]["container.id"] == "exc9"], ["x"])
        soon = int(time.time() * 1000) + 1500
        status, brief = self.ask("POST", "/v1/exceptions", {**save, "expires_ms": soon}, self.analyst)
        self.assertEqual(status, 201, brief)
        until(lambda: [e for e in self.ask("GET", "/v1/exceptions")[1]["items"]
                       if e["id"] == brief["id"] and e["state"] == "expired"])
        self.assertIn(item["name"], self.rule_text())
        path = f"/v1/exceptions/{made['id']}"
        self.assertEqual(self.ask("PATCH", path, {"reason": "x"}, self.viewer)[0], 403)
        for body, status in (({"reason": ""}, 422), ({"expires_ms": 1}, 422), ({"fields": []}, 422)):
            self.assertEqual(self.ask("PATCH", path, body, self.analyst)[0], status, body)
        later = int(time.time() * 1000) + 60_000
        for body, wanted in (({"expires_ms": later}, (later, save["reason"])), ({"reason": "longer"}, (later, "longer")),
                             ({"expires_ms": None}, (None, "longer"))):
            status, changed = self.ask("PATCH", path, body, self.analyst)
            self.assertEqual((status, changed["expires_ms"], changed["reason"]), (200, *wanted))
        self.assertEqual(self.ask("PATCH", f"/v1/exceptions/{brief['id']}", {"reason": "x"}, self.analyst)[0], 404)
        self.assertEqual(self.ask("DELETE", path, None, self.viewer)[0], 403)
        self.assertEqual(self.ask("DELETE", path, None, self.analyst)[0], 204)
        self.assertEqual(self.ask("DELETE", path, None, self.analyst)[0], 404)
        self.assertNotIn("hinomi_exception", self.rule_text())
        self.assertEqual("override" in before, "override" in self.rule_text())
        # Going back to a version that had it brings it back for a moment only.
        status, answer = self.ask("POST", f"/v1/rules/{urllib.parse.quote(RULE)}/revert", {"to": made["version"]})
        self.assertEqual(status, 200, answer)
        self.assertIn(item["name"], self.rule_text())
        until(lambda: item["name"] not in self.rule_text())
        self.assertEqual({e["action"] for e in self.audited("exception")},
                         {"exception.create", "exception.change", "exception.remove", "exception.expire"})

    def test_dry_run(self):
        now = int(time.time() * 1000)
        fields = {"evt.type": "execve", "proc.name": "bash", "container.id": "dry"}
        self.agent.send(*[{"activity": {"time_ms": now, "kind": "exec", "fields": {**fields, **more}}}
                          for more in ({}, {"proc.name": "true"}, {"container.id": "other"})])
        self.assertEqual(self.ask("POST", "/v1/lists", {"name": "dry_shells", "items": ["zsh"]})[0], 201)
        self.assertEqual(self.ask("POST", "/v1/lists/dry_shells/append", {"items": ["bash"]})[0], 200)
        status, answer = self.ask("POST", "/v1/content/dry-run", {
            "condition": "evt.type = execve and container.id = dry and proc.name in (dry_shells)"}, self.viewer)
        self.assertEqual((status, answer.get("activity", answer)),
                         (200, {"looked_at": 3, "matched": 1, "undecided": 0, "not": 2}))
        self.assertEqual([s["record"]["fields"]["proc.name"] for s in answer["samples"] if s["matched"]], ["bash"])
        status, answer = self.ask("POST", "/v1/content/dry-run", {
            "condition": "evt.type = execve and container.id = dry and user.name = root", "samples": 0})
        self.assertEqual((answer["activity"]["undecided"], answer["samples"]), (2, []))
        self.assertIn("user.name", [m["field"] for m in answer["missing"]])
        status, answer = self.ask("POST", "/v1/content/dry-run", {"text": RULES.replace("bash", "true")})
        self.assertEqual((status, answer["rule"], answer["activity"]["matched"]), (200, RULE, 1))
        status, answer = self.ask("POST", "/v1/content/dry-run", {"rule": RULE})
        self.assertEqual((status, answer["activity"]["matched"]), (200, 2))
        for bad in ({}, {"condition": "proc.nam = x"}, {"condition": "proc.name ="}, {"rule": "none"},
                    {"condition": "proc.name = a", "rule": RULE}, {"text": "- list: a\n  items: []\n"}):
            self.assertIn(self.ask("POST", "/v1/content/dry-run", bad)[0], (404, 422), bad)

    def test_export(self):
        evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", 'a"b,c\nd', "plain"]
        for i, name in enumerate(evil):
            self.agent.send(Agent.alert(f"csv{i}", fields={"proc.cmdline": name, "proc.exepath": name}))
        query = "filter=" + urllib.parse.quote("container.id startswith csv")
        status, data = self.ask("GET", f"/v1/findings/export?format=csv&{query}", None, self.viewer)
        self.assertEqual(status, 200)
        self.assertTrue(data.endswith(b"\r\n") and data.startswith(b"id,title,rule,"), data[:80])
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        self.assertEqual(len(rows), len(evil))
        for row in rows:
            wanted = evil[int(row["container_id"][3:])]
            safe = "'" + wanted if wanted[0] in "=+-@\t\r" else wanted
            self.assertEqual(row["proc_cmdline"], safe)
            self.assertEqual(row["severity"], "5.5")
            for cell in row.values():
                self.assertFalse(cell and cell[0] in "=+-@\t\r", cell)
        status, data = self.ask("GET", f"/v1/findings/export?format=ndjson&{query}")
        lines = [json.loads(line) for line in data.splitlines()]
        self.assertEqual({f["proc_cmdline"] for f in lines}, set(evil))
        status, data = self.ask("GET", f"/v1/findings/export?format=falco&{query}")
        lines = [json.loads(line) for line in data.splitlines()]
        self.assertEqual({a["output_fields"]["proc.cmdline"] for a in lines}, set(evil))
        self.assertEqual(self.ask("GET", "/v1/findings/export?format=xml")[0], 400)
        self.assertEqual(self.ask("GET", "/v1/findings/export?filter=x")[0], 400)
        self.assertEqual(self.ask("GET", "/v1/findings/export", None, None)[0], 401)
        status, data = self.ask("GET", "/v1/findings/export?filter=" + urllib.parse.quote("rule = none"))
        self.assertEqual((status, data.count(b"\r\n")), (200, 1))

    def responses(self, finding):
        status, answer = self.ask("GET", f"/v1/findings/{finding['id']}/responses", None, self.viewer)
        self.assertEqual(status, 200, answer)
        return answer["items"]

    def test_respond(self):
        one = self.finding("resp1")
        path = f"/v1/findings/{one['id']}/respond"
        body = {"action": "kill", "reason": "miner"}
        self.assertEqual(self.ask("POST", path, body, self.viewer)[0], 403)
        for bad in ({"action": "format"}, {"reason": " "}, {"container": "x"}):
            self.assertEqual(self.ask("POST", path, {**body, **bad}, self.analyst)[0], 422, bad)
        self.assertEqual(self.ask("POST", path, {**body, "action": "stop_task"}, self.analyst)[1]["code"], "no_task")
        status, made = self.ask("POST", path, body, self.analyst)
        self.assertEqual((status, made["state"]), (202, "queued"))
        order = [o for o in self.agent.orders() if o["id"] == made["order"]][0]
        self.assertEqual((order["kind"], order["pid"], order["container"], order["finding"]),
                         ("kill", 4711, "resp1", one["id"]))
        self.assertEqual(order["start_ns"] % 10**9, 123456789)
        status, answer = self.ask("POST", f"/v1/agents/{self.agent.id}/orders/{made['order']}",
                                  {"ok": True, "result": "killed 4711"}, None, self.agent.headers)
        self.assertIn(status, (200, 204), answer)
        shown = self.responses(one)[0]
        self.assertEqual((shown["action"], shown["author"], shown["state"], shown["result"]),
                         ("kill", "anna", "done", "killed 4711"))
        self.assertTrue(self.audited("finding.respond"))

    def test_detection_on_purpose(self):
        """An order that makes the agent alert; who may not respond may not, ten a minute, and it is in the audit log."""
        path = f"/v1/agents/{self.agent.id}/test"
        self.assertEqual(self.ask("POST", path, None, self.viewer)[0], 403)
        self.assertEqual(self.ask("POST", "/v1/agents/a0000000000000000/test", None, self.analyst)[0], 404)
        made = [self.ask("POST", path, None, self.analyst) for _ in range(11)]
        self.assertEqual([status for status, _ in made], [202] * 10 + [429])
        self.assertEqual(made[-1][1]["code"], "too_many_tests")
        first = made[0][1]
        self.assertEqual(first["rule"], "Hinomi test detection")
        kinds = {o["id"]: o["kind"] for o in self.agent.orders()}
        self.assertEqual(kinds[first["order"]], "test")
        self.assertTrue(self.audited("agent.test"))
        other = Agent(self.server)
        self.assertEqual(self.ask("POST", f"/v1/agents/{other.id}/revoke")[0], 200)
        status, answer = self.ask("POST", f"/v1/agents/{other.id}/test", None, self.analyst)
        self.assertEqual((status, answer["code"]), (409, "not_active"))

    def test_what_happened(self):
        """What happened beside alerts: whose it is, and how much of each kind in which time."""
        now = int(time.time() * 1000)
        kinds = ["exec"] * 3 + ["dns"] * 2 + ["connect"]
        self.agent.send(*[{"activity": {"time_ms": now - 60000 * i, "kind": kind, "fields": {"proc.name": "act", "container.id": "act1"}}}
                          for i, kind in enumerate(kinds)])
        wanted = urllib.parse.quote('container.id = "act1"')
        status, page = self.ask("GET", f"/v1/activity?filter={wanted}", None, self.viewer)
        self.assertEqual((status, {i["agent"] for i in page["items"]}, len(page["items"])), (200, {self.agent.id}, 6))
        path = f"/v1/activity/histogram?filter={wanted}&from={now - 600000}&to={now + 1}"
        status, counted = self.ask("GET", f"{path}&width_ms=60000", None, self.viewer)
        self.assertEqual((status, counted["total"], counted["complete"], len(counted["buckets"])), (200, 6, True, 11))
        self.assertEqual({k: sum(b[k] for b in counted["buckets"]) for k in ("exec", "connect", "dns", "write")},
                         {"exec": 3, "connect": 1, "dns": 2, "write": 0})
        self.assertEqual(len(self.ask("GET", path)[1]["buckets"]), 60)
        for bad in (f"from={now}&to={now}", f"from={now - 10**9}&to={now}&width_ms=1", "filter=nonsense", "width_ms=0"):
            self.assertEqual(self.ask("GET", f"/v1/activity/histogram?{bad}")[0], 400, bad)

    def test_stop_task(self):
        ecs = {"task_arn": TASK, "cluster": "blue"}
        one = self.finding("task1", fields={"ecs.task.arn": TASK}, ecs=ecs)
        self.assertEqual(one["task_arn"], TASK)
        path = f"/v1/findings/{one['id']}/respond"
        status, made = self.ask("POST", path, {"action": "stop_task", "reason": "miner"}, self.analyst)
        self.assertEqual(status, 202, made)
        shown = until(lambda: [r for r in self.responses(one) if r["state"] != "queued"])[0]
        self.assertEqual((shown["state"], shown["target"]), ("done", TASK), shown)
        self.assertEqual(Ecs.seen[-1], ("POST", "/", None, {"cluster": "blue", "task": TASK, "reason": "miner"}))
        status, made = self.ask("POST", path, {"action": "stop_task", "reason": "go away"}, self.analyst)
        shown = until(lambda: [r for r in self.responses(one) if r["id"] == made["id"] and r["state"] != "queued"])[0]
        self.assertEqual(shown["state"], "failed")
        self.assertNotIn("/away", [s[1] for s in Ecs.seen])
        other = self.finding("task2", fields={"ecs.task.arn": TASK.replace("eu-central-1", "us-east-1")})
        if other["task_arn"]:
            made = self.ask("POST", f"/v1/findings/{other['id']}/respond",
                            {"action": "stop_task", "reason": "r"}, self.analyst)[1]
            until(lambda: [r for r in self.responses(other) if r["state"] == "failed"])

    def test_zz_limited(self):
        """So many a minute, whoever asks."""
        one = self.finding("limited")
        answers = [self.ask("POST", f"/v1/findings/{one['id']}/respond", {"action": "capture", "reason": "r"},
                            self.analyst)[0] for _ in range(40)]
        self.assertEqual(set(answers), {202, 429})
        self.assertLessEqual(answers.count(202), 30)


if __name__ == "__main__":
    sys.exit(run("findings"))
