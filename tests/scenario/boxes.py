"""Places to run scenarios in: a disposable root on this host, and containers by runc.

A `Boxes` holds the fixture: the files that scenarios read, rename and remove. Each run gets a fresh
overlay above it (box.sh), so that scenarios neither meet each other nor change this machine.
"""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOX = os.path.join(HERE, "box.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What Docker gives a container without being asked.
DOCKER_CAPS = ("CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID "
               "CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE").split()
MORE_CAPS = DOCKER_CAPS + ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE"]

# A block device that containers get under a disk's name, to read.
DISK = "/dev/sda"
LOOP_MAJOR = 7
KILL_ROUNDS = 50
HOST_PID_NS = 0xEFFFFFFC  # the kernel's number of the first one

FILES = {
    "root/.ssh/id_rsa": (0o600, "-----BEGIN RSA PRIVATE KEY-----\n"),
    "root/.bash_history": (0o600, "ls\n"),
    "root/notes": (0o644, "bm90ZXMK\n"),
    "root/.aws/credentials": (0o600, "[default]\n"),
    "home/tester/.ssh/known_hosts": (0o644, ""),
    "home/tester/.bashrc": (0o644, ""),
    "usr/bin/boxed": (0o755, "#!/bin/sh\n"),
    "usr/share/boxed": (0o644, "boxed\n"),
    "tmp/boxed": (0o644, "boxed\n"),
    "etc/shadox": (0o644, "not shadow\n"),
    "etc/hostname.box": (0o644, "boxed\n"),
    "etc/apt/sources.list.d/README": (0o644, ""),
    "etc/sudoers.d/README": (0o644, ""),
    "var/lib/rpm/README": (0o644, ""),
    "var/log/syslog": (0o640, "boxed\n"),
    "opt/box/www/cgi-bin/shell": (0o755, "#!/bin/sh\necho 'Content-type: text/plain'; echo\nsh -c 'cd /'\n"),
    "opt/box/www/cgi-bin/child": (0o755, "#!/bin/sh\necho 'Content-type: text/plain'; echo\nid\n"),
    "opt/box/www/cgi-bin/builtin": (0o755, "#!/bin/sh\necho 'Content-type: text/plain'; echo\necho boxed\n"),
    "opt/box/www/cgi-bin/reverse": (0o755, "#!/bin/sh\necho 'Content-type: text/plain'; echo\n"
                                    "bash -c 'exec 9<>/dev/tcp/127.0.0.1/9' 2>/dev/null\necho\n"),
}
NGINX = """daemon off; master_process off; user root; pid /tmp/nginx.pid; error_log /dev/null;
events { }
http { access_log off; client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi; server { listen 127.0.0.1:8081; root /etc; } }
"""
FILES["opt/box/nginx.conf"] = (0o644, NGINX)
LINKS = {"opt/box/bin/httpd": "/bin/busybox"}
USERS = "tester:x:1000:1000:Tester:/home/tester:/bin/sh\ndba:x:1001:1001::/opt/box:/bin/sh\n"
GROUPS = "tester:x:1000:\ndba:x:1001:\n"


def find_postgres():
    folder = "/usr/lib/postgresql"
    versions = sorted(os.listdir(folder), key=float) if os.path.isdir(folder) else []
    path = os.path.join(folder, versions[-1], "bin") if versions else ""
    return path if os.path.exists(os.path.join(path, "initdb")) else None


def lacking():
    """Why no box can be had here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("unshare", "ip", "pivot_root", "runc"):
        if not shutil.which(program, path=PATH):
            return f"needs {program}"
    with tempfile.TemporaryDirectory() as work:
        os.makedirs(os.path.join(work, "root"))
        os.makedirs(os.path.join(work, "lower/tmp"))
        with open(os.path.join(work, "lower/tmp/boxed"), "w", encoding="ascii"):
            pass
        done = subprocess.run([BOX, "host", work, "--", "true"], stderr=subprocess.PIPE, check=False)
        return None if done.returncode == 0 else "no overlay in a namespace: " + done.stderr.decode().strip()


def first_line(text):
    return (text.strip().splitlines() or ["nothing said"])[0][:200]


def within(namespace):
    """Processes of this network namespace, as numbers."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/net") == namespace:
                found.append(int(pid))
        except OSError:
            pass
    return found


