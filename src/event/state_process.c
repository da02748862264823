/*
 * state_process: exec, exit, credentials, session, directories, limits and memory of tasks.
 *
 * Exec comes in layouts of 8 to 30 parameters, older ones with other columns after the memory
 * figures. What a layout lacks stays as it was.
 */
#include "event/path.h"
#include "event/state_internal.h"

#define EXE_WRITABLE        (1u << 0)
#define EXE_UPPER_LAYER     (1u << 1)
#define EXE_FROM_MEMFD      (1u << 2)
#define EXE_LOWER_LAYER     (1u << 3)
#define EXECVEAT_EMPTY_PATH (1u << 0)
#define RLIMIT_NOFILE_CODE  7
#define UNKNOWN_TEXT        STR("<NA>")

struct columns {
    int8_t comm, cgroups, env, tty;
};

static struct columns columns_of(uint16_t kind)
{
    switch (kind) {
    case KIND_EXECVE_8_X:
    case KIND_EXECVE_13_X:
        return (struct columns){ -1, -1, -1, -1 };
    case KIND_EXECVE_14_X:
        return (struct columns){ -1, -1, 13, -1 };
    case KIND_EXECVE_15_X:
        return (struct columns){ 13, -1, 14, -1 };
    default:
        return (struct columns){ 13, 14, 15, 16 };
    }
}

void task_set_cwd(struct state *state, struct task *task, struct str path)
{
    struct task *main = task->main;
    if (main->t.cwd && str_eq(main->t.cwd->s, path)) {
        return;
    }
    struct shared_str *cwd = shared_str_new(&state->ledger, path);
    state->stats.out_of_memory += !cwd;
    shared_str_unref(main->t.cwd);
    main->t.cwd = cwd;
    task_changed(main, VOLATILE_CWD);
    state->epoch += main->first_thread != NULL; /* it is theirs too */
}

void state_set_cgroups(struct state *state, struct task *task, struct str cgroups)
{
    if (cgroups.n == 0 || (task->t.cgroups && str_eq(task->t.cgroups->s, cgroups))) {
        return;
    }
    struct shared_str *copy = shared_str_new(&state->ledger, cgroups);
    if (!copy) {
        state->stats.out_of_memory++;
        return;
    }
    shared_str_unref(task->t.cgroups);
    task->t.cgroups = copy;
    task_assign_container(state, task);
}

struct str task_dir(const struct task *task, int64_t dirfd, struct str path)
{
    if (path.n > 0 && path.p[0] == '/') {
        return STR("/");
    }
    if (dirfd == AT_CWD_FD) {
        return task->main->t.cwd ? task->main->t.cwd->s : (struct str){ 0 };
    }
    const struct fd_entry *entry = fds_get(task->t.fds, dirfd);
    return entry ? entry->info.name : STR("<UNKNOWN>");
}

static struct str execveat_path(const struct task *task, const struct event *event, char *storage)
{
    struct str name = str_until_nul(state_enter_param(event, 1).p, state_enter_param(event, 1).n);
    int64_t dirfd = (int64_t)call_u64(task, event, -1, 0, (uint64_t)AT_CWD_FD);
    uint64_t flags = call_u64(task, event, -1, 2, 0);
    bool is_empty = name.n == 0 || str_eq(name, UNKNOWN_TEXT);
    struct str dir = task_dir(task, dirfd, name);
    if ((is_empty && !(flags & EXECVEAT_EMPTY_PATH)) || str_eq(dir, STR("<UNKNOWN>"))) {
        return UNKNOWN_TEXT;
    }
    return path_resolve(dir, is_empty ? (struct str){ 0 } : name, storage, PATH_TEXT_MAX);
}

/* The executable: told by the kernel, or from what the caller asked for. */
static struct str exec_path(const struct task *task, const struct event *event, char *storage)
{
    if (event->path.n) {
        return event->path;
    }
    struct str trusted = event_text(event, 27);
    if (trusted.n) {
        return trusted;
    }
    if (task->call.kind == KIND_EXECVEAT_E) {
        return execveat_path(task, event, storage);
    }
    struct str name = call_param(task, event, 30, 0);
    name = str_until_nul(name.p, name.n);
    if (name.n == 0) {
        return task->t.image->exepath;
    }
    return str_eq(name, UNKNOWN_TEXT)
               ? name
               : path_resolve(task_dir(task, AT_CWD_FD, name), name, storage, PATH_TEXT_MAX);
}

