#!/usr/bin/env python3
"""mail.py DRIVER: mails by the courier, to a real server with TLS and passwords, and to ones that are none."""
import logging
import socket
import sys
import threading
import time
import unittest
import warnings

from place import Certificates, Courier, RawServer, SmtpServer, run

Courier.program = sys.argv.pop(1)
try:
    import aiosmtpd  # noqa: F401
except ImportError:
    print("skipped: python3-aiosmtpd is not installed")
    sys.exit(77)

MAIL = "From: a@a.example\r\nTo: b@b.example\r\nSubject: x\r\n\r\nhello\r\n.\r\n..two dots\r\n.one\r\n"
ENVELOPE = {"from": "hinomi@a.example", "to": ["b@b.example"], "body": MAIL}


class Mail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.remove)

    def courier(self, **options):
        return Courier(ca=self.certificates.ca, **options)

    def test_starttls(self):
        with SmtpServer(self.certificates) as server, self.courier() as courier:
            got = courier.ask(url=server.url, user="me", password="correct horse", **ENVELOPE)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 250), got)
            self.assertIn("taken as 4711", got["text"])
            self.assertEqual(server.mails, [("hinomi@a.example", ["b@b.example"], MAIL.encode())])
            self.assertEqual(server.logins[0][1:], (b"me", b"correct horse"))

    def test_smtps(self):
        with SmtpServer(self.certificates, tls="smtps") as server, self.courier() as courier:
            got = courier.ask(url=server.url + "/mail.example", user="me", password="correct horse", **ENVELOPE)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 250), got)
            self.assertEqual(server.mails[0][2], MAIL.encode())

    def test_plain(self):
        with SmtpServer(self.certificates, tls="plain") as server, self.courier() as courier:
            got = courier.ask(url=server.url, plain=1, **ENVELOPE)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 250), got)
            got = courier.ask(url=server.url, **ENVELOPE)  # STARTTLS is wanted and not there
            self.assertEqual(got["outcome"], "untrusted", got)
            got = courier.ask(url=server.url, plain=1, user="me", password="x", **ENVELOPE)
            self.assertEqual(got["r"], -22)
            self.assertEqual(len(server.mails), 1)

    def test_large(self):
        body = "Subject: x\r\n\r\n" + ("x" * 996 + "\r\n") * 2000
        with SmtpServer(self.certificates) as server, self.courier() as courier:
            got = courier.ask(url=server.url, user="me", password="correct horse",
                              **{**ENVELOPE, "to": [f"p{i}@b.example" for i in range(50)], "body": body})
            self.assertEqual(got["status"], 250, got)
            self.assertEqual(len(server.mails[0][1]), 50)
            self.assertEqual(server.mails[0][2], body.encode())

    def test_null_sender(self):
        with SmtpServer(self.certificates) as server, self.courier() as courier:
            got = courier.ask(url=server.url, user="me", password="correct horse", **{**ENVELOPE, "from": ""})
            self.assertEqual(got["status"], 250, got)
            self.assertIn(server.mails[0][0], ("", None, "<>"))

    def test_password_refused(self):
        with SmtpServer(self.certificates) as server, self.courier() as courier:
            got = courier.ask(url=server.url, user="me", password="wrong", **ENVELOPE)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 535), got)
            self.assertEqual(got["text"], "the user's name or password was refused")
            got = courier.ask(url=server.url, **ENVELOPE)
            self.assertEqual((got["outcome"], got["status"]), ("answered", 530), got)
            self.assertEqual(server.mails, [])

    def test_recipient_refused(self):
        with SmtpServer(self.certificates, refuse="b@") as server, self.courier() as courier:
            got = courier.ask(url=server.url, user="me", password="correct horse",
                              **{**ENVELOPE, "to": ["a@a.example", "b@b.example"]})
            self.assertEqual((got["outcome"], got["status"]), ("answered", 550), got)
            self.assertIn("no such mailbox", got["text"])
            self.assertEqual(server.mails, [])

    def test_untrusted(self):
        with SmtpServer(self.certificates) as server, Courier() as courier:
            got = courier.ask(url=server.url, user="me", password="correct horse", **ENVELOPE)
            self.assertEqual(got["outcome"], "untrusted", got)
            self.assertEqual((server.logins, server.mails), ([], []))

    def test_injection(self):
        bad = [{"to": [a]} for a in ("", "a", "@b", "a@", "a@b@c", "a@b>\r\nRCPT TO:<c@d", "a@b c@d", "a@b,c@d", "<a@b>",
                                     "a\n@b", '"a b"@c', "a@b\0", "ä@b", "a@b SIZE=1", "x" * 253 + "@b")]
        bad += [{"from": a} for a in ("a", "a@b> BODY=8BITMIME", "a@b\r\nDATA")]
        bad += [{"body": b} for b in ("", "no end", "a\nb\r\n", "a\rb\r\n", "a\0b\r\n", "x" * 999 + "\r\n", "a\n.\n\r\n",
                                      "a\r\n.\n", "a\r\n.\r", "a\r\r\n")]
        bad += [{"to": []}, {"to": ["a@b"] * 51}, {"headers": [["Subject", "x"]]}, {"method": "POST"}]
        with Courier() as courier:
            for change in bad:
                request = {"url": "smtp://127.0.0.1:9", **ENVELOPE, **change}
                self.assertEqual(courier.ask(**request)["r"], -22, change)

    def hostile(self, talk, **request):
        with RawServer(talk) as server, Courier() as courier:
            return courier.ask(url=f"smtp://127.0.0.1:{server.port}", plain=1, **{"timeout_ms": 20000, **ENVELOPE, **request})

    def test_endless_greeting(self):
        def talk(connection):
            while True:
                connection.sendall(b"220-hello and welcome to this endless greeting\r\n" * 100)

        self.assertIn(self.hostile(talk)["outcome"], ("too_large", "broken"))

    def test_endless_line(self):
        def talk(connection):
            connection.sendall(b"220 ")
            while True:
                connection.sendall(b"x" * 65536)

        self.assertIn(self.hostile(talk)["outcome"], ("too_large", "broken"))

    def test_silence(self):
        self.assertEqual(self.hostile(lambda connection: time.sleep(3), timeout_ms=500)["outcome"], "timeout")

    def test_hangs_up(self):
        def script(*answers):
            def talk(connection):
                reader = connection.makefile("rb")
                for answer in answers:
                    connection.sendall(answer)
                    reader.readline()
            return talk

        for answers in ((), (b"220 x\r\n",), (b"220 x\r\n", b"250 x\r\n", b"250 x\r\n")):
            self.assertEqual(self.hostile(script(*answers))["outcome"], "broken", answers)
        self.assertEqual(self.hostile(script(b"garbage\r\n"), timeout_ms=500)["outcome"], "timeout")
        got = self.hostile(script(b"554 go away\x1b[31m\r\n"))
        self.assertEqual((got["outcome"], got["status"], got["text"]), ("answered", 554, "554 go away?[31m"))
        got = self.hostile(script(b"220 x\r\n", b"250 x\r\n", b"451 later\r\n"))
        self.assertEqual((got["outcome"], got["status"]), ("answered", 451))

    def test_hangs_up_after_the_mail(self):
        def talk(connection):
            reader = connection.makefile("rb")
            for answer in (b"220 x\r\n", b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
                connection.sendall(answer)
                reader.readline()
            connection.shutdown(socket.SHUT_RDWR)

        self.assertEqual(self.hostile(talk)["outcome"], "broken")


logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
threading.excepthook = lambda *_: None
sys.exit(run("courier/mail"))
