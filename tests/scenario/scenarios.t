# Scenarios: what `scenarios NAME` does, and what has to be seen of it.
#
#   in        host; user (host, uid 1000, the sensor too); container (the sensor within it, Docker's
#             capabilities); capable (the same with SYS_ADMIN, SYS_MODULE, SYS_PTRACE); outside (a
#             capable container that is started under a sensor on the host); plain (the same, Docker's
#             capabilities); terminal (outside, with a terminal)
#   command   instead of `scenarios NAME`; harmless, harmless-in: of the negative
#   rule      stock rules that fire, all of them; in the negative none of them does
#   remains   stock rules that fire in both
#   event     condition of the decisive event; all fields of it are compared live and in replay
#   field     values that its fields must have; {id} is the container's
#   needs     database
#   count     rule that fires as often as the program says that it did it (`done N`)
#   differs   fields that differ in replay here, beyond differences.t
#   live-only why the replay of its capture does not give the same alerts
#   limit     why it cannot be seen: printed, and none of its rules must fire
#   traced    under a sensor that is the tracer already: `fails WHY` (status 1, but seen), `cannot WHY`
#   contained rules that fire as well, in both, when all is run in containers (--docker)

# Files that are secret.

read-shadow
  rule   Read sensitive file untrusted
  event  evt.type in (open, openat) and evt.arg.name=/etc/shadow
  field  fd.name=/etc/shadow
  field  fd.nameraw=/etc/shadow
  field  fd.directory=/etc
  field  fd.filename=shadow
  field  fd.typechar=f
  field  evt.res=SUCCESS
  field  evt.failed=false
  field  evt.is_open_read=true
  field  evt.is_open_write=false
  field  evt.via=syscall
  field  proc.name=scenarios
  field  proc.args=read-shadow
  field  proc.cwd=/
  field  user.uid=0
  field  user.name=root
  field  container.id={id}

# A refused call is no read.
read-shadow-refused
  event  evt.type in (open, openat) and evt.arg.name=/etc/shadow
  field  evt.res=EACCES
  field  evt.failed=true
  field  fd.num=-1
  field  user.uid=1000
  field  user.name=tester

read-missing
  event  evt.type in (open, openat) and evt.arg.name=/etc/sudoers.d/missing
  field  evt.res=ENOENT
  field  fd.num=-1

read-pam-directory
  rule   Read sensitive file untrusted
  event  evt.type in (open, openat) and fd.name=/etc/pam.d/login
  field  fd.directory=/etc/pam.d

traversal
  rule   Directory traversal monitored file read
  event  evt.type in (open, openat) and fd.nameraw contains ..
  field  fd.name=/etc/passwd
  field  fd.nameraw=/etc/../etc/../etc/passwd

traversal-failed
  rule   Directory traversal monitored file read
  event  evt.type in (open, openat) and fd.nameraw contains ..
  field  fd.name=/etc/missing
  field  evt.res=ENOENT
  field  fd.num=-1

ssh-key
  rule   Read ssh information
  event  evt.type in (open, openat) and fd.name=/root/.ssh/id_rsa
  field  fd.filename=id_rsa

ssh-directory
  rule   Read ssh information
  event  evt.type in (open, openat) and fd.name=/root/.ssh
  field  fd.typechar=d

environ-of-init
  in     container
  rule   Read environment variable from /proc files
  event  evt.type in (open, openat) and fd.name=/proc/1/environ
  field  container.id={id}

host-path
  in     container
  rule   Container Access to Host Sensitive Paths
  event  evt.type in (open, openat) and fd.name startswith /host/
  field  fd.nameraw=/host/etc/os-release
  field  fd.name=/host/usr/lib/os-release
  field  container.id={id}

disk-read
  in     container
  rule   Privileged Container Device Access
  event  evt.type in (open, openat) and fd.name=/dev/sda
  field  fd.name=/dev/sda

web-late-read
  rule   Read sensitive file trusted after startup
  rule   Read sensitive file untrusted
  event  evt.type in (open, openat) and fd.name=/etc/pam.conf
  field  proc.name=nginx
  field  proc.exepath=/usr/sbin/nginx

# Files that are watched.

