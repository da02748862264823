# What Hinomi's own rules see of miners, live and replayed; the columns are those of scenarios.t, the rules those of
# content/rules. tests/rules/miner.t has more of each rule, tests/dns what is seen of names.

# By name and by arguments.

miner
  rule   Miner started
  event  evt.type in (execve, execveat) and proc.name=xmrig

stratum
  rule   Miner started
  event  evt.type in (execve, execveat) and proc.name=echo

miner-options
  rule   Program told to mine
  event  evt.type in (execve, execveat) and proc.name=echo

miner-algorithm
  rule   Program told to mine

miner-wallet
  rule   Program told to mine

miner-environment
  rule   Program told to mine
  event  evt.type in (execve, execveat) and proc.name=true
  field  proc.env[POOL_URL]=pool.example:443

# Files.

miner-file
  in     container
  rule   Miner file written

miner-file-moved
  in     container
  rule   Miner file written

made-by-chmod
  in     container
  rule   Program file made in a temporary directory

made-relative
  in     container
  rule   Program file made in a temporary directory

made-by-descriptor
  in     container
  rule   Program file made in a temporary directory

sign-of-life
  in     container
  rule   Program file made in a temporary directory

made-at-once
  in     container
  rule   Program file made in a temporary directory

# New programs.

new-program
  in     container
  rule   New program run
  event  evt.type in (execve, execveat) and proc.exepath=/opt/fresh
  field  proc.is_exe_upper_layer=true
  field  container.id={id}

new-in-volume
  in     container
  rule   New program run
  rule   Program run from a temporary directory
  remains Program file made in a temporary directory
  event  evt.type in (execve, execveat) and proc.exepath=/dev/shm/fresh
  field  proc.is_exe_upper_layer=false
  field  proc.is_exe_lower_layer=false

# Ports.

mining-port
  in     container
  rule   Connection to a mining port
  rule   New program run
  rule   Program run from a temporary directory
  remains Program file made in a temporary directory
  event  evt.type=connect and proc.name=web
  field  fd.sport=3333

other-port
  in     container
  remains New program run
  remains Program run from a temporary directory
  remains Program file made in a temporary directory

# The whole of it; tests/unit/content/test_managed.c says what its findings are together.

miner-story
  in     container
  rule   Program file made in a temporary directory
  rule   New program run
  rule   Program run from a temporary directory
  rule   Connection to a mining port
