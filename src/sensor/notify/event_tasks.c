/*
 * event_tasks: exec, both sides of a fork, tasks found late, and the end of a process.
 *
 * Exec has two sources. After it, the task itself is the truth (a script's argv begins with its
 * interpreter); what /proc does not show us, and all of a failed one, is what the call was given. A
 * successful execveat is told as execve, as captures show it: by then the kernel has forgotten which call
 * it was.
 *
 * A fork's two events have the same layout; ids are those that the sensor sees, and CHILD_IN_PIDNS says
 * that the task itself knows others.
 */
#include "sensor/notify/events_internal.h"

#include "sensor/live/flags.h"

#include <sys/wait.h>

#define CL_THREAD         (1u << 13)
#define CL_CHILD_IN_PIDNS (1u << 29)
#define EXE_WRITABLE      (1u << 0)
#define EXE_UPPER_LAYER   (1u << 1)
#define EXE_FROM_MEMFD    (1u << 2)
#define EXE_LOWER_LAYER   (1u << 3)

/* argv[0] and what follows it. */
static void put_argv(struct made_event *made, struct str argv)
{
    struct str exe = str_until_nul(argv.p, argv.n);
    struct str args = str_from_offset(argv, exe.n + 1);
    event_put_text(made, exe);
    made_bytes(made, args.p, args.n);
}

static void put_ids(struct made_event *made, const struct live_task *task)
{
    made_int(made, task->tid);
    made_int(made, task->pid);
    made_int(made, task->ptid);
}

/* cwd, limit of descriptors, page faults, memory, comm, cgroups: the same in both layouts. */
static void put_common(struct made_event *made, const struct live_task *task)
{
    made_str(made, task->cwd);
    made_int(made, task->fdlimit);
    made_int(made, (int64_t)task->pfmajor);
    made_int(made, (int64_t)task->pfminor);
    made_int(made, (int64_t)task->vmsize_kb);
    made_int(made, (int64_t)task->vmrss_kb);
    made_int(made, (int64_t)task->vmswap_kb);
    made_str(made, task->comm);
    made_bytes(made, task->cgroups.p, task->cgroups.n);
}

static uint32_t image_flags(const struct image *image)
{
    return (image->exe_writable ? EXE_WRITABLE : 0) |
           (image->exe_upper_layer ? EXE_UPPER_LAYER : 0) |
           (image->exe_from_memfd ? EXE_FROM_MEMFD : 0) |
           (image->exe_lower_layer ? EXE_LOWER_LAYER : 0);
}

static void put_nothing(struct made_event *made, int n)
{
    for (int i = 0; i < n; i++) {
        made_bytes(made, NULL, 0);
    }
}

static void put_capabilities(struct made_event *made, const struct live_task *task)
{
    made_int(made, (int64_t)task->cap_inheritable);
    made_int(made, (int64_t)task->cap_permitted);
    made_int(made, (int64_t)task->cap_effective);
}

/* Flags, capabilities, inode and times. What is not known is no parameter. */
static void put_image(struct made_event *made, const struct live_task *task)
{
    const struct image *image = &task->exe_facts;
    if (!image->exe_known) {
        put_nothing(made, 1);
        put_capabilities(made, task);
        put_nothing(made, 3);
        return;
    }
    made_int(made, image_flags(image));
    put_capabilities(made, task);
    made_int(made, (int64_t)image->exe_ino);
    made_int(made, (int64_t)image->exe_ino_ctime_ns);
    made_int(made, (int64_t)image->exe_ino_mtime_ns);
}

static struct str executed_path(const struct making *m, const struct live_task *task, bool done)
{
    const struct resolved *at = m->outcome->at;
    if (done && task->exepath.n) {
        return task->exepath;
    }
    return at && (!at->unsure || m->outcome->exact) ? at->path : (struct str){ 0 };
}

