/*
 * feature: what this kernel's user notification can do. Probed by trying, never by version.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum notify_feature {
    FEATURE_NOTIFY = 1 << 0,        /* user notification at all (5.0) */
    FEATURE_CONTINUE = 1 << 1,      /* SECCOMP_USER_NOTIF_FLAG_CONTINUE (5.5) */
    FEATURE_ADDFD = 1 << 2,         /* SECCOMP_IOCTL_NOTIF_ADDFD (5.9) */
    FEATURE_ADDFD_SEND = 1 << 3,    /* with its answer (5.14) */
    FEATURE_WAIT_KILLABLE = 1 << 4, /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (6.0) */
    FEATURE_SYNC_WAKE_UP = 1 << 5,  /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (6.7) */
    FEATURE_TSYNC_ESRCH = 1 << 6,
    FEATURE_SPEC_ALLOW = 1 << 7,
    FEATURE_PIDFD_GETFD = 1 << 8,      /* 5.6 */
    FEATURE_PROCESS_VM_READV = 1 << 9, /* of a child of one's own */
    FEATURE_PTRACE_SEIZE = 1 << 10,
    FEATURE_OPENAT2 = 1 << 11,     /* 5.6 */
    FEATURE_WITHOUT_NNP = 1 << 12, /* a filter without no_new_privs: CAP_SYS_ADMIN */
};

#define FEATURES_ALL UINT32_C(0xffffffff)
/* What 5.10 has, of the above: for `--compat 5.10`. */
#define FEATURES_5_10                                                                              \
    (FEATURE_NOTIFY | FEATURE_CONTINUE | FEATURE_ADDFD | FEATURE_SPEC_ALLOW |                      \
     FEATURE_PIDFD_GETFD | FEATURE_PROCESS_VM_READV | FEATURE_PTRACE_SEIZE | FEATURE_OPENAT2 |     \
     FEATURE_WITHOUT_NNP)

/* Forks children to try each; about 10 ms. The result is remembered by no one. */
uint32_t feature_probe(void);
/* "user notification", "SYNC_WAKE_UP", ... for people. */
const char *feature_text(enum notify_feature feature);
/* The feature of this text, upper or lower case; 0: there is none. */
uint32_t feature_named(const char *text);

/*
 * In the child, right before exec: sets no_new_privs where it must, installs the filter with as many of
 * `features` as apply (flags), and gives the listener (close-on-exec). -EBUSY: another listener is there
 * already; -EACCES, -EINVAL as seccomp(2).
 */
struct filter;
int filter_install(const struct filter *filter, uint32_t features, int *ret_listener);
/* The same of one whose calls stop for a tracer: no listener, and none needed. */
int filter_install_traced(const struct filter *filter, uint32_t features);
/* Supervisor's side: SYNC_WAKE_UP where it is among the features. */
int listener_setup(int listener, uint32_t features);
/* SYNC_WAKE_UP on or off, while it is in use: callers are woken on the CPU of who answers them, or where is room. */
int listener_wake_here(int listener, bool here);
