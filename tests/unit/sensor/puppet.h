/*
 * puppet: a child with chosen ids, capabilities, root and directory that makes the calls it is told to,
 * so that what the resolver says of them can be compared with what the kernel did.
 */
#pragma once

#include "sensor/notify/resolve.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PUPPET_TEXT 4200

struct puppet_setup {
    uint32_t uid, gid;
    uint32_t ngroups, groups[8];
    uint64_t caps;    /* permitted and effective */
    const char *root; /* NULL: the test's own */
    const char *cwd;  /* within the new root; NULL: where the test is */
    uint32_t umask;
    bool own_pidns; /* its /proc is mounted at its root's "proc" */
    bool keep_ids;  /* as the test is, whatever the ids above */
};

struct puppet {
    pid_t pid;
    int socket;
    struct target target;
};

struct puppet_call {
    long nr;
    uint64_t arg[6];
    int text_arg[2]; /* arguments that point to text[i]; -1 none */
    char text[2][PUPPET_TEXT];
    bool executes; /* made by a child of the puppet */
    bool stays;    /* a descriptor that it gives stays open */
};

struct puppet_reply {
    int64_t result; /* or -errno */
    uint64_t dev, ino;
};

/* Fails the test when it does not come up. */
void puppet_start(const struct puppet_setup *setup, struct puppet *ret);
void puppet_stop(struct puppet *puppet);
void puppet_make(struct puppet *puppet, const struct puppet_call *call, struct puppet_reply *ret);
/* After looking at the descriptor: the puppet closes it (unless it stays) and takes the next call. */
void puppet_done(struct puppet *puppet);
/* Shorthand for a call with at most one text, at argument `at`. */
int64_t puppet_text_call(struct puppet *puppet, long nr, int at, const char *text,
                         const uint64_t arg[6]);

/* A new directory below /tmp, 0755, for one test; and its end. */
void scratch_new(char ret[64]);
void scratch_remove(const char *path);
