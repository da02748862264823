#!/usr/bin/env python3
"""Hinomi whole: a real server, real agents with programs under the shim, the API and the command line.

    run.py BUILD [--only TEXT] [--keep]
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from place import (LIMIT_S, PASSWORD, ROOT, Agent, Cli, Failure, Programs, Server, check, clean_environment,  # noqa: E402
                   remove, until)

SKIPPED = 77
LIST = "malicious_filenames"
WRITTEN = "Malicious filenames written"


class Skip(Exception):
    pass


class Place:
    """What a case starts, and is ended after it."""

    def __init__(self, programs, folder):
        self.programs, self.folder, self.started = programs, folder, []

    def server(self, name="s", **more):
        server = Server(self.programs, os.path.join(self.folder, name), **more)
        self.started.append(server)
        server.start()
        return server

    def agent(self, server, name, token=None, wait="connected to the server", **more):
        if token is None:
            enrolment = server.enrolment()
            token = enrolment["token"]
            if server.tls:
                more.setdefault("ca_sha256", enrolment["ca_sha256"])
        agent = Agent(self.programs, os.path.join(self.folder, name), server.url, token, **more)
        self.started.append(agent)
        agent.start(wait)
        return agent

    def two(self, **more):
        server = self.server(**more)
        server.set_up()
        agents = [self.agent(server, name) for name in ("a", "b")]
        for agent in agents:
            self.loaded(server, agent)
        return server, agents

    def loaded(self, server, agent, version=1):
        """It runs that version, and says so."""
        ident = agent.identity()

        def there():
            for one in server.get("/v1/coverage")["items"]:
                beat = one["heartbeat"]
                if one["agent"] == ident and beat and beat["bundle"]["ok"] and beat["rules"]:
                    return beat["bundle"]["version"] >= version
            return False
        until("the rules are in force", there)

    def touch(self, agent, name):
        path = os.path.join(self.folder, name)
        agent.run("/bin/sh", "-c", f": > {path}")
        return path

    def cli(self, server, **more):
        return Cli(self.programs, self.folder, server.url, server.token, **more)

    def end(self):
        for one in reversed(self.started):
            one.kill()


def found(server, path, seconds=LIMIT_S / 2):
    return until(f"a finding of {path}", lambda: [f for f in server.get("/v1/findings")["items"] if f["file"] == path],
                 seconds)[0]


def alerts(server):
    return server.all("/v1/alerts")


def case_story(place):
    """A file of a malicious name is a finding; a name that is appended is in force on both agents."""
    server, (a, b) = place.two()
    cli = place.cli(server)
    path = place.touch(a, "kinsing")
    finding = found(server, path)
    check((finding["rule"], finding["item"], finding["agent"]) == (WRITTEN, "kinsing", a.identity()), finding)
    table = cli.run("findings").stdout
    check(WRITTEN in table and path in table and "critical" in table, table)
    check(cli.json("findings", "show", finding["id"])["last_alert"]["rule"] == WRITTEN, "show")
    said = cli.run("lists", "append", LIST, "test.txt", "--wait").stdout
    check("in force on 2 of 2 agents" in said, said)
    for agent, name in ((a, "one"), (b, "two")):
        os.mkdir(os.path.join(place.folder, name))
        path = place.touch(agent, name + "/test.txt")
        check(found(server, path)["agent"] == agent.identity(), path)
    again = cli.run("lists", "append", LIST, "test.txt").stdout
    check(again.startswith("0 changed, 1 were so"), again)
    check(cli.run("lists", "remove", LIST, "test.txt", "--wait").stdout.startswith("1 changed"), "removed")
    place.touch(a, "two/test.txt")
    path = place.touch(a, "two/kinsing")
    found(server, path)
    check(not [x for x in alerts(server) if x["output_fields"]["fd.name"].endswith("two/test.txt") and
               x["hinomi"]["id"].startswith(a.identity())], "a name that was removed still counts")
    check(not server.get("/v1/gaps")["items"], server.get("/v1/gaps"))


def case_triage(place):
    """Status, assignee, conflict; many by filter; facets; the audit log knows."""
    server = place.server()
    server.set_up()
    agent = place.agent(server, "a")
    place.loaded(server, agent)
    finding = found(server, place.touch(agent, "kinsing"))
    cli = place.cli(server)
    one = cli.json("findings", "set", finding["id"], "--status", "acknowledged", "--assignee", "admin")
    check((one["status"], one["assignee"]) == ("acknowledged", "admin"), one)
    stale = cli.run("findings", "set", finding["id"], "--status", "archived", "--version", "1", status=1)
    check("(409" in stale.stderr, stale.stderr)
    refused = cli.run("findings", "set", "--filter", "status = acknowledged", "--expected", "7", "--status", "archived",
                      status=1)
    check("fewer" in refused.stderr, refused.stderr)
    check(cli.run("findings", "set", "--filter", "status = acknowledged", "--expected", "1", "--status",
                  "archived").stdout == "1 changed\n", "bulk")
    check(cli.json("findings", "--filter", "status = new")["items"] == [], "new")
    check("archived" in cli.run("findings", "facets", "--facets", "status").stdout, "facets")
    check("finding.status" in cli.run("audit").stdout, "audit")
    cli.run("findings", "note", finding["id"], "looked at\u202e it")
    noted = cli.run("findings", "notes", finding["id"]).stdout
    check("looked at\\u{202e} it" in noted, noted)
    for form, text in (("csv", finding["id"]), ("ndjson", '"id":"' + finding["id"]), ("falco", '"rule":"' + WRITTEN)):
        exported = cli.run("findings", "export", "--format", form).stdout
        check(text in exported, form, exported[:500])


def case_refused_rule(place):
    """A rule with an error is refused with its place; the old rules stay in force."""
    server = place.server()
    server.set_up()
    agent = place.agent(server, "a")
    place.loaded(server, agent)
    cli = place.cli(server)
    bad = os.path.join(place.folder, "bad.yaml")
    with open(bad, "w", encoding="ascii") as file:
        file.write("- rule: Own\n  desc: d\n  condition: evt.type = open and proc.nmae = x\n  output: o\n"
                   "  priority: NOTICE\n")
    refused = cli.run("rules", "server", "put", "--new", "--file", bad, status=1).stderr
    check("(422 content_invalid)" in refused and "Own:3:" in refused and "proc.nmae" in refused, refused)
    found(server, place.touch(agent, "kinsing"))
    with open(bad, "w", encoding="ascii") as file:
        file.write("- rule: Own\n  desc: d\n  condition: evt.type in (open, openat, creat) and evt.is_open_write = true and "
                   "fd.filename = own.txt\n  output: own %fd.name\n  priority: NOTICE\n")
    said = cli.run("rules", "server", "put", "--new", "--file", bad, "--wait", "--comment", "ours").stdout
    check("in force on 1 of 1 agents" in said, said)
    check(found(server, place.touch(agent, "own.txt"))["rule"] == "Own", "own rule")
    check("ours" in cli.run("rules", "server", "versions", "Own").stdout, "versions")
    cli.run("rules", "server", "disable", "Own", "--wait")
    before = len(alerts(server))
    place.touch(agent, "own.txt")
    found(server, place.touch(agent, "zzh"))
    check(len(alerts(server)) == before + 1, "a rule that is off found something")


def case_revoked(place):
    """A revoked agent keeps detecting and is heard no more."""
    server, (a, b) = place.two()
    cli = place.cli(server)
    check(cli.run("agents", "revoke", a.identity()).stdout == f"{a.identity()} is revoked\n", "revoke")
    place.touch(a, "kinsing")
    until("it says so", lambda: "revoked" in a.said())
    path = place.touch(b, "zzh")
    found(server, path)
    check({x["hinomi"]["id"].split(":")[0] for x in alerts(server)} == {b.identity()}, "it is still heard")
    with open(a.out, encoding="utf-8") as file:
        check("kinsing" in file.read(), "it does not detect any more")
    states = {one["id"]: one["state"] for one in cli.json("agents")["items"]}
    check(states == {a.identity(): "revoked", b.identity(): "active"}, states)


def case_server_restarted(place):
    """While the server is away agents keep what they find; all of it arrives once."""
    server, agents = place.two()
    names = []
    for i in range(4):
        if i % 2:
            server.kill()
        names += [place.touch(agent, f"{agent.folder}/kinsing") for agent in agents]
        if i % 2:
            server.start()
    until("all have arrived", lambda: len(alerts(server)) >= len(names))
    check(len(alerts(server)) == len(names), "twice")
    check(not server.get("/v1/gaps")["items"], server.get("/v1/gaps"))
    server.stop()
    server.start()
    for agent in agents:
        place.loaded(server, agent)


def case_agent_alone(place):
    """An agent that starts without its server runs the last rules that it got, lists too."""
    server = place.server()
    server.set_up()
    agent = place.agent(server, "a")
    place.loaded(server, agent)
    place.cli(server).run("lists", "append", LIST, "alone.txt", "--wait")
    server.stop()
    agent.stop()
    agent.start()
    path = place.touch(agent, "alone.txt")
    server.start()
    check(found(server, path)["item"] == "alone.txt", "item")


def case_falco(place):
    """Falco's JSON becomes a finding."""
    server = place.server()
    server.set_up()
    cli = place.cli(server)
    token = cli.run("tokens", "add", "falco", "--permissions", "falco").stdout.strip()
    alert = {"rule": "Terminal shell in container", "priority": "Notice", "output": "a shell", "hostname": "far",
             "time": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()), "source": "syscall",
             "tags": ["mitre_execution"], "output_fields": {"proc.name": "bash\x1b[31m", "container.id": "0123456789ab"}}
    check(server.call("POST", "/", alert, token=token) == (200, {"accepted": 1}), "accepted")
    finding = server.get("/v1/findings")["items"][0]
    check((finding["rule"], finding["host"]) == (alert["rule"], "far"), finding)
    shown = cli.run("findings").stdout + cli.run("findings", "show", finding["id"]).stdout
    check("\x1b" not in shown and "bash\\x1b[31m" in shown, shown)
    check(server.call("GET", "/v1/findings", token=token)[0] == 403, "a token for sending reads")
    check("falco:far" in cli.run("coverage").stdout, "coverage")


