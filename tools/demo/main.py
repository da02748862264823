#!/usr/bin/env python3
"""The two stories of Hinomi, told with real parts: main.py BUILD start|check|stop [FOLDER]

    start   tells both, and leaves all of it running to be explored
    check   tells both, checks what they say, and ends everything
    stop    ends what `start` left, and removes it

FOLDER, BUILD/demo unless said, is where everything is.

1. A web shop runs as an ECS task whose definition nobody edited. Somebody runs `touch /kinsing` in it; then a name is
   appended to a list, and is in force at once.
2. An image with a miner is deployed. The finding names all there is to know, and people are told by e-mail.

Real: server, agents, shims, containers (runc, with Fargate's rights), the SMTP server. Stand-ins: ECS itself (aws.py runs
the task definition here), the mining pool, the miner, which mines nothing. Exits with 77 where this machine lacks what it
takes."""
import email
import email.policy
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time

import images
from place import PATH, ROOT, Failed, Place, until

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER, LIST = "demo", "malicious_filenames"
REGISTRY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:hinomi/enrolment-AbCdEf"
SKIPPED = 77
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text):
    print(text, flush=True)


def title(text):
    say(f"\n{BOLD}{text}{PLAIN}")


def command(text):
    say(f"\n{DIM}$ {text}{PLAIN}")


