/*
 * field_thread: the task that made the event: what it runs, as whom, with what.
 *
 * Everything but thread.tid needs the task to be known. Texts of a process's image were composed when
 * it executed; they are handed out as they are. Empty texts are values: only what cannot be known is
 * missing.
 */
#include "event/field_extractors.h"

#include "event/flags.h"

#include <inttypes.h>
#include <stddef.h>

#define CAPABILITIES 41 /* CAP_CHOWN .. CAP_CHECKPOINT_RESTORE */

#define AT(id, member) [FIELD_##id] = offsetof(struct image, member)

/* lint: table */
const uint8_t image_text_at[FIELD_COUNT] = {
    AT(PROC_EXE, exe),
    AT(PROC_PEXE, exe),
    AT(PROC_AEXE, exe),
    AT(PROC_SID_EXE, exe),
    AT(PROC_VPGID_EXE, exe),
    AT(PROC_PGID_EXE, exe),
    AT(PROC_EXEPATH, exepath),
    AT(PROC_PEXEPATH, exepath),
    AT(PROC_AEXEPATH, exepath),
    AT(PROC_SID_EXEPATH, exepath),
    AT(PROC_VPGID_EXEPATH, exepath),
    AT(PROC_PGID_EXEPATH, exepath),
    AT(PROC_ARGS, args_text),
    AT(PROC_AARGS, args_text),
    AT(PROC_CMDLINE, cmdline),
    AT(PROC_PCMDLINE, cmdline),
    AT(PROC_ACMDLINE, cmdline),
    AT(PROC_NAME, comm),
    AT(PROC_PNAME, comm),
    AT(PROC_ANAME, comm),
    AT(PROC_SNAME, comm),
    AT(PROC_VPGID_NAME, comm),
    AT(PROC_PGID_NAME, comm),
};

#undef AT

void extract_proc_text(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (thread) {
        put_str(ret, image_text(field->id, thread->image));
    }
}

/* The nth of strings that each end with a NUL. */
static bool nth_string(struct str strings, int32_t n, struct str *ret)
{
    size_t at = 0;
    for (int32_t i = 0; at < strings.n; i++) {
        struct str s = str_until_nul(strings.p + at, strings.n - at);
        if (i == n) {
            *ret = s;
            return true;
        }
        at += s.n + 1;
    }
    return false;
}

void extract_proc_args(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    struct str arg;
    if (!thread) {
        return;
    }
    if (!field->has_arg) {
        put_str(ret, thread->image->args_text);
    } else if (nth_string(thread->image->args, field->index, &arg)) {
        put_str(ret, arg);
    }
}

void extract_proc_exeline(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    compose_puts(&text, thread->image->exe);
    compose_putc(&text, ' ');
    compose_puts(&text, thread->image->args_text);
    put_composed(ret, &text);
}

void extract_proc_args_size(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct image *image = thread->image;
    uint64_t blanks = image->nargs ? image->nargs - 1 : 0;
    uint64_t n = image->args_text.n > blanks ? image->args_text.n - blanks : 0;
    put_u64(ret, TYPE_UINT64, field->id == FIELD_PROC_CMDNARGS ? image->nargs : n);
}

/* The variables with a blank where each but the last has its NUL. */
struct str env_text(struct view *view, const struct image *image)
{
    struct str env = image->env;
    if (env.n && env.p[env.n - 1] == '\0') {
        env.n--;
    }
    struct compose text;
    compose_begin(&text, view);
    compose_puts(&text, env);
    char *p = text.buf.p;
    size_t n = text.buf.n;
    for (size_t i = 0; i < n; i++) {
        p[i] = p[i] ? p[i] : ' ';
    }
    return compose_end(&text);
}

struct str env_value(const struct image *image, struct str name)
{
    for (size_t at = 0; at < image->env.n;) {
        struct str s = str_until_nul(image->env.p + at, image->env.n - at);
        if (s.n > name.n + 1 && s.p[name.n] == '=' && str_starts(s, name)) {
            struct str value = str_from_offset(s, name.n + 1);
            while (value.n && value.p[0] == ' ') {
                value = str_from_offset(value, 1);
            }
            while (value.n && value.p[value.n - 1] == ' ') {
                value.n--;
            }
            return value;
        }
        at += s.n + 1;
    }
    return STR("");
}

void extract_proc_env(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (thread) {
        put_str(ret, field->has_arg ? env_value(thread->image, field->key)
                                    : env_text(view, thread->image));
    }
}

void extract_proc_cwd(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct thread *main = state_main(view->state, thread);
    put_str(ret, main && main->cwd ? main->cwd->slashed : STR(""));
}

/* Ids; a task of another source may have none that means something here. */
static bool is_id(int64_t id)
{
    return id >= -1 && id <= UINT32_MAX;
}

