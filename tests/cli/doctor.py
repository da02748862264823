#!/usr/bin/env python3
"""`doctor` tells the truth: with a filter put in force before it, with a listener taken, without rights.
Usage: doctor.py HINOMI"""
import ctypes
import json
import os
import pathlib
import platform
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

HINOMI = os.path.abspath(sys.argv.pop(1))
LIMIT_S = 60
NUMBERS = {"x86_64": {"mkdir": 83, "mkdirat": 258, "mount": 165, "bpf": 321, "seccomp": 317,
                      "ptrace": 101},
           "aarch64": {"mkdirat": 34, "mount": 40, "bpf": 280, "seccomp": 277, "ptrace": 117}}.get(platform.machine())
ERRNO, KILL_PROCESS, ALLOW = 0x00050000, 0x80000000, 0x7fff0000
KEYS = {"kernel", "machine", "sensor", "sensors", "notify", "bpf", "seccomp", "ptrace",
        "process_vm_readv", "pidfd_getfd", "capabilities", "yama", "cgroups", "container", "warnings"}
RULES = """
- rule: mounts
  desc: d
  condition: evt.type = mount and evt.dir = <
  output: mounted
  priority: INFO
- rule: directories
  desc: d
  condition: evt.type in (mkdir, mkdirat, mount)
  output: made
  priority: NOTICE
- rule: reads
  desc: d
  condition: evt.type = read
  output: read
  priority: NOTICE
- rule: ends
  desc: d
  condition: evt.type = procexit
  output: ended
  priority: NOTICE
- rule: off
  desc: d
  enabled: false
  condition: evt.type = mount
  output: mounted
  priority: NOTICE
"""


def filtered(actions):
    """For preexec_fn: puts a seccomp filter with these actions of calls in force."""
    def install():
        libc = ctypes.CDLL(None, use_errno=True)
        code = [(0x20, 0, 0, 0)]
        for name, action in actions.items():
            code += [(0x15, 0, 1, NUMBERS[name]), (0x06, 0, 0, action)]
        code.append((0x06, 0, 0, ALLOW))
        raw = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
        program = struct.pack("H6xP", len(code), ctypes.addressof(raw))
        libc.prctl(38, 1, 0, 0, 0)
        if libc.syscall(NUMBERS["seccomp"], 1, 0, program) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")
    return install


