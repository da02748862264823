#!/usr/bin/env python3
"""Golden definitions: run.py HINOMI [--write]

A case is a folder in cases/: in.json or in.yaml, `args` (a line of arguments; {case} is its folder), and the result
out.*, or the message `error`. Of every result: doing it again changes nothing, --remove gives back the very bytes of
the input, and botocore's own model of ECS takes it (CloudFormation's with its intrinsics filled in).
--write makes results anew; they are to be read before they are committed."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from definitions import definitions, load

HERE = pathlib.Path(__file__).parent
HINOMI = os.path.abspath(sys.argv.pop(1))
WRITE = "--write" in sys.argv
if WRITE:
    sys.argv.remove("--write")
CASES = sorted(path for path in (HERE / "cases").iterdir() if path.is_dir())


def run(*arguments, text=None):
    done = subprocess.run([HINOMI, "instrument", *arguments], input=text, capture_output=True, timeout=60,
                          cwd=HERE / "cases")
    return done.returncode, done.stdout, done.stderr.decode()


def arguments(case):
    text = (case / "args").read_text().replace("{case}", case.name) if (case / "args").exists() else ""
    words = shlex.split(text)
    return words


def source(case):
    return next(path for path in sorted(case.iterdir()) if path.name in ("in.json", "in.yaml"))


def complaints(request):
    import botocore.loaders
    import botocore.model
    import botocore.validate
    global MODEL
    if "MODEL" not in globals():
        MODEL = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("ecs", "service-2"))
    shape = MODEL.operation_model("RegisterTaskDefinition").input_shape
    report = botocore.validate.ParamValidator().validate(request, shape)
    # Members that the model does not know are refused, too: the validator passes over them.
    return ([report.generate_report()] if report.has_errors() else []) + list(unknown(request, shape, ""))


def unknown(value, shape, path):
    if shape.type_name == "structure":
        for name, member in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            else:
                yield from unknown(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for i, element in enumerate(value):
            yield from unknown(element, shape.member, f"{path}[{i}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum and value != "filled":
        yield f"{path}: {value}"


class Golden(unittest.TestCase):
    def result(self, case):
        path = source(case)
        words = arguments(case)
        if "--terraform" in words:
            query = json.dumps({"container_definitions": path.read_text()}).encode()
            status, out, err = run(*words, text=query)
            return status, json.loads(out)["container_definitions"].encode() if status == 0 else out, err
        return run(*words, str(path.relative_to(HERE / "cases")))

    def judge(self, case):
        path = source(case)
        status, out, err = self.result(case)
        golden = case / ("out" + path.suffix)
        if WRITE:
            for old in (golden, case / "error"):
                old.unlink(missing_ok=True)
            (golden if status == 0 else case / "error").write_bytes(out if status == 0 else err.encode())
        if (case / "error").exists():
            self.assertEqual((status, out, err), (1, b"", (case / "error").read_text()))
            return
        self.assertEqual((status, err if status else ""), (0, ""))
        self.assertEqual(out.decode(), golden.read_bytes().decode())
        with tempfile.TemporaryDirectory() as folder:
            again = pathlib.Path(folder, path.name)
            again.write_bytes(out)
            words = [w for w in arguments(case) if w != "--terraform"]
            self.assertEqual(run(*words, str(again))[:2], (0, out), "a second time")
            if "was-instrumented" not in case.name:
                self.assertEqual(run("--remove", str(again))[:2], (0, path.read_bytes()), "--remove")
        for request in definitions(load(path.name, out)):
            self.assertEqual(complaints(request), [])

    def test_terraform_module(self):
        """The module's arguments are options, and its volumes those that the containers mount."""
        module = (HERE / "../../deploy/terraform/main.tf").read_text()
        known = re.findall(r"^  (--[a-z-]+)", run("--help")[1].decode(), re.M)
        for option in re.findall(r'"(--[a-z-]+)"', module):
            self.assertIn(option, known)
        containers = json.loads((HERE / "cases/terraform/out.json").read_text())
        mounted = {mount["sourceVolume"] for each in containers for mount in each["mountPoints"]}
        self.assertEqual(mounted, set(re.search(r': \["(.*?)"\]\n', module).group(1).split('", "')))

    def test_terraform_protocol(self):
        for query in ("", "[]", "{}", '{"container_definitions": 1}', '{"container_definitions": "x"}',
                      '{"container_definitions": "[]", "more": "x"}'):
            status, out, err = run("--terraform", "--agent-image", "a", text=query.encode())
            self.assertEqual((status, out), (1, b""), query)
            self.assertNotEqual(err, "")

    def test_usage(self):
        image = ["--agent-image", "a"]
        for words in ([], ["x.json"], image, image + ["--terraform", "x"], image + ["--server", "https://s", "x"],
                      image + ["--server", "https://s", "--token-secret", "the-token", "x"],
                      image + ["--token-secret", "arn:x", "x"], image + ["--log-group", "g", "x"],
                      image + ["--agent-memory", "31", "x"], image + ["--agent-cpu", "1x", "x"],
                      image + ["--priority", "both", "x"], image + ["--in-place", "-"], image + ["x", "y"]):
            status, out, err = run(*words)
            self.assertEqual((status, out), (2, b""), words)
            self.assertNotIn("the-token", err)

    def test_in_place(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "taskdef.json")
            original = (HERE / "cases/entry-point/in.json").read_bytes()
            path.write_bytes(original)
            path.chmod(0o640)
            self.assertEqual(run("--agent-image", "a", "--in-place", str(path))[:2], (0, b""))
            self.assertIn(b"hinomi-shim", path.read_bytes())
            self.assertEqual(path.stat().st_mode & 0o777, 0o640)
            self.assertEqual(run("--agent-image", "a", "--skip", "application", "--in-place", str(path))[0], 1)
            self.assertIn(b"hinomi-shim", path.read_bytes())
            self.assertEqual(run("--remove", "--in-place", str(path))[0], 0)
            self.assertEqual(path.read_bytes(), original)
            self.assertEqual([p.name for p in path.parent.iterdir()], ["taskdef.json"])

    def test_number(self):
        self.assertGreaterEqual(len(CASES), 40)


for each in CASES:
    setattr(Golden, "test_" + each.name.replace("-", "_"), lambda self, case=each: self.judge(case))

try:
    import botocore  # noqa: F401
    import yaml  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
unittest.main()
