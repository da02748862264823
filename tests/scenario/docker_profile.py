"""Docker's default seccomp profile as a container's configuration (OCI) wants it.

Docker resolves the profile's conditions (architecture, capabilities, kernel) when it starts a container;
this does the same for Docker's default capabilities, or others.
"""
import json
import os
import platform

MACHINES = {"x86_64": ("SCMP_ARCH_X86_64", "amd64"), "aarch64": ("SCMP_ARCH_AARCH64", "arm64")}


def applies(entry, caps, arch):
    included, excluded = entry.get("includes") or {}, entry.get("excludes") or {}
    return ((not included.get("arches") or arch in included["arches"])
            and arch not in excluded.get("arches", [])
            and all(c in caps for c in included.get("caps", []))
            and not any(c in caps for c in excluded.get("caps", [])))


def entries(shared, caps):
    with open(os.path.join(shared, "data", "docker-default-seccomp.json"), encoding="utf-8") as file:
        profile = json.load(file)
    arch = MACHINES[platform.machine()][1]
    return profile, [e for e in profile["syscalls"] if applies(e, caps, arch)]


def docker_seccomp(shared, caps):
    profile, kept = entries(shared, caps)
    machine = MACHINES[platform.machine()][0]
    found = next(a for a in profile["archMap"] if a["architecture"] == machine)
    calls = []
    for entry in kept:
        call = {k: entry[k] for k in ("names", "action", "errnoRet") if k in entry}
        if entry.get("args"):
            call["args"] = entry["args"]
        calls.append(call)
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": [machine, *found["subArchitectures"]], "syscalls": calls}


def refused(shared, caps, names):
    """Those of the calls that it never lets through, whatever their arguments."""
    allowed = {n for e in entries(shared, caps)[1] if e["action"] == "SCMP_ACT_ALLOW" for n in e["names"]}
    return [n for n in names if n not in allowed]