def case_tls(place):
    """Over TLS with the server's own CA, checked by its SHA-256."""
    server = place.server(tls=True)
    server.set_up()
    agent = place.agent(server, "a")
    place.loaded(server, agent)
    path = place.touch(agent, "kinsing")
    found(server, path)
    sha256 = server.enrolment()["ca_sha256"]
    cli = place.cli(server)
    refused = cli.run("findings", status=3).stderr
    check("is not trusted" in refused and "--ca-sha256" in refused, refused)
    check("is another one" in cli.run("findings", "--ca-sha256", "0" * 64, status=3).stderr, "another CA")
    check(path in cli.run("findings", "--ca-sha256", sha256).stdout, "pinned")
    alone = Cli(place.programs, place.folder)
    login = ("login", server.url, "--user", "admin", "--password-file", "-", "--ca-sha256", sha256)
    check("logged in" in alone.run(*login, text=PASSWORD + "\n").stdout, "login")
    saved = os.path.join(alone.home, "config/hinomi/login.json")
    check(os.stat(saved).st_mode & 0o777 == 0o600, "the login's mode")
    check(path in alone.run("findings").stdout, "logged in")
    check(alone.run("logout").stdout == "logged out\n" and not os.path.exists(saved), "logout")
    check("plain HTTP" in alone.run("login", "http://192.0.2.1:8765", "--user", "x", status=2).stderr, "plain HTTP")
    wrong = Agent(place.programs, os.path.join(place.folder, "w"), server.url, server.enrolment()["token"], "0" * 64)
    place.started.append(wrong)
    wrong.start()
    time.sleep(0.5)
    check(not os.path.exists(os.path.join(wrong.spool, "identity.json")), "it enrolled with another CA")


