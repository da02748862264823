"""What a process and all below it are doing: for the report of a case that did not end."""
import ctypes
import os
import signal

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """From now on what the cases leave behind comes to this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return f"({error.strerror})"


def parents():
    """pid -> its parent."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = read(f"/proc/{name}/stat").rpartition(")")[2].split()
        if len(fields) > 1 and fields[0] != "Z":
            found[int(name)] = int(fields[1])
    return found


def marked(mark):
    """All processes with this in their environment, and all below them."""
    parent = parents()
    ours = {pid for pid in parent if mark in read(f"/proc/{pid}/environ")}
    more = True
    while more:
        below = {pid for pid in parent if parent[pid] in ours and pid not in ours}
        ours |= below
        more = bool(below)
    return sorted(ours)


def describe(pids):
    """Lines about each thread that is not simply waiting for another process."""
    lines = []
    for pid in pids:
        try:
            tids = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        lines.append(f"{pid} {read(f'/proc/{pid}/cmdline').replace(chr(0), ' ')[:100]}")
        for tid in tids:
            base = f"/proc/{pid}/task/{tid}"
            state = read(f"{base}/stat").rpartition(")")[2].split()
            stack = " < ".join(line.split()[-1] for line in read(f"{base}/stack").splitlines()[:6])
            lines.append(f"    {tid} {read(f'{base}/comm')} {state[0] if state else '?'} wchan {read(f'{base}/wchan')}"
                         f" syscall {read(f'{base}/syscall')[:60]} stack {stack}")
    return lines


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
