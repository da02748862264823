/*
 * filter: the seccomp program that sends the chosen calls to user space.
 *
 * Order: architecture (x86-64, then ia32 and its socketcall; unknown: kill), numbers with the x32 bit
 * (always notified: the kernel would say ENOSYS, and a rule may see the attempt), then a balanced
 * search over the numbers; arguments are loaded only under a number that has a test. What is not wanted
 * is allowed. exit, exit_group and what the hand-over itself needs (read, write, close, futex) are never
 * in it.
 *
 * Sources: seccomp(2), Linux' Documentation/userspace-api/seccomp_filter.rst.
 */
#pragma once

#include "base/err.h"
#include "sensor/notify/call.h"

#include <linux/filter.h>

#define FILTER_LENGTH_MAX 4096 /* the kernel's BPF_MAXINSNS */

struct filter_options {
    struct callset calls;
    /* Arguments are tested where that saves work without losing an event: clone without namespace
     * flags or fork-like calls, dup onto 0..2, sendto without an address, prctl's options, ... False:
     * every chosen call is notified whatever its arguments. */
    bool test_arguments;
    bool deny_io_uring; /* io_uring_setup: ENOSYS instead of a notification */
    bool foreign;       /* notify ia32 and x32 calls too; false: they are refused with ENOSYS */
};

struct filter {
    uint16_t n;
    struct sock_filter code[FILTER_LENGTH_MAX];
};

int filter_build(const struct filter_options *options, struct filter *ret, struct err *err);
/* Readable listing, one instruction a line, for `doctor` and tests. */
struct buf;
void filter_print(const struct filter *filter, struct buf *buf);

/* What the program says for a call, computed here: SECCOMP_RET_*. For tests. */
struct seccomp_data;
uint32_t filter_evaluate(const struct filter *filter, const struct seccomp_data *data);
