#!/usr/bin/env python3
"""`run` as its caller and its command see it: status, signals, job control, descriptors, environment are as
without it; what happens when one of its processes is killed. Usage: run.py HINOMI"""
import ctypes
import json
import os
import pty
import resource
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

HINOMI = os.path.abspath(sys.argv.pop(1))
PYTHON = sys.executable
LIMIT_S = 60
RULES = """
- rule: marker made
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and fd.name endswith /hinomi-marker and evt.is_open_write = true
  output: made %fd.name by %proc.name
  priority: WARNING
- rule: marker directory
  desc: d
  condition: evt.type in (mkdir, mkdirat) and evt.arg.path endswith hinomi-dir
  output: directory %evt.arg.path
  priority: NOTICE
"""
PROBE = r"""
import json, os, resource, sys
def status(*names):
    lines = dict(line.rstrip("\n").split(":", 1) for line in open("/proc/self/status"))
    return {name: lines[name].strip() for name in names}
mask = os.umask(0); os.umask(mask)
fds = {}
for name in os.listdir("/proc/self/fd"):
    try: fds[name] = os.readlink("/proc/self/fd/" + name)
    except OSError: pass
fds = {k: v for k, v in fds.items() if not v.endswith("/fd")}
out = {"status": status("SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd",
                        "CapAmb", "Uid", "Gid", "Groups", "Cpus_allowed", "Umask"),
       "umask": mask, "nice": os.nice(0), "fds": fds, "group": os.getpgrp(), "session": os.getsid(0),
       "cwd": os.getcwd(), "env": dict(os.environ), "argv": sys.argv,
       "limits": [resource.getrlimit(i) for i in range(16)],
       "oom": open("/proc/self/oom_score_adj").read()}
open(sys.argv[1], "w").write(json.dumps(out, sort_keys=True))
"""


def usable():
    """Is there user notification, and no listener in force already?"""
    done = subprocess.run([HINOMI, "run", "--rules", RULES_FILE, "--", "true"], capture_output=True,
                          text=True, timeout=LIMIT_S)
    return "" if done.returncode == 0 else done.stderr.strip()


def others_reach(path):
    """May everybody enter its folders? Those of a clone in /root may not."""
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def hinomi(*command, options=()):
    return [HINOMI, "run", *options, "--rules", RULES_FILE, "--", *command]


def run(*command, options=(), **more):
    return subprocess.run(hinomi(*command, options=options), capture_output=True, text=True,
                          timeout=LIMIT_S, **{"stdin": subprocess.DEVNULL, **more})


def until(condition, seconds=LIMIT_S / 2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def find(pid, name):
    """The process of this name below pid."""
    for child in children(pid):
        found = child if name_of(child) == name else find(child, name)
        if found:
            return found
    return 0


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


class Pipe:
    """A command whose lines are read one at a time."""

    def __init__(self, *command, options=(), bare=False, **more):
        words = list(command) if bare else hinomi(*command, options=options)
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, **more)
        self.pid = self.process.pid

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
        assert ready, "no line came"
        return self.process.stdout.readline().decode().strip()

    def end(self):
        out, err = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, out.decode(), err.decode()


COUNTER = r"""
import os, signal, sys, time
got = []
def note(number, frame): got.append(number)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCONT, signal.SIGALRM,
               signal.SIGRTMIN + 3):
    signal.signal(number, note)
print("ready", os.getpid(), flush=True)
end = time.monotonic() + 20
while signal.SIGUSR2 not in signal.sigpending() and time.monotonic() < end:
    time.sleep(0.01)
print(sorted(got), flush=True)
"""
COUNTER = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])\n" + COUNTER


