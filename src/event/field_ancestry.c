/*
 * field_ancestry: parents, ancestors, and the leaders of session and process group.
 *
 * Ancestors are processes: a thread's are its main thread's. Level 0 is the process itself, 1 its
 * parent. A field without a level is the list of all ancestors, nearest first and without the process,
 * so that a rule is true when one of them satisfies it. Walks end at STATE_ANCESTORS_MAX.
 *
 * A leader is looked up by its id where ids of the process's namespace are the host's; else, and when it
 * is gone, it is the eldest ancestor that shares the id.
 */
#include "event/field_extractors.h"

#define AENV_LEVELS 20 /* how far proc.aenv[NAME] looks, as in the reference */

struct thread *thread_ancestor(const struct view *view, int32_t level)
{
    struct thread *thread = view->event->thread;
    if (!thread || level > STATE_ANCESTORS_MAX) {
        return NULL;
    }
    return level > 0 ? state_ancestor(thread, (uint32_t)level) : state_main(view->state, thread);
}

static struct thread *parent_of_event(const struct view *view)
{
    return view->event->thread ? state_parent(view->state, view->event->thread) : NULL;
}

void extract_proc_parent_text(const struct field_ref *field, struct view *view,
                              struct extracted *ret)
{
    const struct thread *parent = parent_of_event(view);
    if (parent) {
        put_str(ret, image_text(field->id, parent->image));
    }
}

void extract_proc_ppid(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct thread *main = thread_ancestor(view, 0);
    if (main && main->ptid >= -1 && main->ptid <= UINT32_MAX) {
        put_i64(ret, TYPE_INT64, main->ptid);
    }
}

void extract_proc_pvpid(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct thread *parent = parent_of_event(view);
    if (parent) {
        put_i64(ret, TYPE_INT64, parent->vpid);
    }
}

static struct value ancestor_value(const struct field_ref *field, struct view *view,
                                   const struct thread *thread)
{
    if (field->id == FIELD_PROC_APID) {
        return (struct value){ .type = TYPE_INT64, .i = thread->pid };
    }
    struct str s = field->id == FIELD_PROC_AENV ? env_text(view, thread->image)
                                                : image_text(field->id, thread->image);
    return (struct value){ .type = TYPE_CHARBUF, .s = s };
}

static void put_ancestors(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct thread *chain[STATE_ANCESTORS_MAX];
    uint32_t n = state_ancestors(view->event->thread, chain, STATE_ANCESTORS_MAX);
    struct value *values = n ? scratch_array(view, n, sizeof(*values)) : NULL;
    if (!values) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        values[i] = ancestor_value(field, view, chain[i]);
    }
    ret->v = values;
    ret->n = n;
}

void extract_proc_ancestor(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    if (!field->has_arg) {
        put_ancestors(field, view, ret);
        return;
    }
    const struct thread *thread = thread_ancestor(view, field->index);
    if (thread) {
        put_value(ret, ancestor_value(field, view, thread));
    }
}

/* With a name: the nearest ancestor's that has it; empty when none does. */
void extract_proc_aenv(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    if (!field->key.n) {
        extract_proc_ancestor(field, view, ret);
        return;
    }
    if (!view->event->thread) {
        return;
    }
    struct str value = STR("");
    const struct thread *thread = thread_ancestor(view, 0);
    for (int i = 0; i < AENV_LEVELS && thread && !value.n; i++) {
        thread = state_parent(view->state, thread);
        value = thread ? env_value(thread->image, field->key) : value;
    }
    put_str(ret, value);
}

/* The oldest of the process and its ancestors whose name ends in "sh". */
void extract_proc_loginshellid(const struct field_ref *field, struct view *view,
                               struct extracted *ret)
{
    (void)field;
    const struct thread *thread = thread_ancestor(view, 0);
    for (int i = 0; thread && i <= STATE_ANCESTORS_MAX; i++) {
        if (str_ends(thread->image->comm, STR("sh"))) {
            put_i64(ret, TYPE_INT64, thread->pid);
        }
        thread = state_parent(view->state, thread);
    }
}

enum leader { LEADER_SESSION, LEADER_VPGID, LEADER_PGID };

static enum leader leader_by_field(enum field_id id)
{
    switch (id) {
    case FIELD_PROC_SNAME:
    case FIELD_PROC_SID_EXE:
    case FIELD_PROC_SID_EXEPATH:
        return LEADER_SESSION;
    case FIELD_PROC_VPGID_NAME:
    case FIELD_PROC_VPGID_EXE:
    case FIELD_PROC_VPGID_EXEPATH:
        return LEADER_VPGID;
    default:
        return LEADER_PGID;
    }
}

static int64_t leader_id(enum leader group, const struct thread *thread)
{
    return group == LEADER_SESSION ? thread->sid
           : group == LEADER_VPGID ? thread->vpgid
                                   : thread->pgid;
}

static bool is_in_pid_namespace(const struct thread *thread)
{
    return thread->vtid >= 0 && thread->vtid != thread->tid;
}

static const struct thread *leader_of(const struct view *view, enum leader group)
{
    const struct thread *thread = view->event->thread;
    int64_t id = leader_id(group, thread);
    if (group == LEADER_PGID || !is_in_pid_namespace(thread)) {
        const struct thread *leader = state_thread(view->state, id);
        if (leader) {
            return leader;
        }
    }
    const struct thread *eldest = thread;
    const struct thread *next = thread;
    for (int i = 0; i < STATE_ANCESTORS_MAX; i++) {
        next = state_parent(view->state, next);
        if (!next || leader_id(group, next) != id) {
            break;
        }
        eldest = next;
    }
    return eldest;
}

void extract_proc_leader_text(const struct field_ref *field, struct view *view,
                              struct extracted *ret)
{
    if (view->event->thread) {
        const struct thread *leader = leader_of(view, leader_by_field(field->id));
        put_str(ret, image_text(field->id, leader->image));
    }
}

/* When a process began, or how long ago. */
void extract_proc_start(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    bool own = field->id == FIELD_PROC_DURATION || field->id == FIELD_PROC_PID_TS;
    bool duration = field->id == FIELD_PROC_DURATION || field->id == FIELD_PROC_PPID_DURATION;
    const struct thread *thread = own ? view->event->thread : parent_of_event(view);
    if (!thread || !thread->clone_ts_ns) {
        return;
    }
    uint64_t now = view->event->ts_ns;
    uint64_t start = thread->clone_ts_ns;
    put_u64(ret, TYPE_RELTIME, duration ? (now > start ? now - start : 0) : start);
}
