/*
 * metadata: what the world around says of the containers that sensors meet: the ECS task metadata endpoint,
 * and the APIs of Docker and Podman.
 *
 *     sensor ── metadata_met() ── queue ── own thread ── endpoint, sockets ── state, under its lock
 *
 * The thread asks; nothing waits for it. Until it knows a container, the container is pending in the state.
 * A container whose control group does not name it is found by hints, each of which has to be confirmed by the
 * endpoint or the runtime (docs/fargate.md says which, and what is trusted).
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "event/state.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METADATA_SOCKETS_MAX 8
#define METADATA_QUEUE_MAX   1024 /* containers met and not looked at yet */
#define METADATA_ENTRIES_MAX 4096 /* containers looked after */

struct metadata_config {
    struct state *state;   /* borrowed; results go here */
    pthread_mutex_t *lock; /* the state's: engine_lock() */
    const char *ecs_url;   /* NULL: ${ECS_CONTAINER_METADATA_URI_V4}; "": none */
    /* Paths of Unix sockets; NULL: those of Docker and Podman at their usual places. One that is not there
     * is looked for again. */
    const char *const *sockets;
    size_t nsockets;
    uint32_t timeout_ms; /* of one request; 0: 2000 */
    uint32_t retry_ms;   /* first wait after a failure, doubled up to refresh_ms; 0: 100 */
    uint32_t refresh_ms; /* the task's document is read again after this; 0: 300000 */
};

struct metadata;

/* Nothing to ask (no endpoint, no sockets) is no error: it then does nothing. */
int metadata_new(const struct metadata_config *config, struct metadata **ret, struct err *err);
void metadata_free(struct metadata *metadata); /* ends a request under way */

/* A process was met, under the state's lock: quick, and nothing when its container is known already. */
void metadata_met(struct metadata *metadata, const struct thread *thread);
/*
 * A hint from outside (the shim's hello) about the container a process is in: a container's id, or the
 * value of its ${ECS_CONTAINER_METADATA_URI_V4}. Any thread.
 */
void metadata_hint(struct metadata *metadata, int64_t pid, struct str hint);

struct metadata_stats {
    bool ecs;                       /* there is an endpoint */
    uint64_t ecs_asked, ecs_failed; /* requests */
    uint64_t runtime_asked, runtime_failed;
    uint64_t containers;    /* brought to the state, again ones too */
    uint64_t named;         /* made-up names replaced by the container's own */
    uint64_t hints_refused; /* that named an unknown container */
    uint64_t dropped;       /* the queue was full */
    struct err ecs_error;   /* the last request's; code 0: it went well, or there was none */
    struct err runtime_error;
};
void metadata_get_stats(struct metadata *metadata, struct metadata_stats *ret);
/* Which runtime socket knows the container, for who wants to stop it: NULL none, or not known yet. Lives as
 * long as `metadata`. Any thread. */
const char *metadata_socket_of(struct metadata *metadata, struct str container_id);