def doctor(*arguments, **more):
    done = subprocess.run([HINOMI, "doctor", *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT_S, **more)
    return done.returncode, done.stdout, done.stderr


def facts(*arguments, **more):
    status, out, err = doctor("--json", *arguments, **more)
    if err:
        raise AssertionError(err)
    return status, json.loads(out)


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        os.chmod(cls.folder.name, 0o755)
        cls.rules = os.path.join(cls.folder.name, "rules.yaml")
        with open(cls.rules, "w", encoding="ascii") as file:
            file.write(RULES)
        os.chmod(cls.rules, 0o644)
        cls.status, cls.plain = facts("--rules", cls.rules)

    def needs_sensor(self):
        if self.plain["sensor"] is None:
            self.skipTest("skipped: no sensor works here: " + self.plain["sensors"][0]["reason"])
        if not NUMBERS:
            self.skipTest("skipped: call numbers of this machine are not known here")

    def test_shape(self):
        self.assertEqual(set(self.plain), KEYS | {"rules"})
        self.assertEqual(self.status, 0 if self.plain["sensor"] else 3)
        self.assertEqual([s["name"] for s in self.plain["sensors"]], ["notify", "ptrace", "ebpf"])
        self.assertEqual(len(self.plain["notify"]), 13)
        self.assertEqual(self.plain["kernel"], platform.release())
        self.assertEqual(set(self.plain["bpf"]["programs"]), {"tracepoint", "raw_tp", "tp_btf", "kprobe",
                                                              "fentry", "lsm", "cgroup_skb"})
        self.assertEqual(self.plain["sensors"][1]["works"], self.plain["ptrace"] == "yes")
        self.assertFalse(self.plain["sensors"][2]["works"])
        self.assertIn("not built yet", self.plain["sensors"][2]["reason"])

    def test_same_in_text(self):
        _, out, err = doctor("--rules", self.rules)
        self.assertEqual(err, "")
        self.assertIn(f"sensor: {self.plain['sensor'] or 'none'}\n", out)
        self.assertIn(f"kernel {platform.release()}", out)
        self.assertIn("    reads\n      read: not a call of this sensor\n", out)

    def test_capabilities(self):
        with open("/proc/self/status", encoding="ascii") as file:
            effective = [int(line.split()[1], 16) for line in file if line.startswith("CapEff")][0]
        self.assertEqual(len(self.plain["capabilities"]), bin(effective).count("1"))

    def test_rules(self):
        self.needs_sensor()
        self.assertEqual(self.plain["rules"]["enabled"], 4)
        dead = {one["rule"]: one["calls"] for one in self.plain["rules"]["cannot_fire"]}
        self.assertEqual(dead["reads"], [{"call": "read", "why": "not a call of this sensor"}])
        self.assertNotIn("ends", dead)
        if "mounts" in dead:
            self.skipTest("skipped: mount is refused here already")
        self.assertEqual(self.plain["rules"]["partly"], [])

    def test_hidden_calls(self):
        self.needs_sensor()
        for action, why in ((ERRNO | 1, "EPERM"), (ERRNO | 38, "ENOSYS"), (ERRNO | 13, "refused"),
                            (KILL_PROCESS, "ends the process")):
            status, found = facts("--rules", self.rules, preexec_fn=filtered({"mount": action}))
            self.assertEqual(status, 0)
            dead = {one["rule"]: one["calls"] for one in found["rules"]["cannot_fire"]}
            self.assertEqual(set(dead), {"reads", "mounts"})
            self.assertIn(why, dead["mounts"][0]["why"])
            partly = found["rules"]["partly"]
            self.assertEqual([(one["rule"], [c["call"] for c in one["calls"]]) for one in partly],
                             [("directories", ["mount"])])
            self.assertTrue(found["seccomp"]["no_new_privs"])
            self.assertEqual(found["seccomp"]["mode"], "filter")
            self.assertGreaterEqual(found["seccomp"]["filters"], 1)
            self.assertFalse(os.path.exists(os.path.join(self.folder.name, "0")))

    def test_programs_refused(self):
        self.needs_sensor()
        _, found = facts("--rules", self.rules, preexec_fn=filtered({"bpf": ERRNO | 1}))
        self.assertEqual(found["bpf"]["programs"]["raw_tp"], {"loads": "EPERM", "attaches": None})

    def test_no_seccomp(self):
        self.needs_sensor()
        status, found = facts("--rules", self.rules, preexec_fn=filtered({"seccomp": ERRNO | 1}))
        self.assertEqual((status, found["sensor"]), (0, "ptrace"))
        self.assertIn("cannot be installed", found["sensors"][1]["reason"])
        self.assertEqual(found["seccomp"]["listener"], "refused")
        self.assertFalse(found["rules"]["calls_tried"])
        for options, status in (([], 0), (["--sensor", "notify"], 125)):
            done = subprocess.run([HINOMI, "run", *options, "--rules", self.rules, "--", "true"], capture_output=True,
                                  text=True, timeout=LIMIT_S, preexec_fn=filtered({"seccomp": ERRNO | 1}))
            self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn("no seccomp user notification", done.stderr)

    def test_nothing_works(self):
        self.needs_sensor()
        status, found = facts("--rules", self.rules, preexec_fn=filtered({"seccomp": ERRNO | 1, "ptrace": ERRNO | 1}))
        self.assertEqual((status, found["sensor"]), (3, None))

    def test_listener_taken(self):
        self.needs_sensor()
        done = subprocess.run([HINOMI, "run", "--rules", self.rules, "-o", "/dev/null", "--", HINOMI,
                               "doctor", "--json", "--rules", self.rules], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)
        found = json.loads(done.stdout)
        self.assertEqual((done.returncode, found["sensor"]), (0, "ptrace"), done.stderr)
        self.assertIn("other listener", found["sensors"][1]["reason"])
        self.assertEqual(found["seccomp"]["listener"], "taken")
        self.assertIn("only one", found["sensors"][0]["reason"])

    def test_unprivileged(self):
        self.needs_sensor()
        if os.geteuid() != 0:
            self.skipTest("skipped: not root, so all other tests are this one")
        folders = pathlib.Path(HINOMI).parents
        if not all(folder.stat().st_mode & stat.S_IXOTH for folder in folders):
            self.skipTest(f"skipped: other users may not enter the folders of {HINOMI}")
        status, found = facts("--rules", self.rules, user=1000, group=1000, extra_groups=[], cwd="/")
        self.assertEqual((status, found["sensor"], found["capabilities"]), (0, "notify", []))
        self.assertFalse(found["notify"]["without_no_new_privs"])
        self.assertIn("no_new_privs", [warning["key"] for warning in found["warnings"]])

    def test_rules_chosen(self):
        _, found = facts("--rules", self.rules, "--priority", "notice")
        self.assertEqual(found["rules"]["enabled"], 3)
        _, found = facts("--rules", self.rules, "--disable-rule", "ea")
        self.assertEqual(found["rules"]["enabled"], 3)

    def test_usage(self):
        for words, status in ((["--no-such"], 2), (["word"], 2), (["--rules"], 2),
                              (["--rules", "/nonexistent.yaml"], 1),
                              (["--rules", self.rules, "--priority", "high"], 2)):
            code, out, err = doctor(*words)
            self.assertEqual((code, out), (status, ""), words)
            self.assertTrue(err)

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([HINOMI, "doctor"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=LIMIT_S, check=False, cwd="/")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)


if __name__ == "__main__":
    unittest.main()
