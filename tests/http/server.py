"""What the tests over HTTP share: a hinomi-server with a folder of its own, requests to it, sessions and agents.

    server = Server(PROGRAM, settings="limits: {header_seconds: 1}\\n")
    admin = server.administrator()
    server.ask("GET", "/v1/me", bearer=admin).json
"""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

LIMIT_S = 60
SLOW_S = 2  # tests that take longer are told
PASSWORD = "correct horse battery staple"
INSTANCE = "0" * 16


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith(("HINOMI_", "AWS_"))}


def until(condition, seconds=LIMIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def receive(connection, quiet_s=0.5):
    """(bytes, whether the other side ended it): all that comes until it does, or is silent after an answer."""
    data = b""
    connection.settimeout(LIMIT_S)
    while True:
        try:
            piece = connection.recv(65536)
        except socket.timeout:
            return data, False
        except ConnectionResetError:
            return data, True
        if not piece:
            return data, True
        data += piece
        connection.settimeout(quiet_s)


def status_of(data):
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.1 ") else None


class Answer:
    """Also (status, headers, body)."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __iter__(self):
        return iter((self.status, self.headers, self.body))

    def __getitem__(self, i):
        return tuple(self)[i]

    def __repr__(self):
        return f"{self.status} {self.body[:1000]}"

    @property
    def text(self):
        return self.body.decode(errors="replace") if isinstance(self.body, bytes) else self.body

    @property
    def json(self):
        return json.loads(self.body or "null")

    @property
    def code(self):
        try:
            return self.json.get("code")
        except (ValueError, AttributeError):
            return None


class Server:
    """A server with a folder that outlives its process; its port is what it says that it listens on."""

    def __init__(self, program, settings="", listen="127.0.0.1:0", folder=None, **env):
        self.program, self.listen, self.env = program, listen, env
        self.base = tempfile.mkdtemp(prefix="hinomi-http-")
        self.folder = folder or os.path.join(self.base, "state")
        self.log_path = os.path.join(self.base, "log")
        self.config = os.path.join(self.base, "server.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(settings)
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [self.program, "--config", self.config, "--listen", self.listen, "--dir", self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**environment(), **self.env})
        self.port = int(until(lambda: self.started(begin)).group(2))

    def started(self, begin):
        if self.process.poll() is not None:
            raise AssertionError("it ended: " + self.log())
        return re.search(r"listening on (https?)://\S+:(\d+)/", self.log()[begin:])

    def log(self):
        with open(self.log_path, encoding="latin-1") as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LIMIT_S)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.base)

    def sockets(self):
        """Connections that the server holds."""
        proc = f"/proc/{self.process.pid}"
        held = set()
        for fd in os.listdir(proc + "/fd"):
            with contextlib.suppress(FileNotFoundError):
                held.add(os.readlink(f"{proc}/fd/{fd}"))
        with open(proc + "/net/tcp", encoding="ascii") as file:
            return sum(1 for line in file.readlines()[1:]
                       if line.split()[3] != "0A" and f"socket:[{line.split()[9]}]" in held)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)

    def send(self, data):
        """All that is answered until the server ends the connection, or is silent after an answer."""
        with self.raw() as connection:
            connection.sendall(data)
            return receive(connection)

    def ask(self, method, path, body=None, headers=None, context=None, bearer=None, timeout=LIMIT_S):
        """One request on a connection of its own. Of a stream of events: its headers."""
        given = dict(headers or {})
        if bearer:
            given["Authorization"] = "Bearer " + bearer
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            given.setdefault("Content-Type", "application/json")
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
                      if context else http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout))
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            live = answer.getheader("Content-Type", "").startswith("text/event-stream")
            return Answer(answer.status, answer.headers, b"" if live else answer.read())

    def sure(self, *arguments, **more):
        """What is answered by a request that must succeed."""
        answer = self.ask(*arguments, **more)
        if answer.status not in (200, 201, 204):
            raise AssertionError(f"{arguments}: {answer}")
        return answer.json if answer.body else None

    def administrator(self, name="admin", password=PASSWORD):
        """The secret of a session, made by the link of the first start."""
        with open(os.path.join(self.folder, "setup-link"), encoding="utf-8") as file:
            token = file.read().strip().split("#")[1]
        return self.sure("POST", "/v1/setup", {
            "token": token, "name": name, "password": password, "cookie": False})["token"]

    def log_in(self, name, password=PASSWORD):
        return self.sure("POST", "/v1/session", {"name": name, "password": password, "cookie": False})["token"]

    def user(self, admin, name, role=None, password=PASSWORD):
        """The secret of a session of a new user."""
        self.sure("POST", "/v1/users", {"name": name, "role": role or name, "password": password}, bearer=admin)
        return self.log_in(name, password)

    def enrol(self, admin, name="e", instance=INSTANCE, token=None):
        """{"id","credential","headers",...} of a new agent."""
        if not token:
            token = self.sure("POST", "/v1/enrolments", {"name": name}, bearer=admin)["token"]
        agent = self.sure("POST", "/v1/agents", {
            "name": name, "instance": instance, "version": "0.1.0", "kernel": "6.1", "hostname": name,
            "sensor": "notify"}, bearer=token)
        agent["headers"] = {"Authorization": "Bearer " + agent["credential"], "Hinomi-Instance": instance}
        return agent

    def routes(self):
        """(method, path, operation) of all that there is."""
        for path, methods in self.ask("GET", "/v1/openapi.json").json["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation


class Totals(unittest.TextTestResult):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.passed = 0
        self.begun = 0

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        if time.monotonic() - self.begun > SLOW_S:
            print(f"{test.id()}: {time.monotonic() - self.begun:.1f} s", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skipped: {test.id()}: {reason}")


def run(what):
    """All tests of the program; its status."""
    result = unittest.main(exit=False, testRunner=unittest.TextTestRunner(resultclass=Totals, verbosity=1)).result
    failed = len(result.failures) + len(result.errors)
    print(f"{what}: {result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0
