# The managed rules: what has to fire, and what must not.

file content/rules/hinomi.yaml
loads

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=touch exe=touch exepath=/usr/bin/touch cwd=/
  event openat exit @tid=10 fd=3 dirfd=-100 name=/kinsing flags=O_WRONLY|O_CREAT mode=438
matches Malicious filenames written

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=app exe=app exepath=/srv/app cwd=/tmp
  event creat exit @tid=10 fd=3 name=/tmp/kdevtmpfsi mode=438
matches Malicious filenames written

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=app exe=app exepath=/srv/app cwd=/
  event open exit @tid=10 fd=3 name=/dev/shm/kinsing flags=O_RDONLY|O_CREAT mode=438
matches Malicious filenames written

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=mv exe=mv exepath=/usr/bin/mv cwd=/tmp
  event rename exit @tid=10 res=0 oldpath=/tmp/a newpath=/tmp/kinsing
matches Malicious filenames written

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=mv exe=mv exepath=/usr/bin/mv cwd=/tmp
  event renameat2 exit @tid=10 res=0 olddirfd=-100 oldpath=/tmp/a newdirfd=-100 newpath=/tmp/kinsing flags=0
matches Malicious filenames written

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=ln exe=ln exepath=/usr/bin/ln cwd=/tmp
  event link exit @tid=10 res=0 oldpath=/tmp/a newpath=/tmp/kinsing
matches Malicious filenames written

# Reading, failing, other names, a directory of that name, moving it away.

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=cat exe=cat exepath=/usr/bin/cat cwd=/
  event openat exit @tid=10 fd=3 dirfd=-100 name=/kinsing flags=O_RDONLY
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=touch exe=touch exepath=/usr/bin/touch cwd=/
  event openat exit @tid=10 fd=-13 dirfd=-100 name=/kinsing flags=O_WRONLY|O_CREAT mode=438
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=touch exe=touch exepath=/usr/bin/touch cwd=/
  event openat exit @tid=10 fd=3 dirfd=-100 name=/kinsing.txt flags=O_WRONLY|O_CREAT mode=438
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=touch exe=touch exepath=/usr/bin/touch cwd=/
  event openat exit @tid=10 fd=3 dirfd=-100 name=/kinsing/x flags=O_WRONLY|O_CREAT mode=438
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=mv exe=mv exepath=/usr/bin/mv cwd=/tmp
  event rename exit @tid=10 res=0 oldpath=/tmp/kinsing newpath=/tmp/a
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=mv exe=mv exepath=/usr/bin/mv cwd=/tmp
  event rename exit @tid=10 res=-13 oldpath=/tmp/a newpath=/tmp/kinsing
matches
