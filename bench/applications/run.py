#!/usr/bin/env python3
"""bench/applications/run.py BUILD [APPLICATION...]: what the sidecar costs real applications.

Each application runs twice at a time, in a task without the sidecar and in one with it (containers by podman and runc,
as on Fargate), and gets windows of load in turns, so that what disturbs the machine disturbs both. Figures are medians, ratios
those of pairs. Prints a table; --json FILE keeps all samples, --svg FILE draws them (plot.py does it again from the former).
Needs root, a quiet machine, and tools/deps.sh bench. About ten minutes; --quick about three.
"""
import argparse
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import applications  # noqa: E402
import plot  # noqa: E402
from task import ROOT, Failure, Image, Task  # noqa: E402

SKIPPED = 77
SHARED = Path(os.environ.get("HINOMI_SHARED", ROOT.parent / "shared")).resolve()
PROFILES = (SHARED / "data" / "docker-default-seccomp.json", Path("/usr/share/containers/seccomp.json"))
START_LIMIT_S = 60
WARM_S = 0.6
WAYS = ("without", "with")
NEEDED = ("podman", "runc", "nsenter")
PROGRAM_FOLDERS = ":/usr/sbin:/sbin"


class Probe:
    """Begins to ask before the server is started, in the task's network."""

    def __init__(self, task, ready):
        script = str(Path(__file__).resolve().parent / "probe.py")
        words = [sys.executable, script, str(ready.port), ready.request.hex(), ready.expected.hex(), str(START_LIMIT_S)]
        self.process = subprocess.Popen(task.inside(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def answered(self):
        """When, on the monotonic clock."""
        out = self.process.communicate(timeout=2 * START_LIMIT_S)[0]
        if self.process.returncode != 0:
            raise Failure("no answer")
        return float(out)


def start(application, task):
    """Starts its containers; the milliseconds from the last one's start to its first answer."""
    for what, command, user, ready in application.parts():
        container = task.add(what, command, user)
        probe = Probe(task, ready) if ready else None
        begun = time.monotonic()
        container.start_at_once()
        if probe:
            try:
                answered = probe.answered()
            except Failure:
                raise Failure(f"{what} does not answer: {task.logs()}") from None
        else:
            application.wait_done(task)
            answered = time.monotonic()
    task.wait_watched()
    return 1000 * (answered - begun)


def measure(application, task, seconds):
    before, agent_before = task.cpu_s()
    sample = application.load(task, seconds)
    after, agent_after = task.cpu_s()
    return {"rate": sample.rate, "p99_ms": sample.p99_ms, "cpu_us": 1e6 * (after - before) / sample.operations,
            "agent_us": 1e6 * (agent_after - agent_before) / sample.operations}


def warm_up(application, tasks, order):
    """A window of load each, in which the memory is looked at."""
    memory = {}
    for way in order:
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(application.load, tasks[way], 1)
            time.sleep(WARM_S)
            memory[way], agent = tasks[way].memory_mib()
            load.result()
        if way == "with":
            memory["agent"] = agent
    return memory


def one_round(application, work, programs, options, turn, kept):
    """Both tasks anew; pairs of windows, the first of a pair in turns."""
    tasks = {}
    try:
        order = WAYS if turn % 2 == 0 else WAYS[::-1]
        started = {}
        for way in order:
            task = tasks[way] = Task(tempfile.mkdtemp(dir=work, prefix=f"{way}-"), programs, way == "with")
            application.prepare(task.app)
            started[way] = start(application, task)
        kept["starts"].append(started)
        if application.stays:
            kept["memory"].append(warm_up(application, tasks, order))
        for pair in range(min(options.pairs, application.most_pairs)):
            order = WAYS if (turn + pair) % 2 == 0 else WAYS[::-1]
            samples = {way: measure(application, tasks[way], options.seconds) for way in order}
            kept["pairs"].append({way: samples[way] for way in WAYS})
        for rule, count in tasks["with"].alerts().items():
            kept["alerts"][rule] = kept["alerts"].get(rule, 0) + count
    finally:
        for task in tasks.values():
            task.close()


def machine():
    model = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
             if line.startswith("model name")]
    return f"{os.cpu_count()} processors ({model[0] if model else platform.machine()}), kernel {platform.release()}"


def collect(chosen, work, programs, options):
    result = {"command": shlex.join(["bench/applications/run.py", *sys.argv[1:]]), "date": time.strftime("%Y-%m-%d"),
              "machine": machine(), "load": os.getloadavg()[0], "note": options.note, "seconds": options.seconds,
              "applications": []}
    for application in chosen:
        result["applications"].append({"name": application.name, "title": application.title, "unit": application.unit,
                                       "pairs": [], "starts": [], "memory": [], "alerts": {}})
    begun = time.monotonic()
    for turn in range(options.rounds):
        for application, kept in zip(chosen, result["applications"]):
            one_round(application, work, programs, options, turn, kept)
        print(f"round {turn + 1} of {options.rounds}, {time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f}",
              file=sys.stderr, flush=True)
    return result


def missing(chosen, programs):
    """Why it cannot be measured here."""
    if os.geteuid() != 0:
        return "needs root"
    path = os.environ["PATH"] + PROGRAM_FOLDERS
    for name in {*NEEDED, *(name for application in chosen for name in application.programs)}:
        if not shutil.which(name, path=path):
            return f"{name} is not installed (tools/deps.sh bench)"
    for name, path in programs.items():
        if not path or not os.path.exists(path):
            return f"no {name}{': ' + path if path else ''}"
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("applications", nargs="*", metavar="APPLICATION", help=" ".join(a.name for a in applications.every()))
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 pairs")
    parser.add_argument("--rounds", type=int, help="how often all is started (6)")
    parser.add_argument("--pairs", type=int, help="pairs of windows in a round (3)")
    parser.add_argument("--seconds", type=int, default=1, help="of a window (1)")
    parser.add_argument("--json", metavar="FILE", help="all samples")
    parser.add_argument("--svg", metavar="FILE", help="the plot")
    parser.add_argument("--note", default="", help="a remark that goes with the figures")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 6)
    options.pairs = options.pairs or (2 if options.quick else 3)
    unknown = set(options.applications) - {a.name for a in applications.every()}
    if unknown:
        parser.error(f"no application {' '.join(sorted(unknown))}")
    return options


def main():
    options = arguments()
    chosen = [a for a in applications.every() if not options.applications or a.name in options.applications]
    build = Path(options.build).resolve()
    programs = {"shim": str(build / "src/shim/hinomi-shim"), "agent": str(build / "src/agent/hinomi-agent"),
                "profile": next((str(path) for path in PROFILES if path.exists()), "")}
    reason = missing(chosen, programs)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="hinomi-bench-") as work:
        os.chmod(work, 0o755)
        image = Image(work)
        try:
            result = collect(chosen, work, programs, options)
        except Failure as failure:
            print(f"failed: {failure}", file=sys.stderr)
            return 1
        finally:
            image.close()
    print(plot.table(result))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.svg:
        Path(options.svg).write_text(plot.svg(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
