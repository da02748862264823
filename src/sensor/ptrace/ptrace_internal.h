/*
 * ptrace_internal: what the files of the ptrace sensor share; nobody else includes it.
 *
 *     ptrace.c     life, requests of other threads      tracer.c     the thread: waiting, stops
 *     trace_call.c a call's beginning and end           trace_task.c births, exec, ends
 *     trace_read.c arguments, though memory may hang    registers.c  reading and changing a call
 *     tracees.c    what is kept of each task
 *
 * Everything but requests, the end and statistics belongs to the tracer's thread. The lock guards state,
 * sink and statistics.
 */
#pragma once

#include "base/map.h"
#include "sensor/fake/made_event.h"
#include "sensor/live/limited.h"
#include "sensor/live/task.h"
#include "sensor/notify/args.h"
#include "sensor/notify/events.h"
#include "sensor/notify/resolve.h"
#include "sensor/ptrace/ptrace.h"
#include "sensor/ptrace/registers.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* Wakes the tracer out of its wait. No real-time one: these would pile up while it cannot be woken. */
#define PTRACE_SIGNAL  SIGURG
#define PTRACE_WAKE_MS 5 /* again, until it has heard */

/* A call whose end is to be told. */
struct trace_call {
    struct trace_call *next; /* of the free ones */
    struct call_args args;
    struct resolved at[2];
    int64_t expected; /* of an exec, when it was foreseen */
    bool foreseen;
    bool blind; /* memory may change under us: judged by what it returns */
};

struct tracee {
    pid_t tid, pid;
    bool filtered;
    bool told;      /* its birth, or discovery, is: else it waits for its parent's stop */
    bool in_call;   /* unfiltered: the next stop at a call is its end */
    bool wants_end; /* the call's end is to be told */
    bool nests;     /* entered or made a namespace: ids of children may differ inside */
    bool target_known;
    bool ended; /* a first thread, whose process goes on */
    int held;   /* status of the first stop, of one that waits; 0 none */
    pid_t held_parent;
    bool forking;         /* makes a child, maybe */
    bool shared;          /* siblings could change what the call points to */
    uint64_t clone_flags; /* as asked for */
    pid_t lender;         /* whose memory it has until its exec: that one waits in vfork; 0 none */
    uint32_t siblings;    /* of a first thread: others that live */
    struct seccomp_data data; /* the call's registers */
    const struct call *call;
    struct trace_call *kept; /* NULL: none */
    struct target target;
};

enum request_kind { REQUEST_ADOPT, REQUEST_ATTACH, REQUEST_ASK, REQUEST_DRAIN, REQUEST_STOP };

struct request {
    struct request *next;
    enum request_kind kind;
    pid_t pid;
    int result;
    bool done;
};

struct ptrace {
    struct ptrace_config config;
    _Atomic bool deny;         /* the configuration's, until it is set anew */
    struct resolver *resolver; /* the tracer's */
    struct live_task *task, *other;
    struct live_sharers *sharers;
    struct limiter *limiter;
    bool
        may_hang; /* somebody has a userfaultfd: memory is read by a thread of its own from now on */
    struct made_event made;
    struct map tracees; /* by tid */
    unsigned nheld, nforking;
    unsigned
        nuntold; /* births that ended without a stop of the parent's, or failed: at most so many */
    struct trace_call *free_calls;
    unsigned ncalls;
    struct trace_call scratch; /* of calls that are over at once */
    struct ptrace_stats stats;

    pthread_t thread;
    bool started;
    pthread_mutex_t requests_lock; /* guards what follows */
    pthread_cond_t asked, answered;
    struct request *requests;
    bool ended; /* no task is watched */
    _Atomic pid_t tracer;
    _Atomic bool wanted; /* there are requests */
};

/* May change between two looks: then a call under way is treated either way. */
static inline bool ptrace_denies(const struct ptrace *ptrace)
{
    return atomic_load_explicit(&ptrace->deny, memory_order_relaxed);
}

