#!/usr/bin/env python3
"""A server, an agent, an application: what happens in the container is a finding on the server, and a name that is
appended to a list is in force at once.

    demo_story.py BUILD CONTENT

The containers are those of demo_task.py; the server runs beside them. Exits with 77 where this machine lacks what it
takes.
"""
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time

import demo_task
from demo_task import Task, request, wait_for

URL = "http://127.0.0.1:8765"
LIST = "malicious_filenames"


class Failed(Exception):
    pass


class Story:
    def __init__(self, work, build, content):
        self.work, self.content = work, content
        self.program = {name: os.path.join(build, path) for name, path in
                        {"hinomi": "src/cli/hinomi", "hinomi-server": "src/server/hinomi-server"}.items()}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HINOMI_")}
        self.env = {**kept, "XDG_CONFIG_HOME": os.path.join(work, "config")}
        self.server = None

    def path(self, *names):
        return os.path.join(self.work, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(text)
        return self.path(name)

    def start_server(self):
        config = self.write("server.yaml", f"content: {{dir: {self.content}}}\n")
        with open(self.path("server.log"), "wb") as log:
            self.server = subprocess.Popen(  # pylint: disable=consider-using-with
                [self.program["hinomi-server"], "--dir", self.path("server"), "--config", config, "--listen",
                 URL.partition("//")[2]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        if not wait_for(lambda: "listening on" in self.server_log()):
            raise Failed("the server did not start:\n" + self.server_log())

    def server_log(self):
        with open(self.path("server.log"), encoding="utf-8") as log:
            return log.read()

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()

    def hinomi(self, *words):
        done = subprocess.run([self.program["hinomi"], *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, env=self.env, timeout=60)
        if done.returncode != 0:
            raise Failed(f"hinomi {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def show(self, *words):
        print("$ hinomi " + " ".join(words) + "\n", flush=True)
        print(self.hinomi(*words), flush=True)

    def finding(self, file):
        for finding in json.loads(self.hinomi("findings", "--json"))["items"]:
            if finding["file"] == file:
                return finding
        return None

    def touched(self, name):
        """How long it took from the request until the server had the finding."""
        began = time.monotonic()
        status, answer = request("touch " + name)
        if status != 0:
            raise Failed("the application did not do it: " + answer)
        if not wait_for(lambda: self.finding(name)):
            raise Failed(f"the server has no finding of {name}")
        return time.monotonic() - began


def enrol(story, task):
    password = story.write("password", secrets.token_hex(16) + "\n")
    story.hinomi("setup", "admin", "--link-file", story.path("server", "setup-link"), "--password-file", password)
    token = json.loads(story.hinomi("agents", "enrol", "demo", "--json"))["token"]
    os.makedirs(story.path("agent", "spool"), 0o700)
    story.write("agent/token", token + "\n")
    failure = demo_task.start_both(task, env=["HINOMI_SERVER_URL=" + URL, "HINOMI_SERVER_TOKEN_FILE=/token",
                                              "HINOMI_SPOOL_DIR=/spool"])
    if failure:
        raise Failed(failure)

    def loaded():
        items = json.loads(story.hinomi("coverage", "--json"))["items"]
        return items and items[0]["heartbeat"] and items[0]["heartbeat"]["bundle"]["ok"] and items[0]["heartbeat"]["rules"]
    if not wait_for(loaded):
        raise Failed("the agent did not get its rules:\n" + task.log("agent"))


def tell(story, task):
    enrol(story, task)
    print("hinomi-server runs; its first administrator is made, and the agent beside the application is enrolled and has "
          "its rules from the server.\n")
    story.show("agents")
    print("$ curl 'http://127.0.0.1:8080/cgi-bin/exec?touch%20/kinsing'\n", flush=True)
    first = story.touched("/kinsing")
    story.show("findings")
    print("A name of your own is not malicious yet:\n\n$ curl 'http://127.0.0.1:8080/cgi-bin/exec?touch%20/www/test.txt'\n")
    request("touch /www/test.txt")
    time.sleep(0.3)
    if story.finding("/www/test.txt"):
        raise Failed("/www/test.txt was found too early")
    began = time.monotonic()
    story.show("lists", "append", LIST, "test.txt", "--wait")
    in_force = time.monotonic() - began
    print("$ curl 'http://127.0.0.1:8080/cgi-bin/exec?touch%20/test.txt'\n", flush=True)
    second = story.touched("/test.txt")
    story.show("findings")
    print("Measured from outside, each with the start of a program or two:\n\n"
          f"  touch /kinsing requested -> finding on the server     {first * 1000:6.0f} ms\n"
          f"  list append -> in force on the agent                 {in_force * 1000:6.0f} ms\n"
          f"  list append -> in force -> touch /test.txt -> found  {(in_force + second) * 1000:6.0f} ms\n")


def main():
    build, content = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    why = demo_task.lacking(build)
    if why:
        print(f"skipped: {why}")
        return demo_task.SKIPPED
    demo_task.own_network()
    with tempfile.TemporaryDirectory(prefix="hinomi-demo-") as work:
        story = Story(work, build, content)
        task = Task(work, build, os.path.join(content, "rules"))
        try:
            story.start_server()
            tell(story, task)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
        finally:
            task.stop()
            story.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
