#!/usr/bin/env python3
"""The verbs `rules check`, `rules parse` and `rules list` as a user sees them: exit statuses, what goes
to which output, the JSON's shape. Usage: rules.py HINOMI"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HINOMI = sys.argv.pop(1)
RULE = """- rule: {name}
  desc: d
  condition: {condition}
  output: o
  priority: {priority}
  tags: [{tags}]
"""


def rule(name, condition="evt.type=open", priority="INFO", tags="t"):
    return RULE.format(name=name, condition=condition, priority=priority, tags=tags)


def run(*arguments, stdin=""):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([HINOMI, *arguments], input=stdin, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_usage(self):
        for arguments in ([], ["nope"], ["rules"], ["rules", "nope"], ["rules", "check"],
                          ["rules", "check", "--nope", "x"], ["rules", "list"],
                          ["rules", "list", "--nope"], ["rules", "parse", "x"]):
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(err)
        for arguments in (["--help"], ["--version"], ["rules", "check", "--help"],
                          ["rules", "list", "--help"], ["rules", "parse", "--help"],
                          ["rules", "--help"]):
            status, out, err = run(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertTrue(out)

    def test_output_that_fails(self):
        path = self.file("a.yaml", rule("a"))
        for arguments in (["check", path], ["check", "--json", path], ["list", path],
                          ["list", "--json", path], ["describe", path], ["describe", "--json", path],
                          ["fields"], ["fields", "--json"], ["fields", "--markdown"], ["parse"],
                          ["check", "--help"], ["--help"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([HINOMI, "rules", *arguments], stdout=full, timeout=60,
                                      input=b'{"filter":"a"}', stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertTrue(done.stderr, arguments)

    def test_input_that_fails(self):
        with open("/proc/self/mem", "rb") as unreadable:
            done = subprocess.run([HINOMI, "rules", "parse"], stdin=unreadable, timeout=60,
                                  capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard input", done.stderr)

    def test_too_large(self):
        append = "- rule: a\n  desc: " + "x" * 10000 + "\n  override: {desc: append}\n"
        path = self.file("a.yaml", rule("a") + append * 1500)
        status, out, err = run("rules", "check", "--json", path)
        self.assertEqual(status, 1)
        self.assertIn("more memory than allowed", err)
        self.assertIn("more memory than allowed", json.loads(out)[0]["errors"][0]["message"])

    def test_no_files(self):
        for verb in (["check"], ["check", "--json"], ["list"], ["describe"]):
            status, out, err = run("rules", *verb, self.folder.name)
            self.assertEqual((status, out), (1, ""), verb)
            self.assertIn("there are no .yaml", err)

    def test_describe_placeholders(self):
        path = self.file("a.yaml", "- macro: never_true\n  condition: (evt.num=0)\n" +
                         rule("a", "evt.type=open and not never_true and proc.pname=x"))
        status, out, _ = run("rules", "describe", "--json", path)
        self.assertEqual(status, 0)
        described = json.loads(out)[0]
        self.assertTrue(described["mutable"])
        self.assertEqual(described["fields"], ["evt.num", "evt.type", "proc.pname"])
        self.assertEqual((described["atoms"], described["volatility"]), (2, ["event", "lineage"]))

    def test_check_good(self):
        status, out, _ = run("rules", "check", self.file("a.yaml", rule("a")))
        self.assertEqual(status, 0)
        self.assertEqual(out, "1 file, 1 rule, 0 errors, 0 warnings\n")

    def test_check_bad(self):
        path = self.file("a.yaml", rule("a", "evt.type=open and proc.nam=x"))
        status, out, _ = run("rules", "check", path)
        self.assertEqual(status, 1)
        self.assertTrue(out.startswith(path + ":3:32: error: rule `a`: "))
        self.assertIn("did you mean `proc.name`?", out)

    def test_check_missing(self):
        status, out, _ = run("rules", "check", os.path.join(self.folder.name, "none.yaml"))
        self.assertEqual(status, 1)
        self.assertIn("LOAD_ERR_FILE_READ", out)

    def test_check_json(self):
        good = self.file("a.yaml", rule("a"))
        bad = self.file("b.yaml", "- macro: m\n  condition: (\n")
        status, out, err = run("rules", "check", "--json", good, bad)
        self.assertEqual((status, err), (1, ""))
        first, second = json.loads(out)
        self.assertEqual((first["name"], first["successful"], first["errors"]), (good, True, []))
        self.assertFalse(second["successful"])
        error = second["errors"][0]
        self.assertEqual(error["code"], "LOAD_ERR_COMPILE_CONDITION")
        self.assertEqual(error["codedesc"], "Error compiling condition")
        self.assertEqual((error["line"], error["column"]), (2, 14))
        kinds = [place["item_type"] for place in error["context"]["locations"]]
        self.assertEqual(kinds, ["rules content", "macro", "condition expression"])
        position = error["context"]["locations"][1]["position"]
        self.assertEqual(position, {"name": bad, "line": 0, "column": 2, "offset": 2})
        self.assertIn("^", error["context"]["snippet"])
        self.assertEqual(second["warnings"][0]["code"], "LOAD_UNUSED_MACRO")

    def test_directory(self):
        self.file("b.yml", rule("second", priority="debug"))
        self.file("a.yaml", rule("first"))
        self.file(".hidden.yaml", "nonsense")
        self.file("c.txt", "nonsense")
        status, out, _ = run("rules", "list", "--json", self.folder.name)
        self.assertEqual(status, 0)
        rules = json.loads(out)
        self.assertEqual([r["name"] for r in rules], ["first", "second"])
        self.assertEqual(rules[1]["priority"], "Debug")
        self.assertEqual(rules[0]["tags"], ["t"])
        self.assertEqual(rules[0]["source"], "syscall")

    def test_list(self):
        path = self.file("a.yaml", rule("one", tags="x") + "  enabled: false\n" + rule("two"))
        self.assertEqual(run("rules", "list", "--tag", "x", path)[1],
                         "disabled Informational one [x]\n")
        status, out, err = run("rules", "list", self.file("b.yaml", "- a"))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("Unexpected element type", err)

    def test_describe(self):
        path = self.file("a.yaml", rule("one", "evt.type=open and proc.pid in (1, 2)") +
                         "  exceptions: [{name: e, fields: proc.name, values: [x]}, "
                         "{name: f, fields: [fd.name]}]\n" +
                         rule("two", "ka.verb=x") + "  source: k8s_audit\n")
        status, out, err = run("rules", "describe", path)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("and not proc.name in (x)", out)
        self.assertIn(f"exceptions    e at {path}:7\n", out)
        self.assertIn(f"f (without values) at {path}:7\n", out)
        self.assertIn("proc.pid in 1, 2\n", out)
        self.assertIn("skipped: its source is not syscall", out)
        one, two = json.loads(run("rules", "describe", "--json", path)[1])
        self.assertEqual([e["name"] for e in one["exceptions"]], ["e", "f"])
        self.assertIn("proc.name in", one["exceptions"][0]["clause"])
        self.assertEqual((one["skipped"], two["skipped"], two["exceptions"]), (False, True, []))
        status, out, err = run("rules", "describe", "--rule", "none", path)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("there is no rule named none", err)

    def test_describe_demand(self):
        path = self.file("a.yaml", rule(
            "out", "evt.type in (connect, sendto) and (fd.typechar = 4 or fd.typechar = 6) and "
            "fd.net != 127.0.0.0/8 and not fd.snet in (10.0.0.0/8, \"2001:db8::/32\") and "
            "fd.sport in (22, 80, 81) and (evt.rawres >= 0 or evt.res = EINPROGRESS)") +
            rule("write", "evt.type in (open, openat) and evt.is_open_write = true and "
                 "fd.num >= 0 and fd.name startswith /etc/") +
            rule("all", "evt.type = close and proc.name = x") +
            rule("packet", "evt.type = socket and evt.arg.domain contains AF_PACKET"))
        out = run("rules", "describe", path)[1]
        ends = ("families ipv4, ipv6; peer ports 22, 80-81; peer not in 10.0.0.0/8, 2001:db8::/32; "
                "some not in 127.0.0.0/8\n")
        self.assertIn("  delivers      connect, sendto: results success, in progress; " + ends, out)
        self.assertIn("  delivers      open, openat: access write; results success; "
                      "paths startswith /etc/\n", out)
        self.assertIn("  delivers      close: all\n", out)
        self.assertIn("  delivers      socket: families packet, other\n", out)
        out, write, close, packet = json.loads(run("rules", "describe", "--json", path)[1])
        self.assertEqual(out["demand"], [{
            "events": ["connect", "sendto"], "results": ["success", "in progress"],
            "families": ["ipv4", "ipv6"], "peer_ports": ["22", "80-81"],
            "peer_not_nets": ["10.0.0.0/8", "2001:db8::/32"], "some_not_nets": ["127.0.0.0/8"]}])
        self.assertEqual(write["demand"], [{
            "events": ["open", "openat"], "access": ["write"], "results": ["success"],
            "paths": [{"test": "startswith", "text": "/etc/"}]}])
        self.assertEqual(close["demand"], [{"events": ["close"]}])
        self.assertEqual(packet["demand"][0]["families"], ["packet", "other"])

    def test_parse(self):
        lines = ['{"filter":"a.b=1"}', "", '{"filter":"a.b="}', "nonsense", "[]", '{"filter":1}',
                 '{"filter":"a"} x', '{"filter":"\\u0000"}', '{"filter":"a.b = \\"\\u706b\\""}']
        status, out, err = run("rules", "parse", stdin="\n".join(lines))
        self.assertEqual((status, err), (0, ""))
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(answers), len(lines) - 1)
        self.assertEqual(answers[0], {"ok": True, "canonical": "a.b = 1"})
        self.assertEqual((answers[1]["ok"], answers[1]["column"]), (False, 5))
        self.assertFalse(any(answer["ok"] for answer in answers[1:-1]))
        self.assertIn("expected an object", json.loads(run("rules", "parse", stdin="null")[1])["error"])
        self.assertIn("too early", json.loads(run("rules", "parse", stdin="[")[1])["error"])
        self.assertEqual(answers[-1]["canonical"], "a.b = \u706b")

    def test_parse_long_line(self):
        long = b'{"filter":"' + b"x" * (5 << 20) + b'"}\n{"filter":"a"}\n\xff\n'
        status, out, _ = run("rules", "parse", stdin=long)
        self.assertEqual(status, 0)
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([answer["ok"] for answer in answers], [False, True, False])


unittest.main()
