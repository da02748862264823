# How the sensor is run: a name, its options. `user`: cases are run as uid 1000 too. NAME/3: every third case,
# where no mode is named.
newest       user
compat-5.10  --compat 5.10 user
all-calls    --calls all
ptrace       --sensor ptrace user
ptrace-bare/3  --sensor ptrace --no-filter user
