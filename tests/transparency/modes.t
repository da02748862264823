# How the sensor is run: a name, its options. `user`: cases are run as uid 1000 too.
newest       user
compat-5.10  --compat 5.10 user
all-calls    --calls all
ptrace       --sensor ptrace user
ptrace-bare  --sensor ptrace --no-filter user
