#!/usr/bin/env python3
"""bench/sensors/sensors.py BUILD [CASE...]: what watching costs, as ratios within one run.

Each case is run bare, under `hinomi run` with all stock rules (newest flags; without SYNC_WAKE_UP; with
--compat 5.10; with ptrace, with a filter and without), under somebody who only lets each open go on ("answered": what the
kernel alone costs), and, where that makes sense, under `strace -f --seccomp-bpf` of the same calls, in turns;
medians and the spread are printed. Needs a quiet machine. ROUNDS (5) and SCALE (1.0) by environment.

Cases: calls fork redis nginx nginx-cache postgres build latency idle
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SCALE = float(os.environ.get("SCALE", "1"))
SHARED = Path(os.environ.get("HINOMI_SHARED", "../shared")).resolve()
RULES = [SHARED / "peer-rules" / f"{name}.yaml" for name in
         ("falco_rules", "falco-incubating_rules", "falco-sandbox_rules")]
STRACE_CALLS = "open,openat,openat2,creat,execve,execveat,clone,clone3,fork,vfork,connect,bind,listen," \
               "accept,accept4,unlink,unlinkat,rename,renameat,renameat2,chmod,fchmodat,link,linkat,symlink," \
               "symlinkat,mkdir,mkdirat,setuid,setgid,setsid,chdir,ptrace,mount,kill"


class Bench:
    def __init__(self, build, folder):
        self.build = Path(build).resolve()
        self.folder = folder
        self.calls = self.build / "bench" / "calls"

    def watched(self, *extra, output=None):
        return [str(self.build / "hinomi"), "run", "--rules", *map(str, RULES), "-o",
                str(output or os.devnull), *extra, "--"]

    def ways(self):
        ways = {"bare": [],
                "answered": [str(self.calls), "answer"],
                "hinomi": self.watched(),
                "hinomi, no SYNC_WAKE_UP": self.watched("--without", "SYNC_WAKE_UP"),
                "hinomi, --compat 5.10": self.watched("--compat", "5.10"),
                "hinomi, ptrace": self.watched("--sensor", "ptrace"),
                "hinomi, ptrace, no filter": self.watched("--sensor", "ptrace", "--no-filter")}
        if shutil.which("strace"):
            ways["strace -f --seccomp-bpf"] = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull,
                                               "-e", f"trace={STRACE_CALLS}"]
        return ways


def report(title, unit, results, lower_is_better):
    """Medians with spread; ratios against the first way of the same round."""
    print(f"{title}")
    bare = results["bare"]
    for way, values in results.items():
        line = f"  {way:26} {statistics.median(values):12.1f} {unit}  ({min(values):.1f} .. {max(values):.1f})"
        if way != "bare":
            ratios = [b / v if lower_is_better else v / b for v, b in zip(values, bare) if v and b] or [0]
            line += f"  {100 * statistics.median(ratios):6.1f} % of bare"
            if lower_is_better:
                line += f", adds {statistics.median(v - b for v, b in zip(values, bare)):10.1f}"
        print(line, flush=True)
    added = {way: statistics.median(v - b for v, b in zip(values, bare)) for way, values in results.items()}
    for way in results:
        if way.startswith("hinomi") and lower_is_better and "strace -f --seccomp-bpf" in added:
            print(f"  added by {way} / added by strace: {added[way] / added['strace -f --seccomp-bpf']:.2f}")


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
                          stdin=subprocess.DEVNULL, **options).stdout


def in_turns(bench, measure, rounds=ROUNDS, ways=None):
    results = {}
    for _ in range(rounds):
        for way, prefix in (ways or bench.ways()).items():
            results.setdefault(way, []).append(measure(prefix))
    return results


def servers(bench):
    """Not under strace: it leaves its servers behind when it is asked to end."""
    return {way: prefix for way, prefix in bench.ways().items() if not way.startswith("strace")}


def count(n):
    return str(max(1, int(n * SCALE)))


def bench_calls(bench):
    for what, n, title in (("unmonitored", 1000000, "getppid(2), not monitored"),
                           ("open", 20000, "open and close, monitored, no rule matches"),
                           ("threads", 5000, "the same in a process with threads (exact mode)")):
        report(title, "ns", in_turns(bench, lambda prefix: float(
            run([*prefix, str(bench.calls), what, count(n)]).split()[0])), True)


def bench_fork(bench):
    report("fork, exec of true, wait", "ns", in_turns(bench, lambda prefix: float(
        run([*prefix, str(bench.calls), "fork", count(500)]).split()[0])), True)


def bench_build(bench):
    """Hinomi's own event module: some forty C files, optimised, two at a time."""
    folder = bench.folder / "build"
    source = Path(__file__).resolve().parents[2] / "src"
    shutil.copytree(source, folder / "src")
    (folder / "Makefile").write_text(
        "all: $(patsubst %.c,%.o,$(wildcard src/base/*.c src/event/*.c))\n%.o: %.c\n"
        "\tcc -std=gnu17 -D_GNU_SOURCE -O2 -Isrc -I/usr/include/json-c -c -o $@ $<\nclean:\n\trm -f src/*/*.o\n")

    def measure(prefix):
        run(["make", "-s", "clean"], cwd=folder)
        start = time.monotonic()
        run([*prefix, "make", "-s", "-j2"], cwd=folder)
        return 1000 * (time.monotonic() - start)
    report("make -j2 of Hinomi's base and event modules", "ms", in_turns(bench, measure, max(1, ROUNDS // 2)), True)


class Server:
    """A server under a way of watching; ended by its own pid."""

    def __init__(self, prefix, command, ready, **options):
        self.process = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        for _ in range(200):
            if subprocess.run(ready, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError(f"{command[0]} does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def bench_redis(bench):
    port = "17379"

    def measure(prefix):
        with Server(prefix, ["redis-server", "--port", port, "--save", "", "--bind", "127.0.0.1"],
                    ["redis-cli", "-p", port, "ping"]):
            out = run(["redis-benchmark", "-p", port, "-n", count(100000), "-t", "get", "--csv"])
            return float(out.splitlines()[-1].split(",")[1].strip('"'))
    report("redis GET", "1/s", in_turns(bench, measure, ways=servers(bench)), False)


NGINX = """daemon off; master_process on; worker_processes 1; user root; pid {folder}/nginx.pid;
error_log /dev/null; events {{ worker_connections 512; }}
http {{ access_log off; {cache} server {{ listen 127.0.0.1:18080; root {folder}/www; }} }}
"""


def bench_nginx(bench, cache=False):
    folder = bench.folder / "nginx"
    (folder / "www").mkdir(parents=True, exist_ok=True)
    (folder / "www" / "index.html").write_text("x" * 1024)
    setting = "open_file_cache max=100 inactive=60s; open_file_cache_min_uses 1;" if cache else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, cache=setting))
    command = ["nginx", "-e", "/dev/null", "-c", str(folder / "nginx.conf")]
    url = "http://127.0.0.1:18080/index.html"

    def measure(prefix):
        with Server(prefix, command, ["wrk", "-t1", "-c1", "-d1s", url]):
            out = run(["wrk", "-t1", "-c16", f"-d{max(1, int(3 * SCALE))}s", url])
            return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    report(f"nginx, small file, {'with' if cache else 'without'} open_file_cache", "1/s",
           in_turns(bench, measure, ways=servers(bench)), False)


def bench_postgres(bench):
    folder = bench.folder / "postgres"
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        print("skipped: postgres: no /usr/lib/postgresql/*/bin")
        return
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    os.chmod(bench.folder, 0o755)
    as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]
    run([*as_postgres, str(programs[-1] / "initdb"), "-D", str(folder), "-A", "trust", "-U", "postgres"])
    connect = ["-h", "127.0.0.1", "-p", "15432", "-U", "postgres"]
    filled = []

    def measure(prefix):
        with Server(prefix, [*as_postgres, str(programs[-1] / "postgres"), "-D", str(folder), "-p", "15432", "-k",
                             str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
                    [str(programs[-1] / "pg_isready"), *connect]):
            pgbench = str(programs[-1] / "pgbench")
            if not filled:
                run([pgbench, "-i", "-s", "2", *connect, "postgres"])
                filled.append(True)
            out = run([pgbench, "-S", "-c", "2", "-T", str(max(1, int(3 * SCALE))), *connect, "postgres"])
            return float(re.search(r"tps = ([\d.]+)", out).group(1))
    report("PostgreSQL, pgbench -S", "1/s", in_turns(bench, measure, ways=servers(bench)), False)


def bench_latency(bench):
    pipe = bench.folder / "alerts"
    for name, extra in (("newest flags", []), ("--compat 5.10", ["--compat", "5.10"])):
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        keep = os.open(pipe, os.O_RDWR)
        with open(pipe, encoding="utf-8") as reader:
            stamper = subprocess.Popen([str(bench.calls), "stamp"], stdin=reader, stdout=subprocess.PIPE, text=True)
        out = run([*bench.watched("--all", *extra, output=pipe), str(bench.calls), "latency", count(500),
                   "/etc/shadow"])
        time.sleep(0.2)
        os.close(keep)
        arrived = [int(x) for x in stamper.communicate()[0].split()]
        begun = [int(x) for x in out.split()]
        if not begun or len(arrived) % len(begun):
            print(f"latency, {name}: {len(begun)} calls but {len(arrived)} alerts; not compared")
            continue
        each = len(arrived) // len(begun)
        late = sorted((arrived[i * each] - b) / 1000 for i, b in enumerate(begun))
        print(f"call to alert, {name}: p50 {late[len(late) // 2]:.0f} us, p99 {late[len(late) * 99 // 100]:.0f} us, "
              f"max {late[-1]:.0f} us, {len(late)} calls")


def usage_of(process):
    """CPU seconds and RSS (MiB) of the run's own processes: its descendants named hinomi."""
    ticks, rss, todo = 0, 0, [process]
    while todo:
        pid = todo.pop()
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            name = Path(f"/proc/{pid}/exe").resolve().name
            todo += [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
        except OSError:
            continue
        if name.startswith("hinomi"):
            ticks += int(stat[11]) + int(stat[12])
            rss += int(stat[21])
    return ticks / os.sysconf("SC_CLK_TCK"), rss * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def bench_idle(bench):
    for name, command in (("idle", ["sleep", "30"]), ("loaded", [str(bench.calls), "open", "100000000"])):
        process = subprocess.Popen([*bench.watched(), *command], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(2)
        before, _ = usage_of(process.pid)
        time.sleep(10)
        after, rss = usage_of(process.pid)
        print(f"{name}: {10 * (after - before):.2f} % of a core, {rss:.1f} MiB resident (all its processes)")
        process.send_signal(signal.SIGTERM)
        process.wait()


CASES = {"calls": bench_calls, "fork": bench_fork, "redis": bench_redis, "nginx": bench_nginx,
         "nginx-cache": lambda bench: bench_nginx(bench, True), "postgres": bench_postgres,
         "build": bench_build, "latency": bench_latency, "idle": bench_idle}


def main():
    if len(sys.argv) < 2 or any(case not in CASES for case in sys.argv[2:]):
        sys.exit(__doc__)
    if not RULES[0].exists():
        print(f"skipped: no stock rules in {SHARED}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], Path(folder))
        for case in sys.argv[2:] or CASES:
            try:
                CASES[case](bench)
            except FileNotFoundError as error:
                print(f"skipped: {case}: {error.filename} is not installed")


if __name__ == "__main__":
    main()