void extract_thread_tid(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (is_id(view->event->tid)) {
        put_i64(ret, TYPE_INT64, view->event->tid);
    }
}

void extract_thread_id(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    switch (field->id) {
    case FIELD_PROC_PID:
        if (is_id(thread->pid)) {
            put_i64(ret, TYPE_INT64, thread->pid);
        }
        return;
    case FIELD_PROC_VPID:
        if (thread->vpid != -1) {
            put_i64(ret, TYPE_INT64, thread->vpid);
        }
        return;
    case FIELD_THREAD_VTID:
        if (thread->vtid != -1) {
            put_i64(ret, TYPE_INT64, thread->vtid);
        }
        return;
    case FIELD_PROC_SID:
        put_i64(ret, TYPE_INT64, thread->sid);
        return;
    case FIELD_PROC_VPGID:
        put_i64(ret, TYPE_INT64, thread->vpgid);
        return;
    case FIELD_PROC_PGID:
        put_i64(ret, TYPE_INT64, thread->pgid);
        return;
    default:
        put_u64(ret, TYPE_UINT32, thread->tty);
    }
}

void extract_thread_flag(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct image *image = thread->image;
    switch (field->id) {
    case FIELD_PROC_IS_EXE_WRITABLE:
        put_bool(ret, image->exe_writable);
        return;
    case FIELD_PROC_IS_EXE_UPPER_LAYER:
        put_bool(ret, image->exe_upper_layer);
        return;
    case FIELD_PROC_IS_EXE_LOWER_LAYER:
        put_bool(ret, image->exe_lower_layer);
        return;
    case FIELD_PROC_IS_EXE_FROM_MEMFD:
        put_bool(ret, image->exe_from_memfd);
        return;
    case FIELD_PROC_IS_SID_LEADER:
        put_bool(ret, thread->sid == thread->vpid);
        return;
    case FIELD_PROC_IS_VPGID_LEADER:
        put_bool(ret, thread->vpgid == thread->vpid);
        return;
    case FIELD_PROC_IS_PGID_LEADER:
        put_bool(ret, thread->pgid == thread->pid);
        return;
    default:
        put_bool(ret, thread->flags & THREAD_MAIN);
    }
}

static void put_if_set(struct extracted *ret, enum field_type type, uint64_t v)
{
    if (v) {
        put_u64(ret, type, v);
    }
}

void extract_proc_exe_ino(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct image *image = thread->image;
    uint64_t ctime = image->exe_ino_ctime_ns;
    switch (field->id) {
    case FIELD_PROC_EXE_INO:
        if (image->exe_ino) {
            put_i64(ret, TYPE_INT64, (int64_t)image->exe_ino);
        }
        return;
    case FIELD_PROC_EXE_INO_CTIME:
        put_if_set(ret, TYPE_ABSTIME, ctime);
        return;
    case FIELD_PROC_EXE_INO_MTIME:
        put_if_set(ret, TYPE_ABSTIME, image->exe_ino_mtime_ns);
        return;
    case FIELD_PROC_EXE_INO_CTIME_DURATION_PROC_START:
        if (ctime && thread->clone_ts_ns > ctime) {
            put_u64(ret, TYPE_ABSTIME, thread->clone_ts_ns - ctime);
        }
        return;
    case FIELD_PROC_EXE_INO_CTIME_DURATION_PIDNS_START:
        if (thread->pidns_init_start_ts_ns && ctime > thread->pidns_init_start_ts_ns) {
            put_u64(ret, TYPE_ABSTIME, ctime - thread->pidns_init_start_ts_ns);
        }
        return;
    default:
        put_if_set(ret, TYPE_UINT64, thread->pidns_init_start_ts_ns);
    }
}

void extract_thread_caps(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    uint64_t caps = field->id == FIELD_THREAD_CAP_PERMITTED   ? thread->cap_permitted
                    : field->id == FIELD_THREAD_CAP_EFFECTIVE ? thread->cap_effective
                                                              : thread->cap_inheritable;
    struct compose text;
    compose_begin(&text, view);
    for (unsigned i = 0; i < CAPABILITIES; i++) {
        const char *name = caps >> i & 1 ? capability_name(i) : NULL;
        if (name) {
            if (text.buf.n) {
                compose_putc(&text, ' ');
            }
            buf_putz(&text.buf, name);
        }
    }
    put_composed(ret, &text);
}

static uint64_t fd_count(const struct view *view)
{
    return state_fd_count(view->state, view->event->thread);
}

