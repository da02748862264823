/*
 * Flow: what is done with each call.
 *
 *     unknown thread?            → /proc tells (flow_process.c)
 *     could no rule match?       → CONTINUE, nothing read
 *     read arguments, still waiting?
 *     CONFIRM  resolve and predict; no rule would match → CONTINUE. A match, or something unsure, or
 *              memory that others can change → exact mode, and the event says what really came of it
 *     EXACT    exact mode
 *     PREDICT  CONTINUE; the event says what will most likely come of it
 *     EXEC, FORK → flow_process.c
 *
 * So an alert rests on the kernel's own result wherever the thread can be traced, and a call no rule is
 * about costs one answer. What can be denied is previewed first: EPERM then comes before the call.
 */
#include "sensor/notify/notify_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/flags.h"
#include "sensor/live/socket.h"
#include "sensor/notify/foresee.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

enum verdict flow_emit(struct receiver *r, const struct call_outcome *outcome)
{
    struct notify *n = r->notify;
    event_of_call(&r->args, outcome, &r->made);
    n->stats.events++;
    n->stats.exact += outcome->outcome == OUTCOME_REPORTED;
    n->stats.predicted += outcome->outcome == OUTCOME_PREDICTED;
    n->stats.unreadable += r->args.unreadable;
    return n->config.sink.event(n->config.sink.data, &r->made.event);
}

void flow_emit_locked(struct receiver *r, const struct call_outcome *outcome)
{
    pthread_mutex_lock(r->notify->lock);
    flow_emit(r, outcome);
    pthread_mutex_unlock(r->notify->lock);
}

enum verdict flow_preview(struct receiver *r, struct call_outcome outcome)
{
    struct notify *n = r->notify;
    if (outcome.result >= 0) {
        outcome.result = r->args.call->flags & CALL_OPEN ? FORESEE_OPENED : foresee_fd(&r->args);
    }
    event_of_call(&r->args, &outcome, &r->made);
    pthread_mutex_lock(n->lock);
    enum verdict verdict = n->config.sink.preview(n->config.sink.data, &r->made.event);
    pthread_mutex_unlock(n->lock);
    return verdict;
}

void flow_refuse(struct receiver *r)
{
    struct notify *n = r->notify;
    if (receiver_answer(r, EPERM) < 0) {
        return;
    }
    r->made.event.outcome = OUTCOME_DENIED;
    pthread_mutex_lock(n->lock);
    n->stats.denied++;
    n->stats.events++;
    n->config.sink.event(n->config.sink.data, &r->made.event);
    pthread_mutex_unlock(n->lock);
}

static int let_go_on(void *data)
{
    struct receiver *r = data;
    int answered = receiver_answer(r, 0);
    if (r->hands_over) {
        receiver_slow(r);
    }
    return answered;
}

static void let_another_serve(void *data)
{
    receiver_slow(data);
}

/* Most calls are over before another receiver would have woken up; an exec goes on while one does. */
void flow_run_exact(struct receiver *r, enum exact_want want, struct exact_result *ret)
{
    const struct exact_call call = {
        .tid = (pid_t)r->args.tid,
        .want = want,
        .listener = r->notify->listener,
        .notif = &r->slot->notif,
        .answer = let_go_on,
        .late = let_another_serve,
        .data = r,
    };
    r->hands_over = want == EXACT_AN_EXEC;
    if (receiver_is_wanted(r)) {
        receiver_slow(r);
    } else {
        atomic_store(&r->slot->slow, 1);
    }
    exact_run(r->notify->exact, &call, ret);
    r->answered |= ret->end != EXACT_REFUSED;
    r->gone |= ret->end == EXACT_GONE && !ret->begun;
    if (ret->end == EXACT_REFUSED) {
        pthread_mutex_lock(r->notify->lock);
        r->notify->stats.refused_trace++;
        pthread_mutex_unlock(r->notify->lock);
    }
}

