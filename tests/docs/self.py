#!/usr/bin/env python3
"""The tests of the documents fail where they have to: self.py BUILD"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import markdown

BUILD = sys.argv.pop(1)
HERE = pathlib.Path(__file__).parent
FENCE = "```"


def page(*blocks):
    """A page of (marks, language, text)."""
    parts = ["# A page\n"]
    for marks, language, text in blocks:
        parts.append("".join(f"<!-- run: {mark} -->\n" for mark in marks) + f"{FENCE}{language}\n{text}\n{FENCE}\n")
    return "\n".join(parts)


def run(text):
    """(exit status, output) of run.py over a readme with this text alone"""
    with tempfile.TemporaryDirectory() as root:
        pathlib.Path(root, "docs").mkdir()
        pathlib.Path(root, "README.md").write_text(text)
        pathlib.Path(root, "CONTRIBUTING.md").write_text("# Nothing\n")
        done = subprocess.run([sys.executable, HERE / "run.py", BUILD, root], capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr


class Markdown(unittest.TestCase):
    def test_marks(self):
        found = markdown.blocks(page((["status 1", "prints a --> b"[:8]], "sh", "false"), ([], "text", "x")))
        self.assertEqual([(b.language, b.text, b.marks) for b in found],
                         [("sh", "false\n", [("status", "1"), ("prints", "a")]), ("text", "x\n", [])])
        self.assertEqual(markdown.blocks("<!-- run: first a\nb -->\n```sh\nc\n```\n")[0].one("first"), "a\nb")

    def test_wrong_pages(self):
        for text in (page((["skipp, x"], "sh", "true")), page((["skip"], "sh", "true")), "```sh\ntrue\n",
                     "<!-- run: skip, x -->\n\nprose\n\n```sh\ntrue\n```\n"):
            with self.assertRaises(markdown.Wrong, msg=text):
                markdown.blocks(text)

    def test_anchors(self):
        text = "# A `b` (c), [d](e)\n## Same\n## Same\n```sh\n# no heading\n```\n## 出典、と\n### On `--deny`\n"
        self.assertEqual(markdown.anchors(text), {"a-b-c-d", "same", "same-1", "出典と", "on---deny"})

    def test_links(self):
        text = "[a](b.md#c) `[x](y)`\n```sh\n[n](o)\n```\n![p](q.png \"t\") <img src=\"r.svg\">\n"
        self.assertEqual([target for _, target in markdown.links(text)], ["b.md#c", "q.png", "r.svg"])


class Runner(unittest.TestCase):
    def wants(self, text, status, *said):
        result, output = run(text)
        if result == 77:
            self.skipTest(output)
        self.assertEqual(result, status, output)
        for part in said:
            self.assertIn(part, output)

    def test_good(self):
        self.wants(page((["file a"], "text", "one"), ([], "sh", "cat a; X=2; export X; mkdir d; cd d"), (["output"], "text", "o…e"),
                        (["status 3", "prints 2"], "sh", "echo $X; test $(basename $PWD) = d; exit 3"),
                        (["stays, here"], "sh", "echo here; sleep 100"), (["types yes"], "sh", "read -p '? ' a </dev/tty; test $a = yes"),
                        (["first touch /f"], "sh", "rm /f"), (["skip, why"], "sh", "false")), 0, "7 passed, 0 failed, 1 skipped", "why")

    def test_bad(self):
        for block, why in ((([], "sh", "false\ntrue"), "ended with 1, not with 0"), (([], "sh", "false | cat"), "ended with 1"),
                           ((["status 1"], "sh", "true"), "ended with 0, not with 1"), ((["prints b"], "sh", "echo a"), "did not print 'b'"),
                           ((["stays, b"], "sh", "echo a"), "it was to stay"), ((["first false"], "sh", "true"), "done first ended with 1")):
            with self.subTest(block=block):
                self.wants(page(block, ([], "sh", "true")), 1, why, "0 passed, 1 failed, 1 skipped")
        self.wants(page(([], "sh", "echo b; echo a"), (["output"], "text", "a\nb")), 1, "did not print this line, after those before it: b")

    def test_nothing_stays(self):
        self.wants(page(([], "sh", "touch /etc/hinomi-docs-self; sleep 1000 &")), 0)
        self.assertFalse(pathlib.Path("/etc/hinomi-docs-self").exists())


unittest.main()
