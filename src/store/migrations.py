#!/usr/bin/env python3
"""migrations.py OUT NAME FILE...: the SQL files as a table of struct sqlite_migration, in their order."""
import sys
from pathlib import Path

out, name, *files = sys.argv[1:]
rows = []
for path in sorted(map(Path, files), key=lambda p: int(p.name[:4])):
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join('        "' + line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '\\n"'
                     for line in lines)
    rows.append(f'    {{ {int(path.name[:4])}, "{path.stem}",\n{text} }},\n')
numbers = [int(Path(f).name[:4]) for f in files]
if len(set(numbers)) != len(numbers):
    sys.exit(f"two migrations with one number: {sorted(numbers)}")
Path(out).write_text('/* lint: generated */\n#include "store/sqlite_store.h"\n\n'
                     f"const struct sqlite_migration {name}[] = {{\n{''.join(rows)}    {{ 0, NULL, NULL }},\n}};\n")