/* Its path alone, where this process sees it as the thread does. */
static bool learn_opened_path(struct receiver *r, int64_t fd)
{
    char link[48];
    struct resolved *at = &r->at[0];
    if (r->root == 0 || r->root != r->notify->own_root) {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/%lld/fd/%lld", (long long)r->args.tid, (long long)fd);
    ssize_t n = readlink(link, at->storage, sizeof(at->storage));
    at->path = str_from(at->storage, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* Of an open that was not judged before it was made: is there anything to say? */
static bool is_worth_telling(struct receiver *r, struct call_outcome outcome)
{
    return r->notify->config.every_call || !learn_opened_path(r, outcome.result) ||
           flow_preview(r, outcome) != VERDICT_NONE;
}

void flow_forget(struct receiver *r, int64_t tid)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(n->lock);
    const struct thread *thread = state_thread(n->config.state, tid);
    struct tracked *tracked = thread ? tracked_of(n, thread) : NULL;
    if (tracked) {
        tracked->stale = true;
    }
    pthread_mutex_unlock(n->lock);
}

/* After ids changed; the thread stands still. */
static void relearn(struct receiver *r)
{
    if (live_task_read(r->task, r->args.tid, LIVE_IDS) < 0) {
        return;
    }
    pthread_mutex_lock(r->notify->lock);
    const struct thread *thread = state_thread(r->notify->config.state, r->args.tid);
    struct tracked *tracked = thread ? tracked_of(r->notify, thread) : NULL;
    if (tracked) {
        tracked_learn(r->notify, thread, r->task);
        uint16_t name = r->args.call->name;
        tracked->nests |= name == NAME_unshare || name == NAME_setns;
    }
    pthread_mutex_unlock(r->notify->lock);
}

void flow_emit_predicted(struct receiver *r, struct call_outcome outcome)
{
    if (outcome.result >= 0) {
        outcome.result = foresee_fd(&r->args);
    }
    if (!r->answered && receiver_answer(r, 0) < 0) {
        return;
    }
    flow_emit_locked(r, &outcome);
}

/* Being traced, even for a moment, would make this fail. */
static bool asks_to_be_traced(const struct call_args *args)
{
    return args->call->name == NAME_ptrace && args->reg[0] == PTRACE_TRACEME;
}

void flow_run_and_emit(struct receiver *r, struct call_outcome outcome)
{
    struct exact_result result;
    if (asks_to_be_traced(&r->args)) {
        flow_emit_predicted(r, outcome);
        return;
    }
    flow_run_exact(r, EXACT_RESULT, &result);
    if (r->args.call->flags & CALL_STATE && (result.end != EXACT_RETURNED || result.restarts)) {
        flow_forget(r, r->args.tid);
    }
    if (result.end == EXACT_REFUSED || result.end == EXACT_GONE) {
        if (!r->gone) {
            flow_emit_predicted(r, outcome);
        }
        return;
    }
    if (!result.restarts) {
        outcome.result = result.result;
        outcome.outcome = OUTCOME_REPORTED;
        outcome.exact = true;
        bool opened = r->args.call->flags & CALL_OPEN && result.result >= 0;
        bool told = !opened || !r->raceable || is_worth_telling(r, outcome);
        if (opened && told) {
            foresee_opened(&r->args, result.result, &r->at[0]);
        } else if (r->raceable && !(r->args.call->flags & CALL_OPEN)) {
            outcome.exact = args_unchanged(&r->args);
        }
        struct socket_facts accepted;
        if (flow_is_accept(r->args.call) && result.result >= 0 &&
            socket_facts_read(r->target.pid, result.result, &accepted) == 0) {
            outcome.socket = &accepted;
        }
        if (r->args.call->name == NAME_connect &&
            (result.result == 0 || result.result == -EINPROGRESS)) {
            flow_connected(r, &accepted, &outcome);
        }
        if (told) {
            flow_emit_locked(r, &outcome);
        }
        if (r->args.call->flags & CALL_STATE && result.result >= 0) {
            relearn(r);
        }
    }
    exact_release(r->notify->exact, (pid_t)r->args.tid, &result, false);
}

struct call_outcome flow_predicted(struct receiver *r, int64_t result)
{
    return (struct call_outcome){
        .result = result,
        .outcome = OUTCOME_PREDICTED,
        .exact = !r->raceable,
        .at = r->args.call->flags & (CALL_PATHS | CALL_OPEN) ? r->at : NULL,
        .ts_ns = clock_real_ns(),
    };
}

struct open_judge {
    struct receiver *r;
    int64_t expected; /* the open's result */
    bool asked, denied;
};

static bool makes_or_cuts(const struct call_args *args)
{
    return args->open_flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
}

static bool allows_open(void *data, const struct resolved *at)
{
    (void)at; /* r->at[0] */
    struct open_judge *judge = data;
    struct call_outcome outcome = flow_predicted(judge->r, 0);
    if (judge->expected < 0 && !judge->asked && !makes_or_cuts(&judge->r->args)) {
        return true; /* it will fail by itself */
    }
    judge->asked = true;
    outcome.exact = true;
    judge->denied = flow_preview(judge->r, outcome) == VERDICT_DENY;
    return !judge->denied;
}

/* The call's answer is this descriptor. Its number, or -errno: not answered (its table may be full), or gone. */
static int give(struct receiver *r, int fd)
{
    struct seccomp_notif_addfd add = {
        .id = r->slot->notif.id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = r->args.open_flags & O_CLOEXEC,
    };
    int given = ioctl(r->notify->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    int error = given < 0 ? errno : 0;
    r->gone = error == ENOENT || error == EINPROGRESS;
    r->answered = given >= 0 || r->gone;
    return given < 0 ? -error : given;
}

/* Opens for the target what was judged before anything is made or cut, and gives it the descriptor: no
 * race. False: cannot be done faithfully. */
static bool open_for_target(struct receiver *r, int64_t expected)
{
    struct open_judge judge = { .r = r, .expected = expected };
    const struct emulate_judge asked = { .allows = allows_open, .data = &judge };
    CLEANUP(cleanup_close)
    int fd = emulate_open_judged(r->resolver, &r->target, &r->args, &asked, &r->at[0]);
    if (fd >= 0 && !judge.asked) { /* it did not */
        judge.asked = true;
        allows_open(&judge, &r->at[0]);
    }
    if (judge.denied) {
        flow_refuse(r);
        return true;
    }
    if (fd == -EOPNOTSUPP) {
        return false;
    }
    struct call_outcome outcome = flow_predicted(r, fd < 0 ? fd : 0);
    outcome.exact = true;
    outcome.outcome = OUTCOME_REPORTED;
    outcome.result = fd < 0 ? fd : give(r, fd);
    if (outcome.result < 0 && !r->gone) {
        receiver_answer(r, (int)-outcome.result);
    }
    if (!r->gone) {
        flow_emit_locked(r, &outcome);
    }
    return true;
}

/* The state learns what descriptors the call is about: their making may have gone unseen. */
static void learn_fd(struct receiver *r, int64_t fd)
{
    struct state *state = r->notify->config.state;
    struct fdinfo info;
    char storage[RESOLVED_PATH_MAX];
    if (fd < 0 || live_fd_read(r->args.tid, fd, &info, storage, sizeof(storage)) < 0) {
        return;
    }
    pthread_mutex_lock(r->notify->lock);
    const struct thread *thread = state_thread(state, r->args.tid);
    const struct fdinfo *known = thread ? state_fd(state, thread, fd) : NULL;
    bool knows_more = known && info.ino && known->ino == info.ino && known->sport && !info.sport;
    if (!knows_more) {
        state_add_fd(state, r->args.tid, fd, &info);
    }
    pthread_mutex_unlock(r->notify->lock);
}

/* Calls on a descriptor that is not the directory of a path. */
static void learn_own_fd(struct receiver *r)
{
    const char *at = strpbrk(r->args.call->args, "fd");
    if (at && *at == ARG_FD) {
        learn_fd(r, (int32_t)r->args.reg[at - r->args.call->args]);
    }
}

/* Memory that others may change says nothing: only the descriptor does. */
static void open_blindly(struct receiver *r, struct call_outcome outcome)
{
    flow_forget_found(r);
    if (r->root == 0) {
        flow_learn_places(r);
    }
    flow_run_and_emit(r, outcome);
}

/* What is remembered says where the path leads, not what this thread may do there, nor whether a file has
 * been made there, or another (on an overlay: in its upper layer). */
static enum verdict preview_remembered(struct receiver *r)
{
    enum verdict verdict = flow_preview(r, flow_predicted(r, 0));
    if (verdict == VERDICT_NONE && !r->file_known) {
        r->at[0].upper_layer = true;
        r->at[0].lower_layer = false;
        verdict = flow_preview(r, flow_predicted(r, 0));
    }
    return verdict;
}

static enum verdict preview_expected(struct receiver *r, struct call_outcome *outcome)
{
    if (r->remembered) {
        if (preview_remembered(r) == VERDICT_NONE) {
            return VERDICT_NONE;
        }
        r->remembered = false;
        outcome->result = predict(r->resolver, &r->target, &r->args, r->at);
    }
    return flow_preview(r, *outcome);
}

static void confirm(struct receiver *r)
{
    const struct notify_config *config = &r->notify->config;
    struct call_outcome outcome = flow_predicted(r, 0);
    if (r->raceable && !notify_denies(r->notify) && r->args.call->flags & CALL_OPEN &&
        !(r->args.open_flags & O_CREAT)) {
        open_blindly(r, outcome);
        return;
    }
    outcome.result = flow_expect(r);
    learn_own_fd(r);
    bool unsure = r->at[0].unsure || r->at[1].unsure;
    if (notify_denies(r->notify) && r->raceable && r->args.call->flags & CALL_OPEN &&
        config->features & FEATURE_ADDFD_SEND && open_for_target(r, outcome.result)) {
        return;
    }
    if (!unsure && (!r->raceable || notify_denies(r->notify))) {
        enum verdict verdict = preview_expected(r, &outcome);
        if (verdict == VERDICT_DENY) {
            flow_refuse(r);
            return;
        }
        if (verdict == VERDICT_NONE && !r->raceable) {
            if (config->every_call) {
                flow_emit_predicted(r, outcome);
            } else {
                receiver_answer(r, 0);
            }
            return;
        }
    }
    flow_run_and_emit(r, outcome);
}

static void exact(struct receiver *r)
{
    struct call_outcome outcome = flow_predicted(r, 0);
    struct socket_facts facts;
    learn_own_fd(r);
    if (r->args.call->flags & CALL_SOCKET &&
        socket_facts_read(r->target.pid, (int32_t)r->args.reg[0], &facts) == 0) {
        outcome.socket = &facts;
    }
    if (r->args.call->flags & CALL_PATHS) {
        outcome.result = predict(r->resolver, &r->target, &r->args, r->at);
    }
    if (notify_denies(r->notify) && flow_preview(r, outcome) == VERDICT_DENY) {
        flow_refuse(r);
        return;
    }
    flow_run_and_emit(r, outcome);
}

/* Who calls, and is it worth a look? */
static bool is_wanted(struct receiver *r, const struct call *call, uint32_t open_flags)
{
    struct notify *n = r->notify;
    int64_t tid = r->slot->notif.pid;
    pthread_mutex_lock(n->lock);
    const struct thread *thread = state_thread(n->config.state, tid);
    struct tracked *tracked = thread && !(thread->flags & (THREAD_EXITED | THREAD_INVALID))
                                  ? tracked_of(n, thread)
                                  : NULL;
    bool known = tracked && tracked->known && !tracked->stale;
    bool wanted = !call || call->flags & CALL_STATE ||
                  n->config.sink.wants(n->config.sink.data, known ? thread : NULL,
                                       call_event_name(call), open_flags);
    path_cache_changed(n->paths, tid);
    r->removes = call && path_cache_change(n->paths, tid, call);
    if (call && call->name == NAME_io_uring_setup) {
        path_cache_disable(n->paths);
    }
    r->roots = path_cache_roots(n->paths);
    r->dirs = path_cache_dirs(n->paths);
    r->root = known && tracked->roots == r->roots ? tracked->root : 0;
    r->cwd = r->root && tracked->dirs == r->dirs ? tracked->cwd : 0;
    if (known) {
        r->target = tracked->target;
        r->raceable = tracked_is_raceable(n, thread);
    }
    n->stats.notifications++;
    n->stats.skipped += !wanted;
    pthread_mutex_unlock(n->lock);
    if ((wanted || r->removes) && !known) {
        flow_discover(r, tid);
    }
    return wanted;
}

static uint32_t open_flags_of(const struct call *call, const struct seccomp_notif *notif)
{
    uint64_t flags;
    if (!call || !(call->flags & CALL_OPEN) || notif->data.arch != CALL_ARCH_NATIVE) {
        return call && call->flags & CALL_OPEN ? SINK_OPEN_ANY : 0;
    }
    if (call->name == NAME_open) {
        flags = notif->data.args[1];
    } else if (call->name == NAME_openat) {
        flags = notif->data.args[2];
    } else {
        return SINK_OPEN_ANY;
    }
    return live_open_flags(flags);
}

/* NULL: none of ours. */
static const struct call *called(const struct seccomp_notif *notif)
{
    const struct call *call = call_of_number(notif->data.arch, (uint32_t)notif->data.nr);
    return call && call->name == NAME_socketcall ? call_of_socketcall((uint32_t)notif->data.args[0])
                                                 : call;
}

void flow_handle(struct receiver *r)
{
    const struct seccomp_notif *notif = &r->slot->notif;
    const struct call *call = called(notif);
    const struct notify_config *config = &r->notify->config;
    if (config->told_elsewhere && config->told_elsewhere(config->data, notif->pid)) {
        return;
    }
    bool tampers = flow_is_tampering(r, call);
    bool wanted = is_wanted(r, call, open_flags_of(call, notif));
    bool told = wanted || tampers;
    bool read = (told || r->removes) && args_read(notif, &r->args) == 0;
    if (r->removes) {
        flow_look_at_removal(r, read);
    }
    if (!told || !read) {
        return;
    }
    if (tampers) {
        flow_refuse_tampering(r);
        return;
    }
    switch ((enum call_manner)r->args.call->manner) {
    case MANNER_CONFIRM:
        confirm(r);
        break;
    case MANNER_EXACT:
        exact(r);
        break;
    case MANNER_PREDICT:
        flow_predict(r);
        break;
    case MANNER_EXEC:
        flow_exec(r);
        break;
    case MANNER_FORK:
        flow_fork(r);
        break;
    }
}
