#!/usr/bin/env python3
"""run.py BUILD [--only ingest,pages,...] [--alerts N] [--keep DIR]: the server's figures, as JSON lines.

    ingest   durable alerts a second: batches of 500 by 8 agents over TLS, each acknowledged after its commit
    pages    findings pages, facets, histograms with --alerts (10 million) in a tenth as many findings
    agents   memory with 1,000 connected agents: each polls until its next heartbeat (10 s), and beats over the same
             connection; then the same while each sends a batch of one alert every 20 s
    append   a list item appended: from the API's 200 until each of 100 agents has the delta
    stream   from an alert's sending until a client of /v1/events hears of it

Server, generator and clients are on one machine and share its processors; each line has the load that was there
before it began. What this build cannot do is skipped and says so.
"""
import argparse
import asyncio
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from client import Server, query, summary

AGENTS, BATCHES, SIZE = 8, 40, 500
CONNECTED, POLLERS, APPENDS, STREAMED = 1000, 100, 50, 100
BEAT_S, BATCH_S, IDLE_S = 10, 20, 3
FILTERS = ["", "severity >= 9", 'status = "new"', 'rule = "Crypto miner executed"', 'ecs.cluster = "prod-1"',
           'container.image contains "payments"', 'proc.cmdline contains "payload-1234"',
           'policy = "Runtime Threat Detection" and severity >= 8 and not aws.region = "us-east-1"']


def show(name, **figures):
    print(json.dumps({"bench": name, "cpus": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1), **figures}),
          flush=True)


def ingest(bench):
    server = bench.server("ingest")
    listed = bench.path / "agents"
    listed.write_text("".join(f"{i} {c}\n" for i, c in server.enrol(AGENTS)))
    before = server.cpu()
    out = subprocess.run([bench.build / "bench/bench-load", f"https://127.0.0.1:{server.port}",
                          server.directory / "ca.pem", listed, str(BATCHES), str(SIZE)],
                         stdout=subprocess.PIPE, check=True, text=True).stdout
    figures = json.loads(out)
    figures["server_cpu_us_per_alert"] = round((server.cpu() - before) / figures["alerts"] * 1e6, 1)
    stored = server.ask("GET", "/v1/stats")["stored"]
    figures["stored"] = stored["alerts"]
    figures["findings"] = stored["findings"]
    assert stored["alerts"] == figures["alerts"], stored
    show("ingest", **figures)


def filled(bench):
    """A server on a filled directory; kept for the next time with --keep."""
    directory = Path(bench.keep) if bench.keep else bench.path / "filled"
    if not directory.exists():
        subprocess.run([bench.build / "bench/bench-fill", directory, str(bench.alerts)], check=True,
                       stdout=sys.stderr)
    return bench.server("filled", directory)


def timed(server, path, times):
    connection, taken = server.connect(), []
    answer = server.ask("GET", path, connection=connection)
    for _ in range(times):
        began = time.monotonic()
        server.ask("GET", path, connection=connection)
        taken.append(time.monotonic() - began)
    connection.close()
    return taken, answer


def walk(server, parts, pages):
    """Pages one after another by their cursors."""
    connection, taken, cursor = server.connect(), [], None
    for _ in range(pages):
        path = query("/v1/findings", **parts, **({"cursor": cursor} if cursor else {}))
        began = time.monotonic()
        cursor = server.ask("GET", path, connection=connection)["next"]
        taken.append(time.monotonic() - began)
        if not cursor:
            break
    connection.close()
    return taken


def pages(bench):
    server = filled(bench)
    if not server.has("GET", "/v1/findings"):
        return show("pages", skipped="no /v1/findings in this build")
    all_pages = []
    for text in FILTERS:
        parts = {"limit": 50, **({"filter": text} if text else {})}
        taken = walk(server, parts, 30)
        all_pages += taken
        show("page", filter=text, **summary(taken))
    show("pages", **summary(all_pages))
    for name in ("facets", "histogram"):
        for text in FILTERS:
            taken, _ = timed(server, query(f"/v1/findings/{name}", **({"filter": text} if text else {})), 15)
            show(name, filter=text, **summary(taken))
    rss, own = server.memory()
    show("filled_memory", rss_mib=round(rss / 2**20), own_mib=round(own / 2**20))


