/*
 * birth: what a task and the child it has just borne look like, without asking /proc.
 *
 * A child has what its parent has, but for its own number; the state knows the parent. Everything here is
 * done under the lock that guards the state.
 */
#include "sensor/live/birth.h"

#include <sched.h>
#include <string.h>

/* argv[0] and the other arguments in one piece, as they lie in memory. */
static struct str join_argv(struct live_task *task, const struct image *image)
{
    char *p = task->storage;
    size_t n = image->exe.n + 1 + image->args.n;
    if (n > task->size) {
        return image->exe;
    }
    memcpy(p, image->exe.p, image->exe.n);
    p[image->exe.n] = '\0';
    memcpy(p + image->exe.n + 1, image->args.p, image->args.n);
    return str_from(p, n);
}

void live_birth_inherit(struct live_task *task, const struct state *state,
                        const struct thread *parent)
{
    const struct image *image = parent->image;
    task->comm = image->comm;
    task->exepath = image->exepath;
    task->exe_facts = *image;
    task->argv = join_argv(task, image);
    task->cwd = state_cwd(state, parent);
    task->cgroups = parent->cgroups ? parent->cgroups->s : (struct str){ 0 };
    task->loginuid = parent->loginuid;
    task->fdlimit = parent->fdlimit;
    task->vmsize_kb = parent->vmsize_kb;
    task->vmrss_kb = parent->vmrss_kb;
    task->vmswap_kb = parent->vmswap_kb;
    task->pfmajor = parent->pfmajor;
    task->pfminor = parent->pfminor;
    task->tty = parent->tty;
    task->cap_inheritable = parent->cap_inheritable;
    task->cap_permitted = parent->cap_permitted;
    task->cap_effective = parent->cap_effective;
}

static void common_ids(const struct thread *t, struct live_task *ret)
{
    ret->uid = ret->euid = t->uid;
    ret->gid = ret->egid = t->gid;
    ret->sid = t->sid;
    ret->pgid = t->pgid;
    ret->vpgid = t->vpgid;
    ret->pidns_init_start_ns = t->pidns_init_start_ts_ns;
}

void live_birth_ids(const struct thread *t, int64_t child, uint64_t flags, struct live_task *mine,
                    struct live_task *its)
{
    common_ids(t, mine);
    mine->tid = mine->vtid = t->tid;
    mine->pid = mine->vpid = t->pid;
    mine->ptid = t->ptid;
    common_ids(t, its);
    its->tid = its->vtid = child;
    its->pid = its->vpid = flags & CLONE_THREAD ? t->pid : child;
    its->ptid = flags & CLONE_THREAD ? t->ptid : t->pid;
}
