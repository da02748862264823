#!/usr/bin/env python3
"""The agent beside applications, in containers of one task.

    run.py SHIM AGENT PROGRAMS SHARED [--local HINOMI-LOCAL] [--program HINOMI-AGENT] [--only TEXT] [--rounds N] [--keep]

Applications run under Docker's default seccomp profile and capabilities, with read-only roots, as root and as
others; the agent has SYS_PTRACE. --rounds: how often the agent is killed under load (300 before a release).
"""
import argparse
import filecmp
import json
import os
import pty
import random
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from pod import LIMIT_S, Failure, Images, Pod, podman, read, wait_for  # noqa: E402

SKIPPED = 77
CASE_TRIES = 3
SHIM_MAX = 100 * 1024
HOLDER_MAX_KB = 300
GONE, STUCK, ABSENT = 1, 2, 3
STOP = "/hinomi/stop"  # ends a load
EPERM = 1
CONTENT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "content", "rules")
WRITTEN = "Malicious filenames written"
RENEWED = """
- rule: Renewed
  desc: a file of a name that the rules before did not know
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename startswith renewed
  output: renewed %fd.name
  priority: NOTICE
"""
WATCHING_MORE = """
- rule: More calls
  desc: the filter is another one with this
  condition: evt.type = userfaultfd and evt.res = 0
  output: made
  priority: DEBUG
"""
RESPONSES = """
- rule: To be paused
  desc: its container is paused
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename = pause-me
  output: pause %fd.name
  priority: NOTICE
- rule: To be stopped
  desc: its container is stopped
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.filename = stop-me
  output: stop %fd.name
  priority: NOTICE
"""
POLICIES = """
- policy: Responses
  enabled: true
  rules:
    - name: To be paused
      actions: [pause]
    - name: To be stopped
      actions: [stop]
"""
MEMORY_MB = 96  # of an agent that is to have too little
THREADS_MAX = 4  # of a load: each may have a call that the agent had let go as it died
READS = 100  # of one application, beside the flood of another


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


def ran_well(result):
    """The application noticed nothing."""
    check(isinstance(result, dict), result)
    check(result["seen"] == 0 and result["status"] == 7, "children:", result)
    check(result["failed"] == 0, "calls failed:", result)
    check(min(result["steps"]) > 10, "a thread hung:", result)


def case_images(suite, pod):
    """Every kind of image, as root and as another user, all at once."""
    pod.start_agent()
    apps = {}
    for image in suite.images.made:
        for user in (0, 1000):
            if image != "host":
                apps[f"kinsing-{image}-{user}"] = pod.app(image, "/load", "touch", f"/tmp/kinsing-{image}-{user}",
                                                          user=user)
    for app in apps.values():
        check(app.finish() == {"touched": "all"}, "not made")
    pod.wait_said("change", count=len(apps), change="left")
    for name in apps:
        alert = wait_for(f"the alert of {name}", lambda n=name: [a for a in pod.alerts() if a["fd.name"] == "/tmp/" + n])[0]
        check(alert["proc.exepath"] == "/load" and str(alert["user.uid"]) == name.rpartition("-")[2], alert)
    check(len(pod.said("change", change="joined")) == len(apps), "joined")
    check(not pod.said("gap"), pod.said("gap"))


def case_unseen(suite, pod):
    """wait() does not see the holder, also for the first process of a namespace; sizes."""
    check(os.path.getsize(suite.shim) <= SHIM_MAX, "the shim is too large")
    pod.start_agent()
    app = pod.app("scratch", "/load", "run", STOP, user=1000)
    pod.wait_said("change", change="joined")
    holders = wait_for("a holder", pod.holders)
    resident = next(line for line in read(f"/proc/{holders[0]}/status").splitlines() if line.startswith("VmRSS"))
    print(f"    shim {os.path.getsize(suite.shim)} bytes, holder {resident.split()[1]} KiB resident")
    check(int(resident.split()[1]) <= HOLDER_MAX_KB, resident)
    check(sorted(os.listdir(f"/proc/{holders[0]}/fd"))[:1] != ["0"], "it holds standard input")
    ran_well(pod.end(app))
    wait_for("the holder's end", lambda: not pod.holders())


