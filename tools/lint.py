#!/usr/bin/env python3
"""make lint: the house rules that a machine can check, then the static analysers.

    tools/lint.py [--build DIR] [--only own,format,tidy,cppcheck,analyzer] [PATH...]

Own checks (cheap, over everything): size caps, include edges, forbidden calls, opening comments. A
function above the cap carries a comment line `/* lint: table */` (or `states`, `generated`) right above
its first line. A line that has to do what is forbidden ends in `/* lint: allow NAME */`.

Analysers run in parallel, one source file each; what passed is remembered in DIR/lint, keyed by the
contents of the file, of all it includes, and of the configuration, so that a second run is quick.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

FUNCTION_LINES = 80
FILE_LINES = 800
HEADER_LINES = 400

# Which folders of src a folder may include. `cli` and the tests may use everything.
EDGES = {
    "base": {"base"},
    "event": {"base", "event"},
    "rules": {"base", "event", "rules"},
    "sensor": {"base", "event", "sensor"},
    "settings": {"base", "event", "rules", "settings"},
    "agent": {"base", "event", "rules", "sensor", "agent", "shim", "settings"},
    "courier": {"base", "courier"},
    "aws": {"base", "courier", "aws"},
    "filter": {"base", "event", "rules", "filter"},
    "store": {"base", "event", "rules", "filter", "store"},
    "notify": {"base", "event", "rules", "filter", "store", "courier", "aws", "report", "notify"},
    "report": {"base", "event", "rules", "filter", "store", "report"},
    "summarise": {"base", "event", "rules", "filter", "store", "courier", "aws", "report", "summarise"},
    "server": {"base", "event", "rules", "filter", "store", "server", "settings", "courier", "aws", "report",
               "summarise", "notify"},
    "instrument": {"base", "instrument"},
    "taskrun": {"base", "instrument", "taskrun"},
    "shim": {"base", "sensor", "shim"},
}

UNSAFE = "strcpy strcat sprintf vsprintf gets alloca strtok system popen tmpnam mktemp goto longjmp " \
         "setjmp atoi atol atof rand strncpy strncat".split()
ALLOCATORS = "malloc calloc realloc reallocarray strdup strndup asprintf vasprintf".split()
# The rule engine takes contents and time as arguments.
IO = "open openat fopen read write pread recv send printf fprintf puts fputs perror time gettimeofday " \
     "clock_gettime clock_real_ns clock_boot_ns clock_ns file_read fd_read_all log_line log_error " \
     "log_warning log_info log_debug getenv exit abort".split()

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
EXEMPT = re.compile(r"/\* lint: (table|states|generated) \*/")


@lru_cache(maxsize=None)
def text_of(path):
    return Path(path).read_text(encoding="utf-8", errors="replace")


def blank(match):
    """Comments and literals become blanks, so that lines keep their numbers."""
    return re.sub(r"[^\n]", " ", match.group(0))


def is_header(path):
    return path.endswith((".h", ".hh"))


def folder_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def check_size(path):
    lines = text_of(path).count("\n")
    if path.endswith(".def") or any(EXEMPT.search(line) for line in text_of(path).split("\n")[:25]
                                    if "generated" in line):
        return
    if lines > FILE_LINES:
        yield 1, f"file of {lines} lines, the cap is {FILE_LINES}"
    if is_header(path) and lines > HEADER_LINES:
        yield 1, f"header of {lines} lines, the cap is {HEADER_LINES}"


def check_form(path):
    text = text_of(path)
    if path.endswith((".c", ".cc")) and not text.startswith("/*"):
        yield 1, "no opening comment (purpose, shape, invariants)"
    if is_header(path) and "#pragma once" not in text:
        yield 1, "no #pragma once"
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip() or "\t" in line:
            yield number, "tab or trailing blank"


def check_includes(path):
    folder = folder_of(path)
    for match in INCLUDE.finditer(text_of(path)):
        target = match.group(1).split("/")[0]
        if folder in EDGES and target in set(EDGES) | {"cli"} and target not in EDGES[folder]:
            line = text_of(path).count("\n", 0, match.start()) + 1
            yield line, f"src/{folder} must not include {match.group(1)}"


def check_calls(path):
    folder = folder_of(path)
    if folder is None:
        return
    names = set(UNSAFE)
    if folder != "base":
        names |= set(ALLOCATORS)
    if folder == "rules":
        names |= set(IO)
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(sorted(names)) + r")\b(?=\s*\(|\s+\w+;)")
    source = COMMENT_OR_TEXT.sub(blank, text_of(path))
    lines = text_of(path).split("\n")
    for number, line in enumerate(source.split("\n"), 1):
        for match in pattern.finditer(line):
            if f"lint: allow {match.group(1)}" not in lines[number - 1]:
                yield number, f"{match.group(1)} is not used here"


def check_functions(paths):
    out = subprocess.run(
        ["ctags", "--output-format=json", "--fields=+nef", "--languages=C,C++", "--langmap=C:.c.h",
         "--kinds-C=f", "--kinds-C++=f", "-f", "-", *paths],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    sizes, places = [], {}
    for tag in map(json.loads, out.splitlines()):
        if not tag.get("file") and tag["path"].endswith(".c") and not (tag["name"] == "main" or tag["name"].isupper()):
            places.setdefault(tag["name"], []).append((tag["path"], tag["line"]))
        size = tag["end"] - tag["line"] + 1 if "end" in tag else 1
        sizes.append(size)
        above = text_of(tag["path"]).split("\n")[tag["line"] - 2]
        if size > FUNCTION_LINES and not EXEMPT.search(above):
            yield tag["path"], tag["line"], f"{tag['name']}() of {size} lines, the cap is {FUNCTION_LINES}"
    for name, (first, *others) in places.items():
        for path, line in others:
            if path == first[0]:
                continue  # for another architecture
            yield path, line, f"{name}() is also in {first[0]}: one of them is linked in place of the other, unseen"
    if sizes:
        sizes.sort()
        print(f"lint: {len(sizes)} functions, median {sizes[len(sizes) // 2]} lines, "
              f"p90 {sizes[len(sizes) * 9 // 10]}, longest {sizes[-1]}")


def own_checks(paths):
    found = []
    for path in paths:
        for check in (check_size, check_form, check_includes, check_calls):
            found += [(path, line, message) for line, message in check(path)]
    found += check_functions([p for p in paths if p.startswith("src/") and not p.endswith(".def")])
    for path, line, message in found:
        print(f"{path}:{line}: {message}")
    return len(found)


@lru_cache(maxsize=None)
def included_by(path):
    """The file and everything of ours that it includes, whatever conditions stand around."""
    seen, todo = set(), [path]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        for name in INCLUDE.findall(text_of(at)):
            for candidate in ("src/" + name, os.path.join(os.path.dirname(at), name)):
                if os.path.exists(candidate):
                    todo.append(os.path.normpath(candidate))
    return sorted(seen)


class Analyser:
    """One command for one file; remembers in the cache what passed."""

    def __init__(self, name, cache, config):
        self.name = name
        self.cache = cache
        self.config = config

    def key(self, path, command):
        digest = hashlib.sha256(json.dumps([self.name, self.config, command]).encode())
        for name in included_by(path):
            digest.update(name.encode() + b"\0" + text_of(name).encode() + b"\0")
        return self.cache / digest.hexdigest()

    def run(self, path, command):
        key = self.key(path, command)
        if key.exists():
            return ""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            key.touch()
            return ""
        if self.name == "clang-format":
            places = re.findall(r"^[^:\n]+:(\d+):\d+: error", done.stdout, re.M)
            if places:
                return f"{path}:{places[0]}: not formatted ({len(places)} places); make fmt"
        return f"{self.name}: {path}\n{done.stdout}"


def compile_flags(build):
    """For each source file the defines, include paths and language options of the build."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        words = [os.path.join(build, w[2:]) if w.startswith("-I") else w
                 for w in entry["command"].split()]
        flags[os.path.relpath(path)] = [
            "-I" + os.path.normpath(w) if i.startswith("-I") else w
            for w, i in zip(words, entry["command"].split())
            if i.startswith(("-I", "-D", "-std=")) and "_FORTIFY" not in i]
    return flags


