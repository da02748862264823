#!/usr/bin/env python3
"""Runs each case of cases.t without and under the sensor, and compares output and status.

    run.py HINOMI PROBE SHARED [--mode NAME] [--only TEXT] [--jobs N] [--repeat N] [--keep]

One case counts once per mode (modes.t), and once more as a user without rights. A case that does not end in
time is a failure; what its processes were doing is printed. TRANSPARENCY_SCALE=N makes loads N times as heavy.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import stuck  # noqa: E402

SKIPPED = 77
UNSTEADY = []  # what had to be tried again
TRIES = int(os.environ.get("TRANSPARENCY_TRIES", "5"))
SCALE = max(1, int(os.environ.get("TRANSPARENCY_SCALE", "1")))
LIMIT_S = 60
STOCK = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
# Said when the sensor was kept waiting, by a busy machine for one; not the command's.
UNSEEN = re.compile(r"^hinomi run: \d+ calls? passed unseen\n", re.M)
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]
OUTPUT_MAX = 3000


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                yield number, line.rstrip("\n")


def read_cases(path):
    """name -> {attribute: [values]}, in order."""
    cases = {}
    here = None
    for number, line in lines_of(path):
        if not line.startswith(" "):
            if line in cases:
                sys.exit(f"{path}:{number}: {line} is there twice")
            here = cases.setdefault(line, {})
        else:
            word, _, value = line.strip().partition(" ")
            here.setdefault(word, []).append(value.strip())
    return cases


def spread(cases):
    """`each a b 3-9/2` makes a case of each word, its {each}; a step is divided by the scale."""
    for name, case in cases.items():
        if "each" not in case:
            yield name, case, ""
            continue
        for word in case["each"][0].split():
            found = re.fullmatch(r"(\d+)-(\d+)/(\d+)", word)
            step = max(1, int(found[3]) // SCALE) if found else 1
            words = range(int(found[1]), int(found[2]) + 1, step) if found else [word]
            for value in words:
                yield f"{name} {value}", case, str(value)


class Outcome:
    def __init__(self, status, output, stuck_tasks):
        self.status, self.output, self.stuck_tasks = status, output, stuck_tasks


class Suite:
    def __init__(self, options):
        self.options = options
        self.hinomi = os.path.realpath(options.hinomi)
        self.probe = os.path.realpath(options.probe)
        shared = os.path.realpath(os.environ.get("HINOMI_SHARED", options.shared))
        rules = [os.path.join(shared, "peer-rules", name) for name in STOCK]
        own = os.path.join(HERE, "..", "..", "content", "rules")
        self.rules = rules if all(map(os.path.exists, rules)) else [os.path.realpath(own)]
        self.made = os.path.join(os.path.dirname(self.probe), "transparency-made")
        self.work = tempfile.mkdtemp(prefix="transparency-")
        os.chmod(self.work, 0o755)
        self.lock = threading.Lock()
        self.count = 0
        self.unseen = 0
        self.bare = {}
        self.steps = {}

    def fresh(self):
        with self.lock:
            self.count += 1
            folder = os.path.join(self.work, str(self.count))
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        return folder

    def words(self, text, folder, each, port):
        return text.format(probe=self.probe, here=os.path.join(HERE, "programs"), made=self.made, work=folder,
                           each=each, port=port, run="{run}", hinomi=self.hinomi, scale=SCALE)

    def build(self, case):
        """Once per build directory; a newer source makes it anew. What is wrong, or None."""
        for source, target, command in (x.split(None, 2) for x in case.get("build", [])):
            source, target = os.path.join(HERE, "programs", source), os.path.join(self.made, target)
            if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
                continue
            os.makedirs(self.made, exist_ok=True)
            done = subprocess.run(command.format(source=source, target=target, made=self.made), shell=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                return done.stdout.decode("utf-8", "replace")
        return None

    def command(self, case, prefix, folder, each, port):
        words = shlex.split(self.words(case["command"][0], folder, each, port))
        if "{run}" in words:
            at = words.index("{run}")
            words = words[:at] + prefix + words[at + 1:]
        else:
            words = prefix + words
        if "outside" in case:
            words = ["bash", "-c", case["outside"][0] + '; exec "$@"', "bash", *words]
        return words

    def run(self, case, each, options, user):
        """options None: without the sensor."""
        folder = self.fresh()
        mark = f"TRANSPARENCY_RUN={os.path.basename(self.work)}-{os.path.basename(folder)}-"
        prefix = []
        if options is not None:
            prefix = [self.hinomi, "run", *options, *(x for r in self.rules for x in ("--rules", r)),
                      "-o", os.path.join(self.work, os.path.basename(folder) + ".alerts"), "--"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = (USER if user else []) + self.command(case, prefix, folder, each, port)
        if user and options is not None:
            path = os.path.join(self.work, os.path.basename(folder) + ".alerts")
            with open(path, "w", encoding="ascii"):
                os.chmod(path, 0o666)
        environment = {**os.environ, "LC_ALL": "C", "HOME": folder, "TMPDIR": folder}
        environment["TRANSPARENCY_RUN"] = mark.split("=", 1)[1]
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            environment.pop(name, None)
        outcome = self.finish(command, folder, environment, mark, case)
        self.unseen += len(UNSEEN.findall(outcome.output))
        outcome.output = self.masked(UNSEEN.sub("", outcome.output), case, folder, port, mark)
        return outcome

    def finish(self, command, folder, environment, mark, case):
        limit = float(case.get("limit", [LIMIT_S])[0]) * SCALE
        outputs = [os.path.join(self.work, os.path.basename(folder) + "." + x) for x in ("out", "err")]
        with open(outputs[0], "wb") as out, open(outputs[1], "wb") as err:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       env=environment, start_new_session="session" in case)
        tasks = None
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            tasks = stuck.describe(stuck.marked(mark))
            status = None
        self.after(case, folder)
        stuck.end(stuck.marked(mark))
        if status is None:
            process.wait()
        text = ""
        for path in outputs:
            with open(path, encoding="utf-8", errors="replace") as file:
                text += os.path.basename(path)[-3:] + ":\n" + file.read()
        return Outcome(status, text, tasks)

    @staticmethod
    def after(case, folder):
        """A file that has to come about though the command is over."""
        for name in case.get("afterwards", []):
            path = os.path.join(folder, name)
            pause = threading.Event()
            for _ in range(500):
                if os.path.exists(path):
                    break
                pause.wait(0.01)
            else:
                raise AssertionError(f"{name} did not come about")

    @staticmethod
    def masked(text, case, folder, port, mark):
        text = text.replace(folder, "{work}").replace(str(port), "{port}").replace(mark, "{mark}")
        for pattern in case.get("mask", []):
            text = re.sub(pattern, "#", text, flags=re.M)
        return text

    def bare_outcome(self, name, case, each, user):
        with self.lock:
            known = self.bare.get((name, user))
        if known is None:
            known = self.run(case, each, None, user)
            with self.lock:
                self.bare[name, user] = known
        return known


def masked_in(mode, case, text):
    for word, _, pattern in (x.partition(" ") for x in case.get("mask-in", [])):
        text = re.sub(pattern, "#", text, flags=re.M) if mode.startswith(word) else text
    return text


def differences(bare, seen, case, mode):
    if seen.stuck_tasks is not None or bare.stuck_tasks is not None:
        which = "with" if seen.stuck_tasks is not None else "without"
        return [f"it does not end {which} the sensor", *(seen.stuck_tasks or bare.stuck_tasks)]
    problems = []
    if bare.status != seen.status:
        problems.append(f"status {seen.status}, not {bare.status}")
    output = bare.output
    for change in case.get("differs", []) if mode not in case.get("same-in", []) else []:
        before, _, after = change.partition(" => ")
        output = output.replace(before, after)
    output, now = masked_in(mode, case, output), masked_in(mode, case, seen.output)
    if output != now:
        before, after = output.splitlines(), now.splitlines()
        changed = [("- " + x) for x in before if x not in after] + [("+ " + x) for x in after if x not in before]
        problems.append("the output differs (- without, + with):")
        problems += (changed or ["in order:"] + after)[:40]
    if "wants" in case and case["wants"][0] not in bare.output:
        problems.append("without the sensor the case itself says: " + bare.output[:OUTPUT_MAX])
    return problems


def run_one(suite, name, case, each, mode, options, user):
    """(word, lines)"""
    needs = [x for x in " ".join(case.get("needs", [])).split() if not shutil.which(x, path=os.environ["PATH"] + ":/usr/sbin")]
    if needs:
        return "skipped", ["there is no " + ", ".join(needs)]
    if os.geteuid() != 0 and ("root" in case or user):
        return "skipped", ["needs root"]
    if user and not all(folder.stat().st_mode & stat.S_IXOTH for folder in pathlib.Path(suite.hinomi).parents):
        return "skipped", ["other users may not enter the folders of this build"]
    try:
        with suite.lock:
            wrong = suite.build(case)
        if wrong:
            return "failed", ["it cannot be built:", wrong]
        bare = suite.bare_outcome(name, case, each, user)
        problems = differences(bare, suite.run(case, each, options, user), case, mode)
    except AssertionError as error:
        problems = [str(error)]
    return ("failed" if problems else "passed"), problems


def run_steadily(suite, name, case, each, mode, options, user):
    """What fails is tried again, and said aloud: known rare races of the sensor's are in docs/sensors.md."""
    for again in range(TRIES):
        word, lines = run_one(suite, name, case, each, mode, options, user)
        if word != "failed" or again == TRIES - 1:
            break
        UNSTEADY.append(name)
        print(f"{name}: {mode}: unsteady, tried again: " + "; ".join(lines)[:600], flush=True)
    return word, lines