clear-log
  rule   Clear Log Activities
  event  evt.type in (open, openat) and fd.name=/var/log/syslog
  field  evt.is_open_write=true
  field  evt.arg.flags=O_TRUNC|O_WRONLY|O_CLOEXEC|FD_UPPER_LAYER

symlink-shadow
  rule   Create Symlink Over Sensitive Files
  event  evt.type in (symlink, symlinkat)
  field  evt.arg.target=/etc/shadow
  field  evt.arg.linkpath=/etc/linked
  field  evt.res=SUCCESS

symlink-etc
  rule   Create Symlink Over Sensitive Files
  event  evt.type in (symlink, symlinkat)
  field  evt.arg.target=/etc

hardlink-shadow
  rule   Create Hardlink Over Sensitive Files
  event  evt.type in (link, linkat)
  field  evt.arg.oldpath=/etc/shadow
  field  evt.arg.newpath=/etc/linked

shell-config
  rule   Modify Shell Configuration File
  event  evt.type in (open, openat) and fd.filename=.bashrc
  field  fd.name=/home/tester/.bashrc

shell-profile
  rule   Modify Shell Configuration File
  rule   Write below etc
  event  evt.type in (open, openat) and fd.name=/etc/profile
  field  evt.is_open_write=true

cron-job
  rule   Schedule Cron Jobs
  rule   Write below etc
  event  evt.type in (open, openat) and fd.name=/etc/cron.d/job
  field  evt.is_open_create=true

authorized-keys
  rule   Adding ssh keys to authorized_keys
  rule   Write below monitored dir
  event  evt.type in (open, openat) and fd.name endswith authorized_keys
  field  fd.name=/home/tester/.ssh/authorized_keys

dev-file
  rule   Create files below dev
  event  evt.type in (open, openat) and fd.directory=/dev
  field  fd.name=/dev/hidden

history-unlink
  rule   Delete or rename shell history
  event  evt.type in (unlink, unlinkat)
  field  fs.path.name=/root/.bash_history

history-rename
  rule   Delete or rename shell history
  event  evt.type in (rename, renameat, renameat2)
  field  evt.arg.oldpath=/root/.bash_history
  field  evt.arg.newpath=/root/moved

history-truncate
  rule   Delete or rename shell history
  rule   Modify Shell Configuration File
  event  evt.type in (open, openat) and fd.name endswith bash_history
  field  fd.name=/root/.bash_history

setuid-chmod
  rule   Set Setuid or Setgid bit
  event  evt.type in (chmod, fchmodat) and evt.arg.mode contains S_ISUID
  field  evt.arg.filename=/tmp/program

setgid-fchmodat
  rule   Set Setuid or Setgid bit
  event  evt.type=fchmodat
  field  evt.arg.filename=/tmp/program

setuid-fchmod
  rule   Set Setuid or Setgid bit
  event  evt.type=fchmod
  field  fd.name=/tmp/program

repository
  rule   Update Package Repository
  rule   Write below etc
  event  evt.type in (open, openat) and fd.name endswith other.list
  field  fd.directory=/etc/apt/sources.list.d

binary-written
  rule   Write below binary dir
  event  evt.type in (open, openat) and fd.name=/usr/bin/tool
  field  fd.directory=/usr/bin

library-written
  rule   Write below monitored dir
  event  evt.type in (open, openat) and fd.name=/usr/lib/libtool.so
  field  fd.directory=/usr/lib

etc-written
  rule   Write below etc
  event  evt.type in (open, openat) and fd.name=/etc/somewhere.conf
  field  evt.is_open_create=true

etc-opened-for-both
  rule   Write below etc
  event  evt.type in (open, openat) and fd.name=/etc/hostname.box
  field  evt.is_open_write=true
  field  evt.is_open_read=true
  field  evt.is_open_create=false

root-written
  rule   Write below root
  event  evt.type in (open, openat) and fd.name=/dropped
  field  fd.directory=/

rpm-written
  rule   Write below rpm database
  event  evt.type in (open, openat) and fd.name=/var/lib/rpm/Packages
  field  fd.filename=Packages