def tool_version(tool):
    return subprocess.run([tool, "--version"], stdout=subprocess.PIPE, text=True).stdout


def jobs_for(tools, paths, build, cache):
    """(analyser, path, command) for everything there is to run, slow ones first."""
    flags = compile_flags(build)
    sources = [p for p in paths if p.startswith("src/") and p.endswith((".c", ".cc")) and p in flags]
    if "tidy" in tools:
        tidy = Analyser("clang-tidy", cache, text_of(".clang-tidy") + tool_version("clang-tidy"))
        for path in sources:
            yield tidy, path, ["clang-tidy", "--quiet", path, "--", *flags[path], *TIDY_BUDGET]
    if "analyzer" in tools:
        analyzer = Analyser("gcc -fanalyzer", cache, tool_version("gcc"))
        for path in sources:
            if path.endswith(".c"):
                yield analyzer, path, ["gcc", "-fanalyzer", "-Werror", "-O1", "-S", "-o", "/dev/null",
                                       *flags[path], path]
    if "cppcheck" in tools:
        cppcheck = Analyser("cppcheck", cache, tool_version("cppcheck"))
        for path in sources:
            own = [f for f in flags[path] if f.startswith(("-I", "-D"))]
            language = ["--language=c", "--std=c11"] if path.endswith(".c") else ["--std=c++17"]
            yield cppcheck, path, ["cppcheck", *CPPCHECK, *language, *own, path]
    if "format" in tools:
        formatter = Analyser("clang-format", cache, text_of(".clang-format") + tool_version("clang-format"))
        for path in (p for p in paths if not p.endswith(".def")):
            yield formatter, path, ["clang-format", "--dry-run", "-Werror", path]


