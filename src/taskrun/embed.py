#!/usr/bin/env python3
"""embed.py OUTPUT NAME=FILE...: files as `const unsigned char NAME[]` and `const size_t NAME_size` in C."""
import sys
from pathlib import Path


def main():
    output, *files = sys.argv[1:]
    lines = ['#include "taskrun/embedded.h"', ""]
    for name, _, path in (word.partition("=") for word in files):
        data = Path(path).read_bytes()
        lines.append(f"const unsigned char {name}[] = {{")
        lines += [",".join(map(str, data[i:i + 24])) + "," for i in range(0, len(data), 24)]
        lines += ["};", f"const size_t {name}_size = {len(data)};", ""]
    Path(output).write_text("\n".join(lines), encoding="ascii")


main()
