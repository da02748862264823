#!/usr/bin/env python3
"""The verbs that talk to a server, against a server of the tests' own: tables, JSON, paging, arguments, errors,
secrets. Usage: client.py HINOMI"""
import fcntl
import http.server
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest
import urllib.parse

HINOMI = os.path.abspath(sys.argv.pop(1))
HOSTILE = "a\x1b[31m\x9b\u202e\u200b\tb\nc\u2066\U000e0041\x7f"
VISIBLE = "a\\x1b[31m\\u{9b}\\u{202e}\\u{200b}\\tb\\nc\\u{2066}\\u{e0041}\\x7f"


def finding(n, **more):
    return {"id": f"f{n:024x}", "severity": 9.5, "band": "critical", "last_seen_ms": 1795350057460, "count": n, "status": "new",
            "title": f"Rule {n}", "container_name": None, "container_id": "0123456789ab", "host": "h", "version": 1,
            "proc_cmdline": "x", "file": None, **more}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        asked = (self.command, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
        self.server.asked.append((*asked, body.decode(), dict(self.headers)))
        status, answer, kind = self.server.answer(*asked)
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


class Client(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="hinomi-client-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.asked, self.server.answer = [], lambda *_: (200, {"items": [], "next": None, "total": 0}, "application/json")
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "TZ": "UTC", "HINOMI_URL": self.url, "HINOMI_TOKEN": "ht_secret"}

    def run_it(self, *words, text="", env=None):
        done = subprocess.run([HINOMI, *words], input=text.encode(), capture_output=True, timeout=60, env=env or self.env, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def answers(self, answer, status=200, kind="application/json"):
        self.server.answer = lambda *_: (status, answer, kind)

    def findings(self, *items):
        self.answers({"items": list(items), "next": None, "total": len(items)})

    def test_table(self):
        self.findings(finding(1), finding(20, title="Two", severity=3.9))
        status, out, err = self.run_it("findings")
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(lines[0].split(), "SEVERITY LAST SEEN COUNT STATUS FINDING CONTAINER HOST COMMAND FILE ID".split())
        self.assertRegex(lines[1], r"^critical 9\.5  2026-11-22 12:20:57 +1  new +Rule 1 +0123456789ab +h +x +- +f0+1$")
        self.assertRegex(lines[2], r"^low 3\.9 .* 20  new +Two ")
        self.assertEqual(self.server.asked[0][4]["Authorization"], "Bearer ht_secret")

    def test_hostile_text(self):
        self.findings(finding(1, title=HOSTILE, proc_cmdline=HOSTILE))
        for words in (("findings",), ("findings", "show", "f1")):
            if words[1:]:
                self.answers(finding(1, title=HOSTILE.replace("\n", "")))
            out = self.run_it(*words)[1]
            self.assertIn(VISIBLE if not words[1:] else VISIBLE.replace("\\n", ""), out)
            for bad in "\x1b\x9b\u202e\u200b\u2066\x7f":
                self.assertNotIn(bad, out)
        self.findings(finding(1, title=HOSTILE))
        self.assertEqual(json.loads(self.run_it("findings", "--json")[1])["items"][0]["title"], HOSTILE)

    def terminal(self, columns, *words):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([HINOMI, *words], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL, env=self.env) as process:
            os.close(slave)
            out = b""
            try:
                while part := os.read(master, 65536):
                    out += part
            except OSError:
                pass
            process.wait(60)
        os.close(master)
        return out.decode().replace("\r\n", "\n")

    def test_fits_the_terminal(self):
        self.findings(finding(1, title="t" * 200, proc_cmdline="c" * 300, file="/" + "f" * 100))
        for columns in (160, 200):
            for line in self.terminal(columns, "findings").splitlines():
                self.assertLessEqual(len(line), columns)
        self.assertIn("…", self.terminal(160, "findings"))
        self.assertNotIn("…", self.run_it("findings")[1])
        self.findings(finding(1, title="見張り" * 40))
        for line in self.terminal(160, "findings").splitlines():
            self.assertLessEqual(sum(2 if ord(c) > 0x2e80 else 1 for c in line), 160)

    def test_paging(self):
        def pages(_method, _path, query):
            begin = int(query.get("cursor", 0))
            n = min(int(query["limit"]), 250 - begin)
            more = str(begin + n) if begin + n < 250 else None
            return 200, {"items": [finding(begin + i) for i in range(n)], "next": more, "total": 250}, "application/json"
        self.server.answer = pages
        for limit, shown, following in ((None, 100, "100"), (1, 1, "1"), (99, 99, "99"), (101, 101, "101"), (250, 250, None),
                                        (1000, 250, None)):
            words = ("findings", "--json") + (("--limit", str(limit)) if limit else ())
            answer = json.loads(self.run_it(*words)[1])
            self.assertEqual((len(answer["items"]), answer["next"], answer["total"]), (shown, following, 250), limit)
        self.assertIn("100 shown, 250 in all", self.run_it("findings")[2])

    def test_arguments(self):
        for words, said in ((("findings", "--limit", "0"), "--limit is a number"), (("findings", "--limit", "1x"), "--limit is a number"),
                            (("findings", "shw", "x"), "did you mean `show`?"), (("findings", "show"), "it needs ID"),
                            (("findings", "show", "a", "b"), "too many"), (("findings", "list", "--status", "new"), "does not belong"),
                            (("findings", "set", "x"), "--status"), (("findings", "set", "--status", "new"), "name findings"),
                            (("findings", "set", "x", "--filter", "a", "--status", "new"), "name findings"),
                            (("lists", "append", "x"), "it needs NAME ITEM"), (("lists", "revert", "x"), "--to-version"),
                            (("agents", "enrol", "--expires", "3y"), "m, h or d"), (("rules", "server", "put", "x"), "--file"),
                            (("users", "set", "x"), "what is to be changed"), (("backup", "--wait"), "unrecognized option"),
                            (("findings", "respond", "f"), "it needs ID ACTION"), (("findings", "respond", "f", "kill"), "--reason"),
                            (("findings", "respond", "f", "kill", "--reason", "r", "--timeout", "-1"), "--timeout is a number"),
                            (("exceptions", "preview", "proc.name=x"), "--finding or --rule"),
                            (("exceptions", "preview", "--rule", "R", "--finding", "f"), "--finding or --rule"),
                            (("exceptions", "preview", "--rule", "R", "--days", "32"), "--days is a number"),
                            (("exceptions", "add", "--rule", "R", "a=b"), "--reason"), (("exceptions", "add", "--rule", "R"), "it needs"),
                            (("exceptions", "add", "--rule", "R", *["a=b"] * 17), "too many"),
                            *((("exceptions", "add", "--rule", "R", "--reason", "r", word), "FIELD=VALUE")
                              for word in ("", "a", "a=", "=b", " = b", "a in", "a in ", "a!b")),
                            (("exceptions", "end"), "it needs ID"), (("suppressions", "add", "n", "--reason", "r"), "--filter"),
                            (("suppressions", "add", "n", "--filter", "a"), "--reason"), (("filters", "add", "n"), "--filter"),
                            (("filters", "set", "1"), "what is to be changed"), (("exceptions", "set", "1"), "what is to be changed"),
                            (("suppressions", "set", "1", "--expires", "soon"), "or never"),
                            (("filters", "set", "1", "--shared", "--private"), "not both")):
            status, out, err = self.run_it(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(said, err, words)
        self.assertEqual(self.server.asked, [])

    def test_requests(self):
        self.answers({"version": 7, "changed": 1, "unchanged": 0, "in_force": 2, "failed": 0, "agents": 2, "status": "new"})
        for words, method, path, body in (
                (("findings", "set", "f/1", "--status", "new", "--assignee", ""), "PATCH", "/v1/findings/f%2F1",
                 {"status": "new", "assignee": None}),
                (("findings", "set", "a", "b", "--status", "new"), "POST", "/v1/findings/bulk", {"status": "new", "ids": ["a", "b"]}),
                (("lists", "append", "..", "--", "-x", "y z"), "POST", "/v1/lists/%2E./append", {"items": ["-x", "y z"]}),
                (("policies", "disable", "P q"), "PATCH", "/v1/policies/P%20q", {"enabled": False}),
                (("agents", "revoke", "a1"), "POST", "/v1/agents/a1/revoke", None),
                (("findings", "respond", "f1", "kill", "--reason", "r"), "POST", "/v1/findings/f1/respond", {"action": "kill", "reason": "r"}),
                (("exceptions", "preview", "--finding", "f"), "POST", "/v1/exceptions/preview", {"finding": "f", "days": 7}),
                (("exceptions", "add", "--rule", "R", "--reason", "r", "a=b=c d", "b != x", "c in x, y z,p\\,q,\\", "proc.aname[2] startswith  /x "),
                 "POST", "/v1/exceptions", {"rule": "R", "reason": "r", "fields": [
                     {"field": "a", "op": "=", "value": "b=c d"}, {"field": "b", "op": "!=", "value": "x"},
                     {"field": "c", "op": "in", "value": ["x", "y z", "p,q", "\\"]},
                     {"field": "proc.aname[2]", "op": "startswith", "value": "/x"}]}),
                (("exceptions", "end", "7"), "DELETE", "/v1/exceptions/7", None),
                (("suppressions", "add", "N", "--filter", "a = b", "--reason", "r", "--existing"), "POST", "/v1/suppressions",
                 {"name": "N", "filter": "a = b", "reason": "r", "existing": True}),
                (("exceptions", "set", "7", "--reason", "r", "--expires", "never"), "PATCH", "/v1/exceptions/7",
                 {"reason": "r", "expires_ms": None}),
                (("suppressions", "set", "7", "--filter", "a = b", "--name", "N"), "PATCH", "/v1/suppressions/7", {"name": "N", "filter": "a = b"}),
                (("suppressions", "end", "7"), "DELETE", "/v1/suppressions/7", None),
                (("notifications", "add-rule", "N", "--filter", "severity >= 7", "--channel", "1,3", "--throttle", "0", "--language", ""), "POST",
                 "/v1/notifications/rules", {"name": "N", "filter": "severity >= 7", "channels": [1, 3], "throttle_s": 0, "language": None}),
                (("notifications", "set-rule", "7", "--disable"), "PATCH", "/v1/notifications/rules/7", {"enabled": False}),
                (("notifications", "remove-rule", "7"), "DELETE", "/v1/notifications/rules/7", None),
                (("notifications", "set-channel", "7", "--enable", "--language", "ja"), "PATCH", "/v1/notifications/channels/7",
                 {"enabled": True, "language": "ja"}),
                (("notifications", "remove-channel", "7"), "DELETE", "/v1/notifications/channels/7", None),
                (("notifications", "retry", "7"), "POST", "/v1/notifications/deliveries/7/retry", None),
                (("filters", "add", "N", "--filter", "", "--shared"), "POST", "/v1/filters", {"name": "N", "filter": "", "shared": True}),
                (("filters", "set", "7", "--private", "--default", "--name", "M"), "PATCH", "/v1/filters/7",
                 {"name": "M", "shared": False, "default": True}),
                (("filters", "delete", "7"), "DELETE", "/v1/filters/7", None)):
            self.server.asked.clear()
            self.assertEqual(self.run_it(*words)[0], 0, words)
            asked = self.server.asked[0]
            self.assertEqual(asked[:2], (method, path))
            self.assertEqual(json.loads(asked[3]) if body else None, body)

    def test_in_force(self):
        self.answers({"version": 7, "changed": 1, "unchanged": 0, "in_force": 1, "failed": 0, "agents": 2})
        status, out, _ = self.run_it("lists", "append", "l", "x", "--wait", "--timeout", "0")
        self.assertEqual(status, 1)
        self.assertIn("in force on 1 of 2 agents", out)

    def test_respond(self):
        states = iter(("queued", "delivered", "done", "queued", "failed"))

        def answer(method, path, _query):
            if method == "POST":
                return 202, {"id": 3, "order": 9, "state": "queued"}, "application/json"
            self.assertEqual(path, "/v1/findings/f1/responses")
            one = {"id": 3, "state": next(states), "result": "why\x1b", "action": "kill", "created_ms": 1795350057460, "author": "me"}
            return 200, {"items": [{**one, "id": 2, "state": "done"}, one]}, "application/json"
        self.server.answer = answer
        order = ("findings", "respond", "f1", "kill", "--reason", "r")
        self.assertEqual(self.run_it(*order), (0, "kill: queued\n", ""))
        self.assertEqual(self.run_it(*order, "--wait"), (0, "kill: done: why\\x1b\n", ""))
        status, out, _ = self.run_it(*order, "--wait", "--timeout", "0", "--json")
        self.assertEqual((status, json.loads(out)["state"]), (1, "queued"))
        self.assertEqual(self.run_it(*order, "--wait")[:2], (1, "kill: failed: why\\x1b\n"))
        states = iter(("done",))
        self.assertRegex(self.run_it("findings", "responses", "f1")[1], r"(?s)^ID +ASKED +ACTION.*\n 3  2026-11-22 12:20:57  kill +done")

    def test_exceptions(self):
        fields = [{"field": "proc.name", "op": "=", "value": "x\x1b"}, {"field": "fd.name", "op": "in", "value": ["a", "b"]}]
        self.answers({"items": [{"id": 3, "rule": "R", "fields": fields, "reason": "r", "author": "me", "state": "active",
                                 "expires_ms": None}]})
        out = self.run_it("exceptions")[1]
        self.assertRegex(out, r' 3  active  R +proc\.name = x\\x1b and fd\.name in \["a","b"\]  r +me +-\n$')
        self.assertEqual(self.server.asked[-1][1:3], ("/v1/exceptions", {"active": "true"}))
        self.assertEqual(json.loads(self.run_it("exceptions", "--all", "--json")[1])["items"][0]["fields"], fields)
        self.assertEqual(self.server.asked[-1][2], {})
        effect = {"rule": "R", "alerts": 12, "hidden": 2, "undecided": 1, "complete": False, "condition": "c",
                  "missing": [{"field": "proc.tty", "alerts": 1}], "proposed": [{"field": "proc.name", "value": "sh", "usual": True}],
                  "samples": [{"id": "a", "time_ms": 1795350057460, "hidden": True, "output": "o\x1b"}]}
        self.answers(effect)
        out = self.run_it("exceptions", "preview", "--rule", "R", "a=b")[1]
        for said in ("2 of 12 alerts would have been hidden; of 1 it is not known; not all", "  proc.tty is not in 1 of them\n",
                     "2026-11-22 12:20:57     o\\x1b\n"):
            self.assertIn(said, out)
        self.assertRegex(self.run_it("exceptions", "preview", "--finding", "f")[1], r"proc\.name +sh +yes\n$")

    def test_suppressions(self):
        self.answers({"items": [{"id": 3, "name": "N", "filter": "a = b", "hits": 7, "last_hit_ms": None, "reason": "r", "author": "me",
                                 "expires_ms": 1795350057460, "error": None}]})
        self.assertRegex(self.run_it("suppressions")[1], r" 3  N +a = b +7  - +r +me +2026-11-22 12:20:57  -\n$")
        self.answers({"items": [{"id": 3, "name": "N", "filter": "a = b", "shared": True, "default": False, "own": True, "owner": "me",
                                 "updated_ms": 1795350057460}]})
        self.assertRegex(self.run_it("filters")[1], r" 3  N +a = b +yes +no +me +2026-11-22 12:20:57\n$")

    def test_notifications(self):
        self.answers({"items": [{"id": 3, "name": "N", "kind": "webhook", "target": "h.example", "enabled": True, "language": "ja", "queued": 2,
                                 "dead": 1, "delivered_ms": 1795350057460, "error": None}]})
        self.assertRegex(self.run_it("notifications")[1], r" 3  N +webhook +h\.example +yes +ja +2 +1  2026-11-22 12:20:57  -\n$")
        for state, status in (("delivered", 0), ("dead", 1)):
            self.answers({"state": state, "result": "500: no\x1b"})
            done = self.run_it("notifications", "test", "3")
            self.assertEqual(done[0], status)
            self.assertIn("500: no\\x1b", done[1])
            self.assertEqual(self.server.asked[-1][:2], ("POST", "/v1/notifications/channels/3/test"))
        self.assertIn("--file", self.run_it("notifications", "add-channel")[2])
        self.assertIn("--channel", self.run_it("notifications", "add-rule", "n", "--filter", "")[2])
        self.assertIn("ids with commas", self.run_it("notifications", "add-rule", "n", "--filter", "", "--channel", "1,")[2])

    def test_refusals(self):
        for status, text in ((401, "hinomi login"), (403, "(403 c)"), (409, "look at it again"), (429, "try again later"), (500, "(500 c)")):
            self.answers({"title": "T", "detail": "why\x1b", "code": "c"}, status)
            done = self.run_it("findings")
            self.assertEqual((done[0], done[1]), (1, ""))
            self.assertIn("why\\x1b", done[2])
            self.assertIn(text, done[2])
        place = {"name": "R", "line": 3, "column": 14, "message": "unknown field", "hint": "proc.name", "snippet": "proc.nmae = x", "caret": 0}
        self.answers({"detail": "errors", "code": "content_invalid", "diagnostics": [place]}, 422)
        self.assertIn("  R:3:14: unknown field (proc.name)\n      proc.nmae = x\n      ^\n", self.run_it("policies")[2])
        self.answers(b"<html>", 502, "text/html")
        self.assertIn("(502)", self.run_it("findings")[2])
        self.answers(b"[]")
        self.assertEqual(self.run_it("findings")[0], 1)

    def test_no_server(self):
        self.server.shutdown()
        self.server.server_close()
        status, _, err = self.run_it("findings")
        self.assertEqual(status, 3)
        self.assertIn("cannot reach the server at " + self.url, err)
        bare = {key: value for key, value in self.env.items() if not key.startswith("HINOMI")}
        self.assertEqual(self.run_it("findings", env=bare)[0], 3)
        for url in ("ftp://x", "http://192.0.2.1", "https://user@x", "x", "http://127.0.0.1.example.com", "http://localhost.example.com",
                    "https://" + "x" * 600):
            self.assertEqual(self.run_it("findings", "--server", url)[0], 2, url)

    def test_login(self):
        self.answers({"id": 1, "token": "hs_session", "expires_ms": 1, "user": {}})
        bare = {key: value for key, value in self.env.items() if not key.startswith("HINOMI")}
        status, out, err = self.run_it("login", self.url + "/", "--user", "me", "--password-file", "-", text="secret\n", env=bare)
        self.assertEqual((status, err), (0, ""))
        path = os.path.join(self.folder, ".config/hinomi/login.json")
        self.assertIn(path, out)
        self.assertNotIn("hs_session", out)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(json.loads(self.server.asked[0][3]), {"name": "me", "password": "secret", "cookie": False})
        self.findings()
        self.assertEqual(self.run_it("findings", env=bare)[0], 0)
        self.assertEqual(self.server.asked[-1][4]["Authorization"], "Bearer hs_session")
        other = {**bare, "HINOMI_URL": self.url.replace("127.0.0.1", "localhost")}
        asked = len(self.server.asked)
        self.assertEqual(self.run_it("findings", env=other)[0], 3)
        self.assertEqual(len(self.server.asked), asked, "the login was sent to another server")
        os.chmod(path, 0o644)
        self.assertIn("may be read by", self.run_it("findings", env=bare)[2])
        os.chmod(path, 0o600)
        self.assertEqual(self.run_it("logout", env=bare)[:2], (0, "logged out\n"))
        self.assertFalse(os.path.exists(path))
        self.assertIn("no terminal", self.run_it_alone("login", self.url, "--user", "me", env=bare))

    def run_it_alone(self, *words, env):
        return subprocess.run([HINOMI, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=env,
                              start_new_session=True, check=False).stderr

    def test_events(self):
        text = b"retry: 2000\n\nid: 1-1\nevent: finding\ndata: {\"id\":\"f1\",\"x\":\"\\u001b\"}\n\n:\n\nevent: agent\ndata: {\"id\":\"a\"}\n\n"
        self.answers(text, kind="text/event-stream")
        out = self.run_it("events", "--count", "2")[1]
        self.assertRegex(out, r"  finding id=f1 x=\\x1b\n.*  agent id=a\n$")
        out = self.run_it("events", "--count", "1", "--json")[1]
        self.assertEqual(json.loads(out), {"event": "finding", "data": {"id": "f1", "x": "\x1b"}})


unittest.main()
