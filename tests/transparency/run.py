#!/usr/bin/env python3
"""Programs do the same with the sensor as without: output, errors, exit status.

    run.py HINOMI TARGET SHARED [--only TEXT] [--jobs N] [--times N]

Each case (cases/, see there) is run bare, then under `hinomi run` with the stock rules and ours, with the
newest flags and with --compat 5.10, as root and, where `# users: both` says so, as uid 1000. What cannot be
run here bare is skipped. TRANSPARENCY_TIMES=N repeats what is under the sensor.
"""
import argparse
import collections
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SKIPPED = 77
MODES = {"newest": [], "5.10": ["--compat", "5.10"]}
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]
TIMEOUT_S = 120
# What hinomi says of itself when this machine had no time for it; not a difference in the command's output.
GAP = re.compile(r"^hinomi run: \d+ calls? .*unseen.*\n", re.M)


def header(path, word):
    """`# word: value` in a case's first lines."""
    with open(path, encoding="utf-8") as file:
        head = "".join(line for _, line in zip(range(12), file))
    found = re.search(rf"^# {word}: (.*)$", head, re.M)
    return found.group(1) if found else ""


def users_of(path):
    if os.geteuid() != 0:
        return {"user": []}
    users = {"root": []} if "not root" not in header(path, "users") else {}
    if "both" in header(path, "users") or not users:
        users["user"] = USER
    return users


class Runner:
    def __init__(self, options, work):
        self.work = work
        shared = os.environ.get("HINOMI_SHARED", options.shared)
        stock = os.path.join(shared, "peer-rules")
        rules = [os.path.join(ROOT, "content/rules/hinomi.yaml")]
        if os.path.isdir(stock):
            rules += [os.path.join(stock, n) for n in ("falco_rules.yaml", "falco-incubating_rules.yaml",
                                                       "falco-sandbox_rules.yaml")]
        self.rules = [x for rule in rules for x in ("--rules", os.path.realpath(rule))]
        self.hinomi = os.path.realpath(options.hinomi)
        self.target = os.path.realpath(options.target)
        self.count = 0
        self.lock = threading.Lock()

    def once(self, path, user, prefix):
        """(status, output, hinomi's note of a gap) of a case in a folder of its own."""
        with self.lock:
            self.count += 1
            folder = os.path.join(self.work, f"run{self.count}")
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        home = {"HOME": folder, "TMPDIR": folder, "TARGET": self.target, "SETUP": os.path.join(self.work, "setup"),
                "PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C", "TERM": "dumb"}
        more = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        command = [*user, path, *(x.replace("{folder}", folder) for x in prefix)]
        with subprocess.Popen(command, cwd=folder, env={**home, **more}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as child:
            try:
                out = child.communicate(timeout=TIMEOUT_S)[0]
                status = child.returncode
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                out, status = child.communicate()[0], "ended"
        shutil.rmtree(folder, ignore_errors=True)
        text = out.decode("utf-8", "replace").replace(folder, "FOLDER")
        return status, GAP.sub("", text), GAP.search(text)

    def with_sensor(self, mode):
        return [self.hinomi, "run", *MODES[mode], *self.rules, "-o", "{folder}/alerts", "--"]

    def setup(self, path):
        """What a case needs once (its `setup` argument), unwatched."""
        folder = os.path.join(self.work, "setup")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        return self.once(path, [], ["setup"])


def difference(bare, seen):
    lines = []
    if bare[0] != seen[0]:
        lines.append(f"status {seen[0]}, bare {bare[0]}")
    lines += [line for line in difflib.unified_diff(bare[1].splitlines(), seen[1].splitlines(), "bare", "watched",
                                                    lineterm="", n=0)][:12]
    return lines


def run_case(runner, path, times):
    """What there is to say, and how many of each kind."""
    name = os.path.basename(path)
    said, totals = [], collections.Counter()
    if header(path, "setup"):
        status, out, _ = runner.setup(path)
        if status != 0:
            return [f"{name}: skipped: {out.strip()[-200:]}"], {"skipped": 1}
    for who, user in users_of(path).items():
        bare = runner.once(path, user, [])
        if bare[0] == SKIPPED:
            totals["skipped"] += 1
            said.append(f"{name}: {who}: {bare[1].strip()}")
            continue
        for mode in [m for m in MODES for _ in range(times)]:
            seen = runner.once(path, user, runner.with_sensor(mode))
            lines = difference(bare, seen)
            totals["failed" if lines else "passed"] += 1
            said += [f"{name}: {who}: {mode}: {line}" for line in lines]
            if seen[2]:
                said.append(f"{name}: {who}: {mode}: note: {seen[2].group().strip()}")
    return said, totals


def main():
    parser = argparse.ArgumentParser()
    for name in ("hinomi", "target", "shared"):
        parser.add_argument(name)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--times", type=int, default=int(os.environ.get("TRANSPARENCY_TIMES", "1")))
    options = parser.parse_args()
    totals = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="hinomi-same-", ignore_cleanup_errors=True) as work:
        os.chmod(work, 0o755)
        runner = Runner(options, work)
        folder = os.path.join(HERE, "cases")
        paths = [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if options.only in n]
        with ThreadPoolExecutor(options.jobs) as pool:
            for said, found in pool.map(lambda path: run_case(runner, path, options.times), paths):
                totals.update(found)
                for line in said:
                    print(line, flush=True)
    print(f"transparency: {totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
