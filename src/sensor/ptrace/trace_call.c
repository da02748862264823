/*
 * Calls: what is done at the beginning and at the end of each.
 *
 *     beginning  could no rule match, and state does not need it? → goes on
 *                read arguments
 *                CONFIRM  resolve and predict, preview: no rule would match → goes on. A match, something
 *                         unsure, or memory that others can change → its end is told
 *                others   their end is told
 *     end        result, descriptor, addresses as the kernel has them → event
 *
 * All waiting is the watched thread's: a call may sleep for days between its two stops. Of calls whose
 * arguments are in registers alone (accept), or when too many are under way, nothing is kept but these: the
 * rest is read at the end.
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/clock.h"
#include "sensor/live/flags.h"
#include "sensor/live/socket.h"
#include "sensor/notify/foresee.h"
#include "sensor/notify/tamper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

void trace_sink(struct ptrace *p, const struct call_outcome *outcome)
{
    pthread_mutex_lock(p->config.lock);
    p->stats.events++;
    p->stats.exact += outcome->outcome == OUTCOME_REPORTED;
    p->stats.predicted += outcome->outcome == OUTCOME_PREDICTED;
    p->config.sink.event(p->config.sink.data, &p->made.event);
    pthread_mutex_unlock(p->config.lock);
}

enum verdict trace_preview(struct ptrace *p)
{
    pthread_mutex_lock(p->config.lock);
    enum verdict verdict = p->config.sink.preview(p->config.sink.data, &p->made.event);
    pthread_mutex_unlock(p->config.lock);
    return verdict;
}

static bool has_paths(const struct call *call)
{
    return call->flags & (CALL_PATHS | CALL_OPEN);
}

static struct call_outcome outcome_of(const struct trace_call *c, int64_t result)
{
    return (struct call_outcome){
        .result = result,
        .outcome = OUTCOME_PREDICTED,
        .at = has_paths(c->args.call) ? c->at : NULL,
        .ts_ns = clock_real_ns(),
    };
}

static enum verdict preview(struct ptrace *p, struct trace_call *c, struct call_outcome outcome)
{
    if (outcome.result >= 0) {
        outcome.result = c->args.call->flags & CALL_OPEN ? FORESEE_OPENED : foresee_fd(&c->args);
    }
    event_of_call(&c->args, &outcome, &p->made);
    return trace_preview(p);
}

void trace_call_refuse(struct ptrace *p, struct tracee *t, int error)
{
    if (registers_refuse(t->tid, error) < 0) {
        return; /* gone */
    }
    p->made.event.outcome = OUTCOME_DENIED; /* its result is that of the preview */
    pthread_mutex_lock(p->config.lock);
    p->stats.denied++;
    p->stats.events++;
    p->config.sink.event(p->config.sink.data, &p->made.event);
    pthread_mutex_unlock(p->config.lock);
}

/* Nothing of it lies in memory, or only what it is going to write. */
static bool is_all_registers(const struct call *call)
{
    return call->name == NAME_accept || call->name == NAME_accept4;
}

struct trace_call *trace_call_of(struct ptrace *p, struct tracee *t)
{
    if (t->kept) {
        return t->kept;
    }
    trace_read(p, t, &p->scratch);
    return &p->scratch;
}

static int64_t expect(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    return predict(p->resolver, &t->target, &c->args, c->at);
}

/* The state learns what descriptor the call is about: its making may have gone unseen. */
static void learn_fd(struct ptrace *p, const struct trace_call *c)
{
    struct state *state = p->config.state;
    const char *at = strpbrk(c->args.call->args, "fd");
    struct fdinfo info;
    char storage[RESOLVED_PATH_MAX];
    int64_t fd = at && *at == ARG_FD ? (int32_t)c->args.reg[at - c->args.call->args] : -1;
    if (fd < 0 || live_fd_read(c->args.tid, fd, &info, storage, sizeof(storage)) < 0) {
        return;
    }
    pthread_mutex_lock(p->config.lock);
    const struct thread *thread = state_thread(state, c->args.tid);
    const struct fdinfo *known = thread ? state_fd(state, thread, fd) : NULL;
    bool knows_more = known && info.ino && known->ino == info.ino && known->sport && !info.sport;
    if (!knows_more) {
        state_add_fd(state, c->args.tid, fd, &info);
    }
    pthread_mutex_unlock(p->config.lock);
}

