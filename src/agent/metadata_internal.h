/* metadata_internal: what the files of metadata share; nobody else includes it. */
#pragma once

#include "agent/ecs.h"
#include "agent/ecs_endpoint.h"
#include "agent/metadata.h"
#include "agent/metadata_http.h"
#include "agent/runtime.h"
#include "base/arena.h"
#include "base/map.h"

#include <sys/un.h>

#define METADATA_ID_MAX 64

struct metadata_socket {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct metadata_entry {
    char id[METADATA_ID_MAX]; /* as the state names it */
    uint8_t id_n;             /* 0: free */
    bool made_up, done;
    uint32_t tries;
    int64_t pid; /* met last; 0 none */
    uint64_t next_ns;
    uint16_t hint_n;
    char hint[ECS_URL_MAX];
    const struct metadata_socket *socket; /* of the runtime that knows it */
};

struct metadata_item {
    int64_t pid;
    uint8_t id_n; /* 0: to be looked up */
    bool made_up;
    uint16_t hint_n;
    char id[METADATA_ID_MAX];
    char hint[ECS_URL_MAX];
};

struct metadata {
    struct state *state;
    pthread_mutex_t *lock;
    uint32_t timeout_ms, retry_ms, refresh_ms;
    pthread_t thread;
    bool started;

    pthread_mutex_t queue_lock; /* guards the queue, stats, and sockets of entries */
    struct metadata_item *queue;
    size_t queued;
    struct metadata_stats stats;

    /* The thread's own. */
    struct metadata_http *http;
    struct metadata_item *taken;
    struct metadata_entry *entries;
    struct smap by_id;
    uint32_t hand;
    bool has_ecs, has_task;
    struct ecs_endpoint endpoint;
    uint64_t ecs_next_ns;
    uint32_t ecs_tries;
    struct ecs_task task; /* the last good document */
    struct arena task_arena;
    struct buf task_text;
    char own_id[ECS_ID_MAX + 1]; /* of the container this process is in; empty: not known */
    struct metadata_socket sockets[METADATA_SOCKETS_MAX];
    size_t nsockets;
};

uint64_t metadata_wait_ns(const struct metadata *m, uint32_t tries);
/* Known or new; NULL no room. */
struct metadata_entry *metadata_entry(struct metadata *m, struct str id, bool made_up);
void metadata_count(struct metadata *m, uint64_t *counter);
/* Reads the task's document and brings its containers to the state; sets when to do so next. */
void metadata_ask_task(struct metadata *m);
/* The task's container that this id, whole or as the state has it, stands for; NULL none. */
const struct ecs_container *metadata_task_container(const struct metadata *m, struct str id);
/* One look at an entry that is due; sets its next. */
void metadata_look(struct metadata *m, struct metadata_entry *entry);
/* Asks the runtimes for the container of this id. NULL: none knows it; texts lie in the arena. */
const struct metadata_socket *metadata_ask_runtimes(struct metadata *m, struct str id,
                                                    struct arena *arena,
                                                    struct runtime_container *ret);
/* Which container a process with a made-up one is in, whole id; false: nobody confirms any. */
bool metadata_find_name(struct metadata *m, const struct metadata_entry *entry,
                        char ret[ECS_ID_MAX + 1]);
/* Under the state's lock. */
void metadata_bring(struct metadata *m, const struct container *container);
