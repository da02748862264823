"""A place to try Hinomi whole: a real server, real agents with shims, the command line, a proxy between them."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 60
PASSWORD = "correct horse battery staple"


class Failure(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


def until(what, condition, seconds=LIMIT_S / 2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure(f"{what}: it did not come about")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clean_environment(**more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HINOMI_") and "proxy" not in key.lower()}
    return {**kept, **more}


class Programs:
    def __init__(self, build):
        build = os.path.abspath(build)
        self.server = os.path.join(build, "src/server/hinomi-server")
        if not os.path.exists(self.server):
            self.server = os.path.join(build, "hinomi-server")
        self.agent = os.path.join(build, "src/agent/hinomi-agent")
        self.cli = os.path.join(build, "src/cli/hinomi")
        self.shim = os.path.join(build, "src/shim/hinomi-shim")


class Server:
    """hinomi-server in a folder of its own. tls: on an address of the loopback that wants it."""

    def __init__(self, programs, folder, tls=False, directory=None, config="", content=None):
        self.programs, self.folder, self.tls = programs, folder, tls
        self.dir = directory or os.path.join(folder, "server")
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        self.log = os.path.join(folder, "server.log")
        self.content = content or os.path.join(ROOT, "content")
        self.config = os.path.join(folder, "server.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"content: {{dir: {self.content}}}\n{config}\n")
            if tls:
                file.write("names: [localhost]\n")
        self.process = None
        self.token = None
        self.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{self.port}"

    def start(self):
        listen = "0.0.0.0" if self.tls else "127.0.0.1"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [self.programs.server, "--dir", self.dir, "--config", self.config, "--listen", f"{listen}:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment())
        until("the server serves", self.serves)

    def serves(self):
        if self.process.poll() is not None:
            raise Failure("the server ended: " + self.said()[-2000:])
        try:
            return self.call("GET", "/v1/health")[0] == 200
        except OSError:
            return False

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait(LIMIT_S)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                check(self.process.wait(LIMIT_S) == 0, "the server ended with", self.process.returncode, self.said()[-1500:])
            finally:
                self.kill()

    def connection(self, timeout=LIMIT_S):
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=context)

    def call(self, method, path, body=None, token=None, headers=None, timeout=LIMIT_S):
        """(status, JSON or text)"""
        connection = self.connection(timeout)
        all_headers = dict(headers or {})
        token = token or self.token
        if token:
            all_headers["Authorization"] = "Bearer " + token
        data = None
        if body is not None:
            data = body if isinstance(body, (bytes, str)) else json.dumps(body)
            all_headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, all_headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text

    def get(self, path, **query):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        status, answer = self.call("GET", target)
        check(status == 200, "GET", target, status, answer)
        return answer

    def set_up(self):
        with open(os.path.join(self.dir, "setup-link"), encoding="utf-8") as file:
            link = file.read().strip()
        secret = re.split("[#=]", link)[-1]
        status, answer = self.call("POST", "/v1/setup", {"token": secret, "name": "admin", "password": PASSWORD, "cookie": False})
        check(status in (200, 201), "set-up:", status, answer)
        self.token = answer["token"]
        return self.token

    def enrolment(self, uses=0):
        status, answer = self.call("POST", "/v1/enrolments", {"name": "tests", "max_uses": uses})
        check(status == 201, "enrolment:", status, answer)
        return answer

    def all(self, path, **query):
        """Items of all pages."""
        items, cursor = [], None
        while True:
            page = self.get(path, limit=500, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items


class Agent:
    def __init__(self, programs, folder, url, token, ca_sha256=None, spool=None, **env):
        self.programs, self.folder = programs, folder
        os.makedirs(folder, exist_ok=True)
        self.socket = os.path.join(folder, "agent.sock")
        self.spool = spool or os.path.join(folder, "spool")
        self.out, self.err = os.path.join(folder, "out"), os.path.join(folder, "err")
        secret = os.path.join(folder, "token")
        with open(secret, "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.chmod(secret, 0o600)
        self.env = clean_environment(HINOMI_SERVER_URL=url, HINOMI_SERVER_TOKEN_FILE=secret, HINOMI_SPOOL_DIR=self.spool,
                                     HINOMI_DNS="false", **env)
        if ca_sha256:
            self.env["HINOMI_SERVER_CA_SHA256"] = ca_sha256
        self.process = None

    def start(self, wait="ready:"):
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            at = err.tell()
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [self.programs.agent, "--socket", self.socket, "--output", "json"], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, env=self.env)
        until("the agent is ready", lambda: self.ended() or wait in self.said(at))

    def ended(self):
        if self.process.poll() is not None:
            raise Failure("the agent ended: " + self.said()[-2000:])
        return False

    def said(self, at=0):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            file.seek(at)
            return file.read()

    def identity(self):
        path = os.path.join(self.spool, "identity.json")

        def read():
            try:
                with open(path, encoding="utf-8") as file:
                    return json.load(file)
            except (OSError, ValueError):
                return None
        return until("the agent is enrolled", read)["id"]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait(LIMIT_S)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LIMIT_S)
            finally:
                self.kill()

    def shim(self, *command, **more):
        return subprocess.Popen([self.programs.shim, "--socket", self.socket, "--", *command],  # pylint: disable=consider-using-with
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=clean_environment(), **more)

    def run(self, *command):
        process = self.shim(*command)
        out, err = process.communicate(timeout=LIMIT_S)
        check(process.returncode == 0, command, process.returncode, out, err)
        return out


class Cli:
    """`hinomi` as somebody who is logged in by HINOMI_URL and HINOMI_TOKEN, with a home of its own."""

    def __init__(self, programs, folder, url=None, token=None, **env):
        self.programs, self.home = programs, os.path.join(folder, "home")
        os.makedirs(self.home, exist_ok=True)
        self.env = clean_environment(HOME=self.home, XDG_CONFIG_HOME=os.path.join(self.home, "config"), TZ="UTC", **env)
        if url:
            self.env["HINOMI_URL"] = url
        if token:
            self.env["HINOMI_TOKEN"] = token

    def run(self, *words, text=None, status=0):
        done = subprocess.run([self.programs.cli, *words], input=text or "", capture_output=True, text=True,
                              timeout=LIMIT_S, env=self.env, check=False)
        check(status is None or done.returncode == status, "hinomi", *words, "ended with", done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more).stdout)


class Proxy:
    """TCP between agents and a server. stall: nothing goes through; cut_answers: what is sent reaches the server, its
    answers are lost and the connections end."""

    def __init__(self, port):
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.stalled, self.closing = threading.Event(), False
        self.lose = 0
        self.lost = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closing:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.to), 10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        pair = (client, server)
        state = {"batch": False}
        threading.Thread(target=self.copy, args=(client, server, pair, state, True), daemon=True).start()
        self.copy(server, client, pair, state, False)

    def copy(self, source, target, pair, state, up):
        try:
            while True:
                part = source.recv(65536)
                if not part:
                    break
                while self.stalled.is_set() and not self.closing:
                    time.sleep(0.01)
                if up and b"/batches HTTP/1.1" in part:
                    state["batch"] = True
                elif not up and state["batch"] and b'"ack"' in part:
                    state["batch"] = False
                    with self.lock:
                        lose = self.lose > 0
                        self.lose -= lose
                        self.lost += lose
                    if lose:
                        break
                target.sendall(part)
        except OSError:
            pass
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing = True
        self.listener.close()


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
