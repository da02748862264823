#!/usr/bin/env python3
"""What the documents name is there: names.py ROOT. Links and their anchors, pictures, functions, and that both readmes
have the same commands. (What examples mean: tests/cli/docs.py. That commands run: run.py.)"""
import pathlib
import re
import sys
import unittest

import markdown

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TEXT = {page: page.read_text() for page in PAGES}
SOURCES = {path.relative_to(ROOT): path.read_text(errors="replace") for path in (ROOT / "src").rglob("*")
           if path.suffix in (".c", ".h", ".cc")}
FILES = {path.name for path in (ROOT / "src").rglob("*")}
PLANNED = {"bus.h"}
CALLED = set(re.findall(r"\b([a-z_]\w*)\(", "\n".join(SOURCES.values())))
# Of the kernel, of libraries, of what is watched; `fn()` of a document is otherwise one of ours.
FOREIGN = {"mount", "main", "skip"}


def where(page, line=None):
    return f"{page.relative_to(ROOT)}" + (f":{line}" if line else "")


class Names(unittest.TestCase):
    def test_links(self):
        """Every link leads somewhere, with its anchor."""
        wrong = []
        for page, text in TEXT.items():
            for line, target in markdown.links(text):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                to = (page.parent / path).resolve() if path else page
                if not to.exists():
                    wrong.append(f"{where(page, line)}: no {target}")
                elif anchor and to.suffix == ".md" and anchor not in markdown.anchors(to.read_text()):
                    wrong.append(f"{where(page, line)}: no heading #{anchor} in {where(to)}")
        self.assertEqual(wrong, [])

    def test_pages_are_found(self):
        """Every page can be reached from the readme, in both languages."""
        for name in ("README.md", "README.ja.md"):
            seen, todo = set(), [ROOT / name]
            while todo:
                page = todo.pop()
                if page in seen or page.suffix != ".md" or not page.exists():
                    continue
                seen.add(page)
                todo += [(page.parent / target.partition("#")[0]).resolve() for _, target in markdown.links(page.read_text())
                         if not re.match(r"[a-z]+:|#", target)]
            self.assertEqual(sorted(where(page) for page in set(PAGES) - seen), [], name)

    def test_functions(self):
        """Functions that are named exist, and in the file that is named with them."""
        wrong = []
        for page, text in TEXT.items():
            for number, line in enumerate(markdown.prose(text), 1):
                for name in re.findall(r"`([a-z][a-z0-9_]+)\(\)`", line):
                    if name not in FOREIGN | CALLED:
                        wrong.append(f"{where(page, number)}: no function {name}()")
                for names, path in re.findall(r"((?:`[a-z0-9_]+\(\)`(?:, )?)+) in `(src/[\w./-]+)`", line):
                    code = SOURCES.get(pathlib.Path(path), "")
                    wrong += [f"{where(page, number)}: no {name}() in {path}" for name in re.findall(r"`([a-z0-9_]+)\(\)`", names)
                              if not re.search(rf"^[\w].*\b{name}\(", code, re.M)]
        self.assertEqual(wrong, [])

    def test_files(self):
        """Files of this repository that are named exist."""
        wrong = []
        for page, text in TEXT.items():
            for path in re.findall(r"`((?:src|tests|tools|bench|docs|man|fuzz|content|deploy|web)/[\w./*-]+)`", text):
                if "node_modules" not in path and not (ROOT / path).exists() and not list(ROOT.glob(path)):
                    wrong.append(f"{where(page)}: no {path}")
            for name in re.findall(r"`([a-z_0-9]+\.(?:c|h|cc|def))`", text):
                if name not in FILES and name not in PLANNED:
                    wrong.append(f"{where(page)}: no {name}")
        self.assertEqual(wrong, [])

    def test_nothing_twice(self):
        """A long line that stands in two places was moved, and a merge brought it back."""
        seen, wrong = {}, []
        for page, text in TEXT.items():
            if page.name == "README.ja.md":
                continue
            for number, line in enumerate(markdown.prose(text), 1):
                if len(line) >= 80 and "](http" not in line and seen.setdefault(line, (page, number)) != (page, number):
                    wrong.append(f"{where(page, number)}: as {where(*seen[line])}")
        self.assertEqual(wrong, [])

    def test_commands_are_blocks(self):
        """What can be run is in a block that is run, not in an indented one."""
        wrong = [where(page, number) for page, text in TEXT.items() for number, line in enumerate(markdown.prose(text), 1)
                 if re.match(r" {4,}(?:sudo |build/)?(?:hinomi|make|curl|tools/|aws|docker|git|apt)", line)]
        self.assertEqual(wrong, [])

    def test_both_readmes(self):
        english, japanese = (markdown.blocks(TEXT[ROOT / name]) for name in ("README.md", "README.ja.md"))
        def commands(found):
            return [re.sub(r" *#.*", "", block.text) for block in found if block.language == "sh"]
        self.assertEqual(commands(english), commands(japanese))


unittest.main()
