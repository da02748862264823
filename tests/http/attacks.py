#!/usr/bin/env python3
"""What somebody would try against the server: one test for each kind of attack, each of which fails when the protection
is taken out. Agents against a rogue server: rogue.py. Usage: attacks.py SERVER"""
import csv
import ctypes
import io
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import PASSWORD, Server, receive, run, status_of, until  # noqa: E402

SERVER = os.path.abspath(sys.argv.pop(1))
RATES = {"HINOMI_LIMITS_RATE_PER_ADDRESS": "100000", "HINOMI_LIMITS_RATE_PER_PRINCIPAL": "100000"}
NDJSON = "application/x-ndjson"
SPOOL = "00000000000000a7"
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FORGED = "a\r\nhinomi-server: error: forged\x1b[2J\x07\u009b1mb"


def quoted(text):
    return urllib.parse.quote(text, safe="")


def alert(agent, n, **more):
    return {"hostname": "box", "output": "o", "output_fields": {"fd.name": "/kinsing"}, "priority": "Critical",
            "rule": "Malicious filenames written", "source": "syscall", "tags": [], "time": int(time.time() * 1000),
            "hinomi": {"id": f"{agent['id']}:b007:{n}", "container": {"id": "c1"}}, **more}


def lines(agent, first, count, **more):
    return "".join(json.dumps({"n": n, "alert": alert(agent, n, **more)}) + "\n" for n in range(first, first + count))


class Case(unittest.TestCase):
    """A server, one user of each role, two agents."""
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(SERVER, cls.settings, **RATES)
        cls.addClassCleanup(cls.server.remove)
        cls.admin = cls.server.administrator()
        cls.analyst, cls.viewer = (cls.server.user(cls.admin, name) for name in ("analyst", "viewer"))
        cls.one, cls.other = (cls.server.enrol(cls.admin, name, f"{n:016x}") for n, name in enumerate(("one", "other")))

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), self.server.log()[-4000:])
        self.assertEqual(self.server.ask("GET", "/v1/health").status, 200)

    def send(self, agent, first, body, path=None, spool=SPOOL, **more):
        return self.server.ask("POST", path or f"/v1/agents/{agent['id']}/batches", body, {
            **agent["headers"], "Content-Type": NDJSON, "Hinomi-Spool": spool, "Hinomi-First": str(first), **more})

    def stored(self, agent):
        return self.server.sure("GET", f"/v1/stats?agent={agent['id']}", bearer=self.admin)["stored"]["alerts"]

    def version(self):
        return self.server.sure("GET", "/v1/content", bearer=self.admin)["version"]

    def bundle(self, agent, after, path=None, timeout=20):
        return self.server.ask("GET", f"{path or '/v1/agents/' + agent['id']}/bundle?after={after}",
                               headers=agent["headers"], timeout=timeout)


def target_of(path, own="x"):
    return re.sub(r"\{\w+\}", "x", path.replace("{id}", own))


