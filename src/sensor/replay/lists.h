/*
 * lists: the blocks of a capture that say what existed before its first event.
 *
 * lists_read() parses one block into the state. Inet sockets of the descriptor lists are kept back until
 * lists_finish(): which end is the server is known only when all listening ports are.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/replay/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTS_MORE_MAX    STATE_THREADS_DEFAULT
#define LISTS_SOCKETS_MAX 131072 /* kept back; more are taken as client sockets at once */

struct held_socket;

struct lists {
    struct state *state;
    uint64_t server_ports[65536 / 64];
    struct held_socket *sockets;
    size_t nsockets, capacity;
    struct map more; /* tid -> struct thread_more */
    char host[MACHINE_HOST_SIZE + 1];
    size_t bad_at; /* offset in the body of what lists_read() could not read */
};

/* 1: read; 0: not a block of this kind; -EBADMSG with a message without place; -ENOMEM. */
int lists_read(struct lists *lists, uint32_t type, const uint8_t *body, size_t n, struct err *err);
/* Before the first event after lists. 0 or -ENOMEM. */
int lists_finish(struct lists *lists);
/* Forgets what is kept; lists may begin anew. */
void lists_done(struct lists *lists);
