#!/usr/bin/env python3
"""Notifications over HTTP: channels whose secrets do not come back, rules, and what is refused of both.
Usage: notify.py SERVER"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as shared  # noqa: E402
from server import run  # noqa: E402

SERVER = os.path.abspath(sys.argv.pop(1))
CHANNELS, RULES, LOG = (f"/v1/notifications/{part}" for part in ("channels", "rules", "deliveries"))
SECRET = "a secret of 16 bytes or more"


def email(**changes):
    config = {"host": "127.0.0.1", "port": 2525, "security": "none", "from": "Hinomi <hinomi@example.net>",
              "to": ["ops@example.net"]}
    return {**config, **changes}


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = shared.Server(SERVER)
        cls.admin = cls.server.administrator()

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def ask(self, method, path, body=None, bearer=None):
        return self.server.ask(method, path, body, bearer=bearer or self.admin)

    def made(self, path, body):
        answer = self.ask("POST", path, body)
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def refused(self, method, path, body, code, status=422):
        answer = self.ask(method, path, body)
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        return answer.json["detail"]


class Channels(Case):
    def test_secrets_stay(self):
        made = self.made(CHANNELS, {"name": "hook", "kind": "webhook", "config": {"url": "https://example.net/a"},
                                    "secrets": {"secret": SECRET}})
        self.assertEqual((made["secrets"], made["target"], made["enabled"], made["language"]),
                         (["secret"], "example.net", True, "en"))
        for path in (CHANNELS, f"{CHANNELS}/{made['id']}", "/v1/audit"):
            self.assertNotIn(SECRET, self.ask("GET", path).text)
        same = self.ask("PATCH", f"{CHANNELS}/{made['id']}", {"language": "ja", "config": {"url": "https://example.net/a"}})
        self.assertEqual((same.json["language"], same.json["secrets"]), ("ja", ["secret"]), same)

    def test_a_move_needs_secrets_anew(self):
        made = self.made(CHANNELS, {"name": "moving", "kind": "webhook", "config": {"url": "https://example.net/a"},
                                    "secrets": {"secret": SECRET, "authorization": "Bearer x"}})
        path, to = f"{CHANNELS}/{made['id']}", {"config": {"url": "https://evil.example/a"}}
        self.assertIn("anew", self.refused("PATCH", path, to, "bad_member"))
        self.assertIn("anew", self.refused("PATCH", path, {**to, "secrets": {"secret": SECRET}}, "bad_member"))
        moved = self.ask("PATCH", path, {**to, "secrets": {"secret": SECRET, "authorization": None}})
        self.assertEqual((moved.status, moved.json["secrets"], moved.json["target"]), (200, ["secret"], "evil.example"))

    def test_what_is_refused(self):
        def channel(kind="email", secrets=None, name="bad", **config):
            return {"name": name, "kind": kind, "config": config, "secrets": secrets}
        cases = [
            channel("pigeon"), channel(host="a"), channel(**email(to=[])), channel(**email(to=["a@b"] * 51)),
            channel(**email(to=["a@b\r\nBcc: c@d"])), channel(**email(to=["a b@c"])), channel(**email(to=["<a@b>"])),
            channel(**email(to=["a,b@c"])), channel(**email(to="a@b")), channel(**email(to=[1])),
            channel(**{**email(), "from": "x\r\ny <a@b>"}), channel(**{**email(), "from": "a"}),
            channel(**email(port=0)), channel(**email(port=65536)), channel(**email(port="25")),
            channel(**email(host="a/b")), channel(**email(security="ssl")), channel(**email(subject="x")),
            channel(**email(user="a")), channel(secrets={"password": "p"}, **email(user="a")),
            channel(secrets={"password": "p"}, **email(security="tls")), channel(**email(ca="x")),
            channel("slack"), channel("slack", {"url": "ftp://a"}), channel("slack", {"url": "https://a:b@c/"}),
            channel("webhook", {"secret": SECRET}), channel("webhook", {"secret": SECRET}, url="https://"),
            channel("webhook", {"secret": SECRET}, url="https://a/#b"), channel("webhook", {"secret": SECRET}, url="https://a/ b"),
            channel("webhook", {"secret": "x" * 15}, url="https://a"), channel("webhook", {}, url="https://a"),
            channel("webhook", {"secret": SECRET, "token": "x"}, url="https://a"),
            channel("falcosidekick", {"authorization": "a\nb"}, url="https://a"),
            channel("falcosidekick", {"authorization": "a"}, url="http://a"),
        ]
        for body in cases:
            answer = self.ask("POST", CHANNELS, body)
            self.assertEqual(answer.status, 422, (body, answer))
        self.refused("POST", CHANNELS, {"name": "x", "kind": "email"}, "missing")
        self.refused("POST", CHANNELS, {**channel(**email()), "language": "fr"}, "bad_member")
        self.refused("POST", CHANNELS, {**channel(**email()), "nmae": "x"}, "unknown_member")
        self.made(CHANNELS, channel(name="twice", **email()))
        self.assertEqual(self.ask("POST", CHANNELS, channel(name="twice", **email())).status, 409)
        self.assertEqual(self.ask("PATCH", f"{CHANNELS}/99", {}).status, 404)


class Rules(Case):
    def channel(self, name):
        return self.made(CHANNELS, {"name": name, "kind": "email", "config": email()})["id"]

    def test_a_rule(self):
        one, two = self.channel("one"), self.channel("two")
        made = self.made(RULES, {"name": "high", "filter": "severity >= 7.0 and severity <= 8.9", "channels": [one, two]})
        self.assertEqual((made["throttle_s"], made["language"], made["channels"], made["error"]), (300, None, [one, two], None))
        path = f"{RULES}/{made['id']}"
        changed = self.ask("PATCH", path, {"language": "ja", "throttle_s": 0, "enabled": False}).json
        self.assertEqual((changed["language"], changed["throttle_s"], changed["enabled"], changed["filter"]),
                         ("ja", 0, False, made["filter"]))
        self.assertEqual(self.ask("PATCH", path, {"language": None}).json["language"], None)
        self.assertEqual(self.ask("DELETE", f"{CHANNELS}/{one}").status, 204)
        self.assertEqual(self.ask("GET", path).json["channels"], [two])
        self.assertEqual(self.ask("DELETE", path).status, 204)
        self.assertEqual(self.ask("GET", path).status, 404)

    def test_what_is_refused(self):
        one = self.channel("three")
        good = {"name": "bad", "filter": "", "channels": [one]}
        for change in ({"channels": []}, {"channels": [99]}, {"channels": [one, one]}, {"channels": one},
                       {"channels": [str(one)]}, {"channels": None}, {"throttle_s": -1}, {"throttle_s": 604801},
                       {"language": "fr"}, {"name": " "}, {"filter": None}):
            self.assertEqual(self.ask("POST", RULES, {**good, **change}).status, 422, change)
        answer = self.ask("POST", RULES, {**good, "filter": "severity >"})
        self.assertEqual(answer.status, 400, answer)
        self.assertEqual(self.ask("GET", f"{LOG}?state=gone").status, 400)
        self.assertEqual(self.ask("GET", LOG).json, {"items": [], "next": None})
        self.assertEqual(self.ask("POST", f"{LOG}/1/retry").status, 404)


if __name__ == "__main__":
    sys.exit(run("notify"))
