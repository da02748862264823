#!/usr/bin/env python3
"""`replay` as a user sees it: odd inputs, outputs that cannot be written, options that contradict each
other, captures that are cut off. Usage: replay.py HINOMI GENCAPTURE"""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

HINOMI = sys.argv.pop(1)
GENCAPTURE = sys.argv.pop(1)
RULE = """- rule: opens
  desc: d
  condition: evt.type in (open, openat) and evt.dir = <
  output: opened %fd.name by %proc.name
  priority: INFO
"""
EVENTS = ["--filter", "evt.num > 0", "--format", "%evt.num %evt.type %proc.name %fd.name"]


def run(*arguments, stdin=b"", stdout=subprocess.PIPE):
    done = subprocess.run([HINOMI, *arguments], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.capture = os.path.join(cls.folder.name, "c.scap")
        cls.rules = os.path.join(cls.folder.name, "r.yaml")
        subprocess.run([GENCAPTURE, "--events", "2000", "--seed", "3", "--profile", "mixed", cls.capture],
                       check=True, stderr=subprocess.DEVNULL)
        with open(cls.rules, "w", encoding="utf-8") as out:
            out.write(RULE)
        with open(cls.capture, "rb") as file:
            data = file.read()
        cls.plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data

    def test_not_captures(self):
        for path, text in (("/dev/null", "empty"), (self.folder.name, "directory"),
                           (self.rules, "not a capture"), (self.capture + ".no", "No such file")):
            code, out, err = run("replay", *EVENTS, path)
            self.assertEqual((code, out), (1, b""), err)
            self.assertIn(text, err)
            self.assertEqual(err.count("\n"), 1, err)

    def test_full_disk(self):
        for arguments in (["replay", *EVENTS, self.capture],
                          ["replay", "--rules", self.rules, self.capture],
                          ["replay", "--help"], ["--help"], ["--version"], ["rules", "fields"]):
            with open("/dev/full", "wb") as full:
                code, _, err = run(*arguments, stdout=full)
            self.assertEqual(code, 1, arguments)
            self.assertIn("cannot write", err)

    def test_reader_that_leaves(self):
        with subprocess.Popen([HINOMI, "replay", *EVENTS, self.capture], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, restore_signals=True) as child:
            child.stdout.readline()
            child.stdout.close()
            self.assertEqual(child.stderr.read(), b"")

    def test_standard_input(self):
        self.assertEqual(run("replay", *EVENTS, "-", stdin=self.plain)[:2],
                         run("replay", *EVENTS, self.capture)[:2])

    def test_json(self):
        code, out, _ = run("replay", "--rules", self.rules, "--json", self.capture)
        alerts = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(code, 0)
        self.assertGreater(len(alerts), 10)
        self.assertEqual({a["rule"] for a in alerts}, {"opens"})

    def test_options_that_contradict(self):
        for option in (["--json"], ["--all"], ["--stats"], ["--priority", "info"], ["--tag", "a"],
                       ["--disable-tag", "a"], ["--disable-rule", "a"], ["--rules", self.rules]):
            code, out, err = run("replay", *EVENTS, *option, "--", self.capture)
            self.assertEqual((code, out), (2, b""), err)

    def test_cut_off(self):
        """What was readable is printed, then where it ends; a cut between blocks cannot be seen."""
        for data in (self.plain, gzip.compress(self.plain)):
            _, whole, _ = run("replay", *EVENTS, "-", stdin=data)
            clean = 0
            step = len(data) // 40
            for at in range(1, len(data), step):
                code, out, err = run("replay", *EVENTS, "-", stdin=data[:at])
                self.assertTrue(whole.startswith(out))
                clean += code == 0
                if code:
                    self.assertEqual((code, err.count("\n")), (1, 1), err)
                    self.assertTrue("byte" in err or at < 8, err)
            self.assertLess(clean, 6)

    def test_joined(self):
        _, once, _ = run("replay", *EVENTS, "-", stdin=self.plain)
        for data in (self.plain * 2, gzip.compress(self.plain) * 2):
            code, out, err = run("replay", *EVENTS, "-", stdin=data)
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(out.count(b"\n"), 2 * once.count(b"\n"))
            second = out.splitlines()[once.count(b"\n"):]
            self.assertEqual([line.split(b" ", 1)[1] for line in second],
                             [line.split(b" ", 1)[1] for line in once.splitlines()])


if __name__ == "__main__":
    unittest.main()
