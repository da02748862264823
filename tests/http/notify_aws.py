#!/usr/bin/env python3
"""Notifications by SNS and EventBridge from a server with the role of a task, to stand-ins that take nothing wrong.
Usage: notify_aws.py SERVER CONTENT"""
import json
import os
import re
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "courier")]
import server as shared  # noqa: E402
from server import run, until  # noqa: E402

try:
    from strict import KEY, SECRET, TOKEN, events_problem, publish_problem
except ImportError:
    print("skipped: python3-botocore is not installed")
    sys.exit(77)
from place import HttpServer  # noqa: E402

SERVER, CONTENT = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
CHANNELS, RULES, LOG = (f"/v1/notifications/{part}" for part in ("channels", "rules", "deliveries"))
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
TASK = "arn:aws:ecs:eu-central-1:123456789012:task/blue/0123456789abcdef0123456789abcdef"


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Cloud:
    """Credentials, SNS and EventBridge at one address; `refusals`: answers (status, body) that come before any other."""

    def __init__(self):
        self.lock, self.published, self.put, self.problems, self.fetched = threading.Lock(), [], [], [], 0
        self.refusals, self.down = [], False
        self.http = HttpServer(self.answer)

    def answer(self, handler, body):
        with self.lock:
            if handler.path == "/credentials":
                self.fetched += 1
                given = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": stamp(3600)}
                handler.reply(500 if self.down else 200, json.dumps(given).encode())
                return
            if self.refusals:
                handler.reply(*self.refusals.pop(0))
                return
            is_event = "X-Amz-Target" in handler.headers
            problem, what = (events_problem if is_event else publish_problem)(handler, body, token=TOKEN)
            (self.put if is_event else self.published).append(what)
            self.problems += [problem] if problem else []
            handler.reply(400 if problem else 200, b'{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}' if is_event
                          else b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")


class Aws(unittest.TestCase):
    def setUp(self):
        self.cloud = Cloud()
        self.addCleanup(self.cloud.http.__exit__)

    def start(self):
        url = self.cloud.http.url
        self.server = shared.Server(
            SERVER, f"content: {{dir: {CONTENT}}}\npublic_url: https://hinomi.example\n"
            f"aws: {{region: eu-central-1, sns_endpoint: '{url}', events_endpoint: '{url}'}}\n",
            AWS_CONTAINER_CREDENTIALS_FULL_URI=url + "/credentials")
        self.addCleanup(self.server.remove)
        self.admin = self.server.administrator()
        self.agent = self.server.enrol(self.admin)
        self.sent = 0
        self.topic = self.sure("POST", CHANNELS, {"name": "t", "kind": "sns", "config": {"topic_arn": TOPIC}})["id"]
        self.bus = self.sure("POST", CHANNELS, {"name": "b", "kind": "eventbridge", "config": {"bus": "findings"}})["id"]
        self.sure("POST", RULES, {"name": "r", "filter": "severity >= 7", "channels": [self.topic, self.bus], "throttle_s": 0})

    def sure(self, method, path, body=None):
        return self.server.sure(method, path, body, bearer=self.admin)

    def find(self, container):
        self.sent += 1
        hostile = "x\r\nSubject: y\u202e\"}<b>火"
        alert = {
            "hostname": "box", "output": "o", "priority": "Critical", "rule": "Known miner run", "source": "syscall", "tags": [],
            "time": int(time.time() * 1000),
            "output_fields": {"proc.name": "cnrig", "proc.cmdline": hostile, "proc.exepath": "/tmp/cnrig", "proc.pid": 7,
                              "container.id": container, "container.name": hostile, "dns.question.name": "pool.example"},
            "hinomi": {"id": f"{self.agent['id']}:b007:{self.sent}", "severity": 8.5, "type": "Impact:Runtime/CryptoMinerExecuted",
                       "container": {"id": container}, "ecs": {
                           "cluster": "blue", "task_arn": TASK, "family": "shop", "revision": "7", "account": "123456789012",
                           "region": "eu-central-1", "launch_type": "FARGATE"},
                       "lineage": [{"uuid": "u0", "pid": 7, "name": "cnrig", "exe": "/tmp/cnrig", "args": hostile},
                                   {"uuid": "u1", "pid": 1, "name": "sh", "exe": "/bin/sh", "args": ""}]}}
        answer = self.server.ask("POST", f"/v1/agents/{self.agent['id']}/batches", json.dumps({"n": self.sent, "alert": alert}) + "\n", {
            **self.agent["headers"], "Content-Type": "application/x-ndjson", "Hinomi-Spool": "00000000000000c3",
            "Hinomi-First": str(self.sent)})
        self.assertEqual(answer.status, 200, answer)

    def delivered(self, n=1):
        for channel in (self.topic, self.bus):
            until(lambda c=channel: len(self.sure("GET", f"{LOG}?channel={c}&state=delivered")["items"]) == n)
        self.assertEqual(self.cloud.problems, [])

    def test_finding(self):
        self.start()
        self.find("c1")
        self.delivered()
        (message,), (request,) = self.cloud.published, self.cloud.put
        self.assertEqual(message["MessageAttributes"]["severity"], {"DataType": "Number", "StringValue": "8.5"})
        self.assertEqual(message["MessageAttributes"]["type"]["StringValue"], "Impact:Runtime/CryptoMinerExecuted")
        self.assertTrue(re.fullmatch(r"[ -~]{1,99}", message["Subject"]), message["Subject"])
        forms = json.loads(message["Message"])
        self.assertEqual(json.loads(forms["default"])["finding"]["container_id"], "c1")
        self.assertIn("https://hinomi.example/findings/f", forms["email"])
        self.assertNotIn("\u202e", forms["email"])
        entry = request["Entries"][0]
        detail = json.loads(entry["Detail"])
        self.assertEqual((entry["EventBusName"], entry["Source"], entry["DetailType"], entry["Resources"]),
                         ("findings", "hinomi", "Hinomi Finding", [TASK]))
        self.assertEqual((detail["type"], detail["severity"], detail["accountId"]),
                         ("Impact:Runtime/CryptoMinerExecuted", 8.5, "123456789012"))
        process = detail["service"]["runtimeDetails"]["process"]
        self.assertEqual((process["executablePath"], process["parentUuid"], process["lineage"][0]["name"]), ("/tmp/cnrig", "u1", "sh"))
        self.assertEqual(self.cloud.fetched, 1)

    def test_tests(self):
        self.start()
        for channel in (self.topic, self.bus):
            self.assertEqual(self.sure("POST", f"{CHANNELS}/{channel}/test")["state"], "delivered")
        self.assertEqual(self.cloud.problems, [])

    def test_what_passes_is_tried_again(self):
        self.cloud.refusals = [(400, b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
                               (400, b'{"__type":"ThrottlingException"}')]
        self.start()
        self.find("c1")
        self.delivered()

    def test_session_that_expired(self):
        self.start()
        self.find("c1")
        self.delivered()
        self.cloud.refusals = [(403, b"<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"),
                               (400, b'{"__type":"ExpiredTokenException"}')]
        self.find("c2")
        self.delivered(2)
        self.assertGreater(self.cloud.fetched, 1)

    def test_credentials_that_are_away(self):
        self.cloud.down = True
        self.start()
        self.find("c1")
        until(lambda: self.cloud.fetched)
        time.sleep(0.5)
        self.cloud.down = False
        self.delivered()


sys.exit(run("notify-aws"))
