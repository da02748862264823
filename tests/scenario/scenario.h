/*
 * scenario: small programs in one binary; each does one thing that a sensor has to see.
 *
 * `scenarios NAME` does it, `scenarios NAME --negative` goes the same way without the decisive call, or
 * with harmless arguments. 0: done; 1: something that was needed did not work (said on standard error);
 * SKIPPED: this machine lacks it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SKIPPED 77

struct scenario {
    const char *name;
    int (*run)(bool decisive);
};

/* Tables of scenarios, each ending with a NULL name; NULL behind the last one. */
extern const struct scenario *const scenario_families[];

/* Says what failed, with errno's text, and gives 1. */
int failed(const char *what);
int skipped(const char *why);

/* Opens and closes; 0, or 1 and a message. */
int open_it(const char *path, int flags);
/* A file with this text and mode; 0, or 1 and a message. */
int write_file(const char *path, const char *text, mode_t mode);
int copy_file(const char *from, const char *to, mode_t mode);
/* Runs a program found in PATH, standard output and input at /dev/null; its exit status, 128 + signal, or
 * 127. `environment` NULL: ours. */
int spawn(const char *const argv[], const char *const environment[]);
/* Becomes this user for good (groups, gid, uid); 0, or 1 and a message. */
int become(uid_t uid);

/* A TCP socket that listens at address:port (0: any, *ret_port says which); -1 and a message. */
int listen_at(const char *address, uint16_t port, uint16_t *ret_port);
/* A socket of this type (SOCK_STREAM, SOCK_DGRAM) connected there; -1 and a message. */
int connect_to(int type, const char *address, uint16_t port);