/* Before it happens: is it to be told, or refused? */
enum judgement { GOES_ON, IS_TOLD, IS_REFUSED };

static enum judgement refused_or(enum verdict verdict, enum judgement other)
{
    return verdict == VERDICT_DENY ? IS_REFUSED : other;
}

static enum judgement confirm(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    bool opens = c->args.call->flags & CALL_OPEN;
    if (t->shared && !ptrace_denies(p) && opens && !(c->args.open_flags & O_CREAT)) {
        c->blind = true;
        return IS_TOLD;
    }
    struct call_outcome outcome = outcome_of(c, expect(p, t, c));
    outcome.exact = !t->shared;
    learn_fd(p, c);
    bool unsure = c->at[0].unsure || c->at[1].unsure;
    if (unsure || (t->shared && !ptrace_denies(p))) {
        return IS_TOLD;
    }
    enum verdict verdict = preview(p, c, outcome);
    bool silent = verdict == VERDICT_NONE && !t->shared && !p->config.every_call;
    return refused_or(verdict, silent ? GOES_ON : IS_TOLD);
}

static enum judgement judge_others(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    struct socket_facts facts;
    struct call_outcome outcome = outcome_of(c, 0);
    outcome.exact = !t->shared;
    if (c->args.call->flags & CALL_PATHS) {
        outcome.result = expect(p, t, c);
    }
    learn_fd(p, c);
    if (!ptrace_denies(p)) {
        return IS_TOLD;
    }
    if (c->args.call->flags & CALL_SOCKET &&
        socket_facts_read(t->pid, (int32_t)c->args.reg[0], &facts) == 0) {
        outcome.socket = &facts;
    }
    return refused_or(preview(p, c, outcome), IS_TOLD);
}

/* Not all of the tracee's children would be traced: it has to do without. */
static void forbid_untraced(struct tracee *t, const struct trace_call *c)
{
    if (!(c->args.clone_flags & CLONE_UNTRACED)) {
        return;
    }
    uint64_t flags = c->args.clone_flags & ~(uint64_t)CLONE_UNTRACED;
    if (c->args.call->name == NAME_clone3) {
        registers_write_memory(t->tid, t->data.args[0], &flags, sizeof(flags));
    } else {
        registers_set_first(t->tid, &t->data, t->data.args[0] & ~(uint64_t)CLONE_UNTRACED);
    }
}

static void begin_fork(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    t->clone_flags = c->args.clone_flags;
    if (trace_fork_begin(p, t, c)) {
        return;
    }
    forbid_untraced(t, c);
    t->forking = true;
    p->nforking++;
}

static void begin_call(struct ptrace *p, struct tracee *t)
{
    if (!is_all_registers(t->call) && trace_call_take(p, t) && !trace_read(p, t, t->kept)) {
        if (ptrace_denies(p)) { /* else it would be a way around */
            registers_refuse(t->tid, EPERM);
        }
        trace_call_give(p, t);
        return;
    }
    struct trace_call *c = trace_call_of(p, t);
    enum judgement judgement = GOES_ON;
    switch ((enum call_manner)t->call->manner) {
    case MANNER_CONFIRM:
        judgement = confirm(p, t, c);
        break;
    case MANNER_EXACT:
    case MANNER_PREDICT:
        judgement = judge_others(p, t, c);
        break;
    case MANNER_EXEC:
        trace_exec_begin(p, t, c);
        return;
    case MANNER_FORK:
        begin_fork(p, t, c);
        break;
    }
    if (judgement == IS_REFUSED) {
        trace_call_refuse(p, t, EPERM);
    }
    t->wants_end = judgement == IS_TOLD;
    if (!t->wants_end && !t->forking) {
        trace_call_give(p, t);
    }
}

