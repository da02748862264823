#!/usr/bin/env python3
"""Runs the blocks of one page, one after another: page.py SETTINGS.json, as the first process of namespaces of its own.

The whole machine is there as a copy in memory (an overlay), with what `make install` installs; the network is a
loopback. So a page does what it says, as root, and nothing of it stays: not files, not servers, not agents. Working
directory and exported variables go from one block to the next. Prints one line of JSON for each block.
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import markdown  # pylint: disable=wrong-import-position

BLOCK_S = 60
OUTPUT_KEPT = 3000
HOME = "/home/reader"
STATE = pathlib.Path("/run/hinomi-docs")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, stdin=subprocess.DEVNULL)


def device(path):
    return os.stat(path).st_dev


def enter_copy(place, stage, build, root):
    """Changes the root to a copy of it in `place`, in which build is root/build."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", place)
    apart = [path for path in (root, build) if device(path) != device("/")]
    for number, path in enumerate(["/", *apart]):
        upper, work, target = (f"{place}/{kind}{number}" for kind in ("upper", "work", "root"))
        os.makedirs(work)
        if path == "/":
            shutil.copytree(stage, upper, symlinks=True)
            os.chmod(upper, 0o755)
        else:
            os.makedirs(upper)
        target = target if path == "/" else f"{place}/root0{path}"
        os.makedirs(target, exist_ok=True)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", target)
    new = f"{place}/root0"
    mount("--rbind", "/sys", f"{new}/sys")
    mount("--rbind", "/dev", f"{new}/dev")
    mount("-t", "proc", "proc", f"{new}/proc")
    if os.path.realpath(build) != os.path.join(root, "build"):
        os.makedirs(f"{new}{root}/build", exist_ok=True)
        mount("--bind", f"{new}{build}", f"{new}{root}/build")
    os.chdir(new)
    subprocess.run(["pivot_root", ".", "mnt"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "-l", "/mnt"], check=True)
    mount("-t", "tmpfs", "tmpfs", "/run")
    subprocess.run(["rm", "-rf", "/var/lib/hinomi", "/var/lib/hinomi-agent", "/hinomi", "/etc/hinomi", HOME], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for folder in (STATE, pathlib.Path(HOME)):
        folder.mkdir(parents=True)


class Page:
    def __init__(self, root):
        self.number = 0
        self.cwd = root
        kept = {key: os.environ[key] for key in ("PATH", "TZ") if key in os.environ}
        self.env = {**kept, "HOME": HOME, "USER": "root", "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        self.output = ""

    def script(self, text):
        self.number += 1
        path = STATE / f"block{self.number}"
        path.write_text(f"""set -e -o pipefail
trap 'status=$?; env -0 >{STATE}/env; pwd >{STATE}/cwd; exit $status' EXIT
{text}""", encoding="utf-8")
        return path

    def after(self):
        """What the next block has of this one."""
        try:
            pairs = (STATE / "env").read_text().split("\0")
            self.env = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            self.cwd = (STATE / "cwd").read_text().rstrip("\n")
        except FileNotFoundError:
            pass

    @staticmethod
    def reap(process):
        """As the first process: ends of what lost its parent. Not of `process`, whose status is wanted."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if not ended or ended.si_pid == process.pid:
                return
            os.waitpid(ended.si_pid, 0)

    def run(self, text, stays=None, types=()):
        """(status or None, output)"""
        script = self.script(text)
        log = STATE / f"output{self.number}"
        command = ["bash", str(script)]
        if types:
            return self.run_typed(command, types)
        with open(log, "wb") as out:
            # pylint: disable-next=consider-using-with
            process = subprocess.Popen(command, cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        end = time.monotonic() + BLOCK_S
        while process.poll() is None and time.monotonic() < end:
            if stays and stays in log.read_text(errors="replace"):
                return 0, log.read_text(errors="replace")
            self.reap(process)
            time.sleep(0.02)
        status = process.poll()
        if status is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            self.after()
        output = log.read_text(errors="replace")
        if stays:
            return None, output + f"\n(it was to stay, and to print {stays!r})"
        return status, output

    def run_typed(self, command, types):
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execvpe(command[0], command, self.env)
        lines, said, end, fresh = list(types), b"", time.monotonic() + BLOCK_S, False
        while time.monotonic() < end:
            ready, _, _ = select.select([master], [], [], 0.2)
            if ready:
                try:
                    part = os.read(master, 65536)
                except OSError:
                    break
                if not part:
                    break
                said, fresh = said + part, True
            elif fresh and lines:
                os.write(master, lines.pop(0).encode() + b"\n")
                fresh = False
        else:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self.after()
        return os.waitstatus_to_exitcode(status), said.decode(errors="replace").replace("\r\n", "\n")

    def one(self, block):
        """None, or what is wrong."""
        for commands in block.all("first"):
            status, output = self.run(commands)
            if status != 0:
                return f"what is to be done first ended with {status}, None for not within {BLOCK_S} s\n{output}"
        status, self.output = self.run(block.text, block.one("stays"), block.all("types"))
        wanted = int(block.one("status", "0"))
        if status is None:
            return f"did not end within {BLOCK_S} s\n{self.output}"
        if status != wanted:
            return f"ended with {status}, not with {wanted}\n{self.output}"
        for text in block.all("prints"):
            if text not in self.output:
                return f"did not print {text!r}\n{self.output}"
        return None

    def compare(self, block):
        """Are these lines what the block before printed, in this order?"""
        lines, at = self.output.splitlines(), 0
        for wanted in block.text.splitlines():
            pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("…"))
            pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
            while at < len(lines) and not re.fullmatch(r"\s*" + pattern + r"\s*", lines[at]):
                at += 1
            if at == len(lines):
                return f"did not print this line, after those before it: {wanted}\n{self.output}"
            at += 1
        return None


def runs(block):
    return block.language == "sh" or block.one("file") is not None or "output" in dict(block.marks)


def main():
    settings = json.loads(pathlib.Path(sys.argv[1]).read_text())
    enter_copy(settings["place"], settings["stage"], settings["build"], settings["root"])
    page, path = Page(settings["root"]), pathlib.Path(settings["root"], settings["page"])
    broken = None
    for block in filter(runs, markdown.blocks(path.read_text())):
        begin, wrong, result = time.monotonic(), None, "ok"
        if block.one("skip") is not None or broken:
            result = "skipped"
        elif block.language == "sh":
            wrong = page.one(block)
        elif block.one("file"):
            target = pathlib.Path(page.cwd, block.one("file"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        else:
            wrong = page.compare(block)
        if wrong:
            broken, result = block.line, "failed"
        why = block.one("skip") or (f"line {broken} failed" if broken and result == "skipped" else None)
        print(json.dumps({"line": block.line, "result": result, "why": why, "seconds": round(time.monotonic() - begin, 1),
                          "text": block.text if result == "failed" else None,
                          "wrong": wrong and wrong[:200] + wrong[200:][-OUTPUT_KEPT:]}), flush=True)


main()
