# Scenarios that the sensor within a container does not see with Docker's default profile and capabilities.
# A call: refused with EPERM before it could be notified. "user": the program has changed its user, and
# without SYS_PTRACE nobody may read its arguments any more. "socket": the local end of a connection and its
# protocol are not known in time where descriptors may not be duplicated, and the rule asks for them: that is
# now so and now not, and skipped.
bpf-load             bpf
module-finit         finit_module
module-init          init_module
namespace-entered    setns
context-parted       unshare
release-agent        mount
user-faults          userfaultfd
read-shadow-refused  user
database-program     user
odd-datagrams        socket
bash-network         socket
ssh-port             socket
metadata             socket
