#!/usr/bin/env python3
"""hinomi-server as its network sees it: what is no single clear request is refused and the connection ended, slow and
greedy clients are bounded, TLS, events, names, headers of every reply, ten thousand idle connections, how it
starts, copies itself and stops. Usage: run.py SERVER MANUAL"""
import contextlib
import hashlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import LIMIT_S, environment, receive, run, status_of, until  # noqa: E402
import server as shared  # noqa: E402

SERVER, MANUAL = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
IDLE = 10000


class Server(shared.Server):
    def __init__(self, *arguments, **more):
        super().__init__(SERVER, *arguments, **more)

    def administrator(self, *arguments):
        """Headers of a session made by the link of the first start."""
        return {"Authorization": "Bearer " + super().administrator(*arguments)}


class Case(unittest.TestCase):
    settings = ""
    listen = "127.0.0.1:0"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.settings, cls.listen)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()

    def healthy(self, context=None):
        status, _, body = self.server.ask("GET", "/v1/health", context=context)
        self.assertEqual((status, body), (200, b'{"ok":true}'))


class Requests(Case):
    """What two programs could read differently."""

    def refused(self, data, statuses=(400,)):
        answer, ended = self.server.send(data)
        self.assertIn(status_of(answer), statuses, (data, answer))
        self.assertTrue(ended, (data, answer))
        # What the library refuses by itself it says twice; what matters: no request was served.
        self.assertIn(answer.count(b"HTTP/1.1 "), (1, 2), (data, answer))
        self.assertNotIn(b"HTTP/1.1 2", answer, data)

    def test_smuggling(self):
        hidden = b"GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n"
        start = b"POST /v1/backup HTTP/1.1\r\nHost: localhost\r\n"
        for framing, statuses in (
                (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", (400,)),
                (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", (400,)),
                (b"Content-Length: 0\r\nContent-Length: 45\r\n", (400,)),
                (b"Content-Length: 45\r\nContent-Length: 45\r\n", (400,)),
                (b"Content-Length: 0, 45\r\n", (400,)),
                (b"Content-Length: +0\r\n", (400,)),
                (b"Content-Length: -1\r\n", (400,)),
                (b"Content-Length: 0x0\r\n", (400,)),
                (b"Content-Length: \r\n", (400,)),
                (b"Content-Length: 99999999999999999999999\r\n", (400, 413)),
                (b"Content-Length : 45\r\n", (400,)),
                (b"Transfer-Encoding: chunked\r\n", (411,)),
                (b"Transfer-Encoding: xchunked\r\n", (411,)),
                (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", (411,)),
                (b"Transfer-Encoding:\x0bchunked\r\n", (400,)),
                (b"Transfer-Encoding : chunked\r\n", (400,)),
                (b" Transfer-Encoding: chunked\r\n", (400,)),
                (b"X: a\r\n Transfer-Encoding: chunked\r\n", (400,)),
                (b"X: a\r\n\tb\r\n", (400,)),
                (b"X: a\nContent-Length: 45\r\n", (400,)),
                (b"X: a\rContent-Length: 45\r\n", (400,)),
                (b"X: a\0b\r\n", (400,)),
                (b"X\0: a\r\n", (400,)),
                (b"X: a\x01\r\n", (400,)),
                (b"X: a\x7f\r\n", (400,)),
                (b"no colon\r\n", (400,)),
                (b": no name\r\n", (400,)),
                (b"Host: localhost\r\n", (400,)),
                (b"X(: a\r\n", (400,))):
            with self.subTest(framing=framing):
                self.refused(start + framing + b"\r\n" + b"0\r\n\r\n" + hidden, statuses)
        self.healthy()

    def test_chunks(self):
        """Chunked bodies are not taken at all, well written or not."""
        start = (b"POST /v1/setup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n")
        for chunks in (b"2\r\n{}\r\n0\r\n\r\n", b"zz\r\n", b"2;x=\n{}\r\n", b"-1\r\n",
                       b"fffffffffffffffff\r\n", b"2\n{}\n0\n\n"):
            with self.subTest(chunks=chunks):
                self.refused(start + chunks, (411,))

    def test_lines(self):
        for data in (b"GET /v1/health HTTP/1.1\nHost: localhost\n\n",
                     b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\n",
                     b"GET  /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health  HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health HTTP/1.1 \r\nHost: localhost\r\n\r\n",
                     b"GET\t/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/he alth HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health HTTP/1.1\r\n\r\n",
                     b"GET /v1/health HTTP/1.0\r\n\r\n",
                     b"G\xffT /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/%2e%2e/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/../v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET //v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1\\health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET http://evil.example/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"):
            with self.subTest(data=data):
                self.refused(data)
        for data in (b"GET /v1/health HTTP/9.9\r\nHost: localhost\r\n\r\n",
                     b"GET /v1/health FTP/1.1\r\nHost: localhost\r\n\r\n", b"nonsense\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
            with self.subTest(data=data):
                answer, ended = self.server.send(data)
                self.assertTrue(ended and (not answer or status_of(answer) in (400, 505)), answer)
        self.healthy()

    def test_pipelined(self):
        one = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Empty:\r\nCookie: a=b; c\r\n\r\n"
        answer, ended = self.server.send(one * 3)
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 3)
        self.assertFalse(ended)
        answer, _ = self.server.send(
            b"GET http://localhost:1/v1/health HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        self.assertEqual(status_of(answer), 200)

    def test_byte_by_byte(self):
        """The strict reading does not depend on how the bytes arrive."""
        for data, status in ((b"GET /v1/health?x=%41&y=b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
                             (b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n", 200),
                             (b"GET /v1/health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400)):
            with self.server.raw() as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(data)):
                    connection.sendall(data[i:i + 1])
                answer, _ = receive(connection)
                self.assertEqual(status_of(answer), status, (data, answer))

    def test_refused_body_is_not_a_request(self):
        """A body that is refused unread is never taken for the next request."""
        hidden = b"GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for method, path in ((b"POST", b"/none"), (b"PATCH", b"/v1/health"), (b"DELETE", b"/none"),
                             (b"BREW", b"/v1/health"), (b"POST", b"/v1/backup")):
            answer, ended = self.server.send(
                method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                str(len(hidden)).encode() + b"\r\n\r\n" + hidden + hidden)
            self.assertTrue(ended)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)


class Replies(Case):
    def test_headers(self):
        for method, path in (("GET", "/v1/health"), ("GET", "/"), ("GET", "/none"),
                             ("POST", "/v1/backup"), ("OPTIONS", "/v1/health"),
                             ("GET", "/v1/health?x=1"), ("BREW", "/v1/health"),
                             ("HEAD", "/v1/health")):
            with self.subTest(method=method, path=path):
                _, headers, _ = self.server.ask(method, path)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["Referrer-Policy"], "no-referrer")
                page = ("no-store", "no-cache, must-revalidate") # the console's, which holds nothing of anybody
                self.assertIn(headers["Cache-Control"], page if path == "/" else ("no-store",))
                self.assertIsNone(headers["Strict-Transport-Security"])
                self.assertIsNone(headers["Server"])
                self.assertIsNone(headers["Access-Control-Allow-Origin"])

    def test_problems(self):
        for method, path, status in (("GET", "/none", 404), ("GET", "/v1/system", 401),
                                     ("PUT", "/v1/health", 405), ("BREW", "/v1/health", 501),
                                     ("GET", "/v1/health?x=<script>", 400)):
            answer, headers, body = self.server.ask(method, path.replace("<", "%3C"))
            self.assertEqual(answer, status)
            self.assertEqual(headers["Content-Type"], "application/problem+json")
            problem = json.loads(body)
            self.assertEqual((problem["status"], problem["type"]), (status, "about:blank"))
            self.assertRegex(problem["request"], "^[0-9a-f]{16}$")
            self.assertTrue(problem["code"] and problem["detail"] and problem["title"])
        status, headers, _ = self.server.ask("GET", "/v1/system")
        self.assertEqual(headers["WWW-Authenticate"], "Bearer")

    def test_methods(self):
        status, headers, body = self.server.ask("HEAD", "/v1/health")
        self.assertEqual((status, headers["Content-Length"], body), (200, "11", b""))
        status, headers, body = self.server.ask("OPTIONS", "/v1/backup")
        self.assertEqual((status, headers["Allow"], body), (204, "POST, OPTIONS", b""))
        status, headers, _ = self.server.ask("DELETE", "/v1/health")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, OPTIONS"))

    def test_reference(self):
        status, headers, body = self.server.ask("GET", "/v1/openapi.json")
        document = json.loads(body)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(document["openapi"], "3.1.0")
        names = [one["operationId"] for path in document["paths"].values()
                 for one in path.values()]
        self.assertEqual(len(names), len(set(names)))
        for path in document["paths"].values():
            for one in path.values():
                self.assertTrue(one["summary"] and one["tags"])

    def test_rebinding(self):
        for host, status in (("evil.example", 421), ("evil.example:80", 421), ("127.0.0.1", 200),
                             ("localhost:1", 200), ("[::1]", 200), ("10.1.2.3", 200),
                             ("127.0.0.1.evil.example", 421), ("localhost.", 421)):
            answer, _, _ = self.server.ask("GET", "/v1/health", headers={"Host": host})
            self.assertEqual(answer, status, host)


class Bounds(Case):
    settings = "limits: {header_seconds: 1}\n"

    def test_sizes(self):
        start = b"GET /v1/health"
        end = b" HTTP/1.1\r\nHost: localhost\r\n"
        for data, statuses in (
                (start + b"?" + b"a" * 8200 + end + b"\r\n", (400, 414)),
                (start + b"?" + b"a" * 100000 + end + b"\r\n", (414, None)),
                (start + end + b"X: " + b"a" * 100000 + b"\r\n\r\n", (431, None)),
                (start + end + b"X: a\r\n" * 64 + b"\r\n", (431,)),
                (start + end + b"X: a\r\n" * 10000 + b"\r\n", (431, None)),
                (b"A" * 100000, (414, 400, None))):
            answer, ended = self.server.send(data)
            self.assertIn(status_of(answer), statuses, answer[:200])
            self.assertTrue(ended or status_of(answer) == 200)
        answer, _ = self.server.send(start + end + b"X: a\r\n" * 63 + b"\r\n")
        self.assertEqual(status_of(answer), 200)
        self.healthy()

    def test_body_refused_before_it_is_sent(self):
        for expect in (b"", b"Expect: 100-continue\r\n"):
            answer, ended = self.server.send(
                b"POST /v1/setup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000000000\r\n" + expect + b"\r\n")
            self.assertEqual(status_of(answer), 413, answer)
            self.assertTrue(ended)
        answer, _ = self.server.send(
            b"POST /v1/backup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
            b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(status_of(answer), 401, answer)

    def test_slow(self):
        """A byte now and then keeps no connection: whole stages have deadlines."""
        starts = (b"", b"GET /v1/hea", b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX: ",
                  b"POST /v1/setup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 100\r\n\r\n{")
        connections = []
        for start in starts * 25:
            connection = self.server.raw()
            connection.sendall(start)
            connections.append(connection)
        open_ones = list(connections)
        end = time.monotonic() + LIMIT_S
        while open_ones and time.monotonic() < end:
            time.sleep(0.1)
            self.healthy()
            for connection in list(open_ones):
                try:
                    connection.sendall(b"a")
                    connection.setblocking(False)
                    if connection.recv(65536) == b"":
                        open_ones.remove(connection)
                except BlockingIOError:
                    connection.setblocking(True)
                except OSError:
                    open_ones.remove(connection)
        for connection in connections:
            connection.close()
        self.assertEqual(open_ones, [])

    def test_slow_reader(self):
        """Who does not take a reply is let go."""
        until(lambda: self.server.sockets() == 0)
        with self.server.raw() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                for _ in range(300):
                    connection.sendall(
                        b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until(lambda: self.server.sockets() == 1)
            until(lambda: self.server.sockets() == 0)
        self.healthy()


class Rates(Case):
    settings = "limits: {rate_per_address: 20}\n"

    def test_rate(self):
        statuses = []
        for _ in range(60):
            status, headers, body = self.server.ask("GET", "/v1/health")
            statuses.append(status)
            if status == 429:
                self.assertEqual(headers["Retry-After"], "1")
                self.assertEqual(json.loads(body)["code"], "too_many_requests")
        self.assertEqual(statuses[:40], [200] * 40)
        self.assertIn(429, statuses)
        until(lambda: self.server.ask("GET", "/v1/health")[0] == 200)


class Names(Case):
    settings = "names: [console.example]\npublic_url: https://hinomi.example:8443\naccess_log: true\n"

    def test_names(self):
        for host, status in (("console.example", 200), ("hinomi.example", 200),
                             ("other.example", 421)):
            self.assertEqual(self.server.ask("GET", "/v1/health", headers={"Host": host})[0],
                             status)

    def test_access_log(self):
        self.server.ask("GET", "/v1/health?secret=hs_0123456789",
                        headers={"Authorization": "Bearer hs_abcdef"})
        self.server.ask("GET", "/v1/a%0Aerror:%20forged%1b")
        log = until(lambda: self.server.log() if "/v1/a" in self.server.log() else None)
        self.assertIn("GET /v1/health 400", log)
        self.assertNotIn("hs_", log)
        self.assertNotIn("\nerror: forged", log)
        self.assertNotIn("\x1b", log)


class Tls(Case):
    listen = "0.0.0.0:0"
    settings = "names: [console.example]\n"

    def trusted(self):
        context = ssl.create_default_context(cafile=os.path.join(self.server.folder, "ca.pem"))
        return context

    def test_certificate(self):
        self.healthy(self.trusted())
        for name, right in (("127.0.0.1", True), ("localhost", True), ("console.example", True),
                            ("evil.example", False)):
            with self.server.raw() as connection:
                if right:
                    self.trusted().wrap_socket(connection, server_hostname=name).close()
                else:
                    with self.assertRaises(ssl.SSLCertVerificationError):
                        self.trusted().wrap_socket(connection, server_hostname=name)
        with self.assertRaises(ssl.SSLCertVerificationError), self.server.raw() as connection:
            ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")

    def test_pinned(self):
        """What the log says is the SHA-256 of what /v1/ca gives, the way an agent checks it."""
        context = ssl._create_unverified_context()
        _, _, pem = self.server.ask("GET", "/v1/ca", context=context)
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
        self.assertIn(fingerprint, self.server.log())
        self.assertEqual(os.stat(os.path.join(self.server.folder, "ca.key")).st_mode & 0o777, 0o600)

    def test_versions(self):
        for version, right in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True),
                               (ssl.TLSVersion.TLSv1_1, False)):
            context = ssl._create_unverified_context()
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
            with self.server.raw() as connection:
                if right:
                    context.wrap_socket(connection).close()
                else:
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        context.wrap_socket(connection)

    def test_plain(self):
        """No reply, and nothing done, for plain HTTP."""
        with self.server.raw() as connection:
            connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer, ended = receive(connection)
            self.assertTrue(ended)
            self.assertNotIn(b"HTTP/1.1", answer)

    def test_headers(self):
        _, headers, _ = self.server.ask("GET", "/v1/health", context=self.trusted())
        self.assertIn("max-age=", headers["Strict-Transport-Security"])

    def test_reload(self):
        before = open(os.path.join(self.server.folder, "server.pem"), encoding="ascii").read()
        os.unlink(os.path.join(self.server.folder, "server.pem"))
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: os.path.exists(os.path.join(self.server.folder, "server.pem")))
        after = open(os.path.join(self.server.folder, "server.pem"), encoding="ascii").read()
        self.assertNotEqual(before, after)

        def fresh():
            with contextlib.suppress(OSError):
                pem = ssl.get_server_certificate(("127.0.0.1", self.server.port))
                return pem.split() == after.split()
        until(fresh)
        self.healthy(self.trusted())
        key = os.path.join(self.server.folder, "ca.key")
        os.rename(key, key + ".away")
        self.server.process.send_signal(signal.SIGHUP)
        until(lambda: "the certificate stays as it was" in self.server.log())
        os.rename(key + ".away", key)
        self.healthy(self.trusted())


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class MutualTls(Case):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="hinomi-clients-")
        for ca in ("own", "other"):
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-subj", f"/CN={ca}", "-days", "30", "-keyout", f"{ca}.key",
                        "-out", f"{ca}.pem")
            cls.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=client", "-keyout", f"{ca}-client.key", "-out",
                        f"{ca}-client.csr")
            cls.openssl("x509", "-req", "-in", f"{ca}-client.csr", "-CA", f"{ca}.pem", "-CAkey",
                        f"{ca}.key", "-CAcreateserial", "-days", "30", "-out", f"{ca}-client.pem")
        cls.server = Server(f"tls: {{client_ca: {cls.made}/own.pem}}\n", "0.0.0.0:0")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.made)

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *arguments], cwd=cls.made, check=True, capture_output=True)

    def ask_as(self, client):
        context = ssl._create_unverified_context()
        if client:
            context.load_cert_chain(os.path.join(self.made, f"{client}-client.pem"),
                                    os.path.join(self.made, f"{client}-client.key"))
        return self.server.ask("GET", "/v1/health", context=context)

    def test_clients(self):
        self.assertEqual(self.ask_as("own")[0], 200)
        status, _, body = self.ask_as(None)
        self.assertEqual((status, json.loads(body)["code"]), (403, "certificate_wanted"))
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.assertEqual(self.ask_as("other")[0], 403)


