"""A task as on Fargate: containers of one process namespace and one network, with the sidecar or without.

As in tests/sidecar: by podman with runc, Docker's default capabilities and seccomp profile for applications,
SYS_PTRACE for the agent alone. Programs come from this machine's /usr, mounted read-only; a task without the sidecar is
the same but for the agent and the shim. What a container uses is read from its control group.
"""
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "sidecar"))
from pod import CAPS, LIMITS, Failure, lines, podman, read, wait_for  # noqa: E402

ULIMITS = LIMITS[1:]
PREFIX = f"hinomi-bench-{os.getpid()}"
IMAGE = f"localhost/{PREFIX}:latest"
READY_S = 30
ACCOUNTS = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "mime.types")


class Image:
    """The one image: links into /usr, and who is who."""

    def __init__(self, work):
        path = os.path.join(work, "image.tar")
        with tarfile.open(path, "w") as tar:
            for folder in ("etc", "usr", "proc", "dev", "sys", "tmp", "run", "var", "app", "hinomi", "out"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
                tar.addfile(entry)
            for link in ("bin", "sbin", "lib", "lib64"):
                entry = tarfile.TarInfo(link)
                entry.type, entry.linkname = tarfile.SYMTYPE, "usr/" + link
                tar.addfile(entry)
            for name in ACCOUNTS:
                if os.path.exists("/etc/" + name):
                    tar.add("/etc/" + name, "etc/" + name)
        podman("import", "-q", path, IMAGE)

    @staticmethod
    def close():
        podman("rmi", "-f", IMAGE, check=False)


def control_group(pid):
    """The folder that accounts for the processor time of a process: version 1's, else version 2's."""
    unified = None
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            return Path("/sys/fs/cgroup/cpuacct" + path)
        if not controllers:
            unified = Path("/sys/fs/cgroup" + path)
    if unified is None:
        raise Failure(f"no control group of process {pid}")
    return unified


class Container:
    def __init__(self, name, words):
        self.name = name
        podman("create", "--name", name, *ULIMITS, *words)
        podman("init", name)
        self.id, pid = podman("inspect", "--format", "{{.Id}} {{.State.Pid}}", name).split()
        self.pid = int(pid)
        self.group = control_group(self.pid)

    def start(self):
        podman("start", self.name)

    def start_at_once(self):
        """Without podman, whose own start takes longer than most applications'; nothing may depend on it then."""
        done = subprocess.run(["runc", "start", self.id], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"runc start {self.name}: {done.stderr.strip()}")

    def cpu_s(self):
        """Processor seconds since it was made."""
        usage = read(self.group / "cpuacct.usage")
        if usage:
            return int(usage) / 1e9
        return int(read(self.group / "cpu.stat").split()[1]) / 1e6

    def memory_mib(self):
        """Resident, with what processes share divided among them."""
        total = 0
        for procs in self.group.rglob("cgroup.procs"):
            for pid in read(procs).split():
                for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024


class Task:
    """`folder`: what applications find at /app. `programs`: shim, agent, seccomp profile."""

    def __init__(self, work, programs, watched):
        self.work = work
        self.programs = programs
        self.watched = watched
        self.app = os.path.join(work, "app")
        self.volume = os.path.join(work, "volume")
        self.results = os.path.join(work, "results")
        for folder in (self.app, self.volume, self.results):
            os.makedirs(folder)
            os.chmod(folder, 0o755)
        self.containers = []
        self.agent = None
        self.names = []
        self.pause = self._add("pause", "--network=none", "-v", "/usr:/usr:ro", IMAGE, "/bin/sleep", "10000")
        self.pause.start()
        if watched:
            self._start_agent()

    def _add(self, what, *words):
        name = f"{PREFIX}-{os.path.basename(self.work)}-{what}"
        self.names.append(name)
        return Container(name, words)

    def _shared(self):
        return (f"--network=container:{self.pause.name}", f"--pid=container:{self.pause.name}", "--read-only",
                "-v", "/usr:/usr:ro")

    def _start_agent(self):
        shutil.copy(self.programs["shim"], os.path.join(self.volume, "hinomi-shim"))
        shutil.copytree(ROOT / "content" / "rules", os.path.join(self.results, "rules"))
        agent = self.programs["agent"]
        folder = os.path.dirname(agent)
        self.agent = self._add("agent", *self._shared(), "--cap-add=SYS_PTRACE,NET_RAW", "-v", f"{self.volume}:/hinomi",
                               "-v", f"{self.results}:/out", "-v", f"{folder}:{folder}:ro", IMAGE, "/bin/sh", "-c",
                               f"exec {agent} --rules /out/rules --output json --socket /hinomi/agent.sock "
                               ">>/out/alerts 2>>/out/errors")
        self.agent.start()
        self._wait_log("ready:", 1)

    def _wait_log(self, text, count):
        path = os.path.join(self.results, "errors")
        try:
            wait_for(f"the agent's log: {text}", lambda: read(path).count(text) >= count, READY_S)
        except Failure as failure:
            raise Failure(f"{failure}: {read(path)[-2000:]}") from None

    def add(self, what, command, user="0"):
        """A container of the application, made and not started."""
        caps = CAPS if user == "0" else CAPS[:1]
        shim = ("/hinomi/hinomi-shim", "--") if self.watched else ()
        container = self._add(what, *self._shared(), *caps, "--security-opt", f"seccomp={self.programs['profile']}",
                              "--user", user, "--tmpfs", "/tmp:rw,mode=1777", "--log-driver", "k8s-file", "--log-opt",
                              f"path={self.work}/{what}.log", "-v", f"{self.volume}:/hinomi:ro", "-v", f"{self.app}:/app",
                              IMAGE, *shim, *command)
        self.containers.append(container)
        return container

    def inside(self, *command):
        """The words that run a program of this machine in the task's network, unwatched."""
        return ["nsenter", "-t", str(self.pause.pid), "-n", "--", *command]

    def wait_watched(self):
        if self.watched:
            self._wait_log(": watched", len(self.containers))

    def alerts(self):
        """How often which rule fired; what the agent says it did not watch is a failure."""
        found = Counter(alert["rule"] for alert in lines(os.path.join(self.results, "alerts")))
        if found["Hinomi unwatched"] or found["Hinomi gap"]:
            raise Failure(f"not all was watched: {read(os.path.join(self.results, 'errors'))[-2000:]}")
        return found

    def cpu_s(self):
        """Of the application, of the agent."""
        return sum(c.cpu_s() for c in self.containers), self.agent.cpu_s() if self.agent else 0.0

    def memory_mib(self):
        return sum(c.memory_mib() for c in self.containers), self.agent.memory_mib() if self.agent else 0.0

    def logs(self):
        return "\n".join(read(path)[-1500:] for path in sorted(Path(self.work).glob("*.log")))

    def close(self):
        for _ in range(5):
            podman("rm", "-f", "-i", "-t", "0", *self.names[:0:-1], check=False)
            podman("rm", "-f", "-i", "-t", "0", self.names[0], check=False)
            if not podman("ps", "-a", "-q", "--filter", f"name=^{self.names[0]}$", check=False):
                break
            time.sleep(0.1)
        shutil.rmtree(self.work, ignore_errors=True)
