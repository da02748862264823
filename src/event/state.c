/*
 * state: what happens to every event. The kind's byte in `how` says what to do before its handler
 * runs: find the thread, remember or look up the call it is in, find the descriptor. Most kinds
 * have no handler, and most events are of the thread of the event before.
 *
 * Between apply and settle the event's thread and descriptor stay as rules see them; settle does
 * what ends them.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

static void handlers_add(struct state *state, const struct handled *list)
{
    for (; list->handler; list++) {
        state->handlers[list->kind] = list->handler;
    }
}

static void fd_handlers_add(struct state *state, const struct handled *list)
{
    handlers_add(state, list);
    for (; list->handler; list++) {
        state->how[list->kind] |= HOW_FDS;
    }
}

/* Enter events whose parameters older layouts of the exit event lack. */
static const uint16_t kept_kinds[] = {
    KIND_OPEN_E,
    KIND_CREAT_E,
    KIND_OPENAT_E,
    KIND_OPENAT_2_E,
    KIND_OPENAT2_E,
    KIND_EXECVE_18_E,
    KIND_EXECVE_19_E,
    KIND_EXECVEAT_E,
    KIND_SOCKET_E,
    KIND_CONNECT_E,
    KIND_SENDTO_E,
    KIND_SENDMSG_E,
    KIND_SETRESUID_E,
    KIND_SETRESGID_E,
    KIND_SETUID_E,
    KIND_SETGID_E,
    KIND_SETREUID_E,
    KIND_SETREGID_E,
    KIND_GETRLIMIT_E,
    KIND_SETRLIMIT_E,
    KIND_PRLIMIT_E,
    KIND_FCNTL_E,
    KIND_UNSHARE_E,
    KIND_SETNS_E,
    KIND_OPEN_BY_HANDLE_AT_E,
};

static const uint16_t meta_kinds[] = {
    KIND_CONTAINER_E,
    KIND_CONTAINER_JSON_E,
    KIND_CONTAINER_JSON_2_E,
    KIND_USER_ADDED_E,
    KIND_USER_DELETED_E,
    KIND_GROUP_ADDED_E,
    KIND_GROUP_DELETED_E,
    KIND_PLUGINEVENT_E,
    KIND_ASYNCEVENT_E,
    KIND_DROP_E,
    KIND_DROP_X,
    KIND_SCAPEVENT_E,
    KIND_CPU_HOTPLUG_E,
    KIND_K8S_E,
    KIND_MESOS_E,
    KIND_NOTIFICATION_E,
    KIND_INFRASTRUCTURE_EVENT_E,
    KIND_TRACER_E,
    KIND_TRACER_X,
};

static const uint16_t lookup_kinds[] = {
    KIND_CLONE_11_X,   KIND_CLONE_16_X,      KIND_CLONE_17_X, KIND_CLONE_20_X,
    KIND_CLONE3_X,     KIND_FORK_X,          KIND_FORK_17_X,  KIND_FORK_20_X,
    KIND_VFORK_X,      KIND_VFORK_17_X,      KIND_VFORK_20_X, KIND_PROCEXIT_E,
    KIND_PROCEXIT_1_E, KIND_SCHEDSWITCH_1_E, KIND_PROCINFO_E, KIND_SCHEDSWITCH_6_E,
};

/* Kinds without a call: they happen in the middle of one, and leave what is known of it alone. */
static bool is_call(uint16_t kind)
{
    static const uint16_t instants[] = { KIND_SCHEDSWITCH_1_E,
                                         KIND_SCHEDSWITCH_6_E,
                                         KIND_SIGNALDELIVER_E,
                                         KIND_PAGE_FAULT_E,
                                         KIND_PROCINFO_E,
                                         KIND_PROCEXIT_E,
                                         KIND_PROCEXIT_1_E,
                                         KIND_DNS_E,
                                         KIND_DNS_X,
                                         KIND_TLS_E,
                                         KIND_TLS_X };
    for (size_t i = 0; i < sizeof(instants) / sizeof(*instants); i++) {
        if (kind == instants[i]) {
            return false;
        }
    }
    return true;
}

static void how_add(struct state *state, const uint16_t *kinds, size_t n, uint8_t how)
{
    for (size_t i = 0; i < n; i++) {
        state->how[kinds[i]] |= how;
    }
}

