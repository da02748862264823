#!/usr/bin/env python3
"""fresh.py BUILD [--agents 100] [--rounds 20]: a list item appended, until the server has the alert of a file of that
name, on every one of many real agents; a JSON line.

Each agent is a hinomi-agent with a program under hinomi-shim, all over TLS with one server, on this machine. From the
API's 200 each program touches a file of the new name every STEP_S until its agent has made an alert. `detected` is the
alert's own time, `stored` when its batch was at the server; both since the 200, of all agents and rounds.
"""
import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "e2e"))
from place import LIMIT_S, Agent, Programs, Server, check, clean_environment, remove, until  # noqa: E402

STEP_S = 0.1
LIST = "malicious_filenames"


class Watched:
    """An agent, and a program of it that touches what it is told."""

    def __init__(self, programs, folder, server, enrolment):
        os.makedirs(folder)
        self.folder = folder
        self.agent = Agent(programs, folder, server.url, enrolment["token"], ca_sha256=enrolment["ca_sha256"])
        self.agent.start("connected to the server")
        self.program = subprocess.Popen(  # pylint: disable=consider-using-with
            [programs.shim, "--socket", self.agent.socket, "--", "/bin/sh", "-c", 'while read -r f; do : > "$f"; done'],
            stdin=subprocess.PIPE, env=clean_environment())
        self.seen = 0

    def touch(self, name):
        self.program.stdin.write(f"{self.folder}/{name}\n".encode())
        self.program.stdin.flush()

    def found(self, name):
        with open(self.agent.out, encoding="utf-8") as file:
            file.seek(self.seen)
            text = file.read()
        self.seen += len(text.rpartition("\n")[0])
        return f"/{name}" in text

    def end(self):
        self.program.kill()
        self.program.wait(LIMIT_S)
        self.agent.kill()


def one_round(server, watched, name):
    status, answer = server.call("POST", f"/v1/lists/{LIST}/append", {"items": [name]})
    answered = time.time()
    check(status == 200, status, answer)
    left = list(watched)
    end = time.monotonic() + LIMIT_S
    while left and time.monotonic() < end:
        for one in left:
            one.touch(name)
        time.sleep(STEP_S)
        left = [one for one in left if not one.found(name)]
    check(not left, f"{len(left)} agents do not find {name}")
    return answered * 1000


def stored(server, name):
    """{agent: (time, arrival) of its first alert of that name}"""
    arrivals, first = {}, {}
    for day in Path(server.dir).rglob("*.db"):
        with contextlib.closing(sqlite3.connect(f"file:{day}?mode=ro", uri=True)) as db:
            if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alerts'").fetchone()[0]:
                arrivals.update({row[0]: row[1:] for row in db.execute("SELECT id, time_ms, received_ms FROM alerts")})
    for alert in server.all("/v1/alerts"):
        ident = alert["hinomi"]["id"]
        if alert["output_fields"]["fd.name"].endswith(f"/{name}") and ident in arrivals:
            agent = ident.split(":")[0]
            first[agent] = min(first.get(agent, arrivals[ident]), arrivals[ident])
    return first


def spread(values):
    values = sorted(values)
    return {"p50_ms": round(statistics.median(values)), "p99_ms": round(values[int(len(values) * 0.99)]),
            "most_ms": round(values[-1]), "n": len(values)}


def measure(server, watched, rounds):
    detected, arrived = [], []
    for i in range(rounds):
        name = f"fresh-{i}.bin"
        began = one_round(server, watched, name)
        until("all alerts are stored", lambda n=name: len(stored(server, n)) == len(watched), LIMIT_S)
        first = stored(server, name).values()
        detected += [at - began for at, _ in first]
        arrived += [received - began for _, received in first]
    return detected, arrived


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    programs = Programs(options.build)
    folder = tempfile.mkdtemp(prefix="hinomi-fresh-")
    server, watched = Server(programs, os.path.join(folder, "s"), tls=True), []
    load = os.getloadavg()[0]
    try:
        server.start()
        server.set_up()
        enrolment = server.enrolment()
        for i in range(options.agents):
            watched.append(Watched(programs, os.path.join(folder, f"a{i}"), server, enrolment))
        until("the rules are in force", lambda: sum(
            bool(one["heartbeat"] and one["heartbeat"]["bundle"]["ok"] and one["heartbeat"]["rules"])
            for one in server.all("/v1/coverage")) >= options.agents, 120)
        detected, arrived = measure(server, watched, options.rounds)
        print(json.dumps({"bench": "fresh", "agents": options.agents, "cpus": os.cpu_count(), "load_before": round(load, 1),
                          "detected": spread(detected), "stored": spread(arrived)}))
    finally:
        for one in watched:
            one.end()
        server.kill()
        remove(folder)


if __name__ == "__main__":
    main()