static void exec_facts(struct image *facts, const struct event *event)
{
    if (event_param(event, 19).n) {
        uint64_t flags = event_u64(event, 19, 0);
        facts->exe_writable = flags & EXE_WRITABLE;
        facts->exe_upper_layer = flags & EXE_UPPER_LAYER;
        facts->exe_from_memfd = flags & EXE_FROM_MEMFD;
        facts->exe_lower_layer = flags & EXE_LOWER_LAYER;
        facts->exe_known = true;
    }
    if (event_param(event, 25).n) {
        facts->exe_ino = event_u64(event, 23, 0);
        facts->exe_ino_ctime_ns = event_u64(event, 24, 0);
        facts->exe_ino_mtime_ns = event_u64(event, 25, 0);
        facts->exe_known = true;
    }
}

static void exec_image(struct state *state, struct task *task, struct event *event)
{
    struct columns at = columns_of(event->kind);
    char storage[PATH_TEXT_MAX];
    struct image_text text = {
        .exe = event_text(event, 1),
        .args = event_param(event, 2),
        .comm = at.comm < 0 ? (struct str){ 0 } : event_text(event, (unsigned)at.comm),
        .env = at.env < 0 ? (struct str){ 0 } : event_param(event, (unsigned)at.env),
        .exepath = exec_path(task, event, storage),
    };
    if (text.comm.n == 0) {
        text.comm = text.exe;
    }
    if (at.env < 0 || !event_has_param(event, (unsigned)at.env)) {
        text.env = task->t.image->env;
    }
    event->truncated |= text.exepath.n >= PATH_TEXT_MAX || text.args.n > IMAGE_TEXT_MAX ||
                        text.env.n > IMAGE_TEXT_MAX || text.exe.n > IMAGE_TEXT_MAX;
    struct image facts = { 0 };
    exec_facts(&facts, event);
    task_set_image(state, task, image_new(&state->ledger, &text, &facts));
}

static void exec_ids(struct task *task, const struct event *event, struct columns at)
{
    struct thread *t = &task->t;
    t->fdlimit = event_i64(event, 7, t->fdlimit);
    if (event_param(event, 12).n) {
        t->pfmajor = event_u64(event, 8, 0);
        t->pfminor = event_u64(event, 9, 0);
        t->vmsize_kb = event_u64(event, 10, 0);
        t->vmrss_kb = event_u64(event, 11, 0);
        t->vmswap_kb = event_u64(event, 12, 0);
    }
    if (at.tty < 0) {
        return;
    }
    t->tty = (uint32_t)event_u64(event, (unsigned)at.tty, t->tty);
    t->vpgid = event_i64(event, 17, t->vpgid);
    t->loginuid = event_i64(event, 18, t->loginuid);
    if (event_param(event, 22).n) {
        t->cap_inheritable = event_u64(event, 20, 0);
        t->cap_permitted = event_u64(event, 21, 0);
        t->cap_effective = event_u64(event, 22, 0);
    }
    t->uid = (uint32_t)event_u64(event, 26, t->uid);
    t->pgid = event_i64(event, 28, -1);
    t->gid = (uint32_t)event_u64(event, 29, t->gid);
}

/* A task that nobody saw being born learns whose it is. */
static void exec_learn(struct state *state, struct task *task, const struct event *event)
{
    int64_t ptid = event_i64(event, 5, -1);
    task->t.flags &= ~(uint32_t)THREAD_INVALID;
    struct task *parent = task_find(state, ptid);
    task_set_parent(state, task, parent ? parent->t.pid : ptid);
}

/* Exec leaves one thread, which is the main one from then on. */
static struct task *exec_alone(struct state *state, struct task *task, struct event *event)
{
    struct task *main = task->main;
    while (main->first_thread) {
        task_remove(state, main->first_thread);
    }
    event->thread = &main->t;
    if (main->t.flags & THREAD_EXITED) {
        task_revive(state, main);
    }
    return main;
}

static void unshare_fds(struct state *state, struct task *task)
{
    if (!fds_is_shared(task->t.fds)) {
        return;
    }
    struct fdtable *own = fds_fork(task->t.fds);
    if (!own) {
        state->stats.out_of_memory++;
        return;
    }
    fds_unref(state, task->t.fds);
    task->t.fds = own;
}

static void exec_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || event_i64(event, 0, -1) < 0) {
        return;
    }
    struct columns at = columns_of(event->kind);
    exec_image(state, task, event);
    struct image *image = image_ref(task->t.image);
    task = exec_alone(state, task, event);
    if (task->t.image == image) {
        image_unref(image);
    } else {
        task_set_image(state, task, image);
    }
    state->last_task = state->last_tid == task->t.tid ? task : NULL;
    if (task->t.flags & THREAD_INVALID) {
        exec_learn(state, task, event);
    }
    unshare_fds(state, task);
    exec_ids(task, event, at);
    if (at.cgroups >= 0) {
        state_set_cgroups(state, task, event_param(event, (unsigned)at.cgroups));
    }
    struct str cwd = event_text(event, 6);
    if (cwd.n > 0 && cwd.p[0] == '/') {
        task_set_cwd(state, task, cwd);
    }
    task->t.exec_ts_ns = event->ts_ns;
    task_changed_all(task);
    state->epoch += task_is_seen(state, task);
}

