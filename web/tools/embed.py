#!/usr/bin/env python3
"""embed.py OUTPUT [DIST]: the console's files, compressed, as C arrays; without DIST a table of none.

Names in assets/ carry a hash of their contents (the bundler's); they never change. The others are asked for anew
each time, by their ETag. index.html comes first: it stands for every screen.
"""
import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}


def array(number, data):
    rows = (data[i:i + 24] for i in range(0, len(data), 24))
    body = "\n".join("    " + ",".join(map(str, row)) + "," for row in rows)
    return f"static const unsigned char file{number}[] = {{\n{body}\n}};\n"


def files_of(dist):
    found = [p for p in sorted(dist.rglob("*")) if p.is_file()]
    return sorted(found, key=lambda p: p.name != "index.html")


def main():
    output, *rest = sys.argv[1:]
    arrays, rows = [], []
    for number, path in enumerate(files_of(Path(rest[0])) if rest else []):
        if path.suffix not in TYPES:
            sys.exit(f"{path}: no type is known for it")
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        name = path.relative_to(rest[0]).as_posix()
        arrays.append(array(number, packed))
        tag = hashlib.sha256(data).hexdigest()[:32]
        fixed = "true" if name.startswith("assets/") else "false"
        rows.append(f'    {{ "{name}", "{TYPES[path.suffix]}", "\\"{tag}\\"", file{number}, '
                    f"sizeof(file{number}), {len(data)}, {fixed} }},")
    text = ['#include "server/console.h"', "", *arrays, "const struct console_file console_files[] = {", *rows,
            "    { 0 },", "};", f"const size_t console_nfiles = {len(rows)};", ""]
    Path(output).write_text("\n".join(text), encoding="ascii")


main()
