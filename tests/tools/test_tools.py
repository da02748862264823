"""The tools around the code do what they say: totals are counted right, lint finds what it forbids, and the
committed demo capture is what its script writes and what sysdig reads."""
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import demo_capture  # noqa: E402
import lint  # noqa: E402
import totals  # noqa: E402


class Totals(unittest.TestCase):
    def count(self, result, out="", err=""):
        return totals.count({"result": result, "stdout": out, "stderr": err})

    def test_programs_without_cases(self):
        self.assertEqual(self.count("OK"), [1, 0, 0])
        self.assertEqual(self.count("FAIL"), [0, 1, 0])
        self.assertEqual(self.count("TIMEOUT"), [0, 1, 0])
        self.assertEqual(self.count("SKIP", "skipped: no such thing\n"), [0, 0, 1])

    def test_cmocka(self):
        err = "[  PASSED  ] 5 test(s).\n[  SKIPPED ] 2 test(s), listed below:\n[  SKIPPED ] a\n"
        self.assertEqual(self.count("OK", "[==========] 7 test(s) run.\n", err), [5, 0, 2])
        err += "[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] b\n"
        self.assertEqual(self.count("FAIL", "", err), [5, 1, 2])
        self.assertEqual(self.count("OK", "", "[  PASSED  ] 2 test(s).\n[  PASSED  ] 3 test(s).\n"), [5, 0, 0])

    def test_crash_after_passed_cases(self):
        self.assertEqual(self.count("FAIL", "", "[  PASSED  ] 5 test(s).\n"), [5, 1, 0])

    def test_tap(self):
        out = "1..4\nok 1 - a\nok 2 # SKIP no\nnot ok 3 - c\nok 4\n"
        self.assertEqual(self.count("FAIL", out), [2, 1, 1])

    def test_plain(self):
        self.assertEqual(self.count("OK", "noise\n10 passed, 0 failed, 3 skipped\n"), [10, 0, 3])
        self.assertEqual(self.count("FAIL", "rules: 10 passed, 2 failed\n"), [10, 2, 0])
        self.assertEqual(self.count("SKIP", "0 passed, 0 failed, 4 skipped\n"), [0, 0, 4])


class Lint(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        os.chdir(self.folder.name)
        for cached in (lint.text_of, lint.included_by):
            cached.cache_clear()

    def tearDown(self):
        os.chdir(ROOT)
        self.folder.cleanup()

    def messages(self, check, path, text):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        return [message for _, message in check(path)]

    def test_file_size(self):
        self.assertEqual(self.messages(lint.check_size, "src/base/a.c", "\n" * 800), [])
        self.assertEqual(len(self.messages(lint.check_size, "src/base/b.c", "\n" * 801)), 1)
        self.assertEqual(self.messages(lint.check_size, "src/base/a.h", "\n" * 400), [])
        self.assertEqual(len(self.messages(lint.check_size, "src/base/b.h", "\n" * 401)), 1)

    def test_include_edges(self):
        text = '#include "rules/cond.h"\n#include "base/str.h"\n#include "event/event.h"\n'
        for folder, complaints in (("base", 2), ("event", 1), ("sensor", 1), ("rules", 0), ("agent", 0), ("cli", 0)):
            self.assertEqual(len(self.messages(lint.check_includes, f"src/{folder}/x.c", text)), complaints)

    def test_forbidden_calls(self):
        text = 'void f(void)\n{\n    strcpy(a, b);\n}\n'
        self.assertEqual(len(self.messages(lint.check_calls, "src/base/a.c", text)), 1)
        text = '/* strcpy(a, b) */ const char *s = "system(";\nx->open(3); my_malloc(1);\n'
        self.assertEqual(self.messages(lint.check_calls, "src/rules/a.c", text), [])
        text = "malloc(1);\n"
        self.assertEqual(self.messages(lint.check_calls, "src/base/b.c", text), [])
        self.assertEqual(len(self.messages(lint.check_calls, "src/event/b.c", text)), 1)
        self.assertEqual(len(self.messages(lint.check_calls, "src/rules/c.c", "open(a, b);\n")), 1)
        self.assertEqual(self.messages(lint.check_calls, "src/rules/d.c", "exit(1); /* lint: allow exit */\n"), [])

    @unittest.skipUnless(shutil.which("ctags"), "no ctags")
    def test_function_size(self):
        def function(lines, above=""):
            return f"/* x */\n{above}\nint f(void)\n{{\n" + "    ;\n" * (lines - 3) + "}\n"

        for lines, above, complaints in ((80, "", 0), (81, "", 1), (81, "/* lint: table */", 0)):
            path = f"src/base/f{lines}{len(above)}.c"
            self.messages(lint.check_form, path, function(lines, above))
            self.assertEqual(len(list(lint.check_functions([path]))), complaints)


class DemoCapture(unittest.TestCase):
    committed = ROOT / "tests/data/demo.scap"

    def test_is_what_the_script_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "demo.scap")
            sys.argv[1:] = [path]
            demo_capture.main()
            self.assertEqual(gzip.open(path).read(), gzip.open(self.committed).read())

    @unittest.skipUnless(shutil.which("sysdig"), "no sysdig")
    def test_sysdig_reads_it(self):
        def matches(condition):
            return subprocess.run(["sysdig", "-r", self.committed, condition], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.count("\n")

        self.assertEqual(matches("fd.filename=kinsing and evt.is_open_write=true and container.name=shop"), 1)
        self.assertEqual(matches("evt.type=execve and evt.rawres=0 and proc.name=cnrig and proc.aname[2]=node"), 1)
        self.assertEqual(matches("evt.type=connect and fd.sport=3333 and evt.rawres=0"), 1)


if __name__ == "__main__":
    program = unittest.main(argv=sys.argv[:1], exit=False)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    for test, why in result.skipped:
        print(f"skipped: {test}: {why}")
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0)
