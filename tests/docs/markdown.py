"""What the tests of the documents read in a page: its blocks of code with their marks, its headings, its links.

Marks are HTML comments on the lines above a block, so that who reads the source sees what is done with it:

  <!-- run: skip, WHY -->       not run here
  <!-- run: status N -->        ends with N (0 when nothing is said)
  <!-- run: prints TEXT -->     TEXT is in what it prints; may be repeated
  <!-- run: stays, TEXT -->     does not end by itself: goes on as soon as it has printed TEXT, and is there until the page ends
  <!-- run: types LINE -->      has a terminal; LINE is typed when it waits; may be repeated
  <!-- run: first COMMANDS -->  what has to be done before, in the page's place but not by its reader; may have lines
  <!-- run: file PATH -->       of a block that is no `sh`: the text of this file
  <!-- run: output -->          of a block that is no `sh`: what the block before printed, line by line, … for anything
"""
import dataclasses
import re
import unicodedata

FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*(\S*)\s*$")
MARK = re.compile(r"<!-- run: (\w+),? ?(.*?) ?-->", re.S)
WORDS = {"skip", "status", "prints", "stays", "types", "first", "file", "output"}


class Wrong(Exception):
    """A page that is not written as it has to be."""


@dataclasses.dataclass
class Block:
    line: int
    language: str
    text: str
    marks: list

    def all(self, word):
        return [value for name, value in self.marks if name == word]

    def one(self, word, default=None):
        values = self.all(word)
        return values[0] if values else default


def read_marks(text, line):
    marks = MARK.findall(text)
    for name, value in marks:
        if name not in WORDS:
            raise Wrong(f"line {line}: no mark `run: {name}`")
        if name in ("skip", "stays", "prints", "types", "first", "file", "status") and not value.strip():
            raise Wrong(f"line {line}: `run: {name}` of nothing")
    return [(name, value) for name, value in marks]


def blocks(text):
    found, comment, fence = [], [], None
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence:
            if match and match[2].startswith(fence[1]) and not match[3]:
                indent = len(fence[0])
                body = "\n".join(part[indent:] for part in fence[4]) + "\n"
                found.append(Block(fence[2], fence[3], body, fence[5]))
                fence = None
            else:
                fence[4].append(line)
        elif match:
            fence = (match[1], match[2], number, match[3], [], read_marks("\n".join(comment), number))
            comment = []
        elif line.lstrip().startswith("<!--") or (comment and "-->" not in comment[-1]):
            comment.append(line)
        elif line.strip():
            if "run:" in "\n".join(comment):
                raise Wrong(f"line {number}: a mark that no block follows")
            comment = []
    if fence:
        raise Wrong(f"line {fence[2]}: a block without an end")
    return found


def prose(text):
    """The page without its blocks of code and comments, line by line."""
    kept, fence = [], None
    for line in re.sub(r"<!--.*?-->", lambda m: "\n" * m[0].count("\n"), text, flags=re.S).splitlines():
        match = FENCE.match(line)
        if fence:
            if match and match[2].startswith(fence) and not match[3]:
                fence = None
            kept.append("")
        elif match:
            fence = match[2]
            kept.append("")
        else:
            kept.append(line)
    return kept


def slug(heading):
    """The anchor that GitHub gives a heading."""
    heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = "".join(c for c in heading if c in " -_" or unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Mn")
    return kept.replace(" ", "-")


def anchors(text):
    found, times = set(re.findall(r'<a (?:id|name)="([^"]+)"', text)), {}
    for line in prose(text):
        match = re.match(r"^#{1,6} +(.*?)(?: +#+)?$", line)
        if match:
            name = slug(match[1])
            times[name] = times.get(name, -1) + 1
            found.add(f"{name}-{times[name]}" if times[name] else name)
    return found


def links(text):
    """(line, target) of links and pictures."""
    for number, line in enumerate(prose(text), 1):
        line = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(\s*([^)\s]+)[^)]*\)", line) + re.findall(r'(?:href|src|srcset)="([^"]+)"', line):
            yield number, target
