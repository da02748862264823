# Processes, their ancestors, users, containers: texts, numbers, lists, missing values.

scene
  user uid=0 name=root home=/root shell=/bin/bash
    container id=0123456789ab name=web image=nginx:1.25 repository=docker.io/library/nginx tag=1.25 privileged=true mount=/var/run/docker.sock:/var/run/docker.sock:rw mount=/srv:/data:ro label=app:shop
  user uid=1000 name=alice home=/home/alice shell=/bin/zsh container=0123456789ab
  group gid=1000 name=staff container=0123456789ab
  proc pid=1 name=systemd exe=/sbin/init exepath=/usr/lib/systemd/systemd
  proc pid=20 parent=1 name=sshd exe=/usr/sbin/sshd exepath=/usr/sbin/sshd
  proc pid=30 parent=20 name=bash exe=-bash exepath=/usr/bin/bash sid=30 tty=34816
  proc pid=40 parent=30 name=cat exe=cat exepath=/usr/bin/cat args="-n /etc/shadow" env="PATH=/bin HOME=/root LD_PRELOAD=/tmp/x.so" cwd=/root uid=1000 gid=1000 loginuid=1000 tty=34816 sid=30 vpid=7 vpgid=7 container=0123456789ab upper=1
  fd pid=40 num=3 type=file name=/etc/shadow
  event read exit @tid=40 res=6 data=secret fd=3 size=6

true proc.name exists
true proc.name = cat
true proc.name == cat
false proc.name = Cat
false proc.name = ca
true proc.name != dog
false proc.name != cat
true not proc.name = dog
true proc.name in (dog, cat)
false proc.name in (dog, cats)
false proc.name in ()
true not proc.name in ()
true proc.name intersects (cat)
true proc.name contains a
true proc.name contains ""
true proc.name startswith ca
true proc.name startswith ""
false proc.name startswith at
true proc.name endswith at
false proc.name endswith xcat
true proc.name icontains CA
false proc.name contains CA
true proc.name glob c*
true proc.name glob c?t
true proc.name glob [a-d]at
false proc.name glob C*
true proc.name iglob C*
true proc.name glob "*"
false proc.name glob at
true proc.name regex "c.t"
true proc.name regex "^cat$"
false proc.name regex "a"
true proc.name regex ".*a.*"
true proc.name < 999 or proc.name > 0

true proc.pid = 40
true proc.pid != 41
true proc.pid < 41
true proc.pid <= 40
true proc.pid >= 40
false proc.pid > 40
true proc.pid in (1, 40)
true proc.pid = 0x28
true proc.ppid = 30
true proc.vpid = 7
true proc.vpid != val(proc.pid)
true proc.sid = 30
true proc.tty = 34816
true proc.tty != 0
true user.uid = 1000
true user.uid > 0
true user.loginuid = 1000
true user.loginuid != -1

true proc.pname = bash
true proc.pexe = -bash
true proc.pexepath = /usr/bin/bash
true proc.pcmdline startswith bash
true proc.cmdline = "cat -n /etc/shadow"
true proc.args = "-n /etc/shadow"
true proc.cwd = /root or proc.cwd = /root/
true proc.env contains LD_PRELOAD
true proc.env[HOME] = /root
true proc.env[NOSUCH] = "" or not proc.env[NOSUCH] exists

# Any ancestor will do; so != holds when some ancestor differs.
true proc.aname = sshd
true proc.aname = bash
true proc.aname != sshd
false not proc.aname != sshd
true proc.aname in (sshd, x)
false proc.aname = nosuch
true proc.aname startswith sys
true proc.aname[0] = cat
true proc.aname[1] = bash
true proc.aname[2] = sshd
true proc.aname[3] = systemd
false proc.aname[4] exists
false proc.aname[4] != x
false proc.aname[2] != sshd
true proc.aexepath = /usr/sbin/sshd
true proc.aexe[2] endswith sshd
true proc.apid = 20
true proc.apid[1] = 30
true proc.aname contains anyof (zsh, ash)
true proc.aname startswith oneof (ssh, zsh)

true user.name = alice
true user.homedir = /home/alice
true user.shell endswith zsh
true group.name = staff
true user.name in (root, alice)
true proc.is_exe_upper_layer = true
false proc.is_exe_upper_layer = false
true proc.is_exe_upper_layer != false
true proc.is_exe_upper_layer in (true)
true proc.is_exe_writable = false
true proc.is_vpgid_leader exists

true container.id = 0123456789ab
true container.id != host
true container.name = web
true container.image.repository = docker.io/library/nginx
true container.image.tag = 1.25
true container.privileged = true
true container.image.repository endswith nginx
true container.image.repository startswith docker.io/

# Fields compared with fields.
true proc.name = val(proc.name)
true proc.exepath endswith val(proc.name)
false proc.name = val(proc.pname)
true proc.pid != val(proc.ppid)
true proc.name = basename(proc.exepath)
true proc.name in val(proc.name)
false proc.name = val(evt.pluginname)
false proc.name != val(evt.pluginname)
# Without val() the right side is text.
false proc.name = proc.name

# Transformers.
true toupper(proc.name) = CAT
true tolower(proc.env) contains ld_preload
true basename(proc.exepath) = cat
true len(proc.name) = 3
true len(proc.args) > 10
true len(proc.name) in (1, 3)
true toupper(basename(proc.pexepath)) = BASH
true concat(proc.name, ":", proc.pname) = cat:bash
true join("-", (proc.name, proc.pid, "x")) = cat-40-x
true join("->", (proc.pname, proc.name)) = bash->cat
true join(",", ()) = ""
true len(join(",", (proc.name, proc.pname))) = 8
true toupper(join("-", (proc.name, "a"))) startswith CAT
true b64(concat("aGVs", "bG8=")) = hello
false b64(proc.cmdline) exists

# Modifiers.
true proc.cmdline contains anyof (/etc/shadow, /etc/passwd)
false proc.cmdline contains allof (/etc/shadow, /etc/passwd)
true proc.cmdline contains allof (cat, shadow)
true proc.cmdline contains oneof (/etc/shadow, /etc/passwd)
false proc.cmdline contains oneof (cat, shadow)
true proc.name = anyof (cat, dog)
true proc.name != allof (dog, cow)
false proc.name != allof (dog, cat)
true proc.name != anyof (dog, cat)
true proc.name regex anyof ("c.t", "d.g")
true proc.name glob oneof (c*, d*)
false proc.name = anyof ()
false proc.name != allof ()

# Logic.
true proc.name = cat and (proc.pid = 1 or proc.ppid = 30)
false proc.name = cat and not (proc.pid = 40)
true not not proc.name = cat
true proc.name = dog or proc.name = cat and proc.pid = 40
false (proc.name = dog or proc.name = cat) and proc.pid = 41
true evt.num >= 0
false evt.num = 0

# A process nobody has heard of: nothing is there, and nothing differs from anything.
scene
  event close exit @tid=999 res=0 fd=3
false proc.pname exists
false proc.pname = x
false proc.pname != x
true not proc.pname = x
false proc.aname != x
false proc.ppid != 4 and proc.pname exists
false proc.pname in (x)
false proc.pname glob "*"
false proc.pname regex ".*"
false len(proc.pname) >= 0
false toupper(proc.pname) != x
true evt.type = close