class Agent:
    """One connected agent as hinomi-agent is: a poll until the next heartbeat is due, the heartbeat, a poll; batches
    beside them. A request takes the first idle connection; each closes what was idle for longer than IDLE_S."""

    def __init__(self, server, number, identity, beats, batches):
        self.server, self.number, self.beats, self.batches = server, number, beats, batches
        self.id, self.credential = identity
        self.version, self.arrived, self.sent = 0, {}, 0
        self.idle = []  # (streams, since)

    async def request(self, method, path, body=b"", more=""):
        now = time.monotonic()
        for streams, since in self.idle[:]:
            if now - since > IDLE_S:
                self.idle.remove((streams, since))
                streams[1].close()
        streams = self.idle.pop(0)[0] if self.idle else \
            await asyncio.open_connection("127.0.0.1", self.server.port, ssl=self.server.tls)
        answer = await self.exchange(streams, method, path, body, more)
        self.idle.append((streams, time.monotonic()))
        return answer

    def head(self, method, path, more="", length=0):
        return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.credential}\r\n"
                f"Hinomi-Instance: {self.number:016x}\r\nContent-Length: {length}\r\n{more}\r\n").encode()

    async def exchange(self, streams, method, path, body=b"", more=""):
        reader, writer = streams
        if not body:
            head = self.head(method, path, more).replace(b"Content-Length: 0\r\n", b"")
        else:
            kind = "" if "Content-Type" in more else "Content-Type: application/json\r\n"
            head = self.head(method, path, more + kind, len(body))
        writer.write(head + body)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        headers = {}
        while (line := await reader.readline()) not in (b"\r\n", b""):
            key, _, value = line.decode().partition(":")
            headers[key.lower()] = value.strip()
        data = await reader.readexactly(int(headers.get("content-length", 0)))
        return status, headers, data

    async def live(self, stop):
        due = time.monotonic()
        while not stop.is_set():
            left = due - time.monotonic()
            if self.beats and left <= 0:
                await self.beat()
                due = time.monotonic() + BEAT_S
            else:
                await self.poll(max(1, math.ceil(left)) if self.beats else 60)

    async def poll(self, wait):
        path = f"/v1/agents/{self.id}/bundle?after={self.version}&wait={wait}"
        status, headers, _ = await self.request("GET", path)
        if status == 200:
            self.version = int(headers["hinomi-version"])
            self.arrived[self.version] = time.monotonic()
        elif status != 204:
            raise SystemExit(f"{path}: {status}")

    async def send(self, stop):
        await asyncio.sleep(BATCH_S * (self.number % 100) / 100)
        while not stop.is_set():
            self.sent += 1
            body = zstd(json.dumps(alert(self.id, self.sent)).encode() + b"\n")
            status, _, data = await self.request(
                "POST", f"/v1/agents/{self.id}/batches", body,
                f"Content-Type: application/x-ndjson\r\nContent-Encoding: zstd\r\nHinomi-Spool: {1:016x}\r\n"
                f"Hinomi-First: {self.sent}\r\n")
            if status != 200:
                raise SystemExit(f"batch: {status} {data[:300]}")
            await asyncio.sleep(BATCH_S)

    async def beat(self):
        now = int(time.time() * 1000)
        body = json.dumps({"version": "0", "kernel": "6", "hostname": f"h{self.number}", "sensor": "none",
                           "started_ms": now, "now_ms": now, "lag_ms": 0, "events": 0, "alerts": 0, "drops": 0,
                           "gaps": 0, "rules": 0, "health": {"ok": True, "reason": ""},
                           "bundle": {"version": self.version, "ok": True, "error": ""},
                           "spool": {"bytes": 0, "records": 0, "oldest_ms": 0, "full": False},
                           "containers": []}).encode()
        status, _, data = await self.request("POST", f"/v1/agents/{self.id}/heartbeat", body)
        if status != 200:
            raise SystemExit(f"heartbeat: {status} {data[:300]}")


def alert(agent, n):
    return {"n": n, "alert": {
        "uuid": f"00000000-0000-4000-8000-{n:012}", "output": "made", "priority": "Critical", "rule": f"Bench {n}",
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()), "source": "syscall", "tags": [],
        "hostname": "bench", "output_fields": {"proc.name": "touch"},
        "hinomi": {"v": 1, "id": f"{agent}:0:{n}", "policy": "Bench", "severity": 9.0}}}


async def with_agents(server, count, beats, batches, work):
    """Runs work(agents) while they are connected."""
    stop, agents, tasks = asyncio.Event(), [], []
    for number, identity in enumerate(await asyncio.to_thread(server.enrol, count)):
        agent = Agent(server, number, identity, beats, batches)
        agents.append(agent)
        tasks += [asyncio.create_task(agent.live(stop))]
        tasks += [asyncio.create_task(agent.send(stop))] if batches else []
        await asyncio.sleep(0.002)
    try:
        for _ in range(600):
            broken = [t for t in tasks if t.done()]
            if broken:
                broken[0].result()
            if all(agent.version for agent in agents):
                break
            await asyncio.sleep(0.1)
        return await work(agents)
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def agents(bench):
    server = bench.server("agents")
    if not server.has("GET", "/v1/agents/x/bundle"):
        return show("agents", skipped="no bundle in this build")
    rss_before, own_before = server.memory()

    async def look(polling):
        before, began = server.cpu(), time.monotonic()
        await asyncio.sleep(2 * BATCH_S + 5)
        rss, own = server.memory()
        show("agents", connected=CONNECTED, batches=polling[0].batches, connections=server.connections(), rss_mib=round(rss / 2**20, 1), own_mib=round(own / 2**20, 1),
             rss_mib_before=round(rss_before / 2**20, 1), own_mib_before=round(own_before / 2**20, 1),
             cpu_percent=round((server.cpu() - before) / (time.monotonic() - began) * 100, 1))

    for batches in (False, True):
        asyncio.run(with_agents(server, CONNECTED, True, batches, look))


