#!/usr/bin/env python3
"""The intake as its network sees it: enrolled agents, batches that are kept once whatever happens, others' data
refused, bombs bounded, Falco's JSON, coverage, events. Usage: ingest.py SERVER"""
import contextlib
import http.client
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import LIMIT_S, run, until  # noqa: E402
import server as shared  # noqa: E402

SERVER = os.path.abspath(sys.argv.pop(1))
SPOOL = "00000000000000c3"
NDJSON = "application/x-ndjson"


class Server(shared.Server):
    def __init__(self):
        super().__init__(SERVER)

    def ask(self, method, path, body=None, headers=None, **more):
        """(status, object) of one request on a connection of its own."""
        answer = super().ask(method, path, body, headers, **more)
        return answer.status, answer.json if answer.body[:1] == b"{" else answer.body

    def administrator(self):
        with open(os.path.join(self.folder, "setup-link"), encoding="utf-8") as file:
            token = file.read().strip().split("#")[1]
        status, answer = self.ask("POST", "/v1/setup", {
            "token": token, "name": "admin", "password": shared.PASSWORD, "cookie": False})
        assert status in (200, 201), (status, answer)
        return {"Authorization": "Bearer " + answer["token"]}


class Agent:
    def __init__(self, server, admin, number):
        self.server = server
        self.instance = f"{number:016x}"
        status, enrolment = server.ask("POST", "/v1/enrolments", {"name": f"e{number}"}, admin)
        assert status == 201, (status, enrolment)
        status, made = server.ask(
            "POST", "/v1/agents", {"name": f"agent{number}", "instance": self.instance},
            {"Authorization": "Bearer " + enrolment["token"]})
        assert status == 201, (status, made)
        self.id = made["id"]
        self.headers = {"Authorization": "Bearer " + made["credential"],
                        "Hinomi-Instance": self.instance}

    def alert(self, n, **more):
        return {"hostname": "box", "output": "o", "output_fields": {"fd.name": "/kinsing"},
                "priority": "Critical", "rule": "Malicious filenames written", "source": "syscall",
                "tags": [], "time": int(time.time() * 1000),
                "hinomi": {"id": f"{self.id}:b007:{n}", "container": {"id": "c1"}}, **more}

    def lines(self, first, count):
        return "".join(json.dumps({"n": n, "alert": self.alert(n)}) + "\n"
                       for n in range(first, first + count))

    def send(self, first, body, path=None, **more):
        headers = {**self.headers, "Content-Type": NDJSON, "Hinomi-Spool": SPOOL,
                   "Hinomi-First": str(first), **more}
        return self.server.ask("POST", path or f"/v1/agents/{self.id}/batches", body, headers)


def zeros(blocks, window=0x50):
    """A zstd frame of blocks of 128 KiB, a few bytes each; window: exponent and mantissa of RFC 8878."""
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([window])
    for i in range(blocks):
        header = (i == blocks - 1) | 1 << 1 | (128 * 1024) << 3
        frame += header.to_bytes(3, "little") + b"\0"
    return frame