/* Resources of the process; those of a thread are its process's when it is the main one. */
void extract_thread_usage(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct thread *main = state_main(view->state, thread);
    const struct thread *process = main ? main : thread;
    bool is_main = thread->flags & THREAD_MAIN;
    uint64_t v = 0;
    switch (field->id) {
    case FIELD_PROC_FDOPENCOUNT:
        v = fd_count(view);
        break;
    case FIELD_PROC_VMSIZE:
        v = thread->vmsize_kb;
        break;
    case FIELD_PROC_VMRSS:
        v = thread->vmrss_kb;
        break;
    case FIELD_PROC_VMSWAP:
        v = thread->vmswap_kb;
        break;
    case FIELD_THREAD_PFMAJOR:
        v = thread->pfmajor;
        break;
    case FIELD_THREAD_PFMINOR:
        v = thread->pfminor;
        break;
    case FIELD_PROC_NTHREADS:
        v = process->nthreads;
        break;
    case FIELD_PROC_NCHILDS:
        v = process->nthreads ? process->nthreads - 1 : 0;
        break;
    case FIELD_THREAD_VMSIZE:
        v = is_main ? thread->vmsize_kb : 0;
        break;
    case FIELD_THREAD_VMRSS:
        v = is_main ? thread->vmrss_kb : 0;
        break;
    case FIELD_THREAD_VMSIZE_B:
        v = is_main ? thread->vmsize_kb * 1024 : 0;
        break;
    default:
        v = is_main ? thread->vmrss_kb * 1024 : 0;
    }
    put_u64(ret, TYPE_UINT64, v);
}

void extract_proc_fdlimit(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    const struct thread *main = state_main(view->state, thread);
    int64_t limit = main ? main->fdlimit : thread->fdlimit;
    if (field->id == FIELD_PROC_FDLIMIT) {
        put_i64(ret, TYPE_INT64, limit);
    } else {
        put_double(ret, limit > 0 ? (double)fd_count(view) * 100 / (double)limit : 0);
    }
}

void extract_thread_nametid(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    compose_puts(&text, thread->image->comm);
    buf_i64(&text.buf, view->event->tid);
    put_composed(ret, &text);
}

void extract_thread_exectime(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    uint16_t kind = view->event->kind;
    bool switched = kind == KIND_SCHEDSWITCH_1_E || kind == KIND_SCHEDSWITCH_6_E;
    if (field->id == FIELD_THREAD_EXECTIME) {
        put_u64(ret, TYPE_RELTIME, switched && thread ? thread->exec_time_ns : 0);
    } else if (thread) {
        put_u64(ret, TYPE_RELTIME, thread->total_exec_time_ns);
    }
}

/* Ticks that a procinfo event reports; other events carry none. */
void extract_thread_cpu(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    if (event->kind != KIND_PROCINFO_E || !event->thread) {
        return;
    }
    double user = (double)event_u64(event, 0, 0);
    double system = (double)event_u64(event, 1, 0);
    put_double(ret, field->id == FIELD_THREAD_CPU        ? user + system
                    : field->id == FIELD_THREAD_CPU_USER ? user
                                                         : system);
}

/* "subsystem=path"; subsystems have had other names in /proc, and had "_cgroup" behind them. */
static bool split_cgroup(struct str line, struct str *ret_subsystem, struct str *ret_path)
{
    ptrdiff_t equals = str_find_char(line, '=');
    if (equals < 0) {
        return false;
    }
    struct str name = str_first(line, (size_t)equals);
    if (str_ends(name, STR("_cgroup"))) {
        name.n -= strlen("_cgroup");
    }
    *ret_subsystem = str_eq(name, STR("io"))     ? STR("blkio")
                     : str_eq(name, STR("mem"))  ? STR("memory")
                     : str_eq(name, STR("perf")) ? STR("perf_event")
                                                 : name;
    *ret_path = str_from_offset(line, (size_t)equals + 1);
    return true;
}

void extract_thread_cgroup(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread || !thread->cgroups || !thread->cgroups->s.n) {
        return;
    }
    struct str cgroups = thread->cgroups->s;
    struct compose text;
    compose_begin(&text, view);
    for (size_t at = 0; at < cgroups.n;) {
        struct str line = str_until_nul(cgroups.p + at, cgroups.n - at);
        struct str subsystem, path;
        at += line.n + 1;
        if (!split_cgroup(line, &subsystem, &path)) {
            continue;
        }
        if (field->id == FIELD_THREAD_CGROUP && str_eq(subsystem, field->key)) {
            put_str(ret, path);
            return;
        }
        if (text.buf.n) {
            compose_putc(&text, ' ');
        }
        compose_puts(&text, subsystem);
        compose_putc(&text, '=');
        compose_puts(&text, path);
    }
    if (field->id == FIELD_THREAD_CGROUPS) {
        put_composed(ret, &text);
    }
}

void extract_proc_sha256(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (!view->event->thread) {
        return;
    }
    struct str digest = state_sha256(view->state, view->event->thread);
    if (digest.n) {
        put_str(ret, digest);
    }
}