void exec_preview(struct state *state, struct task *task, struct event *event)
{
    if (event_i64(event, 0, -1) < 0 || state->handlers[event->kind] != exec_exit) {
        return;
    }
    state->before_exec = task->t;
    image_ref(task->t.image);
    exec_image(state, task, event);
    /* Who is asked about its executable would answer for the one before. */
    task->t.image->sha256_asked |= task->t.image != state->nobody;
    exec_ids(task, event, columns_of(event->kind));
    task_changed_all(task);
}

void exec_preview_end(struct state *state, struct task *task)
{
    const struct thread *before = &state->before_exec;
    struct thread *t = &task->t;
    if (!before->image) {
        return;
    }
    task_set_image(state, task, before->image);
    t->fdlimit = before->fdlimit;
    t->pfmajor = before->pfmajor;
    t->pfminor = before->pfminor;
    t->vmsize_kb = before->vmsize_kb;
    t->vmrss_kb = before->vmrss_kb;
    t->vmswap_kb = before->vmswap_kb;
    t->tty = before->tty;
    t->vpgid = before->vpgid;
    t->pgid = before->pgid;
    t->loginuid = before->loginuid;
    t->cap_inheritable = before->cap_inheritable;
    t->cap_permitted = before->cap_permitted;
    t->cap_effective = before->cap_effective;
    t->uid = before->uid;
    t->gid = before->gid;
    task_changed_all(task);
    state->before_exec.image = NULL;
}

static void process_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task) {
        return;
    }
    task->reaper = event_i64(event, 4, -1);
    state->ending = task;
}

static bool has_failed(const struct event *event)
{
    return event_i64(event, 0, -1) < 0;
}

static void set_uid(struct task *task, uint64_t uid)
{
    if (uid < UINT32_MAX && task->t.uid != (uint32_t)uid) {
        task->t.uid = (uint32_t)uid;
        task_changed(task, VOLATILE_CRED);
    }
}

static void set_gid(struct task *task, uint64_t gid)
{
    if (gid < UINT32_MAX && task->t.gid != (uint32_t)gid) {
        task->t.gid = (uint32_t)gid;
        task_changed(task, VOLATILE_CRED);
    }
}

static void setuid_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event)) {
        set_uid(task, call_u64(task, event, 1, 0, UINT32_MAX));
    }
}

static void setgid_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event)) {
        set_gid(task, call_u64(task, event, 1, 0, UINT32_MAX));
    }
}

/* setreuid, setresuid: the effective one is the second argument of both. */
static void setresuid_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event)) {
        set_uid(task, call_u64(task, event, 2, 1, UINT32_MAX));
    }
}

static void setresgid_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event)) {
        set_gid(task, call_u64(task, event, 2, 1, UINT32_MAX));
    }
}

static void capset_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event)) {
        task->t.cap_inheritable = event_u64(event, 1, 0);
        task->t.cap_permitted = event_u64(event, 2, 0);
        task->t.cap_effective = event_u64(event, 3, 0);
        task_changed(task, VOLATILE_CRED);
    }
}

static void namespace_entered(struct state *state, struct task *task, uint64_t flags)
{
    if (flags & CL_NEWUSER) {
        task->t.cap_inheritable = task->t.cap_permitted = task->t.cap_effective = CAPS_ALL;
        task_changed(task, VOLATILE_CRED);
    }
    if (flags & CL_FILES) {
        unshare_fds(state, task);
    }
}

static void unshare_exit(struct state *state, struct task *task, struct event *event)
{
    if (task && !has_failed(event)) {
        namespace_entered(state, task, call_u64(task, event, 1, 0, 0));
    }
}

static void setns_exit(struct state *state, struct task *task, struct event *event)
{
    if (task && !has_failed(event)) {
        namespace_entered(state, task, call_u64(task, event, 2, 1, 0) & CL_NEWUSER);
    }
}

static void setsid_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t sid = event_i64(event, 0, -1);
    if (!task || sid < 0) {
        return;
    }
    struct task *t = task->main;
    do {
        task_set_sid(state, t, sid);
        task_changed(t, VOLATILE_SESSION);
        t = t == task->main ? t->first_thread : t->next_thread;
    } while (t);
    state->epoch++;
}

static void chdir_exit(struct state *state, struct task *task, struct event *event)
{
    char storage[PATH_TEXT_MAX];
    if (!task || has_failed(event)) {
        return;
    }
    struct str path = event->path.n ? event->path : event_text(event, 1);
    if (path.n) {
        path = path_resolve(task_dir(task, AT_CWD_FD, path), path, storage, sizeof(storage));
        event->truncated |= path.n >= sizeof(storage);
        task_set_cwd(state, task, path);
    }
}

