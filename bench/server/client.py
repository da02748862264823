"""client: hinomi-server started for a benchmark, and a client of its API. Python's standard library only."""
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.parse
from pathlib import Path

PASSWORD = "a pass phrase for benchmarks"
CONFIG = """retention:
  days: 3650
limits:
  rate_per_address: 1000000
  rate_per_principal: 1000000
"""


class Server:
    """A server of its own in `directory`, with TLS, which makes its first user."""

    def __init__(self, build, directory, port):
        self.directory, self.port = Path(directory), port
        self.binary = Path(build) / "src/server/hinomi-server"
        self.process = self.token = self.tls = None

    def start(self):
        config = self.directory.with_name(self.directory.name + ".yaml")
        config.write_text(CONFIG, encoding="utf-8")
        self.process = subprocess.Popen(
            [self.binary, "--config", config, "--dir", self.directory, "--listen", f"0.0.0.0:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=open(f"{config}.log", "w"))
        deadline = time.monotonic() + 600
        while True:
            try:
                self.tls = ssl.create_default_context(cafile=self.directory / "ca.pem")
                if self.request("GET", "/v1/health")[0] == 200:
                    break
            except (OSError, ssl.SSLError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"hinomi-server did not start: {Path(f'{config}.log').read_text()}")
            time.sleep(0.05)
        self.log_in()

    def log_in(self):
        link = self.directory / "setup-link"
        if link.exists():
            secret = link.read_text().strip().split("#")[1]
            answer = self.ask("POST", "/v1/setup", {"token": secret, "name": "bench", "password": PASSWORD,
                                                    "cookie": False}, expect=201)
        else:
            answer = self.ask("POST", "/v1/session", {"name": "bench", "password": PASSWORD, "cookie": False},
                              expect=(200, 201))
        self.token = answer["token"]

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=120)

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, bytes). `body`: an object to be sent as JSON, or bytes."""
        own = connection or self.connect()
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        own.request(method, path, body, headers)
        response = own.getresponse()
        data = response.read()
        if not connection:
            own.close()
        return response.status, data

    def ask(self, method, path, body=None, expect=200, **rest):
        status, data = self.request(method, path, body, **rest)
        wanted = expect if isinstance(expect, tuple) else (expect,)
        if status not in wanted:
            raise SystemExit(f"{method} {path}: {status} {data[:500]!r}")
        return json.loads(data) if data else None

    def has(self, method, path):
        """Is there such a route in this build?"""
        status, data = self.request(method, path)
        return status != 404 or b"no_such_path" not in data

    def enrol(self, count):
        """[(id, credential)] of that many new agents."""
        token = self.ask("POST", "/v1/enrolments", {"name": "bench", "max_uses": count}, expect=201)["token"]
        agents, connection = [], self.connect()
        for i in range(count):
            made = self.ask("POST", "/v1/agents", {
                "name": f"bench-{i}", "instance": f"{i:016x}", "version": "0", "kernel": "6", "hostname": f"h{i}",
                "sensor": "none"}, expect=201, connection=connection,
                headers={"Authorization": f"Bearer {token}"})
            agents.append((made["id"], made["credential"]))
        connection.close()
        return agents

    def memory(self):
        """Resident bytes now: all, and those of its own (not files that are mapped)."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        number = lambda key: int(re.search(rf"^{key}:\s+(\d+)", text, re.M).group(1)) * 1024
        return number("VmRSS"), number("RssAnon")

    def connections(self):
        """Established ones of the port, on the server's side."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(words[1].endswith(f":{self.port:04X}") and words[3] == "01" for words in lines)

    def cpu(self):
        """Seconds that it has worked."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def query(path, **parts):
    return path + "?" + urllib.parse.urlencode(parts)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def summary(values):
    """Of seconds, in milliseconds."""
    return {"n": len(values), **{f"p{p}_ms": round(percentile(values, p) * 1000, 1) for p in (50, 95, 99)},
            "max_ms": round(max(values) * 1000, 1)}
