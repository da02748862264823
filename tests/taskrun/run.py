#!/usr/bin/env python3
"""Tasks of real containers, each feature of a definition: run.py HINOMI"""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from place import LIMIT_S, SKIPPED, Place, container, layer, missing, oci_layout, saved_tar, task  # noqa: E402

DEFAULT, PTRACE = 0x00000000a80425fb, 1 << 19
FAILED = 125


class Suite(unittest.TestCase):
    def setUp(self):
        self.place = Place(HINOMI)

    def tearDown(self):
        left = self.place.left()
        self.place.close()
        self.assertEqual(left, [])

    def run_task(self, *containers, options=(), images=None, status=0, **more):
        """What was printed, by container."""
        found, out, err = self.place.run(task(*containers, **more), *options, images=images)
        self.assertEqual(found, status, out + err)
        return self.place.printed

    def wait(self, condition, what):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.02)
        self.fail(what)


class Order(Suite):
    def test_conditions(self):
        """Each waits for what it says, and nothing starts before."""
        v = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
        printed = self.run_task(
            container("web", "ls /v; echo web; exit 7", dependsOn=[
                {"containerName": "init", "condition": "SUCCESS"}, {"containerName": "tried", "condition": "COMPLETE"},
                {"containerName": "base", "condition": "HEALTHY"}, {"containerName": "side", "condition": "START"}], **v),
            container("init", "sleep 0.3; touch /v/init", essential=False, **v),
            container("tried", "sleep 0.2; touch /v/tried; exit 3", essential=False, **v),
            container("side", "touch /v/side; sleep 100", **v),
            container("base", "sleep 0.2; touch /v/base; sleep 100",
                      healthCheck={"command": ["CMD", "/bin/cat", "/v/base"], "interval": 1}, **v),
            volumes=[{"name": "v"}], status=7)
        self.assertEqual(printed["web"], ["base", "init", "side", "tried", "web"])

    def test_never(self):
        """What cannot come about: the task fails if it was needed, and goes on if not."""
        failing = container("init", "exit 1", essential=False)
        after = {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}
        self.run_task(failing, container("web", "echo no", **after), container("other", "sleep 100"), status=FAILED)
        self.assertIn("web: never started", self.place.last_told())
        printed = self.run_task(failing, container("web", "echo no", essential=False, **after), container("other", "sleep 0.3"))
        self.assertEqual(printed["web"], [])

    def test_start_timeout(self):
        begun = time.monotonic()
        self.run_task(container("slow", "sleep 100", essential=False, startTimeout=2),
                      container("web", "echo no", dependsOn=[{"containerName": "slow", "condition": "COMPLETE"}]), status=FAILED)
        self.assertGreater(time.monotonic() - begun, 1.9)

    def test_stops_reversed(self):
        """Those first that nothing depends on; the rest wait for them."""
        def app(name, *after):
            script = f"trap 'sleep 0.2; echo $(date +%s%N) >/v/{name}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
            return container(name, script, mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}],
                             dependsOn=[{"containerName": a, "condition": "START"} for a in after])
        volume = os.path.join(self.place.folder, "v")
        os.mkdir(volume)
        definition = task(app("one"), app("two", "one"), app("three", "two"), volumes=[{"name": "v"}])
        with self.place.task(definition, "--volume", f"v={volume}") as run:
            run.wait_for("[three] up")
            run.process.send_signal(signal.SIGINT)
            status, _, told = run.finish()
        self.assertEqual(status, 0, told)
        at = {name: told.index(f"{name}: is being stopped") for name in ("one", "two", "three")}
        self.assertLess(at["three"], told.index("three: ended with 0"))
        self.assertLess(told.index("three: ended with 0"), at["two"])
        self.assertLess(told.index("two: ended with 0"), at["one"])
        self.assertEqual(sorted(os.listdir(volume)), ["one", "three", "two"])

    def test_first_essential(self):
        """Its status is the task's, whatever others end with."""
        self.run_task(container("other", "exit 9", essential=False), container("web", "sleep 0.5; exit 4"),
                      container("second", "trap 'exit 5' TERM; while :; do sleep 0.05; done"), status=4)
        self.run_task(container("web", "kill -KILL $$"), status=137)

    def test_cannot_start(self):
        self.run_task(container("web", entryPoint=["/no/such"]), status=FAILED)
        self.assertIn("web: could not be started", self.place.last_told())


