/* handoff_internal: what the files of the hand-off share; nobody else includes it. */
#pragma once

#include "agent/handoff.h"
#include "sensor/live/process.h"

#include <pthread.h>

enum member_state {
    MEMBER_GREETS,   /* connected */
    MEMBER_INSTALLS, /* it has the filter; the listener comes next */
    MEMBER_SERVED,
};

/* What may be done so often, and so often at once. */
struct bucket {
    double tokens;
    uint64_t filled_ns; /* 0: never used, so full */
};

struct place {
    uint64_t place;
    struct bucket bucket;
};

struct member {
    enum member_state state;
    int socket;        /* -1: the holder is gone */
    int pidfd;         /* of the process that connected; -1: it cannot be had */
    uint64_t since_ns; /* boot time; of the state */
    struct live_process holder, application; /* as they were when it was served */
    struct wire_hello hello;
    struct handoff_container container;
    struct notify *notify;
    struct holder_shared *slots;
    int record;                      /* the holder's, of gaps; -1 */
    uint32_t ntold;                  /* of its gaps */
    uint64_t lost;                   /* before them, untold */
    bool told_open;                  /* and the one after, while it was open */
    bool told_lost;                  /* that the holder is gone */
    bool listed;                     /* its holder is among the protected ones */
    struct bucket gaps;              /* that may be told */
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
    struct bucket heard, accepted; /* connections, of all places */
    uint64_t deaf_until_ns;
    struct place places[HANDOFF_PLACES];
    uint64_t looked_ns;
    uint64_t own_place; /* in no container but this process' own, if any: there nobody is outside */
    _Atomic int64_t own_holders[HANDOFF_CONTAINERS_MAX];
    _Atomic int64_t *holders; /* processes; 0 free */
    pthread_mutex_t lock;     /* of all below; only the thread changes them */
    struct member *members[MEMBERS_MAX];
    uint32_t nmembers;
    bool deny;
    struct handoff_stats stats; /* sensor: of members that left */
};

/* handoff_socket.c: the socket's file. */
int handoff_listen(struct handoff *handoff, const char *path, struct err *err);
/* Made again if it was deleted. */
void handoff_look_at_socket(struct handoff *handoff);
void handoff_unlisten(struct handoff *handoff);

/* handoff_member.c */
/* Takes the socket. NULL: it was closed. */
struct member *member_new(int socket);
void member_free(struct handoff *handoff, struct member *member);
/* Others from the same container. */
uint32_t member_neighbours(const struct handoff *handoff, const struct member *member);
/* Its socket is readable. False: it is to be freed. */
bool member_hear(struct handoff *handoff, struct member *member);
/* The holder's process has ended, whoever has its socket now. The same. */
bool member_ended(struct handoff *handoff, struct member *member);
/* Once in a while. False: it is to be freed. */
bool member_tick(struct handoff *handoff, struct member *member, uint64_t now_ns);
void member_add_stats(const struct member *member, struct notify_stats *ret);
void member_tell(const struct handoff *handoff, enum handoff_change change,
                 const struct member *member, int error);

/* handoff_trust.c: whose word is it, and is it a holder's? */
/* The process at the other end, and its container; `pid`: as the kernel said with the connection. */
void member_know_peer(struct member *member, int64_t pid);
/* The holder's process and its parent, as they are now; *doubt is set or NULL. */
void member_judge(const struct handoff *handoff, struct member *member);
/* Puts the holder among the protected ones unless there is a doubt; those who came to its container later, and
 * from outside, lose that place. */
void member_protect(struct handoff *handoff, struct member *member);
void member_release(struct handoff *handoff, struct member *member);

/* handoff_rate.c */
/* Takes one; false: there is none. `burst` at once, `rate` a second. */
bool bucket_take(struct bucket *bucket, double rate, double burst, uint64_t now_ns);
/* That of the place; the one that was used longest ago gives way. */
struct bucket *place_bucket(struct handoff *handoff, uint64_t place);

/* handoff_gap.c */
/* 0, or why it is not a record that can be read safely. Begins with the gaps that nobody has told. */
int member_take_record(struct member *member, int fd);
void member_tell_gaps(struct handoff *handoff, struct member *member);