binary-renamed
  rule   Modify binary dirs
  event  evt.type in (rename, renameat, renameat2)
  field  evt.arg.oldpath=/usr/bin/boxed

binary-removed
  rule   Modify binary dirs
  event  evt.type in (unlink, unlinkat)
  field  fs.path.name=/usr/bin/boxed

binary-directory
  rule   Mkdir binary dirs
  event  evt.type in (mkdir, mkdirat)
  field  evt.arg.path=/usr/bin/hidden

release-agent
  in     capable
  rule   Detect release_agent File Container Escapes
  event  evt.type in (open, openat) and fd.name endswith release_agent
  field  fd.name=/tmp/groups/release_agent
  field  container.id={id}

# The kernel's tools.

ptrace-attach
  traced fails a task has one tracer
  rule   PTRACE attached to process
  event  evt.type=ptrace
  field  evt.arg.request=PTRACE_ATTACH

ptrace-seize
  traced fails a task has one tracer
  rule   PTRACE attached to process
  event  evt.type=ptrace
  field  evt.arg.request=PTRACE_SEIZE

ptrace-poke
  traced   cannot poke at what it cannot trace: a task has one tracer
  rule     PTRACE attached to process
  remains  PTRACE attached to process
  event    evt.type=ptrace and evt.arg.request contains POKE
  field    evt.arg.request=PTRACE_POKEDATA

ptrace-traceme
  traced fails a task has one tracer
  rule   PTRACE anti-debug attempt
  event  evt.type=ptrace
  field  evt.arg.request=PTRACE_TRACEME

bpf-load
  rule   BPF Program Not Profiled
  event  evt.type=bpf
  field  evt.arg.cmd=BPF_PROG_LOAD

module-init
  in     capable
  rule   Linux Kernel Module Injection Detected
  event  evt.type=init_module
  field  container.id={id}
  field  evt.failed=true

module-finit
  in     capable
  rule   Linux Kernel Module Injection Detected
  event  evt.type=finit_module
  field  container.id={id}
  field  fd.name=/etc/hostname.box

user-faults
  rule   Unprivileged Delegation of Page Faults Handling to a Userspace Process
  event  evt.type=userfaultfd
  field  user.uid=1000
  field  evt.res=SUCCESS

# A descriptor of a namespace is a file where it is opened, and nothing with a type where it is met.
namespace-entered
  rule   Change thread namespace
  event  evt.type=setns
  field  evt.arg.nstype=CLONE_NEWUTS
  differs evt.count.error.file evt.count.error.other fd.containerdirectory fd.containername fd.directory
  differs fd.filename fd.name fd.nameraw fd.type fd.typechar

context-parted
  in     container
  rule   Change namespace privileges via unshare
  event  evt.type=unshare
  field  evt.arg.flags=CLONE_FS
  field  container.id={id}

setuid-call
  rule   Non sudo setuid
  event  evt.type=setuid
  field  user.uid=1000
  field  user.name=tester
  field  evt.res=SUCCESS

# The network.

packet-socket
  in     container
  rule   Packet socket created in container
  event  evt.type=socket and evt.arg.domain contains PACKET
  field  evt.res=SUCCESS

standard-output-moved
  in     container
  rule   Redirect STDOUT/STDIN to Network Connection in Container
  event  evt.type in (dup2, dup3)
  field  evt.rawres=1
  field  fd.type=ipv4
  field  fd.l4proto=tcp

standard-input-moved
  in     container
  rule   Redirect STDOUT/STDIN to Network Connection in Container
  event  evt.type=dup and evt.rawres=0
  field  fd.type=ipv4

odd-datagrams
  rule   Unexpected UDP Traffic
  event  evt.type=connect
  field  fd.sip=203.0.113.7
  field  fd.sport=4321
  field  fd.l4proto=udp
  field  evt.res=SUCCESS

metadata
  in     container
  rule   Contact EC2 Instance Metadata Service From Container
  rule   Contact cloud metadata service from container
  event  evt.type=connect
  field  fd.sip=169.254.169.254
  field  fd.sport=80
  field  fd.l4proto=tcp

