"""A strict server for agents: what it is sent must be exactly what the contract says, or `faults` tells. Its faults
are made on purpose: acknowledgements lost after the commit, answers that never come, refusals, other certificates.

    with UplinkServer(folder) as server:  server.url, server.ca_sha256, server.token, server.records, server.gaps
"""
import base64
import ctypes
import hashlib
import http.server
import io
import json
import os
import re
import select
import ssl
import subprocess
import tarfile
import threading
import time

ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
ZSTD.ZSTD_compress.restype = ctypes.c_size_t
ZSTD.ZSTD_compressBound.restype = ctypes.c_size_t
SODIUM = ctypes.CDLL("libsodium.so.23")
SODIUM.sodium_init()
PLAIN_MAX, PACKED_MAX, LINE_MAX, RECORDS_MAX = 32 << 20, 4 << 20, 256 << 10, 10000


def unpack(data):
    buffer = ctypes.create_string_buffer(PLAIN_MAX)
    size = ZSTD.ZSTD_decompress(buffer, ctypes.c_size_t(PLAIN_MAX), data, ctypes.c_size_t(len(data)))
    if size > PLAIN_MAX:
        raise ValueError("not zstd")
    return buffer.raw[:size]


def pack(data):
    bound = ZSTD.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    buffer = ctypes.create_string_buffer(bound)
    size = ZSTD.ZSTD_compress(buffer, ctypes.c_size_t(bound), data, ctypes.c_size_t(len(data)), 3)
    return buffer.raw[:size]


class Key:
    def __init__(self):
        self.public, self.secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        SODIUM.crypto_sign_keypair(self.public, self.secret)

    def sign(self, kind, version, body):
        message = b"hinomi-1\n%s\n%d\n%s" % (kind.encode(), version, body)
        signature = ctypes.create_string_buffer(64)
        SODIUM.crypto_sign_detached(signature, None, message, ctypes.c_ulonglong(len(message)), self.secret)
        return base64.b64encode(signature.raw).decode()


