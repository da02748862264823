#!/usr/bin/env python3
"""Golden definitions of `hinomi instrument`, run: golden.py HINOMI BUILD [--only NAME]

Each definition runs as it was and as it became, with images of busybox under the names that it has, the agent's with the
real agent and shim. Containers print the same and the task ends with the same status; of every container that is watched, and
of no other, there is an alert. Templates of CloudFormation run with what only CloudFormation knows filled in. What does
not run says why, and that has to be a reason known here."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/instrument")]
from definitions import definitions, load  # noqa: E402
from place import SKIPPED, Place, agent_image, libraries, missing  # noqa: E402, F401

CASES = ROOT / "tests/instrument/cases"
AGENT = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/hinomi-agent:0.1"
STATUS = 3
TRIES = 3
MINER = "A miner was started"
OURS = ("hinomi-init", "hinomi-agent")
# What the first container does ends the task. Miners that are started again and again meet the agent when it is ready.
PROGRAM = r"""#!/bin/busybox sh
echo "$0" "$@"
pwd; id -u; id -g
echo "SECRET=$SECRET A=$A"
echo "to standard error" >&2
name=$(wget -q -O - "$ECS_CONTAINER_METADATA_URI_V4")
read -r first </first
for i in 1 2 3 4 5 6 7 8; do /usr/local/bin/xmrig 2>/dev/null; sleep 0.25; done
case "$name" in *'"'"Name\":\"$first\""*) exit 3;; esac
exec sleep 1000
"""
# What a call that the agent has not taken yet ends with when a signal comes: docs/sensors.md, "Interrupted".
INTERRUPTED = "Interrupted system call"
# Why a definition does not run, by what is said of it.
REASONS = {
    "Fargate has none but `task`": "pidMode host",
    "Fargate has none but `awsvpc`": "network bridge",
    "there is no container `": "waits for a container that is not there",
    "Fargate does not have this": "what Fargate does not have",
}


def containers_of(document):
    task = document if isinstance(document, list) else document.get("taskDefinition", document)
    found = task if isinstance(task, list) else task.get("containerDefinitions") or task.get("ContainerDefinitions")
    return [{key[0].lower() + key[1:]: value for key, value in each.items()} for each in found]


class Case:
    """One task: the definition, what became of it, and images for both."""

    def __init__(self, place, name, options, before, after):
        self.place, self.name, self.options = place, name, options
        self.before, self.after = before, after
        self.containers = containers_of(load("x.json" if before.lstrip()[:1] in "{[" else "x.yaml", before))
        self.instrumented = containers_of(load("x.json" if after.lstrip()[:1] in "{[" else "x.yaml", after))
        self.watched = [each["name"] for each in self.instrumented
                        if each["name"] not in OURS and (each.get("entryPoint") or [""])[0] == "/hinomi/hinomi-shim"]
        self.folder = os.path.join(place.folder, name)
        self.root = os.path.join(self.folder, "root")
        shutil.copytree(place.root, self.root, symlinks=True)
        with open(os.path.join(self.root, "first"), "w", encoding="utf-8") as file:
            file.write(self.containers[0]["name"])
        shutil.copy("/bin/busybox", self.put("/usr/local/bin/xmrig", None))
        self.images()

    def put(self, program, text):
        path = os.path.join(self.root, "usr/local/bin", program) if "/" not in program else self.root + program
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text is not None:
            if os.path.lexists(path):
                os.unlink(path)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)
        return path

    def images(self):
        """Programs for all that is started, and how images are started, as instrument was told."""
        named = [word.rpartition("=")[2] for word in self.options if "images/" in word]
        self.config = str((CASES / named[0]).resolve()) if named else os.path.join(self.folder, "config.json")
        if not named:
            pathlib.Path(self.config).write_text(json.dumps({"config": {"Entrypoint": ["router"]}}), encoding="ascii")
        config = json.loads(pathlib.Path(self.config).read_text(encoding="utf-8")) if named else {}
        config = config[0] if isinstance(config, list) else config
        config = config.get("config") or config.get("Config") or {}
        entry, command = config.get("Entrypoint"), config.get("Cmd")
        for each in self.containers:
            words = each.get("entryPoint") or [*(entry or []), *(each.get("command") or command or [])]
            self.put(words[0] if words else "router", PROGRAM)
            check = (each.get("healthCheck") or {}).get("command") or []
            if check[:1] == ["CMD"] and len(check) > 1 and check[1] != "/bin/sh":
                self.put(check[1], "#!/bin/sh\nexit 0\n")
        self.put("check", "#!/bin/sh\nexit 0\n")

    def run(self, text):
        names = sorted({each["image"] for each in self.containers})
        images = {name: self.root for name in names} | {AGENT: self.place.agent}
        words = [word for name in names for word in ("--image-config", f"{name}={self.config}")]
        task = self.place.task(text, "--no-limits", "--secret", f"HINOMI_SERVER_TOKEN={self.place.token}",
                               "--image-config", f"{AGENT}={self.place.agent_config}", *words, images=images)
        with task:
            try:
                status = task.process.wait(200)
            except subprocess.TimeoutExpired:
                listed = subprocess.run(["ps", "-eo", "pid,ppid,stat,wchan:24,args", "--forest"], capture_output=True, text=True, check=False)
                raise AssertionError(self.name, "hangs", task.told(), task.said()[-2000:], listed.stdout[-9000:]) from None
            said = {each["name"]: (task.lines(each["name"]), self.errors(task, each["name"])) for each in self.containers}
            return status, said, task.lines("hinomi-agent"), task.told()

    @staticmethod
    def errors(task, name):
        prefix = f"[{name}] "
        return [line[len(prefix):] for line in task.told().splitlines() if line.startswith(prefix)]

    def alerts(self, lines):
        """By the container's place in its id: names are known a little later."""
        found = set()
        for line in lines:
            if line.startswith("{") and MINER in line:
                number = re.findall(r" container_id=\S+-1(\d{9})", json.loads(line)["output"])
                found.update(self.instrumented[int(n) - 7]["name"] for n in number)
        return found

    def judge(self):
        """None, or why it does not run. Raises what is wrong."""
        status, said, _, told = self.run(self.before)
        reason = next((known for text, known in REASONS.items() if text in told), None)
        if status == 125 and reason:
            assert self.run(self.after)[0] == 125, (self.name, "it runs once instrumented")
            return reason
        assert status == STATUS, (self.name, status, told)
        seen = set()
        for _ in range(TRIES):
            new_status, new_said, agent, told = self.run(self.after)
            if INTERRUPTED in told and new_said != said:
                continue
            assert new_status == status, (self.name, new_status, told)
            assert new_said == said, (self.name, said, new_said)
            seen |= self.alerts(agent)
            if seen >= set(self.watched):
                break
        assert seen == set(self.watched), (self.name, "alerts of", seen, "watched", self.watched, told, agent[-5:])
        return None