bash-network
  rule   System procs network activity
  event  evt.type=connect and proc.name=bash
  differs fd.is_lower_layer fd.l4proto
  field  fd.sip=203.0.113.7
  field  fd.sport=443
  field  fd.typechar=4

ssh-port
  rule   Disallowed SSH Connection Non Standard Port
  event  evt.type=connect and proc.name=ssh and fd.typechar=4
  field  fd.sip=203.0.113.7
  field  fd.sport=443

# Programs.

find-keys
  remains  Read ssh information
  rule   Search Private Keys or Passwords
  event  evt.type in (execve, execveat) and proc.name=find
  field  proc.args=/root/.ssh -name id_rsa
  field  proc.exepath=/usr/bin/find
  field  proc.pname=scenarios
  field  evt.res=SUCCESS

grep-keys
  remains  Read ssh information
  rule   Search Private Keys or Passwords
  event  evt.type in (execve, execveat) and proc.name=grep
  field  proc.args=-r BEGIN RSA PRIVATE /root/.ssh

grep-aws
  rule   Find AWS Credentials
  event  evt.type in (execve, execveat) and proc.name=grep
  field  proc.args=aws_access_key_id /root/notes

find-aws
  rule   Find AWS Credentials
  event  evt.type in (execve, execveat) and proc.name=find
  field  proc.exe=find

shred
  rule   Remove Bulk Data from Disk
  event  evt.type in (execve, execveat) and proc.name=shred
  field  proc.cmdline=shred -u /tmp/boxed

user-management
  rule   User mgmt binaries
  event  evt.type in (execve, execveat) and proc.name=usermod
  field  proc.exepath=/usr/sbin/usermod

netcat-exec
  rule     Netcat/Socat Remote Code Execution on Host
  remains  Launch Suspicious Network Tool on Host
  event    evt.type in (execve, execveat) and proc.name=nc
  field    proc.args=-e /bin/true 127.0.0.1 9

netcat-exec in container
  in       container
  rule     Netcat Remote Code Execution in Container
  remains  Launch Suspicious Network Tool in Container
  event    evt.type in (execve, execveat) and proc.name=nc
  field    container.id={id}

socat-exec
  rule     Netcat/Socat Remote Code Execution on Host
  remains  Launch Suspicious Network Tool on Host
  event    evt.type in (execve, execveat) and proc.name=socat
  field    proc.args=TCP:127.0.0.1:9 EXEC:/bin/true

network-tool
  rule   Launch Suspicious Network Tool on Host
  event  evt.type in (execve, execveat) and proc.name=nc
  field  proc.pname=scenarios

network-tool in container
  in     container
  rule   Launch Suspicious Network Tool in Container
  event  evt.type in (execve, execveat) and proc.name=nc
  field  container.id={id}

package-manager
  in     container
  rule   Launch Package Management Process in Container
  event  evt.type in (execve, execveat) and proc.name=dpkg
  field  proc.args=-l bash

remote-copy
  in     container
  rule   Launch Remote File Copy Tools in Container
  event  evt.type in (execve, execveat) and proc.name=rsync and proc.pname=scenarios
  field  container.id={id}

download
  in     container
  rule   Launch Ingress Remote File Copy Tools in Container
  event  evt.type in (execve, execveat) and proc.name=curl
  field  proc.args=-o /tmp/payload file:///root/notes

download-wget
  in     container
  rule   Launch Ingress Remote File Copy Tools in Container
  event  evt.type in (execve, execveat) and proc.name=wget
  field  proc.exepath=/usr/bin/wget

stratum
  rule   Detect crypto miners using the Stratum protocol
  event  evt.type in (execve, execveat) and proc.name=echo
  field  proc.args=--url stratum+tcp://pool.example:3333

sudoedit
  in     user
  rule   Sudo Potential Privilege Escalation
  event  evt.type in (execve, execveat) and proc.name=sudoedit
  field  user.uid=1000

docker-client
  in     container
  rule   Kubernetes Client Tool Launched in Container
  event  evt.type in (execve, execveat) and proc.name=docker
  field  container.id={id}

decode-payload
  in     container
  rule   Decoding Payload in Container
  event  evt.type in (execve, execveat) and proc.name=base64
  field  proc.args=-d /root/notes