# States that clang's analyzer visits from one function. It takes nearly all of the time of a run; the
# default of 225,000 cost about six times as much where it was compared, and can find more.
TIDY_BUDGET = [word for option in ("-analyzer-config", "max-nodes=40000") for word in ("-Xclang", option)]

# Off: what cppcheck 2.10 cannot parse (compound literals after ?), and guesses from redundant tests.
CPPCHECK = ["--quiet", "--error-exitcode=1", "--inline-suppr", "--enable=warning,performance,portability",
            "--suppress=internalAstError", "--suppress=arrayIndexOutOfBoundsCond",
            "--suppress=missingIncludeSystem", "--suppress=normalCheckLevelMaxBranches",
            "--suppress=unmatchedSuppression"]


def analysers(tools, paths, build):
    cache = build / "lint"
    cache.mkdir(parents=True, exist_ok=True)
    jobs = list(jobs_for(tools, paths, build, cache))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        reports = [r for r in pool.map(lambda job: job[0].run(*job[1:]), jobs) if r]
    for report in reports:
        print(report.rstrip())
    print(f"lint: {len(jobs)} checks by {', '.join(sorted({j[0].name for j in jobs})) or 'nothing'}")
    return len(reports)


def sources():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h", "*.cc", "*.hh", "*.def"],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted({p for p in out.splitlines() if os.path.exists(p)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--only", default="own,format,tidy,cppcheck,analyzer")
    parser.add_argument("paths", nargs="*")
    args = parser.parse_args()
    tools = set(args.only.split(","))
    paths = [p for p in sources()
             if not args.paths or any(p == w or p.startswith(w.rstrip("/") + "/") for w in args.paths)]
    failures = own_checks(paths) if "own" in tools else 0
    failures += analysers(tools, paths, args.build)
    print(f"lint: {'clean' if not failures else f'{failures} complaints'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
