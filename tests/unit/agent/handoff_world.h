/*
 * handoff_world: a hand-off to be tested, and clients of it that are no shims.
 */
#pragma once

#include "../test.h"

#include "agent/handoff_internal.h"
#include "rules/ruleset.h"

#define WAIT_MS 20000

struct world {
    char folder[32];
    char path[64];
    struct ruleset *rules;
    struct selection selection;
    struct engine *engine;
    struct handoff *handoff;
    _Atomic int changes[HANDOFF_REFUSED + 1], gaps, outsider;
    _Atomic int last_error;
    struct handoff_container last; /* of the latest change, before it is counted */
    uint64_t lost;
    _Atomic int64_t holders[HANDOFF_CONTAINERS_MAX];
};

/* Until it was told. */
void wait_change(const struct world *w, enum handoff_change change);
/* An engine and a hand-off in a folder of its own. */
void world_start(struct world *w);
void world_end(struct world *w);
/* With these flags of socket(2); -1: it failed. */
int connect_with(const struct world *w, int flags);
int try_connect(const struct world *w);
struct wire_hello make_hello(enum wire_kind kind);
void send_fds(int socket, const void *p, size_t n, const int *fds, size_t nfds);
/* The kind of what it answers; 0: end of file. */
int answer_of(int socket, int64_t *ret_value);
int memory_file(unsigned seals, size_t size);
/* RESUME with these; the answer's errno, 0 when it is served. The socket stays open in *ret. */
int resume_with(struct world *w, const int *fds, size_t nfds, int *ret);
/* A filter, and its listener. */
int take_filter(void);
/* -1: none came. */
int receive_fd(int socket);
/* A listener of a child that waits; -1: there can be none here. */
int make_listener(pid_t *ret_child);
/* A mount namespace: that of the process, or (0) a new one. Ends the process where that fails. */
void enter_container(pid_t beside);
/* Having said so. */
bool lacks_listeners(void);
bool lacks_namespaces(void);
