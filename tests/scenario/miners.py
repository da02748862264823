#!/usr/bin/env python3
"""What a table of scenarios cannot hold of the rules about miners: a program known by its digest, a build that goes on
to serve, and a story told to a server. Usage: miners.py HINOMI SCENARIOS RULES SERVER"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "http")]
from boxes import DOCKER_CAPS, Boxes, lacking  # noqa: E402
import server as shared  # noqa: E402

HINOMI, SCENARIOS, RULES, SERVER = (os.path.realpath(a) for a in sys.argv[1:5])
SENSORS = ("notify", "ptrace")
GRAVE = {"Emergency", "Alert", "Critical", "Error"}
SKIPPED = 77

# As a container of a developer's does: make, a library, tests, a scratch program, a package unpacked, then a server
# with requests, a health check, and work on the side.
BENIGN = """
set -e
mkdir -p /srv/app/test && cd /srv/app
cat >answer.c <<'C'
int answer(void) { return 42; }
C
cat >main.c <<'C'
#include <stdio.h>
int answer(void);
int main(void) { return printf("%d\\n", answer()) < 0; }
C
printf 'app: main.o libanswer.so\\n\\tcc -o app main.o -L. -lanswer -Wl,-rpath,/srv/app\\n' >Makefile
printf 'libanswer.so: answer.c\\n\\tcc -shared -fPIC -o libanswer.so answer.c\\ncheck: app\\n\\t./app\\n' >>Makefile
make -s check
echo 'int main(void) { return 0; }' >/tmp/conftest.c
cc -o /tmp/conftest /tmp/conftest.c && /tmp/conftest
tar cf /tmp/app.tar app libanswer.so && mkdir /opt/release && tar xf /tmp/app.tar -C /opt/release && /opt/release/app
install -m 755 app /usr/local/bin/answer && answer
printf '#!/bin/sh\\nexec answer\\n' >/srv/app/start && chmod +x /srv/app/start && /srv/app/start
cd /srv/app && python3 -m http.server 8765 --bind 127.0.0.1 >/dev/null 2>&1 &
server=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    python3 /dev/stdin <<'P' && break || sleep 0.3
import urllib.request
for _ in range(20):
    urllib.request.urlopen("http://127.0.0.1:8765/main.c").read()
P
done
ps ax | grep -c http.server >/dev/null || true
grep -r 'stratum+tcp' /srv/app >/dev/null || true
date >>/var/log/app.log
kill $server
"""


def rule_names(alerts):
    return {a["rule"] for a in alerts}


class Miners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        binds = {os.path.dirname(HINOMI), os.path.dirname(SCENARIOS), os.path.dirname(RULES)}
        cls.boxes = Boxes(sorted(binds))
        cls.addClassCleanup(cls.boxes.close)

    def watched(self, command, rules=(RULES,), sensor="notify", container=True):
        """The alerts of a command in a box of its own; it has to succeed."""
        folder = self.boxes.fresh()
        path = os.path.join(folder, "alerts")
        whole = [HINOMI, "run", *(x for r in rules for x in ("--rules", r)), "--sensor", sensor, "--json", "-o", path,
                 "--", *command]
        kind = "container" if container else "host"
        why = self.boxes.why_not(kind, DOCKER_CAPS)
        if why:
            self.skipTest(why)
        if container:
            ident = self.boxes.container(folder, whole, DOCKER_CAPS)
            whole = self.boxes.runc(folder, ident)
            self.addCleanup(self.boxes.delete, folder, ident)
        done = self.boxes.run(kind, whole, folder=folder)
        self.assertEqual(done.status, 0, done.output)
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_digest(self):
        """Under whatever name; of another program, and while the list is empty, nothing."""
        program = os.path.join(self.boxes.work, "web")
        shutil.copy(os.path.join(os.path.dirname(SCENARIOS), "scenarios-idle"), program)
        with open(program, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        more = os.path.join(self.boxes.work, "digests.yaml")
        with open(more, "w", encoding="utf-8") as file:
            json.dump([{"list": "miner_digests", "items": [digest], "override": {"items": "append"}}], file)
        for sensor in SENSORS:
            with self.subTest(sensor=sensor):
                found = self.watched([program], (RULES, more), sensor)
                self.assertEqual([a["rule"] for a in found], ["Known miner run"])
                self.assertEqual(found[0]["output_fields"]["proc.exe.sha256"], digest)
                self.assertEqual(self.watched(["/bin/true"], (RULES, more), sensor), [])
                self.assertNotIn("Known miner run", rule_names(self.watched([program], (RULES,), sensor)))

    def test_build_and_serve(self):
        """Low and medium at most; new programs are seen, or the test would show nothing."""
        for program in ("cc", "make", "tar"):
            if not shutil.which(program):
                self.skipTest(program + " is not installed")
        for sensor in SENSORS:
            with self.subTest(sensor=sensor):
                found = self.watched(["/bin/sh", "-c", BENIGN], sensor=sensor)
                grave = [(a["rule"], a["output"]) for a in found if a["priority"] in GRAVE]
                self.assertEqual(grave, [])
                self.assertIn("New program run", rule_names(found))
                self.assertLessEqual(rule_names(found), {
                    "New program run", "Program file made in a temporary directory",
                    "Program run from a temporary directory"})

    def test_story(self):
        """Brought in, run, on its way to a pool: a finding each, and one more, critical."""
        found = self.watched([SCENARIOS, "miner-story"])
        self.assertEqual([a["rule"] for a in found], [
            "Program file made in a temporary directory", "New program run", "Connection to a mining port"])
        server = shared.Server(SERVER)
        self.addCleanup(server.remove)
        admin = server.administrator()
        token = server.sure("POST", "/v1/tokens", {"name": "falco", "permissions": ["falco"]}, bearer=admin)["token"]
        for alert in found:
            alert.pop("hinomi", None)
            server.sure("POST", "/", alert, bearer=token)
        findings = shared.until(lambda: self.all_of(server, admin, 4))
        sequences = [f for f in findings if f["type"].startswith("AttackSequence:")]
        self.assertEqual(len(findings), 4)
        self.assertEqual([(f["title"], f["severity"]) for f in sequences], [("Miner brought in and run", 9.5)])
        types = {f["type"] for f in findings} - {sequences[0]["type"]}
        self.assertEqual(types, {"Execution:Runtime/ProgramFileMade", "Execution:Runtime/NewBinaryExecuted",
                                 "CryptoCurrency:Runtime/MiningPort"})

    def all_of(self, server, admin, least):
        items = server.sure("GET", "/v1/findings?limit=100", bearer=admin)["items"]
        return items if len(items) >= least else None


if __name__ == "__main__":
    reason = lacking()
    if reason:
        print("skipped: " + reason)
        sys.exit(SKIPPED)
    sys.argv[1:] = []
    sys.exit(shared.run("miners"))
