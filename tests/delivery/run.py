#!/usr/bin/env python3
"""Nothing is lost: canaries are counted outside of Hinomi, while what can fail does.

    run.py BUILD [--kills N] [--seconds N] [--seed N] [--only TEXT] [--keep]

A program under the shim (priority security: while no agent is there its calls wait) makes files of numbered names that
a rule is about, and says which calls returned. In the end each of them is stored once, or is in a gap that the agent
declared; nothing is stored that was not made; there is no gap where nothing but kill -9 happened, and none larger than
its cause. --kills: how often agent and server each are killed; `make soak` says 50.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from place import LIMIT_S, Agent, Cli, Failure, Programs, Proxy, Server, check, clean_environment, remove, until  # noqa: E402

SKIPPED = 77
RULE = """- rule: Canary
  desc: d
  condition: evt.type in (open, openat, creat) and evt.is_open_write = true and fd.filename startswith canary-
  output: canary %fd.name
  priority: NOTICE
"""
CANARIES = """
import os, sys, time
folder, pause, most, first = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
n = first
while n < first + most and not os.path.exists(folder + "/stop"):
    n += 1
    name = folder + "/canary-%d" % n
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
        os.unlink(name)
        said = "%d ok\\n" % n
    except OSError as error:
        said = "%d %d\\n" % (n, error.errno)
    os.write(1, said.encode())
    if pause:
        time.sleep(pause)
