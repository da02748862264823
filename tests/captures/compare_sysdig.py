#!/usr/bin/env python3
"""Compares `hinomi replay --filter` with Debian's sysdig 0.29 over captures, event by event.

    compare_sysdig.py HINOMI GENCAPTURE SHARED

Three comparisons: the numbers of the events that each filter lets through; the values of fields of
every event; and all of it again for captures that our own writer made. `EXPLAINED` holds every
difference there may be, with the reason; one that is not listed fails, and so does a listed one that
does not occur any more.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77

FILTERS = [
    "evt.type=open",
    "evt.type in (open,openat,creat)",
    "evt.type=execve and evt.dir=<",
    "evt.type=clone",
    "evt.type=procexit",
    "evt.type=close and fd.num>3",
    "evt.dir=> and evt.type=read",
    "evt.type!=read and evt.type!=write and evt.dir=<",
    "evt.num>=100 and evt.num<200",
    "evt.cpu=1",
    "evt.failed=true",
    "evt.rawres<0",
    "evt.res=ENOENT",
    "evt.is_io=true",
    "evt.is_io_read=true and evt.buflen>64",
    "evt.is_io_write=true",
    "evt.io_dir=read",
    "evt.category=file",
    "evt.category=net",
    "evt.buffer contains HTTP",
    "evt.args contains O_RDONLY",
    "evt.arg.flags contains O_CLOEXEC",
    "evt.is_wait=true",
    "evt.is_open_read=true",
    "evt.is_open_write=true",
    "proc.name=cat",
    "proc.name in (cat,bash,sh,curl,nginx)",
    "proc.name!=bash and evt.type=close",
    "proc.name contains s",
    "proc.name startswith s",
    "proc.pname=bash",
    "proc.aname=sshd",
    "proc.aname[2]=sshd",
    "proc.cmdline contains -",
    "proc.args contains etc",
    "proc.exe startswith /usr",
    "proc.cwd startswith /",
    "proc.cwd=/root/",
    "proc.pid=1",
    "proc.ppid=1",
    "proc.vpid=1",
    "proc.sid=0",
    "proc.nchilds>0",
    "proc.loginshellid exists",
    "proc.fdopencount>4",
    "proc.duration>0",
    "thread.tid>1000",
    "thread.ismain=true",
    "user.uid=0",
    "user.name=root",
    "group.gid=0",
    "group.name=root",
    "container.id=host",
    "container.id!=host",
    "container.name contains shop",
    "container.image.repository=nginx",
    "container.privileged=true",
    "fd.type=file",
    "fd.typechar=4",
    "fd.typechar=f and evt.type=read",
    "fd.type in (ipv4,ipv6,unix)",
    "fd.name contains lib",
    "fd.name startswith /etc",
    "fd.name endswith .so.6",
    "fd.name pmatch (/etc,/usr/lib)",
    "fd.name glob '/etc/*'",
    "fd.directory=/etc",
    "fd.filename=passwd",
    "fd.num<3",
    "fd.sport=443",
    "fd.port=443",
    "fd.cport>1024",
    "fd.sip=127.0.0.1",
    "fd.ip=172.17.0.3",
    "fd.snet=172.17.0.0/16",
    "fd.net=10.0.0.0/8",
    "fd.l4proto=tcp",
    "fd.l4proto=udp",
    "fd.sockfamily=ip",
    "fd.is_server=true",
    "fd.lport>0",
    "fd.rip exists",
    "fd.connected=true",
    "fd.name exists",
    "not fd.name exists",
    "fd.containername contains /",
    "fd.name_changed=true",
    "evt.type=connect or (evt.type=accept and evt.dir=<)",
    "(evt.type=open or evt.type=openat) and not fd.name startswith /proc and evt.dir=<",
]

FIELDS = [
    "evt.type", "evt.dir", "evt.cpu", "evt.category", "evt.args", "evt.info", "evt.res", "evt.rawres",
    "evt.failed", "evt.is_io", "evt.io_dir", "evt.buflen", "evt.time.s", "evt.rawtime", "evt.reltime",
    "evt.is_wait", "evt.count", "evt.is_open_read", "evt.is_open_write", "syscall.type",
    "evt.deltatime",
    "proc.pid", "proc.ppid", "proc.name", "proc.pname", "proc.exe", "proc.exepath", "proc.args",
    "proc.cmdline", "proc.cwd", "proc.vpid", "proc.sid", "proc.sname", "proc.tty", "proc.aname[1]",
    "proc.aname[2]", "proc.apid[1]", "proc.nchilds", "proc.nthreads", "proc.fdopencount",
    "proc.fdlimit", "proc.vmsize", "proc.vmrss", "proc.pcmdline", "proc.exeline", "proc.vpgid",
    "proc.is_container_healthcheck", "proc.duration",
    "thread.tid", "thread.vtid", "thread.ismain",
    "user.uid", "user.name", "user.homedir", "user.shell", "user.loginuid", "group.gid", "group.name",
    "container.id", "container.name", "container.image", "container.image.id",
    "container.image.repository", "container.image.tag", "container.privileged", "container.type",
    "fd.num", "fd.type", "fd.typechar", "fd.name", "fd.directory", "fd.filename", "fd.ip", "fd.cip",
    "fd.sip", "fd.lip", "fd.rip", "fd.port", "fd.cport", "fd.sport", "fd.lport", "fd.rport",
    "fd.l4proto", "fd.sockfamily", "fd.is_server", "fd.proto", "fd.cproto", "fd.sproto", "fd.uid",
    "fd.containername", "fd.containerdirectory", "fd.connected", "fd.name_changed", "fd.nameraw",
]


def run(arguments):
    environment = dict(os.environ, TZ="UTC")
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace"), done.stderr.decode("utf-8", "replace")


def lines(text):
    return text.split("\n")[:-1]
