#!/usr/bin/env python3
"""Content over HTTP: agents that wait while somebody appends, edits that collide, rules that are refused with their
place, going back, files of rules, a list of many items, names that are paths. Usage: content.py SERVER CONTENT"""
import base64
import concurrent.futures
import os
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import LIMIT_S, run  # noqa: E402
import server as shared  # noqa: E402

SERVER, CONTENT = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
PEER_RULES = os.path.join(os.environ.get("HINOMI_SHARED", "/nonexistent"), "peer-rules")
MANY = int(os.environ.get("HINOMI_MANY_ITEMS", "200000"))
AGENTS = 20


class Server(shared.Server):
    def __init__(self):
        super().__init__(SERVER, f"content: {{dir: {CONTENT}}}\n")
        self.admin = None
        self.admin = self.administrator()

    def stop(self):
        super().stop()
        self.remove()

    def ask(self, method, path, body=None, who="admin", headers=None):
        """(status, body, headers) on a connection of its own."""
        given = dict(headers or {})
        if isinstance(body, (str, bytes)):
            given.setdefault("Content-Type", "text/plain")
        answer = super().ask(method, path, body, given, bearer=self.admin if who == "admin" else who,
                             timeout=3 * LIMIT_S)
        kind = answer.headers.get("Content-Type", "")
        return answer.status, answer.json if "json" in kind else answer.body, answer.headers

    def sure(self, method, path, body=None, bearer=None, **more):
        status, answer, _ = self.ask(method, path, body, who=bearer, **more)
        assert status in (200, 201), (status, answer)
        return answer

    def enrol(self, name):
        return super().enrol(self.admin, name, "%016x" % (hash(name) & (1 << 60) - 1))

    def poll(self, agent, after):
        return self.ask("GET", f"/v1/agents/{agent['id']}/bundle?after={after}",
                        who=agent["credential"],
                        headers={"Hinomi-Instance": agent.setdefault("instance", "%016x" % 1)})

    def version(self):
        return self.ask("GET", "/v1/content")[1]["version"]


def name_in(path):
    return urllib.parse.quote(path, safe="")