def lacking(place):
    if os.geteuid() != 0:
        return "containers need root here"
    for program in ("runc", "busybox", "ip", "dnsmasq", "bash", "cp"):
        if not shutil.which(program, path=PATH):
            return f"{program} is missing (tools/deps.sh demo)"
    if not os.path.exists(place.program("hinomi-shim")):
        return "hinomi-shim is not built: musl-gcc (musl-tools) is missing"
    if subprocess.run([system_python(), "-c", "import aiosmtpd"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        return "python3-aiosmtpd is missing (tools/deps.sh demo)"
    return None


def system_python():
    """Debian's own, which has Debian's modules."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def free_port(wanted):
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return s.getsockname()[1]
    raise Failed("there is no free port")


class Demo:
    def __init__(self, place):
        self.place = place
        self.port = free_port(8765)
        self.smtp = free_port(2525)
        self.shop = free_port(8080)
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = None
        self.password = "-".join(secrets.token_hex(3) for _ in range(4))
        self.figures = []

    # ---- the server, over its API and its command line

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + self.token} if self.token else {})}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Failed(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text else None

    def hinomi(self, *words, show=True):
        if show:
            command("hinomi " + " ".join(f"'{w}'" if " " in w else w for w in words))
        done = subprocess.run([self.place.program("hinomi"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60,
                              env=self.place.environment(HINOMI_URL=self.url, HINOMI_TOKEN=self.token))
        if done.returncode != 0:
            raise Failed(f"hinomi {' '.join(words)}: {done.stdout}{done.stderr}")
        if show:
            say("\n" + done.stdout.rstrip())
        return done.stdout

    def serves(self):
        if not self.place.running("server"):
            raise Failed("the server ended:\n" + self.place.read("server.log"))
        try:
            return self.call("GET", "/v1/health")
        except OSError:
            return None

    def start_server(self):
        config = self.place.write("server.yaml", f"content: {{dir: {ROOT}/content}}\npublic_url: {self.url}\n"
                                  "outbound: {allow: [127.0.0.1]}\n")
        self.place.start("server", [self.place.program("hinomi-server"), "--dir", self.place.path("server"), "--config", config,
                                    "--listen", f"127.0.0.1:{self.port}"])
        until("the server", self.serves)
        link = self.place.read("server/setup-link").strip()
        self.token = self.call("POST", "/v1/setup", {"token": link.rpartition("#")[2].rpartition("=")[2], "name": "admin",
                                                     "password": self.password, "cookie": False})["token"]

    def start_mail(self):
        self.place.start("mail", [system_python(), os.path.join(HERE, "mail.py"), str(self.smtp), self.place.path("mail")])
        until("the SMTP server", lambda: "ready" in self.place.read("mail.log"))
        for language, to in (("en", "on-call@example.com"), ("ja", "toban@example.jp")):
            channel = self.place.write(f"channel-{language}.json", json.dumps({
                "name": f"on-call ({language})", "kind": "email", "language": language,
                "config": {"host": "127.0.0.1", "port": self.smtp, "security": "none", "from": "Hinomi <hinomi@example.com>",
                           "to": [to]}}))
            self.hinomi("notifications", "add-channel", "--file", channel, "--json", show=False)
        ids = [str(item["id"]) for item in self.call("GET", "/v1/notifications/channels")["items"]]
        self.hinomi("notifications", "add-rule", "high", "--filter", "severity >= 7.0 and severity < 9.0", "--channel",
                    ",".join(ids), "--throttle", "0")

    def finding(self, condition):
        for item in self.call("GET", "/v1/findings?limit=100")["items"]:
            if condition(item):
                return item
        return None

    # ---- ECS

    def deploy(self, service):
        """deploy/ecs/deploy.sh, with a stand-in for `aws`. Returns when the service was updated."""
        place = self.place
        aws = place.write("bin/aws", f"#!/bin/sh\nexec {system_python()} {HERE}/aws.py \"$@\"\n", 0o755)
        words = [os.path.join(ROOT, "deploy/ecs/deploy.sh"), CLUSTER, service, os.path.join(HERE, f"{service}.json"),
                 "--agent-image", f"{REGISTRY}/hinomi-agent:0.1", "--server", "http://127.0.0.1:8765",
                 "--token-secret", SECRET, "--image-config", f"{service}={place.path('images', service)}", "--offline",
                 "--log-group", "/ecs/hinomi", "--log-region", "eu-central-1"]
        command(f"deploy/ecs/deploy.sh {CLUSTER} {service} {service}.json --agent-image … --server … --token-secret arn:…")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=120, env=place.environment(HINOMI=place.program("hinomi"), AWS=aws))
        if done.returncode != 0:
            raise Failed("deploy.sh: " + done.stdout + done.stderr)
        say("\n" + done.stdout.rstrip())

    def prepare_ecs(self):
        place = self.place
        images.make_all(place)
        token = place.write("token", self.hinomi_token() + "\n")
        place.keep("ecs/secrets", {SECRET: token})
        tags = {"shop": "42", "worker": "7", "hinomi-agent": "0.1"}
        place.keep("ecs/images", {f"{REGISTRY}/{name}:{tag}": place.path("images", name) for name, tag in tags.items()})
        place.keep("demo", {"server": self.port})

    def hinomi_token(self):
        return json.loads(self.hinomi("agents", "enrol", CLUSTER, "--cluster", CLUSTER, "--uses", "0", "--json", show=False))["token"]

    def agents_ready(self, count):
        def ready():
            items = self.call("GET", "/v1/coverage")["items"]
            beats = [item["heartbeat"] for item in items if item.get("heartbeat")]
            return sum(1 for beat in beats if beat["bundle"]["ok"] and beat["rules"]) >= count
        until(f"{count} agents with the server's rules", ready, 30)

    def ask_shop(self, words):
        """As anybody could over the network: the shop's endpoint that runs commands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.shop, timeout=20)
        try:
            connection.request("GET", "/cgi-bin/exec?" + words.replace(" ", "%20"))
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def shop_is_up(self):
        try:
            return self.ask_shop("id")[0] == 200
        except OSError:
            return False

    def measure(self, what, seconds):
        self.figures.append((what, seconds))


def touched(demo, path):
    """Seconds from the request until the API shows the finding."""
    command(f"curl 'http://127.0.0.1:{demo.shop}/cgi-bin/exec?touch%20{path}'")
    began = time.time()
    status, answer = demo.ask_shop(f"touch {path}")
    if status != 200:
        raise Failed(f"the shop did not do it: {answer}")
    until(f"a finding of {path}", lambda: demo.finding(lambda f: f["file"] == path), 20)
    return time.time() - began


def story_of_a_name(demo):
    title("Story 1. A file name")
    say("A web shop is deployed by a pipeline. Its task definition says nothing of Hinomi, and nobody edits it: the pipeline's step\n"
        "instruments a copy, and deploys that. The shop has a hole: an address that runs commands.")
    demo.deploy("shop")
    demo.place.start("way-shop-in", [sys.executable, os.path.join(HERE, "forward.py"), "-", f"127.0.0.1:{demo.shop}",
                                     demo.place.prefix + "shop", "127.0.0.1:8080"])
    until("the shop", demo.shop_is_up, 30)
    demo.agents_ready(1)
    demo.measure("touch /kinsing requested -> finding", touched(demo, "/kinsing"))
    demo.hinomi("findings")
    say("\nA name of your own is not malicious yet. It is appended to the list, in the console or like this:")
    demo.ask_shop("touch /www/test.txt")
    time.sleep(0.3)
    if demo.finding(lambda f: f["file"] == "/www/test.txt"):
        raise Failed("/www/test.txt was found too early")
    began = time.time()
    demo.hinomi("lists", "append", LIST, "test.txt", "--wait")
    demo.measure("list append -> in force on the agent", time.time() - began)
    demo.measure("touch /test.txt requested -> finding", touched(demo, "/test.txt"))


def mails(place):
    """(when received, message), the oldest first."""
    folder = place.path("mail")
    found = []
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="ascii") as file:
                told = json.load(file)
            with open(os.path.join(folder, name.replace(".json", ".eml")), "rb") as file:
                found.append((told["received"], email.message_from_binary_file(file, policy=email.policy.default)))
    return sorted(found, key=lambda mail: mail[0])


def plain(message):
    return message.get_body(("plain",)).get_content()


def story_of_a_miner(demo):
    title("Story 2. A miner")
    say("The next image has a miner in it (a stand-in named cnrig that mines nothing). It is deployed as everything else is.")
    began = time.time()
    demo.deploy("worker")
    found = until("the finding of the miner", lambda: demo.finding(lambda f: f["type"] == "Impact:Runtime/CryptoMinerExecuted"), 60)
    demo.measure("container started -> finding of the miner", time.time() - started_at(demo.place, "worker"))
    found = until("the finding of its pool", lambda: demo.finding(lambda f: f["rule"] == "Connection to a mining pool"), 30)
    seen = time.time()
    demo.measure("deployment begun -> findings of miner and pool", seen - began)
    say("\nThree findings of one container: the program, the name it asked for, the pool it talks to. The last names everything:")
    whole = demo.call("GET", f"/v1/findings/{found['id']}")
    demo.hinomi("findings", "--filter", "type startswith Impact or type startswith CryptoCurrency")
    told = until("the e-mail of the miner, in both languages", lambda: told_of(demo.place, found), 30)
    demo.measure("finding shown -> e-mail received", max(0.0, max(when for when, _ in told) - seen))
    for _, message in told:
        say(f"\n{DIM}To: {message['to']}   Subject: {message['subject']}{PLAIN}\n\n{plain(message).rstrip()}")
    return whole, [message for _, message in told]


def started_at(place, name):
    """When the stand-in for ECS saw that all containers had been started."""
    return place.kept("started")[name]


def told_of(place, finding):
    """The mails of this finding, when there are both."""
    found = [mail for mail in mails(place) if str(finding["id"]) in plain(mail[1])]
    return found if len({message["to"] for _, message in found}) == 2 else None


def expect(condition, what):
    if not condition:
        raise Failed("not as it should be: " + what)


def check_miner(finding, messages):
    """All that the second story promises."""
    text = json.dumps(finding)
    for what in (CLUSTER, "worker", f"{REGISTRY}/worker", "sha256:", "cnrig", "/usr/local/bin/worker",
                 "pool.supportxmr.com"):
        expect(what in text, f"the finding does not name {what}")
    expect(7.0 <= finding["severity"] < 9.0, f"severity {finding['severity']}")
    for message in messages:
        body = plain(message)
        for what in (CLUSTER, finding["task_id"], "worker:1", "sha256:", "cnrig", "pool.supportxmr.com"):
            expect(what in body, f"the e-mail to {message['to']} does not name {what}")
        expect(message.get_body(("html",)) is not None, "the e-mail has no HTML")


def tell(demo):
    title("Hinomi, both stories")
    say("A server with SQLite, a real SMTP server beside it, two addresses that want to know of severity 7.0 to 8.9 in their\n"
        "language, and a stand-in for ECS that runs task definitions here with Fargate's rights.")
    demo.start_server()
    demo.start_mail()
    demo.prepare_ecs()
    story_of_a_name(demo)
    finding, messages = story_of_a_miner(demo)
    check_miner(finding, messages)
    title("Measured from outside, on this machine")
    for what, seconds in demo.figures:
        say(f"  {what:<48}{seconds * 1000:8.0f} ms")
    return finding


def start(place, check):
    why = lacking(place)
    if why:
        say(f"skipped: {why}")
        return SKIPPED
    if place.is_there() or place.running():
        say("There is one from before: it is ended first.")
        place.stop()
    place.make()
    demo = Demo(place)
    done = False
    try:
        finding = tell(demo)
        done = True
    except Failed as failure:
        say(f"\nThe demo failed: {failure}")
        for name in ("server", "task-shop", "task-worker", "mail"):
            log = place.read(name + ".log")[-1500:]
            if log:
                say(f"--- {name}.log\n{log}")
    finally:
        if check or not done:
            place.stop()
    if not done:
        return 1
    if check:
        title("All as expected; everything was ended and removed.")
        return 0
    place.keep("console", {"url": demo.url, "name": "admin", "password": demo.password, "shop": demo.shop,
                           "finding": finding["id"]})
    title("Look around")
    say(f"  console       {demo.url}/   as admin, password {demo.password}\n"
        f"  the miner     {demo.url}/findings/{finding['id']}\n"
        f"  break in      curl 'http://127.0.0.1:{demo.shop}/cgi-bin/exec?touch%20/kdevtmpfsi'\n"
        f"  mails, logs   {place.folder}/\n"
        "  the end       make demo-stop")
    return 0


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in ("start", "check", "stop"):
        sys.exit(__doc__)
    if os.geteuid() != 0 and shutil.which("sudo"):
        os.execvp("sudo", ["sudo", sys.executable, *sys.argv])
    place = Place(*sys.argv[1:2], *sys.argv[3:])
    if sys.argv[2] == "stop":
        count = place.stop()
        say(f"{count} processes ended; nothing is left." if count else "Nothing runs.")
        return 0
    return start(place, sys.argv[2] == "check")


if __name__ == "__main__":

    sys.exit(main())
