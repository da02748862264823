#!/usr/bin/env python3
"""Runs `hinomi replay` over the detection cases of ../shared/vectors/engine_cases.ndjson.

    engine_cases.py HINOMI SHARED

Cases that only validate rules belong to the tests of `rules check`. Every capture at hand must replay.
"""
import glob
import json
import os
import subprocess
import sys

SKIPPED = 77
PRIORITIES = {"INFO": "Informational"}


def run(arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def command(hinomi, folder, case):
    arguments = [hinomi, "replay", "--json", "--rules"]
    arguments += [os.path.join(folder, f) for f in case["rules_file"]]
    for key, option in (("run_tags", "--tag"), ("disable_tags", "--disable-tag"),
                        ("disabled_rules", "--disable-rule")):
        for value in case.get(key, []):
            arguments += [option, value]
    if "priority" in case:
        arguments += ["--priority", case["priority"]]
    return arguments + [os.path.join(folder, case["trace_file"])]


def counts_of(case):
    wanted = {}
    for entry in case.get("detect_counts", []):
        wanted.update(entry)
    return wanted


def problems(case, alerts):
    """What the alerts lack of what the case wants."""
    if case["detect"] != bool(alerts):
        yield f"{len(alerts)} alerts where detect is {case['detect']}"
    if case["detect"]:
        levels = case.get("detect_level", [])
        seen = {a["priority"].lower() for a in alerts}
        for level in [levels] if isinstance(levels, str) else levels:
            if PRIORITIES.get(level, level).lower() not in seen:
                yield f"no alert of priority {level}"
    for rule, wanted in counts_of(case).items():
        got = sum(a["rule"] == rule for a in alerts)
        if got != wanted:
            yield f"rule {rule} fired {got} times, not {wanted}"


def check_case(hinomi, folder, case):
    status, out, err = run(command(hinomi, folder, case))
    if status != 0:
        return [f"exit status {status}: {err.strip()}"]
    return list(problems(case, [json.loads(line) for line in out.splitlines()]))


def check_captures(hinomi, shared):
    rules = sorted(glob.glob(os.path.join(shared, "peer-rules", "*.yaml")))
    for capture in sorted(glob.glob(os.path.join(shared, "captures", "*.scap")) +
                          glob.glob(os.path.join(shared, "vectors", "trace_files", "*.scap"))):
        status, _, err = run([hinomi, "replay", "--all", "--rules", *rules, capture])
        yield os.path.basename(capture), [] if status == 0 else [err.strip()]


def main():
    hinomi, shared = sys.argv[1:3]
    shared = os.environ.get("HINOMI_SHARED", shared)
    folder = os.path.join(shared, "vectors")
    if not os.path.isdir(folder):
        print(f"skipped: no {folder}")
        return SKIPPED
    with open(os.path.join(folder, "engine_cases.ndjson"), encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    cases = [case for case in cases if "detect" in case]
    results = [(case["name"], check_case(hinomi, folder, case)) for case in cases]
    results += check_captures(hinomi, shared)
    for name, found in results:
        for problem in found:
            print(f"{name}: {problem}")
    failed = sum(bool(found) for _, found in results)
    print(f"{len(results)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
