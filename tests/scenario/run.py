#!/usr/bin/env python3
"""Runs scenarios under each sensor, live and replayed, and compares what was seen with the tables.

    run.py HINOMI PROGRAMS SHARED [--table FILE] [--rules FILE] [--sensor NAME] [--only TEXT] [--jobs N]
           [--docker] [--keep]

Per scenario and sensor four cases: live (exactly the rules of the table fire), fields (of the decisive
event), replay (the capture gives the same alerts, but for differences.t), negative (nothing but what
`remains`). --docker: the containers under Docker's default seccomp profile; scenarios whose calls it
refuses before a sensor can see them are the table hidden.t.

A case that fails is tried again; when it goes on failing the same program is run bare. Skipped, aloud: what
fails bare as well, and what needs a box that cannot be had here. At the end: which cases failed of what.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from boxes import DOCKER_CAPS, MORE_CAPS, Boxes, first_line, lacking  # noqa: E402
from docker_profile import docker_seccomp  # noqa: E402

SKIPPED = 77
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")
UNSTEADY = []  # what had to be tried again
SUMMARY_LINES = 20
TRIES = int(os.environ.get("SCENARIO_TRIES", "5"))
CAPTURE_TEXT = 4000  # of 4,096 bytes
STOCK = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
OWN_RULE = "Fields of the scenario"
CONTAINERS = {"container": DOCKER_CAPS, "user in container": [], "capable": MORE_CAPS}
OUTSIDE = {"outside": MORE_CAPS, "plain": DOCKER_CAPS, "terminal": MORE_CAPS}
# Reasons in hidden.t for which there is nothing to be sure of, either way.
UNSURE = ("socket",)
# They ask for descriptors that the sensor has not seen being made.
BY_LOOKING = {"Redirect STDOUT/STDIN to Network Connection in Container"}
# They say `not container`.
HOST_RULES = {"Launch Suspicious Network Tool on Host", "Netcat/Socat Remote Code Execution on Host",
              "User mgmt binaries"}


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                yield number, line.rstrip("\n")


def read_table(path):
    """name -> {attribute: [values]}, in order."""
    table = {}
    for number, line in lines_of(path):
        if not line.startswith(" "):
            if line in table:
                sys.exit(f"{path}:{number}: {line} is there twice")
            here = table.setdefault(line, {})
        else:
            word, _, value = line.strip().partition(" ")
            here.setdefault(word, []).append(value.strip())
    return table


def read_pairs(path):
    """name -> text."""
    return {line.split(None, 1)[0]: line.split(None, 1)[1].strip() for _, line in lines_of(path)}


class Suite:
    def __init__(self, options):
        self.options = options
        self.hinomi = os.path.realpath(options.hinomi)
        self.programs = os.path.realpath(options.programs)
        build = os.path.dirname(os.path.dirname(os.path.dirname(self.programs)))
        shared = os.path.realpath(os.environ.get("HINOMI_SHARED", options.shared))
        self.rules = [os.path.join(shared, "peer-rules", name) for name in STOCK]
        if options.rules:
            self.rules = [os.path.realpath(options.rules)]
        self.seccomp = docker_seccomp(shared, DOCKER_CAPS) if options.docker else None
        self.differences = read_pairs(os.path.join(HERE, "differences.t"))
        idle = os.path.join(build, "tests/scenario/scenarios-idle")
        binds = {build, shared, HERE, os.path.dirname(self.rules[0])}
        self.aside = None
        if self.programs.startswith(TEMPORARY):  # rules mind programs that are run from there
            self.aside = tempfile.mkdtemp(prefix="hinomi-programs-", dir="/opt")
            os.chmod(self.aside, 0o755)
            self.programs = shutil.copy(self.programs, self.aside)
            binds.add(self.aside)
        self.boxes = Boxes(sorted(filter(os.path.isdir, binds)), [("idle", idle), ("xmrig", idle)])
        self.database = None
        self.probing = threading.Lock()
        self.boxes_lacking = {}
        self.all_fields = self._fields()

    def _fields(self):
        out = subprocess.run([self.hinomi, "rules", "fields", "--json"], check=True, stdout=subprocess.PIPE).stdout
        unfit = {"empty", "condition only", "print only", "deprecated"}
        return [f["name"] for f in json.loads(out) if f["argument"] != "required" and not unfit & set(f["flags"])]

    def own_rule(self, folder, scenario):
        path = os.path.join(folder, "fields.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([{"rule": OWN_RULE, "desc": "all fields of the decisive event",
                        "condition": scenario["event"][0], "priority": "DEBUG",
                        "output": " ".join("%" + name for name in self.fields_of(scenario))}], file)
        return path

    def fields_of(self, scenario):
        named = [f.partition("=")[0] for f in scenario.get("field", [])]
        return self.all_fields + [f for f in named if f not in self.all_fields]

    def command(self, name, scenario, negative):
        if "command" in scenario:
            return shlex.split(scenario["harmless" if negative else "command"][0])
        return [self.programs, name.split()[0]] + (["--negative"] if negative else [])

    def run(self, sensor, name, scenario, negative):
        """One live run: (status, output, id, alerts, folder)."""
        folder = self.boxes.fresh()
        rules = self.rules + ([self.own_rule(folder, scenario)] if "event" in scenario else [])
        paths = {"alerts": os.path.join(folder, "alerts"), "capture": os.path.join(folder, "c.scap")}
        prefix = []
        for word in shlex.split(sensor):
            prefix += ([x for r in rules for x in ("--rules", r)] if word == "{rules}"
                       else [word.format(hinomi=self.hinomi, **paths)])
        done, ident = self.run_in_box(prefix, name, scenario, negative, folder)
        alerts = []
        if os.path.exists(paths["alerts"]):
            with open(paths["alerts"], encoding="utf-8", errors="replace") as file:
                alerts = [json.loads(line) for line in file]
        return done, ident, alerts, rules, paths

    def where(self, scenario, negative):
        where = scenario.get("in", ["host"])[0]
        where = scenario.get("harmless-in", [where])[0] if negative else where
        if self.options.docker and where not in OUTSIDE:
            return "user in container" if where == "user" else "container"
        return where

    def run_in_box(self, prefix, name, scenario, negative, folder):
        where = self.where(scenario, negative)
        command, ident, kind = self.place(where, prefix, self.command(name, scenario, negative), folder)
        more = self.database if "needs" in scenario else None
        done = self.boxes.run(kind, command, folder=folder, more=more)
        if ident and done.status != 0:
            self.boxes.delete(folder, ident)
        return done, ident

    def bare(self, name, scenario):
        """Why the program itself fails here, without any sensor, or None."""
        for negative in (False, True):
            done, _ = self.run_in_box([], name, scenario, negative, self.boxes.fresh())
            fine = done.status == 0 or ("hidden" in scenario and done.status == 1)
            if not fine and done.status != SKIPPED:
                return f"status {done.status}: {first_line(done.output)}"
        return None

    def lacking_box(self, scenario):
        """Why its boxes cannot be had, or None. Each kind is tried once."""
        for negative in (False, True):
            where = self.where(scenario, negative)
            caps = {**CONTAINERS, **OUTSIDE}.get(where)
            kind = "host" if caps is None else "container"
            key = (kind, tuple(caps or ()))
            with self.probing:
                if key not in self.boxes_lacking:
                    self.boxes_lacking[key] = self.boxes.why_not(kind, caps, self.seccomp)
            if self.boxes_lacking[key]:
                return f"no box of the kind {where!r} here: {self.boxes_lacking[key]}"
        return None

    def place(self, where, prefix, command, folder):
        """What to run in which box: (command, container's id, kind of box)."""
        if where == "host":
            return prefix + command, None, "host"
        if where == "user":
            return ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--", *prefix, *command], None, "host"
        if where in CONTAINERS:
            uid = 1000 if where.startswith("user") else 0
            ident = self.boxes.container(folder, prefix + command, CONTAINERS[where], self.seccomp, uid=uid)
            return self.boxes.runc(folder, ident), ident, "container"
        ident = self.boxes.container(folder, command, OUTSIDE[where], self.seccomp, where == "terminal")
        started = prefix + self.boxes.runc(folder, ident)
        if where == "terminal":
            started = ["script", "-qec", shlex.join(started), "/dev/null"]
        return started, ident, "container"

    def replay(self, rules, capture):
        arguments = [self.hinomi, "replay", "--json", "--all", *(x for r in rules for x in ("--rules", r)), capture]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            return None, done.stderr.decode("utf-8", "replace")
        return [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines()], ""


def fired(alerts):
    return sorted({a["rule"] for a in alerts} - {OWN_RULE})


def check_fields(scenario, alerts, ident):
    own = [a["output_fields"] for a in alerts if a["rule"] == OWN_RULE]
    if not own:
        return ["the decisive event was not seen: " + scenario["event"][0]]
    problems = []
    for want in scenario.get("field", []):
        field, _, value = want.partition("=")
        value = value.replace("{id}", (ident or "host")[:12])
        seen = sorted({text(o.get(field)) for o in own})
        if value not in seen:
            problems.append(f"{field} is {' or '.join(seen)}, not {value}")
    return problems


def check_count(scenario, output, alerts):
    """What the program says it really did (`done N`) is what has been seen."""
    if "count" not in scenario:
        return []
    did = sum(int(n) for n in re.findall(r"^done (\d+)$", output, re.M))
    saw = sum(a["rule"] == scenario["count"][0] for a in alerts)
    if did == 0:
        return ["the program never did what it is for"]
    return [] if saw == did else [f"done {did} times, seen {saw} times"]


def text(value):
    return json.dumps(value) if isinstance(value, bool) else str(value)


def carried(field, value):
    """Of processes that were there before it, a capture carries so much of arguments and environment (sysdig
    reads no more)."""
    if not field.startswith("proc.a") or not isinstance(value, list):
        return value
    return [v[:CAPTURE_TEXT] if isinstance(v, str) else v for v in value]


def compare(live, replayed, differences):
    """Alert by alert, in order of time; what may differ is in the table."""
    key = lambda a: (a["time"], a["rule"])  # noqa: E731
    if sorted(map(key, live)) != sorted(map(key, replayed)):
        only = {a["rule"] for a in live} ^ {a["rule"] for a in replayed}
        return [f"{len(live)} alerts live, {len(replayed)} replayed; only in one: {', '.join(only) or 'none'}"]
    problems = {}
    for one, other in zip(sorted(live, key=key), sorted(replayed, key=key)):
        for field, value in one["output_fields"].items():
            there = other["output_fields"].get(field)
            if carried(field, value) != carried(field, there) and field not in differences:
                problems.setdefault(field, f"{field}: live {value!r}, replayed {there!r} ({one['rule']})")
    return sorted(problems.values())


def run_one(suite, sensor, name, scenario):
    """[(case, problems)]; problems None: skipped."""
    traced = scenario.get("traced", [""])[0] if "--sensor ptrace" in sensor else ""
    if traced.startswith("cannot"):
        return [("live", None, "skipped: " + traced.partition(" ")[2])]
    if scenario.get("hidden", [""])[0] in UNSURE:
        return [("live", None, "skipped: under Docker's profile it depends on what can still be read of the process")]
    done, ident, alerts, rules, paths = suite.run(sensor, name, scenario, False)
    if done.status == SKIPPED:
        return [("live", None, done.output.strip())]
    results = []
    may_fail = "hidden" in scenario or traced.startswith("fails")
    wanted = sorted(set(scenario.get("rule", []) + scenario.get("remains", [])))
    fine = done.status == 0 or (may_fail and done.status == 1)
    problems = [] if fine else [f"status {done.status}: {done.output.strip()}"]
    if fired(alerts) != wanted:
        problems.append(f"fired {fired(alerts)}, not {wanted}")
    problems += check_count(scenario, done.output, alerts)
    results.append(("live", problems, ""))
    if "event" in scenario:
        results.append(("fields", check_fields(scenario, alerts, ident), ""))
    replayed, error = suite.replay(rules, paths["capture"])
    if replayed is not None and "live-only" not in scenario:
        allowed = set(suite.differences) | {f for line in scenario.get("differs", []) for f in line.split()}
        error = compare(alerts, replayed, allowed)
    results.append(("replay", [error] if isinstance(error, str) and error else error or [], ""))
    done, ident, alerts, rules, paths = suite.run(sensor, name, scenario, True)
    fine = done.status == 0 or (may_fail and done.status == 1)
    problems = [] if fine else [f"status {done.status}: {done.output.strip()}"]
    remains = sorted(set(scenario.get("remains", [])))
    if fired(alerts) != remains:
        problems.append(f"fired {fired(alerts)}, not {remains}")
    results.append(("negative", problems, ""))
    return results


def run_steadily(suite, sensor, name, scenario):
    """What fails is tried again, and said aloud: known rare races of the sensor's are in docs/sensors.md."""
    why = suite.lacking_box(scenario)
    if why:
        return [("live", None, "skipped: " + why)]
    for again in range(TRIES):
        results = run_one(suite, sensor, name, scenario)
        wrong = [(case, problem) for case, problems, _ in results for problem in problems or []]
        if not wrong:
            return results
        if again == TRIES - 1:
            break
        UNSTEADY.append(name)
        for case, problem in wrong[:4]:
            print(f"{name}: {case}: unsteady, tried again: {problem}", flush=True)
    why = suite.bare(name, scenario)
    return [(case, None, f"skipped: here the program itself fails: {why}") for case, _, _ in results] if why else results


def under_docker(scenarios):
    """All in containers with Docker's defaults; what these hide fires no more."""
    hidden = read_pairs(os.path.join(HERE, "hidden.t"))
    kept = {}
    for name, scenario in scenarios.items():
        rules = set(scenario.get("rule", []) + scenario.get("remains", []))
        if rules & HOST_RULES or scenario.get("in", [""])[0] in OUTSIDE:
            continue
        more = scenario.get("remains", []) + scenario.get("contained", [])
        kept[name] = {**scenario, "remains": more}
        if rules & BY_LOOKING | set(more) & BY_LOOKING:
            kept[name]["live-only"] = ["descriptors met by looking are not in captures"]
        if name in hidden:
            kept[name].update({"rule": more, "hidden": [hidden[name]]})
            del kept[name]["event"]
    return kept


def main():
    parser = argparse.ArgumentParser()
    for name in ("hinomi", "programs", "shared"):
        parser.add_argument(name)
    parser.add_argument("--table", default=os.path.join(HERE, "scenarios.t"))
    parser.add_argument("--rules")
    parser.add_argument("--sensor")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    shared = os.path.realpath(os.environ.get("HINOMI_SHARED", options.shared))
    needed = ([] if options.rules else ["peer-rules"]) + (["data"] if options.docker else [])
    why = lacking() or next((f"no {shared}/{name}" for name in needed if not os.path.isdir(os.path.join(shared, name))), None)
    if why:
        print(f"skipped: {why}")
        return SKIPPED
    scenarios = {n: s for n, s in read_table(options.table).items() if options.only in n}
    if options.docker:
        scenarios = under_docker(scenarios)
    sensors, steps = {}, {}
    for word, command in read_pairs(os.path.join(HERE, "sensors.t")).items():
        name, _, step = word.partition("/")
        if options.sensor in (None, name):
            sensors[name], steps[name] = command, 1 if options.sensor else int(step or 1)
    suite = Suite(options)
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    told = {}
    try:
        if any("needs" in s for s in scenarios.values()):
            suite.database = suite.boxes.add_database()
        work = [(sensor, n) for sensor in sensors for n in list(scenarios)[::steps[sensor]]]
        with ThreadPoolExecutor(options.jobs) as pool:
            found = pool.map(lambda w: run_steadily(suite, sensors[w[0]], w[1], scenarios[w[1]]), work)
            for (sensor, name), results in zip(work, found):
                report(sensor, name, scenarios[name], results, totals, told)
    finally:
        if options.keep:
            print("kept:", suite.boxes.work)
        else:
            suite.boxes.close()
        if suite.aside:
            shutil.rmtree(suite.aside, ignore_errors=True)
    if UNSTEADY:
        print(f"{len(UNSTEADY)} tried again, for they failed first: " + ", ".join(sorted(set(UNSTEADY))))
    summarise(told)
    print(os.path.splitext(os.path.basename(options.table))[0] + ": {passed} passed, {failed} failed, {skipped} skipped".format(**totals))
    return 1 if totals["failed"] else 0


def report(sensor, name, scenario, results, totals, told):
    for why in scenario.get("limit", []):
        print(f"{sensor}: {name}: a limit: {why}")
    for case, problems, note in results:
        word = "skipped" if problems is None else "failed" if problems else "passed"
        totals[word] += 1
        if word == "skipped":
            print(f"{sensor}: {name}: {note}")
            told.setdefault(note, []).append(name)
        for problem in problems or []:
            print(f"{sensor}: {name}: {case}: {problem}", flush=True)
            told.setdefault(f"{case} failed: {alike(name, problem)}", []).append(name)


def alike(name, problem):
    """What problems of one cause have in common."""
    return re.sub(r"[0-9a-f]{12,}|\d{3,}", "#", first_line(problem).replace(name, "*"))[:160]


def summarise(told):
    """Names by reason, the commonest first: the last lines of the output say what is wrong."""
    ranked = sorted(told.items(), key=lambda item: ("failed:" not in item[0], -len(item[1])))
    for reason, names in ranked[:SUMMARY_LINES]:
        some = sorted(set(names))
        more = f" and {len(some) - 6} more" if len(some) > 6 else ""
        print(f"{len(names)} x {reason} [{', '.join(some[:6])}{more}]")
    if len(ranked) > SUMMARY_LINES:
        print(f"and {len(ranked) - SUMMARY_LINES} further reasons")


if __name__ == "__main__":
    sys.exit(main())
