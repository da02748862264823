"""The applications: what runs in their containers, when they are ready, what is asked of them.

Each serves one window of load at a time: load(task, seconds) makes a Sample. All data is made here; nothing leaves the task.
"""
import glob
import os
import pwd
import re
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from task import ROOT, Failure

HERE = Path(__file__).resolve().parent
CONNECTIONS = 16
KIB = 1024
STATIC = {"style.css": 12 * KIB, "page.js": 40 * KIB, "picture.png": 24 * KIB, "icon.png": KIB}
HTTP_READY = (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 ")
REDIS_READY = (b"PING\r\n", b"+PONG")
# A start of protocol 3.0 for the user postgres; 'R' asks for nothing, 'E' says that it is not ready.
POSTGRES_READY = (b"\0\0\0\x17\0\3\0\0user\0postgres\0\0", b"R")
LOAD_LIMIT_S = 120


@dataclass
class Sample:
    operations: int
    rate: float          # a second
    p99_ms: float = 0.0  # 0: not known


@dataclass
class Ready:
    port: int
    request: bytes
    expected: bytes


class Application:
    """name, title, unit of its operations; programs that it needs here; parts() as (name, words, user, Ready), the last one's
    start is measured; prepare(folder) makes /app."""
    most_pairs = 100  # of windows in a round
    stays = True      # its processes do, so that their memory means something


def run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=LOAD_LIMIT_S, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.strip()[-500:]}")
    return done.stdout


def account(name):
    entry = pwd.getpwnam(name)
    return f"{entry.pw_uid}:{entry.pw_gid}"


def own(folder, name):
    run(["chown", "-R", account(name), folder])