def case_backup(place):
    """A backup keeps findings, users and the agents' credentials; agents go on with the restored server."""
    server, (a, b) = place.two()
    first = found(server, place.touch(a, "kinsing"))
    cli = place.cli(server)
    path = cli.run("backup").stdout.strip()
    second = place.touch(b, "zzh")
    found(server, second)
    copy = os.path.join(place.folder, "copy")
    shutil.copytree(path, copy)
    server.kill()
    shutil.rmtree(server.dir)
    done = subprocess.run([place.programs.server, "--dir", server.dir, "restore", copy], capture_output=True, text=True,
                          timeout=LIMIT_S, env=clean_environment(), check=False)
    check(done.returncode == 0, done.stdout, done.stderr)
    server.start()
    third = place.touch(a, "zzh")
    found(server, third)
    check(first["id"] in cli.run("findings").stdout, "the finding is lost")
    place.touch(b, "pnscan")
    until("what was acknowledged after the backup is there or declared", lambda: [
        1 for f in server.get("/v1/findings")["items"] if f["file"] == second] + [
            1 for g in server.get("/v1/gaps")["items"] if g["kind"] == "server_lost"])


def case_events(place):
    """`hinomi events` shows a finding as it is made."""
    server = place.server()
    server.set_up()
    agent = place.agent(server, "a")
    place.loaded(server, agent)
    cli = place.cli(server)
    with subprocess.Popen([place.programs.cli, "events", "--json"], stdout=subprocess.PIPE, text=True, env=cli.env) as follower:
        try:
            until("it listens", lambda: server.get("/v1/system")["events"]["listeners"] == 1)
            place.touch(agent, "kinsing")
            seen = []
            while "finding" not in seen:
                seen.append(json.loads(follower.stdout.readline())["event"])
        finally:
            follower.kill()


