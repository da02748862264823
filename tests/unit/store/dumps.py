#!/usr/bin/env python3
"""dumps.py: a file of every schema that there was, with a row in each table: tests/data/store/KIND-NNNN.sql.

Made from src/store/migrations by applying the first 1, 2, ... of them. Once a version is released its dump stays as it
is (list it in RELEASED): test_migrate then shows that a file of that version becomes the newest one.
"""
import re
import sqlite3
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MIGRATIONS = ROOT / "src/store/migrations"
OUT = ROOT / "tests/data/store"
RELEASED = {"main": 0, "day": 0}  # up to this number, dumps are not made again


def value(sql, table, column, kind):
    """Something that this column's checks allow."""
    allowed = re.search(rf"\b{column} IN \(\s*('[^']*'|\d+)", sql)
    length = re.search(rf"length\({column}\) = (\d+)", sql)
    if allowed:
        return allowed.group(1).strip("'") if "'" in allowed.group(1) else int(allowed.group(1))
    if length:
        return b"\x01" * int(length.group(1)) if kind == "BLOB" else "x" * int(length.group(1))
    return {"INTEGER": 1, "REAL": 0.5, "BLOB": b"\x00\xff"}.get(kind, "1")


def fill(db):
    tables = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
                        " AND name NOT LIKE 'sqlite_%' ORDER BY rowid").fetchall()
    for table, sql in tables:
        if not sql.upper().startswith("CREATE TABLE") or db.execute(f'SELECT 1 FROM "{table}"').fetchone():
            continue
        columns = [(row[1], row[2].upper()) for row in db.execute(f'PRAGMA table_info("{table}")')]
        db.execute(f'INSERT INTO "{table}" ({", ".join(c for c, _ in columns)})'
                   f' VALUES ({", ".join("?" * len(columns))})',
                   [value(sql, table, c, k) for c, k in columns])


def dump(kind, files):
    for count, last in enumerate(files, 1):
        number = int(last.name[:4])
        path = OUT / f"{kind}-{number:04}.sql"
        if number <= RELEASED[kind]:
            continue
        db = sqlite3.connect(":memory:", isolation_level=None)
        for migration in files[:count]:
            db.executescript(migration.read_text(encoding="utf-8"))
        fill(db)
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
        assert not broken, (path, broken)
        path.write_text("\n".join(db.iterdump()) + f"\nPRAGMA user_version={number};\n", encoding="utf-8")


OUT.mkdir(parents=True, exist_ok=True)
for old in OUT.glob("*.sql"):
    if int(old.stem[-4:]) > RELEASED[old.stem[:-5]]:
        old.unlink()
dump("main", sorted(MIGRATIONS.glob("*.sql")))
dump("day", sorted((MIGRATIONS / "day").glob("*.sql")))
