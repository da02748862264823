/*
 * filter: the seccomp program that sends the chosen calls to user space.
 *
 * Order: architecture (x86-64, then ia32 and its socketcall; unknown: kill), numbers with the x32 bit
 * (notified, whatever was chosen: the kernel would say ENOSYS, and a rule may see the attempt), then a
 * balanced search over the numbers; arguments are loaded only under a number that has a test. What is
 * not wanted is allowed. exit, exit_group and what the hand-over itself needs (read, write, close,
 * futex) are never in it.
 *
 * Sources: seccomp(2), Linux' Documentation/userspace-api/seccomp_filter.rst.
 */
#pragma once

#include "base/err.h"
#include "sensor/notify/call.h"

#include <linux/filter.h>

#define FILTER_LENGTH_MAX 4096 /* the kernel's BPF_MAXINSNS */

/* O_RDWR is both. What creates or truncates, writes. */
enum filter_open { FILTER_OPEN_READ = 1 << 0, FILTER_OPEN_WRITE = 1 << 1 };

/* A bit for each family; those from 63 on, of which there are none yet, share the last. */
#define FILTER_FAMILY_LAST 63
#define FILTER_FAMILY(number)                                                                      \
    (UINT64_C(1) << ((number) < FILTER_FAMILY_LAST ? (number) : FILTER_FAMILY_LAST))

struct filter_options {
    struct callset calls;
    /* Arguments are tested where that saves work without losing what rules can ask: dup onto 0..2,
     * sendto without an address, prctl's options, ...: filter_arguments.c lists them. False: every
     * chosen call is notified whatever its arguments, and the next three are ignored. */
    bool test_arguments;
    /* open and openat: with these rights only (enum filter_open, joined); 0: all. creat and openat2
     * are notified always: one writes, the other's flags lie in memory. */
    uint8_t opens;
    /* socket: of these families only, FILTER_FAMILY() of each joined; 0: all. */
    uint64_t socket_families;
    /* Births of threads by clone are not notified; those by clone3 are: its flags lie in memory. */
    bool skip_threads;
    bool deny_io_uring; /* io_uring_setup: ENOSYS instead of a notification */
    bool foreign;       /* notify ia32 and x32 calls too; false: they are refused with ENOSYS */
    bool trace;         /* stops for a tracer (SECCOMP_RET_TRACE) in place of notifications */
};

struct filter {
    uint16_t n;
    struct sock_filter code[FILTER_LENGTH_MAX];
};

/* -E2BIG: it would need more instructions than the kernel takes. */
int filter_build(const struct filter_options *options, struct filter *ret, struct err *err);
/* Readable listing, one instruction a line, for `doctor` and tests. */
struct buf;
void filter_print(const struct filter *filter, struct buf *buf);

/* What the program says for a call, computed here: SECCOMP_RET_*. For tests. */
struct seccomp_data;
uint32_t filter_evaluate(const struct filter *filter, const struct seccomp_data *data);
