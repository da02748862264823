# The rules about miners: what has to fire, what must not. Each rule's own scenes in containers unless said; live in
# tests/scenario/miners.t.

file content/rules/hinomi.yaml
loads

# Names: any case, with a version, by the file when the name of the process is cut or its own.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=xmrig exe=xmrig exepath=/usr/bin/xmrig cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=xmrig comm=xmrig tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/xmrig
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=xmrig-6.21.0 exe=xmrig-6.21.0 exepath=/srv/xmrig-6.21.0 cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=xmrig-6.21.0 comm=xmrig-6.21.0 tid=10 pid=10 ptid=1 trusted_exepath=/srv/xmrig-6.21.0
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=SRBMiner-MULTI exe=SRBMiner-MULTI exepath=/srv/SRBMiner-MULTI cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=SRBMiner-MULTI comm=SRBMiner-MULTI tid=10 pid=10 ptid=1 trusted_exepath=/srv/SRBMiner-MULTI
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=work exe=work exepath=/srv/lolMiner cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=work comm=work tid=10 pid=10 ptid=1 trusted_exepath=/srv/lolMiner
matches Miner started

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=xmrig exe=xmrig exepath=/usr/bin/xmrig cwd=/
  event execveat exit @tid=10 res=0 exe=xmrig comm=xmrig tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/xmrig
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=rig exe=rig exepath=/usr/bin/rig cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=rig comm=rig tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/rig
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=miner exe=miner exepath=/usr/bin/miner cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=miner comm=miner tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/miner
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=t-rexpress exe=t-rexpress exepath=/usr/bin/t-rexpress cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=t-rexpress comm=t-rexpress tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/t-rexpress
matches

# Protocols on command lines, whatever the name; not of installed programs that read.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=nginx exe=nginx exepath=/usr/sbin/nginx args="-o stratum+tcp://pool.example:3333 -u x" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=nginx comm=nginx tid=10 pid=10 ptid=1 trusted_exepath=/usr/sbin/nginx args="-o stratum+tcp://pool.example:3333 -u x"
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=nginx exe=nginx exepath=/usr/sbin/nginx args="--url=STRATUM+SSL://pool.example:443" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=nginx comm=nginx tid=10 pid=10 ptid=1 trusted_exepath=/usr/sbin/nginx args="--url=STRATUM+SSL://pool.example:443"
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=a exe=a exepath=/usr/bin/a args="-P stratum2+tcp://w@pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=a comm=a tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/a args="-P stratum2+tcp://w@pool.example:3333"
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=a exe=a exepath=/usr/bin/a args="--url=stratums://pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=a comm=a tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/a args="--url=stratums://pool.example:3333"
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=a exe=a exepath=/usr/bin/a args="-o daemon+http://127.0.0.1:18081" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=a comm=a tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/a args="-o daemon+http://127.0.0.1:18081"
matches Miner started

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=sh exe=sh exepath=/usr/bin/dash args="-c grep stratum+tcp /srv" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=sh comm=sh tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/dash args="-c grep stratum+tcp /srv"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=sh exe=sh exepath=/tmp/dash args="-c stratum+tcp://pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=sh comm=sh tid=10 pid=10 ptid=1 trusted_exepath=/tmp/dash args="-c stratum+tcp://pool.example:3333"
matches Miner started, Program run from a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=grep exe=grep exepath=/usr/bin/grep args="-r stratum+tcp /srv" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=grep comm=grep tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/grep args="-r stratum+tcp /srv"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=grep exe=grep exepath=/tmp/grep args="-o stratum+tcp://pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=grep comm=grep tid=10 pid=10 ptid=1 trusted_exepath=/tmp/grep args="-o stratum+tcp://pool.example:3333"
matches Miner started, Program run from a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=a exe=a exepath=/usr/bin/a args="--clock-stratum 2 --url tcp://pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=a comm=a tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/a args="--clock-stratum 2 --url tcp://pool.example:3333"
matches