def case_stories(place):
    """Both stories of `make demo`, told whole: instrumented definitions run as on Fargate, a server, e-mails."""
    demo = os.path.join(ROOT, "tools/demo/main.py")
    with tempfile.TemporaryDirectory(prefix="hinomi-demo-") as folder:
        done = subprocess.run([sys.executable, demo, place.build, "check", os.path.join(folder, "demo")], capture_output=True,
                              text=True, timeout=LIMIT_S * 4, check=False)
    if done.returncode == SKIPPED:
        raise Skip(done.stdout.strip().partition("skipped: ")[2])
    check(done.returncode == 0, done.stdout[-3000:], done.stderr[-1500:])
    for line in re.findall(r"^  .* ms$", done.stdout, re.M):
        print("   " + line)


def run(case, programs, build, keep):
    folder = tempfile.mkdtemp(prefix="hinomi-e2e-")
    place = Place(programs, folder)
    place.build = build
    try:
        case(place)
        return None
    except (Failure, OSError, KeyError, IndexError, TypeError, ValueError, subprocess.TimeoutExpired) as failure:
        return f"{type(failure).__name__}: {failure}"
    finally:
        place.end()
        if not keep:
            remove(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    programs = Programs(args.build)
    if not os.path.exists(programs.shim):
        print("skipped: hinomi-shim is not built")
        return SKIPPED
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, case in [(n[5:], c) for n, c in globals().items() if n.startswith("case_") and args.only in n]:
        began = time.monotonic()
        try:
            why = run(case, programs, os.path.abspath(args.build), args.keep)
        except Skip as skip:
            counts["skipped"] += 1
            print(f"e2e: {name}: skipped: {skip}", flush=True)
            continue
        counts["failed" if why else "passed"] += 1
        print(f"e2e: {name}: {why}" if why else f"  {name} ({time.monotonic() - began:.1f} s)", flush=True)
    print("e2e: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
