#!/usr/bin/env python3
"""The calls that are marked HIDDEN_BY_DOCKER are those that Docker's default profile refuses.

    hidden_calls.py CALLS_DEF SHARED [--list]

With Docker's default capabilities. --list prints them, for the documentation.
"""
import os
import re
import sys

from boxes import DOCKER_CAPS
from docker_profile import refused

SKIPPED = 77
KERNEL_NAMES = {"prlimit": "prlimit64"}  # where the table's names, the event format's, are others


def main():
    table, shared = sys.argv[1:3]
    shared = os.environ.get("HINOMI_SHARED", shared)
    if not os.path.isdir(os.path.join(shared, "data")):
        print(f"skipped: no {shared}/data")
        return SKIPPED
    with open(table, encoding="utf-8") as file:
        calls = dict(re.findall(r"^CALL\((\w+), (.*)\)$", file.read(), re.M))
    found = refused(shared, DOCKER_CAPS, [KERNEL_NAMES.get(name, name) for name in calls])
    wanted = {name for name in calls if KERNEL_NAMES.get(name, name) in found}
    marked = {name for name, rest in calls.items() if "HIDDEN_BY_DOCKER" in rest}
    if "--list" in sys.argv:
        print(" ".join(sorted(wanted)))
        return 0
    for name in sorted(wanted - marked):
        print(f"{name}: Docker's profile refuses it, the table of calls does not say so")
    for name in sorted(marked - wanted):
        print(f"{name}: marked as hidden, but Docker's profile lets it through")
    bad = len(wanted ^ marked)
    print(f"hidden: {len(calls) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
