#!/usr/bin/env python3
"""web.py DRIVER: HTTP by the courier: with servers that behave, and with ones that do not."""
import base64
import os
import signal
import socket
import ssl
import sys
import threading
import time
import unittest
import warnings

from place import Certificates, Courier, HttpServer, RawServer, children, run, until

Courier.program = sys.argv.pop(1)


class Plain(unittest.TestCase):
    def test_exchange(self):
        def answer(handler, body):
            handler.reply(201, body[::-1], X_One="1", X_Two="zwei", Retry_After="7")

        with HttpServer(answer) as server, Courier(agent="hinomi-test/1") as courier:
            got = courier.ask(url=server.url + "/a/b?c=d", body="hello", headers=[["Content-Type", "text/plain"]],
                              wanted="x-two X-None X-One")
            self.assertEqual((got["outcome"], got["status"], got["body"]), ("answered", 201, "olleh"))
            self.assertEqual(got["headers"], {"x-two": "zwei", "X-One": "1"})
            self.assertEqual(got["retry_after_s"], 7)
            self.assertEqual(got["address"], f"127.0.0.1:{server.server_port}")
            method, path, headers, body = server.seen[0]
            self.assertEqual((method, path, body), ("POST", "/a/b?c=d", b"hello"))
            self.assertEqual(headers["Content-Type"], "text/plain")
            self.assertEqual(headers["User-Agent"], "hinomi-test/1")
            self.assertNotIn("Expect", headers)

    def test_methods(self):
        with HttpServer() as server, Courier() as courier:
            courier.ask(url=server.url)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                self.assertEqual(courier.ask(url=server.url, method=method, body="")["status"], 200, method)
            self.assertEqual([seen[0] for seen in server.seen], ["GET", "GET", "POST", "PUT", "PATCH", "DELETE"])

    def test_statuses_are_answers(self):
        with HttpServer(lambda handler, body: handler.reply(int(handler.path[1:]), b"why")) as server, \
                Courier() as courier:
            for status in (204, 400, 401, 404, 429, 500, 503):
                got = courier.ask(url=f"{server.url}/{status}")
                self.assertEqual((got["outcome"], got["status"]), ("answered", status))

    def test_redirects_are_not_followed(self):
        with HttpServer() as other, HttpServer(lambda handler, body: handler.reply(302, Location=other.url + "/x")) as server, \
                Courier() as courier:
            got = courier.ask(url=server.url)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 302))
            self.assertEqual(other.seen, [])

    def test_nothing_is_kept(self):
        def answer(handler, body):
            ports.append(handler.client_address[1])
            handler.reply(200, Set_Cookie="a=b")

        ports = []
        with HttpServer(answer) as server, Courier() as courier:
            courier.ask(url=server.url)
            courier.ask(url=server.url)
            self.assertNotIn("Cookie", server.seen[1][2])
            self.assertNotEqual(*ports)

    def test_environment_is_ignored(self):
        with HttpServer() as proxy, HttpServer() as server, \
                Courier(prefix=["env", f"http_proxy={proxy.url}", f"all_proxy={proxy.url}"]) as courier:
            self.assertEqual(courier.ask(url=server.url)["status"], 200)
            self.assertEqual(proxy.seen, [])

    def test_proxy(self):
        with HttpServer() as proxy, Courier(proxy=proxy.url) as courier:
            self.assertEqual(courier.ask(url="http://name.example/x")["status"], 200)
            self.assertEqual(proxy.seen[0][1], "http://name.example/x")
            self.assertEqual(courier.ask(url="http://169.254.169.254/x")["outcome"], "refused")
            self.assertEqual(courier.ask(url="http://10.1.2.3/x")["outcome"], "refused")
            self.assertEqual(courier.ask(url="http://[::ffff:10.1.2.3]/x")["outcome"], "refused")
            self.assertEqual(len(proxy.seen), 1)

    def test_large_both_ways(self):
        with HttpServer(lambda handler, body: handler.reply(200, body)) as server, Courier() as courier:
            body = "x" * (2 << 20)
            got = courier.ask(url=server.url, body=body, answer_max=2 << 20)
            self.assertEqual(got["body"], body)
            got = courier.ask(url=server.url, body=body + "x", answer_max=2 << 20)
            self.assertEqual(got["r"], -22)
            for size, outcome in ((999, "answered"), (1000, "answered"), (1001, "too_large")):
                got = courier.ask(url=server.url, body="x" * size, answer_max=1000)
                self.assertEqual(got["outcome"], outcome, size)

    def test_many(self):
        with HttpServer(lambda handler, body: handler.reply(200, body)) as server, Courier() as courier:
            numbers = {courier.send(url=server.url, body=f"{i}"): i for i in range(60)}
            for number, i in numbers.items():
                self.assertEqual(courier.answer(number)["body"], f"{i}")


