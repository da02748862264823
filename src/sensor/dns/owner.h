/*
 * owner: whose socket it is: from its addresses to an inode (the kernel's socket diagnosis, else the tables of
 * /proc/self/net), from there to a process by its descriptors in /proc.
 *
 * Of this network namespace and the processes that /proc shows. Bounded: processes and descriptors looked at,
 * and the time that searches take; those asked for lately are looked at first.
 */
#pragma once

#include "event/value.h"

#include <stdbool.h>
#include <stdint.h>

#define OWNER_PROCESSES_MAX 32768 /* of a search; the newest first */
#define OWNER_FDS_MAX       131072
#define OWNER_SEARCH_SHARE                                                                         \
    10 /* searches through all of /proc take at most this part of the time, */
#define OWNER_SEARCH_NS UINT64_C(200000000) /* but for so much of it at once */
#define OWNER_CACHE     256
#define OWNER_RECENT    16

struct owner_socket {
    uint8_t proto; /* IPPROTO_UDP, IPPROTO_TCP */
    struct ip local, remote;
    uint16_t lport, rport;
};

struct owner_stats {
    uint64_t searches, refused; /* whole searches; those that were too many */
};

struct owner_finder;

int owner_finder_new(struct owner_finder **ret);
void owner_finder_free(struct owner_finder *finder);
/* Process id; -1: no such socket, or nobody's that can be seen. This process only if no other has it. `hint` (-1 none) is looked at first. Not
 * thread-safe. */
int64_t owner_find(struct owner_finder *finder, const struct owner_socket *socket, int64_t hint);
void owner_get_stats(const struct owner_finder *finder, struct owner_stats *ret);
/* The inode alone; 0 none. */
uint64_t owner_inode(struct owner_finder *finder, const struct owner_socket *socket);