def append(bench):
    server = bench.server("append")
    if not server.has("GET", "/v1/lists"):
        return show("append", skipped="no /v1/lists in this build")
    server.ask("POST", "/v1/lists", {"name": "bench_names", "items": ["first"]}, expect=(200, 201))

    async def work(polling):
        taken, slowest = [], []
        for i in range(APPENDS):
            await asyncio.to_thread(server.ask, "POST", "/v1/lists/bench_names/append",
                                    {"items": [f"name-{i}"]}, (200, 201))
            answered, want = time.monotonic(), max(a.version for a in polling)
            await asyncio.sleep(0.3)
            want = max(want, max(a.version for a in polling))
            late = [a.arrived.get(want, time.monotonic()) - answered for a in polling]
            taken += [max(0, x) for x in late]
            slowest.append(max(0, max(late)))
        show("append", agents=POLLERS, **summary(taken), slowest_agent_ms=round(statistics.median(slowest) * 1000, 1))

    asyncio.run(with_agents(server, POLLERS, True, False, work))


def listen(server, seen, ready):
    connection = server.connect()
    connection.request("GET", "/v1/events", headers={"Authorization": f"Bearer {server.token}"})
    response = connection.getresponse()
    ready.set()
    while line := response.fp.readline():
        if line.startswith(b"data:") and b'"rule"' in line:
            seen.append((time.monotonic(), line))


def stream(bench):
    server = bench.server("stream")
    if not server.has("POST", "/v1/agents/x/batches"):
        return show("stream", skipped="no intake in this build")
    (agent, credential), = server.enrol(1)
    seen, ready = [], threading.Event()
    threading.Thread(target=listen, args=(server, seen, ready), daemon=True).start()
    ready.wait(10)
    connection, taken = server.connect(), []
    for i in range(STREAMED):
        body = zstd(json.dumps(alert(agent, i + 1)).encode() + b"\n")
        began, name = time.monotonic(), b'"Bench %d"' % (i + 1)
        server.ask("POST", f"/v1/agents/{agent}/batches", body, connection=connection, headers={
            "Authorization": f"Bearer {credential}", "Content-Type": "application/x-ndjson",
            "Content-Encoding": "zstd", "Hinomi-Instance": f"{0:016x}", "Hinomi-Spool": f"{1:016x}",
            "Hinomi-First": str(i + 1)})
        deadline = time.monotonic() + 5
        while not (heard := [at for at, line in seen if name in line]) and time.monotonic() < deadline:
            time.sleep(0.0005)
        taken.append((heard[0] if heard else time.monotonic()) - began)
    show("stream", **summary(taken), heard=len(seen), sent=STREAMED)


def zstd(data):
    """One frame of raw blocks: valid zstd without a library."""
    frame = b"\x28\xb5\x2f\xfd" + bytes([0xa0]) + len(data).to_bytes(4, "little")
    blocks = [data[i:i + 65536] for i in range(0, len(data), 65536)]
    for i, block in enumerate(blocks):
        frame += (len(block) << 3 | (i == len(blocks) - 1)).to_bytes(3, "little") + block
    return frame


class Bench:
    def __init__(self, options):
        self.build, self.alerts, self.keep = Path(options.build).resolve(), options.alerts, options.keep
        self.path = Path(tempfile.mkdtemp(prefix="hinomi-bench-"))
        self.servers = []

    def server(self, name, directory=None):
        server = Server(self.build, directory or self.path / name, 18700 + os.getpid() % 1000)
        self.servers.append(server)
        server.start()
        return server

    def stop(self):
        while self.servers:
            self.servers.pop().stop()


def main():
    parts = {f.__name__: f for f in (ingest, pages, agents, append, stream)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(parts))
    parser.add_argument("--alerts", type=int, default=10_000_000)
    parser.add_argument("--keep", help="the filled directory: made if absent, and left")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        for name in options.only.split(","):
            try:
                parts[name](bench)
            finally:
                bench.stop()
    finally:
        shutil.rmtree(bench.path)


main()