/* tracer.c */
void *tracer_main(void *data);
/* Lets it go on with this signal (0 none), to its call's end if that is wanted. */
void tracer_resume(struct ptrace *ptrace, struct tracee *tracee, int signal);
/* What its stop asks for. `status` as waitid(2) has it. */
void tracer_handle(struct ptrace *ptrace, struct tracee *tracee, int status);
/* Watches one task; 0 or -errno of ptrace(2). */
int tracer_seize(struct ptrace *ptrace, pid_t tid, bool filtered, struct tracee **ret);

/* tracees.c. NULL: not watched, or no memory. */
struct tracee *tracee_get(const struct ptrace *ptrace, pid_t tid);
struct tracee *tracee_add(struct ptrace *ptrace, pid_t tid);
void tracee_remove(struct ptrace *ptrace, struct tracee *tracee);
void tracees_done(struct ptrace *ptrace);
/* Whether others can change its memory while it is stopped. */
bool tracee_is_shared(const struct ptrace *ptrace, const struct tracee *tracee);
void tracee_born(struct ptrace *ptrace, struct tracee *parent, struct tracee *child);
void tracee_left_memory(struct ptrace *ptrace, struct tracee *first);
void tracee_learn(struct tracee *tracee, const struct live_task *task);
/* Room for a call until it has returned; NULL: too many. */
struct trace_call *trace_call_take(struct ptrace *ptrace, struct tracee *tracee);
void trace_call_give(struct ptrace *ptrace, struct tracee *tracee);

/* trace_call.c: at a stop before the call, and after it. Both let it go on. */
void trace_call_begin(struct ptrace *ptrace, struct tracee *tracee);
void trace_call_end(struct ptrace *ptrace, struct tracee *tracee);
/* The call's arguments, kept or read now. Never NULL. */
struct trace_call *trace_call_of(struct ptrace *ptrace, struct tracee *tracee);
/* trace_read.c: the call's arguments into `call`. False: reading them hangs; then it is not the caller's any more, and
 * nothing is known of the call. */
bool trace_read(struct ptrace *ptrace, struct tracee *tracee, struct trace_call *call);
/* The refused event, in ptrace->made, goes to the sink; the call does not happen. */
void trace_call_refuse(struct ptrace *ptrace, struct tracee *tracee, int error);
void trace_sink(struct ptrace *ptrace, const struct call_outcome *outcome);
enum verdict trace_preview(struct ptrace *ptrace);

/* trace_task.c */
void trace_discover(struct ptrace *ptrace, pid_t tid);
void trace_relearn(struct ptrace *ptrace, struct tracee *tracee);
/* At the stop of a parent whose child this is. */
void trace_birth(struct ptrace *ptrace, struct tracee *parent, pid_t child);
/* A child's first stop, before its parent's. */
void trace_hold(struct ptrace *ptrace, struct tracee *child, int status);
/* Nobody waits to tell of a child by this parent any more. */
void trace_forking_ended(struct ptrace *ptrace, struct tracee *parent);
void trace_exec_begin(struct ptrace *ptrace, struct tracee *tracee, struct trace_call *call);
/* False: it may not run. */
bool trace_exec(struct ptrace *ptrace, struct tracee *tracee, pid_t former);
void trace_exec_failed(struct ptrace *ptrace, struct tracee *tracee, struct trace_call *call,
                       int64_t result);
/* True: refused. */
bool trace_fork_begin(struct ptrace *ptrace, struct tracee *tracee, struct trace_call *call);
/* Threads of the process that are not watched yet; at most max. */
unsigned trace_threads(struct ptrace *ptrace, pid_t pid, int64_t *ret_tids, unsigned max);
/* A thread that was there before it was seized. */
void trace_adopt(struct ptrace *ptrace, struct tracee *tracee, pid_t pid);
/* Nothing is traced any more: ends that went unseen. */
void trace_forget_all(struct ptrace *ptrace);
/* It is on its way out (status as wait(2)), or gone (-1): forgets it. */
void trace_exit(struct ptrace *ptrace, struct tracee *tracee, int status);
