/*
 * memory: reading what a notified thread points to.
 *
 * process_vm_readv(2), page by page where a text ends before an unmapped page; /proc/TID/mem when that
 * is refused. Everything read is a copy that its owner may change meanwhile. A page that hangs
 * (userfaultfd, a dead file system) hangs the reader: receivers are watched for that. No page is
 * touched that the call itself would not touch.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes at address; all of them, or -EFAULT, -EPERM, -ESRCH. */
int memory_read(pid_t tid, uint64_t address, void *ret, size_t n);
/* A text of at most `size` - 1 bytes and its NUL. Returns its length; *ret_cut when it was longer. */
ssize_t memory_read_text(pid_t tid, uint64_t address, char *ret, size_t size, bool *ret_cut);
/*
 * A NULL-terminated array of pointers (4 bytes each for ia32) to texts, as texts with NULs one after
 * the other; at most `size` bytes and `max` texts. Returns bytes. What comes before an address that
 * cannot be read is kept; -errno only when that leaves nothing.
 */
struct memory_array {
    uint64_t address;
    uint32_t pointer_size; /* 4 or 8 */
    uint32_t max;
};

struct memory_marks {
    bool cut;        /* there is more than fits */
    bool unreadable; /* it ends where memory could not be read */
};

ssize_t memory_read_array(pid_t tid, const struct memory_array *array, char *ret, size_t size,
                          struct memory_marks *ret_marks);
