#!/usr/bin/env python3
"""What stands for ECS: the four commands of `aws ecs` that deploy/ecs/deploy.sh uses. A service's new definition is run by
`hinomi task run` in a network of its own, in which 203.0.113.7 is the internet; the old one's task is stopped."""
import argparse
import json
import os
import sys
import time

from place import Failed, Place, until

REGION, ACCOUNT = "eu-central-1", "111122223333"
INTERNET = "203.0.113.7"
NAMES = ("pool.supportxmr.com",)
HERE = os.path.dirname(os.path.abspath(__file__))


def arn(kind, rest):
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{rest}"


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("service", choices=["ecs"])
    parser.add_argument("command", choices=["describe-services", "register-task-definition", "update-service", "wait"])
    parser.add_argument("what", nargs="?")
    for option in ("--cluster", "--services", "--service", "--task-definition", "--cli-input-json", "--query", "--output"):
        parser.add_argument(option)
    return parser.parse_args()


def register(place, path):
    with open(path.removeprefix("file://"), encoding="utf-8") as file:
        definition = json.load(file)
    known = place.kept("ecs/definitions") or []
    revision = 1 + sum(item["family"] == definition["family"] for item in known)
    definition["revision"] = revision
    definition["taskDefinitionArn"] = arn("task-definition", f"{definition['family']}:{revision}")
    place.keep("ecs/definitions", [*known, definition])
    print(definition["taskDefinitionArn"])


def services_around(place, name, network):
    """What a container finds in its network: names, a pool, and the way to the server."""
    port = place.kept("demo")["server"]
    answers = [f"--address=/{host}/{INTERNET}" for host in NAMES]
    place.start(f"dns-{name}", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                                "--pid-file=", "--user=root", "--listen-address=127.0.0.1", "--bind-interfaces", *answers],
                network=network)
    place.start(f"pool-{name}", [sys.executable, os.path.join(HERE, "pool.py"), f"{INTERNET}:3333"], network=network)
    place.start(f"way-{name}", [sys.executable, os.path.join(HERE, "forward.py"), network, "127.0.0.1:8765",
                                "-", f"127.0.0.1:{port}"])
    for log in (f"pool-{name}.log", f"way-{name}.log"):
        until(log, lambda log=log: "ready" in place.read(log))


def stop_task(place, name):
    for kind in ("task", "way", "pool", "dns"):
        place.end(f"{kind}-{name}")
    place.remove_network(name)


def update(place, cluster, name, task_definition):
    definition = next((d for d in place.kept("ecs/definitions") or [] if d["taskDefinitionArn"] == task_definition), None)
    if not definition:
        raise Failed(f"there is no task definition {task_definition}")
    stop_task(place, name)
    network = place.make_network(name, INTERNET + "/32")
    services_around(place, name, network)
    path = place.write(f"ecs/{name}.json", json.dumps(definition, indent=2))
    secrets = [f"--secret={key}={value}" for key, value in (place.kept("ecs/secrets") or {}).items()]
    images = [f"--image={image}={folder}" for image, folder in place.kept("ecs/images").items()]
    names = place.write("ecs/resolv.conf", "nameserver 127.0.0.1\n", 0o644)
    place.start(f"task-{name}", [place.program("hinomi"), "task", "run", "--cluster", cluster, "--region", REGION,
                                 "--network", f"/run/netns/{network}", "--resolv-conf", names, "--state", place.path("tasks"), *secrets, *images, path])
    print(arn("service", f"{cluster}/{name}"))


def wait(place, name):
    """A service is stable when its task runs; what it says is in task-NAME.log."""
    def steady():
        if not place.running(f"task-{name}"):
            raise Failed(f"the task of {name} ended:\n" + place.read(f"task-{name}.log"))
        said = place.read(f"task-{name}.log")
        return all(f"hinomi task run: {container['name']}: started" in said for container in
                   place.kept(f"ecs/{name}")["containerDefinitions"])
    until(f"the service {name}", steady, 60)
    place.keep("started", {**(place.kept("started") or {}), name: time.time()})


def main():
    args = parse()
    place = Place(os.environ["DEMO_BUILD"], os.environ["DEMO_FOLDER"])
    if args.command == "describe-services":
        print("ECS")
    elif args.command == "register-task-definition":
        register(place, args.cli_input_json)
    elif args.command == "update-service":
        update(place, args.cluster, args.service, args.task_definition)
    elif args.what != "services-stable":
        raise Failed(f"there is nothing to wait for: {args.what}")
    else:
        wait(place, args.services)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"aws: {failure}")
