"""Containers of one task: a pause, an agent beside, applications; all by podman with runc.

The images are made from files of this machine, with nothing in them but what a case needs.
"""
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]
LIMITS = ["--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
# What Docker gives root without being asked; podman gives less, but what is added it gives other users too.
CAPS = ["--cap-drop=ALL", "--cap-add=CHOWN,DAC_OVERRIDE,FSETID,FOWNER,MKNOD,NET_RAW,SETGID,SETUID,SETFCAP,SETPCAP,"
        "NET_BIND_SERVICE,SYS_CHROOT,KILL,AUDIT_WRITE"]
PREFIX = f"hinomi-sidecar-{os.getpid()}"
LIMIT_S = 60
ALERT_LIMIT_S = 20
PAUSE_S = 0.05
TRIES = 10
RULES = """
- rule: Malicious filename
  desc: a file of this name is made
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename startswith kinsing
  output: made
  priority: WARNING
  output_fields: {}
- rule: Shadow read
  desc: one reads what others must not
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /etc/shadow
  output: read
  priority: WARNING
- rule: Everything opened
  desc: reads too are asked for, so that there is a load
  condition: evt.type in (open, openat) and fd.name = /proc/nothing
  output: opened
  priority: DEBUG
"""
OUTPUT = "%fd.name %proc.exepath %user.uid %container.id"


class Failure(Exception):
    pass


def podman(*words, check=True):
    done = subprocess.run([*PODMAN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=LIMIT_S)
    if check and done.returncode != 0:
        raise Failure(f"podman {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def wait_for(what, condition, limit_s=LIMIT_S):
    """The first true value of condition()."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(PAUSE_S)
    raise Failure(f"{what}: not within {limit_s} s")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def lines(path):
    """The complete lines of JSON in a file."""
    found = []
    for line in read(path).splitlines(True):
        if line.endswith("\n") and line.startswith("{"):
            found.append(json.loads(line))
    return found


class Images:
    def __init__(self, work, programs):
        self.work = work
        self.programs = programs
        self.made = []
        folders = ("bin", "etc", "tmp", "proc", "hinomi", "out", "usr", "dev", "sys")
        glibc = self._libraries(os.path.join(programs, "sidecar-load"))
        shell = [("/bin/busybox", "bin/busybox")]
        load = os.path.join(programs, "load-musl-static")
        self._make("busybox", folders, shell + [(load, "load")], {"bin/sh": "busybox", "bin/sleep": "busybox"})
        self._make("host", folders, shell, {"bin/sh": "busybox", "bin/sleep": "busybox", "lib": "usr/lib",
                                            "lib64": "usr/lib64"})
        self._make("scratch", ("hinomi", "tmp"), [(load, "load")], {})
        self._make("distroless", ("hinomi", "tmp"), [(os.path.join(programs, "sidecar-load"), "load"), *glibc], {})
        if os.path.exists("/lib/ld-musl-x86_64.so.1"):
            self._make("musl", ("hinomi", "tmp"),
                       [(os.path.join(programs, "load-musl-dynamic"), "load"),
                        (os.path.realpath("/lib/ld-musl-x86_64.so.1"), "lib/ld-musl-x86_64.so.1")], {})

    @staticmethod
    def _libraries(program):
        out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
        paths = [word for line in out.splitlines() for word in line.split() if word.startswith("/")]
        return [(os.path.realpath(p), p.lstrip("/")) for p in paths]

    def _make(self, name, folders, files, links):
        path = os.path.join(self.work, name + ".tar")
        with tarfile.open(path, "w") as tar:
            for folder in folders:
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
                tar.addfile(entry)
            for source, target in files:
                entry = tar.gettarinfo(source, target)
                entry.type, entry.mode, entry.size = tarfile.REGTYPE, 0o755, os.path.getsize(source)
                with open(source, "rb") as file:
                    tar.addfile(entry, file)
            for link, target in links.items():
                entry = tarfile.TarInfo(link)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                tar.addfile(entry)
        podman("import", "-q", path, self.name(name))
        self.made.append(name)

    @staticmethod
    def name(name):
        return f"localhost/{PREFIX}-{name}:latest"

    def close(self):
        podman("rmi", "-f", *(self.name(n) for n in self.made), check=False)


class App:
    """An application's container."""

    def __init__(self, pod, name, words):
        self.name = name
        self.out = os.path.join(pod.work, name + ".out")
        self.err = os.path.join(pod.work, name + ".err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*PODMAN, "run", "--rm", "--name", name, *words], stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL)

    def finish(self, status=0):
        """Its line of JSON, or its errors where it has none."""
        try:
            found = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} hangs: {read(self.out)} {read(self.err)}") from None
        if found != status:
            raise Failure(f"{self.name}: status {found}, not {status}: {read(self.out)} {read(self.err)}")
        got = lines(self.out)
        return got[-1] if got else read(self.err)


class Pod:
    """A task. `agent_pid`: --pid of the agent's container; "shared": the pause's."""

    def __init__(self, suite, agent_pid="shared"):
        self.suite = suite
        self.work = tempfile.mkdtemp(dir=suite.work)
        self.volume = os.path.join(self.work, "volume")
        self.results = os.path.join(self.work, "results")
        for folder in (self.volume, self.results):
            os.mkdir(folder)
        os.chmod(self.work, 0o755)
        shutil.copy(suite.shim, os.path.join(self.volume, "hinomi-shim"))
        with open(os.path.join(self.results, "rules.yaml"), "w", encoding="utf-8") as file:
            file.write(RULES.replace("  output: made\n", f'  output: "made {OUTPUT}"\n').replace("  output_fields: {}\n", ""))
        self.names = []
        self.apps = []
        self.sessions = []
        self.pause = self._name("pause")
        podman("run", "-d", "--rm", "--name", self.pause, *LIMITS, suite.images.name("busybox"), "/bin/sleep", "1000")
        self.init = int(podman("inspect", "--format", "{{.State.Pid}}", self.pause))
        self.agent_pid = f"container:{self.pause}" if agent_pid == "shared" else agent_pid
        self.agent = None

    def _name(self, what):
        name = f"{PREFIX}-{os.path.basename(self.work)}-{what}-{len(self.names)}".replace("_", "-").lower()
        self.names.append(name)
        return name

    # The agent

    def start_agent(self, *options, again=None, wait=True, program=None):
        """`again`: its container starts it anew whenever it ends, after these words of shell. `program`: another one
        than the suite's."""
        before = len(self.said("ready"))
        program = program or self.suite.agent
        agent = f"{program} /hinomi/agent.sock /out/rules.yaml /out/alerts >>/out/said 2>>/out/errors"
        self._run_agent(program, f"while :; do {agent}; {again}; done" if again else "exec " + agent, *options)
        if wait:
            wait_for("the agent", lambda: len(self.said("ready")) > before)

    def start_program(self, *words, options=()):
        """hinomi-agent with its own rules, in /out/rules; alerts and log as the other's."""
        program = self.suite.program
        self._run_agent(program, f"exec {program} --rules /out/rules --output json --socket /hinomi/agent.sock "
                        f"{' '.join(words)} >>/out/alerts 2>>/out/errors", "--cap-add=NET_RAW", *options)
        self.wait_log("ready:")

    def _run_agent(self, program, command, *options):
        self.agent = self._name("agent")
        folder = os.path.dirname(program)
        podman("run", "-d", "--rm", "--name", self.agent, *LIMITS, "--pid", self.agent_pid, "--cap-add=SYS_PTRACE",
               "--stop-timeout", "5", *options, "-v", f"{self.volume}:/hinomi", "-v", f"{self.results}:/out", "-v",
               "/usr:/usr:ro", "-v", f"{folder}:{folder}:ro",
               self.suite.images.name("host"), "/bin/sh", "-c", command)

    def start_runtime(self):
        """Podman's own API service; the path of its socket."""
        path = os.path.join(self.work, "podman.sock")
        self.sessions.append(subprocess.Popen([*PODMAN, "system", "service", "--time=0", "unix://" + path],
                                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL, start_new_session=True))
        wait_for("Podman's service", lambda: os.path.exists(path))
        return path

    def wait_log(self, text):
        wait_for(f"the agent's log: {text}", lambda: text in read(os.path.join(self.results, "errors")))

    def stop_agent(self):
        podman("stop", self.agent)
        self.agent = None

    def agent_on_host(self):
        """Its process, as this machine numbers it."""
        top = int(podman("inspect", "--format", "{{.State.Pid}}", self.agent))
        if "sidecar-agent" in read(f"/proc/{top}/cmdline").split("\0")[0]:
            return top
        children = read(f"/proc/{top}/task/{top}/children").split()
        return int(children[0]) if children else 0

    def kill_agent(self):
        """Of those that start again; returns when it was done, ns."""
        pid = wait_for("the agent's process", self.agent_on_host)
        at = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        return at

    def said(self, key, **others):
        return [line for line in lines(os.path.join(self.results, "said")) if key in line and
                all(line[k] == v for k, v in others.items())]

    def wait_said(self, key, count=1, **others):
        try:
            return wait_for(f"{count} x {key} {others}",
                            lambda: len(self.said(key, **others)) >= count and self.said(key, **others))
        except Failure as failure:
            raise Failure(f"{failure}: {read(os.path.join(self.results, 'said'))[-2000:]} "
                          f"{read(os.path.join(self.results, 'errors'))}") from None

    def alerts(self, rule="Malicious filename"):
        return [a["output_fields"] for a in lines(os.path.join(self.results, "alerts")) if a["rule"] == rule]

    def wait_alert(self, rule, **fields):
        """Of this rule, with these output fields."""
        def find():
            return [a for a in self.alerts(rule) if all(a[k] == v for k, v in fields.items())]
        try:
            return wait_for(f"{rule} {fields}", find, ALERT_LIMIT_S)[0]
        except Failure as failure:
            raise Failure(f"{failure}: {read(os.path.join(self.results, 'alerts'))[-3000:]}"
                          f"{read(os.path.join(self.results, 'errors'))[-2000:]}") from None

    def add_local(self):
        """hinomi-local and its rules beside the socket."""
        shutil.copy(self.suite.local, os.path.join(self.volume, "hinomi-local"))
        os.mkdir(os.path.join(self.volume, "rules"))
        shutil.copy(os.path.join(self.results, "rules.yaml"), os.path.join(self.volume, "rules"))

    # Applications

    def app(self, image, *command, shim=(), user=0, pid=None, options=()):
        """`shim`: its options; None: without it."""
        name = self._name(image)
        words = [*LIMITS, *(CAPS[:1] if user else CAPS), "--security-opt", f"seccomp={self.suite.profile}", "--user", str(user), "--read-only",
                 "--tmpfs", "/tmp:rw,mode=1777", "-v", f"{self.volume}:/hinomi:ro", *options]
        words += ["--pid", f"container:{self.pause}"] if pid is None else ["--pid", pid] if pid else []
        shim = [] if shim is None else ["/hinomi/hinomi-shim", *shim, "--"]
        app = App(self, name, [*words, self.suite.images.name(image), *shim, *command])
        self.apps.append(app)
        return app

    def enter(self, app, *command, terminal=None):
        """A session from outside, as ECS Exec makes them; terminal: a descriptor of one."""
        kind = ["-it"] if terminal is not None else []
        entered = subprocess.Popen([*PODMAN, "exec", *kind, app.name, *command],
                                   stdin=subprocess.DEVNULL if terminal is None else terminal,
                                   stdout=subprocess.DEVNULL if terminal is None else terminal,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        self.sessions.append(entered)
        return entered

    def let_go(self):
        """What waits for /hinomi/go goes on."""
        with open(os.path.join(self.volume, "go"), "wb"):
            pass

    def end(self, app):
        """Ends a load, after every thread had time for some steps more."""
        time.sleep(0.5)
        with open(os.path.join(self.volume, "stop"), "wb"):
            pass
        return app.finish()

    def holders(self):
        """Host pids of the holders in the task's process namespace."""
        mine = os.readlink(f"/proc/{self.init}/ns/pid")
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                name, _, rest = read(f"/proc/{pid}/stat").partition(") ")
                ended = rest[:1] in ("", "Z", "X")  # nobody may have waited for it
                if name.endswith("(hinomi-holder") and not ended and os.readlink(f"/proc/{pid}/ns/pid") == mine:
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def close(self):
        # Those that have ended are being removed already, which is no error here.
        podman("rm", "-f", "-i", "-t", "0", *self.names[1:], check=False)
        for process in self.sessions + [app.process for app in self.apps]:
            process.kill()
            process.wait()
        for _ in range(TRIES):
            podman("rm", "-f", "-i", "-t", "0", self.pause, check=False)
            if not podman("ps", "-a", "-q", "--filter", f"name={self.pause}", check=False):
                break
            time.sleep(PAUSE_S)
