#!/usr/bin/env python3
"""hinomi-agent as who runs it sees it: usage, settings and their places, what is over what, reload between two events
under load, figures and health over HTTP, how it stops. Usage: agent.py AGENT SHIM|- MANUAL"""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

AGENT, SHIM, MANUAL = (os.path.abspath(sys.argv.pop(1)) for _ in range(3))
HAS_SHIM = os.access(SHIM, os.X_OK)
LIMIT_S = 60
RULE = """- rule: {name}
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and fd.name endswith {suffix} and evt.is_open_write = true
  output: {text} %fd.name
  priority: {priority}
"""
SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? ([0-9]+(?:\.[0-9]+)?)')


def rule(name="marker", suffix="marker", text="made", priority="WARNING"):
    return RULE.format(name=name, suffix=suffix, text=text, priority=priority)


def until(condition, seconds=LIMIT_S / 2):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def environment(**more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HINOMI_")}
    return {**kept, **more}


def run(*arguments, **env):
    done = subprocess.run([AGENT, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=LIMIT_S, env=environment(**env))
    return done.returncode, done.stdout, done.stderr


def link_of(path):
    """Empty when it is gone meanwhile."""
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""


class Agent:
    """One that runs, its two outputs in files."""

    def __init__(self, folder, *arguments, ready="ready:", **env):
        self.folder = folder
        self.socket = os.path.join(folder, "agent.sock")
        self.out, self.err = (os.path.join(folder, name) for name in ("out", "err"))
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [AGENT, "--socket", self.socket, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, env=environment(**env))
        self.pid = self.process.pid
        until(lambda: self.process.poll() is not None or ready in self.said())

    def said(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def alerts(self):
        with open(self.out, encoding="utf-8") as file:
            return file.read()

    def port(self):
        """Of its metrics, that it chose itself."""
        inodes = {link_of(f"/proc/{self.pid}/fd/{name}") for name in os.listdir(f"/proc/{self.pid}/fd")}
        with open("/proc/net/tcp", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                    return int(words[1].split(":")[1], 16)
        raise AssertionError("it does not listen")

    def reload(self, wanted):
        before = self.said().count(wanted)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.said().count(wanted) > before)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request(method, path, body)
    answer = connection.getresponse()
    result = answer.status, answer.getheaders(), answer.read().decode()
    connection.close()
    return result


def parse_metrics(text):
    """Strictly: each family has HELP and TYPE once, before its samples, which stand together."""
    values, types, helps, family = {}, {}, set(), None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in helps, line
            helps.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in types and kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            suffixes = ("_bucket", "_sum", "_count") if types[family] == "histogram" else ("",)
            assert name in [family + suffix for suffix in suffixes], line
            assert (name, labels) not in values, line
            values[name, labels] = float(value)
    return values, types


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="hinomi-agent-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name) + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path(name) + ".new", self.path(name))
        return self.path(name)

    def agent(self, *arguments, **more):
        agent = Agent(self.folder, *arguments, **more)
        self.addCleanup(agent.__exit__)
        return agent


class Usage(Folder):
    def test_help(self):
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("Usage: hinomi-agent --rules"))
        self.assertLessEqual(max(map(len, out.splitlines())), 100)
        self.assertEqual(run("-h"), (0, out, ""))
        status, out, err = run("--version")
        self.assertRegex(out, r"^hinomi-agent \d+\.\d+\.\d+\n$")
        self.assertEqual((status, err), (0, ""))

    def test_manual(self):
        with open(MANUAL, encoding="utf-8") as page:
            text = page.read().replace("\\-", "-")
        for option in set(re.findall(r"--[a-z]+", run("--help")[1])):
            self.assertIn(option, text)
        keys = os.path.join(os.path.dirname(MANUAL), "../src/agent/config_keys.def")
        with open(keys, encoding="utf-8") as table:
            for key in re.findall(r'^CONFIG_\w+\("([^"]+)"', table.read(), re.M):
                self.assertIn(key, text)
        try:
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", MANUAL], capture_output=True,
                                  text=True, timeout=LIMIT_S)
        except FileNotFoundError:
            return
        if "can't find" not in done.stderr and "can't open" not in done.stderr:
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_errors(self):
        rules = self.write("r.yaml", rule())
        for words, said in ((("--no-such",), "there is no such option: --no-such"),
                            (("--rules", rules, "--output"), "this option needs a value: --output"),
                            (("word",), "a word that belongs to no option: word"),
                            ((), "no rules: give --rules"),
                            (("--rules", rules, "--output", "xml"), "`output` on the command line: is one of text, json"),
                            (("--rules", rules, "--sensor", "ebpf"), "auto, notify, ptrace; not `ebpf`"),
                            (("--rules", rules, "--metrics", "nowhere"), "`nowhere` is not ADDRESS:PORT")):
            status, out, err = run(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertTrue(err.startswith("hinomi-agent: "), err)
            self.assertIn(said, err)

    def test_rules(self):
        bad = self.write("bad.yaml", rule().replace("fd.name", "fd.nam"))
        status, out, err = run("--rules", bad)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"{bad}:3:", err)
        self.assertIn("did you mean", err)
        status, _, err = run("--rules", self.path("none.yaml"))
        self.assertEqual(status, 1)
        self.assertIn("none.yaml", err)

    def test_file(self):
        config = self.write("c.yaml", "sensors: auto\nmetrics:\n  lisen: '1'\noutput: xml\n")
        status, out, err = run("--config", config)
        self.assertEqual((status, out), (2, ""))
        self.assertIn(f"{config}:1:1: there is no setting `sensors`; did you mean `sensor`?", err)
        self.assertIn(f"{config}:3:3: there is no setting `metrics.lisen`; did you mean `listen`?", err)
        self.assertIn(f"{config}:4:9: `output` is one of text, json; not `xml`", err)
        status, _, err = run("--config", self.path("none"))
        self.assertEqual(status, 2)
        self.assertIn("cannot open", err)
        status, _, err = run("--config", self.write("big.yaml", "#" * ((1 << 20) + 1)))
        self.assertEqual(status, 2)
        self.assertIn("larger than the limit", err)

    def test_environment(self):
        rules = self.write("r.yaml", rule())
        status, _, err = run("--rules", rules, HINOMI_OUTPUT="xml")
        self.assertEqual(status, 2)
        self.assertIn("HINOMI_OUTPUT in the environment: is one of text, json; not `xml`", err)
        agent = self.agent("--metrics", "0", HINOMI_RULES_FILES=rules, HINOMI_SENSORS="auto")
        self.assertIn("did you mean `HINOMI_SENSOR`?", agent.said())
        self.assertIn("ready: 1 of 1 rules", agent.said())
        self.assertEqual(agent.stop(), 0)

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            status, _, err = run("--rules", self.write("r.yaml", rule()), "--metrics", str(port))
        self.assertEqual(status, 1)
        self.assertIn("Address already in use", err)

    def test_output_not_writable(self):
        status, _, err = run("--rules", self.write("r.yaml", rule()), "-o", self.folder)
        self.assertEqual(status, 1)
        self.assertIn("cannot write", err)


class Serving(Folder):
    def test_pages(self):
        agent = self.agent("--rules", self.write("r.yaml", rule()), "--metrics", "0")
        port = agent.port()
        status, headers, text = request(port, "GET", "/metrics")
        self.assertEqual((status, dict(headers)["Content-Type"]),
                         (200, "text/plain; version=0.0.4; charset=utf-8"))
        values, types = parse_metrics(text)
        for name, kind in (("hinomi_events_total", "counter"), ("hinomi_state_threads", "gauge"),
                           ("process_resident_memory_bytes", "gauge"), ("hinomi_rules", "gauge"),
                           ("hinomi_alerts_dropped_total", "counter"),
                           ("hinomi_alert_lag_seconds", "histogram")):
            self.assertEqual(types[name], kind)
        self.assertEqual(values["hinomi_rules", None], 1)
        status, headers, text = request(port, "GET", "/healthz")
        self.assertEqual(dict(headers)["Content-Type"], "application/json")
        health = json.loads(text)
        self.assertEqual(status, 503 if health["failing"] else 200)
        self.assertEqual(health["status"], "failing" if health["failing"] else "ok")
        self.assertEqual(request(port, "HEAD", "/metrics")[::2], (200, ""))
        for path in ("/", "/metrics/", "/metricsx", "/../metrics"):
            self.assertEqual(request(port, "GET", path)[0], 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = request(port, method, "/metrics", "x" * 100000)
            self.assertEqual((status, dict(headers)["Allow"]), (405, "GET, HEAD"), method)
        self.assertEqual(agent.stop(), 0)

    def test_hostile(self):
        """What is no HTTP, too long, or never ends; pages are served after it."""
        agent = self.agent("--rules", self.write("r.yaml", rule()), "--metrics", "0")
        port = agent.port()
        held = []
        for what in (b"\0\xff" * 100, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HT",
                     b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n"):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S))
            try:
                held[-1].sendall(what)
            except OSError:
                pass
        held += [socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) for _ in range(4)]
        self.assertEqual(request(port, "GET", "/metrics")[0], 200)
        for connection in held:
            connection.close()
        self.assertEqual(agent.stop(), 0)

    def test_loopback_only(self):
        agent = self.agent("--rules", self.write("r.yaml", rule()), "--metrics", "0")
        with open("/proc/net/tcp", encoding="ascii") as file:
            port = f"{agent.port():04X}"
            mine = [line.split()[1] for line in file if line.split()[1].endswith(":" + port)
                    and line.split()[3] == "0A"]
        self.assertEqual(mine, ["0100007F:" + port])

    def test_closed_to_others(self):
        """Its memory is not to be read, and what it does not need is gone."""
        agent = self.agent("--rules", self.write("r.yaml", rule()))
        with open(f"/proc/{agent.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":", 1) for line in file)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        kept = sum(1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 19, 27, 29, 31))
        for name in ("CapEff", "CapPrm"):
            self.assertEqual(int(status[name], 16) & ~kept, 0)
        self.assertEqual(int(status["CapInh"], 16) | int(status["CapAmb"], 16), 0)
        self.assertEqual(os.stat(f"/proc/{agent.pid}/mem").st_uid, 0)


class Reload(Folder):
    def test_settings(self):
        config = self.write("c.yaml", f"rules_files: {self.write('r.yaml', rule())}\n")
        agent = self.agent("--config", config, "--metrics", "0")
        self.write("s.yaml", rule("second", "other") + rule("third", "third", priority="DEBUG"))
        self.write("c.yaml", f"rules_files: [{self.path('r.yaml')}, {self.path('s.yaml')}]\n"
                             "rule_priority: warning\noutput: json\n")
        agent.reload("reloaded: 2 of 3 rules")
        self.assertIn("changed, but taken over at the next start only: output", agent.said())
        self.assertEqual(parse_metrics(request(agent.port(), "GET", "/metrics")[2])[0][
            "hinomi_reloads_total", '{result="ok"}'], 1)

    def test_broken(self):
        """What does not load leaves the old rules in force, says where, and is counted."""
        rules = self.write("r.yaml", rule())
        config = self.write("c.yaml", f"rules_files: {rules}\n")
        agent = self.agent("--config", config, "--metrics", "0")
        self.write("r.yaml", rule().replace("fd.name", "fd.nam"))
        agent.reload("reload failed, the old rules go on")
        self.assertIn(f"{rules}:3:", agent.said())
        self.write("c.yaml", "rules_file: x\n")
        agent.reload("reload failed, the old rules go on: the configuration has errors")
        self.assertIn(f"{config}:1:1: there is no setting `rules_file`; did you mean `rules_files`?",
                      agent.said())
        os.unlink(config)
        agent.reload("reload failed, the old rules go on: cannot open")
        values, _ = parse_metrics(request(agent.port(), "GET", "/metrics")[2])
        self.assertEqual(values["hinomi_reloads_total", '{result="failed"}'], 3)
        self.assertEqual(values["hinomi_reload_last_failed", None], 1)
        self.assertEqual(values["hinomi_rules", None], 1)
        self.assertIn("older rules run", request(agent.port(), "GET", "/healthz")[2])
        self.write("r.yaml", rule())
        self.write("c.yaml", f"rules_files: {rules}\n")
        agent.reload("reloaded: 1 of 1 rules")
        self.assertEqual(agent.stop(signal.SIGINT), 0)


MAKER = r"""
import os, sys
folder, files = sys.argv[1], int(sys.argv[2])
for i in range(files):
    os.close(os.open(f"{folder}/{i}-marker", os.O_WRONLY | os.O_CREAT, 0o600))
    os.unlink(f"{folder}/{i}-marker")
"""


class Watching(Folder):
    def setUp(self):
        super().setUp()
        if not HAS_SHIM:
            self.skipTest("skipped: hinomi-shim is not built (musl-gcc is missing)")
        self.rules = self.write("r.yaml", rule())

    def watch(self, agent, *command):
        return subprocess.Popen([SHIM, "--socket", agent.socket, "--", *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def watching_agent(self, *arguments):
        agent = self.agent("--rules", self.rules, "--sensor", "notify", *arguments)
        if agent.process.poll() == 3:
            self.skipTest("skipped: " + agent.said().strip())
        return agent

    def make(self, agent, files):
        """Python cannot begin without opening files, some of which are its own."""
        return self.watch(agent, sys.executable, "-c", MAKER, self.folder, str(files))

    def finish(self, process):
        out, err = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, out, err), (0, b"", b""))

    def test_alert(self):
        agent = self.watching_agent("--output", "json", "--metrics", "0")
        self.finish(self.make(agent, 3))
        until(lambda: agent.alerts().count("\n") == 3)
        for i, line in enumerate(agent.alerts().splitlines()):
            alert = json.loads(line)
            self.assertEqual((alert["rule"], alert["priority"]), ("marker", "Warning"))
            self.assertEqual(alert["output_fields"]["fd.name"], f"{self.folder}/{i}-marker")
        values, _ = parse_metrics(request(agent.port(), "GET", "/metrics")[2])
        self.assertEqual(values["hinomi_alerts_total", '{priority="Warning"}'], 3)
        self.assertEqual(values["hinomi_rule_alerts_total", '{rule="marker",priority="Warning"}'], 3)
        self.assertEqual(values["hinomi_alert_lag_seconds_count", None], 3)
        self.assertEqual(values["hinomi_notify_joined_total", None], 1)
        self.assertEqual(values["hinomi_notify_unprotected_holders_total", None], 0)
        self.assertGreaterEqual(values["hinomi_events_total", None], 3)
        self.assertGreater(values["hinomi_rules_search_cpu_seconds_total", None], 0)
        self.assertEqual(json.loads(request(agent.port(), "GET", "/healthz")[2])["failing"], [])

    def test_reload_under_load(self):
        """Each file makes one alert, by the old rules or the new, whatever moment they change at."""
        files = 3000
        agent = self.watching_agent()
        maker = self.make(agent, files)
        until(lambda: agent.alerts().count("\n") > 20)
        reloads = 0
        while maker.poll() is None and reloads < 40:
            reloads += 1
            self.write("r.yaml", rule(text=f"made-{reloads}"))
            agent.reload("reloaded: 1 of 1 rules")
        self.finish(maker)
        until(lambda: agent.alerts().count("\n") >= files)
        self.assertEqual(agent.stop(), 0)
        lines = agent.alerts().splitlines()
        self.assertEqual([int(re.search(r"/(\d+)-marker$", line).group(1)) for line in lines],
                         list(range(files)))
        texts = [re.search(r"(made\S*) /", line).group(1) for line in lines]
        self.assertGreater(len(set(texts)), 1)
        order = [int(text.partition("-")[2] or 0) for text in texts]
        self.assertEqual(order, sorted(order))

    def test_deny_at_reload(self):
        """A policy that denies comes and goes while an application runs."""
        plain = f"rules_files: {self.rules}\n"
        config = self.write("c.yaml", plain)
        agent = self.agent("--config", config, "--sensor", "notify")
        if agent.process.poll() == 3:
            self.skipTest("skipped: " + agent.said().strip())
        log = self.write("log", "")
        script = (f"cd {self.folder}; while ! test -e end; do if true > x-marker; then echo made; else echo refused; fi; "
                  "sleep 0.02; done >> log 2> /dev/null")
        process = self.watch(agent, "sh", "-c", script)
        policies = self.write("p.yaml", "- policy: Refuse\n  enabled: true\n  rules:\n    - name: marker\n      actions: [deny]\n")
        for text, want in ((plain, "made"), (plain + f"policies: {policies}\n", "refused"), (plain, "made")):
            with open(config, "w", encoding="ascii") as file:
                file.write(text)
            agent.reload("reloaded: 1 of 1 rules")
            before = os.path.getsize(log)

            def is_so(want=want, before=before):
                with open(log, encoding="ascii") as file:
                    file.seek(before)
                    return file.read().split()[1:][-4:] == [want] * 4
            until(is_so)
        self.write("end", "")
        process.communicate(timeout=LIMIT_S)
        self.assertEqual(agent.stop(), 0)

    def test_stop_drains(self):
        """All that happened before SIGTERM is written when it ends."""
        agent = self.watching_agent("-o", self.path("alerts"))
        self.finish(self.make(agent, 500))
        self.assertEqual(agent.stop(), 0)
        with open(self.path("alerts"), encoding="utf-8") as file:
            self.assertEqual(file.read().count("\n"), 500)
        self.assertEqual(agent.alerts(), "")
        self.assertIn("500 alerts", agent.said())

    def test_gap(self):
        """One agent after another: what passed between them is told, with its times."""
        first = self.watching_agent("--output", "json")
        process = self.watch(first, "sh", "-c",
                             f"while ! test -e {self.folder}/end; do : > {self.folder}/x-marker; done")
        until(lambda: first.alerts().count("\n") > 5)
        before = time.time_ns()
        first.process.kill()
        first.process.wait(LIMIT_S)
        time.sleep(1)
        second = self.agent("--rules", self.rules, "--sensor", "notify", "--output", "json")
        line = until(lambda: next((line for line in second.alerts().splitlines()
                                   if "Hinomi gap" in line and '"gap.end":null' not in line), None))
        gap = json.loads(line)
        self.write("end", "")
        self.finish(process)
        self.assertEqual((gap["rule"], gap["source"], gap["priority"]), ("Hinomi gap", "hinomi", "Warning"))
        self.assertGreater(gap["output_fields"]["gap.calls"], 0)
        self.assertEqual(gap["output_fields"]["gap.cause"], "agent gone")
        self.assertEqual(gap["hinomi"]["gap"]["calls"], gap["output_fields"]["gap.calls"])
        start, end = (gap["output_fields"][name] for name in ("gap.start", "gap.end"))
        self.assertRegex(start, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        self.assertLess(start, end)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before // 10**9 - 1))
        self.assertGreater(start, at)
        self.assertEqual(second.stop(), 0)


if __name__ == "__main__":
    unittest.main()
