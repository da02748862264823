#!/usr/bin/env python3
"""The pipeline's step, with an `aws` that writes down what it is asked: deploy.py HINOMI"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
HINOMI = os.path.abspath(sys.argv.pop(1))
STEP = HERE / "../../deploy/ecs/deploy.sh"
AWS = """#!/bin/bash
printf '%s\\n' "$*" >>"$LOG"
for word; do
    word=${word#file://}
    [[ $word != */taskdef.json ]] || cp "$word" "$SEEN"
done
case $2 in
describe-services) [[ $CONTROLLER != none ]] && echo "$CONTROLLER" ;;
register-task-definition) [[ $REGISTER = yes ]] && echo arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:4 ;;
esac
"""


class Deploy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.definition = self.folder / "definition.json"
        self.definition.write_bytes((HERE / "cases/entry-point/in.json").read_bytes())
        (self.folder / "aws").write_text(AWS)
        (self.folder / "aws").chmod(0o755)

    def run_step(self, *options, controller="ECS", register="yes"):
        environment = dict(os.environ, HINOMI=HINOMI, AWS=str(self.folder / "aws"), CONTROLLER=controller,
                           LOG=str(self.folder / "log"), SEEN=str(self.folder / "seen"), REGISTER=register)
        done = subprocess.run([STEP, "cluster", "service", self.definition, "--agent-image", "agent:1", *options],
                              env=environment, capture_output=True, text=True, timeout=60)
        log = self.folder / "log"
        return done.returncode, log.read_text().splitlines() if log.exists() else []

    def seen(self):
        return [c["name"] for c in json.loads((self.folder / "seen").read_text())["containerDefinitions"]]

    def test_ecs(self):
        before = self.definition.read_bytes()
        status, log = self.run_step()
        self.assertEqual((status, [line.split()[1] for line in log]),
                         (0, ["describe-services", "register-task-definition", "update-service", "wait"]))
        self.assertIn("--task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:4", log[2])
        self.assertEqual(self.seen(), ["application", "hinomi-init", "hinomi-agent"])
        self.assertEqual(self.definition.read_bytes(), before)

    def test_codedeploy(self):
        status, log = self.run_step(controller="CODE_DEPLOY")
        self.assertEqual((status, [line.split()[1] for line in log]), (0, ["describe-services", "deploy"]))
        self.assertIn(f"--codedeploy-appspec {self.folder}/appspec.yaml", log[1])
        self.assertEqual(self.seen(), ["application", "hinomi-init", "hinomi-agent"])

    def test_failures(self):
        self.assertEqual(self.run_step("--skip", "application"), (1, []))
        status, log = self.run_step(controller="EXTERNAL")
        self.assertEqual((status, len(log)), (1, 1))
        status, log = self.run_step(register="no")
        self.assertEqual((status, log[-1].split()[1]), (1, "register-task-definition"))
        self.assertNotEqual(self.run_step(controller="none")[0], 0)
        self.assertEqual(subprocess.run([STEP], capture_output=True).returncode, 2)


unittest.main()