class Refusals(unittest.TestCase):
    def test_malformed(self):
        bad = [{"url": u} for u in (
            "", "x", "/x", "http://", "http:///x", "file:///etc/passwd", "gopher://a/", "ftp://a/", "ldap://a",
            "http://user@a/", "http://user:secret@a/", "http://a/#f", "http://a/ b", "http://a/\r\nX: y", "http://a/\t",
            "http://ä.example/", "http://a\\b/", "http://a b/", "http://[::1/", "http://a:99999/", "http://%00/",
            "smtp://a/x y", "smtp://a/x%0d%0aRSET", "http://a/" + "x" * 2048)]
        url = "http://a.example/"
        bad += [{"url": url, "headers": [h]} for h in (
            ["", "x"], ["A B", "x"], ["A:", "x"], ["A", "x\r\nB: y"], ["A", "x\ny"], ["A", "x\0y"], ["Content-Length", "5"],
            ["transfer-encoding", "chunked"], ["A\r\nB", "x"], ["x" * 65, "x"], ["A", "x" * 16385])]
        bad += [{"url": url, "headers": [["A", "b"]] * 33}, {"url": url, "method": "TRACE"}, {"url": url, "method": "get"},
                {"url": url, "method": "GET / HTTP/1.1\r\n"}, {"url": url, "user": "a", "password": "b"},
                {"url": "https://a.example/", "user": "a:b", "password": "b"}, {"url": url, "to": ["a@b"]},
                {"url": url, "timeout_ms": 600001}, {"url": url, "wanted": "a\nb"}]
        with Courier() as courier:
            for request in bad:
                self.assertEqual(courier.ask(**request)["r"], -22, request)

    def test_addresses(self):
        never = ["169.254.169.254", "169.254.170.2", "169.254.0.1", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::]",
                 "224.0.0.1", "255.255.255.255", "[ff02::1]", "[::ffff:169.254.169.254]", "[::169.254.169.254]",
                 "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
                 "100.100.100.200", "168.63.129.16", "192.0.0.192"]
        private = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "[fc00::1]", "[fdff::1]",
                   "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433", "localhost",
                   "198.18.0.1", "[fec0::1]"]
        with Courier(allow=[]) as courier:
            for host in never + private:
                got = courier.ask(url=f"http://{host}:9/", timeout_ms=2000)
                self.assertEqual(got["outcome"], "refused", (host, got))
        with Courier(allow=["0.0.0.0/0", "::/0"], allow_private=1) as courier:
            for host in never:
                got = courier.ask(url=f"http://{host}:9/", reach=1, timeout_ms=2000)
                self.assertEqual(got["outcome"], "refused", (host, got))

    def test_reach(self):
        with HttpServer() as server, Courier(allow=[]) as courier:
            self.assertEqual(courier.ask(url=server.url)["outcome"], "refused")
            self.assertEqual(server.seen, [])
            self.assertEqual(courier.ask(url=server.url, reach=1)["status"], 200)
            self.assertEqual(courier.ask(url=server.url, reach=2)["status"], 200)
            # what was allowed once is not for the next
            self.assertEqual(courier.ask(url=server.url)["outcome"], "refused")
            got = courier.ask(url="http://169.254.170.2:9/", reach=2, timeout_ms=500)
            self.assertNotEqual(got["outcome"], "refused")
            self.assertEqual(courier.ask(url="http://169.254.169.254/", reach=2)["outcome"], "refused")
        with HttpServer() as server, Courier(allow=["127.0.0.1/32"]) as courier:
            self.assertEqual(courier.ask(url=server.url)["status"], 200)
            self.assertEqual(courier.ask(url=f"http://127.0.0.2:{server.server_port}")["outcome"], "refused")
        with HttpServer() as server, Courier(allow=[], allow_private=1) as courier:
            self.assertEqual(courier.ask(url=server.url)["status"], 200)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.remove)

    def test_ca(self):
        context = self.certificates.context()
        with HttpServer(context=context) as server, Courier() as courier:
            got = courier.ask(url=server.url)
            self.assertEqual(got["outcome"], "untrusted", got)
            self.assertTrue(got["text"])
            got = courier.ask(url=server.url, ca=self.certificates.ca, user="me", password="pass:word")
            self.assertEqual(got["status"], 200, got)
            expected = "Basic " + base64.b64encode(b"me:pass:word").decode()
            self.assertEqual(server.seen[0][2]["Authorization"], expected)
            self.assertEqual(courier.ask(url=server.url)["outcome"], "untrusted")  # it was that request's
            self.assertEqual(courier.ask(url=server.url, ca="no certificate")["outcome"] in ("untrusted", "broken"), True)
            self.assertEqual(len(server.seen), 1)
        with HttpServer(context=context) as server, Courier(ca=self.certificates.ca) as courier:
            self.assertEqual(courier.ask(url=server.url)["status"], 200)

    def test_name(self):
        with HttpServer(context=self.certificates.context("DNS:other.example")) as server, \
                Courier(ca=self.certificates.ca) as courier:
            self.assertEqual(courier.ask(url=server.url)["outcome"], "untrusted")
            self.assertEqual(server.seen, [])

    def test_expired(self):
        with HttpServer(context=self.certificates.context(days="-1")) as server, \
                Courier(ca=self.certificates.ca) as courier:
            self.assertEqual(courier.ask(url=server.url)["outcome"], "untrusted")

    def test_old_version(self):
        context = self.certificates.context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with HttpServer(context=context) as server, Courier(ca=self.certificates.ca) as courier:
            self.assertEqual(courier.ask(url=server.url)["outcome"], "untrusted")

    def test_plain_where_tls_is_wanted(self):
        with HttpServer() as server, Courier() as courier:
            got = courier.ask(url=server.url.replace("http:", "https:"), timeout_ms=3000)
            self.assertEqual(got["outcome"], "untrusted", got)