static uint32_t open_flags_of(const struct call *call, const struct seccomp_data *data)
{
    if (!(call->flags & CALL_OPEN)) {
        return 0;
    }
    if (data->arch == CALL_ARCH_NATIVE && call->name == NAME_open) {
        return live_open_flags(data->args[1]);
    }
    if (data->arch == CALL_ARCH_NATIVE && call->name == NAME_openat) {
        return live_open_flags(data->args[2]);
    }
    return SINK_OPEN_ANY;
}

/* Who calls, and is it worth a look? */
static bool is_wanted(struct ptrace *p, struct tracee *t)
{
    const struct call *call = t->call;
    pthread_mutex_lock(p->config.lock);
    const struct thread *thread = state_thread(p->config.state, t->tid);
    bool known = thread && !(thread->flags & (THREAD_EXITED | THREAD_INVALID));
    bool wanted = call->flags & CALL_STATE ||
                  p->config.sink.wants(p->config.sink.data, known ? thread : NULL,
                                       call_event_name(call), open_flags_of(call, &t->data));
    p->stats.calls++;
    p->stats.skipped += !wanted;
    pthread_mutex_unlock(p->config.lock);
    if (wanted && !known) {
        trace_discover(p, t->tid);
    }
    if (wanted && !t->target_known) {
        trace_relearn(p, t);
    }
    t->shared = wanted && tracee_is_shared(p, t);
    return wanted;
}

static bool is_tampering(const struct ptrace *p, const struct tracee *t)
{
    const struct ptrace_config *config = &p->config;
    const struct tamper_aim aim = { .tid = t->tid,
                                    .data = &t->data,
                                    .protected = config->protected,
                                    .n = PTRACE_PROTECTED_MAX,
                                    .also_protected = config->also_protected,
                                    .nalso_protected = config->nalso_protected };
    return tamper_is_aimed(&aim, t->call);
}

static void refuse_tampering(struct ptrace *p, struct tracee *t)
{
    struct trace_call *c = trace_call_of(p, t);
    struct call_outcome outcome = outcome_of(c, 0);
    outcome.at = NULL;
    event_of_call(&c->args, &outcome, &p->made);
    trace_call_refuse(p, t, EPERM);
    pthread_mutex_lock(p->config.lock);
    p->stats.tampering++;
    pthread_mutex_unlock(p->config.lock);
}

/* NULL: none of ours, or none that was chosen. */
static const struct call *called(const struct ptrace *p, const struct tracee *t)
{
    const struct seccomp_data *data = &t->data;
    const struct call *call = call_of_number(data->arch, (uint32_t)data->nr);
    if (call && call->name == NAME_socketcall) {
        call = call_of_socketcall((uint32_t)data->args[0]);
    }
    bool chosen = call && (t->filtered || call->flags & (CALL_STATE | CALL_TAMPERS) ||
                           call->name == NAME_userfaultfd ||
                           callset_has(&p->config.calls, (size_t)(call - call_table)));
    return chosen ? call : NULL;
}

/* A listener of its own would be asked instead of us, and could let calls go on unseen. With notify the kernel says
 * the same. */
