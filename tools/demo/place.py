"""Where the demo lives: its folder, the processes it started, the networks it made; and how all of that goes away.

Every process is written down before anything depends on it, by its id and its start time, so that `stop` ends those and
no others, also when the demo itself was killed."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000
END_S = 20


class Failed(Exception):
    """With what to tell."""


def until(what, condition, seconds=30, every=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise Failed(f"{what}: it did not come about in {seconds} s")


def start_time(pid):
    """In ticks since boot; None: there is no such process, or it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else int(words[19])


def enter_network(name):
    """This process, from now on; sockets that it has stay where they were made."""
    with open(f"/run/netns/{name}", "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise Failed(f"setns {name}: {os.strerror(ctypes.get_errno())}")


class Place:
    def __init__(self, build, folder=None):
        self.build = os.path.abspath(build)
        self.folder = os.path.abspath(folder or os.path.join(self.build, "demo"))
        self.prefix = f"hinomi-{zlib.crc32(self.folder.encode()):08x}-"  # of the names of its networks

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def program(self, name):
        folders = {"hinomi": "src/cli", "hinomi-agent": "src/agent", "hinomi-server": "src/server", "hinomi-shim": "src/shim",
                   "cnrig": "tools/demo"}
        return os.path.join(self.build, folders[name], name)

    def make(self):
        os.makedirs(self.folder, mode=0o755)

    def is_there(self):
        return os.path.exists(self.folder)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, mode)) as file:
            file.write(text)
        return path

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def keep(self, name, value):
        self.write(name + ".json", json.dumps(value))

    def kept(self, name):
        text = self.read(name + ".json")
        return json.loads(text) if text else None

    # ---- processes

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HINOMI_") and "proxy" not in k.lower()}
        return {**kept, "PATH": PATH, "XDG_CONFIG_HOME": self.path("config"), "DEMO_FOLDER": self.folder,
                "DEMO_BUILD": self.build, **more}

    def start(self, name, words, network=None, env=None):
        """In a session of its own; what it says goes to NAME.log."""
        prefix = ["ip", "netns", "exec", network] if network else []
        with open(self.path(name + ".log"), "ab") as log:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*prefix, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=env or self.environment())
        with open(self.path("processes"), "a", encoding="ascii") as file:
            file.write(f"{process.pid} {start_time(process.pid) or 0} {name}\n")
        return process

    def running(self, name=None):
        """(pid, name) of those that still run, the last first."""
        lines = [line.split() for line in self.read("processes").splitlines()]
        return [(int(pid), who) for pid, start, who in reversed(lines)
                if start_time(int(pid)) == int(start) and name in (None, who)]

    def end(self, name=None):
        for pid, _ in self.running(name):
            self.end_one(pid)

    def end_one(self, pid):
        start = start_time(pid)
        for number, seconds in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
            if start is None or start_time(pid) != start:
                return
            os.kill(pid, number)
            end = time.monotonic() + seconds
            while time.monotonic() < end and start_time(pid) == start:
                self.reap(pid)
                time.sleep(0.02)

    @staticmethod
    def reap(pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass

    # ---- networks

    def make_network(self, name, *addresses):
        subprocess.run(["ip", "netns", "add", self.prefix + name], check=True)
        run = ["ip", "-n", self.prefix + name]
        subprocess.run([*run, "link", "set", "lo", "up"], check=True)
        for address in addresses:
            subprocess.run([*run, "address", "add", address, "dev", "lo"], check=True)
        return self.prefix + name

    def networks(self):
        return [name for name in (os.listdir("/run/netns") if os.path.isdir("/run/netns") else ())
                if name.startswith(self.prefix)]

    def remove_network(self, name):
        if self.prefix + name in self.networks():
            subprocess.run(["ip", "netns", "delete", self.prefix + name], check=True)

    # ---- the end

    def stop(self):
        """Ends what runs, removes what was made. Returns how many processes were ended."""
        count = len(self.running())
        self.end()
        for name in self.networks():
            self.remove_network(name.removeprefix(self.prefix))
        if os.path.exists(self.program("hinomi")) and self.is_there():
            subprocess.run([self.program("hinomi"), "task", "clean", "--state", self.path("tasks")], check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment())
        shutil.rmtree(self.folder, ignore_errors=True)
        return count
