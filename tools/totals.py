#!/usr/bin/env python3
"""Totals of the last `meson test` of a build directory: one line `N passed, N failed, N skipped`.
With --failures, before it: what the failed programs said of it, a bounded part.

Counts the cases within each test program where its output tells them (cmocka's closing lines, TAP, or
a line of this very form), else the program as one case. A program that failed although its cases did
not counts as one more failure; one that says it is skipped is never counted as passed.
"""
import argparse
import json
import re
from pathlib import Path

CMOCKA = re.compile(r"^\[ +(PASSED|FAILED|SKIPPED) +\] (\d+) test\(s\)", re.M)
PLAIN = re.compile(r"^(?:\S+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
TAP_PLAN = re.compile(r"^1\.\.\d+", re.M)
TAP_CASE = re.compile(r"^(not )?ok\b[^\n#]*(# *skip)?", re.M | re.I)
# Lines that say how a case failed: cmocka's, TAP's, and "sensor: case: what: why" of the suites.
TOLD = re.compile(r"^(\[ +(ERROR|LINE|FAILED) +\]|not ok\b|\S+: \S+: (?!a limit)|Traceback|\w*Error\b)")
TOLD_LINES = 25
TOLD_COLUMNS = 180


def cases(output):
    """(passed, failed, skipped) that the output tells of, None when it tells nothing."""
    plain = PLAIN.findall(output)
    if plain:
        return [sum(int(row[i] or 0) for row in plain) for i in range(3)]
    cmocka = CMOCKA.findall(output)
    if cmocka:
        return [sum(int(n) for word, n in cmocka if word == which)
                for which in ("PASSED", "FAILED", "SKIPPED")]
    if TAP_PLAN.search(output):
        found = TAP_CASE.findall(output)
        skipped = sum(1 for _, skip in found if skip)
        failed = sum(1 for bad, skip in found if bad and not skip)
        return [len(found) - skipped - failed, failed, skipped]
    return None


def count(test):
    counted = cases(test.get("stdout", "") + "\n" + test.get("stderr", ""))
    if test["result"] == "SKIP":
        return counted if counted and not counted[0] and counted[2] else [0, 0, 1]
    succeeded = test["result"] in ("OK", "EXPECTEDFAIL")
    if counted is None or not any(counted):
        return [1, 0, 0] if succeeded else [0, 1, 0]
    if not succeeded and not counted[1]:
        counted[1] = 1
    return counted


def tell_failure(test):
    output = test.get("stdout", "") + "\n" + test.get("stderr", "")
    told = [line for line in output.splitlines() if TOLD.match(line) and "unsteady" not in line]
    print(f"{test['name']}: {test['result']}")
    for line in told[:TOLD_LINES]:
        print("   ", line[:TOLD_COLUMNS])
    if len(told) > TOLD_LINES:
        print(f"    and {len(told) - TOLD_LINES} lines more")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--failures", action="store_true")
    args = parser.parse_args()
    log = args.build / "meson-logs" / "testlog.json"
    totals = [0, 0, 0]
    for line in log.read_text(errors="replace").splitlines():
        test = json.loads(line)
        if args.failures and test["result"] in ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT"):
            tell_failure(test)
        for i, n in enumerate(count(test)):
            totals[i] += n
    print("{} passed, {} failed, {} skipped".format(*totals))


if __name__ == "__main__":
    main()