def case_first_process(suite, pod):
    """The application is the first process of a namespace below the agent's."""
    del suite
    pod.start_agent()
    app = pod.app("distroless", "/load", "run", STOP, pid="")
    pod.wait_said("change", change="joined")
    pod.stop_agent()
    pod.start_agent()
    ran_well(pod.end(app))
    pod.wait_said("change", change="left")


case_first_process.agent_pid = "host"


def gap_after(pod, at):
    """The closed gap that began after this."""
    found = wait_for("the gap is told", lambda: [g for g in pod.said("gap") if g["start"] >= at and g["end"]])[0]
    check(at <= found["start"] < found["end"] <= time.time_ns(), "times", found)
    return found


def case_killed(suite, pod):
    """kill -9 under load: nobody waits for ever, every gap is told."""
    pod.start_agent(again="true")
    rounds = suite.rounds
    apps = [pod.app(image, "/load", "run", STOP, user=user) for image, user in
            (("scratch", 0), ("distroless", 1000))]
    pod.wait_said("change", count=len(apps), change="joined")
    passed = 0
    for i in range(rounds):
        time.sleep(random.random() * 0.3)
        at = pod.kill_agent()
        pod.wait_said("change", count=(i + 1) * len(apps), change="resumed")
        gap = gap_after(pod, at)
        check(gap["gap"] == GONE, gap)
        passed += gap["passed"]
    for app in apps:
        ran_well(pod.end(app))
    told = [g for g in pod.said("gap") if g["end"]]
    check(sum(g["numbered"] for g in told) == sum(g["passed"] for g in told), "by number", told)
    closed = {g["start"] for g in told if g["gap"] == GONE}
    check(len(closed) == rounds * len(apps), f"{len(closed)} gaps of {rounds} rounds and {len(apps)} applications")
    check(passed > 0, "nothing passed meanwhile")


def case_stopped(suite, pod):
    """The agent is stopped, then goes on."""
    del suite
    pod.start_agent()
    app = pod.app("scratch", "/load", "run", STOP, user=1000)
    pod.wait_said("change", change="joined")
    pid = pod.agent_on_host()
    at = time.time_ns()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(pid, signal.SIGCONT)
    ran_well(pod.end(app))
    gap = gap_after(pod, at)
    check(gap["gap"] == STUCK and gap["passed"] > 0, gap)


