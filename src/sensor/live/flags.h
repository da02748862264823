/*
 * flags: the kernel's flags as the event format numbers them (the tables of event/flags.def).
 *
 * Only those that differ have a function. These are the same in both: mount and umount flags, modes of
 * chmod and mknod, AT_* of linkat, unlinkat, fchownat, newfstatat, RENAME_*, MFD_*, MODULE_INIT_*, MCL_*,
 * LOCK_*, SPLICE_F_*, [RWX]_OK, SHUT_*, SEEK_*, RLIMIT_*, prctl options, bpf and fsconfig commands.
 * Bits that the format has no name for are dropped.
 */
#pragma once

#include <stdint.h>

/*
 * open(2). The access mode is always one of RDONLY, WRONLY, RDWR; with O_PATH it is RDONLY whatever the
 * bits say, as the kernel ignores them then.
 */
uint32_t live_open_flags(uint64_t flags);
uint32_t live_resolve_flags(uint64_t resolve); /* RESOLVE_* of openat2(2) */
uint32_t live_clone_flags(uint64_t flags);     /* CLONE_*, also for unshare(2) and setns(2) */
uint32_t live_execveat_flags(uint64_t flags);
uint32_t live_prot_flags(uint64_t prot);
uint32_t live_mmap_flags(uint64_t flags);
uint32_t live_io_uring_setup_flags(uint64_t flags);
uint32_t live_pidfd_open_flags(uint64_t flags);
uint32_t live_delete_module_flags(uint64_t flags);
uint32_t live_epoll_create_flags(uint64_t flags);

/* Enumerations; 0 (unknown) for what the format has no number for. */
uint32_t live_ptrace_request(uint64_t request);
uint32_t live_fcntl_command(uint64_t command);