"""
UNSEEN = "unseen"  # the sensor's gaps: calls that passed, or were refused (not counted), while no agent was there
MIB = 1 << 20


class Skip(Exception):
    pass


class Canaries:
    """The program, and what it said."""

    def __init__(self, place, agent, pause=0.002, most=10 ** 9, argument=""):
        self.folder = os.path.join(place.folder, f"canaries-{place.first}")
        os.mkdir(self.folder)
        self.first, self.said, self.refused = place.first, set(), set()
        place.first += 10 ** 6
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [place.programs.shim, "--priority", "security", "--wait", "60", "--socket", agent.socket, "--", sys.executable,
             "-c", CANARIES, self.folder, str(pause), str(most), str(self.first), argument], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            number, said = line.split()
            (self.said if said == "ok" else self.refused).add(int(number))

    def count(self):
        return len(self.said)

    def end(self):
        with open(os.path.join(self.folder, "stop"), "wb"):
            pass
        self.finish()

    def finish(self):
        status = self.process.wait(LIMIT_S)
        self.thread.join(LIMIT_S)
        check(status == 0, "the program ended with", status, self.process.stderr.read())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)


class Place:
    def __init__(self, args, programs, folder):
        self.args, self.programs, self.folder = args, programs, folder
        self.first, self.started, self.mounts = 0, [], []
        self.server = self.proxy = None
        self.log = []

    def start(self, through_proxy=False, server_dir=None, server_env=None, spool=None, **agent):
        self.server = Server(self.programs, os.path.join(self.folder, "s"), directory=server_dir)
        self.server.env = server_env
        self.started.append(self.server)
        self.server.start()
        self.server.set_up()
        rule = os.path.join(self.folder, "rule.yaml")
        with open(rule, "w", encoding="ascii") as file:
            file.write(RULE)
        cli = Cli(self.programs, self.folder, self.server.url, self.server.token)
        cli.run("rules", "server", "put", "--new", "--file", rule)
        url = self.server.url
        if through_proxy:
            self.proxy = Proxy(self.server.port)
            url = self.proxy.url
        made = Agent(self.programs, os.path.join(self.folder, "a"), url, self.server.enrolment()["token"], spool=spool,
                     HINOMI_ACTIVITY_ENABLED="false", **agent)
        self.started.append(made)
        made.start("connected to the server")
        until("the rules are in force", lambda: [1 for one in self.server.get("/v1/coverage")["items"]
                                                 if one["heartbeat"] and one["heartbeat"]["bundle"]["version"] >= 2])
        return made

    def canaries(self, agent, **more):
        made = Canaries(self, agent, **more)
        self.started.append(made)
        return made

    def tmpfs(self, name, mib):
        path = os.path.join(self.folder, name)
        os.mkdir(path, 0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", path], check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip("no tmpfs can be mounted here: " + done.stderr.strip())
        self.mounts.append(path)
        return path

    def printed(self, numbers):
        """Which of them the agents printed."""
        with open(os.path.join(self.folder, "a", "out"), encoding="utf-8", errors="replace") as file:
            text = file.read()
        return [n for n in sorted(numbers)[:20] if f"canary-{n}" in text] + [" printed"]

    def told(self):
        return "".join(f"{victim} killed after {n}; " for victim, n in self.log)

    def stored(self):
        """Numbers of canaries, with duplicates."""
        return [int(alert["output_fields"]["fd.name"].rpartition("-")[2]) for alert in self.server.all("/v1/alerts")
                if alert["rule"] == "Canary"]

    def gaps(self):
        return self.server.all("/v1/gaps")

    def settle(self, canaries, losing=(), more=0):
        """generated = stored + declared, once each. losing: kinds of gaps that there may be; more: so many calls may be
        declared that were no canaries, or were stored."""
        made = set().union(*(c.said for c in canaries))
        tried = made.union(*(c.refused for c in canaries))

        def there():
            stored = self.stored()
            declared = sum(g["count"] or 0 for g in self.gaps() if g["kind"] in losing)
            return stored if len(set(stored) & made) + declared >= len(made) else None
        try:
            stored = until("all have arrived", there)
        except Failure as failure:
            raise Failure(f"{failure}: {len(made)} made, {len(set(self.stored()) & made)} stored, missing "
                          f"{sorted(made - set(self.stored()))[:20]}, {self.printed(made - set(self.stored()))}; {self.told()}gaps {self.gaps()}") from None
        gaps = self.gaps()
        declared = sum(g["count"] or 0 for g in gaps if g["kind"] in losing)
        missing = len(made - set(stored))
        check(len(stored) == len(set(stored)), len(stored) - len(set(stored)), "twice")
        check(set(stored) <= tried, "stored, but never made:", sorted(set(stored) - tried)[:5])
        check(missing <= declared <= missing + len(tried - made) + more, missing, "are missing,", declared, "are declared:", gaps)
        others = [g for g in gaps if g["kind"] not in losing and (g["kind"] != UNSEEN or g["count"])]
        check(not others, "gaps:", others)
        refused = len(tried - made)
        print(f"    {len(made)} made, {len(stored)} stored, {declared} declared, {refused} refused", flush=True)

    def end(self):
        for one in reversed(self.started):
            one.kill()
        if self.proxy:
            self.proxy.close()
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], check=False)


def case_killed(place):
    """kill -9 of agent and server, in any order. Of the only thread one call may be under way as the agent dies: when it
    was let go already it is in a gap, and nothing else is."""
    agent = place.start()
    canaries = place.canaries(agent)
    rounds = ["agent", "server"] * place.args.kills
    place.args.random.shuffle(rounds)
    for victim in rounds:
        at = canaries.count()
        until("canaries go on", lambda n=at: canaries.count() > n + 3)
        time.sleep(place.args.random.random() * 0.15)
        one = agent if victim == "agent" else place.server
        one.kill()
        place.log.append((victim, max(canaries.said | canaries.refused)))
        if place.args.random.random() < 0.3:
            time.sleep(place.args.random.random() * 0.3)
        one.start()
    at = canaries.count()
    until("canaries go on", lambda: canaries.count() > at + 3)
    canaries.end()
    place.settle([canaries], losing=(UNSEEN,), more=place.args.kills)
    check(all((g["count"] or 0) <= 1 for g in place.gaps()), "more than was under way:", place.gaps())


def case_lost_acknowledgements(place):
    """The server commits, its answer is lost: the same batch comes again."""
    agent = place.start(through_proxy=True)
    canaries = place.canaries(agent)
    for _ in range(place.args.kills):
        place.proxy.lose = 1
        until("an answer is lost", lambda: place.proxy.lose == 0)
        at = len(place.stored())
        until("the next is not", lambda n=at: len(place.stored()) > n + 20)
    canaries.end()
    place.settle([canaries])


def case_stalled(place):
    """The network takes everything and delivers nothing, for a while."""
    agent = place.start(through_proxy=True)
    canaries = place.canaries(agent)
    for _ in range(place.args.kills):
        at = canaries.count()
        until("canaries go on", lambda n=at: canaries.count() > n + 20)
        place.proxy.stalled.set()
        time.sleep(place.args.seconds / 2)
        at = canaries.count()
        until("nobody waits for the server", lambda n=at: canaries.count() > n + 20)
        place.proxy.stalled.clear()
    canaries.end()
    place.settle([canaries])


def case_spool_full(place):
    """The server is away until the spool is full: what is dropped is declared, to the last."""
    spool = place.tmpfs("spool", 28)
    agent = place.start(spool=spool, HINOMI_SPOOL_MAX_BYTES=str(24 * MIB))
    place.server.kill()
    canaries = place.canaries(agent, pause=0, most=8000, argument="x" * 16000)
    canaries.finish()
    place.server.start()
    place.settle([canaries], losing=("spool_full",))
    check(place.gaps(), "the spool was never full")


def fill(path):
    """Takes all room that there is."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass


