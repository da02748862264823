# Sensors that the scenarios run under: a name, and the command that stands before the scenario's own.
# {rules} is one --rules FILE after the other; alerts go to {alerts}, all events to {capture}. NAME/3: every
# third scenario, where no sensor is named.
notify       {hinomi} run {rules} --json --all -o {alerts} -w {capture} --
notify-5.10  {hinomi} run --compat 5.10 {rules} --json --all -o {alerts} -w {capture} --
ptrace       {hinomi} run --sensor ptrace {rules} --json --all -o {alerts} -w {capture} --
ptrace-bare/6  {hinomi} run --sensor ptrace --no-filter {rules} --json --all -o {alerts} -w {capture} --
