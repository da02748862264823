/* handoff_internal: what the files of the hand-off share; nobody else includes it. */
#pragma once

#include "agent/handoff.h"

#include <pthread.h>

enum member_state {
    MEMBER_GREETS,   /* connected */
    MEMBER_INSTALLS, /* it has the filter; the listener comes next */
    MEMBER_SERVED,
};

struct member {
    enum member_state state;
    int socket;        /* -1: the holder is gone */
    uint64_t since_ns; /* boot time; of the state */
    uint64_t place;    /* its mount namespace; 0 not known */
    struct wire_hello hello;
    struct handoff_container container;
    struct notify *notify;
    struct holder_shared *slots;
    int record;                      /* the holder's, of gaps; -1 */
    uint32_t ntold;                  /* of its gaps */
    bool told_open;                  /* and the one after, while it was open */
    bool told_lost;                  /* that the holder is gone */
    uint64_t passed[HOLDER_NUMBERS]; /* by number, when that was */
};

#define MEMBERS_MAX (HANDOFF_CONTAINERS_MAX + HANDOFF_PENDING_MAX)

struct handoff {
    struct handoff_config config;
    int folder, listener; /* of the socket */
    char name[108];
    char folder_path[4096];
    uint64_t inode; /* of the socket that is ours */
    int wake;       /* eventfd: the end */
    bool started;
    pthread_t thread;
    double tokens; /* connections that may be taken now */
    uint64_t filled_ns, looked_ns;
    _Atomic int64_t holders[HANDOFF_CONTAINERS_MAX]; /* processes; 0 free */
    pthread_mutex_t lock; /* of all below; only the thread changes them */
    struct member *members[MEMBERS_MAX];
    uint32_t nmembers;
    struct handoff_stats stats; /* sensor: of members that left */
};

/* handoff_socket.c: the socket's file. */
int handoff_listen(struct handoff *handoff, const char *path, struct err *err);
/* Made again if it was deleted. */
void handoff_look_at_socket(struct handoff *handoff);
void handoff_unlisten(struct handoff *handoff);

/* handoff_member.c */
/* Takes the socket. NULL: it was closed. */
struct member *member_new(struct handoff *handoff, int socket);
void member_free(struct handoff *handoff, struct member *member);
/* Others from the same mount namespace. */
uint32_t member_neighbours(const struct handoff *handoff, const struct member *member);
/* Its socket is readable. False: it is to be freed. */
bool member_hear(struct handoff *handoff, struct member *member);
/* Once in a while. False: it is to be freed. */
bool member_tick(struct handoff *handoff, struct member *member, uint64_t now_ns);
void member_add_stats(const struct member *member, struct notify_stats *ret);
void member_tell(const struct handoff *handoff, enum handoff_change change,
                 const struct member *member, int error);

/* handoff_gap.c */
/* 0, or why it is not a record that can be read safely. Begins with the gaps that nobody has told. */
int member_take_record(struct member *member, int fd);
void member_tell_gaps(struct handoff *handoff, struct member *member);