static bool asks_for_listener(const struct tracee *t)
{
    const __u64 *args = t->data.args;
    return t->filtered && t->call->name == NAME_seccomp &&
           (uint32_t)args[0] == SECCOMP_SET_MODE_FILTER &&
           (uint32_t)args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

/* What is refused whatever the rules are. The call is told of nevertheless. */
static void refuse_some(struct ptrace *p, const struct tracee *t)
{
    bool io_uring = t->call->name == NAME_io_uring_setup;
    p->may_hang |= t->call->name == NAME_userfaultfd;
    if (io_uring && p->config.deny_io_uring && !t->filtered) {
        registers_refuse(t->tid, ENOSYS);
    } else if (asks_for_listener(t)) {
        registers_refuse(t->tid, EBUSY);
    }
}

void trace_call_begin(struct ptrace *p, struct tracee *t)
{
    trace_call_give(p, t);
    trace_forking_ended(p, t);
    t->wants_end = false;
    t->call = NULL;
    int e = registers_call(t->tid, p->config.old_kernel, &t->data);
    if (e == -EINVAL) {
        t->in_call = false; /* it was the end of one that began before we came */
    }
    t->call = e == 0 ? called(p, t) : NULL;
    if (t->call && is_tampering(p, t)) {
        refuse_tampering(p, t);
    } else if (t->call) {
        refuse_some(p, t);
        if (is_wanted(p, t)) {
            begin_call(p, t);
        }
    }
    tracer_resume(p, t, 0);
}

/* With whom a call on a socket turned out to be. */
static void learn_peer(struct tracee *t, struct trace_call *c, struct call_outcome *outcome,
                       struct socket_facts *facts)
{
    bool accepts = is_all_registers(c->args.call);
    int64_t fd = accepts ? outcome->result : (int32_t)c->args.reg[0];
    bool done = outcome->result >= 0 || outcome->result == -EINPROGRESS;
    if ((accepts && outcome->result < 0) || c->args.call->name == NAME_socket ||
        socket_facts_read(t->pid, fd, facts) < 0) {
        return;
    }
    outcome->socket = facts;
    if (c->args.call->name == NAME_connect && done && facts->peer_n &&
        facts->peer_n <= sizeof(c->args.address)) {
        memcpy(&c->args.address, &facts->peer, facts->peer_n);
        c->args.address_n = facts->peer_n;
        outcome->exact = true;
    }
}

static void tell(struct ptrace *p, struct tracee *t, struct trace_call *c, int64_t result)
{
    struct socket_facts facts = { .family = -1 };
    struct call_outcome outcome = outcome_of(c, result);
    const struct call *call = c->args.call;
    bool opened = call->flags & CALL_OPEN && result >= 0;
    outcome.outcome = OUTCOME_REPORTED;
    outcome.exact = true;
    if (opened) {
        foresee_opened(&c->args, result, &c->at[0]);
        p->may_hang |= str_eq(c->at[0].path, STR("/dev/userfaultfd"));
    } else if (t->shared && (p->may_hang || !args_unchanged(&c->args))) {
        outcome.exact = false;
    }
    if (call->flags & CALL_SOCKET) {
        learn_peer(t, c, &outcome, &facts);
    }
    event_of_call(&c->args, &outcome, &p->made);
    if (c->blind && !p->config.every_call && trace_preview(p) == VERDICT_NONE) {
        return;
    }
    trace_sink(p, &outcome);
    if (call->flags & CALL_STATE && result >= 0) {
        t->nests |= call->name == NAME_unshare || call->name == NAME_setns;
        trace_relearn(p, t);
    }
}

void trace_call_end(struct ptrace *p, struct tracee *t)
{
    int64_t result = 0;
    trace_forking_ended(p, t);
    bool told = t->wants_end && t->call &&
                registers_result(t->tid, p->config.old_kernel, &result) == 0 &&
                !registers_is_restart(result);
    t->wants_end = false;
    if (told && !t->kept && !is_all_registers(t->call)) {
        pthread_mutex_lock(p->config.lock);
        p->stats.crowded++;
        pthread_mutex_unlock(p->config.lock);
    }
    if (told) {
        struct trace_call *c = trace_call_of(p, t);
        if (t->call->manner == MANNER_EXEC) {
            trace_exec_failed(p, t, c, result);
        } else {
            tell(p, t, c, result);
        }
    }
    trace_call_give(p, t);
    tracer_resume(p, t, 0);
}