# Options, algorithms, wallets.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="--donate-level 1 -o pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="--donate-level 1 -o pool.example:3333"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="--donate-level=1" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="--donate-level=1"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="-o pool.example:3333 --coin monero" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="-o pool.example:3333 --coin monero"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="--coin=monero -o pool.example:443" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="--coin=monero -o pool.example:443"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="-a rx/0 -o 203.0.113.7:443" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="-a rx/0 -o 203.0.113.7:443"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="-o x --algo=cn/r" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="-o x --algo=cn/r"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="-o pool.example:443 -u 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="-o pool.example:443 -u 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="--url=pool.example:443 --user=48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD.rig1" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="--url=pool.example:443 --user=48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD.rig1"
matches Program told to mine

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=kworker exe=kworker exepath=/usr/bin/kworker args="--nicehash" cwd=/
  event execveat exit @tid=10 res=0 exe=kworker comm=kworker tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/kworker args="--nicehash"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=wallet exe=wallet exepath=/usr/bin/wallet args="--address 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=wallet comm=wallet tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/wallet args="--address 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=wallet exe=wallet exepath=/usr/bin/wallet args="pay node.example:18081 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUico" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=wallet comm=wallet tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/wallet args="pay node.example:18081 48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUico"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app args="--donate 5 --algo=rsa -a rx" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=app comm=app tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/app args="--donate 5 --algo=rsa -a rx"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app args="--algo sha256 host.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=app comm=app tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/app args="--algo sha256 host.example:3333"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=less exe=less exepath=/usr/bin/less args="notes --donate-level" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=less comm=less tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/less args="notes --donate-level"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=less exe=less exepath=/opt2/less args="--donate-level 1" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=less comm=less tid=10 pid=10 ptid=1 trusted_exepath=/opt2/less args="--donate-level 1"
matches Program told to mine

# Variables of miners in images; pools of other things.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=run exe=run exepath=/usr/bin/run env="PATH=/bin DONATE_LEVEL=1" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=run comm=run tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/run env="PATH=/bin DONATE_LEVEL=1"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=run exe=run exepath=/usr/bin/run env="POOL_URL=pool.example:3333 POOL_PASS=x" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=run comm=run tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/run env="POOL_URL=pool.example:3333 POOL_PASS=x"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=run exe=run exepath=/usr/bin/run env="SERVER=stratum+tcp://pool.example:3333" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=run comm=run tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/run env="SERVER=stratum+tcp://pool.example:3333"
matches Program told to mine

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=run exe=run exepath=/usr/bin/run env="POOL_URL=https://pool.example/" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=run comm=run tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/run env="POOL_URL=https://pool.example/"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=run exe=run exepath=/usr/bin/run env="DB_POOL_URL=db DB_POOL_USER=a DB_POOL_PASS=b POOL_USER=a POOL_PASS=b" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=run comm=run tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/run env="DB_POOL_URL=db DB_POOL_USER=a DB_POOL_PASS=b POOL_USER=a POOL_PASS=b"
matches

# A named miner with such options is one alert, not two.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=xmrig exe=xmrig exepath=/usr/bin/xmrig args="--donate-level 1" cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=xmrig comm=xmrig tid=10 pid=10 ptid=1 trusted_exepath=/usr/bin/xmrig args="--donate-level 1"
matches Miner started

# New programs: in the layer that the container has written, or changed since it began; hosts build what they like.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=x exe=x exepath=/usr/local/bin/x cwd=/ container=0123456789ab upper=1
  event execveat exit @tid=10 res=0 exe=x comm=x tid=10 pid=10 ptid=1 trusted_exepath=/usr/local/bin/x flags=EXE_UPPER_LAYER
matches New program run

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=x exe=x exepath=/usr/local/bin/x cwd=/ upper=1
  event execveat exit @tid=10 res=0 exe=x comm=x tid=10 pid=10 ptid=1 trusted_exepath=/usr/local/bin/x flags=EXE_UPPER_LAYER
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=x exe=x exepath=/usr/local/bin/x cwd=/ container=0123456789ab
  event execveat exit @tid=10 res=0 exe=x comm=x tid=10 pid=10 ptid=1 trusted_exepath=/usr/local/bin/x
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=xmrig exe=xmrig exepath=/srv/xmrig cwd=/ container=0123456789ab upper=1
  event execveat exit @tid=10 res=0 exe=xmrig comm=xmrig tid=10 pid=10 ptid=1 trusted_exepath=/srv/xmrig flags=EXE_UPPER_LAYER
matches Miner started, New program run

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=x exe=x exepath=/tmp/x cwd=/ container=0123456789ab upper=1
  event execveat exit @tid=10 res=0 exe=x comm=x tid=10 pid=10 ptid=1 trusted_exepath=/tmp/x flags=EXE_UPPER_LAYER
matches New program run, Program run from a temporary directory

