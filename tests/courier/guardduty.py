#!/usr/bin/env python3
"""guardduty.py DRIVER: findings in GuardDuty's shape: each member is one that botocore's model of GuardDuty knows, of the
type that it has there, but for those that are named here as Hinomi's own."""
import json
import subprocess
import sys
import unittest

from place import SKIPPED, run

DRIVER = sys.argv.pop(1)
try:
    import botocore.loaders
    import botocore.model
except ImportError:
    print("skipped: python3-botocore is not installed")
    sys.exit(SKIPPED)

MODEL = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("guardduty", "service-2"))
OWN = {".hinomi", ".service.runtimeDetails", ".resource.containerDetails.imageDigest",
       ".resource.ecsClusterDetails.taskDetails.containers[].imageDigest"}
# What the model of the installed botocore is too old for: Runtime Monitoring came later.
LATER = {".service.featureName", ".resource.ecsClusterDetails.taskDetails.launchType"}

TASK = "arn:aws:ecs:eu-central-1:123456789012:task/blue/0123456789abcdef0123456789abcdef"
FINDING = {
    "id": "f" + "0" * 24, "title": "A miner", "rule": "Miner runs", "policy": "Runtime Threat Intelligence",
    "type": "Impact:Runtime/CryptoMinerExecuted", "severity": 85, "priority": "CRITICAL", "status": "new", "count": 3,
    "first_seen_ms": 1795348800123, "last_seen_ms": 1795348860000, "created_ms": 1795348800200, "updated_ms": 1795348860001,
    "output": "a miner", "container_id": "0123456789ab", "container_name": "web", "image": "nginx:1", "image_digest": "sha256:aa",
    "cluster": "blue", "task_arn": TASK, "task_id": "0123", "task_family": "shop", "task_revision": "7", "service": "front",
    "account": "123456789012", "region": "eu-central-1", "host": "h", "agent": "a0123456789abcdef", "proc_name": "xmrig",
    "proc_exe": "/tmp/xmrig", "proc_cmdline": "xmrig -o pool", "proc_pid": 77, "user_name": "www", "parent_name": "sh",
    "domain": "pool.example", "file": "/tmp/xmrig", "list": "miner_domains", "item": "pool.example", "sequence": 0}
PROCESS = {"uuid": "u0", "pid": 77, "ns_pid": 7, "name": "xmrig", "exe": "/tmp/xmrig", "args": "-o pool", "uid": 33,
           "start": "2026-11-22T10:00:00.000000000Z"}
ALERT = {"output_fields": {"proc.exe.sha256": "ab" * 32, "proc.cwd": "/tmp"},
         "hinomi": {"ecs": {"launch_type": "FARGATE"},
                    "lineage": [PROCESS, {**PROCESS, "uuid": "u1", "pid": 70, "name": "sh"}, {**PROCESS, "uuid": "u2", "pid": 1}]}}


