/*
 * holder: keeps the application going while the agent is away or stuck.
 *
 * Receivers take each notification straight into a slot of a memory file shared with the holder, and
 * clear the slot after they have answered. The holder keeps a duplicate of the listener. When the agent
 * is gone (its socket closed), or has finished nothing for HOLDER_STUCK_MS while a slot was full or a
 * call was waiting, it answers CONTINUE for every such slot's id, then serves new calls itself until the
 * agent is back, and counts what passed. One old slot while others move is answered alone.
 *
 * A receiver: zeroes slot.notif, RECVs into it, sets taken_ns, SENDs its answer (ENOENT: somebody else
 * did), zeroes taken_ns and notif.id, adds 1 to progress, whatever came of it.
 *
 * The holder's side uses no libc state (no malloc, no stdio), so that a static, tiny program can be it.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HOLDER_SLOTS        64
#define HOLDER_SAMPLE_MS    20
#define HOLDER_STUCK_MS     200
#define HOLDER_IDLE_SAMPLES 5    /* a pause of so many, while no call is under way */
#define HOLDER_SLOW_MS      5000 /* of a slot that is marked slow */
#define HOLDER_NUMBERS      512  /* passed calls are counted by number; others in the last one */

struct holder_slot {
    struct seccomp_notif notif; /* id 0: free */
    _Atomic uint64_t taken_ns;  /* CLOCK_MONOTONIC when it was received; 0 none */
    _Atomic uint64_t progress;  /* grows with each notification this receiver finished */
    _Atomic uint32_t tid;       /* of the receiver */
    _Atomic uint32_t slow;      /* in exact mode: allowed to take long */
};

/* What passed unseen. */
struct holder_gap {
    uint64_t start_ns, end_ns; /* CLOCK_REALTIME; end 0: still open */
    uint32_t cause;            /* enum holder_cause */
    uint64_t passed;
    uint64_t rescued; /* of them: taken by a receiver that never answered */
    uint64_t refused; /* answered EPERM, beside those that passed */
};

enum holder_cause { GAP_NONE, GAP_AGENT_GONE, GAP_AGENT_STUCK, GAP_AGENT_ABSENT };

#define HOLDER_GAPS 64

struct holder_shared {
    uint32_t version;
    _Atomic uint32_t serving;   /* the holder answers now */
    _Atomic uint32_t agent_pid; /* 0: not told. Gets SIGCONT when it is stuck */
    _Atomic uint32_t ngaps;     /* ever; gaps[i % HOLDER_GAPS] */
    _Atomic uint32_t ntold;     /* of them: reported, says who reports them */
    struct holder_gap gaps[HOLDER_GAPS];
    _Atomic uint64_t passed_by_number[HOLDER_NUMBERS];
    uint64_t told_by_number[HOLDER_NUMBERS]; /* of them, as ntold */
    struct holder_slot slots[HOLDER_SLOTS];
};

/* A memory file with a zeroed holder_shared, close-on-exec, mapped. It can neither shrink nor grow. */
int holder_shared_new(int *ret_fd, struct holder_shared **ret);
void holder_shared_free(struct holder_shared *shared);
/* Final: nobody else, whoever gets the file, can map it to write, nor write to it. */
int holder_shared_close(int fd);
/* Of a file that came from somewhere else: 0 when it is one whose pages cannot go away under a reader. */
int holder_shared_check(int fd);
/* Such a file's contents, mapped to read. */
int holder_shared_view(int fd, const struct holder_shared **ret);

/* An agent that serves. */
struct holder_agent {
    int socket; /* its other end is the agent's: end of file means that it is gone. -1: none */
    const struct holder_shared
        *slots;   /* the agent's own, if it has made some; NULL: config.shared */
    uint32_t pid; /* 0: not known */
};

struct holder_config {
    int listener;
    struct holder_agent agent;
    struct holder_shared *shared; /* what is told: gaps and counts */
    /* Looks for an agent while there is none, without waiting. 0; -EAGAIN: none; -EINPROGRESS: it will be
     * one soon. NULL: none ever comes. The former agent's slots stay mapped until it finds one more. */
    int (*find)(void *data, struct holder_agent *ret);
    void *data;
    bool refuse;        /* nothing passes unseen: calls wait, and are refused in the end */
    uint32_t wait_ms;   /* with it: they wait so long from the beginning of a gap; 0: for ever */
    unsigned sample_ms; /* 0: HOLDER_SAMPLE_MS. The other times go with it; for tests */
};
/* The holder itself: returns when the last filtered task is gone. */
void holder_serve(const struct holder_config *config);
/* Is this thread running, or waiting for nothing but a processor? False when it cannot be told. */
bool holder_is_runnable(uint32_t tid);
/* In the process that becomes the holder: signals blocked, own session, not dumpable, in the root folder. */
void holder_leave(void);
/* The same, and stdio closed: not while the table of descriptors is shared. */
void holder_detach(void);