# Files made.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=curl exe=curl exepath=/usr/bin/curl cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/srv/xmrig flags=O_WRONLY|O_CREAT mode=438
matches Miner file written

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=curl exe=curl exepath=/usr/bin/curl cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/srv/lolMiner flags=O_WRONLY|O_CREAT mode=438
matches Miner file written

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event rename exit @tid=10 res=0 oldpath=/srv/a newpath=/srv/xmrig
matches Miner file written

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event link exit @tid=10 res=0 oldpath=/srv/a newpath=/srv/xmrig
matches Miner file written

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/srv/xmrig flags=O_RDONLY
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/srv/xmrig.md flags=O_WRONLY|O_CREAT mode=438
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=dpkg exe=dpkg exepath=/usr/bin/dpkg cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/usr/bin/cpuminer flags=O_WRONLY|O_CREAT mode=438
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event rename exit @tid=10 res=-13 oldpath=/srv/a newpath=/srv/xmrig
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event fchmodat exit @tid=10 res=0 dirfd=-100 filename=/tmp/x mode=S_IXUSR|S_IRUSR
matches Program file made in a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/dev/shm container=0123456789ab
  event chmod exit @tid=10 res=0 filename=x mode=S_IXOTH
matches Program file made in a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=3 type=file name=/var/tmp/x
  event fchmod exit @tid=10 res=0 fd=3 mode=S_IXGRP
matches Program file made in a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/tmp/x flags=O_WRONLY|O_CREAT mode=493
matches Program file made in a temporary directory

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/tmp/x flags=O_WRONLY|O_CREAT mode=420
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event openat exit @tid=10 fd=3 dirfd=-100 name=/srv/x flags=O_WRONLY|O_CREAT mode=493
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event fchmodat exit @tid=10 res=0 dirfd=-100 filename=/tmp/x mode=S_IRUSR|S_IWUSR
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event fchmodat exit @tid=10 res=-1 dirfd=-100 filename=/tmp/x mode=S_IXUSR
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  event fchmodat exit @tid=10 res=0 dirfd=-100 filename=/srv/x mode=S_IXUSR
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/srv container=0123456789ab
  event fchmodat exit @tid=10 res=0 dirfd=-100 filename=x mode=S_IXUSR
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/
  event fchmodat exit @tid=10 res=0 dirfd=-100 filename=/tmp/x mode=S_IXUSR
matches

# What is said over a connection.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event write exit @tid=10 res=53 fd=4 size=53 data="{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}"
matches Mining protocol spoken

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event write exit @tid=10 res=77 fd=4 size=77 data="{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"48x\",\"pass\":\"x\"}}"
matches Mining protocol spoken

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event sendto exit @tid=10 res=52 fd=4 size=52 data="{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":[\"0x0\"]}"
matches Mining protocol spoken

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event write exit @tid=10 res=63 fd=4 size=63 data="{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"user\":\"a\"}}"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event write exit @tid=10 res=35 fd=4 size=35 data="GET /docs/mining.subscribe HTTP/1.1"
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=file name=/var/log/x
  event write exit @tid=10 res=39 fd=4 size=39 data="{\"id\": 1, \"method\": \"mining.subscribe\"}"
matches

# Ports: only of a program that looks like no part of a server.

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=node exe=node exepath=/usr/local/bin/node cwd=/ container=0123456789ab writable=1
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/srv/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/srv/app cwd=/ container=0123456789ab writable=1
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab upper=1
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:14444 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:14444 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app cwd=/ container=0123456789ab memfd=1
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/usr/bin/app args="--donate-level 1" cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=xmrig exe=xmrig exepath=/usr/bin/xmrig cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=-EINPROGRESS tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches Connection to a mining port

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:443 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:443 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=-ECONNREFUSED tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->10.1.2.3:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->10.1.2.3:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->172.16.0.9:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->172.16.0.9:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->192.168.1.1:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->192.168.1.1:3333 fd=4
matches

scene
  container id=0123456789ab name=shop image=shop:1 repository=registry.example/shop tag=1
  proc pid=1 name=tini exe=tini exepath=/usr/bin/tini container=0123456789ab
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/ container=0123456789ab
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->100.64.1.1:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->100.64.1.1:3333 fd=4
matches

scene
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=app exe=app exepath=/tmp/app cwd=/
  fd pid=10 num=4 type=ipv4 l4=tcp name=10.0.0.2:4000->203.0.113.7:3333 role=client
  event connect exit @tid=10 res=0 tuple=10.0.0.2:4000->203.0.113.7:3333 fd=4
matches

# What is loaded as it comes never asks for a digest; with an item it does, see tests/scenario/miners.t.

canonical Known miner run => ((evt.type in (execve, execveat) and evt.rawres = 0) and proc.exe.sha256 in ())
