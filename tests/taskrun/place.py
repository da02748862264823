"""Images of this machine's files, and tasks that are run with them."""
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

LIMIT_S = 60
SKIPPED = 77
WORDS = ("sh ls cat sleep echo id wget env true false mount umount touch ps kill hostname ip grep cp mkdir rm unshare head tr stat "
         "pwd sync date nc chmod ln test printf seq").split()


def missing():
    """What this machine lacks for a task to run, or None."""
    for program in ("runc", "/bin/busybox", "ip"):
        if not shutil.which(program):
            return f"{program} is not here"
    if os.geteuid() != 0:
        return "not root"
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        if " - cgroup" not in file.read() or not os.access("/sys/fs/cgroup", os.W_OK):
            return "control groups are not mounted, or read-only"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        return "no namespaces can be made here"
    said = subprocess.run(["ldd", "/bin/busybox"], capture_output=True, check=False)
    if b"not a dynamic" not in said.stdout + said.stderr and b"statically" not in said.stdout + said.stderr:
        return "busybox is not linked statically"
    return None


def busybox(folder, words=WORDS):
    """A root directory with a shell and little else."""
    for name in ("bin", "tmp", "etc", "proc", "dev", "sys"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    os.chmod(os.path.join(folder, "tmp"), 0o1777)
    shutil.copy("/bin/busybox", os.path.join(folder, "bin/busybox"))
    for word in words:
        os.symlink("busybox", os.path.join(folder, "bin", word))
    with open(os.path.join(folder, "etc/passwd"), "w", encoding="ascii") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nshop:x:1234:2345:shop:/home/shop:/bin/sh\n")
    with open(os.path.join(folder, "etc/group"), "w", encoding="ascii") as file:
        file.write("root:x:0:\nshop:x:2345:\nstaff:x:50:shop,other\n")
    return folder


def libraries(program):
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return [word for word in done.stdout.split() if word.startswith("/")]


def agent_image(folder, build, content):
    """What docs/deployment.md says the agent's image is, by the files that it needs."""
    def put(source, target):
        path = os.path.join(folder, target)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.realpath(source), path)
        os.chmod(path, 0o755)
    agent, shim = os.path.join(build, "src/agent/hinomi-agent"), os.path.join(build, "src/shim/hinomi-shim")
    put("/bin/busybox", "bin/cp")
    put("/bin/bash", "bin/bash")
    put(agent, "usr/bin/hinomi-agent")
    put(shim, "usr/bin/hinomi-shim")
    for library in libraries(agent) + libraries("/bin/bash"):
        put(library, library.lstrip("/"))
    for kind in ("rules", "policies"):
        shutil.copytree(os.path.join(content, kind), os.path.join(folder, "usr/share/hinomi", kind))
    for name in ("tmp", "etc", "var/lib/hinomi-agent"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    return folder


def layer(path, files=(), gone=(), opaque=(), mode="w"):
    """A tar: (name, bytes | None for a folder | str for a link), and whiteouts."""
    with tarfile.open(path, mode) as tar:
        for name in opaque:
            tar.addfile(tarfile.TarInfo(f"{name}/.wh..wh..opq"))
        for name in gone:
            folder, _, base = name.rpartition("/")
            tar.addfile(tarfile.TarInfo((folder + "/" if folder else "") + ".wh." + base))
        for name, what in files:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if what is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            elif isinstance(what, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, what
                tar.addfile(entry)
            else:
                entry.size = len(what)
                tar.addfile(entry, io.BytesIO(what))
    return path


def oci_layout(folder, layers, config):
    """layers: tars' paths."""
    blobs = os.path.join(folder, "blobs/sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data, media):
        name = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, name), "wb") as file:
            file.write(data)
        return {"mediaType": media, "digest": "sha256:" + name, "size": len(data)}

    descriptors = []
    for path in layers:
        with open(path, "rb") as file:
            kind = "+gzip" if path.endswith(".gz") else ""
            descriptors.append(put(file.read(), "application/vnd.oci.image.layer.v1.tar" + kind))
    configuration = put(json.dumps({"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux",
                                    "config": config}).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = put(json.dumps({"schemaVersion": 2, "config": configuration, "layers": descriptors}).encode(),
                   "application/vnd.oci.image.manifest.v1+json")
    with open(os.path.join(folder, "index.json"), "w", encoding="ascii") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="ascii") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    return folder


def saved_tar(path, layers, config, tag="app:1"):
    """What `docker save` wrote before it wrote OCI layouts, too."""
    data = json.dumps({"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux",
                       "config": config}).encode()
    name = hashlib.sha256(data).hexdigest() + ".json"
    with tarfile.open(path, "w") as tar:
        def put(name, data):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        names = []
        for i, source in enumerate(layers):
            with open(source, "rb") as file:
                put(f"{i}/layer.tar", file.read())
            names.append(f"{i}/layer.tar")
        put(name, data)
        put("manifest.json", json.dumps([{"Config": name, "RepoTags": [tag], "Layers": names}]).encode())
    return path


class Task:
    """A run of a definition; `with` stops it whatever happens, and looks for what it left."""

    def __init__(self, place, definition, *options, images=None, ignored=()):
        self.place = place
        self.path = os.path.join(tempfile.mkdtemp(dir=place.folder), "taskdef.json")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(definition if isinstance(definition, str) else json.dumps(definition))
        self.out = open(self.path + ".out", "wb+")  # pylint: disable=consider-using-with
        self.err = open(self.path + ".err", "wb+")  # pylint: disable=consider-using-with
        named = [word for name, path in (images or {"bb": place.root}).items() for word in ("--image", f"{name}={path}")]
        self.process = subprocess.Popen([place.hinomi, "task", "run", "--state", place.state, *named, *options, self.path],  # pylint: disable=consider-using-with
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        preexec_fn=lambda: self.set_signals(ignored))

    @staticmethod
    def set_signals(ignored):
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()

    def finish(self):
        """(status, output, errors)"""
        status = self.process.wait(LIMIT_S)
        return status, self.said(), self.told()

    @staticmethod
    def _read(file):
        with open(file.name, encoding="utf-8", errors="replace") as again:
            return again.read()

    def said(self):
        return self._read(self.out)

    def told(self):
        return self._read(self.err)

    def lines(self, name):
        """What one container printed on standard output."""
        prefix = f"[{name}] "
        return [line[len(prefix):] for line in self.said().splitlines() if line.startswith(prefix)]

    def wait_for(self, text):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            if text in self.said() + self.told():
                return
            if self.process.poll() is not None and text not in self.said() + self.told():
                break
            time.sleep(0.02)
        raise AssertionError(f"`{text}` did not come: {self.said()} {self.told()}")

    def id(self):
        self.wait_for("hinomi task run: task ")
        return self.told().split("hinomi task run: task ")[1].split(",")[0]


class Place:
    def __init__(self, hinomi):
        self.hinomi = os.path.abspath(hinomi)
        self.folder = tempfile.mkdtemp(prefix="hinomi-taskrun-")
        self.state = os.path.join(self.folder, "state")
        self.root = busybox(os.path.join(self.folder, "bb"))

    def task(self, definition, *options, **more):
        return Task(self, definition, *options, **more)

    def run(self, definition, *options, **more):
        """(status, output, errors) of a task that ends by itself."""
        with self.task(definition, *options, **more) as task:
            task.finish()
            self.last = task
            self.printed = {name: task.lines(name) for name in self.names(definition)}
            return task.process.returncode, task.said(), task.told()

    @staticmethod
    def names(definition):
        return [c["name"] for c in definition["containerDefinitions"]] if isinstance(definition, dict) else []

    def clean(self):
        return subprocess.run([self.hinomi, "task", "clean", "--state", self.state], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)

    def left(self, task=None):
        """Folders, groups and mounts that are of tasks here."""
        found = [os.path.join(self.state, name) for name in (os.listdir(self.state) if os.path.isdir(self.state) else [])]
        for name in [task] if task else []:
            found += subprocess.run(["find", "/sys/fs/cgroup", "-name", f"{name}*"], capture_output=True, text=True,
                                    check=False).stdout.split()
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            found += [line for line in file if self.state in line]
        return found

    def close(self):
        self.clean()
        shutil.rmtree(self.folder, ignore_errors=True)


def container(name, script=None, image="bb", **more):
    made = {"name": name, "image": image, "essential": True, **more}
    if script is not None:
        made["entryPoint"] = ["/bin/sh", "-c", script]
    return made


def task(*containers, **more):
    return {"family": "try", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "1024", "memory": "2048",
            "pidMode": "task", "containerDefinitions": list(containers), **more}