def bundle(version, files, hashes=None, extra=()):
    """files: name → text. extra: (TarInfo, bytes) that a bundle must not have."""
    manifest = {"v": 1, "version": version, "parent": max(0, version - 1),
                "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}}
    manifest["files"].update(hashes or {})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, text in {"manifest.json": json.dumps(manifest), **files}.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
        for info, content in extra:
            tar.addfile(info, io.BytesIO(content))
    return pack(out.getvalue())


BUNDLE, DELTA, ORDERS = (f"application/vnd.hinomi.{name}" for name in ("bundle", "delta+json", "orders+json"))


def make_certificate(folder):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key",
            "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    with open(os.path.join(folder, "ext"), "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
            "server.pem", "-days", "2", "-extfile", "ext")
    with open(os.path.join(folder, "ca.pem"), encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


class UplinkServer:
    def __init__(self, folder, tls=True, port=0):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.faults = []           # what an agent did wrong
        self.token, self.credential, self.agent = "he_enrol", "ha_secret", "a0123456789abcdef"
        self.enrolments, self.instances, self.heartbeats, self.requests = [], [], [], []
        self.cursors = {}          # spool → last number
        self.alerts, self.activity, self.gaps = {}, [], []
        self.lines = self.proxied = 0
        self.duplicates = 0
        self.lose_acks = 0         # so many answers are not sent after the commit
        self.answer = {}           # what → (status, headers, object), for so many (None: always)
        self.stall = threading.Event()
        self.refuse = lambda record: None
        self.key = Key()
        self.version, self.offers = 0, []  # (version, type, body, signature)
        self.polls, self.orders_done = [], []
        self.connections = set()   # that are open
        self.ca_sha256 = make_certificate(folder) if tls else None
        self.folder = folder
        handler = type("H", (Handler,), {"owner": self})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stall.set()
        self.http.shutdown()
        self.http.server_close()

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def offer(self, version, kind, body, signature=None):
        with self.changed:
            self.offers.append((version, kind, body, signature or self.key.sign(kind, version, body)))
            self.changed.notify_all()

    def offer_rules(self, version, files, **more):
        self.offer(version, BUNDLE, bundle(version, files, **more))

    def offer_delta(self, start, end, changes):
        self.offer(end, DELTA, json.dumps({"from": start, "to": end, "changes": changes}).encode())

    # ---- requests; each returns (status, headers, bytes) or None: no answer

    def enrol(self, headers, body):
        self.check(headers.get("Authorization") == f"Bearer {self.token}", "enrolment without the token")
        self.check(set(body) >= {"name", "instance", "version", "kernel", "hostname", "sensor"}, f"enrolment {body}")
        self.enrolments.append(body)
        return 201, {}, {"id": self.agent, "credential": self.credential, "server_time_ms": int(time.time() * 1000),
                         "sign_key": base64.b64encode(self.key.public.raw).decode()}

    def check(self, good, text):
        if not good:
            self.fault(text)

    def heartbeat(self, body):
        for name in ("version", "kernel", "hostname", "sensor", "started_ms", "now_ms", "lag_ms", "events", "alerts",
                     "drops", "gaps", "spool", "bundle", "rules", "health", "containers"):
            self.check(name in body, f"a heartbeat without {name}")
        with self.changed:
            self.heartbeats.append(body)
            self.changed.notify_all()
        return 200, {}, {"time_ms": int(time.time() * 1000), "bundle": self.version}

    def take_line(self, number, line):
        """The number that the line ends at; ValueError: refused."""
        if len(line) > LINE_MAX:
            raise ValueError("too long")
        record = json.loads(line.decode("utf-8"))
        to = record.get("to", record["n"])
        if record["n"] != number or to < number:
            raise ValueError(f"{record['n']} where {number} was expected")
        kinds = set(record) - {"n", "to"}
        if len(kinds) != 1 or not kinds <= {"alert", "activity", "gap"} or (to > number and kinds != {"gap"}):
            raise ValueError(f"members {sorted(record)}")
        why = self.refuse(record)
        if why:
            raise ValueError(why)
        return record, to

    def keep(self, record):
        if "alert" in record:
            ident = record["alert"]["hinomi"]["id"]
            self.check(re.fullmatch(self.agent + r":[0-9a-f]{32}:\d+", ident), f"alert id {ident}")
            self.duplicates += ident in self.alerts
            self.alerts[ident] = record["alert"]
        elif "activity" in record:
            self.check(set(record["activity"]) == {"time_ms", "kind", "fields"}, f"activity {record}")
            self.activity.append(record["activity"])
        else:
            gap = dict(record["gap"], n=record["n"], to=record.get("to", record["n"]))
            self.check(set(gap) >= {"kind", "from_ms", "to_ms", "count", "where", "why"}, f"gap {gap}")
            self.gaps.append(gap)

    def batch(self, headers, body):
        spool, first = headers.get("Hinomi-Spool", ""), int(headers.get("Hinomi-First", "0"))
        self.check(re.fullmatch("[0-9a-f]{16}", spool), f"spool {spool}")
        self.check(headers.get("Content-Type") == "application/x-ndjson", "content type")
        self.check(headers.get("Content-Encoding") == "zstd", "content encoding")
        self.check(len(body) <= PACKED_MAX, "a batch that is too large")
        text = unpack(body)
        self.check(text.endswith(b"\n"), "a batch that does not end")
        lines = text[:-1].split(b"\n")
        self.check(0 < len(lines) <= RECORDS_MAX, "records of a batch")
        with self.changed:
            cursor = self.cursors.get(spool, first - 1)
            if first > cursor + 1:
                return 409, {}, {"code": "hole", "expect": cursor + 1}
            number, taken = first, []
            for line in lines:
                try:
                    record, to = self.take_line(number, line)
                except (ValueError, KeyError, TypeError) as error:
                    return 422, {}, {"code": "record", "record": number, "detail": str(error)}
                if to > cursor:
                    taken.append(record)
                number = to + 1
            for record in taken:
                self.keep(record)
            self.lines += len(taken)
            self.cursors[spool] = max(cursor, number - 1)
            self.changed.notify_all()
            if self.lose_acks > 0:
                self.lose_acks -= 1
                return None
            return 200, {}, {"ack": self.cursors[spool]}

    def poll(self, after, orders, wait, connection):
        """Who waits and has gone meanwhile takes nothing: an agent that waits says nothing but that it goes."""
        self.polls.append((after, orders))
        self.check(1 <= wait <= 60, f"a poll that waits {wait} s")
        end = time.monotonic() + min(wait, 12)
        with self.changed:
            while True:
                if select.select([connection], [], [], 0)[0]:
                    return None
                for offer in self.offers:
                    version, kind, body, signature = offer
                    if kind == ORDERS or version > after:
                        self.offers.remove(offer)
                        if kind != ORDERS:
                            self.version = version
                        return 200, {"Content-Type": kind, "Hinomi-Version": str(version),
                                     "Hinomi-Signature": signature}, body
                if time.monotonic() >= end:
                    return 204, {}, b""
                self.changed.wait(0.2)

    def wait(self, condition, seconds=20):
        end = time.monotonic() + seconds
        with self.changed:
            while not condition(self):
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("the server waited for nothing")
                self.changed.wait(min(left, 0.1))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    owner = None

    def log_message(self, *_):
        pass

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(10)
            try:
                self.request.do_handshake()
            except OSError:
                pass
        super().setup()

    def handle(self):
        with self.owner.lock:
            self.owner.connections.add(self.client_address)
        try:
            super().handle()
        except OSError:
            pass
        finally:
            with self.owner.lock:
                self.owner.connections.discard(self.client_address)

    def reply(self, answer):
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, body = answer
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **headers}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def planned(self, what):
        owner = self.owner
        with owner.lock:
            if what not in owner.answer:
                return None
            status, headers, body, times = owner.answer[what]
            if times is not None:
                if times <= 1:
                    del owner.answer[what]
                else:
                    owner.answer[what] = (status, headers, body, times - 1)
            return status, headers, body

    def do(self, body):
        owner = self.owner
        if self.path.startswith("http://"):  # as a proxy
            owner.proxied += 1
            self.path = "/" + self.path.split("/", 3)[3]
        path, _, query = self.path.partition("?")
        what = path.rsplit("/", 1)[-1]
        with owner.lock:
            owner.requests.append((self.command, self.path, self.client_address))
        if path == "/v1/ca":
            with open(os.path.join(owner.folder, "ca.pem"), "rb") as file:
                return 200, {"Content-Type": "application/x-pem-file"}, file.read()
        instance = self.headers.get("Hinomi-Instance", "")
        owner.check(re.fullmatch("[0-9a-f]{16}", instance), f"instance {instance}")
        if instance not in owner.instances:
            owner.instances.append(instance)
        planned = self.planned(what)
        if planned:
            return planned
        if path == "/v1/agents":
            return owner.enrol(self.headers, json.loads(body))
        if not path.startswith(f"/v1/agents/{owner.agent}/"):
            return 403, {}, {"code": "not_yours"}
        if self.headers.get("Authorization") != f"Bearer {owner.credential}":
            return 401, {}, {"code": "agent_revoked"}
        if what == "batches":
            return owner.batch(self.headers, body)
        if what == "heartbeat":
            return owner.heartbeat(json.loads(body))
        if what == "bundle":
            words = dict(word.split("=") for word in query.split("&"))
            return owner.poll(int(words["after"]), int(words["orders"]), int(words.get("wait", 60)),
                              self.connection)
        if path.rsplit("/", 2)[1] == "orders":
            owner.orders_done.append((int(what), json.loads(body)))
            return 204, {}, b""
        return 404, {}, {"code": "not_found"}

    def do_GET(self):
        self.reply(self.do(b""))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.owner.stall.is_set() and self.path.endswith("/batches"):
            while self.owner.stall.is_set():
                time.sleep(0.02)
            self.close_connection = True
            return
        self.reply(self.do(body))
