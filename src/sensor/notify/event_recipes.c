/*
 * event_recipes: how the parameters of each exit event come from its call; events_internal.h says what the
 * letters mean.
 *
 * The order and number of tokens are those of the kind's parameters (the tests compare them). Where a
 * kernel probe knows what a notification does not (how full an accept queue is, data sent), zeros or
 * nothing stand for it.
 */
#include "sensor/notify/events_internal.h"

/* lint: table */
static const char *const recipes[KIND_MAX] = {
    /* Files opened. */
    [KIND_OPEN_X] = "r p O M D I",
    [KIND_OPENAT_2_X] = "r d p O M D I",
    [KIND_OPENAT2_X] = "r d p O M V D I",
    [KIND_CREAT_X] = "r p M D I H",
    [KIND_OPEN_BY_HANDLE_AT_X] = "r x0 O N D I",
    [KIND_MEMFD_CREATE_X] = "r t i1",

    /* Names and attributes. */
    [KIND_RENAME_X] = "r p q",
    [KIND_RENAMEAT_X] = "r d p e q",
    [KIND_RENAMEAT2_X] = "r d p e q i4",
    [KIND_LINK_2_X] = "r p q",
    [KIND_LINKAT_2_X] = "r d p e q i4",
    [KIND_SYMLINK_X] = "r t p",
    [KIND_SYMLINKAT_X] = "r t d p",
    [KIND_UNLINK_2_X] = "r p",
    [KIND_UNLINKAT_2_X] = "r d p i2",
    [KIND_MKDIR_2_X] = "r p i1",
    [KIND_MKDIRAT_X] = "r d p i2",
    [KIND_RMDIR_2_X] = "r p",
    [KIND_MKNOD_X] = "r p i1 i2",
    [KIND_MKNODAT_X] = "r d p i2 i3",
    [KIND_CHMOD_X] = "r p m1",
    [KIND_FCHMOD_X] = "r x0 m1",
    [KIND_FCHMODAT_X] = "r d p m2",
    [KIND_CHOWN_X] = "r p i1 i2",
    [KIND_LCHOWN_X] = "r p i1 i2",
    [KIND_FCHOWN_X] = "r x0 i1 i2",
    [KIND_FCHOWNAT_X] = "r d p i2 i3 i4",

    /* Mounts and directories. */
    [KIND_MOUNT_X] = "r t p J k3",
    [KIND_UMOUNT_1_X] = "r p",
    [KIND_UMOUNT2_X] = "r p i1",
    [KIND_FSCONFIG_X] = "r x0 i1 t b J i4",
    [KIND_CHDIR_X] = "r p",
    [KIND_FCHDIR_X] = "r x0",
    [KIND_CHROOT_X] = "r p",

    /* Descriptors. */
    [KIND_DUP_1_X] = "r x0",
    [KIND_DUP2_X] = "r x0 i1",
    [KIND_DUP3_X] = "r x0 i1 o2",
    [KIND_FCNTL_X] = "r x0 f1",
    [KIND_PIDFD_GETFD_X] = "r x0 i1 i2",

    /* Sockets. */
    [KIND_SOCKET_X] = "r i0 i1 i2",
    [KIND_BIND_X] = "r s x0",
    [KIND_CONNECT_X] = "r T x0 s",
    [KIND_LISTEN_X] = "r x0 i1",
    [KIND_ACCEPT_5_X] = "r A z z z",
    [KIND_ACCEPT4_6_X] = "r A z z z i3",
    [KIND_SENDTO_X] = "r - x0 x2 T",
    [KIND_SENDMSG_X] = "r - x0 Z T",
    [KIND_SENDMMSG_X] = "r x0 Z - T",

    /* Who and where a task is. */
    [KIND_SETNS_X] = "r x0 c1",
    [KIND_UNSHARE_X] = "r c0",
    [KIND_SETSID_X] = "r",
    [KIND_SETPGID_X] = "r i0 i1",
    [KIND_SETUID_X] = "r i0",
    [KIND_SETGID_X] = "r i0",
    [KIND_SETREUID_X] = "r i0 i1",
    [KIND_SETREGID_X] = "r i0 i1",
    [KIND_SETRESUID_X] = "r i0 i1 i2",
    [KIND_SETRESGID_X] = "r i0 i1 i2",
    [KIND_CAPSET_X] = "r B2 B1 B0",
    [KIND_PRCTL_X] = "r i0 j Q1",
    [KIND_SETRLIMIT_X] = "r L0 L1 i1",
    [KIND_PRLIMIT_X] = "r L0 L1 n n i0 i1",

    /* Other tasks. */
    [KIND_PTRACE_X] = "r X2 X3 P0 i1",
    [KIND_PROCESS_VM_READV_X] = "r i0 -",
    [KIND_PROCESS_VM_WRITEV_X] = "r i0 -",
    [KIND_KILL_X] = "r i0 i1",
    [KIND_TKILL_X] = "r i0 i1",
    [KIND_TGKILL_X] = "r i0 i1 i2",

    /* Memory. */
    [KIND_MMAP_X] = "r - - - x0 x1 g2 h3 x4 x5",
    [KIND_MMAP2_X] = "r - - - x0 x1 g2 h3 x4 x5",

    /* The kernel's own. */
    [KIND_BPF_2_X] = "r i0",
    [KIND_SECCOMP_X] = "r y0 y1",
    [KIND_USERFAULTFD_X] = "r o0",
    [KIND_IO_URING_SETUP_X] = "r i0 a0 a1 U2 a3 a4 a5",
    [KIND_INIT_MODULE_X] = "r - x1 t",
    [KIND_FINIT_MODULE_X] = "r x0 t i2",
    [KIND_DELETE_MODULE_X] = "r t v1",
};

const char *event_recipe(uint16_t kind)
{
    return kind < KIND_MAX ? recipes[kind] : NULL;
}