static void put_exec(struct making *m, const struct live_task *task, bool done)
{
    struct made_event *made = m->made;
    struct str argv = done && task->argv.n ? task->argv : m->args->argv;
    struct str env = done && task->env.n ? task->env : m->args->env;
    struct str path = made->event.path.n ? made->event.path : task->exepath;
    made_int(made, m->outcome->result);
    put_argv(made, argv);
    put_ids(made, task);
    put_common(made, task);
    made_bytes(made, env.p, env.n);
    made_int(made, task->tty);
    made_int(made, task->vpgid);
    made_int(made, task->loginuid);
    put_image(made, task);
    made_int(made, task->euid);
    made_str(made, path);
    made_int(made, task->pgid);
    made_int(made, task->egid);
}

/* /proc gave as much as fits. */
static bool is_cut(const struct live_task *task)
{
    return task->argv.n >= LIVE_ARGS_MAX || task->env.n >= LIVE_ENV_MAX;
}

void event_of_exec(const struct call_args *args, const struct call_outcome *outcome,
                   const struct live_task *task, struct made_event *made)
{
    struct making m = { args, outcome, made };
    bool done = outcome->result >= 0;
    event_begin(&m, done ? KIND_EXECVE_19_X : args->call->kind);
    made->event.tid = done ? task->tid : args->tid;
    made->event.path = executed_path(&m, task, done);
    put_exec(&m, task, done);
    event_end(&m);
    if (done && task->argv.n) {
        made->event.truncated = made->overflow || is_cut(task);
    }
}

static bool is_in_pidns(const struct live_task *task)
{
    return task->vtid != task->tid || task->vpid != task->pid;
}

static void put_birth(struct made_event *made, int64_t result, const struct live_task *task,
                      uint32_t flags)
{
    made_int(made, result);
    put_argv(made, task->argv);
    put_ids(made, task);
    put_common(made, task);
    made_int(made, flags | (is_in_pidns(task) ? CL_CHILD_IN_PIDNS : 0));
    made_int(made, task->euid);
    made_int(made, task->egid);
    made_int(made, task->vtid);
    made_int(made, task->vpid);
    made_int(made, (int64_t)task->pidns_init_start_ns);
}

/* fork and vfork have no flags in the format. */
static uint32_t birth_flags(const struct call_args *args)
{
    bool has_flags = args->call->name == NAME_clone || args->call->name == NAME_clone3;
    return has_flags ? live_clone_flags(args->clone_flags) : 0;
}

void event_of_fork(const struct call_args *args, const struct call_outcome *outcome,
                   const struct live_task *parent, struct made_event *made)
{
    struct making m = { args, outcome, made };
    event_begin(&m, args->call->kind);
    put_birth(made, outcome->result, parent, birth_flags(args));
    event_end(&m);
}

void event_of_child(const struct call_args *args, const struct live_task *child, uint64_t ts_ns,
                    struct made_event *made)
{
    struct call_outcome outcome = { .ts_ns = ts_ns, .exact = true };
    struct making m = { args, &outcome, made };
    event_begin(&m, args->call->kind);
    made->event.tid = child->tid;
    put_birth(made, 0, child, birth_flags(args));
    event_end(&m);
}

void event_of_discovery(const struct live_task *task, uint64_t ts_ns, struct made_event *made)
{
    made_begin(made, KIND_CLONE_20_X, task->tid, ts_ns);
    put_birth(made, 0, task, task->tid == task->pid ? 0 : CL_THREAD);
    made_done(made);
    made->event.truncated = made->overflow;
}

void event_of_exit(int64_t pid, int status, int64_t reaper, uint64_t ts_ns, struct made_event *made)
{
    bool known = status >= 0;
    bool killed = known && WIFSIGNALED(status);
    made_begin(made, KIND_PROCEXIT_1_E, pid, ts_ns);
    made_int(made, status);
    made_int(made, known ? WEXITSTATUS(status) : -1);
    made_int(made, killed ? WTERMSIG(status) : 0);
    made_int(made, killed && WCOREDUMP(status));
    made_int(made, reaper);
    made_done(made);
}