static void fchdir_exit(struct state *state, struct task *task, struct event *event)
{
    if (task && !has_failed(event) && event->fd && event->fd->name.n) {
        task_set_cwd(state, task, event->path.n ? event->path : event->fd->name);
    }
}

static void set_fdlimit(struct task *task, int64_t limit)
{
    if (limit >= 0) {
        task->main->t.fdlimit = limit;
    }
}

static void rlimit_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && !has_failed(event) &&
        call_u64(task, event, 3, 0, UINT64_MAX) == RLIMIT_NOFILE_CODE) {
        set_fdlimit(task, event_i64(event, 1, -1));
    }
}

static void prlimit_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || has_failed(event) ||
        call_u64(task, event, 6, 1, UINT64_MAX) != RLIMIT_NOFILE_CODE) {
        return;
    }
    int64_t tid = (int64_t)call_u64(task, event, 5, 0, 0);
    struct task *target = tid > 0 ? task_find(state, tid) : task;
    if (target) {
        set_fdlimit(target, event_i64(event, 1, -1));
    }
}

static void memory_exit(struct state *state, struct task *task, struct event *event)
{
    (void)state;
    if (task && event_has_param(event, 3)) {
        task->t.vmsize_kb = event_u64(event, 1, task->t.vmsize_kb);
        task->t.vmrss_kb = event_u64(event, 2, task->t.vmrss_kb);
        task->t.vmswap_kb = event_u64(event, 3, task->t.vmswap_kb);
    }
}

/* The event is of the task that leaves the processor. */
static void context_switch(struct state *state, struct task *task, struct event *event)
{
    uint64_t *since = event->cpu < CPUS_MAX ? &state->switched_ns[event->cpu] : NULL;
    uint64_t ran_ns = since && *since && event->ts_ns > *since ? event->ts_ns - *since : 0;
    if (since) {
        *since = event->ts_ns;
    }
    if (!task) {
        return;
    }
    task->t.exec_time_ns = ran_ns;
    task->t.total_exec_time_ns += ran_ns;
    if (event_has_param(event, 5)) {
        task->t.pfmajor = event_u64(event, 1, task->t.pfmajor);
        task->t.pfminor = event_u64(event, 2, task->t.pfminor);
        struct thread *main = &task->main->t;
        main->vmsize_kb = event_u64(event, 3, main->vmsize_kb);
        main->vmrss_kb = event_u64(event, 4, main->vmrss_kb);
        main->vmswap_kb = event_u64(event, 5, main->vmswap_kb);
    }
}

const struct handled state_process_handlers[] = {
    { KIND_EXECVE_8_X, exec_exit },
    { KIND_EXECVE_13_X, exec_exit },
    { KIND_EXECVE_14_X, exec_exit },
    { KIND_EXECVE_15_X, exec_exit },
    { KIND_EXECVE_16_X, exec_exit },
    { KIND_EXECVE_17_X, exec_exit },
    { KIND_EXECVE_18_X, exec_exit },
    { KIND_EXECVE_19_X, exec_exit },
    { KIND_EXECVEAT_X, exec_exit },
    { KIND_PROCEXIT_E, process_exit },
    { KIND_PROCEXIT_1_E, process_exit },
    { KIND_SETUID_X, setuid_exit },
    { KIND_SETGID_X, setgid_exit },
    { KIND_SETREUID_X, setresuid_exit },
    { KIND_SETREGID_X, setresgid_exit },
    { KIND_SETRESUID_X, setresuid_exit },
    { KIND_SETRESGID_X, setresgid_exit },
    { KIND_CAPSET_X, capset_exit },
    { KIND_UNSHARE_X, unshare_exit },
    { KIND_SETNS_X, setns_exit },
    { KIND_SETSID_X, setsid_exit },
    { KIND_CHDIR_X, chdir_exit },
    { KIND_GETCWD_X, chdir_exit },
    { KIND_FCHDIR_X, fchdir_exit },
    { KIND_GETRLIMIT_X, rlimit_exit },
    { KIND_SETRLIMIT_X, rlimit_exit },
    { KIND_PRLIMIT_X, prlimit_exit },
    { KIND_BRK_4_X, memory_exit },
    { KIND_MMAP_X, memory_exit },
    { KIND_MMAP2_X, memory_exit },
    { KIND_MUNMAP_X, memory_exit },
    { KIND_SCHEDSWITCH_1_E, context_switch },
    { KIND_SCHEDSWITCH_6_E, context_switch },
    { 0, NULL },
};