static void how_init(struct state *state)
{
    for (uint16_t kind = 0; kind < KIND_MAX; kind++) {
        const struct kind *k = &kind_table[kind];
        /* What makes a descriptor is about it only when its handler has put it into the table. */
        bool makes_fd = k->fd_param == k->res_param;
        uint8_t how = k->name && k->fd_param >= 0 && !makes_fd ? HOW_FD : 0;
        if (k->name && !makes_fd && (k->flags & KIND_USES_FD)) {
            how |= HOW_FD;
        }
        if (is_call(kind)) {
            how |= kind_is_exit(kind) ? HOW_EXIT : HOW_CALL;
        }
        state->how[kind] = how;
    }
    how_add(state, kept_kinds, sizeof(kept_kinds) / sizeof(*kept_kinds), HOW_KEEP);
    how_add(state, meta_kinds, sizeof(meta_kinds) / sizeof(*meta_kinds), HOW_META);
    how_add(state, lookup_kinds, sizeof(lookup_kinds) / sizeof(*lookup_kinds), HOW_LOOKUP);
}

int state_new(const struct state_config *config, struct state **ret)
{
    struct state *state = mem_zalloc(sizeof(*state));
    if (!state) {
        return -ENOMEM;
    }
    state->config = config ? *config : (struct state_config){ 0 };
    if (state->config.threads_max == 0) {
        state->config.threads_max = STATE_THREADS_DEFAULT;
    }
    if (state->config.exit_grace_ns == 0) {
        state->config.exit_grace_ns = STATE_EXIT_GRACE_NS;
    }
    state->ledger.limit =
        state->config.memory_max ? state->config.memory_max : STATE_MEMORY_DEFAULT;
    state->last_tid = -1;
    state->epoch = 1;
    how_init(state);
    containers_init(state);
    handlers_add(state, state_process_handlers);
    handlers_add(state, state_clone_handlers);
    fd_handlers_add(state, state_file_handlers);
    fd_handlers_add(state, state_socket_handlers);
    handlers_add(state, state_meta_handlers);
    if (tasks_init(state) < 0 || names_init(state) < 0) {
        state_free(state);
        return -ENOMEM;
    }
    *ret = state;
    return 0;
}

void state_free(struct state *state)
{
    if (state) {
        fds_unref(state, state->closing);
        names_done(state);
        tasks_done(state);
        fds_pool_done(state);
        containers_done(state);
        users_done(state);
        free(state->interfaces);
        free(state);
    }
}

void state_get_stats(const struct state *state, struct state_stats *ret)
{
    *ret = state->stats;
    ret->threads = state->tasks.count;
    ret->fds = state->nfds;
    ret->containers = state->containers.count;
    ret->users = state->users.count;
    ret->groups = state->groups.count;
    ret->memory = state->ledger.used;
}

uint64_t state_epoch(const struct state *state)
{
    return state->epoch;
}

struct thread *state_thread(const struct state *state, int64_t tid)
{
    struct task *task = task_find(state, tid);
    return task ? &task->t : NULL;
}

struct thread *state_main(const struct state *state, const struct thread *thread)
{
    (void)state;
    return thread ? &((const struct task *)thread)->main->t : NULL;
}

struct str state_cwd(const struct state *state, const struct thread *thread)
{
    const struct thread *main = state_main(state, thread);
    return main && main->cwd ? main->cwd->s : (struct str){ 0 };
}

struct thread *state_parent(const struct state *state, const struct thread *thread)
{
    (void)state;
    struct task *parent = thread ? ((const struct task *)thread)->main->parent : NULL;
    return parent ? &parent->t : NULL;
}

struct thread *state_ancestor(const struct thread *thread, uint32_t level)
{
    struct task *task = (struct task *)thread;
    for (; task && level; level--) {
        task = task->main->parent;
    }
    return task ? &task->t : NULL;
}

uint32_t state_ancestors(const struct thread *thread, struct thread **ret, uint32_t max)
{
    struct task *task = thread ? ((const struct task *)thread)->main->parent : NULL;
    uint32_t n = 0;
    for (; task && n < max; task = task->main->parent) {
        ret[n++] = &task->t;
    }
    return n;
}

