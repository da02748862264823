"""What the tests of the courier share: the driver, certificates, servers that behave and servers that do not."""
import contextlib
import http.server
import json
import os
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # what Debian packages, for any python of this version

LIMIT_S = 60
SKIPPED = 77


def until(condition, seconds=LIMIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


class Courier:
    """ask(**request): its answer; send(**request), then answer(id)."""

    program = None

    def __init__(self, prefix=(), **options):
        options.setdefault("allow", ["127.0.0.0/8", "::1"])
        self.process = subprocess.Popen([*prefix, self.program, json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.answers, self.arrived, self.next = {}, threading.Condition(), 1
        self.order, self.killed = [], False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.arrived:
                self.answers[answer["id"]] = answer
                self.order.append(answer["id"])
                self.arrived.notify_all()

    def send(self, **request):
        number = self.next
        self.next += 1
        self.process.stdin.write(json.dumps({"id": number, **request}) + "\n")
        self.process.stdin.flush()
        return number

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, number, seconds=LIMIT_S):
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.answers, seconds), "no answer came"
            return self.answers[number]

    def ask(self, **request):
        return self.answer(self.send(**request))

    def processes(self):
        """(keeper, worker)"""
        keeper = until(lambda: children(self.process.pid))[0]
        return keeper, until(lambda: children(keeper))[0]

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait(LIMIT_S)

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(LIMIT_S)
        self.reader.join(LIMIT_S)
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *what):
        status = self.end()
        assert what[0] or self.killed or status == 0, f"the driver ended with {status}"


class Certificates:
    """A CA of our own (`ca`, PEM), and certificates that it made."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="hinomi-courier-")
        self.call("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                  "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem")
        with open(self.path("ca.pem"), encoding="ascii") as file:
            self.ca = file.read()

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def context(self, names="DNS:localhost,IP:127.0.0.1,IP:::1", days="2"):
        with open(self.path("extensions"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        self.call("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=test",
                  "-keyout", "server.key", "-out", "server.csr")
        self.call("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                  "-days", days, "-extfile", "extensions", "-out", "server.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        return context

    def remove(self):
        shutil.rmtree(self.folder)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.answer(self, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer=lambda handler, body: handler.reply(200, b"hello"), context=None, host="127.0.0.1", port=0):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.answer, self.seen, self.host = answer, [], host
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if context else "http"
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def handle_error(self, *_):
        pass

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class RawServer:
    """Calls talk(connection) for each connection, in a thread of its own."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port, self.talk, self.count, self.ends = self.listener.getsockname()[1], talk, 0, threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.count += 1
                threading.Thread(target=self.one, args=[connection], daemon=True).start()

    def one(self, connection):
        with connection, contextlib.suppress(OSError):
            self.talk(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class SmtpServer:
    """A real mail server. `mails`: (from, to, data); `logins`: what it was shown."""

    def __init__(self, certificates, tls="starttls", password="correct horse", refuse=None, need_auth=True):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult

        self.mails, self.logins = [], []
        outer = self

        class Mails:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if refuse and address.startswith(refuse):
                    return "550 5.1.1 no such mailbox here"
                envelope.rcpt_tos.append(address)
                return "250 2.1.5 fine"

            async def handle_DATA(self, server, session, envelope):
                outer.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
                return "250 2.0.0 taken as 4711"

        def authenticate(server, session, envelope, mechanism, data):
            outer.logins.append((mechanism, bytes(data.login), bytes(data.password)))
            return AuthResult(success=data.password == password.encode(), handled=False)

        context = certificates.context()
        keywords = {"authenticator": authenticate, "auth_required": need_auth, "hostname": "127.0.0.1", "port": 0}
        if tls == "starttls":
            keywords.update(tls_context=context, require_starttls=True)
        elif tls == "smtps":
            keywords.update(ssl_context=context, auth_require_tls=False)
        else:
            keywords.update(auth_required=False)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            keywords["port"] = probe.getsockname()[1]
        self.controller = Controller(Mails(), **keywords)
        self.controller.start()
        scheme = "smtps" if tls == "smtps" else "smtp"
        self.url = f"{scheme}://127.0.0.1:{keywords['port']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.controller.stop()


def run(name):
    result = unittest.main(exit=False, argv=[name], warnings="ignore").result
    if result.skipped:
        for test, why in result.skipped:
            print(f"skipped: {test}: {why}")
    if not result.wasSuccessful():
        return 1
    return SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0
