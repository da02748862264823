#!/usr/bin/env python3
"""Line coverage per folder of src, from the counters of a build with -Db_coverage=true."""
import json
import subprocess
import sys
from collections import defaultdict


def main():
    build = sys.argv[1]
    out = subprocess.run(
        ["gcovr", "--root", ".", "--filter", "src/", "--json-summary", "--gcov-ignore-parse-errors",
         "--exclude-lines-by-pattern", r".*\babort\(\);", build],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    folders = defaultdict(lambda: [0, 0])
    files = json.loads(out)["files"]
    for entry in files:
        parts = entry["filename"].split("/")
        for name in ("/".join(parts[:2]), "all"):
            folders[name][0] += entry["line_covered"]
            folders[name][1] += entry["line_total"]
    for entry in sorted(files, key=lambda e: e["line_covered"] - e["line_total"])[:20]:
        missed = entry["line_total"] - entry["line_covered"]
        if missed:
            print(f"{entry['filename']:<40} {missed:5} lines not run")
    print()
    for name, (covered, total) in sorted(folders.items(), key=lambda f: (f[0] == "all", f[0])):
        print(f"{name:<16} {covered:6} of {total:6} lines  {100 * covered / max(total, 1):5.1f} %")


if __name__ == "__main__":
    main()