struct str state_dir(const struct thread *thread, int64_t dirfd, struct str path)
{
    return task_dir((const struct task *)thread, dirfd, path);
}

struct str state_sha256(struct state *state, struct thread *thread)
{
    struct image *image = thread->image;
    if (!image->sha256_asked && state->config.sha256 && image != state->nobody) {
        image->sha256_asked = true;
        if (state->config.sha256(state->config.data, thread, image->sha256_text) == 0) {
            image->sha256 = (struct str){ image->sha256_text, sizeof(image->sha256_text) };
        }
    }
    return image->sha256;
}

/* Remembers the enter event's parameters; where they do not fit, its exit does without. */
static void call_keep(struct state *state, struct thread_call *call, const struct event *event)
{
    uint16_t n = event->nparams < CALL_PARAMS_MAX ? event->nparams : CALL_PARAMS_MAX;
    uint32_t bytes = n ? event->at[n] - event->at[0] : 0;
    if (bytes > CALL_BYTES_MAX) {
        call->cut = true;
        return;
    }
    if (bytes > call->capacity) {
        uint32_t capacity = (bytes + 255) / 256 * 256;
        uint8_t *data = ledger_alloc(&state->ledger, capacity);
        if (!data) {
            state->stats.out_of_memory++;
            return;
        }
        ledger_free(call->data);
        call->data = data;
        call->capacity = capacity;
    }
    if (bytes) {
        memcpy(call->data, event->data + event->at[0], bytes);
    }
    for (uint16_t i = 0; i <= n; i++) {
        call->at[i] = n ? event->at[i] - event->at[0] : 0;
    }
    call->nparams = n;
}

struct str state_enter_param(const struct event *event, unsigned i)
{
    const struct thread_call *call = event->thread ? event->thread->call : NULL;
    if (!call || !kind_is_exit(event->kind) || i >= call->nparams ||
        call->at[i] == call->at[i + 1]) {
        return (struct str){ 0 };
    }
    return str_from(call->data + call->at[i], call->at[i + 1] - call->at[i]);
}

static bool is_empty_param(struct str s)
{
    return s.n == 0 || str_eq(s, (struct str){ "<NA>", 5 });
}

struct str call_param(const struct task *task, const struct event *event, int exit_param,
                      int enter_param)
{
    (void)task;
    struct str s = exit_param >= 0 ? event_param(event, (unsigned)exit_param) : (struct str){ 0 };
    if (is_empty_param(s) && enter_param >= 0) {
        struct str kept = state_enter_param(event, (unsigned)enter_param);
        s = kept.n ? kept : s;
    }
    return s;
}

uint64_t call_u64(const struct task *task, const struct event *event, int exit_param,
                  int enter_param, uint64_t missing)
{
    struct str s = call_param(task, event, exit_param, enter_param);
    uint64_t v = 0;
    if (s.n != 1 && s.n != 2 && s.n != 4 && s.n != 8) {
        return missing;
    }
    memcpy(&v, s.p, s.n);
    return v;
}

void event_attach_fd(const struct task *task, struct event *event, int64_t fd)
{
    event->fd_num = fd < 0 ? -1 : fd;
    struct fd_entry *entry = fds_get(task->t.fds, fd);
    event->fd = entry ? &entry->info : NULL;
}

static int64_t own_fd(const struct event *event)
{
    int8_t i = kind_table[event->kind].fd_param;
    return i >= 0 ? event_i64(event, (unsigned)i, -1) : -1;
}

static void enter_call(struct state *state, struct task *task, struct event *event, uint8_t how)
{
    struct thread_call *call = &task->call;
    call->kind = event->kind;
    call->nparams = 0;
    call->cut = false;
    call->ts_ns = event->ts_ns;
    call->fd = -1;
    if (how & HOW_FD) {
        call->fd = own_fd(event);
        event_attach_fd(task, event, call->fd);
        call->fd_id = event->fd ? ((struct fd_entry *)event->fd)->id : 0;
    }
    if (how & HOW_KEEP) {
        call_keep(state, call, event);
    }
}

/* A successful execveat enters as itself and leaves as execve. */
static bool is_exit_of(uint16_t exit, uint16_t enter)
{
    return exit == enter + 1 || (enter == KIND_EXECVEAT_E && exit == KIND_EXECVE_19_X);
}

