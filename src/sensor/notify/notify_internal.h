/*
 * notify_internal: what the files of the notify sensor share; nobody else includes it.
 *
 *     receiver.c  the loop: turn, receive, answer          flow.c    what is done with each call
 *     tracked.c   what is kept of each task                notify.c  life, housekeeping
 *
 * `lock` guards the state, the sink, what is tracked, and statistics. Reading memory and /proc, answering
 * and tracing happen without it.
 */
#pragma once

#include "sensor/fake/made_event.h"
#include "sensor/live/exits.h"
#include "sensor/live/task.h"
#include "sensor/notify/args.h"
#include "sensor/notify/events.h"
#include "sensor/notify/exact.h"
#include "sensor/notify/notify.h"
#include "sensor/notify/path_cache.h"
#include "sensor/notify/resolve.h"

#include <pthread.h>

enum receiver_state { RECEIVER_SPARE, RECEIVER_SERVING, RECEIVER_SLOW, RECEIVER_OVER };

struct receiver {
    struct notify *notify;
    pthread_t thread;
    bool started;              /* to be joined */
    _Atomic bool stuck;        /* its call is held, for it must not go on unseen */
    enum receiver_state state; /* under `turns` */
    bool answered;             /* this notification */
    bool hands_over;           /* its turn, when it has answered */
    bool gone;                 /* and its call was gone by then */
    struct holder_slot *slot;
    struct resolver *resolver;
    struct target target; /* who called */
    bool raceable;        /* memory is shared: what it points to may change under us */
    bool remembered;      /* the path's meaning; rights were not looked at */
    bool file_known;      /* and what is there */
    bool removes;         /* a file, which may be a link */
    uint64_t root, roots; /* as in struct tracked */
    uint64_t cwd, dirs;
    struct live_task *task, *other;
    struct call_args args;
    bool foreseen; /* of an exec: .expected and .at are there */
    int64_t expected;
    struct resolved at[2];
    struct made_event made;
};

/* Kept beside the state's threads, by their index. */
struct tracked {
    uint32_t serial;
    bool known;     /* target is right */
    bool nests;     /* entered or made a namespace: ids of children may differ inside */
    bool stale;     /* an exec or ids went unseen: look again */
    uint64_t root;  /* which root, for path_cache; 0: look again */
    uint64_t roots; /* path_cache_roots() when that was so */
    uint64_t cwd;   /* the same of its working directory, path_cache_dirs() */
    uint64_t dirs;
    int64_t
        lender;  /* whose memory the process has until its exec: that one waits in vfork; 0 none */
    int pending; /* events of the process still to be made; of main threads */
    struct target target;
};

#define TRACKED_CHUNK  64
#define TRACKED_CHUNKS (STATE_THREADS_DEFAULT / TRACKED_CHUNK)

#define DEFERRED_MAX 64 /* ends that wait for events of their process */

struct notify {
    struct notify_config config;
    _Atomic bool deny; /* the configuration's, until it is set anew */
    int listener;
    struct holder_shared *shared;
    bool own_shared;
    struct exact *exact;
    struct exits *exits;

    pthread_mutex_t *lock; /* the configuration's, or own_lock */
    pthread_mutex_t own_lock;
    struct tracked *tracked[TRACKED_CHUNKS];
    struct live_sharers *sharers;
    struct path_cache *paths;
    uint64_t own_root; /* of this process */
    struct notify_stats stats;

    pthread_mutex_t turns;
    pthread_cond_t turn;
    unsigned cpus;
    unsigned wanted;  /* how many are to serve at once */
    unsigned serving; /* how many do */
    unsigned spares;
    unsigned nreceivers;
    struct receiver *receivers[NOTIFY_RECEIVERS_MAX];
    _Atomic uint32_t caller;              /* the thread answered last */
    _Atomic uint64_t caller_ns, other_ns; /* when that was, and when another one's last was */

    pthread_t housekeeper;
    bool housekeeping;
    _Atomic int connects; /* being waited for */
    _Atomic bool stopping;
    _Atomic bool ended; /* the last filtered task is gone */
    struct made_event exit_made;
    struct exits_end deferred[DEFERRED_MAX]; /* under the lock */
    unsigned ndeferred;
    _Atomic uint64_t drains_wanted, drains_done;
    size_t swept; /* threads of the state looked at, of this round */
};

/* May change between two looks: then a call under way is treated either way. */
static inline bool notify_denies(const struct notify *notify)
{
    return atomic_load_explicit(&notify->deny, memory_order_relaxed);
}