def drain(connection):
    connection.recv(65536)


class Hostile(unittest.TestCase):
    def outcome(self, talk, **request):
        with RawServer(talk) as server, Courier() as courier:
            return courier.ask(url=f"http://127.0.0.1:{server.port}/", timeout_ms=request.pop("timeout_ms", 20000), **request)

    def test_endless_headers(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"X-Header: more of the same, and more\r\n" * 100)

        self.assertIn(self.outcome(talk)["outcome"], ("too_large", "broken"))

    def test_endless_header_line(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x" * 65536)

        self.assertIn(self.outcome(talk)["outcome"], ("too_large", "broken"))

    def test_endless_interim_answers(self):
        def talk(connection):
            drain(connection)
            while True:
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100)

        self.assertIn(self.outcome(talk)["outcome"], ("too_large", "broken"))

    def test_endless_body(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

        self.assertEqual(self.outcome(talk)["outcome"], "too_large")

    def test_endless_trailers(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
            while True:
                connection.sendall(b"X-Trailer: more\r\n" * 1000)

        self.assertIn(self.outcome(talk)["outcome"], ("too_large", "broken"))

    def test_drip(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

        got = self.outcome(talk, timeout_ms=700)
        self.assertEqual((got["outcome"], got["status"]), ("timeout", 0))

    def test_silence(self):
        gate = threading.Event()
        got = self.outcome(lambda connection: gate.wait(30), timeout_ms=500)
        gate.set()
        self.assertEqual(got["outcome"], "timeout")

    def test_nonsense(self):
        for text in (b"", b"\0" * 100, b"HTTP/1.1 banana\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/9.9 200\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"):
            def talk(connection, text=text):
                drain(connection)
                connection.sendall(text)

            got = self.outcome(talk)
            self.assertEqual(got["outcome"], "broken", (text, got))
            self.assertEqual((got["body"], got["headers"]), ("", {}))

    def test_wanted_headers_have_a_size(self):
        def talk(connection):
            drain(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: " + b"x" * 5000 + b"\r\nX-Odd: a\x01b\r\n\r\n")

        got = self.outcome(talk, wanted="X-Long X-Odd")
        self.assertEqual(got["headers"]["X-Long"], "x" * 512)

    def test_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with Courier() as courier:
            got = courier.ask(url=f"http://127.0.0.1:{port}/")
            self.assertEqual((got["outcome"], got["text"]), ("unreachable", "Connection refused"))


class Fairness(unittest.TestCase):
    def test_slow_ones_hold_up_nobody(self):
        gate = threading.Event()
        holds = [RawServer(lambda connection: gate.wait(60)) for _ in range(5)]
        with HttpServer() as server, Courier() as courier:
            slow = [courier.send(url=f"http://127.0.0.1:{hold.port}/") for hold in holds for _ in range(20)]
            until(lambda: all(hold.count == 4 for hold in holds))
            for _ in range(3):
                self.assertEqual(courier.ask(url=server.url)["status"], 200)
            self.assertEqual([hold.count for hold in holds], [4] * 5)
            gate.set()
            for number in slow:
                self.assertIn(courier.answer(number)["outcome"], ("broken", "unreachable"))
        for hold in holds:
            hold.__exit__()

    def test_waiting_has_an_end(self):
        gate = threading.Event()
        with RawServer(lambda connection: gate.wait(60)) as hold, Courier() as courier:
            url = f"http://127.0.0.1:{hold.port}/"
            numbers = [courier.send(url=url, timeout_ms=30000) for _ in range(4 + 64 + 3)]
            self.assertEqual([courier.answer(n)["outcome"] for n in numbers[-3:]], ["busy"] * 3)
            late = courier.send(url=url.replace("127.0.0.1", "127.0.0.2"), timeout_ms=300)
            self.assertEqual(courier.answer(late)["outcome"], "unreachable")  # another place
            gate.set()
            for number in numbers[:-3]:
                self.assertEqual(courier.answer(number)["outcome"], "broken")

    def test_waits_no_longer_than_its_timeout(self):
        gate = threading.Event()
        with RawServer(lambda connection: gate.wait(60)) as hold, Courier() as courier:
            url = f"http://127.0.0.1:{hold.port}/"
            numbers = [courier.send(url=url, timeout_ms=20000) for _ in range(4)]
            self.assertEqual(courier.ask(url=url, timeout_ms=300)["outcome"], "busy")
            gate.set()
            for number in numbers:
                courier.answer(number)

    def test_too_many_calls(self):
        gate = threading.Event()
        holds = [RawServer(lambda connection: gate.wait(60)) for _ in range(17)]
        with Courier() as courier:
            numbers = [courier.send(url=f"http://127.0.0.1:{holds[i // 62].port}/") for i in range(1025)]
            self.assertEqual(courier.answer(numbers[-1])["r"], -11)
            gate.set()
            for number in numbers[:-1]:
                self.assertIn(courier.answer(number)["outcome"], ("broken", "busy"))
        for hold in holds:
            hold.__exit__()


class Processes(unittest.TestCase):
    def test_killed_worker(self):
        gate = threading.Event()
        with RawServer(lambda connection: gate.wait(60)) as hold, HttpServer() as server, Courier() as courier:
            numbers = [courier.send(url=f"http://127.0.0.1:{hold.port}/") for _ in range(10)]
            until(lambda: hold.count == 4)
            keeper, worker = courier.processes()
            os.kill(worker, signal.SIGKILL)
            for number in numbers:
                self.assertEqual(courier.answer(number)["outcome"], "unknown")
            self.assertEqual(courier.ask(url=server.url)["status"], 200)
            self.assertNotEqual(courier.processes(), (keeper, worker))
            gate.set()

    def test_hanging_worker(self):
        with HttpServer() as server, Courier() as courier:
            worker = courier.processes()[1]
            os.kill(worker, signal.SIGSTOP)
            self.assertEqual(courier.ask(url=server.url, timeout_ms=100)["outcome"], "unknown")
            until(lambda: courier.processes()[1] != worker)
            self.assertEqual(courier.ask(url=server.url)["status"], 200)

    def test_killed_again_and_again(self):
        with HttpServer() as server, Courier() as courier:
            for _ in range(5):
                os.kill(courier.processes()[1], signal.SIGKILL)
                got = courier.ask(url=server.url)
                self.assertIn(got["outcome"], ("answered", "unknown"))
            self.assertEqual(until(lambda: courier.ask(url=server.url)["status"]), 200)

    def test_killed_keeper(self):
        with HttpServer() as server, Courier() as courier:
            keeper, worker = courier.processes()
            os.kill(keeper, signal.SIGKILL)
            until(lambda: not os.path.exists(f"/proc/{worker}"))
            until(lambda: courier.ask(url=server.url).get("r") == -108)

    def test_nothing_stays(self):
        with Courier() as courier:
            pids = courier.processes()
            courier.kill()
            until(lambda: not any(alive(pid) for pid in pids))

    def test_close(self):
        gate = threading.Event()
        with RawServer(lambda connection: gate.wait(60)) as hold, Courier() as courier:
            numbers = [courier.send(url=f"http://127.0.0.1:{hold.port}/") for _ in range(10)]
            until(lambda: hold.count == 4)
            courier.say("close")
            for number in numbers:
                self.assertEqual(courier.answer(number)["outcome"], "stopped")
            self.assertEqual(courier.ask(url="http://a.example/")["r"], -108)
            gate.set()

    def test_sandbox(self):
        with HttpServer() as server, Courier() as courier:
            self.assertEqual(courier.ask(url=server.url)["status"], 200)
            keeper, worker = courier.processes()
            status = {}
            with open(f"/proc/{worker}/status", encoding="ascii") as file:
                for line in file:
                    name, _, value = line.partition(":")
                    status[name] = value.split()
            self.assertEqual(status["NoNewPrivs"], ["1"])
            self.assertEqual(status["Seccomp"], ["2"])
            self.assertEqual(int(status["CapEff"][0], 16), 0)
            self.assertEqual(int(status["CapBnd"][0], 16) if os.geteuid() == 0 else 0, 0)
            if os.geteuid() == 0:
                self.assertEqual(set(status["Uid"]), {"65534"})
                for pid in (keeper, worker):
                    with open(f"/proc/{pid}/environ", "rb") as file:
                        self.assertEqual([v for v in file.read().split(b"\0") if b"=" in v and not v.endswith(b"=")], [])


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


sys.exit(run("courier/web"))