class Attacks(Case):
    def test_csrf(self):
        """With the victim's cookie, at each route that changes something: no page of another site gets through."""
        answer = self.server.ask("POST", "/v1/session", {"name": "admin", "password": PASSWORD})
        cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        right = {"X-Hinomi-CSRF": answer.json["csrf"]}
        others = self.server.ask("POST", "/v1/session", {"name": "viewer", "password": PASSWORD}).json["csrf"]
        forged = [{}, {"X-Hinomi-CSRF": ""}, {"X-Hinomi-CSRF": "A" * 43}, {"X-Hinomi-CSRF": others},
                  {"X-Hinomi-CSRF": answer.json["csrf"][:-1]}]
        forged += [{**right, **more} for more in (
            {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{self.server.port + 1}"},
            {"Origin": f"https://127.0.0.1:{self.server.port}"}, {"Origin": f"http://127.0.0.1:{self.server.port}.evil"},
            {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "x"})]
        tried = 0
        for method, path, operation in self.server.routes():
            if method == "GET" or operation.get("x-hinomi-permission") in ("agent", "enrol", "falco", None):
                continue
            for headers in forged:
                refused = self.server.ask(method, target_of(path), {}, {**cookie, **headers})
                self.assertEqual((refused.status, refused.code in ("csrf", "cross_site")), (403, True),
                                 (method, path, headers, refused))
                tried += 1
        self.assertGreater(tried, 300)
        before = self.version()
        body = json.dumps({"name": "by_form", "items": []})
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            refused = self.server.ask("POST", "/v1/lists", body, {**cookie, **right, "Content-Type": kind})
            self.assertEqual(refused.status, 415, kind)
        self.assertEqual(self.version(), before)
        self.assertEqual(self.server.ask("POST", "/v1/session", {"name": "viewer", "password": PASSWORD},
                                         {"Origin": "http://evil.example"}).status, 403)
        self.assertEqual(self.server.ask("PATCH", "/v1/me", {"theme": "dark"}, {
            **cookie, **right, "Origin": f"http://127.0.0.1:{self.server.port}"}).status, 200)
        # Reading changes nothing, and no other site may read.
        for method in ("GET", "OPTIONS"):
            answer = self.server.ask(method, "/v1/me", headers={**cookie, "Origin": "http://evil.example"})
            self.assertFalse([h for h in answer.headers if h.lower().startswith("access-control-")])

    def test_ssrf(self):
        """Nothing that anybody writes makes the server speak to somebody. What fetches by itself would be caught as it
        asks the proxy; what AWS's client may reach is AWS, whatever an alert says of its task. The environment's proxies are
        asked for nothing."""
        with socket.create_server(("127.0.0.1", 0)) as canary:
            port = canary.getsockname()[1]
            proxy = f"http://127.0.0.1:{port}"
            server = Server(SERVER, f"outbound: {{proxy: '{proxy}', allow_private: true}}\n", **RATES,
                            AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret", AWS_SESSION_TOKEN="", **{
                name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")})
            self.addCleanup(server.remove)
            admin = server.administrator()
            urls = [f"http://127.0.0.1:{port}/", f"http://[::ffff:127.0.0.1]:{port}/x",
                    "http://169.254.169.254/latest/meta-data/", f"//127.0.0.1:{port}/", "file:///etc/passwd"]
            server.sure("POST", "/v1/lists", {"name": "urls", "items": urls[:2]}, bearer=admin)
            for url in urls:
                for path, body in (("/v1/lists/urls/append", {"items": [url + "a"], "note": url}), ("/v1/enrolments", {"name": url}),
                                   ("/v1/content/check", {"text": f"- list: a\n  items: ['{url}']"}), ("/v1/backup", {"name": url}),
                                   ("/v1/tokens", {"name": url, "permissions": ["read"]})):
                    server.ask("POST", path, body, bearer=admin)
                for path in ("/v1/lists/urls/import?format=plain&kind=text", "/v1/content/import?name=" + quoted(url)):
                    server.ask("POST", path, url, {"Content-Type": "text/plain"}, bearer=admin)
                answer = server.ask("GET", "/v1/me", bearer=admin, headers={
                    "Referer": url, "X-Forwarded-Host": f"127.0.0.1:{port}", "X-Forwarded-For": "127.0.0.1",
                    "Forwarded": f"host=127.0.0.1:{port}", "X-Original-URL": url, "X-Rewrite-URL": url})
                self.assertEqual((answer.status, answer.headers["Location"]), (200, None))
            self.stop_tasks(server, admin, port)
            canary.settimeout(1)
            asked = []
            try:
                while True:
                    connection, _ = canary.accept()
                    with connection:
                        asked.append(connection.recv(4096).split(b"\r\n")[0].decode(errors="replace"))
            except socket.timeout:
                pass
            self.assertTrue(asked)
            for line in asked:
                self.assertRegex(line, r"^CONNECT ecs\.[a-z0-9-]+\.amazonaws\.com(\.cn)?:443 HTTP/1\.1$")
        for path in ("//evil.example/", "/http://evil.example/", "/\\evil.example", "/v1/me?next=http://evil.example"):
            answer, _ = self.server.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self.assertIn(status_of(answer), (400, 404))
            self.assertNotIn(b"\r\nLocation:", answer)

    def stop_tasks(self, server, admin, port):
        """Findings of a rogue agent whose tasks are anything but tasks."""
        agent = server.enrol(admin, "rogue")
        regions = ("eu-west-1", f"127.0.0.1:{port}/", "evil.example/a-b", "a-b@evil.example", "evil.example#-", "a-b.evil.example", "",
                   "-", "a-b\r\nHost: evil", "169.254.169.254", "eu-west-1?x", "..", "EU-WEST-1")
        for n, region in enumerate(regions, 1):
            arn = f"arn:aws:ecs:{region}:123456789012:task/blue/0123456789abcdef0123456789abcdef"
            sent = server.ask("POST", f"/v1/agents/{agent['id']}/batches", lines(agent, n, 1, rule=f"r{n}", ecs={"task_arn": arn},
                                                                                      hinomi={"id": f"{agent['id']}:b007:{n}", "ecs": {"task_arn": arn}}),
                              {**agent["headers"], "Content-Type": NDJSON, "Hinomi-Spool": SPOOL,
                                                                 "Hinomi-First": str(n)})
            self.assertEqual(sent.status, 200, sent)
        found = server.sure("GET", "/v1/findings?limit=100", bearer=admin)["items"]
        self.assertEqual(len(found), len(regions))
        statuses = [server.ask("POST", f"/v1/findings/{f['id']}/respond", {"action": "stop_task", "reason": "r"}, bearer=admin).status
                    for f in found]
        self.assertEqual(len([s for s in statuses if s // 100 == 2]), 1, statuses)

    def test_rebound_names(self):
        """A name of somebody else that was made to mean our address gets nothing, credentials or not."""
        for host in ("evil.example", f"evil.example:{self.server.port}", "127.0.0.1.evil.example", "localhost.evil.example",
                     "localhost.", "0x7f000001", "2130706433", "127.1", "[::1].evil", "metadata.google.internal"):
            for method, path in (("GET", "/v1/me"), ("GET", "/v1/health"), ("POST", "/v1/backup"), ("GET", "/v1/events")):
                answer = self.server.ask(method, path, headers={"Host": host, "X-Forwarded-Host": "localhost"},
                                         bearer=self.admin)
                self.assertEqual((answer.status, answer.code), (421, "not_this_host"), (host, path))
        answer, _ = self.server.send(b"GET http://evil.example/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(status_of(answer), 400)

    def harmless(self, answer, where):
        """Nothing that a browser would run, whatever is in it."""
        if not answer.body:
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        self.assertIn(kind, ("application/json", "application/problem+json", NDJSON, "text/csv", "text/plain",
                             "application/x-pem-file"), where)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff", where)
        policy = answer.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy, where)
        self.assertIn("frame-ancestors 'none'", policy, where)
        if kind in ("text/csv", NDJSON) or (kind == "text/plain" and answer.headers["Content-Disposition"]):  # files to keep
            self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment"), where)
        elif kind.endswith("json"):
            json.loads(answer.body.decode("utf-8"))
        else:
            self.assertNotIn("<script", answer.text, where)

    def test_xss(self):
        """What is stored by agents, Falco and people, and what is sent back of a request, at every route that reads."""
        agent = self.server.enrol(self.admin, SCRIPT[:60])
        fields = {"proc.cmdline": SCRIPT, "proc.name": SCRIPT, "fd.name": "/" + SCRIPT, "container.name": SCRIPT}
        self.assertEqual(self.send(agent, 1, lines(agent, 1, 1, rule=SCRIPT, output=SCRIPT, hostname=SCRIPT, tags=[SCRIPT],
                                                   output_fields=fields)).status, 200)
        self.assertEqual(self.send(agent, 2, json.dumps({"n": 2, "gap": {
            "kind": "x", "from_ms": 1, "to_ms": 2, "count": 1, "where": {"container": SCRIPT}, "why": SCRIPT}}) + "\n").status, 200)
        beat = {"version": SCRIPT, "hostname": SCRIPT, "health": {"ok": False, "reason": SCRIPT},
                "containers": [{"id": SCRIPT, "name": SCRIPT, "watched": False, "why": SCRIPT}]}
        self.server.sure("POST", f"/v1/agents/{agent['id']}/heartbeat", beat, agent["headers"])
        falco = self.server.sure("POST", "/v1/tokens", {"name": SCRIPT[:40], "permissions": ["falco"]}, bearer=self.admin)
        self.server.sure("POST", "/", {"rule": SCRIPT, "priority": "Error", "output": SCRIPT, "hostname": SCRIPT,
                                       "time": "2026-11-22T12:00:00Z", "output_fields": fields}, bearer=falco["token"])
        rule = f"- rule: '{SCRIPT.replace(chr(39), chr(39) * 2)}'\n  desc: '<script>'\n  condition: proc.name = a\n" \
               "  output: '<script>'\n  priority: INFO\n"
        self.server.sure("POST", "/v1/rules", {"text": rule, "comment": SCRIPT}, bearer=self.admin)
        self.server.sure("POST", "/v1/lists", {"name": "scripts", "items": [SCRIPT]}, bearer=self.admin)
        self.server.sure("POST", "/v1/lists/scripts/append", {"items": [SCRIPT + "2"], "note": SCRIPT}, bearer=self.admin)
        self.server.ask("PATCH", "/v1/me", {"display_name": SCRIPT[:60]}, bearer=self.analyst)
        self.server.ask("POST", "/v1/session", {"name": SCRIPT, "password": SCRIPT * 2})
        names = {"rules": SCRIPT, "lists": "scripts", "agents": agent["id"]}
        seen = b""
        for method, path, operation in self.server.routes():
            if method != "GET" or path == "/v1/events" or operation.get("x-hinomi-permission") == "agent":
                continue
            name = next((names[part] for part in path.split("/") if part in names), "x")
            real = target_of(path.replace("{name}", quoted(name)), agent["id"])
            real += {"/v1/audit/export": "?format=csv"}.get(path, "")
            answer = self.server.ask("GET", real, bearer=self.admin)
            self.harmless(answer, path)
            self.assertLess(answer.status, 500, (path, answer))
            seen += answer.body
        self.assertGreater(seen.count(b"alert(1)"), 10)
        for method, path, body in (
                ("GET", "/" + quoted(SCRIPT), None), ("GET", "/v1/health?" + quoted(SCRIPT) + "=1", None),
                ("GET", "/v1/findings?filter=" + quoted(SCRIPT), None), ("GET", "/v1/findings?sort=" + quoted(SCRIPT), None),
                ("GET", "/v1/findings/facets?facets=" + quoted(SCRIPT), None), ("GET", "/v1/rules/" + quoted(SCRIPT + "x"), None),
                ("POST", "/v1/lists", {"name": SCRIPT, "items": []}), ("POST", "/v1/rules", {"text": SCRIPT}),
                ("POST", "/v1/content/check", {"text": f"- rule: a\n  condition: {SCRIPT}\n"}), ("POST", "/v1/users", {SCRIPT: 1}),
                ("POST", "/v1/backup", {"name": SCRIPT}), ("POST", "/v1/content/import?conflicts=" + quoted(SCRIPT), "x"),
                ("PATCH", "/v1/me", {"time_zone": SCRIPT}), ("POST", "/v1/users", "{\"" + SCRIPT)):
            headers = {"Content-Type": "application/json"} if isinstance(body, str) else None
            answer = self.server.ask(method, path, body, headers, bearer=self.admin)
            self.assertIn(answer.status // 100, (2, 4), (path, answer))
            self.harmless(answer, path)
        answer = self.server.ask("GET", "/v1/health", headers={"Host": "x\"><script>"})
        self.assertEqual(answer.status, 421)
        self.harmless(answer, "Host")

    def test_path_traversal(self):
        """Neither paths of requests nor names in them lead out of anything."""
        before = sorted(os.listdir(self.server.base)), sorted(os.listdir("/tmp"))
        up = ("..", "%2e%2e", ".%2e", "%2e.", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e", "..;", "%c0%ae%c0%ae",
              "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "..%00", "%2e%2e%00", ".", "%2e", "")
        for dots in up:
            for start in ("/", "/v1/", "/v1/lists/", "/v1/rules/", "/assets/", "/v1/agents/", "/setup/"):
                for n in (1, 6):
                    path = start + (dots + "/") * n + "etc/passwd"
                    answer, _ = self.server.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                                                 f"{self.admin}\r\nConnection: close\r\n\r\n".encode())
                    self.assertIn(status_of(answer), (400, 404, 405), path)
                    self.assertNotIn(b"root:", answer)
        names = ("../x", "..", ".", "/etc/x", "a/../../x", "a/b", "..\\x", "a\\b", ".hidden", "x\0y", "x\ny", "\u2025/x", "x" * 300)
        for name in names:
            for path, body in (("/v1/backup", {"name": name}), ("/v1/lists", {"name": name, "items": []})):
                answer = self.server.ask("POST", path, body, bearer=self.admin)
                self.assertEqual(answer.status, 422, (path, name, answer))
            self.server.ask("POST", "/v1/macros", {"text": f"- macro: {json.dumps(name)}\n  condition: proc.name = a\n"},
                            bearer=self.admin)
            answer = self.server.ask("GET", "/v1/lists/" + quoted(name), bearer=self.admin)
            self.assertIn(answer.status, (400, 404), name)
        text = "- list: traversed\n  items: [a]\n"
        for name in ("../../x.yaml", "/etc/x.yaml", "a/b.yaml"):
            self.server.ask("POST", "/v1/content/import?name=" + quoted(name), text, {"Content-Type": "text/plain"}, bearer=self.admin)
        bundle = self.bundle(self.one, 0)
        self.assertEqual(bundle.status, 200)
        if shutil.which("zstd"):
            tar = subprocess.run(["zstd", "-dcq"], input=bundle.body, capture_output=True, check=True).stdout
            held = tarfile.open(fileobj=io.BytesIO(tar)).getnames()
            self.assertGreater(len(held), 1)
            self.assertFalse([n for n in held if not re.fullmatch(r"(rules/|lists/)?[^/.][^/]*", n)])
        fresh = sorted(os.listdir(self.server.base)), sorted(os.listdir("/tmp"))
        self.assertEqual(fresh[0], before[0])
        self.assertFalse([n for n in set(fresh[1]) - set(before[1]) if n.startswith("x")])

    def test_idor(self):
        """Whatever number is guessed: what belongs to another is not there; roles are asked at each object."""
        ask = self.server.ask
        token = self.server.sure("POST", "/v1/tokens", {"name": "a", "permissions": ["read"]}, bearer=self.admin)
        enrolment = self.server.sure("POST", "/v1/enrolments", {"name": "b"}, bearer=self.admin)
        own = self.server.sure("GET", "/v1/session", bearer=self.admin)["id"]
        for who in (self.viewer, self.analyst):
            self.assertEqual(ask("DELETE", f"/v1/tokens/{token['id']}", bearer=who).status, 404)
            self.assertEqual(ask("DELETE", f"/v1/sessions/{own}", bearer=who).status, 404)
            self.assertEqual(ask("GET", "/v1/tokens", bearer=who).json["items"], [])
            self.assertNotIn(own, [s["id"] for s in ask("GET", "/v1/sessions", bearer=who).json["items"]])
            for path in ("/v1/tokens?all=true", f"/v1/enrolments/{enrolment['id']}", "/v1/users/admin", "/v1/audit",
                         "/v1/users/admin/sessions", "/v1/audit/export"):
                self.assertEqual(ask("GET", path, bearer=who).status, 403, path)
            for method, path in (("DELETE", "/v1/users/admin"), ("PATCH", "/v1/users/viewer"), ("DELETE", f"/v1/agents/{self.one['id']}"),
                                 ("POST", f"/v1/agents/{self.one['id']}/revoke"), ("DELETE", f"/v1/enrolments/{enrolment['id']}")):
                self.assertEqual(ask(method, path, {}, bearer=who).status, 403, path)
        for method, path, operation in self.server.routes():
            needs = operation.get("x-hinomi-permission")
            if needs in ("content", "triage", "respond", "admin", "agent", "enrol", "falco"):
                self.assertEqual(ask(method, target_of(path, self.one["id"]), None if method == "GET" else {},
                                     bearer=self.viewer).status, 403, (method, path))
        if ask("GET", "/v1/filters", bearer=self.viewer).status == 200:
            made = self.server.sure("POST", "/v1/filters", {"name": "mine", "filter": "severity >= 7"}, bearer=self.analyst)
            path = f"/v1/filters/{made['id']}"
            self.assertNotIn(made["id"], [f["id"] for f in ask("GET", "/v1/filters", bearer=self.viewer).json["items"]])
            for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("PUT", {"name": "x", "filter": "severity >= 1"}), ("DELETE", None)):
                self.assertIn(ask(method, path, body, bearer=self.viewer).status, (403, 404, 405), method)
        self.assertEqual(ask("GET", "/v1/me", bearer=token["token"]).status, 200)
        self.assertEqual(ask("GET", "/v1/me", bearer=self.admin).status, 200)

    def test_cookie_tossing(self):
        """Over TLS only a cookie that browsers take from this very host is a session: others of the domain cannot log somebody in."""
        server = Server(SERVER, settings="trusted_proxies: [127.0.0.1]\n")
        self.addCleanup(server.remove)
        server.administrator()
        tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        body = {"name": "admin", "password": PASSWORD}
        over_tls = server.ask("POST", "/v1/session", body, tls).headers["Set-Cookie"].split(";")
        plain = server.ask("POST", "/v1/session", body).headers["Set-Cookie"].split(";")
        self.assertTrue(over_tls[0].startswith("__Host-hinomi_session=hs_") and plain[0].startswith("hinomi_session=hs_"))
        self.assertTrue({" Secure", " Path=/"} <= set(over_tls) and not [a for a in over_tls if "omain" in a])
        me = lambda cookie, more: server.ask("GET", "/v1/me", headers={"Cookie": cookie, **more}).status  # noqa: E731
        self.assertEqual((me(over_tls[0], tls), me(plain[0], {})), (200, 200))
        self.assertEqual((me(plain[0], tls), me(over_tls[0], {})), (401, 401))

    def test_session_fixation(self):
        """No secret that came with a log-in becomes a session; each log-in has its own; ended ones stay ended."""
        def cookie_of(**headers):
            answer = self.server.ask("POST", "/v1/session", {"name": "viewer", "password": PASSWORD}, headers or None)
            self.assertEqual(answer.status, 201)
            return answer.headers["Set-Cookie"], answer.json["csrf"]
        fixed = "hs_" + "F" * 43
        first, csrf = cookie_of(Cookie="hinomi_session=" + fixed)
        kept = first.split(";")[0]
        second, other_csrf = cookie_of(Cookie=kept)
        self.assertEqual(len({fixed, kept.split("=")[1], second.split(";")[0].split("=")[1]}), 3)
        self.assertNotEqual(csrf, other_csrf)
        for attribute in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(attribute, first)
        self.assertNotIn("Domain", first)
        me = lambda headers: self.server.ask("GET", "/v1/me", headers=headers).status  # noqa: E731
        self.assertEqual((me({"Cookie": "hinomi_session=" + fixed}), me({"Authorization": "Bearer " + fixed})), (401, 401))
        secret = kept.split("=")[1]
        for path in (f"/v1/me?hinomi_session={secret}", f"/v1/me;hinomi_session={secret}", f"/v1/me?access_token={secret}"):
            self.assertIn(self.server.ask("GET", path).status, (400, 401, 404))
        self.assertEqual(me({"Cookie": kept}), 200)
        self.assertEqual(self.server.ask("DELETE", "/v1/session", headers={"Cookie": kept, "X-Hinomi-CSRF": csrf}).status, 204)
        self.assertEqual((me({"Cookie": kept}), me({"Cookie": second.split(";")[0]})), (401, 200))

    def test_request_smuggling(self):
        """Nothing behind a refused request is taken for another one: it would have the rights of whoever sent it."""
        names = iter(range(1000))

        def hidden():
            body = json.dumps({"name": f"smuggled{next(names)}"}).encode()
            return (b"POST /v1/enrolments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + self.admin.encode() +
                    b"\r\nContent-Type: application/json\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        start = b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        framings = (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
                    b"Transfer-Encoding:chunked\r\nTransfer-Encoding: x\r\n", b"Content-Length: 5\r\nContent-Length: 0\r\n",
                    b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 0x5\r\n", b"Content-Length: +5\r\n",
                    b"Content-Length: 5, 5\r\n", b"Content-Length : 5\r\n", b"Content-Length:\r\n 5\r\n", b"Content-Length: 5\n",
                    b"Content-Length: 4294967301\r\n", b"Content-Length: 18446744073709551621\r\n", b"X: y\0\r\nContent-Length: 5\r\n",
                    b"Expect: 100-continue\r\nContent-Length: 99999999\r\n")
        for framing in framings:
            for body in (b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5e\r\n"):
                answer, ended = self.server.send(start + framing + b"\r\n" + body + hidden())
                self.assertTrue(ended, (framing, answer))
                self.assertNotIn(b"HTTP/1.1 2", answer, (framing, answer))
        # Refused before the body was read: the body is no request.
        for first in (b"POST /none", b"PUT /v1/session", b"POST /v1/backup", b"BREW /v1/session", b"POST /v1/session?x=1"):
            inner = hidden()
            answer, ended = self.server.send(first + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + str(len(inner)).encode() +
                                             b"\r\n\r\n" + inner + hidden())
            self.assertEqual((ended, answer.count(b"HTTP/1.1 ")), (True, 1), answer)
        # Refused with a body that was read whole: the next request is one.
        answer, _ = self.server.send(start + b"Content-Length: 2\r\n\r\n{}" + hidden())
        self.assertEqual([int(s) for s in re.findall(rb"HTTP/1\.1 (\d+)", answer)], [422, 201])
        made = [e["name"] for e in self.server.sure("GET", "/v1/enrolments?limit=100", bearer=self.admin)["items"]]
        self.assertEqual(len([n for n in made if n.startswith("smuggled")]), 1)

    def test_decompression_bombs(self):
        """What is small and says that it is large stays small; what nobody asked for packed is not unpacked."""
        zstd = ctypes.CDLL("libzstd.so.1")
        for name in ("ZSTD_compress", "ZSTD_compressBound"):
            getattr(zstd, name).restype = ctypes.c_size_t

        def pack(data):
            room = ctypes.create_string_buffer(zstd.ZSTD_compressBound(ctypes.c_size_t(len(data))))
            n = zstd.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), 3)
            return room.raw[:n]

        def zeros(blocks, window=0x50):
            frame = b"\x28\xb5\x2f\xfd\x00" + bytes([window])
            for i in range(blocks):
                frame += ((i == blocks - 1) | 1 << 1 | (128 * 1024) << 3).to_bytes(3, "little") + b"\0"
            return frame
        packed = {"Content-Encoding": "zstd"}
        before = self.resident()
        good = lines(self.one, 1, 2).encode()
        liar = b"\x28\xb5\x2f\xfd\xe0" + (1 << 62).to_bytes(8, "little") + zeros(1)[6:]
        for body, statuses in (
                (zeros(30000), (413,)), (zeros(2, 0xf0), (400,)), (zeros(2, 0xa8), (400,)), (zeros(1)[:-1], (400,)),
                (zeros(200) * 200, (413,)), (pack(pack(b"\0" * (16 << 20))), (422,)), (pack(good)[:-4], (400,)),
                (pack(good) + b"garbage", (400,)), (b"\x50\x2a\x4d\x18\xff\xff\xff\xff", (400,)), (liar, (400, 413)), (b"", (400, 422)),
                (pack(b"\n" * (8 << 20)), (422,)), (pack(b"[" * (8 << 20)), (422,)), (pack(b'{"a":' * 100000), (422,)),
                (b"\x1f\x8b\x08" + b"\0" * 100, (400,))):
            answer = self.send(self.one, 1, body, spool="00000000000000b0", **packed)
            self.assertIn(answer.status, statuses, (body[:20], answer))
        for encoding in ("gzip", "deflate", "br", "zstd, gzip", "gzip, zstd", "zstd, zstd", "x"):
            self.assertEqual(self.send(self.one, 1, b"\x1f\x8b", **{"Content-Encoding": encoding}).status, 415, encoding)
        for path in ("/v1/tokens", "/v1/lists"):
            refused = self.server.ask("POST", path, pack(b"{}"), {"Content-Type": "application/json", **packed}, bearer=self.admin)
            self.assertEqual(refused.status, 415)
        threads = [threading.Thread(target=self.send, args=(self.one, 1, zeros(30000)), kwargs=packed) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(self.resident() - before, 400 << 20)
        self.assertEqual(self.send(self.one, 1, pack(good), spool="00000000000000b0", **packed).status, 200)

    def resident(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) << 10

    def test_idle_connections(self):
        """Many that say nothing, and some that wait for events and rules; ten thousand: run.py."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        n, held = min(1500, hard - 300), []
        waiting = (f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.viewer}\r\n\r\n",
                   f"GET /v1/agents/{self.one['id']}/bundle?after={self.version()} HTTP/1.1\r\nHost: localhost\r\n" +
                   "".join(f"{k}: {v}\r\n" for k, v in self.one["headers"].items()) + "\r\n",
                   "GET /v1/hea", "")
        try:
            for i in range(n):
                held.append(self.server.raw())
                held[-1].sendall(waiting[i % 4 if i < 400 else 3].encode())
            for _ in range(20):
                self.assertEqual(self.server.ask("GET", "/v1/me", bearer=self.admin, timeout=5).status, 200)
            self.assertEqual(self.send(self.other, 1, lines(self.other, 1, 5), spool="00000000000000d1").status, 200)
        finally:
            for connection in held:
                connection.close()

    def test_csv_injection(self):
        """No cell of an export begins a formula, and none breaks out of its place."""
        starts = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://evil\",\"x\")", "a\",=1+1,\"b")
        for start in starts:
            for path in ("/v1/enrolments", "/v1/tokens"):
                self.server.ask("POST", path, {"name": start, "permissions": ["read"]} if "tokens" in path else {"name": start},
                                bearer=self.admin)
            self.server.ask("POST", "/v1/lists", {"name": start, "items": []}, bearer=self.admin)
            self.server.ask("POST", "/v1/rules", {"comment": start, "text": f"- rule: {json.dumps('r ' + start)}\n  desc: d\n"
                            "  condition: proc.name = a\n  output: o\n  priority: INFO\n"}, bearer=self.admin)
            self.server.ask("POST", "/v1/agents", {"name": start}, headers={"User-Agent": start}, bearer="he_" + "a" * 43)
        agent = self.server.enrol(self.admin, "=agent()")
        self.send(agent, 1, "".join(lines(agent, n, 1, rule=s, output=s, output_fields={"proc.cmdline": s, "fd.name": s})
                                    for n, s in enumerate(starts, 1)))
        exports = ["/v1/audit/export?format=csv"]
        exports += [p + "?format=csv" for m, p, _ in self.server.routes() if p == "/v1/findings/export" and m == "GET"]
        for path in exports:
            answer = self.server.ask("GET", path, bearer=self.admin)
            self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0]), (200, "text/csv"))
            rows = list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))
            self.assertGreater(len(rows), 5)
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})
            for row in rows:
                for cell in row:
                    self.assertFalse(re.match(r"[=+@\t\r\n]|-(?!\d+(\.\d+)?$)", cell), (path, cell))

    def test_replayed_uploads(self):
        """The same batch again, of another agent, with another's credential, spool or path: kept once or not at all."""
        body = lines(self.one, 1, 10)
        spool = "00000000000000e0"
        for _ in range(3):
            self.assertEqual(self.send(self.one, 1, body, spool=spool).json, {"ack": 10})
        stored = self.stored(self.one)
        again = self.send(self.one, 1, body, spool="00000000000000e1")  # a spool that says it is new
        self.assertEqual((again.status, self.stored(self.one)), (200, stored))
        before = self.stored(self.other)
        refused = self.send(self.other, 1, body, spool=spool)
        self.assertEqual((refused.status, refused.json["record"]), (422, 1))
        refused = self.send(self.one, 11, lines(self.other, 11, 1), f"/v1/agents/{self.other['id']}/batches", spool=spool)
        self.assertEqual((refused.status, refused.code), (403, "not_yours"))
        prefix = dict(self.other, id=self.one["id"][:-1])  # an id that begins like ours
        self.assertEqual(self.send(self.one, 11, lines(prefix, 11, 1), spool=spool).status, 422)
        self.assertEqual(self.stored(self.other), before)
        self.assertEqual(self.send(self.other, 1, lines(self.other, 1, 1), spool=spool).json, {"ack": 1})
        self.assertEqual(self.send(self.one, 11, lines(self.one, 11, 1), spool=spool).json, {"ack": 11})

    def test_rogue_agent(self):
        """One agent's credential gives nothing of another's, nor of people's."""
        before = self.server.sure("GET", f"/v1/agents/{self.other['id']}", bearer=self.admin)
        for method, path, operation in self.server.routes():
            body = None if method == "GET" else {}
            if operation.get("x-hinomi-permission") == "agent":
                for theirs in (self.other["id"], self.other["id"].upper(), quoted(self.one["id"] + "/" + self.other["id"]), "x"):
                    refused = self.server.ask(method, target_of(path, theirs), body, self.one["headers"])
                    self.assertEqual((refused.status, refused.code), (403, "not_yours"), (method, path, refused))
            elif operation.get("x-hinomi-permission"):
                refused = self.server.ask(method, target_of(path, self.one["id"]), body, self.one["headers"])
                self.assertEqual(refused.status, 403, (method, path, refused))
        after = self.server.sure("GET", f"/v1/agents/{self.other['id']}", bearer=self.admin)
        self.assertEqual({k: before[k] for k in ("id", "state", "name")}, {k: after[k] for k in ("id", "state", "name")})
        self.assertEqual(self.server.ask("POST", f"/v1/agents/{self.one['id']}/orders/1", {"ok": True}, self.one["headers"]).status, 404)

    def test_endless_credentials(self):
        """An agent that asks for one credential after the other fills neither the store nor the audit log."""
        agent = self.server.enrol(self.admin, "greedy")
        statuses = [self.server.ask("POST", f"/v1/agents/{agent['id']}/credential", {}, agent["headers"]).status for _ in range(60)]
        self.assertLess(statuses.count(201), 40)
        self.assertEqual(statuses[-1], 503)
        self.assertEqual(self.server.ask("GET", f"/v1/agents/{agent['id']}/credential", headers=agent["headers"]).status, 200)

    def test_numbers_that_are_too_large(self):
        """An agent that says it has a version of the far future does not hide those that have one of the near."""
        self.assertEqual(self.send(self.one, 1, "".join(json.dumps({"n": n, "gap": {
            "kind": "x", "from_ms": 0, "to_ms": (1 << 63) - 1, "count": (1 << 63) - 1, "where": {}, "why": ""}}) + "\n"
            for n in (1, 2)), spool="00000000000000f0").status, 200)
        self.server.sure("GET", f"/v1/stats?agent={self.one['id']}", bearer=self.admin)
        for query in ("from=-9223372036854775807&to=9223372036854775807&width_ms=1", "width_ms=4611686018427387903",
                      "from=9223372036854775807", "to=-9223372036854775807&width_ms=1"):
            self.assertLess(self.server.ask("GET", "/v1/findings/histogram?" + query, bearer=self.admin).status, 500, query)
        version = self.version()
        with self.server.raw() as connection:
            connection.sendall((f"GET /v1/agents/{self.one['id']}/bundle?after={(1 << 63) - 1} HTTP/1.1\r\nHost: localhost\r\n" +
                                "".join(f"{k}: {v}\r\n" for k, v in self.one["headers"].items()) + "\r\n").encode())
            time.sleep(0.3)
            answer = self.bundle(self.other, version + 7, timeout=90)
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(int(answer.headers["Hinomi-Version"]), version + 7)
        self.assertLess(self.version(), version + 1000)

    def test_revoked_while_waiting(self):
        """A revocation counts for requests that wait already."""
        agent = self.server.enrol(self.admin, "leaver")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.bundle(agent, self.version(), timeout=90)))
        waiting.start()
        time.sleep(0.5)
        self.server.sure("POST", f"/v1/agents/{agent['id']}/revoke", {}, bearer=self.admin)
        self.server.sure("POST", "/v1/lists", {"name": "after_revocation", "items": ["secret"]}, bearer=self.admin)
        waiting.join(30)
        self.assertEqual([(a.status, a.code) for a in answers], [(401, "agent_revoked")])


class Slow(Case):
    settings = "limits: {header_seconds: 1}\n"

    def closed(self, connection, piece, wait_s):
        """How long the server bears with somebody who is never silent for long."""
        begun = time.monotonic()
        connection.setblocking(False)
        while time.monotonic() - begun < 40:
            try:
                connection.send(piece)
            except BlockingIOError:
                pass
            except OSError:
                return time.monotonic() - begun
            try:
                if connection.recv(512) == b"":
                    return time.monotonic() - begun
            except BlockingIOError:
                pass
            except OSError:
                return time.monotonic() - begun
            time.sleep(wait_s)
        raise AssertionError("it is still open")

    def test_slow_headers(self):
        with self.server.raw() as connection:
            connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n")
            self.assertLess(self.closed(connection, b"X: y\r\n", 0.3), 15)

    def test_slow_body(self):
        with self.server.raw() as connection:
            connection.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               b"Content-Length: 8000\r\n\r\n")
            self.assertLess(self.closed(connection, b" ", 0.05), 15)

    def test_slow_reader(self):
        """Of a reply that is there, and of one that is made while it is sent."""
        items = [os.urandom(16).hex() for _ in range(9000)]
        self.server.sure("POST", "/v1/lists", {"name": "noise", "items": []}, bearer=self.admin)
        self.server.sure("POST", "/v1/lists/noise/import?kind=text", "\n".join(items * 1), {"Content-Type": "text/plain"}, bearer=self.admin)
        until(lambda: self.server.sockets() == 0)
        streamed = (f"GET /v1/agents/{self.one['id']}/bundle?after=0 HTTP/1.1\r\nHost: localhost\r\n" +
                    "".join(f"{k}: {v}\r\n" for k, v in self.one["headers"].items()) + "\r\n").encode()
        for request in (b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200, streamed * 40):
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", self.server.port))
                connection.settimeout(1)
                try:
                    connection.sendall(request)
                except OSError:
                    pass
                begun, taken = time.monotonic(), 0
                connection.setblocking(False)
                while time.monotonic() - begun < 40 and self.server.sockets() > 0:
                    try:
                        taken += len(connection.recv(256))
                    except OSError:
                        pass
                    time.sleep(0.1)
                self.assertEqual(self.server.sockets(), 0, taken)


class Logged(Case):
    settings = "access_log: true\n"

    def test_log_injection(self):
        """Each line of the log is one of the server's, with nothing in it that a terminal would act on."""
        raw = FORGED.encode()
        for data in (b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\x1b[2J\x9bb\r\nX-Forwarded-For: 1.2.3.4\x07\r\n\r\n",
                     b"GET /v1/h\x1b[2Jealth HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /\xc2\x9b HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"B\x1bEW / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /" + quoted(FORGED).encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health HTTP/1.1\r\nHost: " + quoted(FORGED).encode() + b"\r\n\r\n", raw + b"\r\n\r\n"):
            self.server.send(data)
        for name in (FORGED, FORGED.replace("\r\n", " ")):
            self.server.ask("POST", "/v1/session", {"name": name, "password": PASSWORD})
            self.server.ask("POST", "/v1/users", {"name": name, "role": "viewer", "password": PASSWORD}, bearer=self.admin)
            self.server.ask("POST", "/v1/lists", {"name": name, "items": []}, bearer=self.admin)
            self.server.ask("POST", "/v1/backup", {"name": name}, bearer=self.admin)
            made = self.server.ask("POST", "/v1/enrolments", {"name": name}, bearer=self.admin)
            token = made.json["token"] if made.status == 201 else self.server.sure("POST", "/v1/enrolments", {"name": "n"}, bearer=self.admin)["token"]
            self.server.ask("POST", "/v1/agents", {"name": name, "hostname": name, "kernel": name, "instance": "0" * 16}, bearer=token)
            self.send(self.one, 1, lines(self.one, 1, 1, rule=name, output=name, hostname=name))
            self.server.ask("POST", f"/v1/agents/{self.one['id']}/heartbeat", {"version": name, "health": {"ok": False, "reason": name}},
                            self.one["headers"])
            self.server.ask("GET", "/v1/findings?filter=" + quoted(name), bearer=self.admin)
            self.server.ask("GET", "/v1/lists/" + quoted(name), bearer=self.admin)
        # The same with a store that fails, whose reasons are logged, too.
        log = self.server.log()
        self.assertIn("access: ", log)
        for line in log.rstrip("\n").split("\n"):
            self.assertTrue(line.startswith("hinomi-server: "), repr(line))
            self.assertIsNone(re.search("[\x00-\x1f\x7f]|\u00c2[\u0080-\u009f]", line), repr(line))
        self.assertNotIn("hinomi-server: error: forged", [line[:28] for line in log.split("\n")])
        for secret in (self.admin, self.one["credential"], PASSWORD):
            self.assertNotIn(secret, log)
        with open(f"/proc/{self.server.process.pid}/cmdline", encoding="ascii") as file:
            self.assertNotRegex(file.read(), "h[setau]_")

    def test_audit_injection(self):
        """One entry is one line, whatever names are in it."""
        for name in (FORGED, "a\u2028b", "a\u0085b"):
            self.server.ask("POST", "/v1/tokens", {"name": name, "permissions": ["read"]}, bearer=self.admin)
            self.server.ask("POST", "/v1/rules", {"comment": name, "text": f"- list: l\n  items: [{json.dumps(name)}]\n"}, bearer=self.admin)
            self.server.ask("DELETE", "/v1/users/" + quoted(name), bearer=self.admin)
            self.server.ask("GET", "/v1/audit/export", headers={"User-Agent": "x"}, bearer=self.viewer)
        text = self.server.ask("GET", "/v1/audit/export", bearer=self.admin).text
        for line in text.rstrip("\n").split("\n"):
            self.assertIn("action", json.loads(line))
            self.assertIsNone(re.search("[\x00-\x1f\x7f]", line), line)


sys.exit(run("attacks"))