static void exit_call(struct task *task, struct event *event, uint8_t how)
{
    struct thread_call *call = &task->call;
    bool matched = call->kind != NO_CALL && is_exit_of(event->kind, call->kind);
    event->enter_ts_ns = matched ? call->ts_ns : 0;
    event->truncated |= matched && call->cut;
    if (!matched) {
        call->kind = NO_CALL;
        call->nparams = 0;
        call->fd = -1;
        call->fd_id = 0;
    }
    if (how & HOW_FD) {
        int64_t fd = own_fd(event);
        event_attach_fd(task, event, fd < 0 && matched ? call->fd : fd);
    } else if (matched && call->fd >= 0) {
        event_attach_fd(task, event, call->fd);
    }
}

static struct task *event_task(struct state *state, const struct event *event, uint8_t how)
{
    if (event->tid == state->last_tid && state->last_task) {
        return state->last_task;
    }
    struct task *task = task_find(state, event->tid);
    if (!task) {
        state->stats.orphan_events++;
        if (event->tid >= 0 && !(how & HOW_LOOKUP)) {
            task = task_make_up(state, event->tid);
        }
    }
    if (task) {
        state->last_tid = event->tid;
        state->last_task = task;
    }
    return task;
}

void state_apply(struct state *state, struct event *event)
{
    event->thread = NULL;
    event->fd = NULL;
    event->fd_num = -1;
    event->enter_ts_ns = 0;
    event->fd_name_changed = false;
    event->clean_path = (struct str){ 0 };
    state->previous_ns = state->now_ns;
    event->delta_ns = state->previous_ns && event->ts_ns > state->previous_ns
                          ? event->ts_ns - state->previous_ns
                          : 0;
    state->now_ns = event->ts_ns;
    const struct task *exited = state->first_exited;
    if (exited && exited->t.exit_ts_ns + state->config.exit_grace_ns < event->ts_ns) {
        tasks_reap(state, event->ts_ns);
    }
    if (event->kind >= KIND_MAX) {
        return;
    }
    uint8_t how = state->how[event->kind];
    struct task *task = NULL;
    if (!(how & HOW_META)) {
        task = event_task(state, event, how);
    }
    if (task) {
        event->thread = &task->t;
        task->t.last_event_ts_ns = event->ts_ns;
        if (how & HOW_CALL) {
            enter_call(state, task, event, how);
        } else if (how & HOW_EXIT) {
            exit_call(task, event, how);
        }
    }
    state_handler *handler = state->handlers[event->kind];
    if (handler) {
        handler(state, task, event);
    }
}

void state_preview(struct state *state, struct event *event)
{
    uint8_t how = event->kind < KIND_MAX ? state->how[event->kind] : HOW_META;
    struct task *task = how & HOW_META ? NULL : task_find(state, event->tid);
    event->thread = task ? &task->t : NULL;
    event->fd = NULL;
    event->fd_num = -1;
    event->enter_ts_ns = 0;
    event->fd_name_changed = false;
    event->clean_path = (struct str){ 0 };
    event->delta_ns = 0;
    if (task && how & HOW_FD) {
        event_attach_fd(task, event, own_fd(event));
    }
    if (task) {
        open_preview(state, task, event);
        fds_preview(state, task, event);
        exec_preview(state, task, event);
    }
}

void state_preview_end(struct state *state, struct event *event)
{
    if (event->thread) {
        exec_preview_end(state, (struct task *)event->thread);
        fds_preview_end(state, (struct task *)event->thread);
    }
    event->thread = NULL;
    event->fd = NULL;
}

void state_settle(struct state *state, struct event *event)
{
    if (state->closing) {
        fds_remove(state, state->closing, state->closing_fd);
        fds_unref(state, state->closing);
        state->closing = NULL;
    }
    if (event->thread && event->kind < KIND_MAX && state->how[event->kind] & HOW_EXIT) {
        event->thread->call->kind = NO_CALL;
    }
    event->thread = NULL;
    event->fd = NULL;
    if (state->ending) {
        struct task *ending = state->ending;
        state->ending = NULL;
        state->last_task = NULL;
        state->last_tid = -1;
        task_end(state, ending);
    }
}
