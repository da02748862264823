#!/usr/bin/env python3
"""The documents tell the truth where a program can tell: examples load and mean what is said of them, and
constants that are named exist. (Links, files and functions: tests/docs/names.py.) Usage: docs.py HINOMI SOURCE_ROOT"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HINOMI, ROOT = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
SOURCES = {path.name: path for path in (ROOT / "src").rglob("*")
           if path.suffix in (".c", ".h", ".cc", ".def")}


def run(*arguments):
    done = subprocess.run([HINOMI, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def examples(page):
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)


class Docs(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            status, out, _ = run("rules", "check", file.name)
            self.assertEqual((status, out), (0, "1 file, 1 rule, 0 errors, 0 warnings\n"))
            return run("rules", "describe", file.name)[1]

    def test_examples(self):
        first, changes, exceptions = examples("rules.md")
        self.check(first)
        described = self.check(first + changes)
        self.assertIn("priority      Notice", described)
        self.assertIn("zsh, fish) and not user.name = debug", described)
        rule = ("- rule: Configuration written below etc\n  desc: d\n  condition: evt.type = open\n"
                "  output: o\n  priority: ERROR\n")
        described = self.check(rule + exceptions.split("…\n", 1)[1])
        self.assertIn("and not ((proc.name = certbot and fd.name startswith /etc/letsencrypt/) or "
                      "(proc.name = updater and fd.name startswith /etc/updater.conf)) and not "
                      "container.image.repository in (registry.example/installer)", described)

    def test_conditions(self):
        """Conditions and transformations in the language's page."""
        capture = str(ROOT / "tests/data/demo.scap")
        page = (ROOT / "docs/rules.md").read_text()
        conditions = ["proc.name startswith anyof (python, ruby)", "proc.name = val(proc.pname)",
                      "proc.name = tolower(proc.pname)", "fd.net in (10.0.0.0/8, 127.0.0.0/8)",
                      "evt.around[1768446727000042937] = 100"]
        for text in conditions[:3]:
            self.assertIn(f"`{text}`", page)
        for text in ('tolower(f)', 'toupper(f)', 'b64(f)', 'basename(f)', 'join("-", (f, g))',
                     'concat(f, "-", g)', 'getopt(f, "o:")[o]'):
            self.assertIn(f"`{text}`", page)
            named = re.sub(r"\bf\b", "proc.args", re.sub(r"\bg\b", "proc.name", text))
            conditions.append(named + " = x")
        conditions.append("len(proc.args) > 3")
        for condition in conditions:
            status, _, err = run("replay", "--filter", condition, "--format", "%evt.num", capture)
            self.assertEqual((status, err), (0, ""), condition)

    def test_numbers(self):
        capture = str(ROOT / "tests/data/demo.scap")
        for condition in ("proc.pid = 1x", 'proc.pid = ""', "proc.pid = 3.5", "fd.sport = 65536"):
            status, out, err = run("replay", "--filter", condition, capture)
            self.assertEqual((status, out), (1, ""), condition)
            self.assertIn("is not a valid number", err)

    def test_verbs(self):
        """Verbs and options that are named in passing exist."""
        helps = {}

        def help_of(words):
            if words not in helps:
                status, out, _ = run(*words, "--help")
                helps[words] = out if status == 0 else None
            return helps[words]
        for page in PAGES:
            for text in re.findall(r"`hinomi ([a-z][^`]*)`", page.read_text()):
                words = tuple(re.match(r"[a-z]+(?: [a-z]+)*", text)[0].split())
                known = next((found for n in (2, 1) if (found := help_of(words[:n]))), None)
                self.assertIsNotNone(known, (page.name, text))
                for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", text.split(" -- ")[0]):
                    self.assertIn(option, known, (page.name, text))

    def test_constants(self):
        code = "\n".join(path.read_text() for path in SOURCES.values())
        for page in PAGES:
            for name in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*_MAX)`", page.read_text())):
                self.assertRegex(code, rf"#define {name}\b", (page.name, name))


unittest.main()