class Ingest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.admin = cls.server.administrator()
        cls.numbers = iter(range(1, 1000))

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def agent(self):
        return Agent(self.server, self.admin, next(self.numbers))

    def stored(self, agent):
        status, answer = self.server.ask("GET", f"/v1/stats?agent={agent.id}", None, self.admin)
        self.assertEqual(status, 200, answer)
        return answer["stored"]

    def announced(self, agent, length):
        """The status of a batch of so many bytes, none of which is sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.putrequest("POST", f"/v1/agents/{agent.id}/batches")
            for name, value in {**agent.headers, "Content-Type": NDJSON, "Content-Length": str(length)}.items():
                connection.putheader(name, value)
            connection.endheaders()
            return connection.getresponse().status

    def test_kept_once(self):
        agent = self.agent()
        self.assertEqual(agent.send(1, agent.lines(1, 50)), (200, {"ack": 50}))
        self.assertEqual(agent.send(1, agent.lines(1, 50)), (200, {"ack": 50}))
        self.assertEqual(agent.send(40, agent.lines(40, 30)), (200, {"ack": 69}))
        status, answer = agent.send(71, agent.lines(71, 1))
        self.assertEqual((status, answer["expect"]), (409, 70))
        self.assertEqual(self.stored(agent)["alerts"], 69)

    def test_at_once(self):
        """The same batch many times together: all are acknowledged, it is kept once."""
        agent = self.agent()
        body, answers = agent.lines(1, 200), []
        threads = [threading.Thread(target=lambda: answers.append(agent.send(1, body)))
                   for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [(200, {"ack": 200})] * 16)
        self.assertEqual(self.stored(agent)["alerts"], 200)

    def test_refused(self):
        agent, other = self.agent(), self.agent()
        status, answer = agent.send(1, agent.lines(1, 3) + '{"n":4,"alert":{}}\n')
        self.assertEqual((status, answer["record"]), (422, 4))
        status, answer = agent.send(1, other.lines(1, 1))
        self.assertEqual((status, answer["record"]), (422, 1))
        status, answer = agent.send(1, other.lines(1, 1), f"/v1/agents/{other.id}/batches")
        self.assertEqual(status, 403, answer)
        self.assertEqual(self.announced(agent, (4 << 20) + 1), 413)
        self.assertEqual(agent.send(1, "{}", **{"Content-Type": "application/json"})[0], 415)
        self.assertEqual(agent.send(1, "{}", **{"Content-Encoding": "gzip"})[0], 415)
        status, _ = self.server.ask("POST", f"/v1/agents/{agent.id}/batches", agent.lines(1, 1),
                                    {"Content-Type": NDJSON})
        self.assertEqual(status, 401)
        self.assertEqual(self.stored(agent)["alerts"] + self.stored(other)["alerts"], 0)

    def test_bombs(self):
        agent = self.agent()
        packed = {"Content-Encoding": "zstd"}
        self.assertEqual(agent.send(1, zeros(20000), **packed)[0], 413)  # 2.5 GiB in 80 KB
        self.assertEqual(agent.send(1, zeros(4, 0xf0), **packed)[0], 400)  # a window of a terabyte
        self.assertEqual(agent.send(1, zeros(1), **packed)[0], 422)
        self.assertEqual(agent.send(1, zeros(1)[:-1], **packed)[0], 400)
        self.assertEqual(agent.send(1, b"[" * (1 << 20))[0], 422)

    def test_killed(self):
        """kill -9: what was acknowledged is there; the agent goes on where it was told."""
        agent, acked = self.agent(), 0
        for _ in range(4):
            def send_next():
                nonlocal acked
                try:
                    status, answer = agent.send(acked + 1, agent.lines(acked + 1, 20))
                except (OSError, http.client.HTTPException):
                    return False
                self.assertEqual(status, 200, answer)
                acked = answer["ack"]
                return True

            def send_all():
                while send_next():
                    pass

            sender = threading.Thread(target=send_all)
            sender.start()
            time.sleep(0.3)
            self.server.kill()
            sender.join()
            self.server.start()
            agent.server = self.server
            self.assertGreaterEqual(self.stored(agent)["alerts"], acked)
        status, answer = agent.send(acked + 1, agent.lines(acked + 1, 40))
        self.assertEqual(status, 200, answer)
        self.assertEqual(self.stored(agent)["alerts"], answer["ack"])
        self.assertEqual(self.stored(agent)["duplicates"], 0)

    def test_falco(self):
        status, token = self.server.ask("POST", "/v1/tokens", {"name": "falco", "permissions": ["falco"]},
                                        self.admin)
        self.assertEqual(status, 201, token)
        bearer = {"Authorization": "Bearer " + token["token"], "Content-Type": "application/json"}
        alert = {"uuid": "u-1", "hostname": "node", "output": "o", "output_fields": {}, "rule": "r",
                 "priority": "Warning", "source": "syscall", "tags": [], "time": "2026-11-22T12:00:00Z"}
        self.assertEqual(self.server.ask("POST", "/", alert, bearer), (200, {"accepted": 1}))
        self.assertEqual(self.server.ask("POST", "/", json.dumps([alert, {**alert, "uuid": "u-2"}]), bearer),
                         (200, {"accepted": 2}))
        self.assertEqual(self.server.ask("POST", "/", {"rule": "r"}, bearer)[0], 422)
        self.assertEqual(self.server.ask("POST", "/", alert)[0], 401)
        self.assertEqual(self.server.ask("POST", "/", alert, self.agent().headers)[0], 403)

    def test_coverage(self):
        agent = self.agent()
        status, answer = self.server.ask("POST", f"/v1/agents/{agent.id}/heartbeat", {
            "version": "1", "drops": 0, "bundle": {"version": 1, "ok": True},
            "containers": [{"id": "c1", "name": "web", "watched": False, "why": "no shim"}]}, agent.headers)
        self.assertEqual(status, 200, answer)
        self.assertIn("bundle", answer)
        status, answer = self.server.ask("GET", f"/v1/coverage?agent={agent.id}", None, self.admin)
        self.assertEqual(status, 200, answer)
        item = answer["items"][0]
        self.assertEqual((item["state"], [r["code"] for r in item["reasons"]]), ("unhealthy", ["unwatched"]))
        self.assertEqual(item["unwatched"][0]["why"], "no shim")
        self.containers(agent)
        silent = self.agent()
        until(lambda: [i for i in self.server.ask("GET", f"/v1/coverage?agent={silent.id}", None, self.admin)
                       [1]["items"] if i["reasons"][0]["code"] == "never"])

    def containers(self, agent):
        """Pages of one container each have each once; what is asked for is found, whatever its case."""
        wanted = [{"id": f"c{i}", "name": f"Web-{i}", "image": "shop:1", "task": None, "watched": i % 2 == 0} for i in range(7)]
        status, answer = self.server.ask("POST", f"/v1/agents/{agent.id}/heartbeat", {"version": "1", "containers": wanted}, agent.headers)
        self.assertEqual(status, 200, answer)

        def ask(query):
            status, answer = self.server.ask("GET", f"/v1/coverage/containers?agent={agent.id}{query}", None, self.admin)
            self.assertEqual(status, 200, answer)
            return [i["container"]["id"] for i in answer["items"]], answer["next"]
        seen, cursor = [], ""
        while cursor is not None:
            items, cursor = ask(f"&limit=2&cursor={cursor}")
            seen += items
        self.assertEqual(seen, [c["id"] for c in wanted])
        self.assertEqual(ask("&state=unwatched")[0], ["c1", "c3", "c5"])
        self.assertEqual(ask("&search=web-3")[0], ["c3"])
        self.assertEqual(ask("&search=nothing"), ([], None))
        for bad in ("state=x", "cursor=x", "cursor=x:y", "cursor=:1", "limit=0", "search=" + "x" * 201):
            self.assertEqual(self.server.ask("GET", f"/v1/coverage/containers?{bad}", None, self.admin)[0], 400, bad)

    def test_rollout_without_the_revoked(self):
        """Who gets no version is not waited for, though it was heard a moment ago."""
        agents = [self.agent() for _ in range(3)]

        def known():
            items = self.server.ask("GET", "/v1/content/rollout?limit=1000", None, self.admin)[1]["items"]
            return [item["agent"] for item in items if item["agent"] in {a.id for a in agents}]

        def counted():
            return self.server.ask("GET", "/v1/content/rollout", None, self.admin)[1]["agents"]
        before = counted()
        for agent in agents:
            self.server.ask("POST", f"/v1/agents/{agent.id}/heartbeat", {"version": "1", "bundle": {"version": 1, "ok": True}}, agent.headers)
        until(lambda: counted() == before + 3 and len(known()) == 3)
        for agent in agents[:2]:
            self.assertEqual(self.server.ask("POST", f"/v1/agents/{agent.id}/revoke", None, self.admin)[0], 200)
        self.assertEqual((counted(), known()), (before + 1, [agents[2].id]))
        self.assertEqual(self.server.ask("DELETE", f"/v1/agents/{agents[0].id}", None, self.admin)[0], 204)
        self.assertEqual((counted(), known()), (before + 1, [agents[2].id]))
        self.assertEqual(self.server.ask("POST", f"/v1/agents/{agents[1].id}/accept", None, self.admin)[0], 200)
        self.assertEqual(counted(), before + 2)

    def test_events(self):
        """A finding is told while it is stored."""
        agent = self.agent()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/events", headers=self.admin)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(agent.send(1, agent.lines(1, 1))[0], 200)
            while True:
                line = answer.readline()
                self.assertTrue(line, "the stream ended")
                if line.startswith(b"data:") and agent.id.encode() in line and b'"rule"' in line:
                    break
            event = json.loads(line[5:])
            self.assertEqual((event["change"], event["count"], event["status"]), ("new", 1, "new"))


if __name__ == "__main__":
    sys.exit(run("ingest"))