def make(finding, alert=None, arguments=(), **texts):
    given = {"finding": finding, "title": "T", "summary": "S", "link": "https://h/f", "cause": "new", **texts}
    if alert is not None:
        given["alert"] = alert
    done = subprocess.run([DRIVER, *arguments], input=json.dumps(given).encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def problems(value, shape, path=""):
    if path in OWN or path in LATER:
        return []
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        known = {m.serialization.get("name", name): m for name, m in shape.members.items()}
        found = []
        for name, member in value.items():
            at = f"{path}.{name}"
            if at in OWN or at in LATER:
                continue
            found += problems(member, known[name], at) if name in known else [f"{at} is not known"]
        return found
    if shape.type_name == "list":
        return [p for item in value for p in problems(item, shape.member, path + "[]")]
    types = {"string": str, "timestamp": str, "boolean": bool, "integer": int, "double": (int, float), "long": int}
    return [] if isinstance(value, types[shape.type_name]) else [f"{path} is {type(value).__name__}"]


class Shape(unittest.TestCase):
    def check(self, detail):
        self.assertEqual(problems(detail, MODEL.shape_for("Finding")), [])

    def test_known_members(self):
        detail = make(FINDING, ALERT)
        self.check(detail)
        self.assertEqual(detail["severity"], 8.5)
        self.assertEqual((detail["type"], detail["accountId"], detail["region"], detail["partition"]),
                         ("Impact:Runtime/CryptoMinerExecuted", "123456789012", "eu-central-1", "aws"))
        self.assertEqual(detail["createdAt"], "2026-11-22T12:00:00.200Z")
        cluster = detail["resource"]["ecsClusterDetails"]
        self.assertEqual(cluster["arn"], "arn:aws:ecs:eu-central-1:123456789012:cluster/blue")
        task = cluster["taskDetails"]
        self.assertEqual((task["arn"], task["definitionArn"], task["version"], task["group"]),
                         (TASK, "arn:aws:ecs:eu-central-1:123456789012:task-definition/shop:7", "7", "service:front"))
        self.assertEqual(task["containers"][0]["name"], "web")
        self.assertEqual(detail["service"]["action"],
                         {"actionType": "DNS_REQUEST", "dnsRequestAction": {"domain": "pool.example", "blocked": False}})
        self.assertEqual(detail["service"]["evidence"]["threatIntelligenceDetails"],
                         [{"threatListName": "miner_domains", "threatNames": ["pool.example"]}])

    def test_process(self):
        process = make(FINDING, ALERT)["service"]["runtimeDetails"]["process"]
        self.assertEqual((process["name"], process["executablePath"], process["pid"], process["namespacePid"], process["uuid"],
                          process["parentUuid"], process["executableSha256"], process["pwd"], process["user"]),
                         ("xmrig", "/tmp/xmrig", 77, 7, "u0", "u1", "ab" * 32, "/tmp", "www"))
        self.assertEqual([(p["uuid"], p.get("parentUuid")) for p in process["lineage"]], [("u1", "u2"), ("u2", None)])
        self.assertNotIn("lineage", make(FINDING, ALERT, ["--brief"])["service"]["runtimeDetails"]["process"])

    def test_little_is_known(self):
        detail = make({"id": "f1", "rule": "R", "severity": 10, "status": "archived"})
        self.check(detail)
        self.assertEqual((detail["type"], detail["severity"], detail["resource"]["resourceType"]), ("R", 1.0, "Instance"))
        self.assertTrue(detail["service"]["archived"])
        self.assertNotIn("createdAt", detail)
        detail = make({"id": "f1", "rule": "R", "severity": 0, "container_id": "c", "proc_name": "x", "proc_pid": 5})
        self.check(detail)
        self.assertEqual(detail["resource"]["containerDetails"]["id"], "c")
        self.assertEqual(detail["service"]["runtimeDetails"]["process"], {"name": "x", "pid": 5})
        detail = make({**FINDING, "cluster": "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/red",
                       "task_arn": TASK.replace("arn:aws:", "arn:aws-cn:"), "region": "cn-north-1"})
        self.assertEqual(detail["partition"], "aws-cn")
        self.assertEqual(detail["resource"]["ecsClusterDetails"]["name"], "red")
        self.assertEqual(detail["resource"]["ecsClusterDetails"]["arn"], "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/red")

    def test_hostile_texts(self):
        long = "é" * 5000
        detail = make({**FINDING, "proc_exe": long, "file": long, "container_name": "\x1b[31m\u202e\"}"},
                      {"hinomi": {"lineage": [{**PROCESS, "exe": long}] * 60}})
        self.check(detail)
        process = detail["service"]["runtimeDetails"]["process"]
        self.assertLessEqual(len(process["executablePath"].encode()), 1024)
        self.assertEqual(set(process["executablePath"]), {"é"})
        self.assertEqual(len(process["lineage"]), 16)
        for alert in ([], "x", {"hinomi": []}, {"hinomi": {"lineage": {}}}, {"hinomi": {"lineage": [1, None, []]}},
                      {"hinomi": {"lineage": [{"pid": "x", "name": 5}]}, "output_fields": 7}):
            self.check(make(FINDING, alert))


sys.exit(run("courier/guardduty"))
