#!/usr/bin/env python3
"""Hinomi beside an application, as on Fargate: two containers that share a process namespace, no privilege.

    demo_task.py BUILD RULES

The application's container has a web server with an endpoint that runs commands, Docker's default capabilities, and
hinomi-shim as its entry point; the sidecar has hinomi-agent and, beyond the defaults, SYS_PTRACE. Both are made of
nothing but the programs and their libraries. Exits with 77 where this machine lacks what it takes.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

CAPS = ("CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID "
        "CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE").split()
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PORT = 8080
SECONDS = 15
SKIPPED = 77

ENDPOINT = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
sh -c "$(httpd -d "$QUERY_STRING")" 2>&1
"""


def lacking(build):
    if os.geteuid() != 0:
        return "containers need root here"
    for program in ("runc", "busybox", "unshare", "ip"):
        if not shutil.which(program, path=PATH):
            return f"{program} is missing (tools/deps.sh demo)"
    if not os.path.exists(os.path.join(build, "src/shim/hinomi-shim")):
        return "hinomi-shim is not built: musl-gcc (musl-tools) is missing"
    return None


def add_program(root, program, name):
    """A program and the libraries that it is linked with."""
    shutil.copy(program, os.path.join(root, name))
    libraries = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    for word in libraries.split():
        if word.startswith("/"):
            target = root + word
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(word, target)


class Task:
    def __init__(self, work, build, rules):
        self.work = work
        self.volume = os.path.join(work, "volume")
        for folder in ("volume", "application/bin", "application/www/cgi-bin", "agent", "agent/rules"):
            os.makedirs(os.path.join(work, folder))
        application = os.path.join(work, "application")
        busybox = shutil.which("busybox", path=PATH)
        shutil.copy(busybox, os.path.join(application, "bin/busybox"))
        for name in ("sh", "httpd", "touch", "id", "cat", "wget"):
            os.symlink("busybox", os.path.join(application, "bin", name))
        endpoint = os.path.join(application, "www/cgi-bin/exec")
        with open(endpoint, "w", encoding="ascii") as file:
            file.write(ENDPOINT)
        os.chmod(endpoint, 0o755)
        shutil.copy(os.path.join(build, "src/shim/hinomi-shim"), self.volume)
        agent = os.path.join(work, "agent")
        add_program(agent, os.path.join(build, "src/agent/hinomi-agent"), "hinomi-agent")
        for name in os.listdir(rules):
            if name.endswith(".yaml"):
                shutil.copy(os.path.join(rules, name), os.path.join(agent, "rules"))
        self.running = {}

    def start(self, name, args, caps, pid_namespace=None, env=()):
        bundle = os.path.join(self.work, name + "-bundle")
        os.makedirs(bundle)
        volume = "rw" if name == "agent" else "ro"
        shared = {"type": "pid", **({"path": pid_namespace} if pid_namespace else {})}
        config = {
            "ociVersion": "1.0.2", "hostname": name,
            "root": {"path": os.path.join(self.work, name)},
            "process": {"user": {"uid": 0, "gid": 0}, "args": args, "cwd": "/", "noNewPrivileges": False,
                        "env": ["PATH=" + PATH, "HINOMI_SOCKET=/hinomi/agent.sock", *env],
                        "capabilities": {kind: caps for kind in ("bounding", "effective", "permitted")}},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/hinomi", "type": "bind", "source": self.volume, "options": ["rbind", volume]}],
            "linux": {"cgroupsPath": f"/docker/{os.urandom(32).hex()}",
                      "namespaces": [shared] + [{"type": t} for t in ("mount", "ipc", "uts")]},
        }
        with open(os.path.join(bundle, "config.json"), "w", encoding="ascii") as file:
            json.dump(config, file)
        log = open(os.path.join(self.work, name + ".log"), "wb")  # pylint: disable=consider-using-with
        ident = f"{name}-{os.path.basename(self.work)}"
        self.running[name] = (ident, subprocess.Popen(  # pylint: disable=consider-using-with
            ["runc", "--root", os.path.join(self.work, "runc"), "run", "-b", bundle, ident],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))
        return ident

    def pid(self, name):
        state = subprocess.run(["runc", "--root", os.path.join(self.work, "runc"), "state", self.running[name][0]],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        found = json.loads(state.stdout) if state.returncode == 0 else {}
        return found.get("pid", 0) if found.get("status") == "running" else 0

    def log(self, name):
        with open(os.path.join(self.work, name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        for ident, process in reversed(self.running.values()):
            subprocess.run(["runc", "--root", os.path.join(self.work, "runc"), "delete", "--force", ident], check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.wait()


def wait_for(what, seconds=SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    return None


def request(command):
    """Through the application's own network; returns what the endpoint answered."""
    url = f"http://127.0.0.1:{PORT}/cgi-bin/exec?{command.replace(' ', '%20')}"
    done = subprocess.run(["busybox", "wget", "-q", "-O", "-", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout


def start_both(task, *arguments, env=()):
    """The agent and the application; returns what went wrong."""
    task.start("agent", ["/hinomi-agent", *arguments, "--socket", "/hinomi/agent.sock"], CAPS + ["CAP_SYS_PTRACE"],
               env=env)
    agent = wait_for(lambda: task.pid("agent"))
    if not agent or not wait_for(lambda: os.path.exists(os.path.join(task.volume, "agent.sock"))):
        return "the agent did not start:\n" + task.log("agent")
    task.start("application", ["/hinomi/hinomi-shim", "--", "/bin/httpd", "-f", "-p", f"127.0.0.1:{PORT}", "-h", "/www"],
               CAPS, f"/proc/{agent}/ns/pid")
    if not wait_for(lambda: request("id")[0] == 0):
        return "the application did not start:\n" + task.log("application")
    return None


def run(task):
    failure = start_both(task, "--rules", "/rules")
    if failure:
        return failure
    print(f"$ curl 'http://127.0.0.1:{PORT}/cgi-bin/exec?touch%20/kinsing'\n", flush=True)
    status, answer = request("touch /kinsing")
    if status != 0 or not os.path.exists(os.path.join(task.work, "application/kinsing")):
        return "the application did not do it: " + answer
    failure = expect(task, "/kinsing")
    if failure:
        return failure
    print("A session that enters the container from outside, as ECS Exec and docker exec do, is not the shim's child:\n\n"
          "$ runc exec application sh -c 'sleep 1; touch /kdevtmpfsi'\n", flush=True)
    subprocess.run(["runc", "--root", os.path.join(task.work, "runc"), "exec", task.running["application"][0],
                    "/bin/sh", "-c", "sleep 1; touch /kdevtmpfsi"], check=True)
    return expect(task, "/kdevtmpfsi")


def expect(task, path):
    alert = wait_for(lambda: [line for line in task.log("agent").splitlines() if f"file={path} " in line])
    if not alert:
        return f"the agent said nothing of {path}:\n" + task.log("agent")
    print("The agent in the sidecar, on its standard output:\n\n" + "\n".join(alert) + "\n", flush=True)
    return None


def own_network():
    """A network of its own, so that the ports are nobody else's; the program begins anew in it."""
    if os.environ.get("DEMO_TASK") != "1":
        os.environ["DEMO_TASK"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main():
    build, rules = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    why = lacking(build)
    if why:
        print(f"skipped: {why}")
        return SKIPPED
    own_network()
    with tempfile.TemporaryDirectory(prefix="hinomi-demo-") as work:
        task = Task(work, build, rules)
        try:
            failure = run(task)
        finally:
            task.stop()
    if failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
