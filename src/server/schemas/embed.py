#!/usr/bin/env python3
"""embed.py OUTPUT FILE.json...: the schemas as a C table, without blanks, sorted by name."""
import json
import sys
from pathlib import Path


def literal(text):
    """C string literals of at most 2,000 bytes each (compilers need not take more than 4,095)."""
    data = text.encode()
    pieces = [data[i:i + 2000] for i in range(0, len(data), 2000)]
    return "\n        ".join('"' + "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in piece) + '"'
        for piece in pieces)


def main():
    output, *files = sys.argv[1:]
    lines = ['#include "server/schemas.h"', "", "const struct schema schemas[] = {"]
    for path in sorted(map(Path, files), key=lambda p: p.stem):
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            sys.exit(f"{path}: {error}")
        text = json.dumps(schema, separators=(",", ":"), ensure_ascii=True)
        lines.append(f"    {{ {literal(path.stem)},\n        {literal(text)} }},")
    lines += ["};", "const size_t nschemas = sizeof(schemas) / sizeof(*schemas);", ""]
    Path(output).write_text("\n".join(lines), encoding="ascii")


main()
