# Scenarios that nobody sees in a container with Docker's default profile and capabilities: the call is
# refused with EPERM before it could be notified. Name and call.
bpf-load           bpf
module-finit       finit_module
module-init        init_module
namespace-entered  setns
namespace-made     unshare
release-agent      mount
user-faults        userfaultfd
