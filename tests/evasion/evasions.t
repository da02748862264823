# Ways around sensors, by the numbers of docs/evasions.md; the columns are those of
# ../scenario/scenarios.t, the rules Hinomi's own.

# 1 to 3: another thread changes what an argument points to.

open-race
  rule   Credential file read
  count  Credential file read

fault-race
  rule   Credential file read
  count  Credential file read

slow-filter-race
  rule   Credential file read
  count  Credential file read

connect-race
  in     container
  rule   Connection to a mining port
  count  Connection to a mining port

connect-stalled
  in     container
  rule   Connection to a mining port
  count  Connection to a mining port
  event  evt.type=connect
  field  fd.sip=203.0.113.7

# 4: what happens in the ring is not seen; that there is one is.

ring
  rule   Ring of asynchronous calls made
  event  evt.type=io_uring_setup

polled-ring
  rule   Ring of asynchronous calls made
  event  evt.type=io_uring_setup

# 5

created
  rule   Configuration written below etc
  event  evt.type=creat
  field  fd.name=/etc/cron.d/job

by-handle
  rule   Configuration written below etc
  event  evt.type=open_by_handle_at
  field  fd.name=/etc/handles/file

# 6

renamed-into
  rule   Configuration moved below etc
  event  evt.type in (rename, renameat, renameat2)
  field  fs.path.target=/etc/cron.d/job

exchanged-into
  rule   Configuration moved below etc
  event  evt.type=renameat2
  field  fs.path.source=/etc/hostname.box

linked-into
  rule   Configuration moved below etc
  event  evt.type in (link, linkat)
  field  fs.path.source=/etc/cron.d/job

temporary-into
  rule   Configuration moved below etc
  event  evt.type=linkat
  field  fs.path.source=/etc/cron.d/job

# 7

through-symlink
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow
  field  fd.nameraw=/tmp/l/../shadow

symlink-to-it
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow
  field  fd.nameraw=/tmp/l

through-proc-root
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow
  field  fd.nameraw=/proc/self/root/etc/shadow

through-dev-fd
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow

descriptor-again
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow and not evt.arg.flags contains O_PATH

# 8

other-name
  rule   Credential file linked
  limit  8: reading a file by another hard link is not seen; making the link is

# 9

by-descriptor
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow
  field  fd.nameraw=shadow

by-directory
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow
  field  fd.nameraw=shadow
  field  proc.cwd=/etc/

in-namespace
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow

changed-root
  rule   Sensitive directory mounted elsewhere
  event  evt.type=chroot
  field  evt.arg.path=/etc

bound
  rule   Sensitive directory mounted elsewhere
  event  evt.type=mount and evt.arg.dev=/etc

moved-tree
  rule   Sensitive directory mounted elsewhere
  event  evt.type=move_mount

# 10

trusted-name
  remains  Program run from a temporary directory
  rule     Credential file read
  event    evt.type in (open, openat) and fd.name=/etc/shadow
  field    proc.name=systemd-logind
  field    proc.exepath=/tmp/systemd-logind

# 11

memory-by-path
  rule   Program run from memory
  event  evt.type in (execve, execveat) and proc.is_exe_from_memfd=true

memory-by-descriptor
  rule   Program run from memory
  event  evt.type in (execve, execveat) and proc.is_exe_from_memfd=true

unlinked
  rule   Program run from a temporary directory
  event  evt.type in (execve, execveat) and proc.exepath contains /var/tmp/gone

shared-memory-symlink
  rule   Program run from a temporary directory
  event  evt.type in (execve, execveat) and proc.exepath=/dev/shm/x
  field  proc.exe=/tmp/link

# 12

through-loader
  rule   Program run through the dynamic loader
  event  evt.type in (execve, execveat) and proc.exepath contains /ld-
  field  proc.args=/tmp/program

through-loader-noexec
  rule   Program run through the dynamic loader
  event  evt.type in (execve, execveat) and proc.exepath contains /ld-
  field  proc.args=/tmp/noexec/program

# 13

script
  rule   Script run from a temporary directory
  event  evt.type in (execve, execveat) and proc.args contains /tmp/script
  field  proc.exepath=/usr/bin/dash

