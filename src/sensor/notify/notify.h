/*
 * notify: the sensor that the kernel asks. Receivers take seccomp user notifications from a listener, read
 * what the call points to, let it go on (or refuse it), and make events.
 *
 * Threads: any number of receivers inside; everything that touches the state or the sink happens under
 * one lock. A receiver in a slow call (exact mode, exec, fork), or stuck reading a hanging page, is
 * replaced by a spare.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/notify/feature.h"
#include "sensor/notify/filter.h"
#include "sensor/notify/holder.h"
#include "sensor/sink.h"

#include <pthread.h>

#define NOTIFY_RECEIVERS_MAX 32   /* below HOLDER_SLOTS */
#define NOTIFY_STUCK_MS      100  /* in reading memory: answered CONTINUE by another, reported */
#define NOTIFY_STARVED_MS    2000 /* the same while it only lacks processor time */
#define NOTIFY_HELD_MS       2000 /* where calls are denied: answered EPERM, for nobody has judged it */

#define NOTIFY_PROTECTED_MAX 4

struct notify_config {
    uint32_t features; /* enum notify_feature: probed, and masked by --compat */
    struct state *state;
    struct sink sink;
    pthread_mutex_t *lock;        /* what guards state and sink, if others use them too; borrowed */
    struct holder_shared *shared; /* slots; borrowed. NULL: the sensor makes its own */
    bool deny;                    /* verdicts to deny are obeyed, races closed where possible */
    bool cache_paths;             /* the filter has all of path_cache_calls() */
    bool every_call;              /* events of all notified calls, though no rule would match */
    /* Processes that watched ones may not signal, trace or write to; 0: free. */
    int64_t protected[NOTIFY_PROTECTED_MAX];
    const _Atomic int64_t *also_protected; /* the same, changing meanwhile; borrowed. NULL: none */
    size_t nalso_protected;
    /* Calls of threads of which this says true go on untold: another sensor tells of them. Without `cache_paths`,
     * for it sees not all changes then. No lock is held. NULL: of none. */
    bool (*told_elsewhere)(void *data, int64_t tid);
    void *data;       /* of told_elsewhere */
    unsigned serving; /* receivers at once; 0: chosen by features and CPUs */
};

struct notify_stats {
    uint64_t notifications, events, exact, predicted, denied;
    uint64_t skipped;       /* answered at once: no rule could match */
    uint64_t interrupted;   /* the call was gone before the answer (signals) */
    uint64_t tampering;     /* refused: aimed at protected processes */
    uint64_t stuck;         /* answered by the watchdog */
    uint64_t unreadable;    /* arguments that could not be read */
    uint64_t refused_trace; /* exact mode was wanted and not possible */
};

struct notify;

int notify_new(const struct notify_config *config, struct notify **ret, struct err *err);
void notify_free(struct notify *notify); /* stops receivers; the listener's calls then fail ENOSYS
                                          * unless someone else holds it */
/* notify_config.deny, from now on. */
void notify_set_deny(struct notify *notify, bool deny);
/* No more events: receivers and housekeeping end. */
void notify_stop(struct notify *notify);
/* Takes the listener and starts to serve. */
int notify_serve(struct notify *notify, int listener, struct err *err);
/* Has the last filtered task gone? Waits at most timeout_ms (-1: for ever). */
bool notify_wait_end(struct notify *notify, int timeout_ms);
/* Until everything known to have happened (ended processes among it) went to the sink. */
void notify_drain(struct notify *notify);
void notify_get_stats(struct notify *notify, struct notify_stats *ret);
