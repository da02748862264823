# What must be the same with and without the sensor: status, output, standard error. A case is a name, then:
#   command  what runs; {run} is where the sensor comes in, else it stands in front
#   outside  what a shell does before that
#   each     one case per word; a-b/c is every c-th number, closer when TRANSPARENCY_SCALE is greater
#   as       root, user or both (both if not told); a user only where the mode says so
#   needs    programs without which it is skipped; build: SOURCE TARGET COMMAND, once
#   mask     what differs from run to run anyway; differs: A => B under the sensor, a documented limit
#   mask-in  MODE EXPRESSION: a mask in modes that begin so; same-in: a mode without that difference
#   wants    what it says when all is well, limit: seconds; not-in: a mode

# Ends
exit
  command sh -c 'exit {each}'
  each 0-255/51
  as root
died
  command sh -c 'ulimit -c 0; kill -{each} $$'
  each HUP INT QUIT ABRT KILL SEGV PIPE ALRM TERM USR1 XCPU SYS
  as root
absent
  command sh -c '/nonexistent; echo $?; /etc/passwd; echo $?; exec /nonexistent'
statuses of children
  command {probe} statuses
  wants signal 64: signal 64

# Surroundings
plain surroundings
  mask-in ptrace ^TracerPid:\t\d+
  command {probe} environment one 'two three' ''
odd surroundings
  mask-in ptrace ^TracerPid:\t\d+
  outside ulimit -Sn 200; ulimit -Hn 300; ulimit -s 4096; ulimit -c 0; ulimit -f 100000; umask 027; renice -n 5 $$ >/dev/null; trap '' HUP USR1; export A= B='x y'; cd /; exec 7</etc/hostname
  command {probe} environment
closed surroundings
  mask-in ptrace ^TracerPid:\t\d+
  outside exec 0<&-
  command {probe} environment
argv0
  mask-in ptrace ^TracerPid:\t\d+
  command bash -c 'exec -a "" "$0" environment' {probe}
  as root
script without #!
  command sh -c 'echo "echo \$0 \$1" >s; chmod +x s; ./s 1; PATH=. s 2'
all descriptors closed
  command {probe} descriptors
  wants after: 0 and 1
group and session
  command {probe} groups
parent's death
  command {probe} parents
daemon
  command {probe} daemons {work}
  wants closed 0
  afterwards daemon
setuid program
  command sh -c 'cp /usr/bin/id .; chmod 4755 id; setpriv --reuid=1000 --regid=1000 --clear-groups ./id; cp /usr/bin/id kept; chown 1000:1000 kept; chmod 6755 kept; ./kept'
  as root
  wants euid=0

# Processes
posix_spawn
  command {probe} spawns
10,000 short processes
  command {probe} shorts
  wants 10000 processes
  limit 120

# Signals
storm without SA_RESTART
  command {probe} storm plain
  mask interrupted (some|none)
storm with SA_RESTART
  command {probe} storm restart
storm, threads, without SA_RESTART
  command {probe} storm plain threads
  mask interrupted (some|none)
storm, threads, with SA_RESTART
  command {probe} storm restart threads

# Terminals
job control inside
  command python3 {here}/jobs.py inside {run}
  needs bash
  wants status 17
job control outside
  command python3 {here}/jobs.py outside {run}
  needs bash
  wants status 17
terminal surroundings
  mask-in ptrace ^TracerPid:\t\d+
  command script -qec '{probe} environment' /dev/null
  needs script

# Tracers
gdb
  not-in ptrace
  not-in ptrace-bare
  build nested.c nested cc -g -O0 -no-pie -o {target} {source} -lpthread
  command gdb -nx -batch -ex 'set startup-with-shell off' -ex 'break inner' -ex run -ex bt -ex c -ex bt -ex 'delete' -ex c {made}/nested
  needs gdb cc
  mask (process|LWP|Thread|thread|pid) ?(0x)?[0-9a-f]+( \(LWP \d+\))?
  mask 0x[0-9a-f]+
  wants exited with code 031
gdb that follows children
  not-in ptrace
  not-in ptrace-bare
  build nested.c nested cc -g -O0 -no-pie -o {target} {source} -lpthread
  command gdb -nx -batch -ex 'set follow-fork-mode child' -ex 'set detach-on-fork off' -ex run -ex 'print \$_inferior' {made}/nested
  needs gdb cc
  mask (process|LWP|Thread|thread|pid) ?(0x)?[0-9a-f]+( \(LWP \d+\))?
  mask 0x[0-9a-f]+
strace
  not-in ptrace
  not-in ptrace-bare
  build nested.c nested cc -g -O0 -no-pie -o {target} {source} -lpthread
  command sh -c 'strace -ff -o trace -e trace=execve,openat,exit_group,clone,clone3 "$0"; echo $?; cat trace.* | sort' {made}/nested
  needs strace cc
  mask 0x[0-9a-f]+
  mask \d{3,}
# What the sensor asks about, a filter's SECCOMP_RET_TRACE does not stop: this tracer sees less, the program nothing.
strace --seccomp-bpf
  not-in ptrace
  not-in ptrace-bare
  build nested.c nested cc -g -O0 -no-pie -o {target} {source} -lpthread
  command sh -c 'strace -f --seccomp-bpf -o trace -e trace=execve,openat "$0" 2>/dev/null; echo $?' {made}/nested
  needs strace cc
tracers that attach
  not-in ptrace
  not-in ptrace-bare
  command sh {here}/tracers.sh {probe} 5
  needs strace gdb
  as root

# Languages
Go
  build threads.go threads-go HOME={made} GOFLAGS=-mod=mod GOCACHE={made}/go-cache CGO_ENABLED=0 go build -o {target} {source}
  command {made}/threads-go
  needs go
Java
  build Threads.java Threads.class javac -d {made} {source}
  command java -XX:-UsePerfData -cp {made} Threads
  needs java javac
Node
  command node {here}/workers.js
  needs node
Python
  command python3 {here}/threads.py

# Servers and builds
PostgreSQL
  command sh {here}/postgres.sh {port}
  needs psql
  as user
  wants 20000
nginx reloaded
  command sh {here}/nginx.sh {port}
  needs nginx curl
redis
  command sh {here}/redis.sh {port}
  needs redis-server redis-benchmark
  mask ^\[\d+\].*\n
make -j4
  command sh {here}/project.sh 24
  needs make cc
  mask \[\d+\]

# Filters in filters
own filter
  command {probe} own-filter
own listener
  same-in ptrace-bare
  command {probe} own-listener
  differs listener: there => listener: Device or resource busy
bwrap
  command bwrap --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --unshare-pid --unshare-uts --new-session sh -c 'echo inside; cat /etc/hostname; ps ax -o comm=; : >/tmp/x; ls /tmp; exit 9'
  needs bwrap ps
bwrap with a filter
  build filter.py filter.bpf python3 {source} {target}
  command sh -c 'exec 9<"$0"; exec bwrap --ro-bind / / --dev /dev --seccomp 9 sh -c "mkdir /tmp/y; echo \$?; cat /etc/hostname"' {made}/filter.bpf
  needs bwrap
unshare
  command unshare --mount --pid --fork --mount-proc --uts --ipc sh -c 'hostname inside; hostname; ps ax -o comm=; exit 4'
  needs unshare ps
  as root