script-argument
  rule   Script run from a temporary directory
  event  evt.type in (execve, execveat) and proc.args=/tmp/script
  field  proc.name=sh

script-standard-input
  rule   Script run from a temporary directory
  event  evt.type in (execve, execveat) and proc.stdin.name=/tmp/script
  field  proc.name=sh

text-argument
  in     container
  rule   Program text on the command line
  event  evt.type in (execve, execveat) and proc.args startswith "-c pass"
  field  container.id={id}

# 14

ia32-openat
  rule   Credential file read
  event  evt.type=openat and fd.name=/etc/shadow
  field  evt.via=ia32

ia32-open
  rule   Credential file read
  event  evt.type=open and fd.name=/etc/shadow
  field  evt.via=ia32

ia32-connect
  in     container
  rule   Connection to a mining port
  event  evt.type=connect
  field  evt.via=ia32
  field  fd.sport=3333
  field  fd.sip=203.0.113.7

ia32-execve
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  evt.via=ia32

x32-open
  rule   Call of a foreign architecture
  event  evt.via=x32 and evt.type=open

# 15

padded
  rule   Miner started
  event  evt.type in (execve, execveat) and proc.name=echo

many-words
  rule   Miner started
  event  evt.type in (execve, execveat) and proc.name=echo

path-of-300
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow

path-of-4095
  rule   Credential file read
  event  evt.type in (open, openat) and fd.name=/etc/shadow

# 16

netcat-flags
  rule   Network tool that starts a program
  event  evt.type in (execve, execveat) and proc.name=nc
  field  proc.args=-ve /bin/true 127.0.0.1 9

sudoedit-login
  rule   Sudo told to escape
  event  evt.type in (execve, execveat) and proc.name=sudoedit

find-regex
  rule   Search for private keys
  event  evt.type in (execve, execveat) and proc.name=find
  field  proc.args=/root/.ssh -regex .*id_.sa$

# 19

poke-text
  traced cannot poke at what it cannot trace: a task has one tracer
  rule   Memory of another process written
  event  evt.type=ptrace and evt.arg.request contains POKE

vm-writev
  rule   Memory of another process written
  event  evt.type=process_vm_writev
  field  evt.res=SUCCESS

proc-memory
  rule   Memory of another process written
  event  evt.type in (open, openat) and fd.name glob /proc/*/mem

preloaded
  in     container
  rule   Library preloaded
  event  evt.type in (execve, execveat) and proc.name=true

preload-file
  rule   Configuration written below etc
  event  evt.type in (open, openat) and fd.name=/etc/ld.so.preload

# 20

by-fcntl
  rule   Shell with the network for input
  event  evt.type in (execve, execveat) and proc.name=sh
  field  proc.stdin.type=ipv4

by-number
  rule   Shell with the network for input
  event  evt.type in (execve, execveat) and proc.name=sh
  field  proc.stdin.type=ipv4

by-pidfd
  live-only how descriptor 0 came about is in no call that captures have
  rule   Shell with the network for input
  event  evt.type in (execve, execveat) and proc.name=sh
  field  proc.stdin.type=ipv4

by-message
  live-only how descriptor 0 came about is in no call that captures have
  rule   Shell with the network for input
  event  evt.type in (execve, execveat) and proc.name=sh
  field  proc.stdin.type=ipv4

by-fifo
  live-only which end of a named pipe descriptor 0 is, is in no call that captures have
  rule   Shell with a named pipe for input
  event  evt.type in (execve, execveat) and proc.name=sh and proc.stdin.type=pipe
  field  proc.stdin.name=/tmp/f

# 22

disk-made
  rule   Device node made
  event  evt.type in (mknod, mknodat)

# 23

twice
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  proc.aname[2]=evasions

of-my-parent
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  proc.pname=evasions

by-clone3
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  proc.pname=evasions

by-vfork
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  proc.pname=evasions

by-thread
  rule   Miner started
  event  evt.type=execve and proc.name=xmrig
  field  proc.pname=evasions
  field  proc.exepath=/opt/box/xmrig
