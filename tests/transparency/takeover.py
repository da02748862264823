#!/usr/bin/env python3
"""Kills and stops the processes of `run` while a command of several processes and threads is at work.

    takeover.py HINOMI PROBE SHARED [--rounds N] [--seed N]

After each disturbance every thread of the command has to make steps; in the end its status and output are as
ever, and what passed unseen is told once. Rounds: three in five stop and continue the sensor (many in one run),
the others kill sensor, holder or keeper (a run each). TRANSPARENCY_SCALE=N: N times as many.
"""
import argparse
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import stuck  # noqa: E402

SKIPPED = 77
LIMIT_S = 20
STUCK_S = 0.2  # the holder waits that long for a sensor
ROUNDS = 60
STOPS_A_RUN = 12
MODES = ([], ["--compat", "5.10"])
THREADS, PROCESSES = 3, 3
OUTPUT = "process: status 0\n" * PROCESSES + "wrong 0\n"
RULES = "falco_rules.yaml"
STATUS = 42
UNSEEN = re.compile(r"^hinomi run: (\d+) calls? passed unseen$", re.M)


class Failure(Exception):
    pass


class Run:
    """One command under load."""

    def __init__(self, suite, options):
        self.folder = tempfile.mkdtemp(dir=suite.work)
        self.mark = f"TRANSPARENCY_RUN={os.path.basename(suite.work)}-{os.path.basename(self.folder)}-"
        command = [suite.hinomi, "run", *options, "--rules", suite.rules, "-o", os.path.join(self.folder, "alerts"),
                   "--", suite.probe, "load", str(THREADS), str(PROCESSES)]
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE,
                                        env={**os.environ, "TRANSPARENCY_RUN": self.mark.split("=", 1)[1]})
        self.ask("at the beginning")
        self.pids = {stuck.read(f"/proc/{pid}/comm"): pid for pid in self.tasks() if stuck.read(f"/proc/{pid}/comm")
                     .startswith("hinomi-")}

    def tasks(self):
        return stuck.marked(self.mark)

    def signal(self, name, number):
        os.kill(self.pids[name], number)

    def ask(self, when):
        """Does every thread go on?"""
        self.process.stdin.write(b"?")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
        answer = os.read(self.process.stdout.fileno(), 1) if ready else b""
        if answer != b"+":
            more = self.process.stderr.read1(4096).decode() if not ready else ""
            raise Failure(f"{when}: {'no answer' if not ready else 'it ended'} {more}", stuck.describe(self.tasks()))

    def finish(self, status, pattern):
        """Ends it; returns what it said on standard error."""
        self.process.stdin.close()
        out, err = b"", b""
        try:
            self.process.stdin = None
            out, err = self.process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failure("it does not end", stuck.describe(self.tasks())) from None
        out, err = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        if (self.process.returncode, out) != (status, OUTPUT):
            raise Failure(f"status {self.process.returncode}, output {out!r}, errors {err!r}")
        if not re.search(pattern, err) or len(UNSEEN.findall(err)) > 1:
            raise Failure(f"it says {err!r}, not {pattern}")
        return err

    def close(self):
        stuck.end(self.tasks())
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def pause(longest):
    time.sleep(random.random() * longest)


def stop_sensor(run, rounds):
    for i in range(rounds):
        pause(0.03)
        run.signal("hinomi-sensor", signal.SIGSTOP)
        if i % 3 == 0:
            run.ask(f"sensor stopped, round {i}")
        else:
            pause(2 * STUCK_S)
        run.signal("hinomi-sensor", signal.SIGCONT)
        run.ask(f"sensor continued, round {i}")
    run.finish(STATUS, r"\A(hinomi run: [1-9]\d* calls? passed unseen\n)?\Z")


def kill_sensor(run, rounds):
    del rounds
    pause(0.1)
    run.signal("hinomi-sensor", signal.SIGKILL)
    run.ask("sensor killed")
    run.ask("sensor killed, again")
    run.finish(STATUS, r"\Ahinomi run: the sensor was killed.*\nhinomi run: [1-9]\d* calls passed unseen\n\Z")


def stop_and_kill_sensor(run, rounds):
    del rounds
    pause(0.1)
    run.signal("hinomi-sensor", signal.SIGSTOP)
    pause(2 * STUCK_S)
    run.signal("hinomi-sensor", signal.SIGKILL)
    run.ask("sensor stopped and killed")
    run.finish(STATUS, r"\Ahinomi run: the sensor was killed.*\nhinomi run: [1-9]\d* calls passed unseen\n\Z")


def kill_holder(run, rounds):
    del rounds
    pause(0.1)
    run.signal("hinomi-holder", signal.SIGKILL)
    run.ask("holder killed")
    run.finish(STATUS, r"\A\Z")


def kill_keeper(run, rounds):
    """Its status is lost with it; the command goes on."""
    del rounds
    pause(0.1)
    run.signal("hinomi-keeper", signal.SIGKILL)
    run.ask("keeper killed")
    run.finish(125, r"\Ahinomi run: the command's parent was killed: its exit status is not known\n\Z")


class Suite:
    def __init__(self, options):
        self.hinomi, self.probe = os.path.realpath(options.hinomi), os.path.realpath(options.probe)
        shared = os.path.realpath(os.environ.get("HINOMI_SHARED", options.shared))
        path = os.path.join(shared, "peer-rules", RULES)
        self.rules = path if os.path.exists(path) else os.path.realpath(os.path.join(HERE, "../../content/rules"))
        self.work = tempfile.mkdtemp(prefix="takeover-")
        self.totals = {"passed": 0, "failed": 0, "skipped": 0}

    def try_one(self, kind, rounds, options):
        run = None
        try:
            run = Run(self, options)
            kind(run, rounds)
            self.totals["passed"] += rounds
        except (Failure, KeyError, OSError) as error:
            self.totals["failed"] += 1
            print(f"{kind.__name__} {' '.join(options)}: {error.args[0]}")
            for line in error.args[1] if len(error.args) > 1 and isinstance(error.args[1], list) else []:
                print("    " + line)
            sys.stdout.flush()
        finally:
            if run:
                run.close()


def plan(rounds):
    """(kind, rounds in one run)"""
    stops = rounds * 3 // 5
    work = [(stop_sensor, min(STOPS_A_RUN, stops - at)) for at in range(0, stops, STOPS_A_RUN)]
    kinds = (kill_sensor, stop_and_kill_sensor, kill_sensor, kill_holder, kill_sensor, kill_keeper)
    work += [(kinds[i % len(kinds)], 1) for i in range(rounds - stops)]
    return work


def usable(suite):
    done = subprocess.run([suite.hinomi, "run", "--rules", suite.rules, "--", "true"], stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    text = done.stderr.decode("utf-8", "replace").replace("\n", " ")
    return text if "user notification" in text or "only one" in text else ""


def main():
    parser = argparse.ArgumentParser()
    for name in ("hinomi", "probe", "shared"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=ROUNDS * int(os.environ.get("TRANSPARENCY_SCALE", "1")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    random.seed(options.seed)
    suite = Suite(options)
    try:
        why = usable(suite)
        if why:
            print(f"skipped: {why}")
            return SKIPPED
        stuck.adopt_orphans()
        for i, (kind, rounds) in enumerate(plan(options.rounds)):
            suite.try_one(kind, rounds, MODES[i % 2])
    finally:
        shutil.rmtree(suite.work, ignore_errors=True)
    if suite.totals["failed"]:
        print("seed", options.seed)
    print("takeover: {passed} passed, {failed} failed, {skipped} skipped".format(**suite.totals))
    return 1 if suite.totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