def sized(task):
    """Sizes that only CloudFormation knows, as sizes."""
    for name, value in (("cpu", "512"), ("memory", "1024")):
        if task.get(name) == "filled":
            task[name] = value
    return task


def cases(place):
    """What runs by itself, and why others do not."""
    skipped, found = {}, []
    for folder in sorted(path for path in CASES.iterdir() if path.is_dir()):
        source = next(path for path in sorted(folder.iterdir()) if path.name in ("in.json", "in.yaml"))
        golden = folder / ("out" + source.suffix)
        if not golden.exists():
            skipped[folder.name] = "refused by instrument"
            continue
        options = shlex.split((folder / "args").read_text())
        before, after = source.read_text(), golden.read_text()
        document = load(source.name, before)
        if isinstance(document, dict) and "Resources" in document:
            pairs = [(sized(one), sized(two)) for one, two in zip(definitions(document), definitions(load(source.name, after)))]
            texts = [(json.dumps(one), json.dumps(two)) for one, two in pairs if one != two]
        else:
            texts = [(before, after)]
        for i, (one, two) in enumerate(texts):
            found.append(Case(place, folder.name + (f"-{i}" if len(texts) > 1 else ""), options, one, two))
    return found, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("hinomi")
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=6)
    asked = parser.parse_args()
    lacking = missing()
    if not lacking and not os.path.exists(os.path.join(asked.build, "src/shim/hinomi-shim")):
        lacking = "hinomi-shim is not built"
    try:
        import yaml  # noqa: F401
    except ImportError as error:
        lacking = lacking or str(error)
    if lacking:
        print("skipped:", lacking)
        return SKIPPED
    place = Place(asked.hinomi)
    try:
        place.agent = agent_image(os.path.join(place.folder, "agent"), asked.build, str(ROOT / "content"))
        place.token = os.path.join(place.folder, "token")
        pathlib.Path(place.token).write_text("nobody's\n", encoding="ascii")
        place.agent_config = os.path.join(place.folder, "agent.json")
        pathlib.Path(place.agent_config).write_text(json.dumps({"config": {"Env": [
            "HINOMI_RULES_FILES=/usr/share/hinomi/rules", "HINOMI_OUTPUT=json"]}}), encoding="ascii")
        found, reasons = cases(place)
        found = [case for case in found if asked.only in case.name]
        wrong = []
        with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
            for case, future in [(case, pool.submit(case.judge)) for case in found]:
                try:
                    reason = future.result()
                    if reason:
                        reasons[case.name] = reason
                except (AssertionError, subprocess.SubprocessError, OSError) as error:
                    wrong.append(f"{case.name}: {str(error)[:12000]}")
        for text in wrong:
            print(text)
        by_reason = {}
        for name, reason in reasons.items():
            by_reason.setdefault(reason, []).append(name)
        print(f"{len(found) - len([c for c in found if c.name in reasons]) - len(wrong)} definitions run as before, and are watched; "
              f"{len(wrong)} do not")
        for reason, names in by_reason.items():
            print(f"not run: {len(names)} {reason}: {' '.join(names)}")
        left = place.left()
        if left:
            print("left behind:", left)
        return 1 if wrong or left else 0
    finally:
        place.close()


sys.exit(main())