class Stop(Suite):
    def test_stop_timeout(self):
        """What does not stop is killed."""
        with self.place.task(task(container("web", "trap '' TERM; echo up; while :; do sleep 0.1; done", stopTimeout=2))) as run:
            run.wait_for("up")
            begun = time.monotonic()
            run.process.send_signal(signal.SIGTERM)
            self.assertEqual(run.finish()[0], 137)
            self.assertGreater(time.monotonic() - begun, 1.9)
            self.assertIn("did not stop within 2 s", run.told())

    def test_second_signal(self):
        """Everything ends at once, and nothing is left."""
        with self.place.task(task(container("web", "trap '' TERM; echo up; while :; do sleep 0.1; done"))) as run:
            run.wait_for("up")
            name = run.id()
            run.process.send_signal(signal.SIGTERM)
            run.wait_for("is being stopped")
            run.process.send_signal(signal.SIGTERM)
            self.assertEqual(run.finish()[0], FAILED)
            self.assertEqual(self.place.left(name), [])

    def test_ignored(self):
        """nohup is what it says."""
        with self.place.task(task(container("web", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done")),
                             ignored=[signal.SIGHUP]) as run:
            run.wait_for("up")
            run.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            self.assertNotIn("stops", run.told())
            run.process.send_signal(signal.SIGINT)
            self.assertEqual(run.finish()[0], 9)

    def test_children(self):
        """What a container leaves behind ends with it, also in the task's process namespace."""
        with self.place.task(task(container("web", "(sleep 1001 &); (trap '' TERM HUP; exec sleep 1001) & sleep 0.3; exit 6"),
                                  container("other", "sleep 1; ps", essential=False))) as run:
            status, out, err = run.finish()
            self.assertEqual(status, 6, out + err)
            self.assertNotIn("sleep 1001", out)
        self.assertEqual(subprocess.run(["pgrep", "-f", "^sleep 1001$"], check=False, stdout=subprocess.DEVNULL).returncode, 1)

    def test_killed(self):
        """After SIGKILL no process and no mount is left; folders and groups go with the next run, or with `clean`."""
        for next_run in (False, True):
            with self.place.task(task(container("web", "echo up; while :; do sleep 1; done"), container("b", "sleep 1002"),
                                      pidMode=None if next_run else "task")) as run:
                run.wait_for("up")
                run.wait_for("b: started")
                name = run.id()
                run.process.kill()
                run.process.wait()
            self.wait(lambda: subprocess.run(["pgrep", "-f", "^sleep 1002$"], check=False,
                                             stdout=subprocess.DEVNULL).returncode == 1, "processes are left")
            self.assertTrue(self.place.left(name))
            if next_run:
                self.run_task(container("web", "true"))
            else:
                done = self.place.clean()
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "1 removed\n", ""))
            self.assertEqual(self.place.left(name), [])
            self.assertEqual(self.place.clean().stdout, "")

    def test_killed_anywhere(self):
        """At any moment of a task's life."""
        for i in range(10):
            with self.place.task(task(container("web", "sleep 1004", healthCheck={"command": ["CMD", "/bin/true"], "interval": 1}),
                                      container("init", "true", essential=False), container("b", "sleep 1004", dependsOn=[
                                          {"containerName": "init", "condition": "SUCCESS"}]))) as run:
                time.sleep(i * 0.13)
                run.process.kill()
                run.process.wait()
                told = run.told()
            name = told.partition("run: task ")[2].partition(",")[0]
            self.wait(lambda: self.cleaned(name), "something is left")  # while its processes die it still counts as running
        self.assertEqual(subprocess.run(["pgrep", "-f", "^sleep 1004$"], check=False, stdout=subprocess.DEVNULL).returncode, 1)

    def cleaned(self, name):
        self.assertEqual(self.place.clean().returncode, 0)
        return not self.place.left(name or None)

    def test_clean_leaves_what_runs(self):
        with self.place.task(task(container("web", "echo up; sleep 1; exit 3"))) as run:
            run.wait_for("up")
            self.assertEqual(self.place.clean().stdout, "")
            self.assertEqual(run.finish()[0], 3)

    def test_engine_killed(self):
        """The process that waits cleans up after the one that does the work."""
        with self.place.task(task(container("web", "echo up; sleep 1003"))) as run:
            run.wait_for("up")
            name = run.id()
            with open(f"/proc/{run.process.pid}/task/{run.process.pid}/children", encoding="ascii") as file:
                os.kill(int(file.read().split()[0]), signal.SIGKILL)
            self.assertEqual(run.finish()[0], FAILED)
            self.assertEqual(self.place.left(name), [])