def case_woken(suite, pod):
    """The holder of an application that may signal the agent lets it go on."""
    del suite
    pod.start_agent()
    app = pod.app("scratch", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    os.kill(pod.agent_on_host(), signal.SIGSTOP)
    ran_well(pod.end(app))
    pod.wait_said("change", change="left")


def case_restarted(suite, pod):
    """The agent's container is replaced, with another one's wait between."""
    del suite
    pod.start_agent()
    app = pod.app("distroless", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    at = time.time_ns()
    pod.stop_agent()
    time.sleep(1)
    pod.start_agent()
    pod.wait_said("change", change="resumed")
    gap = gap_after(pod, at)
    check(gap["gap"] == GONE and gap["passed"] > 0, gap)
    check(gap["end"] - gap["start"] > 500_000_000, "shorter than it was", gap)
    ran_well(pod.end(app))


def case_shim_first(suite, pod):
    """No agent yet: the application starts at once, and is watched later."""
    del suite
    at = time.time_ns()
    app = pod.app("busybox", "/bin/sh", "-c", "while [ ! -e /hinomi/go ]; do sleep 0.1; done; /load touch /tmp/kinsing",
                  shim=("--wait", "0"), user=1000)
    wait_for("the holder", pod.holders)
    time.sleep(0.5)
    pod.start_agent()
    pod.wait_said("change", change="resumed")
    pod.let_go()
    app.finish()
    gap = gap_after(pod, at)
    check(gap["gap"] == ABSENT and gap["passed"] > 0, gap)
    wait_for("the alert", lambda: [a for a in pod.alerts() if a["fd.name"] == "/tmp/kinsing"])


def case_socket_deleted(suite, pod):
    """The socket is made again, and found by who is there and who comes."""
    del suite
    pod.start_agent(again="true")
    app = pod.app("scratch", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    socket = os.path.join(pod.volume, "agent.sock")
    os.unlink(socket)
    wait_for("the socket", lambda: os.path.exists(socket))
    check(stat.S_IMODE(os.stat(socket).st_mode) == 0o666, "the socket's mode")
    check(pod.app("scratch", "/load", "touch", "/tmp/kinsing").finish() == {"touched": "all"}, "not made")
    pod.wait_said("change", count=2, change="joined")
    os.unlink(socket)
    pod.kill_agent()
    pod.wait_said("change", change="resumed")
    ran_well(pod.end(app))


def case_capped(suite, pod):
    """A tenth of a processor, little memory."""
    try:
        pod.start_agent("--cpus", "0.1", "--memory", "96m")
    except Failure as failure:
        print(f"    skipped: no such limits here: {str(failure)[-200:]}")
        return
    app = pod.app("scratch", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    time.sleep(1)  # it has little time in each tenth of a second, and none while others need it all
    ran_well(pod.end(app))
    pod.wait_said("change", change="left")
    check(all(g["start"] < g["end"] for g in pod.said("gap") if g["end"]), "times")
    del suite


def case_flood(suite, pod):
    """One opens files as fast as it can; another's calls are all seen, and come to their turn."""
    del suite
    pod.start_agent()
    flood = pod.app("scratch", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    secret = os.path.join(pod.work, "shadow")
    with open(secret, "w", encoding="ascii") as file:
        file.write("root:*:20000:0:99999:7:::\n")
    other = pod.app("busybox", "/load", "read", "/etc/shadow", str(READS), options=("-v", f"{secret}:/etc/shadow:ro"))
    read_times = other.finish()
    check(isinstance(read_times, dict) and read_times["failed"] == 0, read_times)
    result = pod.end(flood)
    ran_well(result)
    pod.stop_agent()
    print(f"    the other's reads: median {read_times['median_us'] / 1000:.1f} ms, p99 {read_times['p99_us'] / 1000:.1f} ms,"
          f" longest {read_times['longest_us'] / 1000:.1f} ms, beside {sum(result['steps'])} of the flood")
    found = len(pod.alerts("Shadow read"))
    check(found == READS, f"{found} alerts of {READS} reads")
    check(not pod.said("gap"), pod.said("gap"))


def case_program(suite, pod):
    """hinomi-agent with Hinomi's rules: an application, sessions from outside, new rules while all of them run."""
    if not suite.program:
        print("    skipped: hinomi-agent is not given")
        return
    rules = os.path.join(pod.results, "rules")
    shutil.copytree(CONTENT, rules)
    pod.start_program()
    wait_for_go = "while [ ! -e /hinomi/go ]; do sleep 0.1; done"
    load = pod.app("scratch", "/load", "run", STOP, user=1000)
    app = pod.app("busybox", "/bin/sh", "-c", f"/load touch /tmp/kinsing; {wait_for_go}; /load touch /tmp/renewed-application; "
                  f"while [ ! -e {STOP} ]; do sleep 0.1; done")
    pod.wait_alert(WRITTEN, **{"fd.name": "/tmp/kinsing"})
    session = pod.enter(app, "/bin/sh", "-c", f"sleep 1; /load touch /tmp/kdevtmpfsi; {wait_for_go}; "
                        "/load touch /tmp/renewed-session")
    pod.wait_alert(WRITTEN, **{"fd.name": "/tmp/kdevtmpfsi"})
    check(not pod.alerts("Interactive session in container"), "no terminal there")
    ask_for_health(pod, app)
    master, terminal = pty.openpty()
    try:
        person = pod.enter(app, "/bin/sh", terminal=terminal)
        found = pod.wait_alert("Interactive session in container")
        check(":" in found["discover.tty"], found)
        tracers = [line for h in pod.holders() for line in read(f"/proc/{h}/status").splitlines() if line.startswith("TracerPid")]
        check(tracers == ["TracerPid:\t0"] * 2, "holders are traced", tracers)
        reload_rules(pod, rules)
        os.write(master, b"exit\n")
        check(person.wait(LIMIT_S) == 0, "the shell with a terminal failed")
        pod.let_go()
        check(session.wait(LIMIT_S) == 0, "the session from outside failed")
        for who in ("application", "session"):
            pod.wait_alert("Renewed", **{"fd.name": f"/tmp/renewed-{who}"})
    finally:
        os.close(terminal)
        os.close(master)
    ran_well(pod.end(load))
    app.finish()
    check(len(pod.alerts(WRITTEN)) == 4 and len(pod.alerts("Renewed")) == 2, pod.alerts(WRITTEN), pod.alerts("Renewed"))
    for rule in ("Hinomi attacked", "Unwatched process in container"):
        check(not pod.alerts(rule), pod.alerts(rule))


def ask_for_health(pod, app):
    """As a runtime does it, from outside: watched; told as strange only where it does not say what it is."""
    for mark, folder, told in (("--health-check",), "/tmp/said", 0), ((), "/tmp/unsaid", 1):
        shim = ("/hinomi/hinomi-shim", "--wait", "2", *mark)
        done = pod.enter(app, *shim, "--", "/bin/sh", "-c", f"mkdir {folder}; /load touch {folder}/kinsing").wait(LIMIT_S)
        check(done == 0, "the health check failed", done)
        pod.wait_alert(WRITTEN, **{"fd.name": f"{folder}/kinsing"})
        check(len(pod.alerts("Hinomi unprotected holder")) == told, pod.alerts("Hinomi unprotected holder"))


def reload_rules(pod, rules):
    """Broken ones first, which change nothing."""
    added = os.path.join(rules, "renewed.yaml")
    for text, said in (("- rule: Renewed\n", "reload failed"), (RENEWED, "reloaded:")):
        with open(added, "w", encoding="ascii") as file:
            file.write(text)
        podman("kill", "-s", "HUP", pod.agent)
        pod.wait_log(said)


def case_ptrace(suite, pod):
    """hinomi-agent with --sensor ptrace seizes applications that nobody hands over, running ones and new ones."""
    if not suite.program:
        print("    skipped: hinomi-agent is not given")
        return
    shutil.copytree(CONTENT, os.path.join(pod.results, "rules"))
    wait_for_go = "while [ ! -e /hinomi/go ]; do sleep 0.1; done"
    first = pod.app("busybox", "/bin/sh", "-c", f"{wait_for_go}; /load touch /tmp/kinsing", shim=None)
    wait_for("it runs", lambda: podman("ps", "-q", "--filter", f"name={first.name}", check=False))
    pod.start_program("--sensor ptrace")
    later = pod.app("distroless", "/load", "run", STOP, shim=None, user=1000)
    wait_for("it runs", lambda: podman("ps", "-q", "--filter", f"name={later.name}", check=False))
    for app in (first, later):
        pid = podman("inspect", "--format", "{{.State.Pid}}", app.name)
        wait_for(f"{app.name} is seized",
                 lambda p=pid: [line for line in read(f"/proc/{p}/status").splitlines()
                                if line.startswith("TracerPid") and line.split()[1] != "0"])
    pod.let_go()
    first.finish()
    pod.wait_alert(WRITTEN, **{"fd.name": "/tmp/kinsing"})
    ran_well(pod.end(later))
    check(not pod.alerts("Unwatched process in container"), pod.alerts("Unwatched process in container"))


def case_responses(suite, pod):
    """Policies of hinomi-agent stop and pause containers by Podman's own API."""
    if not suite.program:
        print("    skipped: hinomi-agent is not given")
        return
    os.mkdir(os.path.join(pod.results, "rules"))
    for name, text in (("rules/rules.yaml", RESPONSES), ("policies.yaml", POLICIES)):
        with open(os.path.join(pod.results, name), "w", encoding="ascii") as file:
            file.write(text)
    pod.start_program(options=("-e", "HINOMI_POLICIES=/out/policies.yaml", "-v", f"{pod.start_runtime()}:/run/api.sock",
                               "-e", "HINOMI_RUNTIME_SOCKETS=/run/api.sock"))
    other = pod.app("scratch", "/load", "run", STOP, user=1000)
    touch = "/load touch /tmp/{}; while [ ! -e /hinomi/go ]; do sleep 0.1; done"
    paused = pod.app("busybox", "/bin/sh", "-c", touch.format("pause-me"))
    stopped = pod.app("busybox", "/bin/sh", "-c", touch.format("stop-me"))
    for action in ("pause", "stop"):
        told = pod.wait_alert("Hinomi response", **{"response.action": action})
        check(told["response.result"] == "done" and told["response.by"] == "runtime", told)
    check(stopped.process.wait(LIMIT_S) in (128 + signal.SIGTERM, 128 + signal.SIGKILL), stopped.process.returncode)
    check(podman("inspect", "--format", "{{.State.Status}}", paused.name) == "paused", "not paused")
    pod.let_go()
    time.sleep(1)
    check(paused.process.poll() is None, "it went on")
    podman("unpause", paused.name)
    paused.finish()
    ran_well(pod.end(other))
    check(not pod.alerts("Hinomi gap"), pod.alerts("Hinomi gap"))


def oom_kills(pid):
    """Of the memory control group of this process; None: it has none that tells."""
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        file = {"memory": f"/sys/fs/cgroup/memory{path}/memory.oom_control",
                "": f"/sys/fs/cgroup{path}/memory.events"}.get(controllers)
        for words in map(str.split, read(file).splitlines() if file else []):
            if words[0] == "oom_kill":
                return int(words[1])
    return None


def case_out_of_memory(suite, pod):
    """The kernel kills the agent because its container has no memory left."""
    del suite
    try:
        pod.start_agent("--memory", f"{MEMORY_MB}m", "--memory-swap", f"{MEMORY_MB}m", "--shm-size", "512m",
                        again=": >/dev/shm/full")
    except Failure as failure:
        print(f"    skipped: no such limits here: {str(failure)[-200:]}")
        return
    top = int(podman("inspect", "--format", "{{.State.Pid}}", pod.agent))
    if oom_kills(top) is None:
        print("    skipped: no memory control group that tells of its kills")
        return
    app = pod.app("scratch", "/load", "run", STOP)
    pod.wait_said("change", change="joined")
    first = wait_for("the agent's process", pod.agent_on_host)
    with open(f"/proc/{first}/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # it, and not what fills the memory
    at = time.time_ns()
    fill = f"dd if=/dev/zero of=/dev/shm/full bs=65536 count={(MEMORY_MB - 4) * 16}"
    podman("exec", pod.agent, "/bin/sh", "-c", fill, check=False)
    wait_for("the agent's end", lambda: not os.path.exists(f"/proc/{first}") or pod.agent_on_host() != first)
    pod.wait_said("change", change="resumed")
    check((oom_kills(top) or 0) > 0, "nothing was killed for its memory")
    gap = gap_after(pod, at)
    check(gap["gap"] in (GONE, STUCK) and gap["passed"] > 0, gap)
    ran_well(pod.end(app))


def case_upgraded(suite, pod):
    """Another agent takes over: another file with another build id, and other rules."""
    if not shutil.which("objcopy"):
        print("    skipped: no objcopy")
        return
    pod.start_agent()
    app = pod.app("busybox", "/bin/sh", "-c", "while [ ! -e /hinomi/go ]; do sleep 0.1; done; /load touch /tmp/renewed")
    load = pod.app("distroless", "/load", "run", STOP, user=1000)
    pod.wait_said("change", count=2, change="joined")
    newer = os.path.join(pod.work, "newer")
    os.mkdir(newer)
    newer = os.path.join(newer, "sidecar-agent")
    note = os.path.join(pod.work, "note")
    with open(note, "wb") as file:
        file.write(struct.pack("<III4s20s", 4, 20, 3, b"GNU", os.urandom(20)))
    subprocess.run(["objcopy", "--update-section", f".note.gnu.build-id={note}", suite.agent, newer], check=True)
    check(not filecmp.cmp(newer, suite.agent, shallow=False), "the same program")
    with open(os.path.join(pod.results, "rules.yaml"), "a", encoding="ascii") as file:
        file.write(RENEWED + WATCHING_MORE)
    at = time.time_ns()
    pod.stop_agent()
    pod.start_agent(program=newer)
    check(os.readlink(f"/proc/{pod.agent_on_host()}/exe") == newer, "the former program")
    for change in pod.wait_said("change", count=2, change="resumed"):
        check(change["other"] == 1 and not change["doubt"], change)
    gap = gap_after(pod, at)
    check(gap["gap"] == GONE and gap["passed"] > 0, gap)
    pod.let_go()
    app.finish()
    wait_for("an alert of the new rules", lambda: pod.alerts("Renewed"))
    ran_well(pod.end(load))


def case_security_waits(suite, pod):
    """Priority security: calls wait for the next agent; only what the agent had let go already passes unseen."""
    app = pod.app("scratch", "/load", "run", STOP, shim=("--priority", "security"))
    time.sleep(1)
    check(not pod.holders() or not read(app.out), "it ran without an agent")
    pod.start_agent(again="true")
    pod.wait_said("change", change="joined")
    time.sleep(0.5)
    at = pod.kill_agent()
    pod.wait_said("change", change="resumed")
    gap = gap_after(pod, at)
    result = pod.end(app)
    check(gap["passed"] <= len(result["steps"]), "passed unseen, beside what the agent had let go as it died", gap)
    check(result["failed"] == sum(g["refused"] for g in pod.said("gap") if g["end"]), result, pod.said("gap"))
    check(min(result["steps"]) > 10 and result["error"] in (0, EPERM), result)
    del suite


def case_security_refuses(suite, pod):
    """Priority security with a limit: without an agent 125, in calls EPERM."""
    del suite
    early = pod.app("scratch", "/load", "touch", "/tmp/x", shim=("--priority", "security", "--wait", "1"))
    check("no agent answered" in early.finish(125), "not told why")
    pod.start_agent()
    app = pod.app("scratch", "/load", "run", STOP, shim=("--priority", "security", "--wait", "1"))
    pod.wait_said("change", change="joined")
    at = time.time_ns()
    podman("kill", pod.agent)
    time.sleep(3)
    pod.start_agent()
    pod.wait_said("change", change="resumed")
    gap = gap_after(pod, at)
    check(gap["passed"] <= THREADS_MAX and gap["refused"] > 0, gap)
    result = pod.end(app)
    check(result["failed"] > 0 and result["error"] == EPERM, result)


def case_tampering(suite, pod):
    """Root in an application can kill neither the agent nor any holder."""
    del suite
    pod.start_agent()
    agent = pod.said("ready")[0]["ready"]
    other = pod.app("distroless", "/load", "run", STOP, user=1000)
    holder = pod.wait_said("change", change="joined")[0]["holder"]
    for target in (agent, holder):
        check(pod.app("scratch", "/load", "kill", str(target)).finish() == {"killed": EPERM}, "killed", target)
    ran_well(pod.end(other))
    check(not pod.said("change", change="holder lost") and not pod.said("gap"), pod.said("change"))
    check(not [c for c in pod.said("change", change="joined") if c["doubt"]], pod.said("change"))


def case_impostor(suite, pod):
    """A session from outside hands a listener over: it is watched, but not protected, whoever comes first."""
    del suite
    wait_for_stop = f"while [ ! -e {STOP} ]; do sleep 0.1; done"
    app = pod.app("busybox", "/bin/sh", "-c", wait_for_stop, shim=("--wait", "0"))
    wait_for("the holder", pod.holders)
    session = pod.enter(app, "/hinomi/hinomi-shim", "--wait", "0", "--", "/bin/sh", "-c",
                        "while [ ! -e /hinomi/go ]; do sleep 0.1; done; /load touch /tmp/kinsing")
    wait_for("both holders", lambda: len(pod.holders()) == 2)
    pod.start_agent()
    own, other = sorted(pod.wait_said("change", count=2, change="resumed"), key=lambda c: c["holder"])
    for holder, result in ((own, EPERM), (other, 0)):
        check(pod.app("scratch", "/load", "kill", str(holder["holder"])).finish() == {"killed": result}, holder)
    last = {c["holder"]: c for c in pod.said("change")}
    check(last[other["holder"]]["doubt"] and not last[own["holder"]]["doubt"], pod.said("change"))
    pod.let_go()
    wait_for("the impostor's file is told", lambda: [a for a in pod.alerts() if a["fd.name"] == "/tmp/kinsing"])
    session.wait(LIMIT_S)
    with open(os.path.join(pod.volume, "stop"), "wb"):
        pass
    app.finish()


def case_no_common_namespace(suite, pod):
    """The agent cannot see the application: it says so, and the priority decides."""
    del suite
    pod.start_agent()
    app = pod.app("scratch", "/load", "touch", "/tmp/x", pid="private")
    check(app.finish() == {"touched": "all"}, "not run")
    check("unwatched" in read(app.err), read(app.err))
    strict = pod.app("scratch", "/load", "touch", "/tmp/x", pid="private", shim=("--priority", "security"))
    check("process namespace" in strict.finish(125), "not told why")
    pod.wait_said("change", count=2, change="local")


def case_local(suite, pod):
    """The same, with the supervisor and its rules in the volume: the container watches itself."""
    if not suite.local:
        print("    skipped: hinomi-local is not built")
        return
    pod.start_agent()
    pod.add_local()
    for image, user in (("scratch", 0), ("distroless", 1000)):
        app = pod.app(image, "/load", "touch", f"/tmp/kinsing-{user}", pid="private", user=user)
        check(app.finish() == {"touched": "all"}, "not run")
        said = read(app.err)
        check(f"made /tmp/kinsing-{user} /load {user}" in said, said)
    strict = pod.app("scratch", "/load", "touch", "/tmp/x", pid="private", shim=("--priority", "security"))
    check("process namespace" in strict.finish(125), "not told why")


class Suite:
    def __init__(self, options):
        self.shim = os.path.realpath(options.shim)
        self.agent = os.path.realpath(options.agent)
        self.programs = os.path.realpath(options.programs)
        shared = os.path.realpath(os.environ.get("HINOMI_SHARED", options.shared))
        self.profile = os.path.join(shared, "data", "docker-default-seccomp.json")
        self.local = os.path.realpath(options.local) if options.local else None
        self.program = os.path.realpath(options.program) if options.program else None
        self.rounds = options.rounds
        self.work = tempfile.mkdtemp(prefix="hinomi-sidecar-")
        os.chmod(self.work, 0o755)
        self.images = None

    def run_steadily(self, name, case):
        """What fails is tried again, and said aloud: containers start slowly on a machine that is busy."""
        for again in range(CASE_TRIES):
            if again:
                print(f"{name}: unsteady, tried again", flush=True)
            if self.run(name, case):
                return True
        return False

    def run(self, name, case):
        started = time.monotonic()
        pod = Pod(self, getattr(case, "agent_pid", "shared"))
        try:
            case(self, pod)
            print(f"ok    {name} ({time.monotonic() - started:.1f} s)", flush=True)
            return True
        except (Failure, OSError, KeyError, json.JSONDecodeError) as failure:
            print(f"FAIL  {name}: {failure!r:.2000}\n{read(os.path.join(pod.results, 'said'))[-1500:]}"
                  f"{read(os.path.join(pod.results, 'errors'))[-500:]}", flush=True)
            return False
        finally:
            pod.close()


def lacking(suite):
    if os.geteuid() != 0:
        return "needs root"
    for program in ("podman", "runc", "busybox"):
        if not shutil.which(program):
            return f"needs {program}"
    if not os.path.exists(suite.profile):
        return f"no {suite.profile}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("shim", "agent", "programs", "shared"):
        parser.add_argument(name)
    parser.add_argument("--local", help="hinomi-local")
    parser.add_argument("--program", help="hinomi-agent")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    suite = Suite(options)
    try:
        why = lacking(suite)
        if why:
            print(f"skipped: {why}")
            return SKIPPED
        try:
            suite.images = Images(suite.work, suite.programs)
        except Failure as failure:
            print(f"skipped: no containers here: {failure}")
            return SKIPPED
        cases = {name[5:]: case for name, case in globals().items() if name.startswith("case_")}
        chosen = {name: case for name, case in cases.items() if options.only in name}
        bad = [name for name, case in chosen.items() if not suite.run_steadily(name, case)]
        if bad:
            print(f"failed: {', '.join(bad)}")
        print(f"sidecar: {len(chosen) - len(bad)} passed, {len(bad)} failed, 0 skipped")
        return 1 if bad else 0
    finally:
        if suite.images:
            suite.images.close()
        if not options.keep:
            shutil.rmtree(suite.work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
