/*
 * handoff: takes the system calls of application containers over from hinomi-shim, and from holders whose
 * former agent is gone: a socket, and one notify sensor for each application that came through it.
 *
 * Whoever can reach the socket is taken for hostile. Sizes, counts and rates are limited, per container too. What
 * matters is asked of the kernel: who the other side is, what its descriptors are. Slots are memory that only this
 * process can write; the holder's record of gaps is only ever read as bytes, and can be wrong, but do no harm.
 * Holders are protected from those that are watched, and only what has the marks of a holder is (handoff_trust.c).
 *
 * One thread of its own; callbacks are made from it, without locks.
 */
#pragma once

#include "agent/engine.h"
#include "sensor/notify/notify.h"
#include "shim/wire.h"

#define HANDOFF_CONTAINERS_MAX 64
#define HANDOFF_PENDING_MAX    32   /* connections that have not said all yet; shared out fairly */
#define HANDOFF_PER_PLACE      16   /* of both, from one container */
#define HANDOFF_RATE           32   /* connections a second, from one place */
#define HANDOFF_BURST          64   /* of them at once */
#define HANDOFF_RATE_ALL       256  /* from all places, and at once */
#define HANDOFF_ACCEPTED       8192 /* the same, with those closed unheard */
#define HANDOFF_PLACES         64   /* remembered with what they may still do */
#define HANDOFF_ANSWER_MS      5000 /* that the other side has for its next message */
#define HANDOFF_GAPS_AT_ONCE   8    /* told of one container in HANDOFF_TICK_MS */
#define HANDOFF_GAPS_PER_MIN   30   /* of one application, after 64 at once */
#define HANDOFF_TICK_MS        200
#define HANDOFF_ID_MAX         72

enum handoff_change {
    HANDOFF_JOINED,      /* an application starts */
    HANDOFF_RESUMED,     /* one that ran already: the former agent went, or this is the first */
    HANDOFF_LEFT,        /* its last process is gone */
    HANDOFF_HOLDER_LOST, /* watched on, but if this agent ends now its calls fail */
    HANDOFF_UNWATCHED,   /* no filter could be had there; `error` says why */
    HANDOFF_LOCAL,       /* no common process namespace: it has to watch itself */
    HANDOFF_DOUBTED,     /* what was said of its holder is taken back: `doubt` says why */
    HANDOFF_REFUSED,     /* limits, or not what a shim says; `error` says why. hello may be empty */
};

/* Borrowed for the call. Texts in `hello` are what the application says, and end in a NUL. */
struct handoff_container {
    const struct wire_hello *hello;
    int64_t pid;    /* of the application here; 0 not known */
    int64_t holder; /* 0: not visible */
    uint64_t
        holder_start; /* in ticks since boot: it is that process, and no later one of its number */
    /* NULL: it is a shim's holder, and is protected. Else why that is not certain: its calls are watched, but
     * the process itself is one like any other. */
    const char *doubt;
    bool is_health_check; /* that is all the doubt: it said so, and came from outside as they do */
    uint64_t place;       /* its container, as a number; 0 not known */
    char id[HANDOFF_ID_MAX]; /* its container's, by the kernel's word; empty: not known */
    /* It was made for other rules, or by another version: calls may be missing. */
    bool other_filter;
};

struct handoff_gap {
    struct holder_gap gap; /* end_ns 0: still open; it is told again when it has ended */
    uint64_t lost;         /* gaps before it that were overwritten untold */
    const uint64_t
        *by_number; /* calls that passed since the last one that was told, HOLDER_NUMBERS */
};

struct handoff_watch { /* each may be NULL */
    void (*changed)(void *data, enum handoff_change change, const struct handoff_container *c,
                    int error);
    /* In order. An open gap is told again and again until this returns true, then once more when it has
     * ended, whatever is returned. An agent that was killed right then may have told it too. */
    bool (*gap)(void *data, const struct handoff_container *c, const struct handoff_gap *gap);
    /* Did this process come from outside into a container that is watched already? */
    bool (*is_outsider)(void *data, int64_t pid);
    /* Does another sensor tell of this thread? Asked for each call of who came from outside. */
    bool (*is_traced)(void *data, int64_t tid);
    void *data;
};

struct handoff_config {
    const char
        *path; /* of the socket; its folder is made if it is missing. Borrowed for handoff_new */
    struct engine *engine;                       /* borrowed */
    uint32_t features;                           /* enum notify_feature */
    bool deny;                                   /* the engine's verdicts to deny are obeyed */
    int64_t protected[NOTIFY_PROTECTED_MAX - 1]; /* beside this process and all holders; 0 free */
    /* Where the protected holders' ids are put, HANDOFF_CONTAINERS_MAX, for other sensors; NULL: nowhere.
     * Borrowed as long as the hand-off lives. */
    _Atomic int64_t *holders;
    struct handoff_watch watch;
};

struct handoff;

/* -EADDRINUSE: another agent listens there. Starts to serve at once. */
int handoff_new(const struct handoff_config *config, struct handoff **ret, struct err *err);
/* Calls under way are answered; holders take over. Before the engine. */
void handoff_free(struct handoff *handoff);

/* handoff_config.deny, from now on. Any thread. */
void handoff_set_deny(struct handoff *handoff, bool deny);

struct handoff_stats {
    uint32_t containers, pending;
    uint64_t joined, resumed, left, refused, unwatched, local;
    uint64_t doubted; /* holders that are not protected */
    uint64_t closed;  /* connections of places that had too many; they try again */
    uint64_t gaps, passed, refused_calls; /* closed gaps, and what they say */
    struct notify_stats sensor;           /* of all there have been */
};
/* Any thread. Takes the engine's lock. */
void handoff_get_stats(struct handoff *handoff, struct handoff_stats *ret);
/* The figures of each application that is watched now. Returns how many. The same. */
struct handoff_figures {
    char id[HANDOFF_ID_MAX]; /* as in struct handoff_container */
    int64_t pid;
    struct notify_stats sensor;
};
uint32_t handoff_get_figures(struct handoff *handoff, struct handoff_figures *ret, uint32_t max);

/*
 * Checks a message and copies it. -EPROTO: not one; -EPROTONOSUPPORT: of another version. Texts in *ret end in a
 * NUL. Touches nothing else: for any bytes.
 */
int handoff_parse_hello(const void *p, size_t n, struct wire_hello *ret);
int handoff_parse_word(const void *p, size_t n, struct wire_word *ret);
/* The nth argument in hello->args; empty where there is none. */
struct str handoff_argument(const struct wire_hello *hello, uint32_t n);