class Rights(Suite):
    STATUS = "grep -E 'Cap|Seccomp:|NoNew' /proc/self/status | tr -d '\\t'"

    def read(self, lines):
        return {line.split(":")[0]: line.split(":")[1] for line in lines}

    def test_capabilities(self):
        printed = self.run_task(
            container("web", "sleep 1.5"),
            container("root", self.STATUS, essential=False), container("user", self.STATUS, essential=False, user="1000"),
            container("agent", self.STATUS, essential=False, linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}}),
            container("less", self.STATUS, essential=False, linuxParameters={"capabilities": {"drop": ["NET_RAW", "CAP_MKNOD"]}}))
        root, user, agent, less = (self.read(printed[name]) for name in ("root", "user", "agent", "less"))
        for name in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(root[name], 16), DEFAULT)
            self.assertEqual(int(agent[name], 16), DEFAULT | PTRACE)
            self.assertEqual(int(less[name], 16), DEFAULT & ~(1 << 13) & ~(1 << 27))
        self.assertEqual([int(user[name], 16) for name in ("CapPrm", "CapEff", "CapAmb", "CapBnd")], [0, 0, 0, DEFAULT])
        for each in (root, user, agent, less):
            self.assertEqual((each["Seccomp"], each["NoNewPrivs"], int(each["CapInh"], 16)), ("2", "0", 0))

    def test_refused_calls(self):
        printed = self.run_task(container(
            "web", "unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; echo x 2>&1 >/proc/sys/kernel/hostname; "
            "cat /proc/kcore 2>&1 | head -c 1; ls /sys/firmware; exit 0"))
        said = "\n".join(printed["web"])
        self.assertIn("unshare: unshare(0x20000): Operation not permitted", said)
        self.assertRegex(said, "mount: .*ermi")

    def test_refused_definitions(self):
        app = container("web", "true")
        for wanted, definition in {
                "privileged: Fargate": task(dict(app, privileged=True)),
                "capability SYS_ADMIN": task(dict(app, linuxParameters={"capabilities": {"add": ["SYS_ADMIN"]}})),
                "devices: Fargate": task(dict(app, linuxParameters={"devices": [{"hostPath": "/dev/kvm"}]})),
                "networkMode": task(app, networkMode="bridge"), "pidMode": task(app, pidMode="host"),
                "ipcMode": task(app, ipcMode="host"), "hostname: Fargate": task(dict(app, hostname="x")),
                "no container is essential": task(dict(app, essential=False)),
                "`web` waits for itself": None,
                "there is no container `x`": task(dict(app, dependsOn=[{"containerName": "x", "condition": "START"}])),
                "which is essential": task(app, container("b", "true", dependsOn=[{"containerName": "web", "condition": "SUCCESS"}])),
                "which has no health check": task(app, container("b", "true", dependsOn=[
                    {"containerName": "web", "condition": "HEALTHY"}])),
                "there is no volume `v`": task(dict(app, mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}])),
                "a folder of the host": task(app, volumes=[{"name": "v", "host": {"sourcePath": "/etc"}}]),
                "ulimit core": task(dict(app, ulimits=[{"name": "core", "softLimit": 0, "hardLimit": 0}])),
                "where is its image": task(dict(app, image="other")),
                "where is its secret TOKEN": task(dict(app, secrets=[{"name": "TOKEN", "valueFrom": "arn:x"}])),
                "no user `nobody`": task(dict(app, user="nobody")),
                "two containers are named": task(app, app),
                "environmentFiles": task(dict(app, environmentFiles=[{"value": "arn:x", "type": "s3"}])),
                "says what to run": task({"name": "web", "image": "bb"}),
        }.items():
            if definition is None:
                definition = task(dict(app, dependsOn=[{"containerName": "b", "condition": "START"}]),
                                  container("b", "true", dependsOn=[{"containerName": "web", "condition": "START"}]))
            status, out, err = self.place.run(definition)
            self.assertEqual((status, out), (FAILED, ""), wanted)
            self.assertIn(wanted, err)

    def test_users(self):
        cases = {"": "uid=0(root) gid=0(root)", "shop": "uid=1234(shop) gid=2345(shop) groups=50(staff)", "1234": "uid=1234(shop) gid=2345(shop)",
                 "77": "uid=77 gid=0(root)", "77:88": "uid=77 gid=88", "shop:staff": "uid=1234(shop) gid=50(staff)", "0:50": "uid=0(root) gid=50(staff)"}
        printed = self.run_task(container("web", "sleep 1.5"), *(
            container(f"c{i}", "id", essential=False, **({"user": user} if user else {})) for i, user in enumerate(cases)))
        for i, wanted in enumerate(cases.values()):
            self.assertTrue(printed[f"c{i}"][0].startswith(wanted), (printed[f"c{i}"], wanted))