class Content(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ok(self, method, path, body=None, **more):
        status, answer, headers = self.server.ask(method, path, body, **more)
        self.assertIn(status, (200, 201), (method, path, answer))
        return answer

    def refused(self, expected, method, path, body=None, **more):
        status, answer, _ = self.server.ask(method, path, body, **more)
        self.assertEqual(status, expected, (method, path, answer))
        return answer

    def test_append_while_agents_wait(self):
        """Each waiting agent is given the difference at once, signed for its version; nobody else's."""
        agents = [self.server.enrol(f"waiter-{i}") for i in range(AGENTS)]
        for i, agent in enumerate(agents):
            agent["instance"] = "%016x" % (i + 100)
        version = self.server.version()
        full = self.server.poll(agents[0], 0)
        self.assertEqual(full[0], 200)
        self.assertEqual(full[2]["Content-Type"], "application/vnd.hinomi.bundle")
        with concurrent.futures.ThreadPoolExecutor(AGENTS) as pool:
            waiting = [pool.submit(self.server.poll, agent, version) for agent in agents]
            time.sleep(0.5)
            self.assertFalse(any(w.done() for w in waiting))
            answer = self.ok("POST", "/v1/lists/malicious_filenames/append", {"items": ["test.txt"]})
            for w in waiting:
                status, delta, headers = w.result(timeout=LIMIT_S)
                self.assertEqual(status, 200)
                self.assertEqual(headers["Content-Type"], "application/vnd.hinomi.delta+json")
                self.assertEqual(delta, {"from": version, "to": answer["version"], "changes": [
                    {"list": "malicious_filenames", "append": ["test.txt"]}]})
                self.assertEqual(int(headers["Hinomi-Version"]), answer["version"])
                self.assertEqual(len(base64.b64decode(headers["Hinomi-Signature"])), 64)
        other = self.server.ask("GET", f"/v1/agents/{agents[1]['id']}/bundle?after=0",
                                who=agents[0]["credential"],
                                headers={"Hinomi-Instance": agents[0]["instance"]})
        self.assertEqual(other[0], 403)

        def ask(wait):
            return self.server.ask("GET", f"/v1/agents/{agents[0]['id']}/bundle?after={self.server.version()}"
                                   f"&wait={wait}", who=agents[0]["credential"],
                                   headers={"Hinomi-Instance": agents[0]["instance"]})[0]
        began = time.monotonic()
        self.assertEqual(ask(1), 204)
        self.assertGreaterEqual(time.monotonic() - began, 0.9)
        self.assertEqual((ask(0), ask(61)), (400, 400))

    def test_edits_collide(self):
        self.ok("POST", "/v1/macros", {"text": "- macro: shared\n  condition: proc.name = a\n"})
        before = self.ok("GET", "/v1/macros/shared")["version"]
        results = []

        def edit(n):
            results.append(self.server.ask("PUT", "/v1/macros/shared", {
                "text": f"- macro: shared\n  condition: proc.name = b{n}\n"},
                headers={"If-Match": f'"{before}"'})[0])
        threads = [threading.Thread(target=edit, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(results), [200] + [409] * 7)

    def test_many_append_at_once(self):
        before = self.server.version()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: self.server.ask(
                "POST", "/v1/lists/miner_names/append", {"items": [f"miner-{n}"]})[:2], range(40)))
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual(sorted(a["version"] for _, a in answers),
                         list(range(before + 1, before + 41)))

    def test_refused_with_place(self):
        before = self.server.version()
        answer = self.refused(422, "POST", "/v1/rules", {
            "text": "- rule: Wrong\n  desc: d\n  condition: evt.type = open and fd.nmae = x\n"
                    "  output: o\n  priority: INFO\n"})
        first = answer["diagnostics"][0]
        self.assertEqual((first["line"], first["column"]), (3, 34))
        self.assertEqual((first["kind"], first["name"]), ("rule", "Wrong"))
        self.assertIn("fd.name", first["hint"])
        self.refused(422, "POST", "/v1/lists/mining_ports/append", {"items": ["no-port-at-all"]})
        self.assertEqual(self.server.version(), before)

    def test_texts(self):
        rule = self.ok("GET", "/v1/rules/" + name_in("Malicious filenames written"))
        self.assertEqual(set(rule["texts"]), {"en", "ja"})
        for text in rule["texts"].values():
            self.assertEqual(set(text), {"title", "summary", "why", "next", "respond"})
            self.assertTrue(text["next"] and text["respond"])

    def test_titles_and_last_changes(self):
        rule = "/v1/rules/" + name_in("Credential file read")

        def listed():
            answer = self.ok("GET", "/v1/rules")
            return answer, next(one for one in answer["items"] if one["name"] == "Credential file read")

        answer, one = listed()
        self.assertIsNone(one["changed"])
        self.assertEqual(set(answer["titles"]), {"en", "ja"})
        self.assertIn("Malicious filenames written", answer["titles"]["ja"])
        for enabled in (False, True):
            self.ok("PATCH", rule, {"enabled": enabled})
            _, one = listed()
            self.assertEqual((one["changed"]["version"], one["changed"]["author"]), (self.server.version(), "admin"))
            self.assertGreater(one["changed"]["time_ms"], 0)

    def test_what_macros_use(self):
        self.ok("POST", "/v1/macros", {"text": "- macro: my_inner\n  condition: proc.name in (shell_names)\n"})
        self.ok("POST", "/v1/macros", {"text": "- macro: my_outer\n  condition: my_inner and not proc.pname = my_inner_not\n"})
        self.ok("POST", "/v1/rules", {"text": "- rule: Mine\n  desc: d\n  condition: evt.type = open and my_outer\n"
                                              "  output: o\n  priority: INFO\n"})
        inner, outer = (self.ok("GET", "/v1/macros/" + name) for name in ("my_inner", "my_outer"))
        self.assertEqual(inner["uses"], {"macros": [], "lists": ["shell_names"]})
        self.assertEqual(outer["uses"], {"macros": ["my_inner"], "lists": []})
        self.assertEqual((inner["rules_count"], outer["rules_count"]), (1, 1))
        self.assertIn("shell_names", inner["condition"])

    def test_back_again(self):
        rule = "/v1/rules/" + name_in("Malicious filenames written")
        was = self.ok("GET", rule)
        version = self.server.version()
        self.ok("PATCH", rule, {"enabled": False})
        self.assertFalse(self.ok("GET", rule)["enabled"])
        self.ok("POST", rule + "/revert", {"to": version})
        now = self.ok("GET", rule)
        self.assertTrue(now["enabled"])
        self.assertEqual(now["parts"], was["parts"])
        changes = self.ok("GET", rule + "/versions")["items"]
        self.assertEqual([v["changes"][0]["action"] for v in changes][:2], ["revert", "disable"])

    def test_names_that_are_paths(self):
        for name in ("../../etc/passwd", "a/b", ".hidden", "a\\b", "..", "x" * 201):
            self.refused(422, "POST", "/v1/lists", {"name": name, "items": []})
            self.assertIn(self.server.ask("GET", "/v1/lists/" + name_in(name))[0], (400, 404))
        self.refused(422, "POST", "/v1/macros",
                     {"text": "- macro: \"..\"\n  condition: proc.name = a\n"})

    def test_who_may(self):
        self.refused(401, "GET", "/v1/rules", who=None)
        self.refused(401, "POST", "/v1/lists/miner_names/append", {"items": ["x"]}, who=None)
        agent = self.server.enrol("curious")
        for path in ("/v1/rules", "/v1/content", "/v1/lists/miner_names/items"):
            self.refused(403, "GET", path, who=agent["credential"],
                         headers={"Hinomi-Instance": "%016x" % 9})

    def test_files_of_rules(self):
        if not os.path.isdir(PEER_RULES):
            self.skipTest("skipped: no HINOMI_SHARED with rules of others")
        server = Server()
        try:
            files = [os.path.join(folder, name) for folder, _, names in os.walk(PEER_RULES)
                     for name in names if name.endswith((".yaml", ".yml"))]
            self.assertTrue(files)
            # The stable ones first: they define what others use.
            for path in sorted(files, key=lambda p: ("incubating" in p or "sandbox" in p, p)):
                with open(path, "rb") as file:
                    text = file.read()
                status, answer, _ = server.ask(
                    "POST", "/v1/content/import?conflicts=skip&name=" +
                    name_in(os.path.basename(path)), text)
                self.assertEqual(status, 200, (path, answer))
                print(os.path.basename(path), len(answer["created"]), "created",
                      len(answer["conflicts"]), "conflicts", file=sys.stderr)
            version = server.version()
            agent = server.enrol("a")
            self.assertEqual(int(server.poll(agent, 0)[2]["Hinomi-Version"]), version)
        finally:
            server.stop()

    def test_many_items(self):
        self.ok("POST", "/v1/lists", {"name": "feed", "items": []})
        before = self.server.version()
        text = "".join(f"Host-{i}.example.com\n" for i in range(MANY)).encode()
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            importing = pool.submit(self.server.ask, "POST", "/v1/lists/feed/import?kind=domain", text)
            reads = 0
            while not importing.done():
                self.assertEqual(self.ok("GET", "/v1/content")["version"] in (before, before + 1), True)
                reads += 1
                time.sleep(0.1)
            status, answer, _ = importing.result()
        self.assertEqual(status, 200, answer)
        self.assertEqual((answer["added"], answer["normalised"]), (MANY, MANY))
        print(f"{MANY} items in {time.monotonic() - started:.1f} s, {reads} reads meanwhile",
              file=sys.stderr)
        found = self.ok("GET", f"/v1/lists/feed/items?search=host-{MANY - 1}.")
        self.assertEqual(found["items"][0]["item"], f".host-{MANY - 1}.example.com")
        started = time.monotonic()
        agent = self.server.enrol("big")
        status, bundle, headers = self.server.poll(agent, 0)
        self.assertEqual(status, 200)
        print(f"bundle of {len(bundle)} bytes in {time.monotonic() - started:.1f} s", file=sys.stderr)
        self.assertEqual(int(headers["Hinomi-Version"]), before + 1)
        started = time.monotonic()
        self.ok("POST", "/v1/lists/feed/append", {"items": [".one.more"]})
        print(f"append to it in {(time.monotonic() - started) * 1000:.1f} ms", file=sys.stderr)
        self.assertEqual(self.server.poll(agent, before + 1)[1]["changes"],
                         [{"list": "feed", "append": [".one.more"]}])
        exported = self.server.ask("GET", "/v1/lists/feed/export")[1].decode().splitlines()
        self.assertEqual((len(exported), exported[0], exported[-1]), (MANY + 1, ".host-0.example.com", ".one.more"))
        self.assertEqual([x["appended_items"] for x in self.ok("GET", "/v1/lists?search=feed")["items"]
                          if x["name"] == "feed"], [MANY + 1])
        self.ok("DELETE", "/v1/lists/feed")

    def check(self, items, **more):
        answer = self.ok("POST", "/v1/lists/checked/check", {"items": items, **more})
        counts = tuple(answer[name] for name in ("new", "there", "again", "invalid"))
        return counts, [(x["item"], x["state"]) for x in answer["items"]]

    def test_items_are_checked_before(self):
        """Nothing changes; items of the text, appended and taken out ones are told apart."""
        self.ok("POST", "/v1/lists", {"text": "- list: checked\n  items: [a.example, .b.example]\n"})
        self.ok("POST", "/v1/lists/checked/append", {"items": [".c.example"]})
        self.ok("POST", "/v1/lists/checked/remove", {"items": [".b.example"]})
        before = self.server.version()
        self.assertEqual(self.check(["a.example", " .c.example ", ".b.example", "x", "x", "", "\u0001", 7]), (
            (2, 2, 1, 3), [("a.example", "there"), (".c.example", "there"), (".b.example", "new"), ("x", "new"),
                           ("x", "again"), ("", "invalid"), ("\u0001", "invalid"), ("", "invalid")]))
        self.assertEqual(self.check(["https://C.example/x", "d.example", "no domain"], kind="domain"), (
            (1, 1, 0, 1), [(".c.example", "there"), (".d.example", "new"), ("no domain", "invalid")]))
        self.assertEqual(self.check(["x" * 4096, "x" * 4097])[0], (1, 0, 0, 1))
        self.assertEqual(self.check([])[0], (0, 0, 0, 0))
        self.assertEqual(self.check([str(i) for i in range(10000)])[0], (10000, 0, 0, 0))
        for body in ({"items": [str(i) for i in range(10001)]}, {"items": "x"}, {}, {"items": [], "kind": "color"}):
            self.refused(422, "POST", "/v1/lists/checked/check", body)
        self.refused(404, "POST", "/v1/lists/nowhere/check", {"items": []})
        self.refused(401, "POST", "/v1/lists/checked/check", {"items": []}, who=None)
        self.assertEqual(self.server.version(), before)

    def test_lists_as_files(self):
        """All items once, in their order; what a spreadsheet would take for a formula is not one."""
        self.ok("POST", "/v1/lists", {"text": "- list: exported\n  items: [one, two]\n"})
        self.ok("POST", "/v1/lists/exported/append", {"items": ["=1+1", 'a"b,c', "x\ny"], "note": "why"})
        self.ok("POST", "/v1/lists/exported/remove", {"items": ["two"]})
        status, plain, headers = self.server.ask("GET", "/v1/lists/exported/export?format=plain")
        self.assertEqual((status, plain), (200, b'one\n=1+1\na"b,c\nx\\ny\n'))
        self.assertIn("attachment", headers["Content-Disposition"])
        rows = self.server.ask("GET", "/v1/lists/exported/export?format=csv")[1].decode().split("\r\n")
        self.assertEqual(rows[:2], ["item,origin,author,note,time_ms", '"one",text,"","",'])
        self.assertTrue(rows[2].startswith('"\'=1+1",appended,"admin","why",'), rows[2])
        self.assertTrue(rows[3].startswith('"a""b,c",appended,'), rows[3])
        self.refused(400, "GET", "/v1/lists/exported/export?format=xlsx")
        self.refused(404, "GET", "/v1/lists/nowhere/export")

    def test_who_lags(self):
        """Only those that lack the version, page by page, with what they said."""
        server = Server()
        try:
            agents = [server.enrol(f"late-{i}") for i in range(5)]
            version = server.sure("POST", "/v1/lists/malicious_filenames/append", {"items": ["late.sh"]},
                                  bearer="admin")["version"]
            for i, agent in enumerate(agents):
                bundle = {"version": version if i < 2 else version - 1, "ok": i != 4, **({"error": "no"} if i == 4 else {})}
                status, answer, _ = server.ask("POST", f"/v1/agents/{agent['id']}/heartbeat", {
                    "version": "0.1.0", "sensor": "notify", "drops": 0, "now_ms": int(time.time() * 1000), "bundle": bundle,
                    "containers": []}, who=agent["credential"], headers={"Hinomi-Instance": "%016x" % 1})
                self.assertEqual(status, 200, answer)
            path = f"/v1/content/rollout?version={version}"
            end = time.monotonic() + LIMIT_S
            whole = server.ask("GET", path)[1]
            while whole["agents"] < 5 and time.monotonic() < end:  # heartbeats are stored a moment later
                time.sleep(0.05)
                whole = server.ask("GET", path)[1]
            self.assertEqual((whole["in_force"], whole["failed"], whole["agents"], len(whole["items"]), whole["next"]),
                             (2, 1, 5, 5, None))
            seen, cursor = [], ""
            for left in (2, 1):
                page = server.ask("GET", f"{path}&lagging=true&limit=2{cursor}")[1]
                self.assertEqual(len(page["items"]), left)
                seen += page["items"]
                cursor = f"&cursor={page['next']}"
            self.assertIsNone(page["next"])
            self.assertEqual({x["agent"] for x in seen}, {agent["id"] for agent in agents[2:]})
            self.assertEqual([x["error"] for x in seen if not x["ok"]], ["no"])
            self.assertEqual(server.ask("GET", f"{path}&limit=5")[1]["next"], None)
            self.assertIsNotNone(server.ask("GET", f"{path}&limit=4")[1]["next"])
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(run("content"))
