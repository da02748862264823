/*
 * proc_file: reading files and links of /proc/TID, each with one open and as few reads as possible.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_LINK_MAX 4096

struct statx;

/* /proc/TID as a directory, or -ESRCH, -EACCES. It stays the same task's whatever becomes of its id. */
int proc_open(int64_t tid);
/* What a read of the file gives, at most n bytes; -errno. -ESRCH, -ENOENT: the task is gone. */
ssize_t proc_read(int dir, const char *name, char *ret, size_t n);
/* Calls `line` for each line, of a file of any size; of a line longer than the buffer its beginning.
 * At most `max` bytes are read. 0 or -errno. */
struct proc_reader {
    char *buffer;
    size_t size, max;
    bool once; /* the kernel makes the file as a whole: a short read ends it */
    void (*line)(void *data, struct str line);
    void *data;
};
int proc_each_line(int dir, const char *name, const struct proc_reader *reader);
/* The link's text. */
ssize_t proc_link(int dir, const char *name, char *ret, size_t n);
/* The path as it is below the root: both as links of /proc show them. What lies outside stays whole. */
struct str proc_within(struct str path, struct str root);
/* `suffix` taken off the end, if it is there. */
struct str proc_without(struct str path, struct str suffix);
/* Does the path, within the directory as root, lead to this very file? */
bool proc_leads_to(int root, struct str path, const struct statx *file);
