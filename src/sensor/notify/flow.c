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

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#define PREVIEW_FD 3 /* of an open that is only imagined */

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
    pthread_mutex_lock(&r->notify->lock);
    flow_emit(r, outcome);
    pthread_mutex_unlock(&r->notify->lock);
}

enum verdict flow_preview(struct receiver *r, struct call_outcome outcome)
{
    struct notify *n = r->notify;
    if (r->args.call->flags & CALL_OPEN && outcome.result >= 0) {
        outcome.result = PREVIEW_FD;
    }
    event_of_call(&r->args, &outcome, &r->made);
    pthread_mutex_lock(&n->lock);
    enum verdict verdict = n->config.sink.preview(n->config.sink.data, &r->made.event);
    pthread_mutex_unlock(&n->lock);
    return verdict;
}

void flow_refuse(struct receiver *r)
{
    struct notify *n = r->notify;
    if (receiver_answer(r, EPERM) < 0) {
        return;
    }
    r->made.event.outcome = OUTCOME_DENIED;
    pthread_mutex_lock(&n->lock);
    n->stats.denied++;
    n->stats.events++;
    n->config.sink.event(n->config.sink.data, &r->made.event);
    pthread_mutex_unlock(&n->lock);
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
        pthread_mutex_lock(&r->notify->lock);
        r->notify->stats.refused_trace++;
        pthread_mutex_unlock(&r->notify->lock);
    }
}