def write_static(folder):
    os.makedirs(folder)
    for name, size in STATIC.items():
        Path(folder, name).write_bytes((name + "\n").encode() * (size // (len(name) + 1)))


# wrk in turns over these requests; anything but 2xx ends the run.
WRK = """local requests, at = {{}}, 0
init = function()
{requests}
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""


def wrk_script(work, port_requests):
    lines = []
    for method, path, body in port_requests:
        headers = '{["Content-Type"]="application/x-www-form-urlencoded"}' if body else "nil"
        text = f'"{body}"' if body else "nil"
        lines.append(f'  requests[#requests + 1] = wrk.format("{method}", "{path}", {headers}, {text})')
    path = os.path.join(work, "load.lua")
    Path(path).write_text(WRK.format(requests="\n".join(lines)), encoding="ascii")
    return path


UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def wrk(task, port, requests, seconds):
    out = run(task.inside("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s",
                          wrk_script(task.work, requests), f"http://127.0.0.1:{port}/"))
    failed = re.search(r"Non-2xx.*|Socket errors.*", out)
    if failed:
        raise Failure(f"wrk: {failed.group(0)} {task.logs()}")
    count = int(re.search(r"(\d+) requests in", out).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", out).groups()
    return Sample(count, float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(value) * UNITS[unit])


NGINX = """daemon off; worker_processes 2; user www-data; pid /tmp/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{ include /app/types; access_log /app/access.log; sendfile on; tcp_nopush on; {cache}
  client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
  server {{ listen 127.0.0.1:8080; root /app/www; }} }}
"""
TYPES = "types { text/html html; text/css css; text/javascript js; image/png png; }\n"


class Nginx(Application):
    unit = "requests"
    programs = ("nginx", "wrk")
    ready = Ready(8080, *HTTP_READY)

    def __init__(self, cache):
        self.name = "nginx-cache" if cache else "nginx"
        self.title = "nginx, open_file_cache" if cache else "nginx, static files"
        self.cache = "open_file_cache max=100 inactive=60s; open_file_cache_min_uses 1;" if cache else ""

    def prepare(self, folder):
        Path(folder, "nginx.conf").write_text(NGINX.format(cache=self.cache), encoding="ascii")
        Path(folder, "types").write_text(TYPES, encoding="ascii")
        write_static(os.path.join(folder, "www"))
        Path(folder, "www", "index.html").write_text("x" * 8 * KIB, encoding="ascii")

    @staticmethod
    def parts():
        return [("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", "/app/nginx.conf"], "0", Nginx.ready)]

    @staticmethod
    def load(task, seconds):
        return wrk(task, 8080, [("GET", "/" + name, None) for name in ("", *STATIC)], seconds)


class Redis(Application):
    name, title, unit = "redis", "redis, SET and GET", "requests"
    programs = ("redis-server", "redis-benchmark")
    ready = Ready(6379, *REDIS_READY)
    rate = 50000  # first guess, each, a second

    @staticmethod
    def prepare(folder):
        own(folder, "redis")

    @staticmethod
    def parts():
        return [("redis", ["/usr/bin/redis-server", "--save", "", "--bind", "127.0.0.1", "--dir", "/app"],
                 account("redis"), Redis.ready)]

    def load(self, task, seconds):
        count = int(self.rate * seconds / 2)
        out = run(task.inside("redis-benchmark", "-c", str(CONNECTIONS), "-n", str(count), "-r", "10000", "-d", "128", "-t",
                              "set,get", "--csv"))
        rows = [[float(cell.strip('"')) for cell in line.split(",")[1:]] for line in out.splitlines()[1:]]
        took = sum(count / row[0] for row in rows)
        self.rate = len(rows) * count / took
        return Sample(len(rows) * count, self.rate, max(row[5] for row in rows))


class Postgres(Application):
    """pgbench without fsync: the processor decides, not the disk."""
    unit = "transactions"
    programs = ("pgbench", "setpriv")
    ready = Ready(5432, *POSTGRES_READY)
    clients = 4

    def __init__(self, name, title, *words):
        self.name, self.title, self.words = name, title, words
        self.filled = None

    @staticmethod
    def folder():
        """Of the newest PostgreSQL's programs."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]))
        if not found:
            raise Failure("skipped: no /usr/lib/postgresql/*/bin")
        return found[-1]

    def fill(self, work):
        """A cluster with pgbench's tables, made once, in a folder that is copied for each task."""
        filled = os.path.join(work, "postgres")
        if not os.path.exists(filled):
            os.mkdir(filled)
            own(filled, "postgres")
            uid, gid = account("postgres").split(":")
            as_postgres = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--"]
            programs = self.folder()
            run([*as_postgres, f"{programs}/initdb", "-N", "-D", f"{filled}/data", "-A", "trust", "-U", "postgres"], cwd=filled)
            control = [*as_postgres, f"{programs}/pg_ctl", "-D", f"{filled}/data", "-l", f"{filled}/log", "-w"]
            run([*control, "-o", f"-k {filled} -c listen_addresses='' -c fsync=off", "start"], cwd=filled)
            try:
                run([*as_postgres, f"{programs}/pgbench", "-q", "-i", "-s", "5", "-h", filled, "-U", "postgres", "postgres"],
                    cwd=filled)
            finally:
                run([*control, "-m", "fast", "stop"], cwd=filled)
        self.filled = filled

    def prepare(self, folder):
        self.fill(os.path.dirname(os.path.dirname(folder)))
        run(["cp", "-a", f"{self.filled}/data", folder])
        own(folder, "postgres")

    def parts(self):
        words = [f"{self.folder()}/postgres", "-D", "/app/data", "-k", "/tmp", "-c", "listen_addresses=127.0.0.1", "-c",
                 "fsync=off"]
        return [("postgres", words, account("postgres"), Postgres.ready)]

    def load(self, task, seconds):
        log = os.path.join(task.work, "transactions")
        out = run(task.inside(f"{self.folder()}/pgbench", "-n", "-c", str(self.clients), "-T", str(seconds), "-l", "--log-prefix",
                              log, *self.words, "-h", "127.0.0.1", "-U", "postgres", "postgres"))
        times = []
        for path in glob.glob(log + ".*"):
            times += [int(line.split()[2]) / 1000 for line in Path(path).read_text(encoding="ascii").splitlines()]
            os.unlink(path)
        if not times:
            raise Failure(f"pgbench: no transactions: {out[-300:]} {task.logs()}")
        times.sort()
        return Sample(len(times), float(re.search(r"tps = ([\d.]+)", out).group(1)), times[len(times) * 99 // 100])


PAGES = [("GET", "/", None), ("GET", "/article/3", None), ("GET", "/static/style.css", None), ("GET", "/article/7", None),
         ("GET", "/static/page.js", None), ("GET", "/", None), ("GET", "/article/12", None),
         ("GET", "/static/picture.png", None), ("GET", "/article/18", None), ("POST", "/article/3/comments", "text=agreed")]


class Node(Application):
    name, title, unit = "node", "Node application, with redis", "requests"
    programs = ("node", "redis-server", "wrk")
    ready = Ready(8000, *HTTP_READY)

    @staticmethod
    def prepare(folder):
        shutil.copytree(HERE / "web" / "templates", os.path.join(folder, "templates"))
        shutil.copy(HERE / "web" / "app.js", folder)
        write_static(os.path.join(folder, "static"))
        own(folder, "redis")

    @staticmethod
    def parts():
        # Node from elsewhere lies under /usr as well, or the container has none.
        node = os.path.realpath(shutil.which("node"))
        return [*Redis.parts(), ("node", [node, "/app/app.js"], account("www-data"), Node.ready)]

    @staticmethod
    def load(task, seconds):
        return wrk(task, 8000, PAGES, seconds)


class Flask(Application):
    name, title, unit = "python", "Flask application, with SQLite", "requests"
    programs = ("gunicorn", "wrk")
    ready = Ready(8000, *HTTP_READY)

    @staticmethod
    def prepare(folder):
        shutil.copytree(HERE / "web" / "templates", os.path.join(folder, "templates"))
        shutil.copy(HERE / "web" / "app.py", folder)
        write_static(os.path.join(folder, "static"))
        own(folder, "www-data")

    @staticmethod
    def parts():
        words = ["/usr/bin/python3", "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "4", "--bind",
                 "127.0.0.1:8000", "--chdir", "/app", "--worker-tmp-dir", "/dev/shm", "--log-level", "warning", "app:app"]
        return [("python", words, account("www-data"), Flask.ready)]

    @staticmethod
    def load(task, seconds):
        return wrk(task, 8000, PAGES, seconds)


MAKEFILE = """all: $(patsubst %.c,%.o,$(wildcard src/base/*.c src/event/*.c))
%.o: %.c
\tgcc -std=gnu17 -D_GNU_SOURCE -O1 -Isrc -I/usr/include/json-c -c -o $@ $<
clean:
\trm -f src/*/*.o
"""
BUILDER = 'echo >done; exec 3<>go; while read go <&3; do make -s -j2 && make -s clean && echo "$go" >done; done'


class Build(Application):
    """make of Hinomi's base and event modules, two compilers at a time; a window is one build, cleaned afterwards."""
    name, title, unit = "build", "a build, make -j2", "builds"
    programs = ("make", "gcc")
    most_pairs = 1
    stays = False

    @staticmethod
    def prepare(folder):
        for module in ("base", "event"):
            shutil.copytree(ROOT / "src" / module, os.path.join(folder, "src", module))
        Path(folder, "Makefile").write_text(MAKEFILE, encoding="ascii")
        for pipe in ("go", "done"):
            os.mkfifo(os.path.join(folder, pipe))
        own(folder, "www-data")

    @staticmethod
    def parts():
        return [("build", ["/bin/sh", "-c", "cd /app && " + BUILDER], account("www-data"), None)]

    @staticmethod
    def wait_done(task):
        """The next line of the builder."""
        pipe = os.open(os.path.join(task.app, "done"), os.O_RDWR)
        try:
            if not select.select([pipe], [], [], LOAD_LIMIT_S)[0]:
                raise Failure(f"the build does not end: {task.logs()}")
            os.read(pipe, 64)
        finally:
            os.close(pipe)

    def load(self, task, _):
        with open(os.path.join(task.app, "go"), "r+b", buffering=0) as go:
            start = time.monotonic()
            go.write(b"go\n")
            self.wait_done(task)
            return Sample(1, 1 / (time.monotonic() - start))


def every():
    return [Nginx(False), Nginx(True), Redis(), Postgres("postgres", "PostgreSQL, pgbench"),
            Postgres("postgres-connect", "PostgreSQL, a connection each", "-S", "-C"), Node(), Flask(), Build()]
