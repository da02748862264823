#!/usr/bin/env python3
"""bench/sensors/sidecar.py BUILD [CASE...]: what hinomi-agent beside applications costs them, and takes itself.

Containers of one task by podman and runc, as in tests/sidecar: ways of starting in turns within one run; medians
and the spread are printed. Needs root and a quiet machine. ROUNDS (5) by environment.

Cases: start memory flood
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "sidecar"))
from pod import LIMITS, Images, Pod, podman, read  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SHARED = Path(os.environ.get("HINOMI_SHARED", "../shared")).resolve()
APPLICATIONS = 8
SECONDS = 5
STOP = "/hinomi/stop"
SKIPPED = 77


class Bench:
    """What a Pod wants to know of its suite."""

    def __init__(self, build, work):
        build = Path(build).resolve()
        self.shim = str(build / "src/shim/hinomi-shim")
        self.program = str(build / "src/agent/hinomi-agent")
        self.programs = str(build / "tests/sidecar")
        self.profile = str(SHARED / "data/docker-default-seccomp.json")
        self.work = work
        os.chmod(work, 0o755)
        self.images = Images(work, self.programs)

    def pod(self, agent=True):
        pod = Pod(self)
        if agent:
            shutil.copytree(ROOT / "content" / "rules", os.path.join(pod.results, "rules"))
            pod.start_program()
        return pod


def spread(values, unit):
    return f"{statistics.median(values):8.1f} {unit}  ({min(values):.1f} .. {max(values):.1f})"


def start_once(pod, shim):
    """Milliseconds of a whole container whose program ends at once."""
    words = ["run", "--rm", *LIMITS, "--pid", f"container:{pod.pause}", "-v", f"{pod.volume}:/hinomi:ro",
             "--tmpfs", "/tmp", pod.suite.images.name("scratch"), *shim, "/load", "touch", "/tmp/x"]
    begun = time.monotonic()
    podman(*words)
    return 1000 * (time.monotonic() - begun)


def bench_start(bench):
    present, absent = bench.pod(), bench.pod(agent=False)
    shim = ["/hinomi/hinomi-shim", "--"]
    ways = {"bare": (absent, []), "shim, agent present": (present, shim),
            "shim, agent absent, --wait 0": (absent, [*shim[:1], "--wait", "0", "--"]),
            "shim, agent absent (waits 2 s)": (absent, shim)}
    results = {way: [] for way in ways}
    try:
        for _ in range(ROUNDS):
            for way, (pod, words) in ways.items():
                results[way].append(start_once(pod, words))
    finally:
        present.close()
        absent.close()
    print("start to end of a container whose program ends at once")
    for way, values in results.items():
        added = statistics.median(v - b for v, b in zip(values, results["bare"]))
        print(f"  {way:32} {spread(values, 'ms')}  adds {added:8.1f}", flush=True)


def usage_of(pid):
    """CPU seconds and resident MiB of a process and its children: the agent and its parser of names."""
    ticks, rss, todo = 0, 0, [pid]
    while todo:
        at = todo.pop()
        words = read(f"/proc/{at}/stat").rpartition(")")[2].split()
        todo += [int(child) for child in read(f"/proc/{at}/task/{at}/children").split()]
        ticks += int(words[11]) + int(words[12])
        rss += int(words[21])
    return ticks / os.sysconf("SC_CLK_TCK"), rss * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def usage_over(pod):
    pid = int(podman("inspect", "--format", "{{.State.Pid}}", pod.agent))
    before, _ = usage_of(pid)
    time.sleep(SECONDS)
    after, rss = usage_of(pid)
    return 100 * (after - before) / SECONDS, rss


def bench_memory(bench):
    print("the agent: processor, resident memory (with shared pages)")
    for name, count, command in (("idle, no application", 0, None), ("idle, 1 application", 1, "sleep"),
                                 (f"idle, {APPLICATIONS} applications", APPLICATIONS, "sleep"), ("1 application under load", 1, "load")):
        pod = bench.pod()
        try:
            words = ("/bin/sleep", "1000") if command == "sleep" else ("/load", "run", STOP)
            for _ in range(count):
                pod.app("busybox", *words)
            for _ in range(count and 200):
                if read(os.path.join(pod.results, "errors")).count(": watched") >= count:
                    break
                time.sleep(0.05)
            time.sleep(1)
            cpu, rss = usage_over(pod)
            print(f"  {name:28} {cpu:6.2f} % of a core, {rss:6.1f} MiB", flush=True)
        finally:
            pod.close()


def bench_flood(bench):
    results = {"bare": [], "watched, beside the flood": []}
    for _ in range(ROUNDS):
        for way in results:
            pod = bench.pod()
            try:
                flood = pod.app("scratch", "/load", "run", STOP)
                pod.wait_log(": watched")
                shadow = os.path.join(pod.work, "shadow")
                Path(shadow).write_text("root:*:1::::::\n", encoding="ascii")
                mount = ("-v", f"{shadow}:/etc/shadow:ro")
                if way == "bare":
                    out = podman("run", "--rm", *LIMITS, *mount, bench.images.name("busybox"), "/load", "read",
                                 "/etc/shadow", "100")
                    results[way].append(int(out.partition('"p99_us": ')[2].partition(",")[0]) / 1000)
                else:
                    results[way].append(pod.app("busybox", "/load", "read", "/etc/shadow", "100",
                                                options=mount).finish()["p99_us"] / 1000)
                pod.end(flood)
            finally:
                pod.close()
    print("p99 of 100 reads of /etc/shadow beside a container that opens files without pause")
    for way, values in results.items():
        print(f"  {way:28} {spread(values, 'ms')}", flush=True)


CASES = {"start": bench_start, "memory": bench_memory, "flood": bench_flood}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    if any(case not in CASES for case in options.cases):
        parser.error(f"cases: {' '.join(CASES)}")
    if os.geteuid() != 0 or not all(shutil.which(p) for p in ("podman", "runc", "busybox")):
        print("skipped: needs root, podman, runc and busybox")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="hinomi-bench-") as work:
        bench = Bench(options.build, work)
        try:
            for case in options.cases or CASES:
                CASES[case](bench)
        finally:
            bench.images.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