/* The file behind the new descriptor, and its facts, in place of what was resolved before. */
static void learn_opened(struct receiver *r, int64_t fd)
{
    struct fdinfo info;
    struct resolved *at = &r->at[0];
    if (live_fd_read(r->args.tid, fd, &info, at->storage, sizeof(at->storage)) == 0) {
        bool created = at->error == -ENOENT && r->args.open_flags & O_CREAT;
        at->error = created ? -ENOENT : 0;
        at->unsure = at->cut = at->deleted = false;
        at->path = info.name;
        at->ino = info.ino;
        at->dev = info.dev;
        at->upper_layer = info.flags & FD_UPPER_LAYER;
        at->lower_layer = info.flags & FD_LOWER_LAYER;
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

/* After ids changed; the thread stands still. */
static void relearn(struct receiver *r)
{
    if (live_task_read(r->task, r->args.tid, LIVE_IDS) < 0) {
        return;
    }
    pthread_mutex_lock(&r->notify->lock);
    const struct thread *thread = state_thread(r->notify->config.state, r->args.tid);
    struct tracked *tracked = thread ? tracked_of(r->notify, thread) : NULL;
    if (tracked) {
        tracked_learn(r->notify, thread, r->task);
        uint16_t name = r->args.call->name;
        tracked->nests |= name == NAME_unshare || name == NAME_setns;
        r->notify->root_epoch += tracked->moves;
        tracked->moves = false;
    }
    pthread_mutex_unlock(&r->notify->lock);
}

static bool makes_fd(const struct call *call)
{
    return call->flags & CALL_OPEN || kind_table[call->kind].flags & KIND_CREATES_FD;
}

void flow_emit_predicted(struct receiver *r, struct call_outcome outcome)
{
    const struct call *call = r->args.call;
    if (call->name == NAME_dup2 || call->name == NAME_dup3) {
        outcome.result = outcome.result < 0 ? outcome.result : (int32_t)r->args.reg[1];
    } else if (makes_fd(call) && outcome.result >= 0) {
        int64_t fd = live_fd_lowest(r->args.tid, 0);
        outcome.result = fd >= 0 ? fd : PREVIEW_FD;
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
            learn_opened(r, result.result);
        } else if (r->raceable && !(r->args.call->flags & CALL_OPEN)) {
            outcome.exact = args_unchanged(&r->args);
        }
        struct socket_facts accepted;
        if (flow_is_accept(r->args.call) && result.result >= 0 &&
            socket_facts_read(r->target.pid, result.result, &accepted) == 0) {
            outcome.socket = &accepted;
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

/* Opens for the target, judges the file that was opened, and gives it the descriptor: no race. False:
 * cannot be done faithfully. */
static bool open_for_target(struct receiver *r)
{
    CLEANUP(cleanup_close) int fd = emulate_open(r->resolver, &r->target, &r->args, &r->at[0]);
    if (fd == -EOPNOTSUPP) {
        return false;
    }
    struct call_outcome outcome = flow_predicted(r, fd < 0 ? fd : 0);
    outcome.exact = true;
    if (flow_preview(r, outcome) == VERDICT_DENY) {
        flow_refuse(r);
        return true;
    }
    if (fd < 0) {
        receiver_answer(r, -fd);
    } else {
        struct seccomp_notif_addfd add = {
            .id = r->slot->notif.id,
            .flags = SECCOMP_ADDFD_FLAG_SEND,
            .srcfd = (uint32_t)fd,
            .newfd_flags = r->args.open_flags & O_CLOEXEC,
        };
        int given = ioctl(r->notify->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
        r->answered = given >= 0 || errno != EINVAL;
        r->gone = given < 0;
        outcome.result = given;
        if (given < 0) {
            return true;
        }
    }
    outcome.outcome = OUTCOME_REPORTED;
    flow_emit_locked(r, &outcome);
    return true;
}

uint64_t flow_root_of(int64_t tid)
{
    char path[48];
    struct stat root, mounts;
    snprintf(path, sizeof(path), "/proc/%lld/root", (long long)tid);
    if (stat(path, &root) < 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/%lld/ns/mnt", (long long)tid);
    if (stat(path, &mounts) < 0) {
        return 0;
    }
    return hash_u64(hash_u64(hash_u64(root.st_dev) ^ root.st_ino) ^ mounts.st_ino);
}

void flow_learn_root(struct receiver *r)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(&n->lock);
    r->root_epoch = n->root_epoch;
    pthread_mutex_unlock(&n->lock);
    r->root = flow_root_of(r->args.tid);
    pthread_mutex_lock(&n->lock);
    const struct thread *thread = state_thread(n->config.state, r->args.tid);
    struct tracked *tracked = thread ? tracked_of(n, thread) : NULL;
    if (tracked) {
        tracked->root = r->root;
        tracked->root_epoch = r->root_epoch;
    }
    pthread_mutex_unlock(&n->lock);
}

/* But for its storage. */
static void clear(struct resolved *at)
{
    memset(at, 0, offsetof(struct resolved, storage));
}

/* predict(), or for an open whose path was resolved a moment ago, just that. */
static int64_t expect(struct receiver *r)
{
    struct notify *n = r->notify;
    struct str path = r->args.path[0];
    if (!(r->args.call->flags & CALL_OPEN) || path.n == 0 || path.p[0] != '/' ||
        r->args.open_flags & O_NOFOLLOW || r->args.open_resolve || r->raceable) {
        return predict(r->resolver, &r->target, &r->args, r->at);
    }
    if (r->root == 0) {
        flow_learn_root(r);
    }
    struct path_key key = { r->root, path };
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    struct resolved *at = &r->at[0];
    pthread_mutex_lock(&n->lock);
    struct str real = path_cache_get(n->paths, &key, now);
    uint64_t ticket = path_cache_ticket(n->paths);
    if (real.n) {
        memcpy(at->storage, real.p, real.n);
        clear(at);
        clear(&r->at[1]);
        at->path = str_from(at->storage, real.n);
    }
    pthread_mutex_unlock(&n->lock);
    if (real.n) {
        return 0;
    }
    int64_t result = predict(r->resolver, &r->target, &r->args, r->at);
    if (result >= 0 && at->error == 0 && !at->unsure && !at->cut && !at->deleted) {
        pthread_mutex_lock(&n->lock);
        path_cache_put(n->paths, &key, at->path, ticket, now);
        pthread_mutex_unlock(&n->lock);
    }
    return result;
}

/* The state learns what descriptors the call is about: their making may have gone unseen. */
static void learn_fd(struct receiver *r, int64_t fd)
{
    struct fdinfo info;
    char storage[RESOLVED_PATH_MAX];
    if (fd < 0 || live_fd_read(r->args.tid, fd, &info, storage, sizeof(storage)) < 0) {
        return;
    }
    pthread_mutex_lock(&r->notify->lock);
    state_add_fd(r->notify->config.state, r->args.tid, fd, &info);
    pthread_mutex_unlock(&r->notify->lock);
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
    clear(&r->at[0]);
    clear(&r->at[1]);
    if (r->root == 0) {
        flow_learn_root(r);
    }
    flow_run_and_emit(r, outcome);
}

static void confirm(struct receiver *r)
{
    const struct notify_config *config = &r->notify->config;
    struct call_outcome outcome = flow_predicted(r, 0);
    if (r->raceable && !config->deny && r->args.call->flags & CALL_OPEN &&
        !(r->args.open_flags & O_CREAT)) {
        open_blindly(r, outcome);
        return;
    }
    outcome.result = expect(r);
    learn_own_fd(r);
    bool unsure = r->at[0].unsure || r->at[1].unsure;
    if (config->deny && r->raceable && r->args.call->flags & CALL_OPEN &&
        config->features & FEATURE_ADDFD_SEND && open_for_target(r)) {
        return;
    }
    if (!unsure && (!r->raceable || config->deny)) {
        enum verdict verdict = flow_preview(r, outcome);
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
    if (r->notify->config.deny && flow_preview(r, outcome) == VERDICT_DENY) {
        flow_refuse(r);
        return;
    }
    flow_run_and_emit(r, outcome);
}

static bool moves_root(const struct call *call)
{
    switch (call->name) {
    case NAME_chroot:
    case NAME_pivot_root:
    case NAME_setns:
    case NAME_unshare:
        return true;
    default:
        return false;
    }
}

/* Roots may be shared: what is known of any is void while such a call may be under way. */
static void note_moves(struct notify *n, struct tracked *tracked, const struct call *call)
{
    bool moves = call && moves_root(call);
    if (moves || (tracked && tracked->moves)) {
        n->root_epoch++;
    }
    if (tracked) {
        tracked->moves = moves;
    }
}

/* Who calls, and is it worth a look? */
static bool is_wanted(struct receiver *r, const struct call *call, uint32_t open_flags)
{
    struct notify *n = r->notify;
    int64_t tid = r->slot->notif.pid;
    pthread_mutex_lock(&n->lock);
    const struct thread *thread = state_thread(n->config.state, tid);
    struct tracked *tracked = thread && !(thread->flags & (THREAD_EXITED | THREAD_INVALID))
                                  ? tracked_of(n, thread)
                                  : NULL;
    bool known = tracked && tracked->known && !tracked->stale;
    bool wanted = !call || call->flags & CALL_STATE ||
                  n->config.sink.wants(n->config.sink.data, known ? thread : NULL,
                                       call_event_name(call), open_flags);
    path_cache_changed(n->paths, tid);
    if (call && path_cache_is_change(call)) {
        path_cache_change(n->paths, tid);
    }
    if (call && call->name == NAME_io_uring_setup) {
        path_cache_disable(n->paths);
    }
    note_moves(n, tracked, call);
    r->root = known ? tracked_root(n, tracked) : 0;
    r->root_epoch = n->root_epoch;
    if (known) {
        r->target = tracked->target;
        r->raceable = tracked_is_raceable(n, thread);
    }
    n->stats.notifications++;
    n->stats.skipped += !wanted;
    pthread_mutex_unlock(&n->lock);
    if (wanted && !known) {
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

void flow_handle(struct receiver *r)
{
    const struct seccomp_notif *notif = &r->slot->notif;
    const struct call *call = call_of_number(notif->data.arch, (uint32_t)notif->data.nr);
    if (!is_wanted(r, call, open_flags_of(call, notif)) || args_read(notif, &r->args) < 0) {
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