class Signed(Case):
    """With a session: events, sizes, figures, backup, and the end."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.auth = cls.server.administrator()

    def listen_to_events(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LIMIT_S)
        connection.request("GET", "/v1/events", headers=self.auth)
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Type"]),
                         (200, "text/event-stream"))
        self.assertEqual(answer.readline() + answer.readline(), b"retry: 2000\n\n")
        return connection, answer

    def test_events(self):
        self.assertEqual(self.server.ask("GET", "/v1/events")[0], 401)
        connection, answer = self.listen_to_events()
        with contextlib.closing(connection):
            status, _, body = self.server.ask(
                "POST", "/v1/lists", {"name": "listened_to", "items": ["a"]}, self.auth)
            self.assertEqual(status, 201, body)
            lines = [answer.readline() for _ in range(4)]
            self.assertRegex(lines[0], rb"^id: [0-9a-f]+-\d+\n$")
            self.assertEqual((lines[1], lines[3]), (b"event: content\n", b"\n"))
            json.loads(lines[2].removeprefix(b"data: "))

    def test_events_of_who_may_not_any_more(self):
        """A stream ends when the credential that opened it is revoked."""
        status, _, body = self.server.ask(
            "POST", "/v1/tokens", {"name": "reader", "permissions": ["read"]}, self.auth)
        self.assertEqual(status, 201, body)
        token = json.loads(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/events",
                               headers={"Authorization": "Bearer " + token["token"]})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            answer.readline()
            status, _, body = self.server.ask("DELETE", f"/v1/tokens/{token['id']}",
                                              headers=self.auth)
            self.assertIn(status, (200, 204), body)
            self.server.ask("POST", "/v1/lists", {"name": "unheard", "items": ["a"]}, self.auth)
            self.assertNotIn(b"event: content", answer.read())

    def test_figures(self):
        status, _, body = self.server.ask("GET", "/v1/system", headers=self.auth)
        system = json.loads(body)
        self.assertEqual((status, system["dir"], system["tls"]), (200, self.server.folder, None))
        self.assertGreater(system["store"]["bytes"], 0)
        status, headers, body = self.server.ask("GET", "/metrics", headers=self.auth)
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        self.assertRegex(body.decode(), r"\nhinomi_server_requests_total [1-9]")
        self.assertRegex(body.decode(), r"\nhinomi_server_resident_bytes [1-9]\d{6}")
        for path in ("/metrics", "/v1/system"):
            self.assertEqual(self.server.ask("GET", path)[0], 401)

    def test_backup(self):
        self.assertEqual(self.server.ask("POST", "/v1/backup", {})[0], 401)
        status, _, body = self.server.ask("POST", "/v1/backup", {"name": "one"}, self.auth)
        self.assertEqual((status, json.loads(body)["name"]), (201, "one"))
        copy = os.path.join(self.server.folder, "backups", "one")
        self.assertTrue(os.path.exists(os.path.join(copy, "hinomi.db")))
        self.assertIn(self.server.ask("POST", "/v1/backup", {"name": "one"}, self.auth)[0],
                      (409, 422))
        self.assertEqual(self.server.ask("POST", "/v1/backup", headers=self.auth)[0], 201)
        for name in ("..", "a/b", "/tmp/x", "", ".x", "a" * 65, "a\nb"):
            self.assertEqual(self.server.ask("POST", "/v1/backup", {"name": name}, self.auth)[0],
                             422, name)
        folder = os.path.join(self.server.folder, "backups")
        os.mkdir(os.path.join(folder, "begun"))
        os.mkdir(os.path.join(folder, ".hidden"))
        os.symlink("/tmp", os.path.join(folder, "elsewhere"))
        self.assertEqual(self.server.ask("GET", "/v1/backups")[0], 401)
        status, _, body = self.server.ask("GET", "/v1/backups", headers=self.auth)
        listed = json.loads(body)
        self.assertEqual((status, listed["running"], len(listed["items"])), (200, False, 3), listed)
        self.assertEqual({one["name"]: one["complete"] for one in listed["items"]}["one"], True)
        self.assertEqual({one["name"]: one["complete"] for one in listed["items"]}["begun"], False)
        own = os.path.join(self.server.base, "copied")
        done = subprocess.run([SERVER, "--dir", self.server.folder, "backup", own], timeout=LIMIT_S,
                              capture_output=True, text=True, env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.exists(os.path.join(own, "hinomi.db")))
        target = os.path.join(self.server.base, "restored")
        done = subprocess.run([SERVER, "--dir", target, "restore", copy], capture_output=True,
                              text=True, timeout=LIMIT_S, env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        other = Server(folder=target)
        try:
            self.assertEqual(other.ask("GET", "/v1/system", headers=self.auth)[0], 200)
            self.assertEqual(other.stop(), 0)
        finally:
            other.remove()
        done = subprocess.run([SERVER, "--dir", target, "restore", copy], capture_output=True,
                              text=True, timeout=LIMIT_S, env=environment())
        self.assertEqual(done.returncode, 1)

    def test_stops_while_somebody_waits(self):
        server = Server()
        try:
            auth = server.administrator()
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)
            connection.request("GET", "/v1/events", headers=auth)
            connection.getresponse().readline()
            idle = [server.raw() for _ in range(50)]
            self.assertEqual(server.stop(), 0)
            self.assertNotIn("too long", server.log())
            for one in idle:
                one.close()
            connection.close()
        finally:
            server.remove()


class Idle(Case):
    def test_idle_connections(self):
        """As many as the limits of this machine allow; the server goes on serving."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        n = min(IDLE, hard - 600)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if n < IDLE:
            print(f"idle connections: only {n}, RLIMIT_NOFILE is {hard}")
        held = []
        try:
            for i in range(n):
                connection = self.server.raw()
                if i % 2:
                    connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                held.append(connection)
                if i % 1000 == 0:
                    self.healthy()
            self.healthy()
            with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
                resident = re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)
            print(f"{n} idle connections: {int(resident) // 1024} MiB resident")
            answered = held[1].recv(65536)
            self.assertEqual(status_of(answered), 200)
        finally:
            for connection in held:
                connection.close()
        self.healthy()