class Run(unittest.TestCase):
    def test_status(self):
        for status in (0, 1, 2, 3, 124, 125, 126, 127, 128, 143, 255):
            done = run("sh", "-c", f"exit {status}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", ""))

    def test_death_by_signal(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGKILL,
                       signal.SIGSEGV, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1,
                       signal.SIGRTMIN + 1):
            with tempfile.TemporaryDirectory() as folder:
                done = run(PYTHON, "-c", "import os, signal, sys\n"
                           f"signal.signal({int(number)}, signal.SIG_DFL) if {int(number)} != 9 else 0\n"
                           f"os.kill(os.getpid(), {int(number)})", cwd=folder,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
                self.assertEqual((done.returncode, done.stderr), (-number, ""))

    def test_own_failures(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as wrong:
            wrong.write("- rule: a\n")
            wrong.flush()
            for words, status, text in (
                    (["--rules", RULES_FILE], 125, "a command is missing"),
                    (["--", "true"], 125, "rules are missing"),
                    (["--no-such"], 125, "there is no such option"),
                    (["--compat", "4.4", "--rules", RULES_FILE, "--", "true"], 125, "5.10 only"),
                    (["--without", "wings", "--rules", RULES_FILE, "--", "true"], 125, "hinomi doctor"),
                    (["--sensor", "notify", "--without", "CONTINUE", "--rules", RULES_FILE, "--", "true"], 125,
                     "watching needs"),
                    (["--sensor", "notify", "--no-filter", "--rules", RULES_FILE, "--", "true"], 125, "exclude each"),
                    (["--sensor", "magic", "--rules", RULES_FILE, "--", "true"], 125, "auto, notify, ptrace"),
                    (["--calls", "some", "--rules", RULES_FILE, "--", "true"], 125, "rules, all"),
                    (["--rules", wrong.name, "--", "true"], 125, "the rules have errors"),
                    (["--rules", "/nonexistent.yaml", "--", "true"], 125, "No such file"),
                    (["--rules", RULES_FILE, "-o", "/nonexistent/a", "--", "true"], 125, "cannot write"),
                    (["--rules", RULES_FILE, "-w", "/nonexistent/a", "--", "true"], 125, "cannot write"),
                    (["--rules", RULES_FILE, "--", "no-such-command"], 127, "there is no such command"),
                    (["--rules", RULES_FILE, "--", "/no/such"], 127, "No such file"),
                    (["--rules", RULES_FILE, "--", "/etc/passwd"], 126, "Permission denied"),
                    (["--rules", RULES_FILE, "--", "/etc"], 126, "Permission denied")):
                done = subprocess.run([HINOMI, "run", *words], capture_output=True, text=True,
                                      timeout=LIMIT_S)
                self.assertEqual((done.returncode, done.stdout), (status, ""), (words, done.stderr))
                self.assertIn(text, done.stderr)

    def test_script_without_shebang(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "script")
            with open(path, "w", encoding="ascii") as file:
                file.write("echo $0 $1\n")
            os.chmod(path, 0o755)
            self.assertEqual(run(path, "one").stdout, f"{path} one\n")
            done = run("script", "two", env={"PATH": folder})
            self.assertEqual(done.stdout, f"{path} two\n")

    def test_alerts(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("sh", "-c", "echo out; echo err >&2; : > hinomi-marker", cwd=folder)
            self.assertEqual((done.returncode, done.stdout), (0, "out\n"))
            self.assertIn("Warning made", done.stderr)
            self.assertIn("err\n", done.stderr)
            alerts = os.path.join(folder, "alerts")
            for n in (1, 2):
                done = run("sh", "-c", ": > hinomi-marker; mkdir -p hinomi-dir", cwd=folder,
                           options=["--json", "-o", alerts])
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                with open(alerts, encoding="utf-8") as file:
                    rules = [json.loads(line)["rule"] for line in file]
                self.assertEqual(rules.count("marker made"), n)

    def test_deny(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("sh", "-c", "mkdir hinomi-dir; echo $?", cwd=folder, options=["--deny"])
            self.assertEqual((done.returncode, done.stdout), (0, "1\n"))
            self.assertIn("Operation not permitted", done.stderr)
            self.assertIn("Notice directory", done.stderr)
            self.assertEqual(os.listdir(folder), [])

    def test_same_environment(self):
        """The command finds everything as it would without."""
        def odd():
            os.umask(0o027)
            os.nice(3)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
            resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, resource.RLIM_INFINITY))

        with tempfile.TemporaryDirectory() as folder, open("/dev/null", "rb") as null:
            for prepare, keep in ((None, []), (odd, []), (odd, [0]), (odd, [0, 1, 2])):
                found = []
                for wrap in ([], hinomi()):
                    result = os.path.join(folder, "result")
                    read, write = os.pipe()
                    extra = os.dup2(write, 57, inheritable=True)

                    def all_of_it(prepare=prepare, keep=keep):
                        if prepare:
                            prepare()
                        for fd in keep:
                            os.close(fd)

                    os.close(write)
                    subprocess.run([*wrap, PYTHON, "-c", PROBE, result], stdin=null, cwd=folder,
                                   stdout=null, stderr=null, timeout=LIMIT_S, pass_fds=[57],
                                   preexec_fn=all_of_it, env={"A": "b", "PATH": os.environ["PATH"]})
                    os.close(extra)
                    os.close(read)
                    with open(result, encoding="utf-8") as file:
                        found.append(json.load(file))
                for one in found:
                    one["fds"] = {k: v if "pipe" not in v else "pipe" for k, v in one["fds"].items()}
                self.assertEqual(found[0], found[1])

    def test_pipes_end(self):
        """Nobody but the command holds its descriptors."""
        with Pipe("sh", "-c", "exec >&-; read x").process as process:
            process.kill()
        pipe = Pipe(PYTHON, "-c", "import os, time\nprint('a', flush=True)\nos.close(1)\ntime.sleep(20)")
        self.assertEqual(pipe.line(), "a")
        ready, _, _ = select.select([pipe.process.stdout], [], [], 10)
        self.assertTrue(ready)
        self.assertEqual(pipe.process.stdout.read(), b"")
        pipe.process.terminate()
        self.assertEqual(pipe.end()[0], -signal.SIGTERM)
        done = subprocess.run(f"yes | {' '.join(hinomi('head', '-n1'))}", shell=True,
                              capture_output=True, timeout=LIMIT_S)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"y\n", b""))

    def test_signals_are_passed_on_once(self):
        pipe = Pipe(PYTHON, "-c", COUNTER)
        pipe.line()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT, signal.SIGALRM, signal.SIGRTMIN + 3):
            os.kill(pipe.pid, number)
            time.sleep(0.1)
        os.kill(pipe.pid, signal.SIGUSR2)
        expected = sorted(int(n) for n in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT, signal.SIGALRM,
                                           signal.SIGRTMIN + 3))
        self.assertEqual(pipe.line(), str(expected))
        self.assertEqual(pipe.end()[0], 0)

    def test_signals_of_the_group_come_once(self):
        pipe = Pipe(PYTHON, "-c", COUNTER, start_new_session=True)
        pipe.line()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            os.killpg(pipe.pid, number)
            time.sleep(0.1)
        os.kill(pipe.pid, signal.SIGUSR1)
        time.sleep(0.1)
        os.killpg(pipe.pid, signal.SIGUSR2)
        self.assertEqual(pipe.line(), str(sorted([1, 2, 15, int(signal.SIGUSR1)])))
        self.assertEqual(pipe.end()[0], 0)

    def test_value_of_a_queued_signal(self):
        libc = ctypes.CDLL(None, use_errno=True)
        number = signal.SIGRTMIN + 2
        pipe = Pipe(PYTHON, "-c", "import ctypes, signal\n"
                    f"signal.pthread_sigmask(signal.SIG_BLOCK, [{number}])\nprint('ready', flush=True)\n"
                    f"info = (ctypes.c_int * 32)()\nmask = (ctypes.c_ulong * 16)(1 << ({number} - 1))\n"
                    "ctypes.CDLL(None).sigwaitinfo(mask, info)\n"
                    "print(info[0], info[2], info[6], flush=True)")
        pipe.line()
        libc.sigqueue(pipe.pid, number, ctypes.c_void_p(4711))
        self.assertEqual(pipe.line(), f"{number} -1 4711")
        pipe.end()

    def test_stop_and_go_on(self):
        # A group of its own whose parent is in this session: terminal stops do nothing in orphaned groups.
        pipe = Pipe(PYTHON, "-c", COUNTER, process_group=0)
        child = int(pipe.line().split()[1])
        for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN):
            os.kill(child, number)
            _, status = os.waitpid(pipe.pid, os.WUNTRACED)
            self.assertTrue(os.WIFSTOPPED(status))
            self.assertEqual(os.WSTOPSIG(status), number)
            self.assertEqual(state_of(child), "T")
            os.kill(pipe.pid, signal.SIGCONT)
            until(lambda: state_of(child) != "T")
            time.sleep(0.1)
        os.kill(child, signal.SIGSTOP)
        os.waitpid(pipe.pid, os.WUNTRACED)
        os.kill(child, signal.SIGCONT)
        until(lambda: state_of(pipe.pid) != "T")
        os.kill(pipe.pid, signal.SIGUSR2)
        self.assertEqual(pipe.line(), str([int(signal.SIGCONT)] * 4))
        self.assertEqual(pipe.end()[0], 0)

    def test_job_control(self):
        if not shutil.which("bash"):
            self.skipTest("skipped: no bash")
        for attempt in range(3):
            try:
                self.job_control()
                return
            except AssertionError as error:
                if attempt == 2:
                    raise
                print("unsteady: job_control, tried again:", str(error)[:200], file=sys.stderr)

    def job_control(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("bash", ["bash", "--norc", "--noediting", "-i"], {**os.environ, "PS1": "P>"})

        def say(text):
            os.write(terminal, text.encode())

        unread = ""

        def expect(text):
            nonlocal unread
            end = time.monotonic() + LIMIT_S / 10
            while text not in unread:
                self.assertLess(time.monotonic(), end, (text, unread))
                if select.select([terminal], [], [], 0.1)[0]:
                    unread += os.read(terminal, 4096).decode()
            unread = unread.split(text, 1)[1]

        def stopped():
            """cat too: until it has seen the signal, it may still take the next line."""
            expect("Stopped")
            expect("P>")
            until(lambda: state_of(find(pid, "cat")) == "T")

        script = "trap 'echo i''nt' INT; echo be''gin; sleep 1; echo e''nd; cat"
        say(" ".join(hinomi()) + f' sh -c "{script}"\n')
        expect("begin\r\n")
        say("\x03")
        expect("int\r\n")
        expect("end\r\n")
        say("there?\n")
        expect("there?\r\nthere?\r\n")
        say("\x1a")
        stopped()
        say("fg\n")
        expect("fg\r\n")
        expect('cat"\r\n')
        say("hello\n")
        expect("hello\r\nhello")
        say("\x1a")
        stopped()
        say("bg; sleep 0.3; jobs\n")
        expect("&\r\n")
        expect("Stopped")
        stopped()
        say("fg\n")
        expect("fg\r\n")
        expect('cat"\r\n')
        say("\x04")
        say("echo st$?\n")
        expect("st0\r\n")
        say(" ".join(hinomi("sh", "-c", "'echo sle''eping; exec sleep 30'")) + "\n")
        expect("sleeping\r\n")
        say("\x03")
        say("echo st$?\n")
        expect("st130\r\n")
        say("exit\n")
        os.waitpid(pid, 0)
        os.close(terminal)

    def test_sensor_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            pipe = Pipe("sh", "-c", "echo ready; sleep 0.5; for i in 1 2 3 4 5; do mkdir d$i; done; exit 9",
                        cwd=folder, options=["--calls", "all"])
            self.assertEqual(pipe.line(), "ready")
            os.kill(until(lambda: find(pipe.pid, "hinomi-sensor")), signal.SIGKILL)
            status, _, err = pipe.end()
            self.assertEqual(len(os.listdir(folder)), 5)
        self.assertEqual(status, 9, err)
        self.assertIn("monitoring has ended", err)
        self.assertRegex(err, r"hinomi run: [1-9]\d* calls passed unseen")

    def test_front_killed(self):
        pipe = Pipe(PYTHON, "-c", COUNTER)
        child = int(pipe.line().split()[1])
        pipe.process.kill()
        until(lambda: not os.path.exists(f"/proc/{child}") or state_of(child) == "Z")
        pipe.end()

    def test_daemon(self):
        """What outlives the command is served on, and holds nobody up."""
        with tempfile.TemporaryDirectory() as folder:
            mark = os.path.join(folder, "hinomi-dir")
            alerts = os.path.join(folder, "alerts")
            script = f"(sleep 1; mkdir {mark}) >/dev/null 2>&1 & echo started"
            with open(os.devnull, "wb") as null:
                done = subprocess.run(hinomi("sh", "-c", script, options=["-o", alerts]), stderr=null,
                                      stdout=subprocess.PIPE, timeout=LIMIT_S)
            self.assertEqual((done.returncode, done.stdout), (0, b"started\n"))
            self.assertFalse(os.path.exists(mark))
            until(lambda: os.path.exists(mark))

            def alerted():
                with open(alerts, encoding="utf-8") as file:
                    return "directory" in file.read()
            until(alerted)

    def test_nested(self):
        """There is one listener, and one tracer; inside of a listener a tracer works."""
        done = run(*hinomi("true", options=["--sensor", "notify"]))
        self.assertEqual(done.returncode, 125)
        self.assertIn("only one", done.stderr.replace("\n", " "))
        with tempfile.TemporaryDirectory() as folder:
            inner = os.path.join(folder, "alerts")
            done = run(*hinomi("sh", "-c", "mkdir hinomi-dir; exit 5", options=["-o", inner]), cwd=folder)
            self.assertEqual(done.returncode, 5, done.stderr)
            with open(inner, encoding="utf-8") as file:
                self.assertIn("directory", file.read())
        done = run(*hinomi("true"), options=["--sensor", "ptrace"])
        self.assertEqual(done.returncode, 125)
        self.assertIn("another tracer", done.stderr)

    def test_traced(self):
        for options in (["--sensor", "ptrace"], ["--sensor", "ptrace", "--no-filter"]):
            with tempfile.TemporaryDirectory() as folder:
                done = run("sh", "-c", "mkdir hinomi-dir; kill -TERM $$", cwd=folder, options=options)
            self.assertEqual(done.returncode, -signal.SIGTERM, done.stderr)
            self.assertIn("Notice directory", done.stderr)

    def test_set_user_id(self):
        """Without CAP_SYS_ADMIN a filter costs set-user-id programs their rights; ptrace without one does not."""
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("skipped: needs root and setpriv(1)")
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            program = shutil.copy(shutil.which("id"), folder)
            os.chmod(folder, 0o755)
            os.chmod(program, 0o4755)
            command = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--", program, "-u"]
            if subprocess.run(command, capture_output=True, text=True, check=False).stdout != "0\n":
                self.skipTest("skipped: set-user-id programs gain nothing here")
            for options, euid in ((["--sensor", "ptrace", "--no-filter"], "0\n"), (["--sensor", "ptrace"], "1000\n")):
                done = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--", *hinomi(*command, options=options)],
                                      capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
                self.assertEqual((done.returncode, done.stdout), (0, euid), done.stderr)

    def test_tracer_killed(self):
        """Calls that stop for a tracer fail without one: the command ends too. Without a filter it goes on."""
        for options, wanted in ((["--sensor", "ptrace"], -signal.SIGKILL),
                                (["--sensor", "ptrace", "--no-filter"], 9)):
            pipe = Pipe("sh", "-c", "echo ready; sleep 0.5; exit 9", options=options)
            self.assertEqual(pipe.line(), "ready")
            os.kill(until(lambda: find(pipe.pid, "hinomi-sensor")), signal.SIGKILL)
            status, _, err = pipe.end()
            self.assertEqual(status, wanted, err)
            self.assertIn("the sensor was killed", err)

    def test_first_process(self):
        """As process 1 of a container: orphans are reaped, signals that have no handler do nothing."""
        if os.geteuid() != 0 or not shutil.which("unshare"):
            self.skipTest("skipped: needs root and unshare(1)")
        wrap = ["unshare", "--pid", "--fork", "--mount-proc"]
        script = "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.5; ps ax -o stat= | grep -c Z; exit 3"
        done = subprocess.run([*wrap, *hinomi("sh", "-c", script)], capture_output=True, text=True,
                              timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        if "unshare" in done.stderr:
            self.skipTest("skipped: " + done.stderr.strip())
        self.assertEqual((done.returncode, done.stdout), (3, "0\n"), done.stderr)
        done = subprocess.run([*wrap, *hinomi("sh", "-c", "kill -KILL $$")], capture_output=True,
                              timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 128 + signal.SIGKILL)

    def test_unprivileged(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: not root, so all other tests are this one")
        if not others_reach(HINOMI):
            self.skipTest(f"skipped: other users may not enter the folders of {HINOMI}")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            done = run("sh", "-c", "id -u; mkdir hinomi-dir", cwd=folder, user=1000, group=1000,
                       extra_groups=[])
        self.assertEqual((done.returncode, done.stdout), (0, "1000\n"), done.stderr)
        self.assertIn("Notice directory", done.stderr)

    def test_short_processes(self):
        for options in ([], ["--compat", "5.10"], ["--without", "SYNC_WAKE_UP", "--without", "openat2"]):
            done = run("sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done; echo $i",
                       options=options)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "300\n", ""))

    def test_signal_while_loading(self):
        for pause in (0, 0.005, 0.01, 0.02, 0.05, 0.1):
            pipe = Pipe("sleep", "20", start_new_session=True)
            time.sleep(pause)
            os.killpg(pipe.pid, signal.SIGINT)
            self.assertEqual(pipe.end()[0], -signal.SIGINT)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        os.chmod(FOLDER, 0o755)
        RULES_FILE = os.path.join(FOLDER, "rules.yaml")
        with open(RULES_FILE, "w", encoding="utf-8") as rules:
            rules.write(RULES)
        os.chmod(RULES_FILE, 0o644)
        WHY = usable()
        if "user notification" in WHY or "only one" in WHY.replace("\n", " "):
            print("skipped:", WHY)
            sys.exit(77)
        unittest.main()
