# Files: opens, their flags and results, paths, buffers.

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=vi exe=vi exepath=/usr/bin/vi cwd=/tmp
  event openat exit @tid=10 fd=4 dirfd=-100 name=/etc/ssh/sshd_config flags=O_RDWR|O_CREAT mode=420

true evt.type = openat
true evt.type in (open, openat, openat2)
false evt.type = open
true evt.type != open
true evt.category = file
true evt.dir = <
true evt.is_open_read = true
true evt.is_open_write = true
true evt.is_open_exec = false
true evt.rawres = 4
true evt.rawres >= 0
true evt.res = SUCCESS
true evt.failed = false
true fd.name = /etc/ssh/sshd_config
true fd.directory = /etc/ssh
true fd.filename = sshd_config
true fd.type = file
true fd.typechar = f
true fd.typechar = 'f'
true fd.num = 4
true fd.num >= 0
true fd.name startswith /etc
true fd.name pmatch (/etc)
true fd.name pmatch (/var, /etc/)
true fd.name pmatch (/etc/ssh/sshd_config)
false fd.name pmatch (/et)
false fd.name pmatch (/etc/ssh/sshd_config/more)
false fd.name pmatch ()
true fd.name pmatch (/)
true fd.name pmatch (/etc/*/sshd_config)
true fd.name pmatch (/*/ssh)
false fd.name pmatch (/*/sshd_config)
true fd.name pmatch ("/etc/s[st]h")
true fd.name glob /etc/*_config
true fd.name glob "/*"
true basename(fd.name) = sshd_config
true basename(fd.directory) = ssh
true evt.arg.flags contains O_CREAT
true evt.arg.flags contains O_RDWR
true evt.arg[flags] contains O_CREAT or evt.arg.flags exists
true evt.arg.name = /etc/ssh/sshd_config
true evt.rawarg.fd = 4
true evt.rawarg.fd > 3
error evt.rawarg.nosuch exists => unknown event argument nosuch
true fd.sip exists or not fd.sip exists
false fd.sip = 1.2.3.4
false fd.sip != 1.2.3.4
false fd.sport != 80
false fd.ip != 1.2.3.4
false fd.port exists
false fd.l4proto = tcp
true fd.types in (file)
true fd.types intersects (file, ipv4)
false fd.types in (ipv4)
true len(fd.types) = 1

scene
  proc pid=10 name=vi exe=vi cwd=/tmp
  event openat exit @tid=10 fd=-EACCES dirfd=-100 name=secret flags=O_RDONLY
true evt.failed = true
true evt.rawres < 0
true evt.rawres = -13
true evt.res = EACCES
true fd.name = /tmp/secret
true fs.path.name = /tmp/secret
true fs.path.nameraw = secret
true evt.is_open_read = true
false evt.is_open_write = true

# Bytes.
scene
  proc pid=10 name=nc exe=nc
  fd pid=10 num=3 type=file name=/tmp/x
  event write exit @tid=10 res=5 data="ab\x00\xffz" fd=3 size=5
true evt.buffer contains ab
true evt.buffer startswith ab
true evt.buffer endswith z
true evt.buffer bcontains 6200ff
true evt.buffer bcontains 6200FF
true evt.buffer bstartswith 6162
false evt.buffer bstartswith 62
false evt.buffer contains zz
true len(evt.buffer) = 5
true evt.buflen = 5
true evt.is_io = true
true evt.is_io_write = true
true evt.io_dir = write
true evt.buffer bcontains anyof (00ff, 1234)
true evt.buffer bstartswith oneof (61, 1234)
true evt.buffer exists

# Renames have two paths.
scene
  proc pid=10 name=mv exe=mv cwd=/tmp
  event rename exit @tid=10 res=0 oldpath=/tmp/a newpath=/etc/b
true fs.path.source = /tmp/a
true fs.path.target = /etc/b
true evt.arg.oldpath = /tmp/a
true evt.arg.newpath startswith /etc
true fs.path.target pmatch (/etc)
