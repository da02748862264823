#!/usr/bin/env python3
"""Where an image's entry point comes from: OCI layouts, tars of docker save, registries with tokens and with faults.
Every failure is an exit status of 1 and no output. Usage: images.py HINOMI"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import sys
import subprocess
import tarfile
import tempfile
import threading
import unittest

HINOMI = os.path.abspath(sys.argv.pop(1))
CREDENTIALS = base64.b64encode(b"user:pass:word").decode()


def encode(value):
    return json.dumps(value).encode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """Blobs of an index with amd64, arm64 and an attestation."""

    def __init__(self):
        self.blobs = {}
        manifests = [self.one("amd64", ["/app-amd64"], ["serve", "--all"]), self.one("arm64", ["/app-arm64"], None)]
        manifests.append(dict(manifests[0], platform={"os": "unknown", "architecture": "unknown"}))
        self.index = encode({"schemaVersion": 2, "manifests": manifests})

    def add(self, data):
        self.blobs[digest(data)] = data
        return {"digest": digest(data), "size": len(data)}

    def one(self, architecture, entry_point, command):
        self.config = encode({"architecture": architecture, "os": "linux",
                              "config": {"Entrypoint": entry_point, "Cmd": command}})
        manifest = encode({"schemaVersion": 2, "config": self.add(self.config), "layers": []})
        return dict(self.add(manifest), platform={"os": "linux", "architecture": architecture})


def taskdef(image="shop:1", architecture="X86_64", **more):
    return {"family": "f", "runtimePlatform": {"cpuArchitecture": architecture},
            "containerDefinitions": [dict({"name": "app", "image": image}, **more)]}


def instrument(definition, *options, home="/nonexistent"):
    environment = {"HOME": home, "PATH": os.environ["PATH"], "no_proxy": "*"}
    done = subprocess.run([HINOMI, "instrument", "--agent-image", "agent", *options, "-"],
                          input=json.dumps(definition).encode(), capture_output=True, timeout=60, env=environment)
    if done.returncode:
        assert (done.returncode, done.stdout) == (1, b""), done
        return done.stderr.decode()
    app = json.loads(done.stdout)["containerDefinitions"][0]
    return app["entryPoint"], app.get("command")


AMD64 = (["/hinomi/hinomi-shim", "--", "/app-amd64"], ["serve", "--all"])
ARM64 = (["/hinomi/hinomi-shim", "--", "/app-arm64"], None)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.image = pathlib.Path(folder.name), Image()

    def layout(self, index=None):
        (self.folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        for name, data in self.image.blobs.items():
            (self.folder / "blobs/sha256" / name[7:]).write_bytes(data)
        (self.folder / "index.json").write_bytes(index or self.image.index)
        return str(self.folder)

    def tar(self, files, compress=False):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        path = self.folder / "image.tar"
        path.write_bytes(gzip.compress(out.getvalue()) if compress else out.getvalue())
        return str(path)

    def look(self, path, *more, **definition):
        return instrument(taskdef(**definition), "--image-config", path, *more)

    def test_layout(self):
        self.assertEqual(self.look(self.layout()), AMD64)
        self.assertEqual(self.look(self.layout(), architecture="ARM64"), ARM64)

    def test_layout_faults(self):
        path = self.layout()
        for blob in (self.folder / "blobs/sha256").iterdir():
            blob.write_bytes(blob.read_bytes() + b" ")
        self.assertIn("not what its digest says", self.look(path))
        for blob in (self.folder / "blobs/sha256").iterdir():
            blob.unlink()
        self.assertIn("is missing in it", self.look(path))
        two = json.loads(self.image.index)["manifests"][:1] * 2
        self.assertIn("more than one image", self.look(self.layout(encode({"manifests": two}))))
        self.assertIn("no image for linux/amd64", self.look(self.layout(encode({"manifests": []}))))
        for wrong in (b"{}", b"[]", b"x", b'{"manifests":[{"digest":"sha256:../../../etc/passwd"}]}'):
            self.assertIn(str(self.folder), self.look(self.layout(wrong)))

    def test_loop(self):
        self.image.blobs.clear()
        inner = self.image.index
        for _ in range(4):
            inner = encode({"manifests": [self.image.add(inner)]})
        self.assertIn("too many times", self.look(self.layout(inner)))

    def test_other_architecture(self):
        only = self.image.one("arm64", ["/x"], None)
        del only["platform"]
        self.assertIn("the image is for arm64", self.look(self.layout(encode({"manifests": [only]}))))

    def test_tar_of_layout(self):
        files = {"./blobs/sha256/" + name[7:]: data for name, data in self.image.blobs.items()}
        files["index.json"] = self.image.index
        self.assertEqual(self.look(self.tar(files)), AMD64)
        self.assertEqual(self.look(self.tar(files, compress=True)), AMD64)

    def test_docker_save(self):
        config = encode({"config": {"Entrypoint": None, "Cmd": ["/only-command"]}})
        name = digest(config)[7:] + ".json"
        saved = {name: config, "layer.tar": bytes(100000),
                 "manifest.json": encode([{"Config": name, "RepoTags": ["shop:1"], "Layers": ["layer.tar"]}])}
        expected = (["/hinomi/hinomi-shim", "--"], ["/only-command"])
        self.assertEqual(self.look(self.tar(saved)), expected)
        two = [{"Config": "other.json", "RepoTags": ["other:1"]}, {"Config": name, "RepoTags": ["shop:1"]}]
        self.assertEqual(self.look(self.tar(dict(saved, **{"manifest.json": encode(two)}))), expected)
        self.assertIn("none or several", self.look(self.tar(dict(saved, **{"manifest.json": encode(two)})), image="x"))
        self.assertIn("digest", self.look(self.tar(dict(saved, **{name: config + b" "}))))
        self.assertIn("missing", self.look(self.tar({"manifest.json": saved["manifest.json"]})))
        self.assertIn("neither", self.look(self.tar({"hello": b"x"})))
        path = pathlib.Path(self.tar(saved))
        path.write_bytes(path.read_bytes()[:700])
        self.assertIn(str(path), self.look(str(path)))
        path.write_bytes(b"\x00\x01not a tar")
        self.assertIn(str(path), self.look(str(path)))

    def test_no_file(self):
        self.assertIn("/nonexistent", self.look("/nonexistent/x"))


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        s, path, given = self.server, self.path, self.headers.get("Authorization")
        s.seen.append((path, given))
        if path.startswith("/token?"):
            if s.want_login and given != "Basic " + CREDENTIALS:
                return self.answer(401)
            return self.answer(200, s.token)
        if path.startswith("/elsewhere/"):
            return self.answer(400 if given else 200, s.image.blobs["sha256:" + path.split("/")[-1]])
        if s.challenge and given != s.wanted:
            return self.answer(401, WWW_Authenticate=s.challenge)
        if s.loop and "blobs" in path:
            return self.answer(307, Location=path)
        if s.fault and s.fault[0] in path:
            return self.answer(*s.fault[1:])
        what = path.split("/")[-1]
        if path.startswith("/v2/team/shop/manifests/"):
            body = s.image.index if what == "1" else s.image.blobs.get(what)
            return self.answer(200 if body else 404, body or b"")
        if path.startswith("/v2/team/shop/blobs/"):
            return self.answer(307, Location=f"http://localhost:{s.server_port}/elsewhere/{what[7:]}")
        return self.answer(404)


class Registries(unittest.TestCase):
    def setUp(self):
        self.server = s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        s.image, s.seen, s.fault, s.want_login, s.loop = Image(), [], None, False, False
        s.token, s.wanted = b'{"token": "abc.def"}', "Bearer abc.def"
        self.host = f"127.0.0.1:{s.server_port}"
        s.challenge = f'Bearer realm="http://{self.host}/token",service="registry.example",scope="repository:team/shop:pull"'
        threading.Thread(target=s.serve_forever, daemon=True).start()
        self.addCleanup(s.server_close)
        self.addCleanup(s.shutdown)
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name

    def log_in(self):
        os.makedirs(self.home + "/.docker", exist_ok=True)
        with open(self.home + "/.docker/config.json", "w", encoding="utf-8") as file:
            json.dump({"auths": {"other": {"auth": "eA=="}, "https://" + self.host: {"auth": CREDENTIALS}}}, file)

    def look(self, *options, tag=":1", **more):
        return instrument(taskdef(self.host + "/team/shop" + tag, **more), *options, home=self.home)

    def test_token(self):
        self.assertEqual(self.look(), AMD64)
        self.assertIn(("/token?service=registry.example&scope=repository%3Ateam%2Fshop%3Apull", None), self.server.seen)
        self.assertEqual(self.look(architecture="ARM64"), ARM64)

    def test_no_challenge(self):
        self.server.challenge = None
        self.assertEqual(self.look(), AMD64)

    def test_access_token(self):
        self.server.token = b'{"access_token": "abc.def", "expires_in": 300}'
        self.assertEqual(self.look(), AMD64)

    def test_credentials(self):
        self.server.want_login = True
        self.assertIn("wants credentials", self.look())
        self.log_in()
        self.assertEqual(self.look(), AMD64)

    def test_basic(self):
        self.server.challenge, self.server.wanted = 'Basic realm="ecr"', "Basic " + CREDENTIALS
        self.assertIn("wants credentials", self.look())
        self.log_in()
        self.assertEqual(self.look(), AMD64)
        self.server.wanted = "Basic other"
        self.assertIn("refuses these credentials", self.look())

    def test_by_digest(self):
        manifest = json.loads(self.server.image.index)["manifests"][0]["digest"]
        self.assertEqual(self.look(tag="@" + manifest), AMD64)
        self.assertEqual(self.look(tag=":tag@" + manifest), AMD64)
        self.server.image.blobs[manifest] += b" "
        self.assertIn("not what its digest says", self.look(tag="@" + manifest))

    def test_named(self):
        options = ("--image", f"app={self.host}/team/shop:1")
        self.assertEqual(instrument(taskdef("<IMAGE1_NAME>"), *options), AMD64)
        self.assertIn("not the name of an image", instrument(taskdef("<IMAGE1_NAME>")))
        self.assertIn("has to be known", self.look("--offline"))

    def test_not_asked(self):
        self.assertEqual(self.look(entryPoint=["/own"]), (["/hinomi/hinomi-shim", "--", "/own"], None))
        self.assertEqual(self.server.seen, [])

    def test_faults(self):
        for fault, message in ((("manifests", 404), "does not have it"), (("manifests", 429), "too many requests"),
                               (("manifests", 500), "answers 500"), (("manifests", 403), "wants credentials"),
                               (("manifests", 200, b"{"), "not JSON"), (("manifests", 200, b"{}"), "digest"),
                               (("manifests", 200, b" " * (4 * 1024 * 1024 + 1)), "too large"),
                               (("blobs", 200, b"{}"), "not what its digest says"), (("blobs", 404), "does not have it")):
            self.server.fault = fault
            self.assertIn(message, self.look(), fault[:2])

    def test_redirect_loop(self):
        self.server.loop = True
        self.assertIn("redirects", self.look())

    def test_bad_tokens(self):
        for token in (b"", b"[]", b'{"token": 1}', b'{"token": "a\\r\\nX-Injected: b"}', b'{"token": ""}'):
            self.server.token = token
            self.assertIn("token", self.look(), token)

    def test_realm_elsewhere(self):
        for realm in ("http://169.254.169.254/latest", "file:///etc/passwd", "ftp://x", ""):
            self.server.challenge = f'Bearer realm="{realm}",service="x"'
            self.assertIn("not HTTPS", self.look(), realm)
        self.server.challenge = "Negotiate"
        self.assertIn("not known", self.look())

    def test_away(self):
        self.assertIn("cannot be asked", instrument(taskdef("127.0.0.1:1/team/shop:1")))

    def test_names(self):
        for name in ("UPPER", "a b", "x/../y", "a:b:c/d", "host:5000/", "x@sha256:12", "a\u0000b", "-", "127.0.0.1:1/a?b"):
            self.assertIn("not the name of an image" if name != "-" else "", instrument(taskdef(name)), name)


unittest.main()