class Namespaces(Suite):
    LINKS = "for n in pid net ipc mnt uts; do ls -l /proc/self/ns/$n | grep -o '[a-z]*:.[0-9]*]$'; done"

    def test_shared(self):
        printed = self.run_task(container("web", self.LINKS + "; ps; sleep 1; ip addr"),
                                container("b", self.LINKS + "; sleep 100", essential=False))
        mine = [os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "net", "ipc", "mnt", "uts")]
        one, two = printed["web"][:5], printed["b"][:5]
        self.assertEqual(one[:2], two[:2])
        for i in range(2, 5):
            self.assertNotEqual(one[i], two[i])
        self.assertFalse(set(mine) & set(one))
        self.assertTrue(any(line.split()[0] == "1" and "/pause" in line for line in printed["web"]))
        self.assertIn("inet 127.0.0.1/8", "\n".join(printed["web"]))
        self.assertNotIn("hinomi", "\n".join(printed["web"]))

    def test_own_processes(self):
        printed = self.run_task(container("web", "echo $$; " + self.LINKS), container("b", "echo $$; " + self.LINKS + "; sleep 2", essential=False),
                                pidMode=None)
        self.assertEqual(printed["web"][0], "1")
        self.assertNotEqual(printed["web"][1], printed["b"][1])
        self.assertEqual(printed["web"][2], printed["b"][2])

    def test_pause_is_safe(self):
        """The pause shows nothing of this machine, also to a container that may trace."""
        printed = self.run_task(container("agent", "ls -a /proc/1/root; cat /proc/1/environ; cat /proc/1/mounts; ls -l /proc/1/fd; echo done",
                                          linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}}))
        rest = [line for line in printed["agent"] if line not in (".", "..", "total 0")]
        self.assertRegex(rest[0], "^pause / tmpfs ro")
        self.assertEqual([line.split()[-1] for line in rest[1:]], ["/null"] * 3 + ["done"])

    def test_network_joined(self):
        name = f"hinomi-task-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        try:
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
            subprocess.run(["ip", "-n", name, "addr", "add", "10.77.0.1/32", "dev", "lo"], check=True)
            printed = self.run_task(container("web", "ip addr | grep -o 10.77.0.1; wget -q -O - $ECS_CONTAINER_METADATA_URI_V4"),
                                    options=["--network", f"/run/netns/{name}"])
            self.assertEqual(printed["web"][0], "10.77.0.1")
            self.assertEqual(json.loads(printed["web"][1])["Name"], "web")
        finally:
            subprocess.run(["ip", "netns", "del", name], check=True)
        self.run_task(container("web", "true"), options=["--network", "/etc/passwd"], status=FAILED)

    def test_group(self):
        with self.place.task(task(container("web", "cat /proc/self/cgroup; sleep 1", cpu=256, memory=64))) as run:
            status, out, err = run.finish()
            name = run.id()
            self.assertEqual(status, 0, err)
        self.assertIn(f"/ecs/{name}/{name}-", out)

    def test_init(self):
        """initProcessEnabled: signals go through, statuses come back, orphans are waited for."""
        init = {"linuxParameters": {"initProcessEnabled": True}}
        for mode in (None, "task"):
            printed = self.run_task(container("web", "echo $$; (sleep 0.1 &); sleep 0.4; ps | grep -c '[Zz]ombie\\|\\[sleep\\]'; exit 8", **init),
                                    pidMode=mode, status=8)
            self.assertNotEqual(printed["web"][0], "1")
            self.assertEqual(printed["web"][1], "0")
        with self.place.task(task(container("web", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done", **init), pidMode=None)) as run:
            run.wait_for("up")
            run.process.send_signal(signal.SIGTERM)
            self.assertEqual(run.finish()[0], 9)


class Files(Suite):
    def test_volumes(self):
        v = {"sourceVolume": "v", "containerPath": "/v"}
        printed = self.run_task(
            container("web", "cat /v/x /w/x; touch /w/y 2>&1; ls -ld /v; test -e /data/x || echo empty; touch /data/z",
                      mountPoints=[v, dict(v, containerPath="/w", readOnly=True), {"sourceVolume": "d", "containerPath": "/data"}],
                      dependsOn=[{"containerName": "init", "condition": "SUCCESS"}]),
            container("init", "echo one >/v/x", essential=False, mountPoints=[v]), volumes=[{"name": "v"}, {"name": "d", "host": {}}])
        self.assertEqual(printed["web"][:3], ["one", "one", "touch: /w/y: Read-only file system"])
        self.assertTrue(printed["web"][3].startswith("drwxr-xr-x"))
        self.assertEqual(printed["web"][4], "empty")

    def test_volumes_from(self):
        printed = self.run_task(
            container("web", "sleep 0.5; cat /v/x; touch /v/y 2>&1; cat /own/x", volumesFrom=[{"sourceContainer": "mid", "readOnly": True}]),
            container("mid", "sleep 100", essential=False, volumesFrom=[{"sourceContainer": "base"}],
                      mountPoints=[{"sourceVolume": "w", "containerPath": "/own"}]),
            container("base", "echo from >/v/x; echo own >/w/x; sleep 100", essential=False,
                      mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}, {"sourceVolume": "w", "containerPath": "/w"}]),
            volumes=[{"name": "v"}, {"name": "w"}])
        self.assertEqual(printed["web"], ["from", "touch: /v/y: Read-only file system", "own"])

    def test_root(self):
        """Each has a root of its own; the image is never written to."""
        printed = self.run_task(
            container("web", "sleep 0.3; ls /made 2>&1; touch /mine && echo written"), container("b", "touch /made; sleep 100", essential=False),
            container("c", "touch /made 2>&1; echo x 2>&1 >/etc/x; touch /dev/shm/x && echo shm", essential=False, readonlyRootFilesystem=True))
        self.assertEqual(printed["web"], ["ls: /made: No such file or directory", "written"])
        self.assertEqual(printed["c"][0], "touch: /made: Read-only file system")
        self.assertEqual(printed["c"][-1], "shm")
        self.assertFalse(os.path.exists(os.path.join(self.place.root, "made")))

    def test_tmpfs_and_directory(self):
        printed = self.run_task(container(
            "web", "pwd; grep ' /scratch ' /proc/mounts; touch /scratch/x && echo written", workingDirectory="/work/here", readonlyRootFilesystem=True,
            linuxParameters={"tmpfs": [{"containerPath": "/scratch", "size": 8, "mountOptions": ["mode=1777"]}]}))
        self.assertEqual(printed["web"][0], "/work/here")
        self.assertRegex(printed["web"][1], "tmpfs .*size=8192k")
        self.assertEqual(printed["web"][2], "written")

    def test_environment(self):
        secret, other = os.path.join(self.place.folder, "secret"), os.path.join(self.place.folder, "other")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("s3cret=\n")
        with open(other, "w", encoding="utf-8") as file:
            file.write("two\nlines\n\n")
        printed = self.run_task(
            container("web", "env; id -u", environment=[{"name": "A", "value": "b c"}, {"name": "EMPTY", "value": ""}, {"name": "PATH", "value": "/bin"}],
                      secrets=[{"name": "ONE", "valueFrom": "arn:aws:x:1"}, {"name": "TWO", "valueFrom": "arn:aws:x:2"}], user="shop"),
            options=["--secret", f"ONE={secret}", "--secret", f"arn:aws:x:2={other}", "--region", "eu-west-1"])
        env = printed["web"]
        for wanted in ("A=b c", "EMPTY=", "PATH=/bin", "ONE=s3cret=", "TWO=two", "lines", "HOME=/home/shop", "AWS_REGION=eu-west-1",
                       "AWS_EXECUTION_ENV=AWS_ECS_FARGATE", "1234"):
            self.assertIn(wanted, env)
        self.assertFalse([line for line in env if line.startswith("HINOMI")])

    def test_limits(self):
        printed = self.run_task(container("web", "ulimit -n; ulimit -Hn", ulimits=[{"name": "nofile", "softLimit": 100, "hardLimit": 200}]))
        self.assertEqual(printed["web"], ["100", "200"])
        printed = self.run_task(container("web", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true",
                                          memory=64))
        self.assertEqual(printed["web"], [str(64 << 20)])


class Forms(Suite):
    TEMPLATE = """
Resources:
  Other:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions: [{Name: web, Image: bb, EntryPoint: [/bin/echo, other]}]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Ref Name
      Volumes: [{Name: v}]
      ContainerDefinitions:
        - Name: web
          Image: bb
          EntryPoint: [/bin/sh, -c]
          Command: ["echo $A; ls -d /v"]
          Environment: [{Name: A, Value: from a template}]
          MountPoints: [{SourceVolume: v, ContainerPath: /v, ReadOnly: true}]
"""

    def test_forms(self):
        """A template, a list, what describe answers, YAML, standard input."""
        status, out, err = self.place.run(self.TEMPLATE.replace("!Ref Name", "shop"), "--resource", "Task")
        self.assertEqual((status, out), (0, "[web] from a template\n[web] /v\n"), err)
        status, out, err = self.place.run(self.TEMPLATE.replace("!Ref Name", "shop"))
        self.assertEqual((status, out), (FAILED, ""))
        self.assertIn("2 task definitions: --resource NAME", err)
        status, _, err = self.place.run(self.TEMPLATE, "--resource", "Task")
        self.assertEqual(status, FAILED)
        self.assertIn("family: a value that is not known here", err)
        app = container("web", "ls -d /v; ps | grep -c ' /pause$'", mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}])
        for definition, wanted in ((json.dumps([app]), "[web] /v\n[web] 1\n"),
                                   (json.dumps({"taskDefinition": dict(task(app, volumes=[{"name": "v"}]), revision=3)}), "[web] /v\n[web] 1\n"),
                                   ("family: f\ncontainerDefinitions:\n- name: web\n  image: bb\n  entryPoint: [/bin/echo, yaml]\n", "[web] yaml\n")):
            status, out, err = self.place.run(definition)
            self.assertEqual((status, out), (0, wanted), err)
        done = subprocess.run([self.place.hinomi, "task", "run", "--state", self.place.state, "--image", f"bb={self.place.root}", "-"],
                              input=json.dumps([container("web", "echo in; cat")]), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "[web] in\n"), done.stderr)

    def test_usage(self):
        for words in ([], ["a", "b"], ["--image", "x", "a"], ["--secret", "x", "a"], ["--volume", "=x", "a"], ["--no-such", "a"]):
            done = subprocess.run([self.place.hinomi, "task", "run", *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        done = subprocess.run([self.place.hinomi, "task", "run", "/no/such"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, FAILED)
        done = subprocess.run([self.place.hinomi, "task", "clean", "x"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 2)


class Health(Suite):
    def test_states(self):
        """Unknown, healthy, unhealthy after the retries, and healthy again; a check that hangs fails."""
        check = {"command": ["CMD-SHELL", "test -e /hang && sleep 100; test -e /good"], "interval": 1, "timeout": 2, "retries": 2}
        script = ("get() { wget -q -O - $ECS_CONTAINER_METADATA_URI_V4 | grep -o '\"status\":\"[A-Z]*\"'; }; get; touch /good; "
                  "until get | grep -q '\"HEALTHY'; do sleep 0.1; done; get; rm /good; until get | grep -q UNH; do sleep 0.1; done; get; touch /good; "
                  "until get | grep -q '\"HEALTHY'; do sleep 0.1; done; touch /hang; until get | grep -q UNH; do sleep 0.1; done; get")
        printed = self.run_task(container("web", script, healthCheck=check))
        self.assertEqual(printed["web"], [f'"status":"{s}"' for s in ("UNKNOWN", "HEALTHY", "UNHEALTHY", "UNHEALTHY")])

    def test_as_the_container(self):
        """Its user, variables and files."""
        check = {"command": ["CMD-SHELL", "id -u >/v/x; echo $A >>/v/x"], "interval": 1}
        printed = self.run_task(container("web", "until test -s /v/x; do sleep 0.1; done; sleep 0.1; cat /v/x", user="1234", healthCheck=check,
                                          environment=[{"name": "A", "value": "b"}],
                                          linuxParameters={"tmpfs": [{"containerPath": "/v", "size": 1, "mountOptions": ["mode=1777"]}]}))
        self.assertEqual(printed["web"], ["1234", "b"])


class Metadata(Suite):
    def test_documents(self):
        script = "u=$ECS_CONTAINER_METADATA_URI_V4; for p in '' /task /taskWithTags /stats /task/stats; do wget -q -O - $u$p; echo; done; " \
                 "wget -O - $u/none 2>&1 | grep -o '404'; wget -O - http://169.254.170.2/ 2>&1 | grep -o 404; echo $u"
        printed = self.run_task(
            container("web", script, cpu=128, memory=64, dockerLabels={"team": "shop"},
                      logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/g", "awslogs-region": "eu-west-1",
                                                                            "awslogs-stream-prefix": "p"}}))["web"]
        own, whole, tags, stats, all_stats = (json.loads(line) for line in printed[:5])
        self.assertEqual(printed[5:7], ["404", "404"])
        self.assertRegex(printed[7], "^http://169.254.170.2/v4/[0-9a-f]{32}-[0-9]{10}$")
        self.assertEqual((own["Name"], own["Image"], own["KnownStatus"], own["Limits"]), ("web", "bb", "RUNNING", {"CPU": 128, "Memory": 64}))
        self.assertEqual(own["DockerId"], printed[7].rpartition("/")[2])
        self.assertEqual(own["Labels"]["team"], "shop")
        self.assertEqual(own["LogDriver"], "awslogs")
        self.assertEqual(whole, tags)
        self.assertEqual((whole["Family"], whole["LaunchType"], whole["Limits"]), ("try", "FARGATE", {"CPU": 1, "Memory": 2048}))
        self.assertIn(":ecs:eu-west-1:", whole["TaskARN"])
        self.assertEqual(whole["TaskARN"].rpartition("/")[2], own["DockerId"].partition("-")[0])
        self.assertEqual([c["Name"] for c in whole["Containers"]], ["web"])
        self.assertGreater(stats["cpu_stats"]["cpu_usage"]["total_usage"], 0)
        self.assertEqual(list(all_stats), [own["DockerId"]])

    def test_hostile(self):
        """Half requests, long ones, many connections: the task goes on, and others are answered."""
        script = ("h=169.254.170.2; for i in $(seq 30); do (printf 'GET /v4' | nc $h 80 -w 20 >/dev/null 2>&1 &); done; "
                  "(head -c 100000 /dev/zero | tr '\\0' a | nc $h 80 >/dev/null 2>&1); sleep 6; wget -q -O - $ECS_CONTAINER_METADATA_URI_V4 | head -c 1")
        self.assertEqual(self.run_task(container("web", script))["web"], ["{"])


class Output(Suite):
    def test_streams(self):
        status, out, err = self.place.run(task(container("web", "sleep 1; echo out; echo err >&2; printf last"), container("b", "echo other; sleep 100", essential=False)))
        self.assertEqual(status, 0)
        self.assertIn("[web] out\n", out)
        self.assertIn("[web] last\n", out)
        self.assertIn("[b] other\n", out)
        self.assertIn("[web] err\n", err)
        status, out, err = self.place.run(task(container("web", "echo out; echo err >&2")), "--no-prefix", "--quiet")
        self.assertEqual((status, out, err), (0, "out\n", "err\n"))

    def test_long_and_much(self):
        """Lines are cut at 16 KiB; nothing is lost or mixed up."""
        printed = self.run_task(container("web", "head -c 40000 /dev/zero | tr '\\0' a; echo; seq 20000; echo end"),
                                container("b", "seq 20000; sleep 100", essential=False))
        self.assertEqual([len(line) for line in printed["web"][:3]], [16384, 16384, 40000 - 2 * 16384])
        self.assertEqual(printed["web"][3:], [str(i) for i in range(1, 20001)] + ["end"])
        self.assertEqual(printed["b"], [str(i) for i in range(1, len(printed["b"]) + 1)])

    def test_nobody_reads(self):
        with self.place.task(task(container("web", "seq 100; exit 5"))) as run:
            run.finish()
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([self.place.hinomi, "task", "run", "--state", self.place.state, "--image", f"bb={self.place.root}",
                               run.path], stdout=write, stderr=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
        os.close(write)
        self.assertEqual(done.returncode, 5)


class Restart(Suite):
    def test_policy(self):
        policy = {"enabled": True, "restartAttemptPeriod": 0, "ignoredExitCodes": [7]}
        printed = self.run_task(container("web", "echo x >>/count; cat /count | tr -d '\\n'; echo; test $(grep -c x /count) = 3 && exit 7; exit 1",
                                          restartPolicy=policy), status=7)
        self.assertEqual(printed["web"], ["x", "xx", "xxx"])
        self.run_task(container("web", "exit 3", restartPolicy={"enabled": True}), status=3)


class Images(Suite):
    def layers(self):
        folder = self.place.folder
        with open("/bin/busybox", "rb") as file:
            program = file.read()
        links = [(f"bin/{word}", "busybox") for word in ("sh", "ls", "cat", "env", "pwd", "id", "echo", "sleep")]
        base = layer(os.path.join(folder, "base.tar"), [("bin", None), ("bin/busybox", program), *links, ("etc", None), ("tmp", None),
                                                        ("etc/one", b"1\n"), ("etc/two", b"2\n"), ("dir", None), ("dir/a", b"a"), ("real", None),
                                                        ("link", "real")])
        above = layer(os.path.join(folder, "above.tar.gz"), [("dir/b", b"b"), ("etc/three", b"3\n"), ("link/x", b"through\n"), ("etc/two", b"two\n")],
                      gone=["etc/one"], opaque=["dir"], mode="w:gz")
        return [base, above]

    CONFIG = {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo cmd; ls /etc/one /etc/two /etc/three /dir /real; cat /etc/two /real/x; env; pwd; id -u"],
              "Env": ["FROM_IMAGE=yes", "A=image"], "WorkingDir": "/tmp", "User": "42"}

    def judge(self, path, image="app:1"):
        images = {image: path}
        printed = self.run_task({"name": "web", "image": image, "environment": [{"name": "A", "value": "own"}]}, images=images)
        lines = printed["web"]
        self.assertEqual(lines[0], "cmd")
        for wanted in ("/etc/two", "/etc/three", "b", "x", "two", "through", "FROM_IMAGE=yes", "A=own", "/tmp", "42"):
            self.assertIn(wanted, lines)
        self.assertNotIn("a", lines)
        self.assertNotIn("/etc/one", lines)
        self.assertNotIn("A=image", lines)
        printed = self.run_task({"name": "web", "image": image, "command": ["echo own command"]}, images=images)
        self.assertEqual(printed["web"], ["own command"])
        self.run_task({"name": "web", "image": image, "entryPoint": ["/bin/echo"]}, images=images)
        self.assertEqual(self.place.printed["web"], [""])

    def test_layout(self):
        self.judge(oci_layout(os.path.join(self.place.folder, "layout"), self.layers(), self.CONFIG))

    def test_layout_in_tar(self):
        folder = oci_layout(os.path.join(self.place.folder, "layout"), self.layers(), self.CONFIG)
        tar = os.path.join(self.place.folder, "layout.tar")
        subprocess.run(["tar", "-cf", tar, "-C", folder, "."], check=True)
        self.judge(tar)

    def test_saved(self):
        self.judge(saved_tar(os.path.join(self.place.folder, "saved.tar"), self.layers(), self.CONFIG))

    def test_declared_volumes(self):
        """They begin with what the image has there, and go with volumesFrom."""
        config = dict(self.CONFIG, Volumes={"/dir": {}, "/new/one": {}, "/link": {}}, User="")
        path = oci_layout(os.path.join(self.place.folder, "layout"), self.layers(), config)
        printed = self.run_task(
            {"name": "web", "image": "bb", "entryPoint": ["/bin/sh", "-c", "sleep 1; ls /dir /new/one; cat /dir/a; touch /dir/z 2>&1; true"],
             "volumesFrom": [{"sourceContainer": "data", "readOnly": True}]},
            {"name": "data", "image": "app:1", "essential": False, "command": ["cat /dir/b; echo -n changed >/dir/a; echo >/new/one/y; sleep 100"]},
            images={"bb": self.place.root, "app:1": path})
        self.assertEqual(printed["data"], ["b"])
        self.assertEqual([line for line in printed["web"] if line], ["/dir:", "a", "b", "/new/one:", "y", "changedtouch: /dir/z: Read-only file system"])

    def test_broken(self):
        folder = oci_layout(os.path.join(self.place.folder, "layout"), self.layers(), self.CONFIG)
        blobs = os.path.join(folder, "blobs/sha256")
        largest = max(os.listdir(blobs), key=lambda name: os.path.getsize(os.path.join(blobs, name)))
        with open(os.path.join(blobs, largest), "ab") as file:
            file.write(b"\0" * 512)
        status, _, err = self.place.run(task({"name": "web", "image": "app:1"}), images={"app:1": folder})
        self.assertEqual(status, FAILED)
        self.assertIn("is not what its digest says", err)

    def test_leads_nowhere(self):
        """A layer's names and links stay in the image."""
        outside = os.path.join(self.place.folder, "outside")
        os.mkdir(outside)
        folder = self.place.folder
        bad = layer(os.path.join(folder, "bad.tar"), [("away", outside), ("away/x", b"out"), ("/absolute", b"in")], gone=["away/.."])
        path = oci_layout(os.path.join(folder, "layout"), [*self.layers()[:1], bad], dict(self.CONFIG, Cmd=["ls /absolute"]))
        self.place.run(task({"name": "web", "image": "app:1"}), images={"app:1": path})
        self.assertEqual(os.listdir(outside), [])
        self.assertFalse(os.path.exists("/absolute"))
        up = layer(os.path.join(folder, "up.tar"), [("../up", b"x")])
        path = oci_layout(os.path.join(folder, "layout2"), [up], self.CONFIG)
        status, _, err = self.place.run(task({"name": "web", "image": "app:1"}), images={"app:1": path})
        self.assertEqual(status, FAILED, err)

    def test_config_option(self):
        config = os.path.join(self.place.folder, "config.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"config": {"Entrypoint": ["/bin/echo"], "Cmd": ["from", "config"], "StopSignal": "SIGINT"}}, file)
        printed = self.run_task({"name": "web", "image": "bb"}, options=["--image-config", f"bb={config}"])
        self.assertEqual(printed["web"], ["from config"])


def last_told(self):
    with open(self.last.path + ".err", encoding="utf-8") as file:
        return file.read()


Place.last_told = last_told

if __name__ == "__main__":
    lacking = missing()
    if lacking:
        print("skipped:", lacking)
        sys.exit(SKIPPED)
    HINOMI = sys.argv.pop(1)
    unittest.main()