def case_spool_disk_full(place):
    """The same, the disk being full before the spool is."""
    spool = place.tmpfs("spool", 40)
    agent = place.start(spool=spool)
    place.server.kill()
    fill(os.path.join(spool, "ballast"))
    canaries = place.canaries(agent, pause=0, most=4000, argument="x" * 16000)
    canaries.finish()
    place.server.start()
    until("what is there is sent", lambda: place.stored())
    os.unlink(os.path.join(spool, "ballast"))
    more = place.canaries(agent, most=20)
    more.finish()
    place.settle([canaries, more], losing=("spool_full", "spool_no_space"))


def case_server_disk_full(place):
    """The server's disk is full: agents keep what they have, and it arrives when there is room."""
    directory = place.tmpfs("disk", 64)
    agent = place.start(server_dir=directory)
    ballast = os.path.join(directory, "ballast")
    fill(ballast)
    canaries = place.canaries(agent, pause=0, most=3000)
    canaries.finish()
    time.sleep(place.args.seconds)
    check(len(place.stored()) < len(canaries.said), "the disk was never full")
    os.unlink(ballast)
    place.settle([canaries])


def clock_library():
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"):
        path = os.path.join(folder, "faketime/libfaketimeMT.so.1")
        if os.path.exists(path):
            return path
    raise Skip("libfaketime is missing (tools/deps.sh test)")


def case_clock(place):
    """The clocks of the agent's machine and the server's jump, a day forward and back."""
    offset = os.path.join(place.folder, "offset")
    fake = {"LD_PRELOAD": clock_library(), "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def jump(by):
        with open(offset + ".new", "w", encoding="ascii") as file:
            file.write(by + "\n")
        os.chmod(offset + ".new", 0o644)
        os.rename(offset + ".new", offset)
    jump("+0")
    os.chmod(place.folder, 0o755)
    agent = place.start(**fake)
    canaries = place.canaries(agent)
    for by in ("+1d", "-1d", "+0"):
        at = canaries.count()
        until("canaries go on", lambda n=at: canaries.count() > n + 50)
        jump(by)
        at = canaries.count()
        until("canaries go on", lambda n=at: canaries.count() > n + 50)
        agent.kill()
        agent.start()
    canaries.end()
    place.settle([canaries], losing=(UNSEEN,), more=3)


def run(case, args, programs):
    folder = tempfile.mkdtemp(prefix="hinomi-delivery-")
    place = Place(args, programs, folder)
    try:
        case(place)
        return None
    except (Failure, OSError, KeyError, IndexError, TypeError, ValueError, subprocess.TimeoutExpired) as failure:
        return f"{type(failure).__name__}: {str(failure)[:3000]}"
    finally:
        place.end()
        if not args.keep:
            remove(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    args.random = random.Random(args.seed)
    programs = Programs(args.build)
    if not os.path.exists(programs.shim):
        print("skipped: hinomi-shim is not built")
        return SKIPPED
    print(f"seed {args.seed}")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, case in [(n[5:], c) for n, c in globals().items() if n.startswith("case_") and args.only in n]:
        began = time.monotonic()
        try:
            why = run(case, args, programs)
        except Skip as skip:
            counts["skipped"] += 1
            print(f"delivery: {name}: skipped: {skip}", flush=True)
            continue
        counts["failed" if why else "passed"] += 1
        print(f"delivery: {name}: {why}" if why else f"  {name} ({time.monotonic() - began:.1f} s)", flush=True)
    print("delivery: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
