#!/usr/bin/env python3
"""What people read first: --help of every verb, hints for misspelt ones, and the manual page, which names
every verb and every option. Usage: help.py HINOMI MANUAL"""
import re
import subprocess
import sys
import unittest

HINOMI, MANUAL = sys.argv.pop(1), sys.argv.pop(1)


def run(*arguments):
    done = subprocess.run([HINOMI, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def verbs():
    """The verbs that `hinomi --help` names, each as a tuple of words."""
    lines = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", run("--help")[1], re.M)
    return [tuple(line.split()) for line in lines]


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def manual():
    """The manual page's source with its markup taken out, and its section for each verb."""
    with open(MANUAL, encoding="utf-8") as page:
        text = page.read().replace("\\-", "-")
    sections = {}
    for heading, body in re.findall(r'^\.SS "([^"]+)"\n(.*?)(?=^\.S[SH] )', text, re.M | re.S):
        sections[tuple(heading.split())] = body
    return text, sections


class Help(unittest.TestCase):
    def test_verbs(self):
        self.assertEqual(len(verbs()), 29)
        self.assertIn(("replay",), verbs())

    def test_help_of_each(self):
        for verb in verbs():
            status, out, err = run(*verb, "--help")
            self.assertEqual((status, err), (0, ""), verb)
            self.assertTrue(out.startswith("Usage: hinomi " + " ".join(verb)), verb)
            self.assertIn("Exit status: 0", out, verb)
            usage = out.split("\n\n")[0]
            listed = set(re.findall(r"^  (--[a-z-]+)", out, re.M))
            self.assertIn("--help", listed, verb)
            self.assertLessEqual(options(usage), listed, verb)
            self.assertLessEqual(max(map(len, out.splitlines())), 100, verb)
            self.assertEqual(run("help", *verb), (0, out, ""), verb)

    def test_options_exist(self):
        """An option that help lists is not refused as unknown."""
        for verb in verbs():
            for option in options(run(*verb, "--help")[1]) - {"--help"}:
                err = run(*verb, option)[2]
                self.assertNotRegex(err, "unrecognized|no such option", (verb, option))
            status, out, err = run(*verb, "--no-such-option")
            usage = 125 if verb == ("run",) else 2
            self.assertEqual((status, out), (usage, ""), verb)
            self.assertTrue(err.startswith("hinomi " + " ".join(verb) + ": "), verb)

    def test_group(self):
        self.assertEqual(run("rules", "--help"), (0, run("rules", "help")[1], ""))
        self.assertIn("rules check", run("rules", "--help")[1])
        self.assertNotIn("replay", run("rules", "--help")[1])
        status, out, err = run("rules")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("hinomi rules: a verb is missing", err)
        self.assertEqual(run("help")[1], run("--help")[1])

    def test_misspelt(self):
        for words, hint in ((("rules", "chek"), "rules check"), (("reply",), "replay"),
                            (("check",), "rules check"), (("help", "replai"), "replay")):
            status, out, err = run(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(f"did you mean `{hint}`?", err, words)
        self.assertNotIn("did you mean", run("xyzzy")[2])

    def test_values(self):
        status, _, err = run("replay", "--priority", "high", "--rules", "a", "b")
        self.assertEqual(status, 2)
        self.assertIn("informational", err)
        self.assertIn("high", err)

    def test_manual(self):
        text, sections = manual()
        self.assertEqual(sorted(sections), sorted(verbs()))
        for verb, section in sections.items():
            self.assertIn("hinomi " + " ".join(verb), text, verb)
            for option in options(run(*verb, "--help")[1]) - {"--help"}:
                self.assertIn(option, section, (verb, option))
            self.assertLessEqual(options(section), options(run(*verb, "--help")[1]), verb)

    def test_manual_renders(self):
        try:
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", MANUAL], capture_output=True,
                                  text=True, timeout=60)
        except FileNotFoundError:
            self.skipTest("skipped: groff is not installed")
        if "can't find" in done.stderr or "can't open" in done.stderr:
            self.skipTest("skipped: groff comes without its macros for manual pages")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


unittest.main()