def namespace_of(folder):
    """The run's network namespace; empty: none yet."""
    try:
        with open(os.path.join(folder, "namespace"), encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def kill_within(folder, others):
    """Ends whatever a run has left: it would go on under its sensor, and slow all that follow.

    A namespace's number is given anew once it is gone: `others` may have got it.
    """
    namespace = namespace_of(folder)
    if not namespace or namespace == os.readlink("/proc/self/ns/net"):
        return
    for _ in range(KILL_ROUNDS):
        left = within(namespace)
        theirs = [namespace_of(other) for other in others()]
        if not left or namespace in theirs:
            return
        for pid in left if all(theirs) else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def not_host():
    """Why processes here are a container's to every sensor, whatever a scenario does, or None."""
    if os.stat("/proc/self/ns/pid").st_ino != HOST_PID_NS:
        return "this is within a PID namespace, so not on the host"
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        groups = file.read()
    if re.search(r"[0-9a-f]{64}", groups):
        return "the control group's path is a container's, so this is not on the host"
    return None


class Result:
    def __init__(self, status, output):
        self.status = status
        self.output = output


class Boxes:
    def __init__(self, binds, programs=()):
        """binds: folders that are visible within; programs: (name, path) to be put into /opt/box."""
        self.work = tempfile.mkdtemp(prefix="hinomi-box-")
        os.chmod(self.work, 0o755)
        self.binds = [self.work] + [os.path.realpath(b) for b in binds]
        self.lock = threading.Lock()
        self.count = 0
        self.running = set()
        self.lower = os.path.join(self.work, "lower")
        for path, (mode, text) in FILES.items():
            self._write(path, text, mode)
        for path, target in LINKS.items():
            self._folder(path)
            os.symlink(target, os.path.join(self.lower, path))
        for name, path in programs:
            self._folder("opt/box/x")
            shutil.copy(path, os.path.join(self.lower, "opt/box", name))
        for path, more in (("etc/passwd", USERS), ("etc/group", GROUPS)):
            with open("/" + path, encoding="utf-8") as file:
                have = [line for line in file.read().splitlines(True) if not line.split(":")[2] in ("1000", "1001")]
            self._write(path, "".join(have) + more, 0o644)
        self._add_library()
        os.chmod(os.path.join(self.lower, "tmp"), 0o1777)
        for path in ("root", "root/.ssh"):
            os.chmod(os.path.join(self.lower, path), 0o700)
        for folder, _, names in os.walk(os.path.join(self.lower, "home/tester")):
            for path in [folder] + [os.path.join(folder, n) for n in names]:
                os.chown(path, 1000, 1000)

    def _folder(self, path):
        os.makedirs(os.path.dirname(os.path.join(self.lower, path)), exist_ok=True)

    def _write(self, path, text, mode):
        self._folder(path)
        with open(os.path.join(self.lower, path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(self.lower, path), mode)

    def _add_library(self):
        """liblzma under the name of the version that was poisoned."""
        for folder in ("/lib/x86_64-linux-gnu", "/lib64", "/lib/aarch64-linux-gnu"):
            library = os.path.join(folder, "liblzma.so.5")
            if os.path.exists(library):
                self._folder("opt/box/lzma/x")
                shutil.copy(library, os.path.join(self.lower, "opt/box/lzma/liblzma.so.5.6.1"))
                os.symlink("liblzma.so.5.6.1", os.path.join(self.lower, "opt/box/lzma/liblzma.so.5"))
                return

    def add_database(self):
        """A PostgreSQL cluster of user 1001, for runs with `more=` this; None where there is none."""
        more = os.path.join(self.work, "database")
        programs = find_postgres()
        if not programs or os.path.exists(more):
            return more if programs else None
        box = os.path.join(self.work, "database/opt/box")
        data = os.path.join(box, "data")
        os.makedirs(data)
        os.chown(data, 1001, 1001)
        os.symlink(os.path.join(programs, "postgres"), os.path.join(box, "postgres"))
        made = self.run("host", ["setpriv", "--reuid=1001", "--regid=1001", "--clear-groups",
                                 os.path.join(programs, "initdb"), "--no-sync", "-A", "trust", "-D", data])
        if made.status != 0:
            raise RuntimeError("initdb: " + made.output)
        return more

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def fresh(self):
        """A folder of a run's own, writable for all."""
        with self.lock:
            self.count += 1
            folder = os.path.join(self.work, f"run{self.count}")
        os.makedirs(os.path.join(folder, "root"))
        os.symlink(self.lower, os.path.join(folder, "lower"))
        os.chmod(folder, 0o777)
        return folder

    def container(self, folder, command, caps, seccomp=None, terminal=False, uid=0):
        """Writes a bundle for a container that runs this; gives its id."""
        ident = hashlib.sha256(folder.encode()).hexdigest()
        binds = [{"destination": b, "source": b, "type": "bind", "options": ["rbind", "rw"]} for b in self.binds]
        binds.append({"destination": "/host", "source": "/", "type": "bind", "options": ["bind", "ro"]})
        config = {
            "ociVersion": "1.0.2",
            "hostname": "box",
            "root": {"path": os.path.join(folder, "root/merged")},
            "process": {
                "terminal": terminal, "user": {"uid": uid, "gid": uid}, "args": command, "cwd": "/",
                "env": ["PATH=" + PATH, "HOME=/root", *(f"{k}={v}" for k, v in os.environ.items()
                                                       if k.endswith("SAN_OPTIONS"))],
                "capabilities": {kind: caps for kind in ("bounding", "effective", "permitted")},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                 "options": ["nosuid", "nodev", "mode=1777"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "ro"]},
                *binds,
            ],
            "linux": {
                "cgroupsPath": "/docker/" + ident,
                "namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")],
            },
        }
        config["linux"]["devices"] = [{"path": DISK, "type": "b", "major": LOOP_MAJOR, "minor": 0}]
        config["linux"]["resources"] = {"devices": [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "b", "major": LOOP_MAJOR, "minor": 0, "access": "r"}]}
        if seccomp:
            config["linux"]["seccomp"] = seccomp
        bundle = os.path.join(folder, "bundle")
        os.makedirs(bundle, exist_ok=True)
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        return ident

    def runc(self, folder, ident):
        return ["runc", "--root", os.path.join(folder, "runc"), "run", "-b", os.path.join(folder, "bundle"), ident]

    def others(self, folder):
        with self.lock:
            return self.running - {folder}

    def run(self, kind, command, folder=None, timeout=60, stdin=subprocess.DEVNULL, more=None):
        """Runs it in a box; `kind` is box.sh's."""
        folder = folder or self.fresh()
        arguments = [BOX, kind, folder, *self.binds, "--", *command]
        environment = dict(os.environ, PATH=PATH, HOME="/root", BOX_MORE=more or "")
        with self.lock:
            self.running.add(folder)
        with tempfile.TemporaryFile() as out:
            with subprocess.Popen(arguments, stdin=stdin, stdout=out, stderr=out, env=environment,
                                  start_new_session=True) as child:
                try:
                    status = child.wait(timeout)
                except subprocess.TimeoutExpired:
                    status = None
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            kill_within(folder, lambda: self.others(folder))
            with self.lock:
                self.running.discard(folder)
            out.seek(0)
            output = out.read().decode("utf-8", "replace")
        return Result(status, output if status is not None else output + f"\nended after {timeout} s\n")

    def why_not(self, kind, caps, seccomp=None):
        """What a box of this kind says instead of running anything, or None."""
        folder = self.fresh()
        if kind == "host" and not_host():
            return not_host()
        if kind == "host":
            done = self.run(kind, ["true"], folder=folder)
        else:
            ident = self.container(folder, ["true"], caps, seccomp)
            done = self.run(kind, self.runc(folder, ident), folder=folder)
            self.delete(folder, ident)
        return None if done.status == 0 else f"status {done.status}: {first_line(done.output)}"

    def delete(self, folder, ident):
        """What a killed runc leaves."""
        subprocess.run(["runc", "--root", os.path.join(folder, "runc"), "delete", "--force", ident], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