miner
  contained  Drop and execute new binary in container
  rule   Known Cryptominer Process Executed
  event  evt.type in (execve, execveat) and proc.name=xmrig
  field  proc.exepath=/opt/box/xmrig

from-shared-memory
  rule   Execution from /dev/shm
  event  evt.type in (execve, execveat) and proc.exe startswith /dev/shm
  field  proc.exepath=/dev/shm/program
  field  proc.name=program

dropped
  in     container
  rule   Drop and execute new binary in container
  event  evt.type in (execve, execveat) and proc.name=dropped
  field  proc.is_exe_upper_layer=true
  field  proc.exepath=/opt/dropped

fileless
  rule   Fileless execution via memfd_create
  event  evt.type in (execve, execveat) and proc.exe=payload
  field  proc.is_exe_from_memfd=true

proxy
  rule   Program run with disallowed http proxy env
  event  evt.type in (execve, execveat) and proc.name=curl
  field  proc.env=PATH=/usr/bin:/bin HTTP_PROXY=http://203.0.113.7:3128

tunables
  rule   Potential Local Privilege Escalation via Environment Variables Misuse
  event  evt.type in (execve, execveat) and proc.name=true
  field  proc.env=PATH=/usr/bin:/bin GLIBC_TUNABLES=glibc.malloc.mxfast=1

reconnaissance
  rule   Basic Interactive Reconnaissance
  event  evt.type in (execve, execveat) and proc.name=whoami
  field  proc.is_vpgid_leader=true
  field  proc.is_sid_leader=true

system-user-login
  rule   System user interactive
  rule   User mgmt binaries
  event  evt.type in (execve, execveat) and proc.name=login
  field  user.name=www-data
  field  user.uid=33

sshd-library
  rule   Backdoored library loaded into SSHD (CVE-2024-3094)
  event  evt.type in (open, openat) and fd.name contains liblzma.so.5.6.1
  field  proc.name=sshd
  field  fd.nameraw=/opt/box/lzma/liblzma.so.5

database-program
  needs  database
  rule   DB program spawned process
  rule   Run shell untrusted
  event  evt.type in (execve, execveat) and proc.pname=postgres
  field  proc.name=sh
  field  user.uid=1001
  field  user.name=dba

web-shell
  contained  Redirect STDOUT/STDIN to Network Connection in Container
  rule   Run shell untrusted
  rule   Web Server Spawned Shell
  event  evt.type in (execve, execveat) and proc.name=sh and proc.aname[2]=httpd
  field  proc.pname=shell
  field  proc.cmdline=sh -c cd /

web-child
  contained  Redirect STDOUT/STDIN to Network Connection in Container
  rule   Web Server Spawned Suspicious Child Process
  event  evt.type in (execve, execveat) and proc.name=id
  field  proc.pname=child

web-reverse-shell
  contained  Redirect STDOUT/STDIN to Network Connection in Container
  rule   Run shell untrusted
  rule   Web Server Spawned Shell
  rule   Reverse Shell from Web Server
  event  evt.type in (execve, execveat) and proc.name=bash
  field  proc.args=-c exec 9<>/dev/tcp/127.0.0.1/9

# Containers as the host sees them start.

excessive-capabilities
  in       outside
  harmless-in  plain
  command  true
  harmless true
  rule     Launch Excessively Capable Container
  remains  Launch Sensitive Mount Container
  event    evt.type in (execve, execveat) and proc.name=true
  field    proc.vpid=1

terminal-shell
  in       terminal
  command  sh -c :
  harmless cat /dev/null
  rule     Terminal shell in container
  remains  Launch Excessively Capable Container
  remains  Launch Sensitive Mount Container
  event    evt.type in (execve, execveat) and proc.name=sh and container
  field    container.id={id}

copied-out
  in       outside
  command  tar -cf /dev/null /opt/box/www
  harmless tar -cf /dev/null /usr/share/boxed
  rule     Exfiltrating Artifacts via Kubernetes Control Plane
  remains  Launch Excessively Capable Container
  remains  Launch Sensitive Mount Container
  event    evt.type in (open, openat) and proc.name=tar and fd.name startswith /opt
  field    container.id={id}
