#!/usr/bin/env python3
"""Every command in the documents runs: run.py BUILD ROOT [--page NAME] [--verbose]

Takes the `sh` blocks of README.md and docs/, and runs each page's in a copy of this machine (page.py), where earlier
blocks of the page have put what later ones need. What cannot run here says so in the page (markdown.py has the marks).
A block that fails, or whose output is not what the page says, fails the test."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import markdown

PAGE_S = 300
PREFIX = "/usr/local"  # where the pages say that Hinomi is


def pages(root):
    return [path for path in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]
            if any(block.language == "sh" for block in markdown.blocks(path.read_text()))]


def can_copy():
    """Why no copy of the machine can be made here, or None."""
    if os.geteuid() != 0:
        return "not root"
    with tempfile.TemporaryDirectory() as place:
        tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-ec", 'mount -t tmpfs tmpfs "$1"; cd "$1"; '
                                "mkdir u w m; mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w m", "sh", place],
                               capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no overlay here: {tried.stderr.strip()}"


def run_page(page, build, root, stage):
    """(results, what went wrong beside them)"""
    with tempfile.TemporaryDirectory(prefix="hinomi-docs-") as place:
        settings = pathlib.Path(place, "settings.json")
        os.mkdir(f"{place}/copy")
        settings.write_text(json.dumps({"place": f"{place}/copy", "stage": stage, "build": str(build), "root": str(root),
                                        "page": str(page.relative_to(root))}))
        here = pathlib.Path(__file__).parent
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
                               sys.executable, here / "page.py", settings],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PAGE_S, check=False)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return results, done.stderr if done.returncode else None


def tell(name, results, beside, verbose):
    counts = {"ok": 0, "failed": 0, "skipped": 0}
    for result in results:
        counts[result["result"]] += 1
        if result["result"] == "failed":
            first, _, rest = result["wrong"].partition("\n")
            print(f"docs: {name}:{result['line']}: {first}")
            print("    " + (result["text"] + rest).replace("\n", "\n    "))
        elif result["result"] == "skipped":
            print(f"{name}:{result['line']}: skipped: {result['why']}")
        elif verbose:
            print(f"{name}:{result['line']}: ok, {result['seconds']} s")
    if beside is not None:
        counts["failed"] += 1
        print(f"docs: {name}: the page could not be run\n{beside}")
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--page", action="append")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    build, root = args.build.resolve(), args.root.resolve()
    why = can_copy()
    if why:
        print(f"skipped: {why}")
        return 77
    chosen = [page for page in pages(root) if not args.page or page.name in args.page]
    totals = {"ok": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="hinomi-stage-") as stage:
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", stage], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        prefix = [option["value"] for option in json.loads(subprocess.check_output(["meson", "introspect", "--buildoptions", build]))
                  if option["name"] == "prefix"][0]
        if prefix != PREFIX:
            shutil.copytree(stage + prefix, stage + PREFIX, symlinks=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            waiting = {page.name: pool.submit(run_page, page, build, root, stage) for page in chosen}
            for name, future in waiting.items():
                for key, number in tell(name, *future.result(), args.verbose).items():
                    totals[key] += number
    print(f"{totals['ok']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] else 0


sys.exit(main())