def users_of(case):
    kinds = case.get("as", ["root user"])[0].split()
    return [kind == "user" for kind in kinds]


def work_of(suite, modes, options):
    cases = read_cases(os.path.join(HERE, "cases.t"))
    for number, (name, case, each) in enumerate(spread(cases)):
        if options.only not in name or SCALE < int(case.get("from-scale", [1])[0]):
            continue
        for user in users_of(case):
            for mode, words in modes.items():
                if mode in case.get("not-in", []) or (user and "user" not in words) or number % suite.steps[mode]:
                    continue
                yield name, case, each, mode, [w for w in words if w != "user"], user


def usable(suite):
    done = subprocess.run([suite.hinomi, "run", "--rules", suite.rules[0], "--", "true"], stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    text = done.stderr.decode("utf-8", "replace").replace("\n", " ")
    return text if "user notification" in text or "only one" in text else ""


def run_all(suite, modes, options):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    work = list(work_of(suite, modes, options)) * options.repeat
    with ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda w: run_steadily(suite, *w), work)
        for (name, _, _, mode, _, user), (word, lines) in zip(work, found):
            totals[word] += 1
            where = f"{mode}, as a user" if user else mode
            if word != "passed":
                print(f"{name}: {where}: {word}")
            for line in lines:
                print("    " + line.replace("\n", "\n    "))
            sys.stdout.flush()
    return totals


def main():
    parser = argparse.ArgumentParser()
    for name in ("hinomi", "probe", "shared"):
        parser.add_argument(name)
    parser.add_argument("--mode")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    suite = Suite(options)
    try:
        why = usable(suite)
        if why:
            print(f"skipped: {why}")
            return SKIPPED
        stuck.adopt_orphans()
        modes = {}
        for _, line in lines_of(os.path.join(HERE, "modes.t")):
            word, *words = line.split()
            name, _, step = word.partition("/")
            if options.mode in (None, name):
                modes[name], suite.steps[name] = words, 1 if options.mode else int(step or 1)
        totals = run_all(suite, modes, options)
    finally:
        if options.keep:
            print("kept:", suite.work)
        else:
            shutil.rmtree(suite.work, ignore_errors=True)
    if suite.unseen:
        print(f"in {suite.unseen} runs calls passed unseen")
    if UNSTEADY:
        print(f"{len(UNSTEADY)} tried again, for they failed first: " + ", ".join(sorted(set(UNSTEADY))))
    print("transparency: {passed} passed, {failed} failed, {skipped} skipped".format(**totals))
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
