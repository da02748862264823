#!/usr/bin/env python3
"""aws.py DRIVER: calls to AWS, to strict stand-ins: each signature is made again by botocore, each input is one that
botocore's model of the service takes. Where botocore is not installed, all is skipped."""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from place import SKIPPED, HttpServer, run

DRIVER = sys.argv.pop(1)
try:
    from strict import KEY, SECRET, TOKEN, events_problem, publish_problem, wrong_signature
except ImportError:
    print("skipped: python3-botocore is not installed")
    sys.exit(SKIPPED)

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
TASK = "arn:aws:ecs:eu-central-1:123456789012:task/blue/0123456789abcdef0123456789abcdef"


class Aws:
    def __init__(self, environment=None, prefix=(), **options):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.process = subprocess.Popen([*prefix, DRIVER, json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env={**clean, **(environment or {})})

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["r"], answer["error"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


STATIC = {"id": KEY, "secret": SECRET}


class Sns(unittest.TestCase):
    def stub(self, **wanted):
        def answer(handler, body):
            problem, form = publish_problem(handler, body, wanted.get("region", "eu-central-1"), wanted.get("token"))
            self.published.append(form)
            if problem:
                handler.reply(403, f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{problem}</Message>"
                                   f"</Error></ErrorResponse>".encode())
            else:
                handler.reply(200, b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")

        self.published = []
        return HttpServer(answer)

    def test_publish(self):
        with self.stub() as server, Aws(sns=server.url, **STATIC) as aws:
            detail = json.dumps({"a": "b & c = d + é 火の見"})
            self.assertEqual(aws.do("publish", topic=TOPIC, title="Hinomi 8.5: 火 x\n\x1b", text="Guten Tag\n火\n~-_.", json=detail,
                                    type="Impact:Runtime/CryptoMinerExecuted", severity="8.5", id="42"), (0, ""))
            form = self.published[0]
            self.assertEqual(form["TopicArn"], TOPIC)
            self.assertEqual(form["Subject"], "Hinomi 8.5: ? x\n\x1b".strip().replace("\n", "?").replace("\x1b", "?"))
            self.assertEqual(form["MessageStructure"], "json")
            message = json.loads(form["Message"])
            self.assertEqual(message["default"], detail)
            self.assertEqual(message["email"], "Guten Tag\n火\n~-_.")
            self.assertEqual(form["MessageAttributes"]["severity"], {"DataType": "Number", "StringValue": "8.5"})
            self.assertNotIn("MessageGroupId", form)
            self.assertEqual(aws.do("publish", topic=TOPIC, title="x" * 300, text="", json="{}", id="1"), (0, ""))
            self.assertEqual(self.published[1]["Subject"], "x" * 99)

    def test_fifo(self):
        with self.stub() as server, Aws(sns=server.url, **STATIC) as aws:
            self.assertEqual(aws.do("publish", topic=TOPIC + ".fifo", title="x", text="t", json="{}", id="42"), (0, ""))
            self.assertEqual(self.published[0]["MessageGroupId"], "hinomi")
            self.assertEqual(self.published[0]["MessageDeduplicationId"], "42")

    def test_session(self):
        environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        with self.stub(token=TOKEN) as server, Aws(environment, sns=server.url) as aws:
            self.assertEqual(aws.do("publish", topic=TOPIC, title="x", text="t", json="{}", id="42"), (0, ""))

    def test_refusals(self):
        with self.stub() as server, Aws(sns=server.url, **{**STATIC, "secret": "wrong"}) as aws:
            r, error = aws.do("publish", topic=TOPIC, title="x", text="t", json="{}", id="42")
            self.assertEqual(r, -5)
            self.assertEqual(error, "AWS answers 403 SignatureDoesNotMatch not as botocore signs")
            for bad in ("", "alerts", TOPIC.replace("sns", "sqs"), TOPIC + "/x", TOPIC.replace("eu-central-1", "x@evil-1"),
                        TOPIC + "\r\nX: y"):
                self.assertEqual(aws.do("publish", topic=bad, title="x", text="t", json="{}", id="1")[0], -22, bad)
            self.assertEqual(aws.do("publish", topic=TOPIC, title="x", text="t", json="x" * (256 << 10), id="1")[0], -27)
            self.assertEqual(len(self.published), 1)

    def test_passes(self):
        def answer(handler, body):
            handler.reply(int(statuses[0][0]), statuses.pop(0)[1])

        error = "<ErrorResponse><Error><Code>%s</Code><Message>m</Message></Error></ErrorResponse>"
        wanted = [("400", error % "Throttling", -11), ("503", "", -11), ("500", error % "InternalError", -11), ("429", "", -11),
                  ("403", error % "ExpiredToken", -11), ("404", error % "NotFound", -5), ("403", error % "AuthorizationError", -5),
                  ("400", error % "InvalidParameter", -5), ("400", "{", -5), ("301", "", -5)]
        statuses = [(status, text.encode()) for status, text, _ in wanted]
        with HttpServer(answer) as server, Aws(sns=server.url, **STATIC) as aws:
            for status, text, r in wanted:
                self.assertEqual(aws.do("publish", topic=TOPIC, title="x", text="t", json="{}", id="1")[0], r, (status, text))


class Events(unittest.TestCase):
    def stub(self, answers=(), region="eu-central-1"):
        def answer(handler, body):
            problem, request = events_problem(handler, body, region)
            self.put.append(request)
            if problem:
                handler.reply(400, json.dumps({"__type": "com.amazon#InvalidSignatureException", "message": problem}).encode())
            else:
                entries = [answers.pop(0)] if answers else [{"EventId": "1"}]
                handler.reply(200, json.dumps({"FailedEntryCount": 0, "Entries": entries}).encode())

        self.put, answers = [], list(answers)
        return HttpServer(answer)

    event = {"bus": "default", "region": "eu-central-1", "source": "hinomi", "detail_type": "Hinomi Finding",
             "detail": '{"a":"火"}', "resource": TASK}

    def test_put(self):
        with self.stub() as server, Aws(events=server.url, **STATIC) as aws:
            self.assertEqual(aws.do("event", **self.event), (0, ""))
            entry = self.put[0]["Entries"][0]
            self.assertEqual((entry["Source"], entry["DetailType"], entry["Detail"], entry["Resources"], entry["EventBusName"]),
                             ("hinomi", "Hinomi Finding", '{"a":"火"}', [TASK], "default"))
            self.assertLess(abs(entry["Time"] - time.time()), 3600)
            self.assertEqual(aws.do("event", **{**self.event, "bus": "", "resource": ""}), (0, ""))
        bus = "arn:aws:events:us-east-1:123456789012:event-bus/security"
        with self.stub(region="us-east-1") as server, Aws(events=server.url, **STATIC) as aws:
            self.assertEqual(aws.do("event", **{**self.event, "bus": bus}), (0, ""))

    def test_refusals(self):
        with self.stub([{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}, {"ErrorCode": "InternalFailure"},
                        {"ErrorCode": "MalformedDetail", "ErrorMessage": "bad"}, {"EventId": "1"}]) as server, \
                Aws(events=server.url, **STATIC) as aws:
            for r, error in ((-11, "EventBridge did not take it: ThrottlingException slow"),
                             (-11, "EventBridge did not take it: InternalFailure "),
                             (-5, "EventBridge did not take it: MalformedDetail bad"), (0, "")):
                self.assertEqual(aws.do("event", **self.event), (r, error))
            for change in ({"source": "aws.hinomi"}, {"bus": "a b"}, {"bus": TOPIC}, {"region": ""}, {"region": "x.evil-1"}):
                self.assertEqual(aws.do("event", **{**self.event, **change})[0], -22, change)
            self.assertEqual(aws.do("event", **{**self.event, "detail": '"' + "x" * (256 << 10) + '"'})[0], -27)

    def test_not_understood(self):
        for text in (b"", b"[]", b"{}", b'{"Entries":[]}', b'{"Entries":{}}', b"\0", b'{"Entries":' + b"[" * 1000):
            with HttpServer(lambda handler, body, text=text: handler.reply(200, text)) as server, \
                    Aws(events=server.url, **STATIC) as aws:
                self.assertEqual(aws.do("event", **self.event)[0], -11, text)


class Path(unittest.TestCase):
    def test_colon(self):
        """A model's id has a colon: sent as %3A, signed as %253A."""
        def answer(handler, body):
            problem = wrong_signature(handler, body, "bedrock")
            handler.reply(403 if problem else 200, json.dumps({"message": problem}).encode(), **{"X-Amzn-ErrorType": "No:http://x/"})

        with HttpServer(answer) as server, Aws(**STATIC) as aws:
            for path in ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", "/model/a%2Fb%20c/x", "/a-b_c.d~e/f", ""):
                self.assertEqual(aws.do("call", service="bedrock", region="eu-central-1", endpoint=server.url, path=path,
                                        body="{}"), (0, ""), path)
            self.assertEqual(aws.do("call", service="other", region="eu-central-1", endpoint=server.url, body="{}"),
                             (-5, "AWS answers 403 No another scope"))


NOW = 1795348800


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Credentials(unittest.TestCase):
    def setUp(self):
        self.given, self.gate, self.count = {}, threading.Event(), 0
        self.gate.set()
        self.expires = NOW + 3600

        def answer(handler, body):
            self.gate.wait(30)
            self.count += 1
            self.seen = dict(handler.headers)
            if self.given:
                handler.reply(self.given.get("status", 200), self.given["body"])
            else:
                handler.reply(200, json.dumps({"AccessKeyId": f"ASIA{self.count}", "SecretAccessKey": "s", "Token": "t",
                                               "Expiration": stamp(self.expires)}).encode())

        self.server = HttpServer(answer)
        self.addCleanup(self.server.__exit__)

    def aws(self, **environment):
        return Aws({"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.server.url + "/v1/credentials", **environment})

    def test_kept_and_fetched_anew(self):
        with self.aws() as aws:
            get = lambda now: aws.do("credentials", wait=True, now=now)  # noqa: E731
            self.assertEqual(get(NOW), (0, "ASIA1 s t"))
            self.assertEqual(get(NOW + 3299), (0, "ASIA1 s t"))
            self.assertEqual(self.count, 1)
            self.expires = NOW + 2 * 3600
            self.assertEqual(get(NOW + 3301)[0], 0)  # beside: those that hold are given out
            for _ in range(1000):
                if get(NOW + 3302) == (0, "ASIA2 s t"):
                    break
                time.sleep(0.02)
            self.assertEqual(get(NOW + 3303), (0, "ASIA2 s t"))
            self.expires = NOW + 5 * 3600
            self.assertEqual(get(NOW + 3 * 3600), (0, "ASIA3 s t"))  # expired: it waits
            self.assertEqual(self.count, 3)

    def test_never_waits(self):
        self.gate.clear()
        with self.aws() as aws:
            self.assertEqual(aws.do("credentials", now=NOW), (-11, "credentials for AWS are being fetched"))
            self.assertEqual(aws.do("credentials", now=NOW)[0], -11)
            self.gate.set()
            self.assertEqual(aws.do("credentials", wait=True, now=NOW), (0, "ASIA1 s t"))
            self.assertEqual(aws.do("credentials", now=NOW), (0, "ASIA1 s t"))

    def test_failures_are_not_asked_for_at_once(self):
        self.given = {"status": 500, "body": b"no"}
        with self.aws() as aws:
            for now in (NOW, NOW + 1, NOW + 4):
                r, error = aws.do("credentials", wait=True, now=now)
                self.assertEqual((r, error), (-5, "credentials for AWS: the endpoint answers 500"))
            self.assertEqual(self.count, 1)
            self.given = {}
            self.assertEqual(aws.do("credentials", wait=True, now=NOW + 5), (0, "ASIA2 s t"))

    def test_nonsense(self):
        for body in (b"", b"[]", b"{}", b'{"AccessKeyId":1,"SecretAccessKey":"x"}', b'{"AccessKeyId":"a b","SecretAccessKey":"x"}',
                     b'{"AccessKeyId":"' + b"a" * 300 + b'","SecretAccessKey":"x"}', b"\xff" * 100, b"[" * 10000,
                     b'{"AccessKeyId":"a\\r\\nX: y","SecretAccessKey":"x"}', b'{"AccessKeyId":"a\\u0000b","SecretAccessKey":""}'):
            self.given = {"body": body}
            with self.aws() as aws:
                r, error = aws.do("credentials", wait=True, now=NOW)
                if b"u0000" not in body:
                    self.assertLess(r, 0, body)

    def test_expires_at_once(self):
        self.expires = NOW + 10
        with self.aws() as aws:
            self.assertEqual(aws.do("credentials", wait=True, now=NOW)[0], -11)
            self.assertEqual(self.count, 1)

    def test_token(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("first\n")
            file.flush()
            with self.aws(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=file.name) as aws:
                aws.do("credentials", wait=True, now=NOW)
                self.assertEqual(self.seen["Authorization"], "first")
                file.seek(0)
                file.write("second")
                file.flush()
                aws.do("credentials", wait=True, now=NOW + 9999)
                self.assertEqual(self.seen["Authorization"], "second")
        with self.aws(AWS_CONTAINER_AUTHORIZATION_TOKEN="third") as aws:
            aws.do("credentials", wait=True, now=NOW)
            self.assertEqual(self.seen["Authorization"], "third")
        with self.aws(AWS_CONTAINER_AUTHORIZATION_TOKEN="a\r\nX: y") as aws:
            self.assertEqual(aws.do("credentials", wait=True, now=NOW)[0], -22)
        with self.aws(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/nonexistent") as aws:
            self.assertEqual(aws.do("credentials", wait=True, now=NOW)[0], -5)

    def test_where_they_come_from(self):
        with Aws() as aws:
            r, error = aws.do("credentials", wait=True)
            self.assertEqual(r, -2)
            self.assertIn("there are no credentials for AWS", error)
        for url in ("http://evil.example/", "http://127.0.0.1@evil.example/", "http://127.0.0.1.evil.example/",
                    "http://169.254.169.254/latest", "ftp://127.0.0.1/", "/etc/passwd"):
            with Aws({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}) as aws:
                self.assertEqual(aws.do("credentials", wait=True)[0], -2, url)
        with Aws({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://169.254.169.254/x"}) as aws:
            self.assertLess(aws.do("credentials", wait=True)[0], 0)

    def test_addresses_of_containers(self):
        prefix = ["unshare", "-n", "sh", "-c", 'ip link set lo up; ip a add 169.254.170.2/32 dev lo; '
                  'ip a add 169.254.170.23/32 dev lo; "$0" -c "$1" & s=$!; shift; "$@"; kill $s', sys.executable, SERVE]
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
            self.skipTest("no network namespace can be made here")
        with Aws({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"}, prefix) as aws:
            self.assertEqual(self.tries(aws), (0, "ECS /v2/credentials/x t"))
        with Aws({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}, prefix) as aws:
            self.assertEqual(self.tries(aws), (0, "EKS /v1/credentials t"))

    def tries(self, aws):
        for i in range(100):  # until the stand-in listens
            got = aws.do("credentials", wait=True, now=NOW + 5 * i)
            if got[0] == 0:
                break
            time.sleep(0.1)
        return got


SERVE = """
import http.server, json, threading
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = {"169.254.170.2": "ECS", "169.254.170.23": "EKS"}[self.headers["Host"]]
        data = json.dumps({"AccessKeyId": name, "SecretAccessKey": self.path, "Token": "t"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(data))); self.end_headers(); self.wfile.write(data)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("169.254.170.2", 80), H)
threading.Thread(target=s.serve_forever).start()
http.server.HTTPServer(("169.254.170.23", 80), H).serve_forever()
"""

sys.exit(run("courier/aws"))