/* receiver.c */
int receivers_start(struct notify *notify, struct err *err);
void receivers_stop(struct notify *notify);
/* Before something that may take long: another serves meanwhile. */
void receiver_slow(struct receiver *receiver);
/* Is a further call waiting that nobody has taken? */
bool receiver_is_wanted(const struct receiver *receiver);
/* All there can be hang: nobody will serve until a page comes. */
bool receivers_are_stuck(struct notify *notify);
/* SECCOMP_IOCTL_NOTIF_SEND: CONTINUE for 0, else this errno. 0, or -ENOENT: the call is gone. */
int receiver_answer(struct receiver *receiver, int error);

/* flow.c */
void flow_handle(struct receiver *receiver);
/* Makes the event of r->args and gives it to the sink; under the lock. */
enum verdict flow_emit(struct receiver *receiver, const struct call_outcome *outcome);
void flow_emit_locked(struct receiver *receiver, const struct call_outcome *outcome);
/* What rules would say of it, were it so. */
enum verdict flow_preview(struct receiver *receiver, struct call_outcome outcome);
/* An outcome to begin with. */
struct call_outcome flow_predicted(struct receiver *receiver, int64_t result);
/* Lets the call go on; says what will most likely come of it. */
void flow_emit_predicted(struct receiver *receiver, struct call_outcome outcome);
/* Runs the call in exact mode if that can be, and says what came of it. */
void flow_run_and_emit(struct receiver *receiver, struct call_outcome outcome);
/* Runs the call in exact mode, others serving meanwhile. */
void flow_run_exact(struct receiver *receiver, enum exact_want want, struct exact_result *ret);
/* Ids of this thread may change unseen: at its next call /proc tells. */
void flow_forget(struct receiver *receiver, int64_t tid);
/* Answers EPERM; the refused event goes to the sink. `event` is in r->made. */
void flow_refuse(struct receiver *receiver);

/* flow_path.c */
/* Which root its paths begin in (of which mount, so of which mount namespace), as a number; 0 not known. */
uint64_t flow_root_of(int64_t tid);
/* The same of the caller, and of its working directory: into r->root and r->cwd, and kept. */
void flow_learn_places(struct receiver *receiver);
/* Under the lock: what is known of these in r also holds for this thread. */
void flow_keep_places(struct receiver *receiver, struct tracked *tracked);
/* predict(), or for an open whose path was resolved a moment ago, just that (r->remembered). */
int64_t flow_expect(struct receiver *receiver);
void flow_forget_found(struct receiver *receiver);
/* Of a call that takes a file away: is it a link? `read`: r->args is there. */
void flow_look_at_removal(struct receiver *receiver, bool read);

/* flow_socket.c */
void flow_predict(struct receiver *receiver);
bool flow_is_accept(const struct call *call);
/* After a connect in exact mode: with whom. */
void flow_connected(struct receiver *receiver, struct socket_facts *facts,
                    struct call_outcome *outcome);

/* flow_tamper.c: by the registers alone; a refusal needs r->args. */
bool flow_is_tampering(const struct receiver *receiver, const struct call *call);
void flow_refuse_tampering(struct receiver *receiver);

/* flow_process.c */
void flow_exec(struct receiver *receiver);
void flow_fork(struct receiver *receiver);
/* Makes the task, and its ancestors, known to the state. */
void flow_discover(struct receiver *receiver, int64_t tid);

/* tracked.c; all under the lock. NULL: the thread is not known to the state. */
struct tracked *tracked_of(struct notify *notify, const struct thread *thread);
void tracked_learn(struct notify *notify, const struct thread *thread,
                   const struct live_task *task);
bool tracked_is_raceable(const struct notify *notify, const struct thread *thread);
/* Of the process' main thread. */
struct tracked *tracked_process(struct notify *notify, int64_t pid);
/* A task was born, by clone's flags. */
void tracked_born(struct notify *notify, const struct thread *parent, const struct thread *child,
                  uint64_t clone_flags);
/* The process may share its memory with a task that nobody knows. */
void tracked_shares_unseen(struct notify *notify, int64_t pid);
/* The process ended, or left its memory by exec. */
void tracked_left(struct notify *notify, int64_t pid);
void tracked_done(struct notify *notify);

/* An event of this process is still to be made (or no longer): its end waits. Takes the lock. */
void notify_pending(struct notify *notify, int64_t pid, int change);
/* Under the lock. */
void notify_process_ended(struct notify *notify, int64_t pid, int status);