class Program(unittest.TestCase):
    @staticmethod
    def run_server(*arguments, **env):
        done = subprocess.run([SERVER, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=LIMIT_S, env={**environment(), **env})
        return done.returncode, done.stdout, done.stderr

    def test_usage(self):
        code, out, err = self.run_server("--help")
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(out.startswith("Usage: hinomi-server"))
        self.assertRegex(self.run_server("--version")[1], r"^hinomi-server \d+\.\d+\.\d+\n$")
        for arguments, what in ((("--nothing",), "--nothing"), (("word",), "word"),
                                (("--listen",), "--listen"), (("backup",), "backup"),
                                (("restore", "a", "b"), "restore"),
                                (("--listen", "nowhere"), "nowhere"),
                                (("--config", "/does/not/exist"), "/does/not/exist")):
            code, out, err = self.run_server(*arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertIn(what, err)

    def test_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "server.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("listen: 127.0.0.1:0\nretentoin: {days: 3}\nnames: {a: b}\n")
            code, _, err = self.run_server("--config", path)
            self.assertEqual(code, 2)
            self.assertIn(f"{path}:2:1: ", err)
            self.assertIn("did you mean `retention`?", err)
            self.assertIn(f"{path}:3:", err)
            code, _, err = self.run_server("--dir", folder, HINOMI_LISTEN="x")
            self.assertEqual(code, 2)
            code, _, err = self.run_server("--dir", folder, HINOMI_RETENTION_DAYS="0")
            self.assertEqual(code, 2)
            self.assertIn("HINOMI_RETENTION_DAYS", err)

    def test_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken, \
                tempfile.TemporaryDirectory() as folder:
            port = taken.getsockname()[1]
            code, _, err = self.run_server("--dir", folder, "--listen", f"127.0.0.1:{port}")
            self.assertEqual(code, 1)
            self.assertIn(f"cannot listen on 127.0.0.1:{port}", err)

    def test_one_folder_one_server(self):
        server = Server()
        try:
            code, _, err = self.run_server("--dir", server.folder, "--listen", "127.0.0.1:0")
            self.assertEqual(code, 1)
            self.assertTrue(err.strip())
        finally:
            server.stop()
            server.remove()

    def test_rights(self):
        server = Server()
        try:
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
                status = file.read()
            self.assertIn("NoNewPrivs:\t1", status)
            kept = int(re.search(r"CapEff:\s+(\w+)", status).group(1), 16)
            self.assertEqual(kept & ~(1 << 10), 0)
            for name in os.listdir(server.folder):
                self.assertEqual(os.stat(os.path.join(server.folder, name)).st_mode & 0o77, 0, name)
        finally:
            server.stop()
            server.remove()

    def test_courier(self):
        """The process that connects outwards: confined, there again when it was killed, gone with the server."""
        def children(pid):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]

        def is_there(pid):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                return False

        for end in (signal.SIGTERM, signal.SIGKILL):
            server = Server(settings="outbound: {allow: [127.0.0.1, 10.0.0.0/8]}\n")
            try:
                (keeper,) = children(server.process.pid)
                (worker,) = until(lambda k=keeper: children(k))
                with open(f"/proc/{worker}/status", encoding="ascii") as file:
                    status = file.read()
                self.assertIn("NoNewPrivs:\t1", status)
                self.assertRegex(status, r"CapEff:\s+0+\n")
                os.kill(worker, signal.SIGKILL)
                other = until(lambda k=keeper, w=worker: [c for c in children(k) if c != w])[0]
                server.process.send_signal(end)
                server.process.wait(LIMIT_S)
                until(lambda pids=(keeper, other): not any(is_there(pid) for pid in pids))
            finally:
                server.stop()
                server.remove()

    def test_outbound_settings(self):
        for setting in ("{allow: [a.example]}", "{allow: [10.0.0.0/33]}", "{proxy: 'socks5://127.0.0.1:1'}",
                        "{ca: /nonexistent}"):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "server.yaml")
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"outbound: {setting}\n")
                code, _, err = self.run_server("--dir", folder, "--config", path, "--listen", "127.0.0.1:0")
                self.assertIn(code, (1, 2), setting)
                self.assertIn("outbound.", err)

    def test_manual(self):
        with open(MANUAL, encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        for option in re.findall(r"^  (--[a-z]+)", self.run_server("--help")[1], re.M):
            self.assertIn(option, manual)


threading.excepthook = sys.__excepthook__
sys.exit(run("http"))
